"""`python main.py dump to-parquet|excerpt RUN`: a dump as parquet for other programs, or a small part of it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.text import Text

from r1rl.config.parser import user_path
from r1rl.reports.charts import write_overview
from r1rl.reports.completions import FIELDS, Completion, evaluation_files, read_completions
from r1rl.reports.curves import charts
from r1rl.reports.highlights import Picker
from r1rl.reports.summary import damage
from r1rl.reports.survey import survey
from r1rl.runs.dump import (
    EVALUATIONS,
    GAPS,
    METRICS,
    PROOFS,
    ROLLOUTS,
    TOKENS,
    append_lines,
    evaluation_tokens,
    has_needed,
    numbered_lines,
    read_lines,
    read_run,
    write_json,
)
from r1rl.runs.finished import check_run
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.files import unfinished

BATCH = 10_000  # completions in memory at once
EXCERPT = 140_000  # bytes of completions in an excerpt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("action", choices=("to-parquet", "excerpt"), help="all as parquet, or a part as JSONL")
    parser.add_argument("run", type=user_path, metavar="RUN", help="folder of a run, such as dumps/RUN")
    parser.add_argument("-o", "--output", type=user_path, help="folder to write to (default: RUN/parquet)")


def run(args: argparse.Namespace) -> int:
    """Writes the files; returns the exit code. Raises UserError for a folder that is not a run, or a target in use."""
    check_run(args.run)
    if args.action == "to-parquet":
        damaged: list[str] = []
        for path, rows in to_parquet(args.run, args.output or args.run / "parquet", damaged):
            console.print(f"parquet  {path}: {rows:,} rows")
        print_damage(damaged)
        return 0
    if args.output is None:
        raise UserError("dump excerpt needs -o DIR, the folder to write to.")
    if args.output.exists():
        raise UserError(f"-o {args.output} exists: an excerpt needs a folder that does not exist yet.")
    damaged = []
    with unfinished(args.output) as new:
        size = excerpt(args.run, new, damaged)
    console.print(f"excerpt  {args.output}: {size / 1000:.0f} kB")
    print_damage(damaged)
    return 0


def print_damage(damaged: list[str]) -> None:
    """Prints the places of the lines that are left out because they cannot be read."""
    for line in damage(damaged):
        console.print(Text(line))


def to_parquet(folder: Path, target: Path, damaged: list[str]) -> Iterator[tuple[Path, int]]:
    """Writes completions (with their checks), steps and evaluations as three tables; yields each path and its rows.

    The places of lines that cannot be read are appended to `damaged`.
    """
    target.mkdir(parents=True, exist_ok=True)
    completions = (flat(c) for c in read_completions(folder, damaged=damaged))
    yield write_parquet(target / "completions.parquet", completions)
    for name in (METRICS, EVALUATIONS):
        lines = (encodable(line) for line in read_lines(folder / name, damaged))
        yield write_parquet(target / name.replace(".jsonl", ".parquet"), lines)


def flat(completion: Completion) -> dict[str, Any]:
    """Returns a completion's line with its place, its rewards as columns, and its check."""
    line = dict(completion.line)
    rewards = line.pop("rewards", None) or {}
    check = completion.check
    found = {f"check_{name}": getattr(check, name, None) for name in ("kind", "outcome", "where")}
    columns = {f"reward_{name}": value for name, value in rewards.items()}
    return encodable(line | columns | {"place": completion.place} | found)


def encodable(line: dict[str, Any]) -> dict[str, Any]:
    """Returns the line with lone surrogates escaped, as parquet holds UTF-8 only, and whole rewards as floats."""
    safe = {}
    for name, value in line.items():
        if isinstance(value, str):
            value = value.encode("utf-8", "backslashreplace").decode()
        elif isinstance(value, int) and name.startswith(("reward", "advantage")):
            value = float(value)
        safe[name] = value
    return safe


def write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> tuple[Path, int]:
    """Writes rows in batches; returns the path and their number. The first batch decides the columns and types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer, count, rows = None, 0, iter(rows)
    while batch := list(islice(rows, BATCH)):
        table = pa.Table.from_pylist(batch, schema=writer.schema if writer else None)
        if writer is None:
            fields = [f if f.type != pa.null() else pa.field(f.name, pa.float64()) for f in table.schema]
            table = table.cast(pa.schema(fields))
            writer = pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        count += len(table)
    if writer is not None:
        writer.close()
    return path, count


def excerpt(folder: Path, target: Path, damaged: list[str]) -> int:
    """Writes a small part of a run that reads like a whole one into an empty folder; returns its size in bytes.

    It has run.json without the places of the inputs on this machine, all steps and evaluations, the ten most instructive
    completions, and every k-th problem of the evaluations and group of training, with the smallest k that keeps it small.
    """
    for name in (METRICS, EVALUATIONS, PROOFS, "summary.json"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    write_json(target / "run.json", {name: value for name, value in read_run(folder).items() if name != "inputs"})
    data, picker = RunData(folder), Picker()
    found = survey(data, picker)
    wanted = {completion.place for _, completion, _ in picker.picked()}
    for paths in (evaluation_files(folder), [folder / ROLLOUTS]):
        size = sum(path.stat().st_size for path in paths if path.exists())
        every = max(1, -(-2 * size // EXCERPT))  # the same for all evaluations: they keep the same problems
        for path in paths:
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            lines = list(thinned(path, wanted, every, damaged))
            append_lines(copy, lines)
            copy_tokens(folder, target, path, lines)
    write_overview(charts([(folder.name, data, found)]), target / "report.png")
    damaged += data.damaged
    return sum(p.stat().st_size for p in target.rglob("*") if p.is_file())


def copy_tokens(folder: Path, target: Path, path: Path, lines: list[dict[str, Any]]) -> None:
    """Copies the lines in tokens/ that belong to some lines of one file of completions."""
    kept = {(line["step"], line["group"], line["sample"]) for line in lines}
    trained = path.name == ROLLOUTS
    for name in (TOKENS, GAPS) if trained else [evaluation_tokens(int(path.stem.removeprefix("step_")))]:
        own = (line for line in read_lines(folder / name) if (line["step"], line["group"], line["sample"]) in kept)
        if found := list(own):
            (target / name).parent.mkdir(exist_ok=True)
            append_lines(target / name, found)


def thinned(path: Path, wanted: set[str], every: int, damaged: list[str]) -> Iterator[dict[str, Any]]:
    """Yields every k-th group as a whole, and the lines whose places are in `wanted`.

    The places of lines that cannot be read are appended to `damaged`.
    """
    groups: dict[tuple[int, int], int] = {}
    for number, line in numbered_lines(path, damaged):
        if not has_needed(line, FIELDS):
            damaged.append(Completion(path, number, line).place)
            continue
        group = groups.setdefault((line["step"], line["group"]), len(groups))
        if group % every == 0 or Completion(path, number, line).place in wanted:
            yield line
