"""Facts about this machine and its installation, each found in a way that survives a broken one; imports no model library."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1rl.models.source import hub_answers, hub_cache, hub_endpoint, hub_home, is_offline
from r1rl.system import machine
from r1rl.system.redact import SECRET_NAME

ROOT = Path(__file__).parents[2]
SMI = ["nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader"]
SMI_SECONDS, TORCH_SECONDS, IMPORT_SECONDS = 10, 120, 300
NVIDIA, DISPLAY = "0x10de", "0x03"  # PCI vendor; the class of display controllers begins so
VARIABLES = re.compile(
    r"(CUDA|NVIDIA|NCCL|PYTORCH|TORCH|TRITON|VLLM|UNSLOTH|R1RL|HF|TRANSFORMERS|OMP|MKL|MALLOC)_|"
    r"(HTTPS?|ALL|NO)_PROXY$|(LD_LIBRARY_PATH|PYTHONPATH|PYTHONUTF8|LC_ALL|LANG)$",
    re.IGNORECASE,
)  # that change what a run does


# ---- the GPU


@dataclass(frozen=True)
class Driver:
    """What the operating system knows about NVIDIA cards."""

    library: bool = False  # libcuda.so.1 can be loaded
    kernel: bool = False  # its kernel module is loaded
    on_bus: int = 0  # cards on the PCI bus
    version: str | None = None  # by nvidia-smi
    cards: tuple[str, ...] = ()  # names, by nvidia-smi
    problem: str | None = None  # why nvidia-smi shows none


def driver() -> Driver:
    """Returns the driver, as the kernel, the linker and nvidia-smi see it."""
    kernel = Path("/proc/driver/nvidia/version").exists()
    try:
        done = subprocess.run(SMI, capture_output=True, text=True, timeout=SMI_SECONDS)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        problem = None if done.returncode == 0 else (lines or [*done.stderr.splitlines(), "it failed"])[0]
    except FileNotFoundError:
        lines, problem = [], "it is not installed"
    except (OSError, subprocess.SubprocessError) as error:
        lines, problem = [], f"{type(error).__name__}: {error}"
    rows = [] if problem else [line.split(", ", 1) for line in lines if ", " in line]
    version = rows[0][0] if rows else None
    return Driver(machine.has_driver(), kernel, on_bus(), version, tuple(row[1] for row in rows), problem)


def on_bus() -> int:
    """Returns the number of NVIDIA display controllers on the PCI bus."""

    def read(path: Path) -> str:
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError:
            return ""

    devices = Path("/sys/bus/pci/devices").glob("*")
    return sum(read(d / "vendor") == NVIDIA and read(d / "class").startswith(DISPLAY) for d in devices)


@dataclass(frozen=True)
class Card:
    """A card as torch sees it."""

    name: str
    capability: tuple[int, int]
    free: int  # bytes
    total: int  # bytes


@dataclass(frozen=True)
class Torch:
    """What torch says about CUDA."""

    cuda: str | None = None  # the CUDA version that it was built for; None: a CPU build
    cards: tuple[Card, ...] = ()
    kernels: tuple[str, ...] = ()  # architectures that it was compiled for, as "sm_86"
    problem: str | None = None  # why it cannot use the first card


# Runs in a process of its own, because a broken CUDA can crash or hang. The product finds missing kernels.
ASK_TORCH = """
import json, torch
cuda, cards, kernels, problem = torch.version.cuda, [], [], None
try:
    torch.cuda.init()
    for i in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(i)
        cards.append([torch.cuda.get_device_name(i), list(torch.cuda.get_device_capability(i)), free, total])
    kernels = torch.cuda.get_arch_list()
    a = torch.ones(16, 16, device="cuda", dtype=torch.float16)
    assert float((a @ a).sum()) == 4096, "a product of two matrices is wrong"
except Exception as error:
    problem = str(error) or type(error).__name__
print("\\n" + json.dumps([cuda, cards, kernels, problem]))
"""


def ask_torch() -> Torch:
    """Imports torch in a process of its own, takes seconds, and returns what it finds."""
    try:
        done = run_python(ASK_TORCH, TORCH_SECONDS)
    except subprocess.TimeoutExpired:
        return Torch(torch_build(), problem=f"no answer in {TORCH_SECONDS} s")
    try:
        cuda, cards, kernels, problem = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return Torch(torch_build(), problem=last_line(done))
    found = tuple(Card(name, tuple(capability), free, total) for name, capability, free, total in cards)
    return Torch(cuda, found, tuple(kernels), problem and problem.strip().splitlines()[0])


def run_python(code: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs Python code in its own process. Raises TimeoutExpired."""
    command = [sys.executable, "-P", "-c", code]  # -P: files in the current folder do not hide Python's modules
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=seconds
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Returns the last line of a failed process's messages, or how it ended."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines and done.returncode > 0 else f"its process ended with {done.returncode}"


# ---- packages


def version(package: str) -> str | None:
    """Returns a package's installed version, without a build's suffix; None if it is not installed."""
    try:
        found = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    return found.partition("+")[0]


