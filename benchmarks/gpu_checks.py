"""The checks of benchmarks/gpu.py, each in its own process: usage: python benchmarks/gpu_checks.py CHECK ARGUMENTS.

Each appends its rows to the file that the variable ROWS names as soon as they are measured (benchmarks/schedule.py).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from schedule import add  # noqa: E402

from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, METRICS, PROOFS, read_lines  # noqa: E402

LOOK = 0.2  # seconds between two looks at a run's files
KINDS = {METRICS: "step", FINE_TUNING: "step", PROOFS: "proof", EVALUATIONS: "evaluation"}  # of a row, by file
KEPT = ("step", "completions", "tokens", "step_seconds", "parts", "peak_memory_gib", "sampler_gap", "skipped", "loss",
        "grad_norm", "update_divisor", "target", "verdict", "gap_to_policy", "gap_to_base", "largest_gap", "problems", "correct",
        "mean_tokens", "evaluation_seconds")  # fmt: skip
PEAK_SIZE = 8192  # rows and columns of the matrices whose product is timed
FIRST = 1  # steps that warm up: compilation, graphs, caches


# ---- the machine


def environment() -> int:
    """Measures the peak of matrix products and of copies, after naming the card and the versions."""
    import torch

    from r1rl.runs.folder import versions

    add(kind="environment", gpu=torch.cuda.get_device_name(0), capability=list(torch.cuda.get_device_capability(0)),
        cuda=torch.version.cuda, gib=round(torch.cuda.mem_get_info(0)[1] / 2**30, 1), versions=versions())  # fmt: skip
    size = PEAK_SIZE if torch.zeros(1, device="cuda").is_cuda else 64  # a simulated GPU has tensors on the CPU
    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    add(kind="peak", what=f"product of {size} x {size} bfloat16", tflops=2 * size**3 / fastest(lambda: a @ a) / 1e12)
    b = torch.empty_like(a)
    add(kind="peak", what="copy, read and written", gb_s=2 * a.nbytes / fastest(lambda: b.copy_(a)) / 1e9)
    return 0


def fastest(work: Callable[[], Any]) -> float:
    """Returns the seconds of one call: the best of 5 series of 10."""
    import torch

    best = float("inf")
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(10):
            work()
        torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - start) / 10)
    return best


def model(shape: str, folder: str) -> int:
    """Makes a model of this shape with random weights."""
    import shapes

    start = time.perf_counter()
    place = shapes.make(shape, Path(folder), on_gpu=True)
    size = sum(p.stat().st_size for p in Path(place).glob("*.safetensors"))
    add(kind="model", shape=shape, gib=round(size / 2**30, 2), seconds=round(time.perf_counter() - start, 1))
    return 0


# ---- whole runs


def forget(folder: str, name: str) -> None:
    """Removes what an earlier call of this check left: the program refuses a run that exists already."""
    for path in (name, f"{name}-sft"):
        shutil.rmtree(Path(folder, path), ignore_errors=True)


def start_program(folder: str, name: str, flags: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts `python main.py` with these flags; its screen goes to the check's log."""
    command = [sys.executable, str(ROOT / "main.py"), *flags, "--dumps", folder, "--exp-name", name]
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": search, "COLUMNS": "200"})


class Rows:
    """Turns the new lines of a run's dump into rows; `name` may be the beginning of several runs' names."""

    def __init__(self, folder: str, name: str):
        self.folder, self.name = Path(folder), name
        self.seen: dict[Path, int] = {}

    def take(self) -> int:
        """Adds the rows of all new lines. Returns how many of them are steps."""
        steps = 0
        for file, kind in KINDS.items():
            for path in sorted(self.folder.glob(f"{self.name}*/{file}")):
                lines = list(read_lines(path))
                for line in lines[self.seen.get(path, 0) :]:
                    add(kind=kind, **{key: line[key] for key in KEPT if line.get(key) is not None})
                    steps += kind == "step"
                self.seen[path] = len(lines)
        return steps

    def follow(self, process: subprocess.Popen[bytes], until: int | None = None) -> int:
        """Adds rows while the process runs, or until there are this many steps. Returns the steps."""
        steps = 0
        while process.poll() is None and (until is None or steps < until):
            time.sleep(LOOK)
            steps += self.take()
        return steps + self.take()


def train(folder: str, name: str, *flags: str) -> int:
    """Runs the program and copies each line of its dump as soon as it is written. Returns its exit code."""
    forget(folder, name)
    process = start_program(folder, name, flags)
    Rows(folder, name).follow(process)
    return process.wait()


