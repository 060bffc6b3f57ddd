"""The results of a suite: one row per task with its paired test, Holm's correction, suite.json and the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from r1rl.reports.tables import new_table
from r1rl.runs.dump import read_json, write_json
from r1rl.runs.inputs import digest, records
from r1rl.runs.run_data import RunData
from r1rl.runs.stats import compared, holm, mcnemar_exact, sign_flip
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.redact import redact_all

SUITE = "suite.json"  # the results of a suite, in its folder
BASE = "the base model"  # in suite.json: what was compared with, if not the folder of an earlier evaluation
SIGNIFICANT = 0.05
DAMAGED = "it holds the results of a suite. Remove it and evaluate again."


@dataclass(frozen=True, slots=True)
class Row:
    """One task: its evaluation after training, and the one before it with the paired test, if there is one.

    `before` and `after` are lines of evaluations.jsonl. `difference`, `low` and `high` are shares of correct completions
    over the `shared` problems, with a 95 % interval by a paired bootstrap; `p_holm` is corrected for all tasks.
    """

    task: str
    source: str
    after: dict[str, Any]
    before: dict[str, Any] | None = None
    shared: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    gained: int | None = None
    lost: int | None = None
    test: str | None = None
    p: float | None = None
    p_holm: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The evaluation of one task by one model: its line of evaluations.jsonl, and the verdict of each problem."""

    line: dict[str, Any]
    verdicts: dict[str, float]

    @classmethod
    def read(cls, data: RunData, step: int) -> Measured:
        """Returns the evaluation after `step` of a task's folder."""
        return cls(next(line for line in data.evaluations if line["step"] == step), data.verdicts(step))


def compare(task: str, source: str, before: Measured | None, after: Measured) -> Row:
    """Returns the row of a task, with the paired test over the problems of both evaluations but not yet the correction.

    The test is McNemar's exact one for a single completion per problem, else random signs of the problems' differences.
    """
    pairs = None if before is None else compared(before.verdicts, after.verdicts)
    if pairs is None:
        return Row(task, source, after.line)
    if before.line["samples"] == after.line["samples"] == 1:
        test, p = "exact McNemar", mcnemar_exact([b > 0 for b in pairs.before], [a > 0 for a in pairs.after])
    else:
        test, p = "random signs", sign_flip(pairs.before, pairs.after)
    changes = (pairs.difference, pairs.low, pairs.high, pairs.gained, pairs.lost)
    return Row(task, source, after.line, before.line, len(pairs.before), *changes, test, p)


