"""RunData: the files of a run's folder, each read at most once, when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from r1rl.runs.dump import (
    EVALUATIONS,
    GUARDS,
    METRICS,
    NUMBER,
    REQUIRED,
    Fields,
    has_needed,
    numbered_lines,
    read_lines,
    read_run,
)
from r1rl.system.redact import redact_all

GRADED: Fields = {"problem_id": (str,), "correct": (bool,)}  # a line without them is left out
# The fields that the tables, lines and curves of a run take for granted; a line without one of them counts as damaged.
READ: dict[str, Fields] = {
    METRICS: {
        "step": (int,), "completions": (int,), "tokens": (int,), "groups": (int,), "groups_without_signal": (int,),
        "reward": (*NUMBER, type(None)), "seconds": NUMBER, "dollars": (*NUMBER, type(None)),
    },
    EVALUATIONS: {
        "step": (int,), "problems": (int,), "samples": (int,), "correct": (int,), "accuracy": NUMBER,
        "mean_tokens": NUMBER, "seconds": NUMBER,
    },
    GUARDS: REQUIRED[GUARDS],
}  # fmt: skip
INTERVAL: Fields = {"low": NUMBER, "high": NUMBER}


@dataclass(frozen=True, slots=True)
class Graded:
    """One completion of an evaluation without its text."""

    problem_id: str
    correct: bool
    reward: float | None
    level: int | None
    task: str
    answer: Any  # the gold answer

    @classmethod
    def from_line(cls, line: dict[str, Any]) -> Graded:
        """Returns the grade in a line of eval/step_N.jsonl, which has the fields of GRADED."""
        task = line.get("task")
        return cls(
            line["problem_id"],
            line["correct"],
            line.get("reward"),
            line.get("level"),
            task if isinstance(task, str) else "",
            line.get("answer"),
        )


@dataclass(frozen=True)
class RunData:
    """A run's folder. What is read is kept; rollouts.jsonl is not in it, as `reports.survey` streams it.

    `graded` holds the evaluations that were read, by step. `reports.survey` adds those that it passes, so that
    nobody reads their files a second time. `damaged` has the places of the lines that were left out.
    """

    folder: Path
    graded: dict[int, list[Graded]] = field(default_factory=dict, repr=False, compare=False)
    damaged: list[str] = field(default_factory=list, repr=False, compare=False)

    @cached_property
    def run(self) -> dict[str, Any]:
        """run.json; secrets are masked, also where an older version wrote them. Raises UserError if damaged."""
        return redact_all(read_run(self.folder))

    @property
    def config(self) -> dict[str, Any]:
        """The flags of the run."""
        return self.run["config"]

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """metrics.jsonl: one line per step."""
        return self._whole(METRICS)

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """evaluations.jsonl: one line per evaluation."""
        return self._whole(EVALUATIONS)

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """guards.jsonl: one line per finding of a guard."""
        return self._whole(GUARDS)

    def _whole(self, name: str) -> list[dict[str, Any]]:
        """Returns the lines of a file that have what readers need; the places of the others go to `damaged`."""
        found = []
        for number, line in numbered_lines(self.folder / name, self.damaged):
            if has_needed(line, READ[name]) and (name != EVALUATIONS or has_interval(line)):
                found.append(line)
            else:
                self.damaged.append(f"{name}:{number}")
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the run reached its end."""
        return (self.folder / "summary.json").is_file()

    def evaluation(self, step: int) -> list[Graded]:
        """Returns the completions of the evaluation after `step`; none if its file is missing."""
        if step not in self.graded:
            lines = read_lines(self.folder / "eval" / f"step_{step}.jsonl")
            self.graded[step] = [Graded.from_line(line) for line in lines if has_needed(line, GRADED)]
        return self.graded[step]

    def answers(self, step: int) -> dict[str, Any]:
        """Returns the gold answer of each problem of one evaluation."""
        return {graded.problem_id: graded.answer for graded in self.evaluation(step)}

    def verdicts(self, step: int) -> dict[str, float]:
        """Returns the share of correct completions for each problem of one evaluation."""
        return self._means(step, "correct")

    def rewards(self, step: int) -> dict[str, float]:
        """Returns the mean reward for each problem of one evaluation, without problems that no reward applied to."""
        return self._means(step, "reward")

    def _means(self, step: int, name: str) -> dict[str, float]:
        values: dict[str, list[float]] = {}
        for graded in self.evaluation(step):
            if (value := getattr(graded, name)) is not None:
                values.setdefault(graded.problem_id, []).append(value)
        return {problem: fmean(known) for problem, known in values.items()}


def has_interval(line: dict[str, Any]) -> bool:
    """Returns whether a line of evaluations.jsonl has its 95 % interval: of the accuracy, or for several samples of pass@1."""
    bounded = line if line["samples"] == 1 else line.get("pass@1")
    return isinstance(bounded, dict) and has_needed(bounded, INTERVAL)
