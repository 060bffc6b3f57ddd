"""Several processes of one run, as torchrun and `accelerate launch` start them: rank, collectives, errors.

Each process runs the whole program. It knows all prompts, rollouts and rewards of a step, and so makes the same decisions.
Slow work is divided by `share`. The launcher's variables are removed from the environment: libraries see one process with
one GPU, so that none of them wraps the model, divides the data or waits for a process in another part of the program.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from r1rl.system.errors import RunFailed, UserError
from r1rl.system.out_of_memory import CannotGoOn

T = TypeVar("T")

JOIN = timedelta(minutes=5)  # within which all processes must connect
# A process that dies closes its connections, which the others notice at once. A slow one may be rewarding or saving.
LONGEST = timedelta(hours=24)
LEAVE = 20.0  # seconds: a launcher ends all processes once one has failed, so the others let the first one report

OTHER_FRAMEWORKS = (
    "For a model whose weights must be spread over several GPUs, see docs/more-gpus.md: other frameworks do this, and "
    "take this data and this recipe."
)
# What a launcher can ask of accelerate, by variable. None of it works with an engine next to the trainer.
SPREAD = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism config",
}
LAUNCHER_VARIABLES = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK", "ROLE_NAME",
    "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip


@dataclass
class World:
    """The processes of the run as this one sees them."""

    rank: int = 0
    size: int = 1
    group: Any = None  # torch's ProcessGroupGloo
    store: Any = None  # torch's Store
    gpu_group: Any = None  # torch's ProcessGroupNCCL, see gradients.py


_world = World()


def rank() -> int:
    """Returns the number of this process, from 0."""
    return _world.rank


def size() -> int:
    """Returns the number of processes."""
    return _world.size


def is_first() -> bool:
    """Returns whether this is the process that writes files and prints."""
    return _world.rank == 0


def rank_suffix() -> str:
    """Returns the end of names that differ by process: "" for the first, "-1" for the second and so on."""
    return "" if is_first() else f"-{rank()}"


def describe() -> str:
    """Returns ", N processes" for the first screen, "" for one process."""
    return "" if size() == 1 else f", {size()} processes"


# ---- start and end


def start() -> None:
    """Connects the processes of a launcher; does nothing without one. Raises UserError."""
    check_launcher()
    if "RANK" not in os.environ:
        return
    _world.rank, _world.size = int(os.environ["RANK"]), int(os.environ.get("WORLD_SIZE", "1"))
    if size() > 1:
        join()
        select_gpu(int(os.environ.get("LOCAL_RANK", rank())))  # before torch looks for GPUs
    if not is_first():
        # vLLM keeps compiled code there and does not expect another process to do the same.
        os.environ.setdefault("VLLM_CACHE_ROOT", str(Path.home() / ".cache" / f"vllm{rank_suffix()}"))
    for name in list(os.environ):
        if name in LAUNCHER_VARIABLES or name.startswith(("TORCHELASTIC_", "ACCELERATE_")):
            del os.environ[name]


def check_launcher() -> None:
    """Raises UserError if a launcher asks for something that is not supported."""
    for name, feature in SPREAD.items():
        if os.environ.get(name, "false").lower() in ("true", "1"):
            raise UserError(
                f"accelerate's config asks for {feature} ({name}), which is not supported: each process holds the whole "
                "model, because its engine samples with the weights that are trained. Use a config with distributed_type "
                f"MULTI_GPU, or torchrun --nproc-per-node N main.py. {OTHER_FRAMEWORKS}"
            )
    cpu = os.environ.get("ACCELERATE_USE_CPU") == "True"
    if cpu and "MASTER_PORT" in os.environ and "RANK" not in os.environ:
        raise UserError(
            "accelerate launch --cpu was asked for several processes and started one: its launcher for CPUs needs mpirun "
            "for that. Use torchrun --nproc-per-node N main.py with the same flags."
        )


def select_gpu(local: int) -> None:
    """Makes one GPU the only one that this process sees, so that it is GPU 0 for every library. Raises UserError."""
    visible = [c for c in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if c]
    if visible and local >= len(visible):
        raise UserError(
            f"process {rank()} has no GPU: its number on this machine is {local}, and CUDA_VISIBLE_DEVICES names "
            f"{len(visible)}. Each process needs one; start as many processes as there are GPUs."
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[local] if visible else str(local)


def join() -> None:
    """Connects the processes. Not by torch's default group: libraries that find one use it. Raises RunFailed."""
    from torch import distributed

    try:
        _world.store, _, _ = next(distributed.rendezvous("env://", timeout=JOIN))
        _world.store.set_timeout(JOIN)
        _world.group = distributed.ProcessGroupGloo(store("gloo"), rank(), size(), timeout=LONGEST)
    except (RuntimeError, ValueError) as error:
        raise RunFailed(
            f"process {rank()} of {size()} did not find the others at MASTER_ADDR "
            f"{os.environ.get('MASTER_ADDR')!r}, MASTER_PORT {os.environ.get('MASTER_PORT')!r}: "
            f"{first_line(error)[:200]}. Start them with torchrun or accelerate launch."
        ) from error


