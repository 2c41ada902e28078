"""The code of `launcher smoke`: it runs in images, and never imports launcher."""
