"""`python -m tests.cluster.images` makes the images and prints the data root that has them."""

from tests.cluster.images.golden import golden

with golden() as root:
    print(root)
