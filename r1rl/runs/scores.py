"""The scores of an evaluation (accuracy, pass@k, maj@k, mean reward) with intervals, and the texts that report them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from r1rl.config.names import SAME_AS_ACCURACY
from r1rl.records import VERDICT, Scored, by_task
from r1rl.runs.dump import SCHEMA_VERSION
from r1rl.runs.stats import bootstrap_interval, format_accuracy, format_share, maj_at_k, pass_at_k, wilson

MEASURES = {VERDICT: "label agreement"}  # by answer type: the name of accuracy, where it has another


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: `scored` holds `samples` completions per problem, problem by problem.

    Bootstrap intervals are computed once: bar, checkpoint and dump all use them.
    """

    step: int
    samples: int
    scored: list[Scored]
    seconds: float

    @property
    def problems(self) -> int:
        """The number of problems."""
        return len(self.scored) // self.samples

    @property
    def correct(self) -> list[bool]:
        """The verdict of each completion."""
        return [s.correct for s in self.scored]

    @property
    def accuracy(self) -> float:
        """The share of correct completions; with several samples per problem this is the mean of pass@1."""
        return fmean(self.correct)

    def by_problem(self) -> list[list[Scored]]:
        """Returns the completions of each problem."""
        return [self.scored[i : i + self.samples] for i in range(0, len(self.scored), self.samples)]

    def tokens(self) -> float:
        """Returns the mean completion length in tokens."""
        return fmean(len(s.rollout.completion_ids) for s in self.scored)

    @property
    def judged_by_reward(self) -> bool:
        """Whether the reward does not follow from the grade, so that both are reported."""
        return not set(self.scored[0].rewards) <= SAME_AS_ACCURACY

    @property
    def score(self) -> float:
        """The score that selects the best checkpoint: the mean reward if it does not follow from the grade, else accuracy."""
        return self.reward[0] if self.judged_by_reward else self.accuracy

    @cached_property
    def reward(self) -> tuple[float, float, float]:
        """(mean, low, high) of the rewards that apply; a bootstrap interval over problems."""
        rewards = ([s.reward for s in group if s.reward is not None] for group in self.by_problem())
        means = [fmean(known) for known in rewards if known]
        return (fmean(means), *bootstrap_interval(means, seed=0)) if means else (0.0, 0.0, 0.0)

    def describe(self) -> str:
        """Returns `correct / n, %, 95 % interval`; for several samples pass@k and maj@k with bootstrap intervals."""
        return evaluation_words(self.summary)

    def interval(self) -> tuple[float, float, float]:
        """Returns (accuracy, low, high) of one sample per problem, with a 95 % Wilson interval."""
        return self.accuracy, *wilson(sum(self.correct), len(self.correct))

    def by_task(self) -> dict[str, Evaluation]:
        """Returns the evaluation of each task of a mixture; {} for a single task."""
        found = by_task(self.scored, lambda scored: scored.problem)
        if len(found) < 2:
            return {}
        return {task: Evaluation(self.step, self.samples, part, self.seconds) for task, part in found.items()}

    @cached_property
    def at_k(self) -> list[tuple[str, float, float, float]]:
        """(name, value, low, high) of pass@1, pass@k and maj@k for k = samples; bootstrap over problems."""
        k, groups = self.samples, self.by_problem()
        right = [sum(s.correct for s in g) for g in groups]
        votes = [maj_at_k([s.extracted for s in g], [s.correct for s in g], k) for g in groups]
        measures = {
            "pass@1": [pass_at_k(k, c, 1) for c in right],
            f"pass@{k}": [pass_at_k(k, c, k) for c in right],
            f"maj@{k}": votes,
        }
        return [(name, fmean(v), *bootstrap_interval(v, seed=0)) for name, v in measures.items()]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The line of evaluations.jsonl."""
        line: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION, "step": self.step, "problems": self.problems, "samples": self.samples,
            "correct": sum(self.correct), "accuracy": self.accuracy, "mean_tokens": self.tokens(),
            "truncated": fmean(s.rollout.finish == "length" for s in self.scored),
            "no_answer": sum(s.extracted is None for s in self.scored),
            "evaluation_seconds": round(self.seconds, 3),
        }  # fmt: skip
        if self.samples == 1:
            _, line["low"], line["high"] = self.interval()
        else:
            line |= {name: {"value": v, "low": lo, "high": hi} for name, v, lo, hi in self.at_k}
        if self.judged_by_reward:
            line["mean_reward"], line["reward_low"], line["reward_high"] = self.reward
        if (measure := MEASURES.get(self.scored[0].problem.answer_type)) is not None:
            line["measure"] = measure
        return line


def score_of(line: dict[str, Any]) -> float:
    """Returns Evaluation.score from a line of evaluations.jsonl."""
    return line.get("mean_reward", line["accuracy"])


def evaluation_words(line: dict[str, Any]) -> str:
    """Returns accuracy by the task's name for it, and the mean reward if it does not follow from the grade."""
    if line["samples"] == 1:
        words = format_accuracy(line["correct"], line["problems"])
    else:
        parts = [
            f"{name} {v['value']:.1%} (95 % interval {v['low']:.1%} to {v['high']:.1%})"
            for name, v in line.items()
            if isinstance(v, dict)
        ]
        words = f"{line['problems']} problems, {line['samples']} samples each: " + ", ".join(parts)
    if "measure" in line:
        words = f"{line['measure']} {words} (no answer: {line['no_answer']})"
    if "mean_reward" in line:
        words += (
            f"; reward {line['mean_reward']:.2f} (95 % interval {line['reward_low']:.2f} to {line['reward_high']:.2f})"
        )
    return words


def evaluation_cell(line: dict[str, Any]) -> str:
    """Returns the short form of `evaluation_words` for tables, if there is one."""
    if line["samples"] != 1:
        return evaluation_words(line)
    cell = format_share(line["correct"], line["problems"], line["low"], line["high"])
    if "mean_reward" not in line:
        return cell
    return f"{cell}, {line['mean_reward']:.2f} ({line['reward_low']:.2f} to {line['reward_high']:.2f})"
