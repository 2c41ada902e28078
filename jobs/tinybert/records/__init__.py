"""Pretraining records: made, written, read, put into batches."""
