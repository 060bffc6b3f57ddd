"""What `step.py --model` measures of a step on a real model: its rows, its speeds and its targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flops
from measured import Measured, Step, Target, Value, field, of_a_step, over_rounds, part, sampling_seconds, step_seconds

from r1rl.models.shape import Shape

ROWS = ("ours", "trl", "bare engine", "bare update", "fine-tuning", "matrix peak")
RECIPE = "laptop"  # whose prompts, adapter and passes our rows have
PASSES = 4  # forward and backward passes of TRL's step: with all 64 completions at once its logits take 10 GiB
WORK = "fixed"  # lengths
PEAK = of_a_step(field("flops"))


@dataclass(frozen=True)
class Job:
    """A kind of work in a row's step, and how much of it a step has."""

    what: str
    row: str
    tokens: int  # sampled, or read by an update
    flops: int
    seconds: Callable[[Step], float]

    @property
    def tokens_a_second(self) -> Value:
        """The speed in tokens."""
        return lambda step: self.tokens, self.seconds

    @property
    def flops_a_second(self) -> Value:
        """The speed in multiplications and additions."""
        return lambda step: self.flops, self.seconds


def jobs(shape: Shape, rank: int, prompt: int, lengths: Sequence[int], group: int) -> dict[str, Job]:
    """Returns the jobs of a step with prompts of `prompt` tokens and completions of these lengths.

    Our update reads a group's prompt once, and fine-tuning reads it with each completion. The bare update reads as many
    tokens as ours, so it has a part of a prompt before each completion.
    """
    sampled = sum(lengths), flops.sampling(shape, prompt, lengths, group)

    def learned(prompt: int, group: int) -> tuple[int, int]:
        return flops.tokens_read(prompt, lengths, group), flops.training(shape, rank, prompt, lengths, group)

    update = part("forward/backward", "optimizer")
    return {
        "rollouts": Job("our rollouts", "ours", *sampled, sampling_seconds),
        "vllm": Job("vLLM's rollouts", "bare engine", *sampled, sampling_seconds),
        "update": Job("our update", "ours", *learned(prompt, group), update),
        "bare": Job("the bare update", "bare update", *learned(prompt // group, 1), field("seconds")),
        "fine-tuning": Job("our fine-tuning", "fine-tuning", *learned(prompt, 1), field("seconds")),
    }


def quotients(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Returns the quotient of two values in each round."""
    return [a / b for a, b in zip(over, under)]


def targets(table: Measured, work: dict[str, Job]) -> list[Target]:
    """Returns the targets whose rows were measured."""
    found = []

    def add(what: str, limit: float, at_most: bool, rows: Sequence[str], values: Callable[[], list[float]], kind="x"):
        if table.has(WORK, *rows):
            found.append(Target(what, limit, at_most, values(), kind))

    def tokens(name: str) -> list[float]:
        return table.rounds(WORK, work[name].row, work[name].tokens_a_second)

    def of_peak(name: str) -> list[float]:
        speed = table.rounds(WORK, work[name].row, work[name].flops_a_second)
        return quotients(speed, table.rounds(WORK, "matrix peak", PEAK))

    def seconds(name: str) -> list[float]:
        return table.rounds(WORK, work[name].row, of_a_step(work[name].seconds))

    def draw() -> list[float]:
        return table.rounds(WORK, "ours", (field("drawing"), field("sampling")))

    add("step against TRL's in bfloat16", 1 / 4, True, ["ours", "trl"],
        lambda: table.ratio(WORK, ("ours", step_seconds), ("trl", step_seconds)))  # fmt: skip
    add("rollouts in tokens/s against vLLM's in bfloat16", 3.0, False, ["ours", "bare engine"],
        lambda: quotients(tokens("rollouts"), tokens("vllm")))  # fmt: skip
    add("rollouts, of the matrix peak", 0.30, False, ["ours", "matrix peak"], lambda: of_peak("rollouts"), "%")
    add("softmax and draw, of sampling", 0.10, True, ["ours"], draw, "%")
    add("update against the bare one in bfloat16", 1.15, True, ["ours", "bare update"],
        lambda: quotients(seconds("update"), seconds("bare")))  # fmt: skip
    add("update, of the matrix peak", 0.55, False, ["ours", "matrix peak"], lambda: of_peak("update"), "%")
    add("fine-tuning in tokens/s against the update's", 0.90, False, ["ours", "fine-tuning"],
        lambda: quotients(tokens("fine-tuning"), tokens("update")), "%")  # fmt: skip
    return found


def speeds(table: Measured, work: dict[str, Job]) -> list[list[str]]:
    """Returns the rows of the table of speeds: tokens/s, GFLOP/s and the share of the matrix peak, with ranges."""
    peak = table.rounds(WORK, "matrix peak", PEAK) if table.has(WORK, "matrix peak") else []
    rows = []
    for job in [job for job in work.values() if table.has(WORK, job.row)]:
        tokens = over_rounds(table.rounds(WORK, job.row, job.tokens_a_second), ",.0f")
        done = table.rounds(WORK, job.row, job.flops_a_second)
        of_peak = over_rounds(quotients(done, peak), ".1%") if peak else ("-", "-")
        rows.append([job.what, *tokens, over_rounds([x / 1e9 for x in done], ".0f")[0], *of_peak])
    if peak:
        fastest, spread = over_rounds([x / 1e9 for x in peak], ".0f")
        rows.append(["one product, the fastest of three sizes", "-", "-", fastest, "", f"{spread} GFLOP/s"])
    return rows


SPEEDS = ("work", "tokens/s", "over rounds", "GFLOP/s", "of the matrix peak", "over rounds")
