"""Start distributed training jobs as containers, one per NPU, on hosts reachable over SSH."""

__version__ = "0.1.0"
