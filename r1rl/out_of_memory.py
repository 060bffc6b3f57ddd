"""Tells a lack of memory from other errors, and gives back what can be given back."""

from __future__ import annotations

import gc

SIGNS = (
    "out of memory",  # CUDA, also where a library raises a plain RuntimeError
    "can't allocate memory",  # torch on a CPU
    "cannot allocate memory",
    "bad_alloc",
    "alloc_failed",  # cuBLAS, cuDNN
)


class Stopped(Exception):
    """The engine cannot go on. `guard` names what found it."""

    def __init__(self, guard: str, words: str):
        super().__init__(words)
        self.guard = guard


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is for want of memory: Python's, torch's on a CPU, or the GPU's."""
    if isinstance(error, MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in words for sign in SIGNS)


def free_memory() -> None:
    """Drops what nothing refers to any more, and torch's store of free GPU memory."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
