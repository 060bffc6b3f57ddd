"""The rows of the step benchmark: separate processes that do one thing per request.

They are separate because Unsloth patches TRL for a whole process and vLLM changes its threads. An idle row waits on a pipe
and costs nothing.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import itertools
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOREVER = 10**6  # steps: a row is terminated by its parent
PATIENCE = 20.0  # seconds after which the parent says that it waits
CYCLE = 4  # steps after which the prompts repeat
UNSLOTH_ON_CPU = "TRL's own trainer runs on a CPU only with Unsloth imported"


@dataclass(frozen=True)
class Setup:
    """Settings that all rows of a table share."""

    folder: str  # temporary
    model: str = "tiny"  # a name that Config knows, or a folder
    recipe: str = "tiny"  # whose settings hold unless the table has its own
    prompts: int = 8
    group: int = 8  # completions per prompt
    tokens: int = 128  # the longest completion
    gpu: bool = False
    passes: int = 1  # forward and backward passes per step
    memory_share: float = 0.5  # share of the GPU memory for an engine
    bfloat16: bool = False  # the rows that are not ours compute in bfloat16 on a CPU, too
    flags: dict[str, Any] = field(default_factory=dict)  # other fields of Config, for our rows

    @property
    def completions(self) -> int:
        """Completions per step."""
        return self.prompts * self.group

    @property
    def dtype(self) -> str:
        """The precision of the rows that are not ours."""
        return "bfloat16" if self.gpu or self.bfloat16 else "float32"


class RowFailed(Exception):
    """A row's process ended or failed to answer a request."""


class Row:
    """The parent's side of a row: starts its process, sends requests and reads answers."""

    def __init__(
        self, role: str, setup: Setup, timeout: float = 1800.0, waiting: Callable[[float], None] = lambda seconds: None
    ):
        """`waiting` is called every PATIENCE seconds of an answer that takes longer, with the seconds so far."""
        self.role, self.timeout, self.waiting = role, timeout, waiting
        self.log = Path(setup.folder) / f"{role.replace(' ', '-')}.log"
        self.pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=run_row, args=(role, setup, theirs, str(self.log))
        )
        start = time.perf_counter()
        self.process.start()
        theirs.close()
        self.about = self.read()  # the row's description, sent when it is ready
        self.seconds_to_start = time.perf_counter() - start

    def ask(self, what: str, *arguments: Any) -> Any:
        """Sends a request to the row's process and returns its numbers."""
        self.pipe.send((what, *arguments))
        return self.read()

    def read(self) -> Any:
        """Returns the next answer. Raises RowFailed with the end of the row's log."""
        waited = 0.0
        try:
            while not self.pipe.poll(PATIENCE):
                waited += PATIENCE
                if waited >= self.timeout:
                    raise EOFError(f"no answer in {self.timeout:.0f} s")
                self.waiting(waited)
            kind, value = self.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            kind, value = "error", f"its process ended {error}"
        if kind == "error":
            tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
            self.close()
            raise RowFailed(f"row {self.role!r}: {value}\n--- end of its log\n{tail}")
        return value

    def close(self) -> None:
        """Terminates the process."""
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def run_row(role: str, setup: Setup, pipe, log: str) -> None:
    """Runs in the row's process, with the output of libraries in a file."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout.reconfigure(line_buffering=True)
    os.chdir(setup.folder)  # Unsloth and TRL write into the current folder
    try:
        module, name, arguments = ROLES[role]
        getattr(importlib.import_module(module), name)(setup, pipe, **arguments)
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone
    except BaseException as error:
        traceback.print_exc()
        pipe.send(("error", f"{type(error).__name__}: {error}"))
    os._exit(0)  # an engine's own threads would keep the process alive


def serve(pipe, about: dict[str, Any], actions: dict[str, Any]) -> None:
    """Answers requests until the pipe closes."""
    pipe.send(("ready", about))
    while True:
        what, *arguments = pipe.recv()
        pipe.send(("done", actions[what](*arguments)))


def missing(packages: Sequence[str]) -> str:
    """Returns which packages a row lacks, as text; empty if none."""
    lacking = [p for p in packages if importlib.util.find_spec(p) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else ""


# ---- shared by all rows


def our_config(setup: Setup, name: str, **flags: Any):
    """Returns our Config for this table; `flags` override the table's settings."""
    from r1rl.config.flags import Config
    from r1rl.config.recipes import overrides

    own = {
        "mode": "rl",
        "add_reasoning_prefix": setup.recipe == "tiny",
        "model_name": setup.model,
        "unsloth": setup.gpu,
        "per_device_train_batch_size": setup.completions // setup.passes,
        "gradient_accumulation_steps": setup.passes,
        "num_generations": setup.group,
        "max_completion_length": setup.tokens,
        "max_seq_length": max(1024, 512 + setup.tokens),
        "gpu_memory_utilization": setup.memory_share,
        "learning_rate": 1e-6,  # the rewards are fake, and random weights are sensitive
        "eval_on_start": False,
        "eval_steps": FOREVER,
        "save_steps": FOREVER,
        "max_steps": FOREVER,
        "dumps": setup.folder,
        "exp_name": name,
    }
    return Config(**{**overrides(setup.recipe), **own, **setup.flags, **flags})


