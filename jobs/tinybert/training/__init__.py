"""One training loop, its optimiser, its checkpoints."""
