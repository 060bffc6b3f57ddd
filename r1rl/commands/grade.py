"""The command `grade`: grades a file of completions, says why, and counts how often its labels, if any, agree."""

from __future__ import annotations

import argparse
import csv
import difflib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.parser import user_path
from r1rl.records import CHOICE, COUNTDOWN, KNIGHTS_KNAVES, LATEX, NUMBER, TEXT, VERDICT, Problem, Rollout
from r1rl.rewards.grading import choice_of, grade_rollout
from r1rl.rewards.grading.answer import FORMATS, Grade, gold_boxes, is_readable
from r1rl.rewards.grading.equations import parse_game
from r1rl.rewards.grading.latex import shared_grader
from r1rl.rewards.grading.numbers import parse_gold
from r1rl.rewards.grading.roles import parse_solution
from r1rl.runs.stats import format_accuracy
from r1rl.system.errors import UserError
from r1rl.system.files import csv_reader, parquet_rows, read_jsonl

SUFFIXES = (".jsonl", ".csv", ".parquet")

NEW_COLUMNS = ("extracted", "correct", "reason")

TYPES = (NUMBER, LATEX, TEXT, CHOICE, COUNTDOWN, KNIGHTS_KNAVES, VERDICT)

MOST_REASONS = 10  # in the summary

LABELS = dict.fromkeys(("true", "t", "1", "1.0", "yes", "y", "correct", "right"), True) | dict.fromkeys(
    ("false", "f", "0", "0.0", "no", "n", "incorrect", "wrong"), False
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("file", metavar="FILE", help="completions to grade: .jsonl, .csv or .parquet")
    parser.add_argument("--completion", metavar="COLUMN", required=True, help="column with the completions")
    parser.add_argument("--answer", metavar="COLUMN", required=True, help="column with the gold answers")
    parser.add_argument(
        "--answer-type",
        choices=TYPES,
        default=NUMBER,
        help="what an answer is: a number, LaTeX, a text, the letter of a choice, a calculation (gold: '98 from 19 35 44'), the "
        "roles of a puzzle (gold: lines such as '(1) Zoey is a knight'), or safe and unsafe (default: number)",
    )
    parser.add_argument(
        "--question",
        metavar="COLUMN",
        help="column with the questions: their words are understood in an answer, and a formula copied from them is none",
    )
    parser.add_argument(
        "--format",
        dest="answer_format",
        choices=FORMATS,
        default="auto",
        help="where the answer is: in <answer> tags, after ####, in \\boxed{}, or the first of these that is there, else the "
        "last number (default: auto). latex looks in the tag and the box, knights_knaves in the tag and the last sentences",
    )
    parser.add_argument("--label", metavar="COLUMN", help="column that says whether each completion is right")
    parser.add_argument("--not-remove-comma", action="store_true", help="keep commas in numbers when comparing")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="graded copy (default: FILE with .graded before its suffix)"
    )


def run(args: argparse.Namespace) -> int:
    """Grades the file, writes the copy, prints what came out. Raises UserError for unusable input."""
    if args.not_remove_comma and args.answer_type != NUMBER:
        raise UserError(
            f"--not-remove-comma would have no effect, because --answer-type {args.answer_type} has no numbers with commas to "
            "compare: leave it out."
        )
    source = user_path(args.file)
    check_source(source)
    output = output_path(source, args.output)
    rows = read_rows(source)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for option in ("completion", "answer", "label", "question"):
        check_column(getattr(args, option), option, columns, source)
    config = Config(answer_format=args.answer_format, not_remove_comma=args.not_remove_comma)
    grades = []
    for i, row in enumerate(rows, 1):
        completion = as_text(row, args.completion, i, source)
        question = as_text(row, args.question, i, source) if args.question else ""
        gold = gold_of(row, args, i, source)
        problem = Problem(str(i), question, gold, answer_type=args.answer_type)
        grades.append(grade_rollout(Rollout("", completion, (), (), (), "stop"), problem, config))
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
    output = user_path(wanted) if wanted else source.with_name(f"{source.stem}.graded{source.suffix}")
    if output.suffix.lower() != source.suffix.lower():
        raise UserError(
            f"--output {output} has the suffix {output.suffix!r}: the graded copy keeps the format of its "
            f"source, so the suffix must be {source.suffix!r}."
        )
    if output.exists() and output.samefile(source):
        raise UserError(f"--output {output} is the input itself, which is never overwritten; give another name.")
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
                "a text with a comma must be in double quotes."
            )
    return rows


