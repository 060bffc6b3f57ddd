"""A chart as a Vega-Lite specification; colours are names of the style sheet and follow light and dark."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from r1rl.reports.curves import Chart, Point

COLOURS = [f"var(--line-{i})" for i in range(1, 7)]

DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]

SHAPES = ["circle", "square", "triangle-up", "diamond"]


def spec(chart: Chart, several_runs: bool) -> dict[str, Any]:
    """Line, points and interval of each series: told apart by colour and by dash or shape."""
    values = [
        {"run": line.run, "series": line.series, **asdict(p), "said": said(p, chart.percent)}
        for line in chart.lines
        for p in line.points
    ]
    sparse = len(values) <= 60
    style = styles(chart, several_runs)
    layers = [{"mark": {"type": "line", "strokeWidth": 2}, "encoding": style}]
    if any(v["low"] is not None for v in values):
        layers.insert(0, interval(sparse, style))
    points = {"type": "point", "filled": True, "size": 45 if sparse else 12, "opacity": 1 if sparse else 0.6}
    shape = {"field": "run", "type": "nominal", "sort": None, "scale": {"range": SHAPES}, "legend": None}
    layers.append({"mark": points, "encoding": {**style, "shape": shape, "tooltip": tooltip(several_runs)}})
    return {
        "width": "container",
        "height": 220,
        "data": {"values": values},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": "step", "axis": {"tickMinStep": 1}},
            "y": vertical(chart),
        },
        "layer": layers,
    }


def vertical(chart: Chart) -> dict[str, Any]:
    """The vertical axis: shares from 0, as percent."""
    largest = max(p.high or p.y for line in chart.lines for p in line.points)
    smallest = min(p.y for line in chart.lines for p in line.points)
    axis: dict[str, Any] = {"format": ".0%"} if chart.percent else {}
    if smallest >= 0 and largest < 1e-3:
        axis = {"format": ".1e"}
    scale: dict[str, Any] = {
        "zero": chart.percent or chart.key in ("length", "money", "speed", "reward", "gap")
    }
    if chart.percent and largest == 0:
        scale["domain"] = [0, 1]
    return {"field": "y", "type": "quantitative", "title": chart.unit, "axis": axis, "scale": scale}


def styles(chart: Chart, several_runs: bool) -> dict[str, Any]:
    """Runs differ by colour and series by dash; with one run, series differ by both."""
    several_series = len({line.series for line in chart.lines}) > 1
    by = "run" if several_runs else "series"
    legend = {"orient": "top", "title": None, "symbolType": "stroke", "labelLimit": 200}
    style: dict[str, Any] = {
        "color": {
            "field": by, "type": "nominal", "sort": None, "scale": {"range": COLOURS},
            "legend": legend if several_runs or several_series else None,
        }
    }  # fmt: skip
    if several_series:
        style["strokeDash"] = {
            "field": "series", "type": "nominal", "sort": None, "scale": {"range": DASHES}, "legend": legend,
        }  # fmt: skip
    return style


def interval(sparse: bool, style: dict[str, Any]) -> dict[str, Any]:
    """Bars for a few points, a band for many."""
    mark = {"type": "rule", "strokeWidth": 2, "opacity": 0.7} if sparse else {"type": "area", "opacity": 0.18}
    ends = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    return {"mark": mark, "encoding": {**ends, **style, "detail": {"field": "series"}}}


def tooltip(several_runs: bool) -> list[dict[str, Any]]:
    """What a pointer shows: step, value, interval, n."""
    run = [{"field": "run", "type": "nominal"}] if several_runs else []
    return [
        *run,
        {"field": "series", "type": "nominal"},
        {"field": "step"},
        {"field": "said", "title": "value"},
    ]


def said(point: Point, percent: bool) -> str:
    """The value in words, with interval and n where it is a score."""
    scale, unit = (100, " %") if percent else (1, "")
    words = f"{scale * point.y:.4g}{unit}"
    if point.low is not None and point.high is not None and point.n is not None:
        low, high = f"{scale * point.low:.4g}", f"{scale * point.high:.4g}"
        words += f" (95 % interval {low} to {high}{unit}, n = {point.n:,})"
    return words


# Okabe and Ito's colours, which the colour-blind tell apart; dashes and markers differ as well.
PNG_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

PNG_DASHES = ("-", "--", ":", "-.")

MARKERS = ("o", "s", "^", "D")


def write_plots(charts: list[Chart], folder: Path) -> list[Path]:
    """One picture a chart, and one with the four that tell the story; returns their paths."""
    from matplotlib.figure import Figure  # no pyplot: no window system is asked for

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in charts:
        figure = Figure(figsize=(6, 3.7), layout="constrained")
        draw(figure.subplots(), chart)
        paths.append(save(figure, folder / f"{chart.key}.png"))
    return [*paths, write_story(charts, folder / "run.png")]


def write_story(charts: list[Chart], path: Path) -> Path:
    """One picture of the charts that tell the story: accuracy, reward, checks, and what checks are worth."""
    from matplotlib.figure import Figure

    story = charts[:4]
    rows = max(1, -(-len(story) // 2))
    figure = Figure(figsize=(11, 3.4 * rows), layout="constrained")
    for axes, chart in zip(figure.subplots(rows, 2, squeeze=False).flat, story):
        draw(axes, chart)
    return save(figure, path, dpi=80)


def save(figure, path: Path, dpi: int = 110) -> Path:
    """Writes a picture; returns its path."""
    figure.savefig(path, dpi=dpi)
    return path


def draw(axes, chart: Chart) -> None:
    """One chart: lines with intervals as bars."""
    runs = list(dict.fromkeys(line.run for line in chart.lines))
    series = list(dict.fromkeys(line.series for line in chart.lines))
    for line in chart.lines:
        i, j = runs.index(line.run), series.index(line.series)
        colour = PNG_COLOURS[(i if len(runs) > 1 else j) % len(PNG_COLOURS)]
        x, y = [p.step for p in line.points], [p.y for p in line.points]
        label = " ".join([line.run] * (len(runs) > 1) + [line.series] * (len(series) > 1))
        marker = MARKERS[j % 4] if len(x) <= 60 else None
        axes.plot(x, y, PNG_DASHES[j % 4], color=colour, marker=marker, markersize=4, label=label)
        known = [p for p in line.points if p.low is not None]
        axes.vlines(
            [p.step for p in known], [p.low for p in known], [p.high for p in known], color=colour, alpha=0.5
        )
    axes.set(title=chart.title, xlabel="step", ylabel=chart.unit)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if chart.percent:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    if len(chart.lines) > 1:
        axes.legend(frameon=False, fontsize="small")
