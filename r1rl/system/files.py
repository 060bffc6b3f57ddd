"""Reads a JSONL file of the user's: one object a line, each with the place that error messages name."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError

SAVING = ".saving-"  # begins the name of a folder that is still being written


def read_jsonl(
    path: Path, form: str = "one object", errors: str = "strict"
) -> list[tuple[str, dict[str, Any]]]:
    """(place, object) of each line that is not blank. Raises UserError for a line that is something else.

    `form` is what the message says that a line must be, `errors` what becomes of bytes that are no UTF-8, as in open().
    """
    rows = []
    with path.open(encoding="utf-8-sig", errors=errors) as lines:
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line:
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except (
                ValueError,
                RecursionError,
            ) as error:  # a number of thousands of digits is no JSONDecodeError
                place = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
                reason = getattr(error, "msg", error)
                raise UserError(
                    f"{where} is not JSON ({reason}{place}): {line[:40]!r}; each line must be {form}."
                ) from None
            if not isinstance(row, dict):
                raise UserError(f"{where} is a JSON {type(row).__name__}: each line must be {form}.")
            rows.append((where, row))
    return rows


@contextlib.contextmanager
def csv_reader(file: Path, delimiter: str = ",") -> Iterator[csv.DictReader]:
    """A reader of a table with a header. Raises UserError where, while it is read, the file turns out to be no CSV."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the default refuses texts over 128 KiB
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True, delimiter=delimiter)
        try:
            yield reader
        except csv.Error as error:
            raise UserError(f"{file} is not CSV after line {reader.line_num}: {error}.") from None


def parquet_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a parquet table. Raises UserError."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(file).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:  # OSError: what looks like parquet and is damaged
        raise UserError(f"{file} is not a parquet file: {str(error).splitlines()[0]}") from None


def rows_from_file(path: Path) -> list[tuple[str, dict]]:
    """(place, row) for each line of a JSONL file. Raises UserError."""
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.jsonl"))
        there = f"the folder has {', '.join(beside)}" if beside else "the folder has no .jsonl file"
        raise UserError(f"{path} is missing: a dataset folder needs train.jsonl and test.jsonl ({there}).")
    rows = read_jsonl(path, errors="surrogateescape")
    if not rows:
        raise UserError(f"{path} is empty: it must hold at least one problem.")
    return rows
