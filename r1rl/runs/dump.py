"""The dump: every completion, metric and evaluation of a run as JSONL lines, appended as they are made."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from r1rl.records import Prompt, Scored
from r1rl.system import distributed
from r1rl.system.errors import UserError

SCHEMA_VERSION = 2  # 1: without the folder tokens/; all else is the same
ROLLOUTS, METRICS, EVALUATIONS = "rollouts.jsonl", "metrics.jsonl", "evaluations.jsonl"
TOKENS, GAPS = "tokens/train.jsonl", "tokens/gaps.jsonl"  # see tokens.py; the folder may be removed at any time
PROOFS = "proofs.jsonl"
FINE_TUNING = "fine_tuning.jsonl"  # the metrics of supervised steps
GUARDS = "guards.jsonl"  # the findings of the guards
METER = "meter.json"  # the cost of the run, the one file that is rewritten

Fields = dict[str, tuple[type, ...]]  # name -> possible types of its value
NUMBER, TEXT = (int, float), (str,)
# The fields that a resume, the last screen and the page read; a line without one of them counts as damaged.
REQUIRED: dict[str, Fields] = {
    ROLLOUTS: {
        "step": (int,), "group": (int,), "sample": (int,), "problem_id": TEXT, "prompt": TEXT, "completion": TEXT,
        "tokens": (int,), "finish": TEXT, "correct": (bool,), "reward": (*NUMBER, type(None)), "seconds": NUMBER,
    },
    METRICS: {
        "step": (int,), "tokens": (int,), "reward": (*NUMBER, type(None)), "level": (int, type(None)),
        "reasoning_tokens": NUMBER, "seconds": NUMBER,
    },
    EVALUATIONS: {
        "step": (int,), "problems": (int,), "samples": (int,), "accuracy": NUMBER, "mean_tokens": NUMBER,
        "evaluation_seconds": NUMBER, "seconds": NUMBER,
    },
    FINE_TUNING: {"step": (int,), "loss": (*NUMBER, type(None)), "tokens": (int,), "seconds": NUMBER},
    GUARDS: {"step": (int,), "guard": TEXT, "words": TEXT},
    TOKENS: {"step": (int,), "group": (int,), "sample": (int,), "logprobs": TEXT},
    GAPS: {"step": (int,), "group": (int,), "sample": (int,), "gaps": TEXT},
}  # fmt: skip
BY_STEP = tuple(REQUIRED)


class Dump:
    """The folder of one run. A line that a crash has torn is removed when the folder is opened again."""

    def __init__(self, folder: Path):
        self.folder = folder
        # Called with the name of its file and each line about an evaluation or a finding of a guard.
        self.listener: Callable[[str, dict[str, Any]], None] | None = None
        for name in BY_STEP if distributed.is_first() else ():
            repair(folder / name)

    def append(self, name: str, lines: Iterable[dict[str, Any]]) -> None:
        """Appends lines to one file of the run, in one write; with several processes the first one writes."""
        if not distributed.is_first():
            return
        lines = list(lines)
        append_lines(self.folder / name, lines)
        for line in lines if self.listener is not None and name in (EVALUATIONS, GUARDS) else ():
            self.listener(name, line)

    def add_tokens(self, name: str, lines: Iterable[dict[str, Any]]) -> None:
        """Appends lines to one file in the folder tokens/, which is made for the first of them."""
        lines = list(lines) if distributed.is_first() else []
        if lines:
            (self.folder / name).parent.mkdir(exist_ok=True)
            append_lines(self.folder / name, lines)

    def evaluation(
        self, step: int, lines: Iterable[dict[str, Any]], summary: dict[str, Any], tokens: Iterable[dict[str, Any]] = ()
    ) -> None:
        """Writes the completions of one evaluation and their tokens, then its summary line, which marks it as complete."""
        if not distributed.is_first():
            return
        path = self.folder / "eval" / f"step_{step}.jsonl"
        path.parent.mkdir(exist_ok=True)
        for left in (path, self.folder / evaluation_tokens(step)):  # by an evaluation that was interrupted
            left.unlink(missing_ok=True)
        append_lines(path, lines)
        self.add_tokens(evaluation_tokens(step), tokens)
        self.append(EVALUATIONS, [summary])

    def flush(self) -> None:
        """Waits until all lines are on the disk, as they must be before a checkpoint is."""
        evaluations = [*self.folder.glob("eval/*.jsonl"), *self.folder.glob("tokens/eval_*.jsonl")]
        for path in [*(self.folder / name for name in BY_STEP), *evaluations]:
            if path.exists():
                with path.open("rb") as file:
                    os.fsync(file.fileno())

    def cut_after(self, step: int, sampled: int | None = None) -> list[str]:
        """Removes all lines after `step`, the checkpoint from which the run continues.

        `sampled`: the last step whose completions the checkpoint holds, if it is a later one. Returns the places of
        damaged lines, which are removed, too: "metrics.jsonl:117".
        """
        damaged: list[str] = []
        for name in BY_STEP:
            last = sampled if sampled and name in (ROLLOUTS, TOKENS) else step
            keep_lines(self.folder / name, last, REQUIRED[name], damaged)
        for path in sorted((self.folder / "eval").glob("step_*.jsonl")):
            number = path.stem.removeprefix("step_")
            if number.isdecimal() and int(number) > step:
                path.unlink()
                (self.folder / evaluation_tokens(int(number))).unlink(missing_ok=True)
            elif number.isdecimal():
                keep_lines(path, step, REQUIRED[ROLLOUTS], damaged)
        return damaged


def evaluation_tokens(step: int) -> str:
    """Returns the file of an evaluation's tokens, relative to the run's folder."""
    return f"tokens/eval_{step}.jsonl"


def completion_line(
    step: int, split: str, group: int, sample: int, prompt: Prompt, scored: Scored, advantage: float | None,
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Returns the line of one completion; dumps/README.md describes every field."""
    rollout, problem = scored.rollout, scored.problem
    return {
        "schema_version": SCHEMA_VERSION, "step": step, "split": split,
        "task": problem.task, "problem_id": problem.id, "level": problem.level,
        "group": group, "sample": sample, "prompt": prompt.text.removesuffix(prompt.prefix),
        "completion": rollout.completion, "tokens": len(rollout.completion_ids), "finish": rollout.finish,
        "extracted": scored.extracted, "answer": problem.answer, "correct": scored.correct,
        "rewards": scored.rewards, "reward": scored.reward, "advantage": advantage,
        "logprob": sum(rollout.sampler_logprobs), "seconds": round(seconds, 3), "reason": scored.reason,
        **({"notes": scored.notes} if scored.notes else {}),
    }  # fmt: skip