def corrected(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows with the p-values corrected for their number; those of one model as they are."""
    tested = [row.p for row in rows if row.p is not None]
    p_values = iter(holm(tested))
    return [row if row.p is None else dataclasses.replace(row, p_holm=next(p_values)) for row in rows]


# ---- suite.json


def write_results(folder: Path, about: dict[str, Any], rows: Sequence[Row]) -> None:
    """Writes suite.json: what was evaluated, and a row for each task, with secrets masked."""
    tasks = [dataclasses.asdict(row) for row in rows]
    write_json(folder / SUITE, redact_all({"schema_version": 1, **about, "tasks": tasks}))


def read_results(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """Returns suite.json without its tasks, and its rows. Raises UserError."""
    path = folder / SUITE
    content = read_json(path, DAMAGED)
    try:
        rows = [Row(**{f.name: row[f.name] for f in dataclasses.fields(Row)}) for row in content.pop("tasks")]
        return redact_all(content), rows
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{path} has no tasks with results: {DAMAGED}") from None


def weights_hash(checkpoint: Path) -> str:
    """Returns one SHA-256 for the weights of a checkpoint."""
    return digest({"files": records({path.name: path for path in checkpoint.glob("*.safetensors")})})


def results_of(run: Path, checkpoint: Path) -> tuple[dict[str, Any], list[Row]] | None:
    """Returns the newest suite next to a run that evaluated the weights of this checkpoint; None without one."""
    wanted = weights_hash(checkpoint)
    for path in sorted(run.resolve().parent.glob(f"*/{SUITE}"), key=lambda p: -p.stat().st_mtime):
        try:
            if read_json(path, DAMAGED).get("weights") == wanted:
                return read_results(path.parent)
        except UserError:  # damaged, and probably another run's
            continue
    return None


# ---- the table


def columns(rows: Sequence[Row]) -> list[str]:
    """Returns the headings of the table: with one model without those of the comparison."""
    compared = any(row.before for row in rows)
    return ["task", "n", "before, %", "after, %", "points", "p"] if compared else ["task", "n", "correct, %", "tokens"]


def cells(row: Row, names: Sequence[str]) -> list[str]:
    """Returns the cells of one row below these headings."""
    known = {
        "task": row.task, "n": f"{row.after['problems']:,}", "after, %": share(row.after), "correct, %": share(row.after),
        "tokens": f"{row.after['mean_tokens']:.0f}",
    }  # fmt: skip
    if row.before is not None:
        interval = f"({round(100 * row.low):+d} to {round(100 * row.high):+d})"
        known |= {"before, %": share(row.before), "points": f"{100 * row.difference:+.1f} {interval}"}
        known["p"] = f"{row.p_holm:.2g}"
    return [known.get(name, "") for name in names]


def share(line: dict[str, Any]) -> str:
    """Returns for example "56 (50 to 62)": accuracy in percent with its 95 % interval, of several samples pass@1."""
    ends = line if line["samples"] == 1 else line["pass@1"]
    return f"{100 * line['accuracy']:.0f} ({100 * ends['low']:.0f} to {100 * ends['high']:.0f})"


def test_words(rows: Sequence[Row]) -> list[str]:
    """Returns which tests were made, and which tasks changed; nothing for one model."""
    tested = [row for row in rows if row.p_holm is not None]
    if not tested:
        return []
    kinds = " and ".join(dict.fromkeys(row.test for row in tested))
    changed = [row for row in tested if row.p_holm < SIGNIFICANT]
    better = ", ".join(row.task for row in changed if row.difference > 0) or "none"
    worse = ", ".join(row.task for row in changed if row.difference < 0) or "none"
    return [
        f"test     {kinds} on the same problems of each task; p is corrected for {len(tested)} tests (Holm)",
        f"result   better: {better}; worse: {worse}; every other difference may be chance (p from {SIGNIFICANT} on)",
    ]


def model_lines(about: dict[str, Any]) -> list[str]:
    """Returns which models were compared, and how they were sampled."""
    base, before = about["model"], about["before"]
    lines = [f"suite    {about['suite']}, {about['decoding']}, seed {about['seed']}"]
    if before is not None:
        lines.append(f"before   {f'{base}, {BASE}' if before == BASE else f'as evaluated in {before}'}")
    name, adapter = "model" if before is None else "after", about["adapter"]
    return [*lines, f"{name:<8} {base}{'' if adapter is None else f' with {adapter}'}"]


def show_suite(folder: Path) -> None:
    """Prints the models, the table and the tests. Raises UserError."""
    about, rows = read_results(folder)
    table = new_table(*(names := columns(rows)), left=names[:1])
    for row in rows:
        table.add_row(*map(Text, cells(row, names)))
    console.print()
    for line in model_lines(about):
        console.print(line, markup=False)
    console.print(table)
    for line in test_words(rows):
        console.print(line, markup=False)
    console.print(
        f"results  {folder / SUITE}; completions in the folder of each task, for inspect and report", markup=False
    )


def as_markdown(about: dict[str, Any], rows: Sequence[Row]) -> str:
    """Returns the table for a model card, without folders of this machine."""
    names = columns(rows)
    lines = [names, ["---"] * len(names), *(cells(row, names) for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    words = f"Suite `{Path(about['suite']).name}`, {about['decoding']}, seed {about['seed']}, with 95 % intervals."
    tests = [row.test for row in rows if row.test]
    if tests:
        before = BASE if about["before"] == BASE else "an earlier model"
        words += f" Before: {before}. p: {' and '.join(dict.fromkeys(tests))}, corrected for {len(tests)} tests (Holm)."
    return f"{words}\n\n{table}\n"
