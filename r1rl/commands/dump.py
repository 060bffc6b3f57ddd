"""`python main.py dump to-parquet|excerpt RUN`: a dump for other programs, or a small part of it to show."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from r1rl.reports.completions import Completion, evaluation_files, read_completions
from r1rl.reports.highlights import Picker
from r1rl.reports.survey import Survey, survey
from r1rl.runs.dump import EVALUATIONS, METRICS, PROOFS, ROLLOUTS, append_lines, read_lines
from r1rl.runs.finished import check_run
from r1rl.system.console import console
from r1rl.system.errors import UserError

BATCH = 10_000  # completions in memory at once

EXCERPT = 140_000  # bytes of completions in an excerpt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "action", choices=("to-parquet", "excerpt"), help="all as parquet, or a small part as JSONL"
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, such as dumps/RUN")
    parser.add_argument("-o", "--output", type=Path, help="folder to write to (default: RUN/parquet)")


def run(args: argparse.Namespace) -> int:
    """Writes what is asked for. Raises UserError for what is no run, or a target in use."""
    check_run(args.run)
    if args.action == "to-parquet":
        for path, rows in to_parquet(args.run, args.output or args.run / "parquet"):
            console.print(f"parquet  {path}: {rows:,} rows")
        return 0
    if args.output is None or args.output.exists():
        raise UserError(f"excerpt: -o {args.output} must name a folder that is not there yet.")
    size = excerpt(args.run, args.output)
    console.print(f"excerpt  {args.output}: {size / 1000:.0f} kB")
    return 0


def to_parquet(folder: Path, target: Path) -> Iterator[tuple[Path, int]]:
    """Completions (with their checks), steps and evaluations as three tables; yields each path and its rows."""
    target.mkdir(parents=True, exist_ok=True)
    completions = (flat(c) for c in read_completions(folder))
    yield write_parquet(target / "completions.parquet", completions)
    for name in (METRICS, EVALUATIONS):
        lines = (encodable(line) for line in read_lines(folder / name))
        yield write_parquet(target / name.replace(".jsonl", ".parquet"), lines)


def flat(completion: Completion) -> dict[str, Any]:
    """A completion's line with its place, its rewards as columns, and what its check came to."""
    line = dict(completion.line)
    rewards = line.pop("rewards", None) or {}
    check = completion.check
    found = {
        "place": completion.place,
        "check_kind": check.kind if check else None,
        "check_outcome": check.outcome if check else None,
        "check_where": check.where if check else None,
    }
    return encodable(line | {f"reward_{name}": value for name, value in rewards.items()} | found)


def encodable(line: dict[str, Any]) -> dict[str, Any]:
    """Lone surrogates become their escapes: parquet holds UTF-8 only. Whole rewards become floats."""
    safe = {
        k: v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v
        for k, v in line.items()
    }
    return {
        k: float(v) if k.startswith(("reward", "advantage")) and isinstance(v, int) else v
        for k, v in safe.items()
    }


def write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> tuple[Path, int]:
    """Writes rows in batches; the first batch decides the columns and their types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer, count, rows = None, 0, iter(rows)
    while batch := list(islice(rows, BATCH)):
        table = pa.Table.from_pylist(batch, schema=writer.schema if writer else None)
        if writer is None:
            schema = pa.schema(
                [f if f.type != pa.null() else pa.field(f.name, pa.float64()) for f in table.schema]
            )
            table, writer = table.cast(schema), pq.ParquetWriter(path, schema)
        writer.write_table(table)
        count += len(table)
    if writer is not None:
        writer.close()
    return path, count


def excerpt(folder: Path, target: Path) -> int:
    """A part of a run that reads like a whole one; returns its size in bytes.

    Kept are run.json, all steps and evaluations, the ten most instructive completions, and of the problems of the
    evaluations and the groups of training every k-th, with the smallest k that keeps it small.
    """
    target.mkdir(parents=True)
    for name in ("run.json", METRICS, EVALUATIONS, PROOFS, "summary.json"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    picker = Picker()
    found = survey(folder, picker)
    wanted = {completion.place for _, completion, _ in picker.picked()}
    for paths in (evaluation_files(folder), [folder / ROLLOUTS]):
        size = sum(path.stat().st_size for path in paths if path.exists())
        every = max(
            1, -(-2 * size // EXCERPT)
        )  # the same in all evaluations, so that they ask the same problems
        for path in paths:
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            append_lines(copy, thinned(path, wanted, every))
    picture(folder, target, found)
    return sum(p.stat().st_size for p in target.rglob("*") if p.is_file())


def thinned(path: Path, wanted: set[str], every: int) -> Iterator[dict[str, Any]]:
    """Every k-th group in whole, and the lines named in `wanted`."""
    groups: dict[tuple[int, int], int] = {}
    folder = path.parent.parent if path.parent.name == "eval" else path.parent
    for number, line in enumerate(read_lines(path), start=1):
        place = f"{path.relative_to(folder)}:{number}"
        group = groups.setdefault((line["step"], line["group"]), len(groups))
        if group % every == 0 or place in wanted:
            yield line


def picture(folder: Path, target: Path, found: Survey) -> None:
    """The run's four main curves."""
    from r1rl.reports.charts import write_story
    from r1rl.reports.curves import charts

    write_story(charts([(folder.name, folder, found)]), target / "report.png")
