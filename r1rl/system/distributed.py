"""Several processes, as torchrun and `accelerate launch` start them: which one this is, and what they tell each other.

Each process runs the whole program: it knows all prompts, rollouts and rewards of a step, and so decides the same. What takes
long is shared out by `share`. The libraries are told nothing of the other processes: for them there is one, with one card, so
that nothing of theirs wraps the model, deals out the data or waits for a process that is in another part of the program.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from r1rl.system.errors import RunFailed, UserError
from r1rl.system.out_of_memory import CannotGoOn

T = TypeVar("T")

JOIN = timedelta(minutes=5)  # in which all processes must be there

# A process that dies closes its connections, which is noticed at once. One that is slow may be: it rates, it saves.
LONGEST = timedelta(hours=24)

LEAVE = 20.0  # seconds; when one process has failed a launcher ends all, and the first one shall have spoken

BUCKET = 2**24  # numbers that are added up at once: 64 MiB

NOTHING_SHARED = (
    "For a model that needs its weights spread over several cards, see docs/more-gpus.md: frameworks made for that take "
    "this data and this recipe."
)

# What a launcher asks of accelerate, by the variable that tells; none of it works with an engine beside the trainer.
SPREAD = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism config",
}

OF_LAUNCHERS = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK", "ROLE_NAME",
    "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip


@dataclass
class Place:
    """This process among the others."""

    rank: int = 0
    size: int = 1
    group: Any = None  # torch's ProcessGroupGloo
    store: Any = None  # torch's Store


_here = Place()


def rank() -> int:
    """The number of this process, from 0."""
    return _here.rank


def size() -> int:
    """How many processes there are."""
    return _here.size


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return _here.rank == 0


def rank_suffix() -> str:
    """For names of what each process has of its own: nothing for the first one, then "-1" and so on."""
    return "" if is_first() else f"-{rank()}"


def describe() -> str:
    """For the first screen: nothing, or how many processes there are."""
    return "" if size() == 1 else f", {size()} processes"


# ---- beginning and end


def start() -> None:
    """Joins the processes of a launcher; without one there is nothing to do. Raises UserError."""
    check_launcher()
    if "RANK" not in os.environ:
        return
    _here.rank, _here.size = int(os.environ["RANK"]), int(os.environ.get("WORLD_SIZE", "1"))
    if size() > 1:
        join()
        select_gpu(int(os.environ.get("LOCAL_RANK", rank())))  # torch looks for cards later
    if not is_first():
        # vLLM keeps there what it compiles, and knows nothing of another process that does the same.
        os.environ.setdefault("VLLM_CACHE_ROOT", str(Path.home() / ".cache" / f"vllm{rank_suffix()}"))
    for name in list(os.environ):
        if name in OF_LAUNCHERS or name.startswith(("TORCHELASTIC_", "ACCELERATE_")):
            del os.environ[name]


def check_launcher() -> None:
    """Raises UserError for what a launcher asks for and cannot be had here."""
    for name, words in SPREAD.items():
        if os.environ.get(name, "false").lower() in ("true", "1"):
            raise UserError(
                f"accelerate's config asks for {words} ({name}): here each process has the whole model, because its engine "
                "samples with the weights that are trained. Use a config with distributed_type MULTI_GPU, or torchrun "
                f"--nproc-per-node N main.py. {NOTHING_SHARED}"
            )
    if os.environ.get("ACCELERATE_USE_CPU") == "True" and {"MASTER_PORT", "RANK"} & {*os.environ} == {
        "MASTER_PORT"
    }:
        raise UserError(
            "accelerate launch --cpu was asked for several processes and has started one: its launcher for CPUs leaves "
            "that to mpirun. Use torchrun --nproc-per-node N main.py with the same flags."
        )


def select_gpu(local: int) -> None:
    """Makes one card the only one that this process sees, so that it is card 0 for every library."""
    seen = [c for c in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if c]
    if seen and local >= len(seen):
        raise UserError(
            f"process {rank()} has no GPU of its own: it is number {local} on its machine, and CUDA_VISIBLE_DEVICES names "
            f"{len(seen)}. Start as many processes as there are GPUs."
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = seen[local] if seen else str(local)


def join() -> None:
    """Connects the processes. Not torch's default group: a library that finds one takes itself for a part of it."""
    from torch import distributed

    try:
        _here.store, _, _ = next(distributed.rendezvous("env://", timeout=JOIN))
        _here.store.set_timeout(JOIN)
        store = distributed.PrefixStore("r1rl", _here.store)
        _here.group = distributed.ProcessGroupGloo(store, rank(), size(), timeout=LONGEST)
    except (RuntimeError, ValueError) as error:
        raise RunFailed(
            f"process {rank()} of {size()} did not find the others at MASTER_ADDR "
            f"{os.environ.get('MASTER_ADDR')!r}, MASTER_PORT {os.environ.get('MASTER_PORT')!r}: "
            f"{str(error).strip().splitlines()[0][:200]}. Start them with torchrun or accelerate launch."
        ) from error


