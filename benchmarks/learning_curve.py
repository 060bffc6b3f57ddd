"""Draws the README's picture from the dumps of one or more runs.

usage: python benchmarks/learning_curve.py dumps/RUN [dumps/RUN ...] -o docs/learning_curve.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas

from r1rl.reports.survey import accuracy as right_rate
from r1rl.reports.survey import calculated_rate, survey
from r1rl.runs.run_data import RunData

COLOURS = ("#0072b2", "#d55e00", "#009e73")  # Okabe and Ito's colours, distinct for colour-blind readers


def main() -> None:
    """Draws accuracy, the share of completions with a calculated check, and completion length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("-o", type=Path, required=True)
    args = parser.parse_args()
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), dpi=130)
    for folder, colour in zip(args.runs, COLOURS):
        draw(folder, colour, *panels)
    n = pandas.read_json(args.runs[0] / "evaluations.jsonl", lines=True).problems.iloc[0]
    accuracy, checks, length = panels
    accuracy.set(ylabel="%", ylim=(0, 100), title=f"right answers to {n} held-out problems\n(line: training)")
    checks.set(ylabel="%", ylim=(0, 100), title="completions that check their result\n(line: training)")
    length.set(
        ylabel="tokens", ylim=(0, None), title="length of a training completion\n(band: 10th to 90th percentile)"
    )
    for panel in panels:
        panel.set_xlabel("step")
    accuracy.legend(frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(args.o)


def draw(folder: Path, colour: str, accuracy, checks, length) -> None:
    """Draws one run in the three panels; bars are 95 % intervals."""
    data = RunData(folder)
    found = survey(data)
    for panel, rate in ((accuracy, right_rate), (checks, calculated_rate)):
        steps = found.steps("eval")
        shares = [rate(found.within("eval", step, step)) for step in steps]
        whiskers = [[100 * (s.value - s.low) for s in shares], [100 * (s.high - s.value) for s in shares]]
        values = [100 * s.value for s in shares]
        label = f"seed {data.config['seed']}"
        panel.errorbar(steps, values, yerr=whiskers, fmt="o-", color=colour, capsize=3, label=label)
        trained = found.steps("train")
        means = pandas.Series([100 * rate(found.within("train", step, step)).value for step in trained])
        panel.plot(trained, means.rolling(5, min_periods=1).mean(), color=colour, alpha=0.5, linewidth=1)
    steps = pandas.read_json(folder / "metrics.jsonl", lines=True)
    length.plot(steps.step, steps.mean_tokens, color=colour)
    length.fill_between(steps.step, steps.p10_tokens, steps.p90_tokens, color=colour, alpha=0.12, linewidth=0)


if __name__ == "__main__":
    main()
