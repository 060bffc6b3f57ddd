"""Draws the README's picture from the dumps of one or more runs.

usage: python benchmarks/learning_curve.py dumps/RUN [dumps/RUN ...] -o docs/learning_curve.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas

from r1rl.runs.run_data import RunData

COLOURS = ("#0072b2", "#d55e00", "#009e73")  # Okabe and Ito's colours, distinct for colour-blind readers


def main() -> None:
    """Draws accuracy with intervals and mean reward on the left, completion length on the right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("-o", type=Path, required=True)
    args = parser.parse_args()
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), dpi=130)
    for folder, colour in zip(args.runs, COLOURS):
        draw(folder, colour, left, right)
    n = pandas.read_json(args.runs[0] / "evaluations.jsonl", lines=True).problems.iloc[0]
    left.set(
        xlabel="step",
        ylabel="%",
        ylim=(0, 100),
        title=f"greedy accuracy on {n} held-out problems\n(bars: 95 % interval; line: training reward)",
    )
    right.set(
        xlabel="step", ylabel="tokens", title="length of a training completion\n(mean; band: 10th to 90th percentile)"
    )
    left.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(args.o)


def draw(folder: Path, colour: str, left, right) -> None:
    """Draws one run in both panels."""
    steps = pandas.read_json(folder / "metrics.jsonl", lines=True)
    evals = pandas.read_json(folder / "evaluations.jsonl", lines=True)
    label = f"seed {RunData(folder).config['seed']}"
    left.plot(steps.step, 100 * steps.reward.rolling(5, min_periods=1).mean(), color=colour, alpha=0.5, linewidth=1)
    whiskers = [100 * (evals.accuracy - evals.low), 100 * (evals.high - evals.accuracy)]
    left.errorbar(evals.step, 100 * evals.accuracy, yerr=whiskers, fmt="o-", color=colour, capsize=3, label=label)
    right.plot(steps.step, steps.mean_tokens, color=colour)
    right.fill_between(steps.step, steps.p10_tokens, steps.p90_tokens, color=colour, alpha=0.12, linewidth=0)


if __name__ == "__main__":
    main()