def prompts_of_one_length(config, tokenizer, count: int):
    """Returns training prompts of the most frequent length, so that every draw is the same amount of work."""
    from collections import Counter

    from r1rl.tasks.prompts import Builder
    from r1rl.tasks.word_problems import WordProblems

    build = Builder(tokenizer, config)
    prompts = build(WordProblems(config.seed).load("train"), "train")
    usual = Counter(len(p.ids) for p in prompts).most_common(1)[0][0]
    chosen = [p for p in prompts if len(p.ids) == usual][:count]
    if len(chosen) < count:
        raise RuntimeError(f"only {len(chosen)} of {count} prompts have {usual} tokens")
    return chosen


def every_other(reward):
    """Returns a reward that calls the given one but pays 1 for every other completion and 0 for the rest.

    Random weights solve nothing, and groups with equal rewards may be left out of an update, which would change the work.
    """
    turns = itertools.cycle((1.0, 0.0))

    @functools.wraps(reward)
    def made_up(rollout, problem):
        reward(rollout, problem)
        return next(turns)

    return made_up


def seconds(on_gpu: bool) -> float:
    """Returns the time after the GPU has finished its work."""
    if on_gpu:
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()


def memory(on_gpu: bool) -> dict[str, float]:
    """Returns the peak memory so far in GiB."""
    from r1rl.system import machine

    found = {"process_gib": machine.peak_memory() / 2**30}
    if on_gpu:
        import torch

        found["gpu_gib"] = torch.cuda.max_memory_reserved() / 2**30
    return found


# Each row's module, function in it, and arguments after setup and pipe.
ROLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ours": ("our_rows", "ours", {"name": "ours", "engine": "transformers", "unsloth": False}),
    "ours vllm": ("our_rows", "ours", {"name": "ours-vllm", "engine": "vllm", "unsloth": False}),
    "ours 4 bit": ("our_rows", "ours", {"name": "ours-4bit", "load_in_4bit": True}),
    "ours bf16": ("our_rows", "ours", {"name": "ours-bf16", "load_in_4bit": False}),
    "fine-tuning": ("our_rows", "fine_tuning", {}),
    "trl": ("trl_rows", "trl_stock", {}),
    "trl plain": ("trl_rows", "trl_stock", {"checkpointing": False}),
    "published": ("trl_rows", "published", {}),
    "bare engine": ("bare_rows", "bare_engine", {}),
    "bare update": ("bare_rows", "bare_update", {}),
    "matrix peak": ("bare_rows", "peak", {}),
}
NEEDS = {
    "ours vllm": ["vllm"],
    "ours 4 bit": ["unsloth", "vllm"],
    "ours bf16": ["unsloth", "vllm"],
    "trl": ["unsloth"],
    "trl plain": ["unsloth"],
    "published": ["unsloth", "vllm"],
    "bare engine": ["vllm"],
}
