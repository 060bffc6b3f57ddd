"""A chart as a Vega-Lite specification; colours are names of the style sheet and follow light and dark."""

from __future__ import annotations

from dataclasses import asdict
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
