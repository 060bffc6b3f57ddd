"""The curves of a run as plain numbers, for the report's charts and for the pictures alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.reports.survey import Group, Share, Survey, checking, right_with_check, right_without_check
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.runs.stats import bootstrap_interval

STRETCHES = 40  # points of a curve whose intervals come from several steps together, ...

STEPS = 5  # at least so many

MOST_POINTS = 250  # of a curve; longer ones are averaged


@dataclass(frozen=True, slots=True)
class Point:
    """One point; scores have n and interval, other numbers have neither."""

    step: float
    y: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    run: str
    series: str
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its lines, and what a reader must know about them."""

    key: str
    title: str
    unit: str
    lines: list[Line]
    note: str = ""
    percent: bool = False


# key, title, unit, ((series, field of metrics.jsonl), ...), note, percent
PER_STEP = (
    ("length", "Completion length", "tokens", (("mean", "mean_tokens"), ("10 % are shorter", "p10_tokens"),
     ("median", "p50_tokens"), ("10 % are longer", "p90_tokens")), "Training completions.", False),
    ("truncated", "Cut off", "share of completions", (("training", "truncated"),),
     "At the largest length.", True),
    ("signal", "Groups without signal", "share of groups", (("training", "equal_groups"),),
     "All rewards of the group are equal: nothing is learned from it.", True),
    ("entropy", "Entropy", "nats a token", (("training", "entropy"),), "How undecided the policy is.", False),
    ("gap", "Sampler gap", "nats", (("mean", "sampler_gap"), ("largest", "sampler_gap_max")),
     "How far the engine's logprobs are from the trainer's.", False),
    ("gradient", "Gradient norm", "norm", (("before clipping", "grad_norm"),), "", False),
    ("speed", "Speed", "sampled tokens a second", (("whole step", "tokens_per_second"),), "", False),
    ("money", "Money", "US dollars", (("since the run began", "dollars"),), "", False),
)  # fmt: skip


def charts(runs: Sequence[tuple[str, Path, Survey]]) -> list[Chart]:
    """All charts that the runs have numbers for; several runs lie in one chart."""
    steps = [(name, list(read_lines(folder / METRICS))) for name, folder, _ in runs]
    found = [
        Chart("accuracy", "Accuracy", "share right", [evaluated(n, f) for n, f, _ in runs],
              "Evaluation, the same problems each time; bars are 95 % intervals.", True),
        Chart("reward", "Reward in training", "mean reward", [rewarded(n, s) for n, _, s in runs],
              "Each point takes several steps together; 95 % intervals over groups.", False),
        Chart("selfcheck", "Self-verification", "share with a check", list(checks(runs)),
              "Completions that check a result they have reached; 95 % intervals.", True),
        Chart("checked", "Accuracy with and without a check", "share right", list(with_and_without(runs)),
              "Training completions. Who checks may differ in more than the check.", True),
        *(per_step(row, steps) for row in PER_STEP),
    ]  # fmt: skip
    return [c for c in (drop_empty(chart) for chart in found) if c.lines]


def drop_empty(chart: Chart) -> Chart:
    """The chart without lines that have no points."""
    lines = [line for line in chart.lines if line.points]
    return Chart(chart.key, chart.title, chart.unit, lines, chart.note, chart.percent)


def evaluated(run: str, folder: Path) -> Line:
    """Accuracy at each evaluation; with several samples a problem it is the mean of pass@1."""
    points = []
    for e in read_lines(folder / EVALUATIONS):
        low, high = (e["low"], e["high"]) if "low" in e else (e["pass@1"]["low"], e["pass@1"]["high"])
        points.append(Point(e["step"], e["accuracy"], low, high, e["problems"]))
    return Line(run, "evaluation", points)


def rewarded(run: str, found: Survey) -> Line:
    """Mean reward in stretches of training, with intervals by resampling groups."""
    points = []
    for step, groups in stretches(found):
        means = [g.reward / g.rewarded for g in groups if g.rewarded]
        if means:
            low, high = bootstrap_interval(means, resamples=1000)
            n = sum(g.rewarded for g in groups)
            points.append(Point(step, sum(means) / len(means), low, high, n))
    return Line(run, "training", points)


def checks(runs: Sequence[tuple[str, Path, Survey]]) -> Iterable[Line]:
    """Share of completions with a check, in training and in evaluation."""
    for run, _, found in runs:
        yield Line(run, "training", shares(stretches(found), checking))
        steps = [(s, found.within("eval", s, s)) for s in found.steps("eval")]
        yield Line(run, "evaluation", shares(steps, checking))


def with_and_without(runs: Sequence[tuple[str, Path, Survey]]) -> Iterable[Line]:
    """Share of right completions among those with and those without a check."""
    for run, _, found in runs:
        yield Line(run, "with a check", shares(stretches(found, 10), right_with_check))
        yield Line(run, "without", shares(stretches(found, 10), right_without_check))


def shares(
    parts: Iterable[tuple[float, list[Group]]], measure: Callable[[Iterable[Group]], Share | None]
) -> list[Point]:
    """A share for each part that has any."""
    found = [(step, measure(groups)) for step, groups in parts]
    return [Point(step, s.value, s.low, s.high, s.n) for step, s in found if s is not None]


def stretches(found: Survey, count: int = STRETCHES) -> list[tuple[float, list[Group]]]:
    """(middle step, groups) of at most `count` equal stretches of training."""
    by_step: dict[int, list[Group]] = {}
    for group in found.groups["train"].values():
        by_step.setdefault(group.step, []).append(group)
    steps = sorted(by_step)
    size = max(STEPS, -(-len(steps) // count))
    parts = [steps[i : i + size] for i in range(0, len(steps), size)]
    return [((p[0] + p[-1]) / 2, [g for s in p for g in by_step[s]]) for p in parts]


def per_step(row: tuple, runs: Sequence[tuple[str, list[dict[str, Any]]]]) -> Chart:
    """A chart of plain numbers that metrics.jsonl holds for each step."""
    key, title, unit, fields, note, percent = row
    lines = [Line(run, series, series_of(metrics, name)) for run, metrics in runs for series, name in fields]
    return Chart(key, title, unit, lines, note, percent)


def series_of(metrics: list[dict[str, Any]], name: str) -> list[Point]:
    """One field over the steps, averaged where there are more than MOST_POINTS."""
    known = [(m["step"], value(m, name)) for m in metrics]
    known = [(step, y) for step, y in known if y is not None]
    size = max(1, -(-len(known) // MOST_POINTS))
    parts = [known[i : i + size] for i in range(0, len(known), size)]
    return [Point(sum(s for s, _ in p) / len(p), sum(y for _, y in p) / len(p)) for p in parts]


def value(line: dict[str, Any], name: str) -> float | None:
    """A field of metrics.jsonl, or the share of groups without signal."""
    if name == "equal_groups":
        return line["groups_without_signal"] / line["groups"] if line.get("groups") else None
    return line.get(name)
