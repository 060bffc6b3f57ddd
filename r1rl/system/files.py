"""Reads the user's files (JSONL, CSV, parquet, Arrow), with errors that name file and line; writes folders whole."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError

LFS = b"version https://git-lfs"  # the beginning of a pointer in place of a file
SAVING = ".saving-"  # prefix of a folder that is still being written


@contextlib.contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Yields a folder that becomes the target on success and is removed on failure. Raises UserError."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"-o {str(target)!r} is not empty: choose another folder, nothing was changed.")
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # left by a process that was killed
    try:
        new.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"-o {str(target)!r} cannot be written ({error.strerror}): choose another folder.") from None
    try:
        yield new
        if target.exists():
            target.rmdir()
        new.replace(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


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
                row = json.loads(line, object_pairs_hook=unique)
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


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a JSON object, as json's object_pairs_hook. Raises ValueError for a name that occurs twice."""
    names = [name for name, _ in pairs]
    if (name := repeated(names)) is not None:
        raise ValueError(f"{name!r} occurs twice in an object")
    return dict(pairs)


def repeated(names: Sequence[str]) -> str | None:
    """Returns the first name that occurs twice, or None; empty names do not count."""
    return next((name for i, name in enumerate(names) if name and name in names[:i]), None)


def check_columns(names: Sequence[str], file: Path | str) -> None:
    """Checks that each column has its own name. Raises UserError."""
    if (name := repeated(names)) is not None:
        raise UserError(
            f"{file} has two columns {name!r}, and only one of them could be read: rename or remove one of them."
        )


@contextlib.contextmanager
def csv_reader(file: Path, delimiter: str = ",") -> Iterator[csv.DictReader]:
    """Yields a reader of a table with a header. Raises UserError if the file turns out not to be CSV."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the default refuses texts over 128 KiB
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True, delimiter=delimiter)
        try:
            check_columns(reader.fieldnames or (), file)
            yield reader
        except csv.Error as error:
            raise UserError(f"{file} is not CSV after line {reader.line_num}: {error}.") from None


def parquet_rows(file: Path) -> list[dict[str, Any]]:
    """Returns the rows of a parquet table. Raises UserError."""
    import pyarrow
    import pyarrow.parquet

    try:
        check_columns(pyarrow.parquet.read_schema(file).names, file)
        return table_rows(pyarrow.parquet.read_table(file), file)
    except (pyarrow.ArrowException, OSError) as error:  # OSError: what looks like parquet and is damaged
        raise not_read(file, "a parquet file", error) from None


def arrow_rows(file: Path) -> list[dict[str, Any]]:
    """Returns the rows of an Arrow stream, as the datasets library stores them. Raises UserError."""
    import pyarrow

    try:
        with pyarrow.memory_map(str(file)) as source:
            return table_rows(pyarrow.ipc.open_stream(source).read_all(), file)
    except (pyarrow.ArrowException, OSError) as error:
        raise not_read(file, "an Arrow stream", error) from None


def not_read(file: Path, form: str, error: Exception) -> UserError:
    """Returns the error for a file that is not in its format, or not there: a pointer of Git LFS."""
    if file.is_file() and file.read_bytes().startswith(LFS):
        return UserError(f"{file} is a pointer of Git LFS, not the data: run `git lfs pull` in its folder.")
    return UserError(f"{file} is not {form}: {(str(error).splitlines() or [''])[0]}")


def table_rows(table: Any, file: Path | str) -> list[dict[str, Any]]:
    """Returns the rows of a pyarrow table: binary UTF-8 as text, floats of 16 and 32 bits as their shortest decimal.

    0.1 in 32 bits would otherwise be 0.10000000149011612. Raises UserError for two columns of one name.
    """
    check_columns(table.column_names, file)
    columns = {}
    for name, column in zip(table.column_names, table.columns):
        convert, values = converter(column.type), column.to_pylist()
        columns[name] = values if convert is None else [None if v is None else convert(v) for v in values]
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def converter(kind: Any) -> Callable[[Any], Any] | None:
    """Returns the function for values of a pyarrow type as `table_rows` needs it; None if they stay as they are."""
    import numpy
    from pyarrow import types

    if types.is_float32(kind) or types.is_float16(kind):
        narrow = numpy.float32 if types.is_float32(kind) else numpy.float16
        return lambda value: float(str(narrow(value)))
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return decoded
    if types.is_dictionary(kind):
        return converter(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inside = converter(kind.value_type)
        return inside and (lambda values: [None if v is None else inside(v) for v in values])
    if types.is_struct(kind):
        fields = {f.name: converter(f.type) for f in kind}
        if any(fields.values()):
            return lambda value: {k: v if v is None or not fields[k] else fields[k](v) for k, v in value.items()}
    return None


def decoded(value: bytes) -> str | bytes:
    """Returns UTF-8 as text; anything else, such as an image, unchanged."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
