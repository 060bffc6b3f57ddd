"""A sweep: a grid or list of settings, run one after the other inside one budget, and compared with the first."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.text import Text

from r1rl.config.file import parse_file, settings_in
from r1rl.config.flags import Config
from r1rl.config.names import option
from r1rl.config.recipes import RECIPES, resolve
from r1rl.config.run_rules import BUDGET_FLAGS
from r1rl.config.scope import check_given
from r1rl.pipeline.modes import in_own_process
from r1rl.pipeline.suite_results import SUITE, read_results
from r1rl.reports.run_end import GUARDED
from r1rl.reports.summary import before_and_after, describe_difference, state
from r1rl.reports.tables import new_table
from r1rl.runs.dump import METER, read_json, write_json
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.redact import redact_all

SWEEP = "sweep.json"  # the rows of a sweep, in its folder
OF_ALL = ("exp_name", "dumps", *BUDGET_FLAGS)  # flags of the sweep as a whole
FORM = "grid: {learning_rate: [1e-4, 3e-4], seed: [1, 2]}, or runs: [{loss_type: grpo}, {loss_type: dapo}]"
LONGEST_NAME = 80  # characters of a row's folder


@dataclass(frozen=True, slots=True)
class Row:
    """One run of a sweep: its folder's name, the flags that it sets, and all its flags."""

    name: str
    settings: dict[str, Any]
    config: Config


@dataclass(frozen=True, slots=True)
class Sweep:
    """The content of a sweep's file; `limits` are the flags of the budget that it has as a whole."""

    folder: Path
    recipe: str
    rows: tuple[Row, ...]
    limits: dict[str, float]


# ---- reading


def read_sweep(path: Path) -> Sweep:
    """Returns the sweep in a YAML or JSON file, with the flags of all its runs checked. Raises UserError."""
    content = parse_file(path, "sweep")
    grid, listed = content.pop("grid", None), content.pop("runs", None)
    recipe = content.pop("recipe", None) or "default"
    if recipe not in RECIPES:
        raise unknown_name(f"recipe in {path}:", str(recipe), RECIPES)
    common, rows = settings_in(path, content), list(rows_in(path, grid, listed))
    name = common.get("exp_name") or path.stem
    Config(exp_name=name)  # which checks it
    folder = Path(common.get("dumps") or Config.dumps) / name
    limits = {name: common[name] for name in BUDGET_FLAGS if common.get(name) is not None}
    made = []
    for number, settings in enumerate(rows, start=1):
        name = folder_name(number, settings)
        config = resolve(recipe, settings, common | {"exp_name": name, "dumps": str(folder)})
        if config.mode is not None or config.pipeline:
            raise UserError(
                f"{path}: a sweep compares single runs, and --mode and --pipeline consist of several. Leave them out."
            )
        check_given(config, common | settings, f"{path}: ")
        made.append(Row(name, settings, config))
    check_different(path, made)
    return Sweep(folder, recipe, tuple(made), limits)


def check_different(path: Path, rows: list[Row]) -> None:
    """Raises UserError for two runs with the same settings: the second would repeat the first and count in its mean."""
    for first, second in itertools.combinations(rows, 2):
        if dataclasses.replace(second.config, exp_name=first.config.exp_name) == first.config:
            raise UserError(
                f"{path}: {first.name} and {second.name} have the same settings, so the second would repeat the first, and the "
                "table would count it as another seed: leave one of them out."
            )