# Values of one row


def is_missing(value: object) -> bool:
    """Returns whether a cell is None, the NaN of a gap in a column of numbers, or blank text."""
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


def gold_of(row: dict, args: argparse.Namespace, number: int, source: Path) -> str:
    """The row's gold answer. Raises UserError where it is missing or not one of the answer type."""
    raw = as_text(row, args.answer, number, source)
    try:
        if args.answer_type == NUMBER:
            return parse_gold(raw, not args.not_remove_comma)
        return checked_gold(raw.strip(), args.answer_type)
    except ValueError as error:
        raise UserError(f"{source}, row {number}, column {args.answer!r}: {error}") from None


def checked_gold(raw: str, answer_type: str) -> str:
    """A gold answer of any type but a number. Raises ValueError."""
    forms = {
        LATEX: "an expression, with its braces in pairs",
        TEXT: "a text",
        CHOICE: "one letter, such as B",
        COUNTDOWN: "a target and numbers, such as '98 from 19 35 44'",
        KNIGHTS_KNAVES: "lines such as '(1) Zoey is a knight'",
        VERDICT: "safe or unsafe",
    }
    gold: str | None = raw or None
    if answer_type == LATEX:
        gold = gold_boxes(raw) or raw
        gold = gold if is_readable(gold) else None
    elif answer_type == CHOICE:
        gold = choice_of(raw)
    elif answer_type == VERDICT:
        gold = raw.lower() if raw.lower() in ("safe", "unsafe") else None
    elif answer_type in (COUNTDOWN, KNIGHTS_KNAVES) and raw:
        try:
            parse_game(raw) if answer_type == COUNTDOWN else parse_solution(raw)
        except ValueError:
            gold = None
    if gold is None:
        shown = repr(raw if len(raw) <= 60 else f"{raw[:57]}...") if raw else "missing"
        raise ValueError(
            f"the gold answer is {shown}: it must be {forms[answer_type]}; correct the row or leave it out."
        )
    return gold


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
    """Writes the rows with their grades atomically. Raises UserError."""
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
    return kept | {"extracted": result.extracted, "correct": result.correct, "reason": result.reason}


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
    fields += [pyarrow.field("reason", pyarrow.string())]
    table = pyarrow.Table.from_pylist(rows, pyarrow.schema(fields))
    pyarrow.parquet.write_table(table, path)


# The summary


def print_summary(grades: list[Grade], labels: list[bool | None] | None, args: argparse.Namespace) -> None:
    """Prints accuracy and agreement with their intervals."""
    flags = [result.correct for result in grades]
    unread = sum(result.value is None for result in grades)
    print(f"accuracy:  {format_accuracy(sum(flags), len(flags))}")
    held = "hold no single number" if args.answer_type == NUMBER else f"hold no answer of type {args.answer_type}"
    print(f"no answer: {unread} of {len(flags)} completions {held} (format {args.answer_format})")
    print_reasons(Counter(result.reason for result in grades if not result.correct))
    if args.answer_type == LATEX:
        shared_grader().close()
    if labels is None:
        return
    pairs = [(flag, label, i) for i, (flag, label) in enumerate(zip(flags, labels), 1) if label is not None]
    if not pairs:
        print(f"agreement: column {args.label!r} has no label")
        return
    print(f"agreement: {format_accuracy(sum(flag == label for flag, label, _ in pairs), len(pairs))}")
    for flag, meaning in ((True, "graded right, labelled wrong"), (False, "graded wrong, labelled right")):
        print_rows(meaning, [i for graded, label, i in pairs if graded is flag and label is not flag])


def print_reasons(reasons: Counter[str]) -> None:
    """Prints why completions are not right, the most frequent reasons first."""
    for i, (reason, count) in enumerate(reasons.most_common(MOST_REASONS)):
        print(f"{'not right: ' if i == 0 else ' ' * 11}{count} {reason}")
    if len(reasons) > MOST_REASONS:
        print(
            f"{' ' * 11}{sum(reasons.values()) - sum(n for _, n in reasons.most_common(MOST_REASONS))} for other reasons"
        )


def print_rows(meaning: str, numbers: list[int], most: int = 10) -> None:
    if numbers:
        more = ", ..." if len(numbers) > most else ""
        print(f"           {meaning}: {len(numbers)} (row {', '.join(map(str, numbers[:most]))}{more})")
