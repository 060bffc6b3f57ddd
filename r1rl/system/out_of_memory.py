"""Recognises out-of-memory errors, and frees memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re

NO_KERNEL = "could not create a primitive"  # oneDNN, which does not name the reason
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
    """The engine cannot continue. `guard` names the guard that found it."""

    def __init__(self, guard: str, reason: str):
        super().__init__(reason)
        self.guard = guard

    def __reduce__(self):
        return type(self), (self.guard, str(self))  # for pickle: it is sent to the other processes


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error means that memory ran out: Python's, torch's on a CPU, or the GPU's."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def without_onednn(error: BaseException) -> None:
    """Turns oneDNN off after it had no memory for a kernel, as it never recovers; torch's own kernels are slower."""
    import torch

    if NO_KERNEL in str(error):
        torch.backends.mkldnn.set_flags(_enabled=False)


def asked_for(error: BaseException) -> str:
    """Returns how much memory an error says was missing, else the error's type.

    >>> asked_for(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1610612736 bytes."))
    '1.50 GiB more were needed'
    """
    found = ASKED.search(str(error))
    if found is None:
        return type(error).__name__
    units = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}
    mib = float(found[1]) * units[found[2].lower()] / 2**20
    return f"{mib:.3g} MiB more were needed" if mib < 1000 else f"{mib / 1024:.2f} GiB more were needed"


def free_memory() -> None:
    """Frees unreferenced objects, the heap, and torch's cache of GPU memory."""
    import torch

    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)  # machine.keep_memory turned off automatic trimming
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