def reports_errors() -> bool:
    """Returns whether this process prints the error that ends the run; the first process to fail does."""
    if _world.store is None:
        return is_first()
    try:
        return _world.store.add("r1rl/spoken", 1) == 1
    except RuntimeError:  # the process that holds the store has reported and ended
        return is_first()


def leave() -> None:
    """Ends this process's part: releases the others, and waits a moment for the first one to leave."""
    if _world.group is None:
        return
    if _world.gpu_group is not None:
        _world.gpu_group.abort()  # does not wait for the others
    _world.group = _world.gpu_group = None  # wakes the processes that wait for this one
    try:
        if is_first():
            _world.store.set("r1rl/left", "1")
        else:
            until = time.monotonic() + LEAVE
            while not _world.store.check(["r1rl/left"]) and time.monotonic() < until:
                time.sleep(0.05)
    except (RuntimeError, KeyboardInterrupt):  # the first one has ended, or this one must
        pass


# ---- work and results


def share(count: int, unit: int = 1) -> slice:
    """Returns this process's part of `count` items: neighbours, evenly divided; `unit` of them always stay together."""
    units = -(-count // unit)
    start, stop = (min(count, units * n // size() * unit) for n in (rank(), rank() + 1))
    return slice(start, stop)


def run_on_all(function: Callable[[], T]) -> list[T]:
    """Returns what the call returns in each process, by rank. If it raises in one of them, all raise."""
    if size() == 1:
        return [function()]
    try:
        outcome = (function(), None)
    except (UserError, CannotGoOn) as error:
        outcome = (None, error)
    except Exception as error:
        reason = first_line(error)[:300]
        all_gather((None, RunFailed(f"process {rank()} failed with {type(error).__name__}: {reason}")))
        raise
    outcomes = all_gather(outcome)
    for _, error in outcomes:
        if error is not None:
            raise error
    return [result for result, _ in outcomes]


def on_first(function: Callable[[], T]) -> T:
    """Calls the function in the first process alone; returns its result in all of them."""
    return run_on_all(function if is_first() else lambda: None)[0]  # type: ignore[return-value]


def map_sharded(function: Callable[[slice], list[T]], count: int, unit: int = 1) -> list[T]:
    """Returns what `function` returns for all of `count` items; each process calls it for its share."""
    part = share(count, unit)
    return [x for results in run_on_all(lambda: function(part) if part.stop > part.start else []) for x in results]


def all_gather(item: T) -> list[T]:
    """Returns the item of each process, by rank."""
    if size() == 1:
        return [item]
    import torch

    raw = torch.frombuffer(bytearray(pickle.dumps(item)), dtype=torch.uint8)
    lengths = [int(n) for n in gather_tensors(torch.tensor([len(raw)]))]
    padded = torch.zeros(max(lengths), dtype=torch.uint8)
    padded[: len(raw)] = raw
    return [pickle.loads(part[:n].numpy().tobytes()) for part, n in zip(gather_tensors(padded), lengths)]


def gather_tensors(tensor) -> list:
    """Returns the tensor of each process, by rank; all have one shape."""
    import torch

    tensors = [torch.empty_like(tensor) for _ in range(size())]
    wait(lambda: _world.group.allgather([tensors], [tensor]))
    return tensors


def wait(begin: Callable[[], Any]) -> None:
    """Starts a collective operation and waits for its end. Raises RunFailed if another process has ended."""
    with needs_all():
        begin().wait()


@contextlib.contextmanager
def needs_all() -> Iterator[None]:
    """Turns the failure of a collective operation into RunFailed: another process has ended."""
    try:
        yield
    except RuntimeError as error:
        raise RunFailed(
            f"another process of the run has ended, so this one ends, too ({first_line(error)[:200]}). Its error message is "
            "in the run's folder logs, if it wrote one"
        ) from error


def group(on_gpu: bool = False):
    """Returns the processes as torch's ProcessGroupGloo, or `on_gpu` as its ProcessGroupNCCL; None if there is none."""
    return _world.gpu_group if on_gpu else _world.group


def use_on_gpu(gpu_group) -> None:
    """Sets the group that sums tensors on GPUs."""
    _world.gpu_group = gpu_group


def store(name: str):
    """Returns torch's Store that all processes share, under a name of its own."""
    from torch import distributed

    return distributed.PrefixStore(f"r1rl/{name}", _world.store)


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message, "" if it has none."""
    return "".join(str(error).strip().splitlines()[:1])


# ---- tensors


def broadcast(tensors: Iterable) -> None:
    """Gives each tensor the values of the first process, in place."""
    if size() == 1:
        return
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        wait(lambda values=values: _world.group.broadcast(values, 0))
        tensor.data.copy_(values)