def reports_errors() -> bool:
    """Whether an error may be told: what ends all processes is told by the one that knows it first."""
    if _here.store is None:
        return is_first()
    try:
        return _here.store.add("r1rl/spoken", 1) == 1
    except RuntimeError:  # the store has gone with the process that spoke
        return is_first()


def leave() -> None:
    """At the end of the program: lets the others go on, and waits a moment until the first one has left."""
    if _here.group is None:
        return
    _here.group = None  # whoever waits for this process is woken
    try:
        if is_first():
            _here.store.set("r1rl/left", "1")
        else:
            until = time.monotonic() + LEAVE
            while not _here.store.check(["r1rl/left"]) and time.monotonic() < until:
                time.sleep(0.05)
    except (RuntimeError, KeyboardInterrupt):  # it has left, or we are to
        pass


# ---- sharing out


def share(count: int, unit: int = 1) -> slice:
    """Which of `count` things are this process's: neighbours, evenly; `unit` of them always stay together."""
    units = -(-count // unit)
    start, stop = (min(count, units * n // size() * unit) for n in (rank(), rank() + 1))
    return slice(start, stop)


def run_on_all(act: Callable[[], T]) -> list[T]:
    """What each process's call gives, in their order. Where one of them raises, all do."""
    if size() == 1:
        return [act()]
    try:
        told = (act(), None)
    except (UserError, CannotGoOn) as error:
        told = (None, error)
    except Exception as error:
        all_gather((None, broken(error)))
        raise
    found = all_gather(told)
    for _, error in found:
        if error is not None:
            raise error
    return [result for result, _ in found]


def broken(error: Exception) -> RunFailed:
    """What the other processes raise for a fault of the program in this one."""
    first = str(error).strip().splitlines()[:1]
    return RunFailed(f"process {rank()} broke off with {type(error).__name__}: {''.join(first)[:300]}")


def on_first(act: Callable[[], T]) -> T:
    """What the call gives in the first process, in all of them; the others do not make it."""
    return run_on_all(act if is_first() else lambda: None)[0]  # type: ignore[return-value]


def map_sharded(act: Callable[[slice], list[T]], count: int, unit: int = 1) -> list[T]:
    """What `act` gives for all of `count` things: each process calls it for its share."""
    own = share(count, unit)
    return [x for part in run_on_all(lambda: act(own) if own.stop > own.start else []) for x in part]


def all_gather(thing: T) -> list[T]:
    """What each process has, in their order."""
    if size() == 1:
        return [thing]
    import torch

    raw = torch.frombuffer(bytearray(pickle.dumps(thing)), dtype=torch.uint8)
    lengths = [int(n) for n in all_of(torch.tensor([len(raw)]))]
    padded = torch.zeros(max(lengths), dtype=torch.uint8)
    padded[: len(raw)] = raw
    return [pickle.loads(part[:n].numpy().tobytes()) for part, n in zip(all_of(padded), lengths)]


def all_of(tensor) -> list:
    """The tensors of this shape that the processes have, in their order."""
    import torch

    found = [torch.empty_like(tensor) for _ in range(size())]
    wait(lambda: _here.group.allgather([found], [tensor]))
    return found


def wait(begin: Callable[[], Any]) -> None:
    """Waits for what all processes do together. Raises RunFailed where one of them has ended."""
    try:
        begin().wait()
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise RunFailed(
            f"another process of the run has ended, so this one ends, too ({first[:200]}); its own words are in the run's "
            "folder logs, if it had any"
        ) from error


# ---- tensors


def broadcast(tensors: Iterable) -> None:
    """Gives each tensor the values that it has in the first process."""
    if size() == 1:
        return
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        wait(lambda values=values: _here.group.broadcast(values, 0))
        tensor.data.copy_(values)


def all_reduce_gradients(parameters: Sequence) -> None:
    """Adds up the gradients of all processes. One that no process has stays away: an optimizer leaves its weight alone."""
    if size() == 1:
        return
    import torch

    has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32)
    wait(lambda: _here.group.allreduce([has]))
    bucket: list = []
    for parameter in (p for p, count in zip(parameters, has.tolist()) if count):
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        bucket.append(parameter.grad)
        if sum(g.numel() for g in bucket) >= BUCKET:
            all_reduce(bucket)
            bucket = []
    if bucket:
        all_reduce(bucket)


def all_reduce(tensors: Sequence) -> None:
    """Adds up these tensors, in place; in float32 on the CPU, wherever they are."""
    import torch

    flat = torch.cat([t.detach().float().cpu().reshape(-1) for t in tensors])  # (N,)
    wait(lambda: _here.group.allreduce([flat]))
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors])):
        tensor.copy_(part.view_as(tensor))
