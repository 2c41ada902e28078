"""BERT and its parts, with the losses of distillation."""
