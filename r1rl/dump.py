"""The dump: every completion, metric and evaluation of a run as JSONL lines, appended as they come."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from r1rl.prompts import Prompt
from r1rl.records import Scored

SCHEMA_VERSION = 1
ROLLOUTS, METRICS, EVALUATIONS, PROOFS = (
    "rollouts.jsonl",
    "metrics.jsonl",
    "evaluations.jsonl",
    "proofs.jsonl",
)


class Dump:
    """The folder of one run. A line is written whole or, after a crash, repaired on open."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in (ROLLOUTS, METRICS, EVALUATIONS):
            repair(folder / name)

    def append(self, name: str, lines: Iterable[dict[str, Any]]) -> None:
        """Appends lines to one file of the run, in one write."""
        append_lines(self.folder / name, lines)

    def evaluation(self, step: int, lines: Iterable[dict[str, Any]], summary: dict[str, Any]) -> None:
        """The completions of one evaluation and, last, its summary line: an evaluation without one is not complete."""
        path = self.folder / "eval" / f"step_{step}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)  # left by an evaluation that was cut short
        append_lines(path, lines)
        self.append(EVALUATIONS, [summary])

    def cut_after(self, step: int) -> None:
        """Drops all that was written beyond the checkpoint that the run continues from."""
        for name in (ROLLOUTS, METRICS, EVALUATIONS):
            keep_lines(self.folder / name, step)
        for path in (self.folder / "eval").glob("step_*.jsonl"):
            if int(path.stem.removeprefix("step_")) > step:
                path.unlink()


def completion_line(
    step: int,
    split: str,
    group: int,
    sample: int,
    prompt: Prompt,
    scored: Scored,
    advantage: float | None,
    seconds: float,
) -> dict[str, Any]:
    """One completion as the dump shows it; dumps/README.md describes every field."""
    rollout, problem = scored.rollout, scored.problem
    return {
        "schema_version": SCHEMA_VERSION,
        "step": step,
        "split": split,
        "task": problem.task,
        "problem_id": problem.id,
        "level": problem.level,
        "group": group,
        "sample": sample,
        "prompt": prompt.text.removesuffix(prompt.prefix),
        "completion": rollout.completion,
        "tokens": len(rollout.completion_ids),
        "finish": rollout.finish,
        "extracted": scored.extracted,
        "answer": problem.answer,
        "correct": scored.correct,
        "rewards": scored.rewards,
        "reward": scored.reward,
        "advantage": advantage,
        "logprob": sum(rollout.sampler_logprobs),
        "seconds": round(seconds, 3),
    }


def append_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Appends JSON lines. A lone surrogate becomes its JSON escape, so that the file stays valid UTF-8."""
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    with path.open("ab") as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))
        file.flush()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a dump file as a stream; a torn last line is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def repair(path: Path) -> None:
    """Cuts a torn last line, left by a process that was killed while writing."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)


def keep_lines(path: Path, step: int) -> None:
    """Rewrites a file without the lines of steps beyond `step`; the old file stays until the new one is whole."""
    if not path.exists():
        return
    new = path.with_suffix(".new")
    with path.open("rb") as source, new.open("wb") as target:
        for line in source:
            if json.loads(line)["step"] <= step:
                target.write(line)
    new.replace(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)
