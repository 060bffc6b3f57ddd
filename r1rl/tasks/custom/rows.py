"""Reads rows of user data from JSON lines, JSON, CSV, parquet, Arrow or the hub, each with its place for messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import ARROW, SUFFIXES, eval_split_in
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.files import arrow_rows, csv_reader, parquet_rows, table_rows, unique

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
    """Returns the columns of a row, and the fields of those that hold objects, at any depth."""
    inside = [f"{name}.{key}" for name, value in row.items() if isinstance(value, dict) for key in names_in(value)]
    return [*row, *inside]


def cell(row: dict[str, Any], column: str) -> Any:
    """Returns the value of a column, or of a field of one, as in a.b.c; None if there is none."""
    outer, dot, inner = column.partition(".")
    if column in row or not dot or not isinstance(row.get(outer), dict):
        return row.get(column)
    return cell(row[outer], inner)


def read_files(files: list[Path]) -> Rows:
    """Returns the rows of several files. Raises UserError for a file that is not in its format."""
    readers = {
        ".jsonl": read_lines, ".ndjson": read_lines, ".json": read_json, ".csv": read_table, ".tsv": read_table,
        ".parquet": read_parquet, ARROW: read_arrow,
    }  # fmt: skip
    rows = Rows()
    for file in files:
        if file.suffix.lower() not in readers:
            raise UserError(f"{file} must end in {', '.join(SUFFIXES)}.")
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
                row = json.loads(line, object_pairs_hook=unique) if line else None
            except (ValueError, RecursionError) as error:
                rows.bad.append((place, f"not JSON ({getattr(error, 'msg', error)})"))
                continue
            if line:
                rows.add(place, row)
    return rows


def read_json(file: Path) -> Rows:
    """Reads a list of objects, alone or as the only list in an object; or JSON lines under another name."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=unique)
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


def read_arrow(file: Path) -> Rows:
    """Reads a file of a folder that `save_to_disk` of the datasets library wrote."""
    return Rows([(f"{file}, row {i}", row) for i, row in enumerate(arrow_rows(file), 1)])


def read_hub(name: str, config: str | None, train: str | None, evaluation: str | None) -> tuple[Rows, Rows | None]:
    """Returns the training split and the evaluation split, None without one, of a dataset of the hub. Raises UserError."""
    splits = load_hub(name, config)
    chosen = train or "train"
    for flag, split in (("--train-split", chosen), ("--eval-split", evaluation)):
        if split is not None and split not in splits:
            raise unknown_name(f"{flag} of {name}:", split, splits)
    tested = evaluation or eval_split_in(splits, chosen)
    return hub_split(splits, chosen, name), None if tested is None else hub_split(splits, tested, name)


def load_hub(name: str, config: str | None) -> Any:
    """Returns the splits of a dataset of the hub by name, as the datasets library has them. Raises UserError."""
    import datasets

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(name, config)
    except Exception as error:  # the hub's errors are of many kinds
        reason = " ".join(str(error).split())[:300]
        hint = " Add --dataset-config NAME." if "onfig name is missing" in reason else ""
        raise UserError(f"--dataset-name {name}: the hub did not return it: {reason}{hint}") from None


def hub_split(splits: Any, split: str, name: str) -> Rows:
    """Returns the rows of one split of the dataset `name`."""
    table = splits[split].with_format("arrow")[:]
    return Rows([(f"{name} {split}, row {i}", row) for i, row in enumerate(table_rows(table, name))])
