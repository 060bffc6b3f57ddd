"""Reads rows of custom data from JSON lines, JSON, CSV, parquet or the hub, each with its place for messages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import SUFFIXES
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.files import csv_reader, parquet_rows

EVAL_SPLITS = ("test", "validation", "valid", "val", "dev", "eval")  # the first one that exists is used
DATA_FOLDER = "data"  # of a dataset that was cloned from the hub

Row = tuple[str, dict[str, Any]]  # (place, columns)


@dataclass(slots=True)
class Rows:
    """The rows of a split, and the unreadable ones as (place, reason)."""

    good: list[Row] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: str, row: Any) -> None:
        """Adds a JSON value, which must be an object."""
        if isinstance(row, dict):
            self.good.append((place, row))
        else:
            self.bad.append((place, f"a JSON {type(row).__name__} instead of an object"))

    def columns(self) -> list[str]:
        """Returns all columns in order, and the fields of those that hold objects, as in reward.answer."""
        return list(dict.fromkeys(column for _, row in self.good for column in names_in(row)))

    def total(self) -> int:
        """Returns the number of rows, unreadable ones included."""
        return len(self.good) + len(self.bad)


def names_in(row: dict[str, Any]) -> list[str]:
    """Returns the columns of a row, and the fields of those that hold an object."""
    inside = [f"{name}.{key}" for name, value in row.items() if isinstance(value, dict) for key in value]
    return [*row, *inside]


def cell(row: dict[str, Any], column: str) -> Any:
    """Returns the value of a column, or of a field of one."""
    outer, dot, key = column.partition(".")
    if column in row or not dot or not isinstance(row.get(outer), dict):
        return row.get(column)
    return row[outer].get(key)


def files_of(path: Path, train: str | None, evaluation: str | None) -> tuple[list[Path], list[Path]]:
    """Returns the files of the training split and of the evaluation split, which may be none. Raises UserError."""
    if path.is_file():
        if evaluation is not None or train is not None:
            raise UserError(
                f"--train-split and --eval-split name files in a folder, and --dataset-path {str(path)!r} is a file: "
                "leave them out (a part is used for evaluation), or give the folder."
            )
        return [path], []
    if not path.is_dir():
        raise UserError(
            f"--dataset-path {str(path)!r} does not exist: it must be a file ({', '.join(SUFFIXES)}) or a folder of such."
        )
    by_split = splits_in(path)
    if not by_split:
        raise UserError(f"--dataset-path {str(path)!r} holds no file that ends in {', '.join(SUFFIXES)}.")
    chosen = train or ("train" if "train" in by_split else None)
    if chosen is None:
        others = [name for name in by_split if name not in EVAL_SPLITS and name != evaluation]
        if len(others) != 1:
            raise UserError(
                f"--dataset-path {str(path)!r}: which of {', '.join(by_split)} is for training? Add --train-split NAME."
            )
        chosen = others[0]
    for flag, name in (("--train-split", chosen), ("--eval-split", evaluation)):
        if name is not None and name not in by_split:
            raise unknown_name(f"{flag} in {path}:", name, by_split)
    return by_split[chosen], by_split.get(evaluation or eval_split_in(by_split, chosen), [])


def eval_split_in(splits: Iterable[str], train: str) -> str | None:
    """Returns the first of EVAL_SPLITS that exists and is not the training split, or None."""
    return next((name for name in EVAL_SPLITS if name in splits and name != train), None)


def splits_in(folder: Path) -> dict[str, list[Path]]:
    """Returns a folder's data files by split: train.csv, or train-00000-of-00002.parquet in it or its folder data.

    Raises UserError for a link that leads out of the folder.
    """
    places = [folder, folder / DATA_FOLDER]
    files = sorted(p for place in places if place.is_dir() for p in place.iterdir() if p.suffix.lower() in SUFFIXES)
    by_split: dict[str, list[Path]] = {}
    for file in files:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"{file} leads out of the folder, to {file.resolve()}: nothing outside of --dataset-path {folder} is "
                "read. Copy the file into it."
            )
        split = file.stem.partition("-0")[0] if "-of-" in file.stem else file.stem
        by_split.setdefault(split, []).append(file)
    return by_split


def read_files(files: list[Path]) -> Rows:
    """Returns the rows of several files. Raises UserError for a file that is not in its format."""
    readers = {
        ".jsonl": read_lines, ".ndjson": read_lines, ".json": read_json, ".csv": read_table, ".tsv": read_table,
        ".parquet": read_parquet,
    }  # fmt: skip
    rows = Rows()
    for file in files:
        if file.suffix.lower() not in readers:
            raise UserError(f"--dataset-path {str(file)!r} must end in {', '.join(SUFFIXES)}.")
        try:
            content = readers[file.suffix.lower()](file)
        except UnicodeDecodeError as error:
            raise UserError(f"{file} is not UTF-8 (byte {error.start}): save it as UTF-8.") from None
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror or error}.") from None
        if not content.total():
            raise UserError(f"{file} is empty: it must hold at least one row.")
        rows.good += content.good
        rows.bad += content.bad
    return rows


def read_lines(file: Path) -> Rows:
    """Reads JSON lines with an object in each."""
    rows = Rows()
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(map(str.strip, lines), 1):
            place = f"{file}, line {number}"
            try:
                row = json.loads(line) if line else None
            except (ValueError, RecursionError) as error:
                rows.bad.append((place, f"not JSON ({getattr(error, 'msg', error)})"))
                continue
            if line:
                rows.add(place, row)
    return rows


def read_json(file: Path) -> Rows:
    """Reads a list of objects, alone or as the only list in an object; or JSON lines under another name."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return read_lines(file)
        raise UserError(
            f"{file}, line {error.lineno} is not JSON ({error.msg}): it must hold a list of objects."
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON ({str(error)[:100]}): it must hold a list of objects.") from None
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        content = lists[0] if len(lists) == 1 else [content]
    if not isinstance(content, list):
        raise UserError(f"{file} holds a JSON {type(content).__name__}: it must hold a list of objects.")
    rows = Rows()
    for number, row in enumerate(content, 1):
        rows.add(f"{file}, item {number}", row)
    return rows


def read_table(file: Path) -> Rows:
    """Reads CSV with a header and commas, or TSV with tabs. An empty field counts as missing. Raises UserError."""
    rows = Rows()
    with csv_reader(file, "\t" if file.suffix.lower() == ".tsv" else ",") as reader:
        header = reader.fieldnames or []
        if len(header) == 1 and ";" in header[0]:
            raise UserError(f"{file} has semicolons instead of commas: its first line is {header[0][:60]!r}.")
        for row in reader:
            place = f"{file}, line {reader.line_num}"
            if None in row or None in row.values():
                count = "more" if None in row else "fewer"
                rows.bad.append((place, f"{count} fields than the header's {len(header)}"))
            else:
                rows.good.append((place, {name: value or None for name, value in row.items()}))
    return rows


def read_parquet(file: Path) -> Rows:
    """Reads a parquet table."""
    return Rows([(f"{file}, row {i}", row) for i, row in enumerate(parquet_rows(file), 1)])


def read_hub(name: str, config: str | None, train: str | None, evaluation: str | None) -> tuple[Rows, Rows | None]:
    """Returns the training split and the evaluation split, None without one, of a dataset of the hub. Raises UserError."""
    import datasets

    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(name, config)
    except Exception as error:  # the hub's errors are of many kinds
        reason = " ".join(str(error).split())[:300]
        hint = " Add --dataset-config NAME." if "onfig name is missing" in reason else ""
        raise UserError(f"--dataset-name {name}: the hub did not return it: {reason}{hint}") from None
    chosen = train or "train"
    for flag, split in (("--train-split", chosen), ("--eval-split", evaluation)):
        if split is not None and split not in splits:
            raise unknown_name(f"{flag} of {name}:", split, splits)
    tested = evaluation or eval_split_in(splits, chosen)

    def rows(split: str) -> Rows:
        return Rows([(f"{name} {split}, row {i}", dict(row)) for i, row in enumerate(splits[split])])

    return rows(chosen), None if tested is None else rows(tested)
