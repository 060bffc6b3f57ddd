"""One evaluation in words, from its line in evaluations.jsonl: never without n and interval."""

from __future__ import annotations

from typing import Any

from r1rl.runs.stats import format_accuracy, format_share


def score_of(line: dict[str, Any]) -> float:
    """What the best checkpoint is the best in, as Evaluation.score is."""
    return line.get("mean_reward", line["accuracy"])


def evaluation_words(line: dict[str, Any]) -> str:
    """Accuracy by the name that the task has for it, and the reward where that is something else."""
    if line["samples"] == 1:
        words = format_accuracy(line["correct"], line["problems"])
    else:
        parts = [
            f"{name} {v['value']:.1%} (95 % interval {v['low']:.1%} to {v['high']:.1%})"
            for name, v in line.items()
            if isinstance(v, dict)
        ]
        words = f"{line['problems']} problems, {line['samples']} samples each: " + ", ".join(parts)
    if "measure" in line:
        words = f"{line['measure']} {words} (no answer: {line['no_answer']})"
    if "mean_reward" in line:
        words += f"; reward {line['mean_reward']:.2f} (95 % interval {line['reward_low']:.2f} to {line['reward_high']:.2f})"
    return words


def evaluation_cell(line: dict[str, Any]) -> str:
    """The same in the short form, where there is one."""
    if line["samples"] != 1:
        return evaluation_words(line)
    cell = format_share(line["correct"], line["problems"], line["low"], line["high"])
    if "mean_reward" not in line:
        return cell
    return f"{cell}, {line['mean_reward']:.2f} ({line['reward_low']:.2f} to {line['reward_high']:.2f})"
