"""An index of a run's completions: where each line is, and what it is filtered and sorted by.

It is kept in browse.npz next to the dump, so that 200,000 completions open at once. It is never needed: a missing, stale or
damaged one is made again, and what a running training has appended is added.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from r1rl.reports.completions import FIELDS, Completion, Filter, files
from r1rl.reports.selfcheck import OUTCOMES
from r1rl.runs.dump import has_needed, parsed

NAME = "browse.npz"
VERSION = 2  # 2: outcome "missed"
CHECKS = ("none", *OUTCOMES)
NO_LEVEL = -1
ROW = np.dtype(
    [("file", "u2"), ("start", "i8"), ("size", "i4"), ("number", "i4"), ("step", "i4"), ("group", "i4"), ("sample", "i4"),
     ("tokens", "i4"), ("correct", "?"), ("reward", "f4"), ("level", "i4"), ("check", "u1"), ("problem", "i4")]
)  # fmt: skip
SORTS = ("step", "tokens", "reward", "problem")


@dataclass(frozen=True, slots=True)
class Part:
    """What of one file is indexed: its bytes and lines, and the checksum of its last indexed line."""

    name: str  # relative to the run's folder
    end: int = 0
    lines: int = 0
    last: int = 0  # where the last indexed line starts
    checksum: int = 0


@dataclass(frozen=True)
class Index:
    """The completions of a run in the order of `reports.completions.files`; `rows` has a ROW for each."""

    folder: Path
    parts: tuple[Part, ...]
    rows: np.ndarray
    problems: tuple[str, ...]

    def read(self, row: int) -> Completion:
        """Returns one completion of the dump. Raises LookupError if the dump has changed and the line is gone."""
        try:
            with self.path(row).open("rb") as file:
                raw = self.bytes_of(row, file)
        except OSError:
            raw = b""
        return self.completion(row, raw)

    def path(self, row: int) -> Path:
        """Returns the file of a completion."""
        return self.folder / self.parts[self.rows[row]["file"]].name

    def bytes_of(self, row: int, file: BinaryIO) -> bytes:
        """Returns the line of a completion from its file."""
        file.seek(int(self.rows[row]["start"]))
        return file.read(int(self.rows[row]["size"]))

    def completion(self, row: int, raw: bytes) -> Completion:
        """Returns the completion in its line. Raises LookupError if the line is another one now."""
        entry, path, line = self.rows[row], self.path(row), parsed(raw)
        if line is None or not has_needed(line, FIELDS) or line["step"] != entry["step"]:
            raise LookupError(f"{path.name}:{entry['number']} has changed")
        return Completion(path, int(entry["number"]), line)


def open_index(folder: Path) -> Index:
    """Returns the run's index, up to date, and keeps it next to the dump if the folder can be written."""
    kept = load(folder)
    index = refreshed(kept)
    if index is not kept:
        save(index)
    return index


