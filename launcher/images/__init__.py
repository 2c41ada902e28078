"""Images: what they are, which host has them, how they are built and get to the others."""
