"""The report: one self-contained page of one or more runs that needs no network."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from r1rl.reports.charts import Chart, Point, spec
from r1rl.reports.curves import charts
from r1rl.reports.highlights import BUDGET, RULE, Sampler
from r1rl.reports.selfcheck import OUTCOMES
from r1rl.reports.summary import against_first, damage, state, summary_lines
from r1rl.reports.survey import Survey, survey
from r1rl.reports.tables import CHECK_COLUMNS, check_lines, check_rows, task_rows
from r1rl.reports.tokens import BUDGET as TOKEN_BUDGET
from r1rl.reports.tokens import SCALES, with_tokens
from r1rl.runs.run_data import RunData
from r1rl.system.errors import UserError

PAGE = Path(__file__).parent
SCRIPTS = ("page.js", "tokens.js", "completions.js", "live.js", "history.js")
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A run after the pass over its completions."""

    data: RunData
    found: Survey
    sampler: Sampler


def pass_over(data: RunData) -> Surveyed:
    """Reads the completions of a run once, for its tables and its page."""
    sampler = Sampler()
    return Surveyed(data, survey(data, sampler), sampler)


def write_report(folders: list[Path], target: Path, every: float | None = None) -> list[Chart]:
    """Reads the runs and writes the page; returns its charts. Raises UserError if it cannot be written.

    `every`: seconds after which the open page loads itself again, because it will be rewritten; None: never.
    """
    runs = {name: pass_over(RunData(folder)) for name, folder in zip(run_names(folders), folders)}
    return write_page(runs, target, every)


def write_page(runs: dict[str, Surveyed], target: Path, every: float | None = None) -> list[Chart]:
    """Writes the page of runs by name; returns its charts. Raises UserError if it cannot be written."""
    drawn = charts([(name, run.data, run.found) for name, run in runs.items()])
    data = {
        "runs": [describe(name, run, len(runs)) for name, run in runs.items()],
        "scales": {name: asdict(scale) for name, scale in SCALES.items()},
        "against": against_first([run.data for run in runs.values()]),
        "charts": [chart_data(chart, len(runs) > 1) for chart in drawn],
        "rule": RULE,
        "outcomes": OUTCOMES,
        "live": None if every is None else {"every": every, "written": time.strftime("%H:%M:%S")},
    }
    save(target, page(data, " and ".join(runs)), "choose another file with -o")
    return drawn


def save(target: Path, text: str, remedy: str) -> None:
    """Writes a page completely or not at all: a browser may load it at any moment. Raises UserError with the remedy."""
    new = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UserError(f"{target} cannot be written ({error.strerror}): {remedy}.") from None


def run_names(folders: list[Path]) -> list[str]:
    """Returns the folders' names, or whole paths if two are equal. Raises UserError for the same run twice."""
    if len({f.resolve() for f in folders}) < len(folders):
        raise UserError("a run is named twice; name each once.")
    names = [f.resolve().name for f in folders]
    return names if len(set(names)) == len(names) else [str(f) for f in folders]


def describe(name: str, run: Surveyed, runs: int) -> dict[str, Any]:
    """Returns one run for a page of `runs` runs, which share the room for completions equally."""
    settings = {k: v for k, v in run.data.run.items() if k not in ("config", "schema_version")}
    folder, pairs, rows = run.data.folder, run.sampler.pairs(), run.sampler.chosen(BUDGET // runs)
    return {
        "name": name,
        "state": state(run.data),
        "learned": [line.partition(" ") for line in [*summary_lines(run.data), *check_lines(run.found)]],
        "tasks": task_rows(run.data),
        "selfcheck": {"head": [*CHECK_COLUMNS, *OUTCOMES], "rows": list(check_rows(run.found))},
        "settings": settings | run.data.config,
        "damaged": damage([*run.found.damaged, *run.data.damaged]),
        "pairs": [with_tokens(folder, list(pair), TOKEN_BUDGET) for pair in pairs],
        "samples": with_tokens(folder, rows, TOKEN_BUDGET // runs),
    }


def chart_data(chart: Chart, several_runs: bool) -> dict[str, Any]:
    """Returns a chart: its Vega-Lite specification and its numbers as a table."""
    rows = [[line.run, line.series, *row_of(point)] for line in chart.lines for point in line.points]
    return {
        "key": chart.key, "title": chart.title, "note": chart.note, "percent": chart.percent,
        "spec": spec(chart, several_runs), "rows": rows,
    }  # fmt: skip


def row_of(point: Point) -> list[Any]:
    """Returns step, value, interval and n, rounded to six digits."""
    return [None if v is None else float(f"{v:.6g}") for v in asdict(point).values()]


def page(data: dict[str, Any], title: str) -> str:
    """Returns the page. Model output is in it only as JSON with every "<" escaped, so that no tag can end it early."""
    import vl_convert  # has Vega as one script

    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")
    parts = {
        "POLICY": POLICY,
        "TITLE": f"r1rl: {title}".replace("&", "&amp;").replace("<", "&lt;"),
        "STYLE": (PAGE / "page.css").read_text(encoding="utf-8"),
        "DATA": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "LIBRARY": library,
        "SCRIPT": "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    head, *rest = (PAGE / "page.html").read_text(encoding="utf-8").split("{{")
    return head + "".join(parts[name] + text for name, text in (part.split("}}", 1) for part in rest))