def as_json(line: dict[str, Any]) -> str:
    """Returns a line as JSON, which has neither NaN nor infinity: they become null."""
    try:
        return json.dumps(line, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(without_nan(line), ensure_ascii=False, allow_nan=False)


def without_nan(value: Any) -> Any:
    """Returns the value with None for every number that is not finite."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def append_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Appends JSON lines. A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD."""
    text = "".join(as_json(line) + "\n" for line in lines)
    with path.open("ab") as file:
        file.write(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())
        file.flush()


def read_lines(path: Path, damaged: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yields the lines of a dump file, without those that cannot be read; see `numbered_lines`."""
    for _, line in numbered_lines(path, damaged):
        yield line


def numbered_lines(path: Path, damaged: list[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (number from 1, line) of a dump file.

    A line that is not a JSON object is left out and listed in `damaged` as "rollouts.jsonl:117". A torn last line is left
    out silently: the run may be writing it.
    """
    for number, raw in raw_lines(path):
        line = parsed(raw)
        if line is not None:
            yield number, line
        elif damaged is not None:
            damaged.append(f"{path.name}:{number}")


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields (number from 1, raw line) of a dump file, up to the last complete one."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if raw.endswith(b"\n"):
                yield number, raw


def parsed(raw: bytes) -> dict[str, Any] | None:
    """Returns the object in a line; None if it holds none."""
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):  # also invalid UTF-8
        return None
    return line if isinstance(line, dict) else None


def repair(path: Path) -> None:
    """Removes a torn last line, left by a process that was killed while writing."""
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


def keep_lines(path: Path, step: int, needed: Fields, damaged: list[str]) -> None:
    """Rewrites a file without the lines after `step`; the old file is replaced once the new one is complete.

    A line that is not a JSON object with the needed fields is left out, too, and listed in `damaged`.
    """
    if not path.exists():
        return
    new = path.with_suffix(".new")
    with path.open("rb") as source, new.open("wb") as target:
        for number, raw in enumerate(source, start=1):
            line = parsed(raw)
            if line is None or not has_needed(line, needed):
                damaged.append(f"{path.name}:{number}")
            elif line["step"] <= step:
                target.write(raw)
    new.replace(path)


def has_needed(line: dict[str, Any], needed: Fields) -> bool:
    """Returns whether a line has these fields with these types; true and false do not count as numbers."""
    return all(type(line.get(name, ...)) in allowed for name, allowed in needed.items())


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Returns the object in a JSON file of a run. Raises UserError with the remedy if it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read ({reason}): {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a JSON {type(content).__name__} and must hold an object: {remedy}")
    return content


def read_run(folder: Path) -> dict[str, Any]:
    """Returns run.json of a run, with its config. Raises UserError if it is damaged."""
    remedy = "it describes the run. Restore a copy of it, or use another run."
    described = read_json(folder / "run.json", remedy)
    if not isinstance(described.get("config"), dict):
        raise UserError(f"{folder / 'run.json'} has no config: {remedy}")
    return described


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file completely or not at all."""
    new = path.with_suffix(".new")
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    new.write_text(text, encoding="utf-8", errors="backslashreplace")  # arguments need not be UTF-8
    new.replace(path)
