"""The command `grade`: grades a file of completions and counts how often its labels, if any, agree."""

from __future__ import annotations

import argparse
import csv
import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from r1rl.rewards.grading.numbers import FORMATS, Grade, grade, parse_gold
from r1rl.runs.stats import format_accuracy
from r1rl.system.errors import UserError
from r1rl.system.files import csv_reader, parquet_rows, read_jsonl

SUFFIXES = (".jsonl", ".csv", ".parquet")

NEW_COLUMNS = ("extracted", "correct")

LABELS = dict.fromkeys(("true", "t", "1", "1.0", "yes", "y", "correct", "right"), True) | dict.fromkeys(
    ("false", "f", "0", "0.0", "no", "n", "incorrect", "wrong"), False
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("file", metavar="FILE", help="completions to grade: .jsonl, .csv or .parquet")
    parser.add_argument("--completion", metavar="COLUMN", required=True, help="column with the completions")
    parser.add_argument("--answer", metavar="COLUMN", required=True, help="column with the gold answers")
    parser.add_argument(
        "--format",
        dest="answer_format",
        choices=FORMATS,
        default="auto",
        help="where the answer stands: in <answer> tags, after ####, in \\boxed{}, or the first of these "
        "that is there, else the last number (default: auto)",
    )
    parser.add_argument("--label", metavar="COLUMN", help="column that says whether each completion is right")
    parser.add_argument(
        "--not-remove-comma", action="store_true", help="keep commas in numbers when comparing"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="graded copy (default: FILE with .graded before its suffix)"
    )


def run(args: argparse.Namespace) -> int:
    """Grades the file, writes the copy, prints what came out. Raises UserError for unusable input."""
    source = Path(args.file)
    check_source(source)
    output = output_path(source, args.output)
    rows = read_rows(source)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for option in ("completion", "answer", "label"):
        check_column(getattr(args, option), option, columns, source)
    remove_comma = not args.not_remove_comma
    completions = [as_text(row, args.completion, i, source) for i, row in enumerate(rows, 1)]
    golds = [gold_of(row, args.answer, i, source, remove_comma) for i, row in enumerate(rows, 1)]
    grades = [grade(text, gold, args.answer_format, remove_comma) for text, gold in zip(completions, golds)]
    labels = [label_of(row, args.label, i, source) for i, row in enumerate(rows, 1)] if args.label else None
    write_rows(output, rows, grades, source)
    print_summary(grades, labels, args)
    print(f"written:   {output}")
    return 0


def check_source(source: Path) -> None:
    """Raises UserError for a file that cannot be graded."""
    needed = "grade reads a .jsonl, .csv or .parquet file of completions"
    if source.suffix.lower() not in SUFFIXES:
        raise UserError(f"{source} has the suffix {source.suffix!r}: {needed}; convert or rename it.")
    if not source.is_file():
        raise UserError(f"{source} is not an existing file: {needed}; check the path.")
    if source.stat().st_size == 0:
        raise UserError(f"{source} is empty: {needed}, at least one row.")


def output_path(source: Path, wanted: str | None) -> Path:
    """Where the graded copy goes. Raises UserError where it would overwrite the input or has no folder."""
    output = Path(wanted) if wanted else source.with_name(f"{source.stem}.graded{source.suffix}")
    if output.suffix.lower() != source.suffix.lower():
        raise UserError(
            f"--output {output} has the suffix {output.suffix!r}: the graded copy keeps the format of its "
            f"source, so the suffix must be {source.suffix!r}."
        )
    if output.exists() and output.samefile(source):
        raise UserError(
            f"--output {output} is the input itself, which is never overwritten; give another name."
        )
    if not output.parent.is_dir():
        raise UserError(f"--output {output}: there is no folder {output.parent}; make it first.")
    return output


def check_column(column: str | None, option: str, columns: Sequence[str], source: Path) -> None:
    """Raises UserError for a column that is not there, with the nearest that is."""
    if column is None or column in columns:
        return
    near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise UserError(f"--{option} {column!r} is not a column of {source}: it has {', '.join(columns)}{hint}")


# Reading: rows are dicts, whatever the format; values stay as the file has them.


def read_rows(source: Path) -> list[dict]:
    """All rows of the file. Raises UserError for a file that is not in its suffix's format or has no rows."""
    readers = {".jsonl": read_objects, ".csv": read_csv, ".parquet": parquet_rows}
    try:
        rows = readers[source.suffix.lower()](source)
    except UnicodeDecodeError as error:
        raise UserError(f"{source} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror or error}.") from None
    if not rows:
        raise UserError(f"{source} has no rows: there is nothing to grade.")
    return rows


def read_objects(source: Path) -> list[dict]:
    return [row for _, row in read_jsonl(source)]


def read_csv(source: Path) -> list[dict]:
    with csv_reader(source) as reader:
        rows = list(reader)
    for number, row in enumerate(rows, 1):
        if None in row:
            raise UserError(
                f"{source}, row {number} has more fields than the header's {len(row) - 1}: "
                "a text with a comma in it must stand in double quotes."
            )
    return rows


# Values of one row


def is_missing(value: object) -> bool:
    """None, the NaN that stands for a gap in a column of numbers, or blank text."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def as_text(row: dict, column: str, number: int, source: Path) -> str:
    """A value as text, "" where it is missing. Raises UserError for lists and the like."""
    value = row.get(column)
    if isinstance(value, (list, dict)):
        raise UserError(
            f"{source}, row {number}: column {column!r} holds a {type(value).__name__}, it must hold text "
            "or a number; write the text to grade in a column of its own."
        )
    return "" if is_missing(value) else str(value)


def gold_of(row: dict, column: str, number: int, source: Path, remove_comma: bool) -> str:
    """The row's gold answer. Raises UserError where it is missing or not one number."""
    try:
        return parse_gold(as_text(row, column, number, source), remove_comma)
    except ValueError as error:
        raise UserError(f"{source}, row {number}, column {column!r}: {error}") from None


def label_of(row: dict, column: str, number: int, source: Path) -> bool | None:
    """The row's label, None where it is missing. Raises UserError for one that is neither right nor wrong."""
    value = row.get(column)
    if is_missing(value):
        return None
    label = LABELS.get(str(value).strip().lower())
    if label is None:
        raise UserError(
            f"{source}, row {number}: the label {value!r} in column {column!r} says neither right nor wrong; "
            f"labels must be one of {', '.join(LABELS)}."
        )
    return label


# Writing


def write_rows(output: Path, rows: list[dict], grades: list[Grade], source: Path) -> None:
    """Writes the rows with their grades beside them, whole or not at all. Raises UserError."""
    graded = [graded_row(row, result) for row, result in zip(rows, grades)]
    writers = {".jsonl": write_jsonl, ".csv": write_csv, ".parquet": write_parquet}
    partial = output.with_name(f".{output.name}.partial")
    try:
        writers[output.suffix.lower()](partial, graded, source)
        partial.replace(output)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror or error}.") from None
    finally:
        partial.unlink(missing_ok=True)