def load(folder: Path) -> Index:
    """Returns the kept index, or an empty one."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as content:
            head = json.loads(str(content["head"]))
            if head["version"] == VERSION and content["rows"].dtype == ROW:
                parts = tuple(Part(**part) for part in head["parts"])
                return Index(folder, parts, content["rows"], tuple(head["problems"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error):
        pass
    except Exception as error:  # zipfile.BadZipFile, whose module is slow to import
        if type(error).__name__ != "BadZipFile":
            raise
    return Index(folder, (), np.empty(0, ROW), ())


def save(index: Index) -> None:
    """Writes the index completely or not at all; a read-only folder goes without one."""
    head = {"version": VERSION, "parts": [dataclasses.asdict(p) for p in index.parts], "problems": index.problems}
    new = index.folder / f"{NAME}.new"
    with contextlib.suppress(OSError):
        with new.open("wb") as file:
            np.savez(file, head=np.array(json.dumps(head)), rows=index.rows)
        new.replace(index.folder / NAME)


def refreshed(index: Index) -> Index:
    """Returns the index with what was appended since; a file that was cut or rewritten is read again.

    Returns the same object if nothing has changed.
    """
    known = {part.name: (number, part) for number, part in enumerate(index.parts)}
    problems = {name: number for number, name in enumerate(index.problems)}
    parts, found, changed = [], [], False
    for path in files(index.folder):
        name = path.relative_to(index.folder).as_posix()
        old, part = known.get(name, (None, Part(name)))
        if not is_whole(path, part):
            old, part = None, Part(name)
        kept = index.rows[index.rows["file"] == old].copy() if old is not None else np.empty(0, ROW)
        grown, entries = appended(path, part, problems)
        kept["file"] = len(parts)
        added = np.array([(len(parts), *entry) for entry in entries], ROW)
        changed = changed or old != len(parts) or grown != part
        parts.append(grown)
        found += [kept, added]
    if not changed and len(parts) == len(index.parts):
        return index
    rows = np.concatenate(found) if found else np.empty(0, ROW)
    return Index(index.folder, tuple(parts), rows, tuple(problems))


def is_whole(path: Path, part: Part) -> bool:
    """Returns whether the indexed part of a file is still in it: --resume cuts files back and appends others."""
    if not part.end:
        return True
    try:
        with path.open("rb") as file:
            file.seek(part.last)
            raw = file.read(part.end - part.last)
    except OSError:
        return False
    return len(raw) == part.end - part.last and zlib.crc32(raw) == part.checksum


def appended(path: Path, part: Part, problems: dict[str, int]) -> tuple[Part, list[tuple[Any, ...]]]:
    """Returns the part as it is now, and the entries (without their file) of its new complete lines."""
    entries: list[tuple[Any, ...]] = []
    end, lines, last, checksum = part.end, part.lines, part.last, part.checksum
    if not path.exists():
        return part, entries
    with path.open("rb") as file:
        file.seek(end)
        for raw in file:
            if not raw.endswith(b"\n"):  # the run may be writing it
                break
            lines += 1
            completion = Completion(path, lines, parsed(raw) or {})
            if has_needed(completion.line, FIELDS):
                entries.append((end, len(raw), lines, *values(completion, problems)))
            last, checksum, end = end, zlib.crc32(raw), end + len(raw)
    return Part(part.name, end, lines, last, checksum), entries


def values(completion: Completion, problems: dict[str, int]) -> tuple[Any, ...]:
    """Returns the values of ROW from "step" on."""
    line, check = completion.line, completion.check
    level = line.get("level")
    return (
        *(line[name] for name in ("step", "group", "sample", "tokens", "correct")),
        float("nan") if line["reward"] is None else line["reward"],
        level if isinstance(level, int) else NO_LEVEL,
        CHECKS.index(check.outcome) if check is not None else 0,
        problems.setdefault(line["problem_id"], len(problems)),
    )


# ---- questions


def matching(
    index: Index, wanted: Filter, tokens: tuple[float, float] = (0, np.inf), reward: float | None = None
) -> np.ndarray:
    """Returns the numbers of the rows that pass, in order, without looking at texts: `wanted.contains` is for `search`.

    `tokens`: smallest and largest length. `reward`: the exact reward, to float32.
    """
    rows = index.rows
    passed = (rows["step"] >= wanted.first_step) & (rows["step"] <= wanted.last_step)
    passed &= (rows["tokens"] >= tokens[0]) & (rows["tokens"] <= tokens[1])
    if wanted.split is not None:
        evaluations = [number for number, part in enumerate(index.parts) if part.name.startswith("eval/")]
        passed &= np.isin(rows["file"], evaluations) == (wanted.split == "eval")
    if wanted.correct is not None:
        passed &= rows["correct"] == wanted.correct
    if reward is not None:
        passed &= np.isclose(rows["reward"], reward)
    if wanted.level is not None:
        passed &= rows["level"] == wanted.level
    if wanted.problem is not None:
        known = index.problems.index(wanted.problem) if wanted.problem in index.problems else -1
        passed &= rows["problem"] == known
    if wanted.selfcheck is not None:
        checked = rows["check"] > 0
        one = {"any": checked, "none": ~checked}
        passed &= one[wanted.selfcheck] if wanted.selfcheck in one else rows["check"] == CHECKS.index(wanted.selfcheck)
    return np.flatnonzero(passed)


def search(index: Index, rows: np.ndarray, text: str) -> Iterator[int]:
    """Yields those of the rows whose prompt or completion has a text, in any case, as they are read.

    Only lines whose bytes have the text are parsed; outside ASCII, where a text has several byte forms, all are.
    """
    wanted = text.lower()
    form = json.dumps(wanted)[1:-1].encode() if wanted.isascii() else b""
    with contextlib.ExitStack() as stack:
        opened: dict[int, BinaryIO | None] = {}
        for row in map(int, rows):
            number = int(index.rows[row]["file"])
            if number not in opened:
                path = index.path(row)
                opened[number] = stack.enter_context(path.open("rb")) if path.is_file() else None
            if (file := opened[number]) is None or form not in (raw := index.bytes_of(row, file)).lower():
                continue
            with contextlib.suppress(LookupError):
                line = index.completion(row, raw).line
                if wanted in line["completion"].lower() or wanted in line["prompt"].lower():
                    yield row


def in_order(index: Index, rows: np.ndarray, by: str, descending: bool = False) -> np.ndarray:
    """Returns the rows sorted by one of SORTS; equal ones keep their order, and rewards that do not apply are last."""
    keys = index.rows[by][rows]
    if by == "problem":
        places = {
            number: place for place, number in enumerate(np.argsort(np.array(index.problems or [""]), kind="stable"))
        }
        keys = np.array([places[int(key)] for key in keys], dtype=np.int64)
    return rows[np.argsort(-keys if descending else keys, kind="stable")]


def siblings(index: Index, row: int) -> np.ndarray:
    """Returns the rows of the same group, this one included, by sample."""
    entry, rows = index.rows[row], index.rows
    same = (rows["file"] == entry["file"]) & (rows["step"] == entry["step"]) & (rows["group"] == entry["group"])
    return in_order_of(np.flatnonzero(same), rows["sample"])


def through_time(index: Index, row: int) -> np.ndarray:
    """Returns the rows of the same problem and sample in the same split, this one included, by step."""
    entry, rows = index.rows[row], index.rows
    evaluated = np.array([part.name.startswith("eval/") for part in index.parts])
    same = (rows["problem"] == entry["problem"]) & (rows["sample"] == entry["sample"])
    same &= evaluated[rows["file"]] == evaluated[entry["file"]]
    return in_order_of(np.flatnonzero(same), rows["step"])


def in_order_of(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns the rows sorted by their values."""
    return rows[np.argsort(values[rows], kind="stable")]
