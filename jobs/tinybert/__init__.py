"""TinyBERT (Jiao et al. 2020, arXiv:1909.10351) on MindSpore: data, teacher and distillation."""