def planned(flags: Sequence[str]) -> tuple[Any, Any, Any, Any]:
    """Returns config, shape, place and memory plan of a run with these flags on this machine."""
    from r1rl.commands.dispatch import train_parser
    from r1rl.config.file import resolve_given
    from r1rl.models.source import shape_of
    from r1rl.preflight.memory_plan import place_here, plan_memory
    from r1rl.preflight.prepare import longest_prompt
    from r1rl.system import machine

    given = vars(train_parser().parse_args(flags))
    given.pop("print_config")
    config, _, _ = resolve_given(given)
    shape, place = shape_of(config.model_name), place_here(config, machine.look())
    return config, shape, place, plan_memory(config, shape, place, longest_prompt(config))


def plan(folder: str, name: str, *flags: str) -> int:
    """Compares the plan of a finished run with what it measured. Returns 0."""
    from r1rl.preflight.memory_parts import GIB
    from r1rl.preflight.time_plan import card_like, speed_of, step_seconds

    config, shape, place, memory = planned(flags)
    lines = list(read_lines(Path(folder) / name / METRICS))
    peak = max(line["peak_memory_gib"] for line in lines)
    add(kind="plan", what="memory, GiB", planned=round(memory.needed / GIB, 2), measured=peak,
        parts={part.name: round(part.size / GIB, 3) for part in memory.parts})  # fmt: skip
    lines = lines[FIRST:] or lines
    speed = speed_of(config, shape, place) if card_like(place.name) else None
    share = median(line["mean_tokens"] for line in lines) / config.max_completion_length
    add(kind="plan", what="s a step", measured=round(median(line["step_seconds"] for line in lines), 3),
        planned=None if speed is None else round(step_seconds(config, memory, speed, share), 3),
        tokens=median(line["mean_tokens"] for line in lines))  # fmt: skip
    return 0


def stop(folder: str, name: str, *flags: str) -> int:
    """Interrupts a run while it samples its third step, times its end, and resumes it. Returns the exit code of the resumed run."""
    forget(folder, name)
    process = start_program(folder, name, flags)
    rows = Rows(folder, name)
    if rows.follow(process, until=2) < 2:
        return process.wait() or 1
    newest = list(read_lines(Path(folder) / name / METRICS))[-1]
    time.sleep(newest["parts"].get("sync", 0.0) + newest["parts"]["generate"] / 2)
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    code = process.wait()
    rows.take()
    add(kind="stop", seconds=round(time.perf_counter() - start, 2), exit_code=code, expected_code=130)
    process = start_program(folder, name, (*flags, "--resume"))
    rows.follow(process)
    return process.wait()


# ---- rows of benchmarks/step.py


def row(folder: str, name: str, role: str, model_name: str, *sizes: str) -> int:
    """Times steps of forced lengths, first all of the full length, then mixed ones, each a row.

    `sizes`: completions of a step, tokens of the longest, steps, completions of a pass.
    """
    import step as benchmark  # first: it sets variables that torch reads at import
    from rows import NEEDS, Row, Setup, missing

    if lacks := missing(NEEDS.get(role, []) if role != "trl" else ["vllm"]):
        print(lacks)
        return 2
    own = Path(folder, name)
    count, tokens, steps, at_once = map(int, sizes)
    forget(folder, name)
    own.mkdir(parents=True)
    passes = max(1, count // at_once)
    setup = Setup(str(own), model_name, prompts=count // Setup.group, tokens=tokens, gpu=True, passes=passes)
    process = Row(role, setup)
    print(process.log.read_text(errors="replace")[-2000:])
    add(kind="start", role=role, seconds=round(process.seconds_to_start, 1), **process.about)
    mixed = benchmark.mixed_lengths(count, benchmark.mean_length(setup), setup.tokens, seed=1)
    works = {"fixed": (setup.tokens,) * count, "mix": mixed}
    try:
        for lengths in works.values():  # untimed
            process.ask("step", lengths)
        for _ in range(steps):
            for work, lengths in works.items():
                answer = process.ask("step", lengths)
                add(kind="step", role=role, work=work, **benchmark.rounded(answer))
    finally:
        process.close()
    return 0


CHECKS: dict[str, Callable[..., int]] = {
    "environment": environment, "model": model, "train": train, "plan": plan, "stop": stop, "row": row,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(CHECKS[sys.argv[1]](*sys.argv[2:]))