def requires(package: str) -> list[str]:
    """Returns an installed package's requirements, as written in its metadata."""
    try:
        return importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def own_requirements() -> tuple[list[str], list[str]]:
    """Returns (what every run needs, the pins of the GPU and CPU stacks): r1rl's own requirements.

    They are read from setup.py and requirements/ in a checkout, else from the installed package.
    """
    setup = ROOT / "setup.py"
    if not setup.is_file():
        lines = [(line.partition(";")[0], line.partition(";")[2]) for line in requires("r1rl")]
        return [r for r, condition in lines if not condition], [r for r, condition in lines if "gpu" in condition]
    lists = {}
    for node in ast.parse(setup.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            lists[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    files = sorted((ROOT / "requirements").glob("*.txt"))
    pins = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if "==" in line]
    return lists["REQUIRED"], [*lists["GPU"], *(line for line in pins if not line.startswith("#"))]


def build(package: str) -> str | None:
    """Returns what a package is built for, by the suffix of its version.py: "cu130", "cpu"; None if that says nothing."""
    text = version_file(package)
    found = re.search(r"__version__\s*=\s*['\"][^'\"+]*\+([\w.]+)", text)
    return found[1] if found else None


def torch_build() -> str | None:
    """Returns the CUDA version that torch was built for, without importing it; None for a CPU build."""
    found = re.search(r"^cuda\b[^=]*=\s*['\"]([\d.]+)", version_file("torch"), flags=re.MULTILINE)
    return found[1] if found else None


def version_file(package: str) -> str:
    """Returns the text of a package's version.py; empty if there is none."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / "version.py"
        if file.is_file():
            return file.read_text(encoding="utf-8", errors="replace")
    return ""


def import_error(package: str) -> str | None:
    """Imports a package in a process of its own; returns the last line of its error, None without one."""
    try:
        done = run_python(f"import {package}", IMPORT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not imported in {IMPORT_SECONDS} s"
    return last_line(done) if done.returncode else None


# ---- surroundings


@dataclass(frozen=True)
class Hub:
    """The model hub."""

    endpoint: str
    offline: str | None  # the variable that keeps r1rl from asking it
    answers: bool
    token: str | None  # where a token is, never the token


def hub() -> Hub:
    """Asks the hub for a connection, for a second at most, and looks for a token without reading it."""
    offline = "HF_HUB_OFFLINE" if is_offline() else None
    return Hub(hub_endpoint(), offline, hub_answers(), token(os.environ))


def token(environment: Mapping[str, str]) -> str | None:
    """Returns where the hub's token is: the name of a variable, or a file; None without one."""
    named = next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if environment.get(name)), None)
    file = Path(environment.get("HF_TOKEN_PATH", hub_home(environment) / "token")).expanduser()
    return named or (str(file) if file.is_file() and file.stat().st_size else None)


@dataclass(frozen=True)
class Disk:
    """A folder that a run writes to."""

    what: str
    folder: str
    free: int  # bytes
    writable: bool


def disks() -> tuple[Disk, ...]:
    """Returns the folders for runs and for downloaded models; of one that does not exist, the nearest that does."""
    found = []
    for what, folder in (("runs", Path("dumps")), ("models", hub_cache())):
        there = next(p for p in (folder.resolve(), *folder.resolve().parents) if p.is_dir())
        found.append(Disk(what, str(folder), shutil.disk_usage(there).free, os.access(there, os.W_OK)))
    return tuple(found)


def memory_limit() -> int | None:
    """Returns the bytes that the container may still use, by its control group; None without a limit."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None


def variables() -> dict[str, str]:
    """Returns the environment variables that change what a run does; of secrets only that they are set."""
    chosen = {name: value for name, value in sorted(os.environ.items()) if VARIABLES.match(name) and value}
    return {name: "(set)" if SECRET_NAME.search(name) else value for name, value in chosen.items()}


# ---- all of them


@dataclass(frozen=True)
class Facts:
    """All facts that the doctor judges."""

    here: machine.Machine
    driver: Driver
    torch: Torch
    hub: Hub
    disks: tuple[Disk, ...]
    memory_limit: int | None
    variables: dict[str, str]
    imports: dict[str, str | None] = field(default_factory=dict)  # package: its error


def gather(tell: Any, imports: tuple[str, ...] = ()) -> Facts:
    """Returns all facts; `tell` is called before what takes seconds; each of `imports` is imported, too."""
    tell("looking for the driver")
    found = driver()
    if found.library and version("torch") is not None:
        tell("asking torch for the GPU (up to two minutes)")
        said = ask_torch()
    else:
        said = Torch(torch_build())
    card = said.cards[0] if said.cards else None
    name, free, total = (card.name, card.free, card.total) if card else (None, 0, 0)
    here = machine.Machine(name, free, total, machine.free_memory(), machine.cores(), platform.machine())
    tell("asking the hub for a connection")
    asked = hub()
    errors = {}
    for package in imports:
        if importlib.util.find_spec(package) is not None:
            tell(f"importing {package}")
            errors[package] = import_error(package)
    return Facts(here, found, said, asked, disks(), memory_limit(), variables(), errors)
