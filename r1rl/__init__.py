"""R1-Zero-like reinforcement learning that one person can run on one GPU in an afternoon."""

__version__ = "0.1.0"
