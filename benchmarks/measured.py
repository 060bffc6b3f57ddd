"""The values of the step benchmark's rows in each round, its targets, and tables of both as Markdown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

STEADY = 0.10  # spread of a ratio over the rounds above which it is marked unsteady
SMALL = 0.2  # shares below it are not marked: their spread shows nothing

Step = dict[str, Any]  # a row's answer for a step: seconds, parts, tokens, completions
# A quotient of sums over steps: numerator and denominator of one step.
Value = tuple[Callable[[Step], float], Callable[[Step], float]]


class Measured:
    """The answers of each step, by workload, row and round."""

    def __init__(self):
        self.steps: dict[str, dict[str, list[list[Step]]]] = {}

    def add(self, work: str, row: str, number: int, answer: Step) -> None:
        """Adds one step of a round."""
        rounds = self.steps.setdefault(work, {}).setdefault(row, [])
        while len(rounds) <= number:
            rounds.append([])
        rounds[number].append(answer)

    def has(self, work: str, *rows: str) -> bool:
        """Whether all these rows were measured."""
        return all(self.steps.get(work, {}).get(row) for row in rows)

    def rounds(self, work: str, row: str, value: Value) -> list[float]:
        """Returns a value in each round, a quotient of totals."""
        of, per = value
        return [sum(map(of, steps)) / sum(map(per, steps)) for steps in self.steps[work][row]]

    def ratio(self, work: str, over: tuple[str, Value], under: tuple[str, Value]) -> list[float]:
        """Returns the ratio of two values in each round."""
        pairs = zip(self.rounds(work, *over), self.rounds(work, *under))
        return [a / b for a, b in pairs]


def field(name: str) -> Callable[[Step], float]:
    """Returns a function that reads a field of a step."""
    return lambda step: step[name]


def part(*names: str) -> Callable[[Step], float]:
    """Returns a function that sums the seconds of some parts of a step."""
    return lambda step: sum(step["parts"].get(name, 0.0) for name in names)


def of_a_step(value: Callable[[Step], float]) -> Value:
    """Returns the mean of a quantity per step."""
    return value, lambda step: 1.0


def share(*names: str) -> Value:
    """Returns the share of some parts in the step."""
    return part(*names), field("seconds")


def sampling_seconds(step: Step) -> float:
    """Returns the seconds of generation; for a bare engine, which has no parts, those of the whole step."""
    return step["parts"]["generate"] if "parts" in step else step["seconds"]


def around(step: Step) -> float:
    """Returns the seconds outside generation and forward/backward."""
    return step["seconds"] - part("generate", "forward/backward")(step)


step_seconds = of_a_step(field("seconds"))
update_seconds = of_a_step(part("forward/backward", "optimizer"))
speed = field("tokens"), sampling_seconds
completions_a_second = field("completions"), field("seconds")


@dataclasses.dataclass
class Target:
    """A line of the table of targets."""

    what: str
    limit: float
    at_most: bool
    values: list[float]  # one per round
    kind: str = "x"  # unit: "x", "%", "s", "GiB"

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return median(self.values)

    @property
    def reached(self) -> bool:
        """Whether the median meets the limit."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def spread(self) -> float:
        """(largest - smallest) / median over the rounds."""
        return (max(self.values) - min(self.values)) / self.value if self.value else 0.0

    def show(self, value: float) -> str:
        """Formats a value with its unit."""
        return {"x": f"{value:.2f}", "%": f"{value:.1%}", "s": f"{value:.2f} s", "GiB": f"{value:.1f} GiB"}[self.kind]

    def cells(self) -> list[str]:
        """Returns the printed cells."""
        sign = "at most" if self.at_most else "at least"
        spread = f"{self.show(min(self.values))} to {self.show(max(self.values))}"
        # The spread of ratios and large shares shows how steady the machine was.
        large = self.kind == "x" or (self.kind == "%" and self.value >= SMALL)
        unsteady = large and len(self.values) > 1 and self.spread > STEADY
        verdict = "reached" if self.reached else "missed"
        note = " (unsteady)" if unsteady else ""
        return [self.what, f"{sign} {self.show(self.limit)}", self.show(self.value), spread, verdict + note]


def over_rounds(values: Sequence[float], form: str) -> tuple[str, str]:
    """Returns the median and the range of a value over the rounds, both in the format `form`."""
    return format(median(values), form), f"{min(values):{form}} to {max(values):{form}}"


def markdown(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown, its columns padded to one width; nothing without rows."""
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = ["| " + " | ".join(x.ljust(w) for x, w in zip(row, widths)) + " |" for row in (head, *rows)]
    rule = "| " + " | ".join("-" * w for w in widths) + " |"
    return "\n".join([f"\n{title}\n", lines[0], rule, *lines[1:]])
