"""The report's charts as PNG pictures, for READMEs and papers."""

from __future__ import annotations

from pathlib import Path

from r1rl.reports.curves import Chart

# Okabe and Ito's colours, which the colour-blind tell apart; dashes and markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

DASHES = ("-", "--", ":", "-.")

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
        colour = COLOURS[(i if len(runs) > 1 else j) % len(COLOURS)]
        x, y = [p.step for p in line.points], [p.y for p in line.points]
        label = " ".join([line.run] * (len(runs) > 1) + [line.series] * (len(series) > 1))
        marker = MARKERS[j % 4] if len(x) <= 60 else None
        axes.plot(x, y, DASHES[j % 4], color=colour, marker=marker, markersize=4, label=label)
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
