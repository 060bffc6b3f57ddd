"""CSV and parquet files that users bring: read by the field's libraries, and what is wrong with them told."""

from __future__ import annotations

import contextlib
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError


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
    except pyarrow.ArrowException as error:
        raise UserError(f"{file} is not a parquet file: {str(error).splitlines()[0]}") from None
