"""What is known of a run: judged from what it has stored and what its hosts show."""