def kept_name(column: str) -> str:
    """The name of an input column in the copy: an earlier grading is kept, not overwritten."""
    return f"{column}_before" if column.replace("_before", "") in NEW_COLUMNS else column


def graded_row(row: dict, result: Grade) -> dict:
    kept = {kept_name(column): value for column, value in row.items()}
    return kept | {"extracted": result.extracted, "correct": result.correct}


def write_jsonl(path: Path, rows: list[dict], source: Path) -> None:
    # backslashreplace: half a surrogate pair, which is no UTF-8, goes out as the JSON escape it came in as
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_csv(path: Path, rows: list[dict], source: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[dict], source: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    old = pyarrow.parquet.read_schema(source)  # so that the copied columns keep their types
    fields = [field.with_name(kept_name(field.name)) for field in old]
    fields += [pyarrow.field("extracted", pyarrow.string()), pyarrow.field("correct", pyarrow.bool_())]
    table = pyarrow.Table.from_pylist(rows, pyarrow.schema(fields))
    pyarrow.parquet.write_table(table, path)


# The summary


def print_summary(grades: list[Grade], labels: list[bool | None] | None, args: argparse.Namespace) -> None:
    """Prints accuracy and agreement with their intervals."""
    flags = [result.correct for result in grades]
    unread = sum(result.value is None for result in grades)
    print(f"accuracy:  {format_accuracy(sum(flags), len(flags))}")
    print(
        f"no answer: {unread} of {len(flags)} completions hold no single number (format {args.answer_format})"
    )
    if labels is None:
        return
    pairs = [(flag, label, i) for i, (flag, label) in enumerate(zip(flags, labels), 1) if label is not None]
    if not pairs:
        print(f"agreement: column {args.label!r} has no label")
        return
    print(f"agreement: {format_accuracy(sum(flag == label for flag, label, _ in pairs), len(pairs))}")
    for flag, meaning in ((True, "graded right, labelled wrong"), (False, "graded wrong, labelled right")):
        print_rows(meaning, [i for graded, label, i in pairs if graded is flag and label is not flag])


def print_rows(meaning: str, numbers: list[int], most: int = 10) -> None:
    if numbers:
        more = ", ..." if len(numbers) > most else ""
        print(f"           {meaning}: {len(numbers)} (row {', '.join(map(str, numbers[:most]))}{more})")
