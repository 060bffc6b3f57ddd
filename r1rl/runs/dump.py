"""The dump: every completion, metric and evaluation of a run as JSONL lines, appended as they come."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from r1rl.records import Prompt, Scored
from r1rl.system import distributed
from r1rl.system.errors import UserError

SCHEMA_VERSION = 1

ROLLOUTS, METRICS, EVALUATIONS, PROOFS = (
    "rollouts.jsonl",
    "metrics.jsonl",
    "evaluations.jsonl",
    "proofs.jsonl",
)

FINE_TUNING = "fine_tuning.jsonl"  # what metrics.jsonl is, for supervised steps

GUARDS = "guards.jsonl"  # what the guards found

METER = "meter.json"  # what the run has cost, the one file that is written anew

Fields = dict[str, tuple[type, ...]]  # name -> what kinds of value it may have

NUMBER, WORDS = (int, float), (str,)

# What a resume, the last screen and the page read of each line; one without it is taken for damaged.
NEEDED: dict[str, Fields] = {
    ROLLOUTS: {
        "step": (int,), "group": (int,), "sample": (int,), "problem_id": WORDS, "prompt": WORDS, "completion": WORDS,
        "tokens": (int,), "finish": WORDS, "correct": (bool,), "reward": (*NUMBER, type(None)), "seconds": NUMBER,
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
    GUARDS: {"step": (int,), "guard": WORDS, "words": WORDS},
}  # fmt: skip

BY_STEP = tuple(NEEDED)


class Dump:
    """The folder of one run. A line is written whole or, after a crash, repaired on open."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in BY_STEP if distributed.is_first() else ():
            repair(folder / name)

    def append(self, name: str, lines: Iterable[dict[str, Any]]) -> None:
        """Appends lines to one file of the run, in one write. Of several processes the first one writes, all can read."""
        if distributed.is_first():
            append_lines(self.folder / name, lines)

    def evaluation(self, step: int, lines: Iterable[dict[str, Any]], summary: dict[str, Any]) -> None:
        """The completions of one evaluation and its summary line, last: without it, it is not complete."""
        if not distributed.is_first():
            return
        path = self.folder / "eval" / f"step_{step}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)  # left by an evaluation that was cut short
        append_lines(path, lines)
        self.append(EVALUATIONS, [summary])

    def flush(self) -> None:
        """Waits until all lines are on the disk: a checkpoint must not outlive the lines before it."""
        for path in [self.folder / name for name in BY_STEP] + list((self.folder / "eval").glob("*.jsonl")):
            if path.exists():
                with path.open("rb") as file:
                    os.fsync(file.fileno())

    def cut_after(self, step: int, sampled: int | None = None) -> list[str]:
        """Drops all that was written beyond the checkpoint that the run continues from.

        `sampled` is the last step whose completions the checkpoint holds, where that is a later one. Returns the
        places of lines that could not be read or lack something and were dropped, too: "metrics.jsonl:117".
        """
        damaged: list[str] = []
        for name in BY_STEP:
            last = sampled if sampled and name == ROLLOUTS else step
            keep_lines(self.folder / name, last, NEEDED[name], damaged)
        for path in sorted((self.folder / "eval").glob("step_*.jsonl")):
            number = path.stem.removeprefix("step_")
            if number.isdecimal() and int(number) > step:
                path.unlink()
            elif number.isdecimal():
                keep_lines(path, step, NEEDED[ROLLOUTS], damaged)
        return damaged


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
        "reason": scored.reason,
    }


def as_json(line: dict[str, Any]) -> str:
    """A line as JSON, which has no NaN and no infinity: where weights are broken, null stands for them."""
    try:
        return json.dumps(line, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(without_nan(line), ensure_ascii=False, allow_nan=False)


def without_nan(value: Any) -> Any:
    """The same with None for every number that is not finite."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def append_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Appends JSON lines. Half a surrogate pair, which is no UTF-8, becomes U+FFFD: every reader takes that."""
    text = "".join(as_json(line) + "\n" for line in lines)
    with path.open("ab") as file:
        file.write(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())
        file.flush()


def read_lines(path: Path, damaged: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The lines of a dump file as a stream, without those that cannot be read; see `numbered_lines`."""
    for _, line in numbered_lines(path, damaged):
        yield line


def numbered_lines(path: Path, damaged: list[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, line) of a dump file as a stream.

    A line that is no JSON object is left out and named in `damaged` as "rollouts.jsonl:117". A torn last line
    is left out without a word: the run may be writing it.
    """
    for number, raw in raw_lines(path):
        line = parsed(raw)
        if line is not None:
            yield number, line
        elif damaged is not None:
            damaged.append(f"{path.name}:{number}")


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line as it stands) of a dump file, up to the last whole one."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if raw.endswith(b"\n"):
                yield number, raw


def parsed(raw: bytes) -> dict[str, Any] | None:
    """The object in a line; None where there is none."""
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):  # also invalid UTF-8
        return None
    return line if isinstance(line, dict) else None


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


def keep_lines(path: Path, step: int, needed: Fields, damaged: list[str]) -> None:
    """Rewrites a file without the lines of steps beyond `step`; the old one stays until the new is whole.

    A line that is no JSON object with what is needed is left out, too, and named in `damaged`.
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
    """Whether a line has these fields, each of its kind; JSON's true and false are no numbers here."""
    kinds = [(type(line.get(name, ...)), allowed) for name, allowed in needed.items()]
    return all(kind in allowed for kind, allowed in kinds)


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The object in a JSON file of a run. Raises UserError with the remedy for a file that is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read ({reason}): {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a JSON {type(content).__name__} and must hold an object: {remedy}")
    return content


def read_run(folder: Path) -> dict[str, Any]:
    """run.json of a run, with its config. Raises UserError where it is damaged."""
    remedy = (
        "it says what the run was. Put back a copy of it, or leave this folder as it is and use another run."
    )
    described = read_json(folder / "run.json", remedy)
    if not isinstance(described.get("config"), dict):
        raise UserError(f"{folder / 'run.json'} has no config: {remedy}")
    return described


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file whole or not at all."""
    new = path.with_suffix(".new")
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    new.write_text(text, encoding="utf-8", errors="backslashreplace")  # an argument may be no UTF-8
    new.replace(path)
