"""Charts: their data, and how they are drawn, for the page by Vega-Lite and as PNG pictures by matplotlib."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Names of the style sheet, so that colours follow light and dark.
COLOURS = [f"var(--line-{i})" for i in range(1, 7)]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]
SHAPES = ["circle", "square", "triangle-up", "diamond"]
# For PNG: Okabe and Ito's colours, distinguishable with colour blindness; dashes and markers differ as well.
PNG_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
PNG_DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")
SPARSE = 60  # points of a chart up to which each one is marked


@dataclass(frozen=True, slots=True)
class Point:
    """One point. Scores have n and a 95 % interval, other numbers have neither."""

    step: float
    y: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    run: str
    series: str
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its lines, and a note on how to read it."""

    key: str
    title: str
    unit: str
    lines: list[Line]
    note: str = ""
    percent: bool = False


# ---- Vega-Lite


def spec(chart: Chart, several_runs: bool) -> dict[str, Any]:
    """Returns a Vega-Lite specification: a line, points and intervals for each series."""
    values = [
        {"run": line.run, "series": line.series, **asdict(p), "text": point_text(p, chart.percent)}
        for line in chart.lines
        for p in line.points
    ]
    sparse = len(values) <= SPARSE
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
            "y": vertical_axis(chart),
        },
        "layer": layers,
    }


def vertical_axis(chart: Chart) -> dict[str, Any]:
    """Returns the vertical axis; shares begin at 0 and are shown in percent."""
    largest = max(p.high or p.y for line in chart.lines for p in line.points)
    smallest = min(p.y for line in chart.lines for p in line.points)
    axis: dict[str, Any] = {"format": ".0%"} if chart.percent else {}
    if smallest >= 0 and largest < 1e-3:
        axis = {"format": ".1e"}
    from_zero = chart.percent or chart.key in ("length", "money", "speed", "reward", "gap", "teacher")
    scale: dict[str, Any] = {"zero": from_zero}
    if chart.percent and largest == 0:
        scale["domain"] = [0, 1]
    return {"field": "y", "type": "quantitative", "title": chart.unit, "axis": axis, "scale": scale}


def styles(chart: Chart, several_runs: bool) -> dict[str, Any]:
    """Returns colour and dash: runs differ by colour and series by dash; series of a single run differ by both."""
    several_series = len({line.series for line in chart.lines}) > 1
    legend = {"orient": "top", "title": None, "symbolType": "stroke", "labelLimit": 200}
    style: dict[str, Any] = {
        "color": {
            "field": "run" if several_runs else "series", "type": "nominal", "sort": None,
            "scale": {"range": COLOURS}, "legend": legend if several_runs or several_series else None,
        }
    }  # fmt: skip
    if several_series:
        style["strokeDash"] = {
            "field": "series", "type": "nominal", "sort": None, "scale": {"range": DASHES}, "legend": legend,
        }  # fmt: skip
    return style


def interval(sparse: bool, style: dict[str, Any]) -> dict[str, Any]:
    """Returns the layer of the intervals: bars for a few points, a band for many."""
    mark = {"type": "rule", "strokeWidth": 2, "opacity": 0.7} if sparse else {"type": "area", "opacity": 0.18}
    ends = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    return {"mark": mark, "encoding": {**ends, **style, "detail": {"field": "series"}}}


def tooltip(several_runs: bool) -> list[dict[str, Any]]:
    """Returns the fields of a point's tooltip."""
    series, value = {"field": "series", "type": "nominal"}, {"field": "text", "title": "value"}
    run = [{"field": "run", "type": "nominal"}] if several_runs else []
    return [*run, series, {"field": "step"}, value]


def point_text(point: Point, percent: bool) -> str:
    """Returns the value of a point, for a score with its interval and n."""
    scale, unit = (100, " %") if percent else (1, "")
    words = f"{scale * point.y:.4g}{unit}"
    if point.low is not None and point.high is not None and point.n is not None:
        low, high = f"{scale * point.low:.4g}", f"{scale * point.high:.4g}"
        words += f" (95 % interval {low} to {high}{unit}, n = {point.n:,})"
    return words


# ---- PNG


def write_plots(charts: list[Chart], folder: Path) -> list[Path]:
    """Writes each chart as a picture, and the first four as one, run.png; returns their paths."""
    from matplotlib.figure import Figure  # not pyplot, which may look for a display

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in charts:
        figure = Figure(figsize=(6, 3.7), layout="constrained")
        draw(figure.subplots(), chart)
        paths.append(folder / f"{chart.key}.png")
        figure.savefig(paths[-1], dpi=110)
    return [*paths, write_overview(charts, folder / "run.png")]


def write_overview(charts: list[Chart], path: Path) -> Path:
    """Writes the first four charts as one picture: accuracy, reward, self-checks, and accuracy with them."""
    from matplotlib.figure import Figure

    shown = charts[:4]
    rows = max(1, -(-len(shown) // 2))
    figure = Figure(figsize=(11, 3.4 * rows), layout="constrained")
    for axes, chart in zip(figure.subplots(rows, 2, squeeze=False).flat, shown):
        draw(axes, chart)
    figure.savefig(path, dpi=80)
    return path


def draw(axes, chart: Chart) -> None:
    """Draws a chart: lines, with intervals as bars."""
    runs = list(dict.fromkeys(line.run for line in chart.lines))
    series = list(dict.fromkeys(line.series for line in chart.lines))
    for line in chart.lines:
        i, j = runs.index(line.run), series.index(line.series)
        colour = PNG_COLOURS[(i if len(runs) > 1 else j) % len(PNG_COLOURS)]
        x, y = [p.step for p in line.points], [p.y for p in line.points]
        label = " ".join([line.run] * (len(runs) > 1) + [line.series] * (len(series) > 1))
        marker = MARKERS[j % 4] if len(x) <= SPARSE else None
        axes.plot(x, y, PNG_DASHES[j % 4], color=colour, marker=marker, markersize=4, label=label)
        known = [p for p in line.points if p.low is not None]
        ends = [p.step for p in known], [p.low for p in known], [p.high for p in known]
        axes.vlines(*ends, color=colour, alpha=0.5)
    axes.set(title=chart.title, xlabel="step", ylabel=chart.unit)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if chart.percent:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    if len(chart.lines) > 1:
        axes.legend(frameon=False, fontsize="small")
