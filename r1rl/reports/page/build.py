"""`python main.py report RUN...`: one self-contained page that needs no network, and pictures for papers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from r1rl.reports.charts import spec
from r1rl.reports.curves import Chart, Point, charts
from r1rl.reports.highlights import BUDGET, RULE, Sampler
from r1rl.reports.screen import against_first, damage, state, stretches
from r1rl.reports.selfcheck import OUTCOMES
from r1rl.reports.summary import learned, load_run
from r1rl.reports.survey import Survey, checking, right_with_check, right_without_check, survey
from r1rl.system.errors import UserError

PAGE = Path(__file__).parent

SCRIPTS = ("page.js", "completions.js", "history.js")

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def write_report(folders: list[Path], target: Path) -> list[Chart]:
    """Reads the runs and writes the page; returns its charts."""
    names = run_names(folders)
    samplers = [Sampler() for _ in folders]
    surveys = [survey(folder, sampler) for folder, sampler in zip(folders, samplers)]
    drawn = charts(list(zip(names, folders, surveys)))
    runs = [
        describe(name, folder, found, sampler.chosen(folder, BUDGET // len(folders)))
        for name, folder, found, sampler in zip(names, folders, surveys, samplers)
    ]
    data = {
        "runs": runs,
        "against": against_first(folders),
        "charts": [chart_data(chart, len(folders) > 1) for chart in drawn],
        "rule": RULE,
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(data, " and ".join(names)), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{target} cannot be written ({error.strerror}): choose another file with -o."
        ) from None
    return drawn


def run_names(folders: list[Path]) -> list[str]:
    """The folders' names; where two are equal, whole paths. Raises UserError for the same run twice."""
    if len({f.resolve() for f in folders}) < len(folders):
        raise UserError("a run is named twice; name each once.")
    names = [f.resolve().name for f in folders]
    return names if len(set(names)) == len(names) else [str(f) for f in folders]


def describe(name: str, folder: Path, found: Survey, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """One run as the page shows it."""
    described = load_run(folder)
    return {
        "name": name,
        "state": state(folder),
        "learned": [line.partition(" ") for line in learned(folder)],
        "selfcheck": {
            "head": ["with a check", "right with check", "right without", *OUTCOMES],
            "rows": phase_rows(found),
        },
        "settings": {k: v for k, v in described.items() if k not in ("config", "schema_version")}
        | described["config"],
        "damaged": damage(found.damaged),
        "samples": samples,
    }


def phase_rows(found: Survey) -> list[list[str]]:
    """Self-verification by phase, as `inspect` prints it."""
    rows = []
    for split, name, first, last in stretches(found):
        groups, outcomes = found.within(split, first, last), found.outcomes_within(split, first, last)
        shares = (checking(groups), right_with_check(groups), right_without_check(groups))
        rows.append([name, *(str(s or "-") for s in shares), *(f"{outcomes[o]:,}" for o in OUTCOMES)])
    return rows


def chart_data(chart: Chart, several_runs: bool) -> dict[str, Any]:
    """A chart with its drawing instructions and its numbers as a table."""
    rows = [[line.run, line.series, *row_of(point)] for line in chart.lines for point in line.points]
    return {
        "key": chart.key, "title": chart.title, "note": chart.note, "percent": chart.percent,
        "spec": spec(chart, several_runs), "rows": rows,
    }  # fmt: skip


def row_of(point: Point) -> list[Any]:
    """Step, value, interval and n, rounded to what a page can show."""
    return [None if v is None else float(f"{v:.6g}") for v in asdict(point).values()]


def page(data: dict[str, Any], title: str) -> str:
    """The page with everything inside. Model output gets in as JSON only, which no tag can break out of."""
    import vl_convert  # brings Vega as one script, ready to be put into a page

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
