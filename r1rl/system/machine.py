"""The hardware of this machine (GPU, memory, usual price), found without importing torch where possible."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import resource
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from r1rl.system import distributed

# US dollars per hour on demand in this year: a rough guide, for where --gpu-price is not given. L40S: AWS g6e.xlarge,
# us-east-1, August 2025 (modal.com/blog/nvidia-l40s-price-article).
PRICES_OF = "2025"
USUAL_PRICES = {"T4": 0.5, "A10": 0.75, "L4": 0.8, "L40S": 1.86, "A100": 1.5, "H100": 3.0, "H200": 4.0}

SMI = ["nvidia-smi", "--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits"]
OTHERS_FROM = 0.05  # share of the memory that the driver and this process's own context may use unreported


@dataclass(frozen=True)
class Machine:
    """The hardware that a run uses."""

    gpu: str | None  # name of the first GPU
    gpu_free: int  # bytes
    gpu_total: int  # bytes
    memory_free: int  # bytes
    cores: int
    processor: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields for run.json."""
        return asdict(self)

    def describe(self) -> str:
        """Returns the line for the first screen."""
        if self.gpu:
            return f"{self.gpu}, {self.gpu_free / 2**30:.1f} of {self.gpu_total / 2**30:.1f} GiB free"
        return f"no GPU, {self.cores} CPU cores, {self.memory_free / 2**30:.1f} GiB of memory free"

    def price(self, gpu_price: float | None) -> float | None:
        """Returns US dollars per hour: --gpu-price, else the usual price of the GPU; None if unknown."""
        if gpu_price is not None:
            return gpu_price
        price = None if self.gpu is None else usual_price(self.gpu)
        return None if price is None else price * distributed.size()  # each process has a GPU

    def describe_price(self, gpu_price: float | None) -> str | None:
        """Returns the price and its source; None if it is unknown."""
        price = self.price(gpu_price)
        if price is None:
            return None
        source = "--gpu-price" if gpu_price is not None else f"usual in {PRICES_OF}; set yours with --gpu-price"
        return f"${price:.2f} per hour ({source})"


def usual_price(gpu: str) -> float | None:
    """Returns the usual price of a GPU by its name, US dollars per hour; None for a name that is not in the table.

    >>> usual_price("NVIDIA A100-SXM4-40GB"), usual_price("NVIDIA A10G"), usual_price("NVIDIA L40")
    (1.5, 0.75, None)
    """
    return next((p for name, p in USUAL_PRICES.items() if re.search(rf"\b{name}G?\b", gpu)), None)


def look() -> Machine:
    """Returns this machine. Imports torch only if a CUDA driver is installed."""
    gpu, free, total = gpu_memory() if has_driver() else (None, 0, 0)
    return Machine(gpu, free, total, free_memory(), cores(), platform.machine())


def cores() -> int:
    """Returns the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_memory() -> None:
    """Makes glibc keep freed blocks: a training step on a CPU would otherwise spend its time on page faults."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD: blocks up to 1 GiB come from the heap
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: the heap is rarely given back


def may_refuse_memory() -> bool:
    """Returns whether an allocation may fail here: by a limit (`ulimit -v`), or because Linux does not overcommit."""
    limits = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    if any(resource.getrlimit(which)[0] != resource.RLIM_INFINITY for which in limits):
        return True
    with contextlib.suppress(OSError):  # not Linux
        return Path("/proc/sys/vm/overcommit_memory").read_text(encoding="ascii").strip() == "2"
    return False


def peak_memory() -> int:
    """Returns the largest memory of this process so far, in bytes.

    Linux's getrusage would count the process that started this one, too: execve keeps its maximum.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def has_fast_bfloat16() -> bool:
    """Returns whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX), by its flags."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def has_driver() -> bool:
    """Returns whether a CUDA driver can be loaded; without one torch need not be imported."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def gpu_memory() -> tuple[str | None, int, int]:
    """Returns (name, free bytes, total bytes) of the first GPU, (None, 0, 0) without one."""
    import torch

    if not torch.cuda.is_available():
        return None, 0, 0
    free, total = torch.cuda.mem_get_info(0)
    return torch.cuda.get_device_name(0), free, total


def free_memory() -> int:
    """Returns the bytes of main memory that are available without swapping."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - not a regular file
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def held_by_others(here: Machine) -> str | None:
    """Returns how much of the GPU other processes hold and which ones; None if it is little.

    nvidia-smi may be missing, and does not list processes of other containers: then only the size is known.
    """
    held = here.gpu_total - here.gpu_free
    if here.gpu is None or held < OTHERS_FROM * here.gpu_total:
        return None
    message = f"{held / 2**30:.1f} GiB of the GPU are held by other processes"
    try:
        output = subprocess.run(SMI, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        output = ""
    rows = [[cell.strip() for cell in line.split(",")] for line in output.splitlines()]
    named = [
        f"{name} (process {pid}, {int(mib) / 1024:.1f} GiB)"
        for pid, name, mib in (row for row in rows if len(row) == 3)
        if mib.isdecimal() and pid != str(os.getpid())
    ]
    return f"{message}: {', '.join(named)}" if named else f"{message}, which nvidia-smi does not name"