def rows_in(path: Path, grid: Any, listed: Any) -> Iterator[dict[str, Any]]:
    """Yields the flags of each run: all combinations of `grid`, the first flag varying slowest, or those of `runs`."""
    lists = isinstance(grid, dict) and grid and all(isinstance(values, list) and values for values in grid.values())
    dicts = isinstance(listed, list) and listed and all(isinstance(row, dict) for row in listed)
    if (grid is None) == (listed is None) or not (lists or dicts):
        raise UserError(f"{path} must have either grid, lists of values by flag, or runs, a list of settings: {FORM}.")
    rows = listed or [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    for row in rows:
        settings = settings_in(path, row)
        if wrong := next((name for name in OF_ALL if name in settings), None):
            raise UserError(f"{path}: {option(wrong)} is one for the whole sweep: move it out of grid and runs.")
        yield settings


def folder_name(number: int, settings: dict[str, Any]) -> str:
    """Returns the name of a run's folder.

    >>> folder_name(2, {"learning_rate": 3e-4, "seed": 1})
    '02-learning_rate-0.0003-seed-1'
    """
    words = "-".join(f"{name}-{value}" for name, value in settings.items())
    return re.sub(r"[^A-Za-z0-9_.=-]+", "_", f"{number:02d}-{words}")[:LONGEST_NAME].rstrip("-")


# ---- running


def run_sweep(sweep: Sweep) -> int:
    """Runs what is not done, each run in its own process, and prints the table. Returns the exit code. Raises UserError."""
    rows = checked_rows(sweep)
    sweep.folder.mkdir(parents=True, exist_ok=True)
    write_json(sweep.folder / SWEEP, {"schema_version": 1, "recipe": sweep.recipe, "rows": rows})
    code = 0
    for number, row in enumerate(sweep.rows, start=1):
        place, left = sweep.folder / row.name, left_for(sweep, row)
        if is_done(place, left):
            console.print(f"[bold]{number} of {len(sweep.rows)}: {row.name}[/bold] is done")
            continue
        if (why := too_little(sweep, row, left)) is not None:
            console.print(f"ended    {why}; raise it and give the same command to continue")
            break
        console.print(f"[bold]{number} of {len(sweep.rows)}: {row.name}[/bold]")
        resume = (place / "run.json").is_file()
        code = in_own_process(dataclasses.replace(row.config, resume=resume, **left), sweep.recipe)
        if code not in (0, GUARDED):  # a guard stops one run; the others may be better
            console.print("stopped  the sweep; give the same command to continue")
            break
        code = 0
    show_sweep(sweep.folder)
    return code


def checked_rows(sweep: Sweep) -> list[dict[str, Any]]:
    """Returns the rows for sweep.json; those of a sweep that was begun must be the first ones. Raises UserError."""
    rows = redact_all([{"name": row.name, "settings": row.settings} for row in sweep.rows])
    if (sweep.folder / SWEEP).is_file():
        before = read_rows(sweep.folder)
        if rows[: len(before)] != before:
            raise UserError(
                f"{sweep.folder} holds a sweep with other rows, and its runs would not fit these. Nothing was changed: add "
                "rows at the end only, or choose another exp_name."
            )
    elif sweep.folder.is_dir() and any(sweep.folder.iterdir()):
        raise UserError(
            f"{sweep.folder} is not empty and holds no sweep. Nothing was changed; choose another exp_name."
        )
    return rows


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Returns name and settings of each run of a sweep. Raises UserError if sweep.json is damaged."""
    remedy = "it lists the runs of a sweep. Remove it and give the command of the sweep again."
    rows = read_json(folder / SWEEP, remedy).get("rows")
    if not isinstance(rows, list) or not all(isinstance(r, dict) and {"name", "settings"} <= r.keys() for r in rows):
        raise UserError(f"{folder / SWEEP} has no rows: {remedy}")
    return rows


def used(place: Path) -> dict[str, float]:
    """Returns what a run has cost in the units of the budget's flags; nothing before its first step or stop."""
    try:
        meter = json.loads((place / METER).read_text(encoding="utf-8"))
        return {"max_minutes": meter["seconds"] / 60, "max_tokens": meter["sampled"], "budget": meter["dollars"] or 0.0}
    except (OSError, ValueError, KeyError):
        return dict.fromkeys(BUDGET_FLAGS, 0.0)


def left_for(sweep: Sweep, row: Row) -> dict[str, float]:
    """Returns the limits of one run, what it has used itself included: those of the sweep without all other runs."""
    others = [used(sweep.folder / other.name) for other in sweep.rows if other != row]
    return {name: limit - sum(cost[name] for cost in others) for name, limit in sweep.limits.items()}


def is_done(place: Path, left: dict[str, float]) -> bool:
    """Returns whether a run is complete. One that its budget ended is not, if it may cost more than it might before."""
    if not (place / "summary.json").is_file():
        return False
    ended = read_json(place / "summary.json", "it marks a complete run. Remove it and resume the run.").get("ended")
    had = RunData(place).config
    return ended is None or not any(value > 1.001 * (had.get(name) or 0.0) for name, value in left.items())


def too_little(sweep: Sweep, row: Row, left: dict[str, float]) -> str | None:
    """Returns why the budget leaves no room for a run: less than a complete one took; None if it does."""
    own = used(sweep.folder / row.name)
    finished = [used(p) for other in sweep.rows if ((p := sweep.folder / other.name) / "summary.json").is_file()]
    for name, value in left.items():
        needed = max((cost[name] for cost in finished), default=0.0) if not own[name] else 0.0
        if value <= own[name] or value < needed:
            return f"{option(name)} {sweep.limits[name]:g} of the sweep: {max(0.0, value - own[name]):.3g} is left" + (
                f", and a run took {needed:.3g}" if needed else ""
            )
    return None


# ---- comparing


def expanded(folders: Sequence[Path]) -> list[Path]:
    """Returns the folders with each sweep replaced by its runs, as far as they have begun, and a suite by its tasks'.

    Raises UserError.
    """
    found: list[Path] = []
    for folder in folders:
        if (folder / SUITE).is_file():
            found += [folder / row.task for row in read_results(folder)[1]]
            continue
        if not (folder / SWEEP).is_file():
            found.append(folder)
            continue
        begun = [place for row in read_rows(folder) if ((place := folder / row["name"]) / "run.json").is_file()]
        if not begun:
            raise UserError(f"{folder} is a sweep whose first run has not begun: give its command again.")
        found += begun
    return found


def show_sweep(folder: Path) -> None:
    """Prints a line for each run, and each setting's paired test against the first one. Raises UserError."""
    rows = read_rows(folder)
    flags = list(dict.fromkeys(name for row in rows for name in row["settings"]))
    table = new_table(*(columns := ("run", *map(option, flags), "state", "before", "after")), left=columns)
    runs = [RunData(folder / row["name"]) for row in rows]
    for row, data in zip(rows, runs):
        begun = (data.folder / "run.json").is_file()
        scores = before_and_after(data)
        cells = [str(row["settings"].get(name, "")) for name in flags]
        shown = [
            row["name"][:2],
            *cells,
            state(data) if begun else "not begun",
            *(scores.get(k, "") for k in ("before", "after")),
        ]
        table.add_row(*map(Text, shown))
    console.print()
    console.print(table)
    for line in differences(rows, runs):
        console.print(line, markup=False)
    console.print(f"runs     {folder}: python main.py inspect and report take this folder, too", markup=False)


def differences(rows: Sequence[dict[str, Any]], runs: Sequence[RunData]) -> list[str]:
    """Returns the paired test of each setting's last evaluation against that of the first one.

    Runs that differ in nothing but their seed count as one: a problem's verdict is its mean over the seeds that both
    settings have, so that problems, which may be the same for all seeds, remain the units of the test.
    """
    settings: dict[str, dict[Any, RunData]] = {}
    for row, data in zip(rows, runs):
        words = ", ".join(f"{option(k)} {v}" for k, v in row["settings"].items() if k != "seed") or "the recipe"
        by_seed = settings.setdefault(words, {})
        if data.is_complete and data.evaluations:
            by_seed[data.config.get("seed")] = data
    (reference, first), *others = settings.items()
    lines = []
    for words, runs_of_it in others:
        seeds = [seed for seed in first if seed in runs_of_it]
        if not seeds:
            lines.append(f"test     {words} against {reference}: not both are complete with one seed")
            continue
        greedy = len(seeds) == 1 and all(r[seeds[0]].evaluations[-1]["samples"] == 1 for r in (first, runs_of_it))
        found = describe_difference(means(first, seeds), means(runs_of_it, seeds), greedy)
        over = f", means over {len(seeds)} seeds" if len(seeds) > 1 else ""
        lines.append(f"test     {words} against {reference}{over}: {found}")
    return lines


def means(runs: dict[Any, RunData], seeds: Sequence[Any]) -> dict[str, float]:
    """Returns the share of correct completions of each problem in the last evaluations, as the mean over the seeds."""
    shares: dict[str, list[float]] = {}
    for seed in seeds:
        for problem, value in runs[seed].verdicts(runs[seed].evaluations[-1]["step"]).items():
            shares.setdefault(problem, []).append(value)
    return {problem: fmean(values) for problem, values in shares.items()}
