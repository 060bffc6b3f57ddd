"""The curves of a run as charts: accuracy, reward, self-verification, and numbers of metrics.jsonl."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from r1rl.reports.charts import Chart, Line, Point
from r1rl.reports.survey import Group, Share, Survey, calculated_rate, checked_accuracy, unchecked_accuracy
from r1rl.runs.run_data import RunData
from r1rl.runs.stats import bootstrap_interval

STRETCHES = 40  # most points of a curve with intervals; each takes the groups of several steps together
STEPS = 5  # fewest steps of a stretch
MOST_POINTS = 250  # of any other curve; a longer one is averaged

Run = tuple[str, RunData, Survey]  # a run with its name in the charts

# key, title, unit, ((series, field of metrics.jsonl), ...), note, percent
LENGTH = (
    "length", "Completion length", "tokens",
    (("mean", "mean_tokens"), ("10th percentile", "p10_tokens"), ("median", "p50_tokens"),
     ("90th percentile", "p90_tokens")),
    "Training completions.", False,
)  # fmt: skip
PER_STEP = (
    ("truncated", "Truncated completions", "share of completions", (("training", "truncated"),),
     "Cut off at --max-completion-length.", True),
    ("signal", "Groups without signal", "share of groups", (("training", "equal_groups"),),
     "All rewards of the group are equal, so the update learns nothing from it.", True),
    ("pool", "Training prompts by pass rate", "share of prompts",
     (("always solved", "pool_solved"), ("never solved", "pool_unsolved"), ("in between", "pool_between"),
      ("not sampled yet", "pool_unseen")),
     "Over the latest groups of each prompt, as many as --difficulty-pool says.", True),
    ("teacher", "Divergence from the teacher", "nats per token", (("reverse KL", "reverse_kl"),),
     "KL divergence of the policy from the teacher, over the sampled completions.", False),
    ("entropy", "Entropy", "nats per token", (("training", "entropy"),),
     "How uncertain the policy is about the next token.", False),
    ("gap", "Sampler gap", "nats", (("mean", "sampler_gap"), ("largest", "sampler_gap_max")),
     "Difference between the engine's logprobs and the trainer's.", False),
    ("gradient", "Gradient norm", "norm", (("before clipping", "grad_norm"),), "", False),
    ("speed", "Speed", "sampled tokens per second", (("whole step", "tokens_per_second"),), "", False),
    ("money", "Cost", "US dollars", (("since the start of the run", "dollars"),), "", False),
)  # fmt: skip


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Returns all charts that the runs have data for; several runs share each chart."""
    found = [
        Chart("accuracy", "Accuracy", "share correct", [evaluated(name, data) for name, data, _ in runs],
              "Evaluation on the same problems each time; bars are 95 % intervals.", True),
        Chart("selfcheck", "Self-verification", "share with a check", list(check_rates(runs)),
              "Completions that check a result they have reached, with a calculation; 95 % intervals.", True),
        per_step(LENGTH, runs),
        Chart("reward", "Reward in training", "mean reward", [rewarded(name, found) for name, _, found in runs],
              "Each point averages several steps; 95 % intervals over groups.", False),
        Chart("checked", "Accuracy with and without a check", "share correct", list(with_and_without(runs)),
              "Training completions. Those with a check may differ from the others in more than the check.", True),
        *(per_step(row, runs) for row in PER_STEP),
    ]  # fmt: skip
    drawn = [replace(chart, lines=[line for line in chart.lines if line.points]) for chart in found]
    return [chart for chart in drawn if chart.lines]


def evaluated(run: str, data: RunData) -> Line:
    """Returns accuracy at each evaluation; for several samples per problem the mean of pass@1."""
    points = []
    for e in data.evaluations:
        ends = e if "low" in e else e["pass@1"]
        points.append(Point(e["step"], e["accuracy"], ends["low"], ends["high"], e["problems"]))
    return Line(run, "evaluation", points)


def rewarded(run: str, found: Survey) -> Line:
    """Returns the mean reward in stretches of training, with intervals by resampling groups."""
    points = []
    for step, groups in stretches(found):
        means = [g.reward / g.rewarded for g in groups if g.rewarded]
        if means:
            low, high = bootstrap_interval(means, resamples=1000)
            n = sum(g.rewarded for g in groups)
            points.append(Point(step, sum(means) / len(means), low, high, n))
    return Line(run, "training", points)


def check_rates(runs: Sequence[Run]) -> Iterator[Line]:
    """Yields the share of completions with a calculated check, in training and in evaluation."""
    for run, _, found in runs:
        yield Line(run, "training", shares(stretches(found), calculated_rate))
        steps = [(s, found.within("eval", s, s)) for s in found.steps("eval")]
        yield Line(run, "evaluation", shares(steps, calculated_rate))


def with_and_without(runs: Sequence[Run]) -> Iterator[Line]:
    """Yields the share of correct completions among those with and those without a check."""
    for run, _, found in runs:
        yield Line(run, "with a check", shares(stretches(found, 10), checked_accuracy))
        yield Line(run, "without", shares(stretches(found, 10), unchecked_accuracy))


def shares(
    parts: Iterable[tuple[float, list[Group]]], measure: Callable[[Iterable[Group]], Share | None]
) -> list[Point]:
    """Returns a point for each part that the measure is defined for."""
    found = [(step, measure(groups)) for step, groups in parts]
    return [Point(step, s.value, s.low, s.high, s.n) for step, s in found if s is not None]


def stretches(found: Survey, count: int = STRETCHES) -> list[tuple[float, list[Group]]]:
    """Returns (middle step, groups) of at most `count` equal stretches of training."""
    by_step: dict[int, list[Group]] = {}
    for group in found.groups["train"].values():
        by_step.setdefault(group.step, []).append(group)
    parts = split(sorted(by_step), max(STEPS, -(-len(by_step) // count)))
    return [((p[0] + p[-1]) / 2, [g for s in p for g in by_step[s]]) for p in parts]


def split(values: list, size: int) -> list[list]:
    """Returns the values in parts of `size`, the last of which may be shorter."""
    return [values[i : i + size] for i in range(0, len(values), size)]


def per_step(row: tuple, runs: Sequence[Run]) -> Chart:
    """Returns a chart of numbers that metrics.jsonl holds for each step."""
    key, title, unit, fields, note, percent = row
    lines = [Line(run, label, points(data.metrics, name)) for run, data, _ in runs for label, name in fields]
    return Chart(key, title, unit, lines, note, percent)


def points(metrics: list[dict[str, Any]], name: str) -> list[Point]:
    """Returns one field over the steps, averaged if there are more than MOST_POINTS."""
    known = [(m["step"], y) for m in metrics if (y := value(m, name)) is not None]
    parts = split(known, max(1, -(-len(known) // MOST_POINTS)))
    return [Point(sum(s for s, _ in p) / len(p), sum(y for _, y in p) / len(p)) for p in parts]


def value(line: dict[str, Any], name: str) -> float | None:
    """Returns a field of metrics.jsonl, or the share of groups without signal."""
    if name == "equal_groups":
        return line["groups_without_signal"] / line["groups"] if line.get("groups") else None
    return line.get(name)
