"""Google's checkpoints of BERT and ours."""
