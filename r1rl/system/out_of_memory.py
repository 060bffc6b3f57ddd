"""Tells a lack of memory from other errors, and gives back what can be given back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re

NO_KERNEL = "could not create a primitive"  # oneDNN, which does not say why

SIGNS = (
    "out of memory",  # CUDA, also where a library raises a plain RuntimeError
    "can't allocate memory",  # torch on a CPU
    "cannot allocate memory",
    "bad_alloc",
    NO_KERNEL,
    "alloc_failed",  # cuBLAS, cuDNN
)

ASKED = re.compile(r"tried to allocate ([\d.]+) (bytes|KiB|MiB|GiB)", re.IGNORECASE)  # torch, CPU and CUDA


class CannotGoOn(Exception):
    """The engine cannot go on. `guard` names what found it."""

    def __init__(self, guard: str, words: str):
        super().__init__(words)
        self.guard = guard

    def __reduce__(self):
        return type(self), (self.guard, str(self))  # it goes to the other processes


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is for want of memory: Python's, torch's on a CPU, or the GPU's."""
    if isinstance(error, MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in words for sign in SIGNS)


def without_onednn(error: BaseException) -> None:
    """Once oneDNN was refused the memory for a kernel it never makes one again: torch's own kernels take over, which are slower."""
    import torch

    if NO_KERNEL in str(error):
        torch.backends.mkldnn.set_flags(_enabled=False)


def asked_for(error: BaseException) -> str:
    """What could not be had, in words.

    >>> asked_for(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1610612736 bytes."))
    '1.50 GiB more were asked for'
    """
    found = ASKED.search(str(error))
    if found is None:
        return type(error).__name__
    units = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}
    mib = float(found[1]) * units[found[2].lower()] / 2**20
    return f"{mib:.3g} MiB more were asked for" if mib < 1000 else f"{mib / 1024:.2f} GiB more were asked for"


def free_memory() -> None:
    """Drops what nothing refers to any more, and torch's store of free GPU memory."""
    import torch

    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)  # machine.keep_memory has told glibc not to do that by itself
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
