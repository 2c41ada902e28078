"""What a run claims on its hosts: the lease of its supervisor, and the locks of its devices."""
