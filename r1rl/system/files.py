"""Reads the user's files (JSONL, CSV, parquet); errors name the file and the line."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError

SAVING = ".saving-"  # prefix of a folder that is still being written


def read_jsonl(path: Path, form: str = "one object", errors: str = "strict") -> list[tuple[str, dict[str, Any]]]:
    """Returns (place, object) for each line that is not blank. Raises UserError for any other line.

    `form` completes the message "each line must be ...". `errors`: how to decode bytes that are not UTF-8, as in open().
    """
    rows = []
    with path.open(encoding="utf-8-sig", errors=errors) as lines:
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line:
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:  # a number of thousands of digits: a plain ValueError
                place = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
                reason = getattr(error, "msg", error)
                raise UserError(
                    f"{where} is not JSON ({reason}{place}): {line[:40]!r}; each line must be {form}."
                ) from None
            if not isinstance(row, dict):
                raise UserError(f"{where} is a JSON {type(row).__name__}: each line must be {form}.")
            rows.append((where, row))
    return rows


def rows_from_file(path: Path) -> list[tuple[str, dict]]:
    """Returns (place, row) for each line of a dataset's JSONL file. Raises UserError if it is missing or empty."""
    if not path.is_file():
        others = sorted(p.name for p in path.parent.glob("*.jsonl"))
        inside = f"the folder has {', '.join(others)}" if others else "the folder has no .jsonl file"
        raise UserError(f"{path} is missing: a dataset folder needs train.jsonl and test.jsonl ({inside}).")
    rows = read_jsonl(path, errors="surrogateescape")
    if not rows:
        raise UserError(f"{path} is empty: it must hold at least one problem.")
    return rows


@contextlib.contextmanager
def csv_reader(file: Path, delimiter: str = ",") -> Iterator[csv.DictReader]:
    """Yields a reader of a table with a header. Raises UserError if the file turns out not to be CSV."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the default refuses texts over 128 KiB
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True, delimiter=delimiter)
        try:
            yield reader
        except csv.Error as error:
            raise UserError(f"{file} is not CSV after line {reader.line_num}: {error}.") from None


def parquet_rows(file: Path) -> list[dict[str, Any]]:
    """Returns the rows of a parquet table. Raises UserError."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(file).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:  # OSError: what looks like parquet and is damaged
        raise UserError(f"{file} is not a parquet file: {str(error).splitlines()[0]}") from None
