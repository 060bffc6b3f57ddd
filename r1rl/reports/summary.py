"""The lines that summarize a run: accuracy before and after, paired tests, totals, and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from rich.markup import escape

from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_words
from r1rl.runs.stats import compared, learning_slope, mcnemar_exact, minimal_difference, paired_bootstrap

LEAST_CHANGES = 6  # verdicts: five, all for the better, have p = 2 / 2^5 = 0.06


def numbers(data: RunData) -> dict[str, Any]:
    """Returns the fields of summary.json: first and last evaluation, and the run's totals."""
    metrics, evaluations = data.metrics, data.evaluations
    return {
        "steps": metrics[-1]["step"] if metrics else 0,
        "completions": sum(m["completions"] for m in metrics),
        "tokens": sum(m["tokens"] for m in metrics),
        "seconds": max([x["seconds"] for x in metrics[-1:] + evaluations[-1:]], default=0.0),
        "dollars": metrics[-1]["dollars"] if metrics else None,
        "groups": sum(m["groups"] for m in metrics),
        "groups_without_signal": sum(m["groups_without_signal"] for m in metrics),
        "first_evaluation": evaluations[0] if evaluations else None,
        "last_evaluation": evaluations[-1] if evaluations else None,
    }


def heading(data: RunData) -> str:
    """Returns the run in one line: recipe, model, task, seed, machine, and when it started."""
    run, config, machine = data.run, data.config, data.run["machine"]
    parts = (
        f"recipe {run['recipe']}", f"model {config['model_name']}", f"task {config['dataset_name']}",
        f"seed {config['seed']}",        machine["gpu"] or f"{machine['cores']} CPU cores", run["started"],
    )  # fmt: skip
    return escape(f"{data.folder.name}: {', '.join(parts)}")


def state(data: RunData) -> str:
    """Returns whether the run is complete, and if not, how far it is."""
    if data.is_complete:
        return "complete"
    if data.run["recipe"] == "eval":
        return "evaluation only"
    return f"running or stopped: {numbers(data)['steps']} of {data.config['max_steps']} steps"


def before_and_after(data: RunData) -> dict[str, str]:
    """Returns the first and the last evaluation by "before" and "after", without those that are missing."""
    found = {"before": data.evaluations[0]} if data.evaluations else {}
    if data.evaluations and data.evaluations[-1]["step"] != data.evaluations[0]["step"]:
        found["after"] = data.evaluations[-1]
    return {name: f"{evaluation_words(line)} (step {line['step']})" for name, line in found.items()}


def summary_lines(data: RunData) -> list[str]:
    """Returns what the run learned, a line for each fact, and whether the difference may be chance."""
    totals, scores = numbers(data), before_and_after(data)
    lines = [f"{name:<8} {score}" for name, score in scores.items()]
    if "after" in scores:
        before, after = totals["first_evaluation"], totals["last_evaluation"]
        lines.append(f"{'':<8} {paired_test(data, before, after)}")
        for name, change in (("reward", reward_change(data, before, after)), ("slope", slope(data))):
            lines += [f"{name:<8} {change}"] if change else []
        lengths = f"{before['mean_tokens']:.0f} -> {after['mean_tokens']:.0f}"
        lines.append(f"length   {lengths} tokens per completion in evaluation")
    if totals["groups"] and learns_from_groups(data):
        equal = totals["groups_without_signal"]
        lines.append(f"signal   {equal} of {totals['groups']} groups had equal rewards, which give no signal")
    lines += teacher_lines(data)
    minutes, seconds = divmod(round(totals["seconds"]), 60)
    cost = "" if totals["dollars"] is None else f", ${totals['dollars']:.2f}"
    lines.append(
        f"total    {totals['steps']} steps, {totals['completions']:,} completions, {totals['tokens']:,} tokens, "
        f"{minutes} min {seconds:02d} s{cost}"
    )
    return lines + collapse_lines(data) + guard_lines(data)


def learns_from_groups(data: RunData) -> bool:
    """Returns whether a group of equal rewards gives no signal; with a value head (PPO) it does."""
    return data.config.get("algorithm", "grpo") == "grpo"


def teacher_lines(data: RunData) -> list[str]:
    """Returns the divergence from the teacher at the start and at the end of a distillation; no line for other runs."""
    found = [m["reverse_kl"] for m in data.metrics if m.get("reverse_kl") is not None]
    if not found:
        return []
    tenth = max(1, len(found) // 10)
    first, last = fmean(found[:tenth]), fmean(found[-tenth:])
    return [
        f"teacher  KL divergence {first:.3f} -> {last:.3f} nats per token (first, last tenth of {len(found)} steps)"
    ]


def guard_lines(data: RunData) -> list[str]:
    """Returns the last finding of each guard. Collapses are left out: `collapse_lines` has them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in data.findings:
        if line["guard"] != "collapse":
            found.setdefault(line["guard"], []).append(line)
    return [
        f"guard    {name} at step {lines[-1]['step']}"
        f"{f', the last of {len(lines)} findings' if len(lines) > 1 else ''}: {lines[-1]['words']}"
        for name, lines in found.items()
    ]


def collapse_lines(data: RunData) -> list[str]:
    """Returns a line for each collapse of the reasoning."""
    return [
        f"collapse {'' if m.get('level') is None else 'level {}, '.format(m['level'])}step {m['step']}: {m['collapse']}"
        for m in data.metrics
        if m.get("collapse")
    ]


def damage(damaged: list[str]) -> list[str]:
    """Returns a line with the places of the lines that could not be read; no line if there are none."""
    if not damaged:
        return []
    places = ", ".join(damaged[:10]) + (f" and {len(damaged) - 10} more" if len(damaged) > 10 else "")
    return [f"damaged  {len(damaged)} lines could not be read and are left out: {places}"]


# ---- comparisons


def paired_test(data: RunData, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Returns the difference between two evaluations of one run on the problems of both."""
    greedy = before["samples"] == 1 and after["samples"] == 1
    return describe_difference(data.verdicts(before["step"]), data.verdicts(after["step"]), greedy)


def against_first(runs: Sequence[RunData]) -> list[str]:
    """Returns, for each further run, its last evaluation against that of the first run, problem by problem.

    Generated tasks give the same names to other problems with another seed: their gold answers differ.
    """
    lines = []
    for run in runs[1:]:
        if runs[0].evaluations and run.evaluations:
            first, other = runs[0].evaluations[-1], run.evaluations[-1]
            greedy = first["samples"] == 1 and other["samples"] == 1
            answers, others = runs[0].answers(first["step"]), run.answers(other["step"])
            if any(answers[problem] != others[problem] for problem in answers.keys() & others.keys()):
                difference = "other problems with the same names (another --seed), nothing to compare"
            else:
                verdicts = runs[0].verdicts(first["step"]), run.verdicts(other["step"])
                difference = describe_difference(*verdicts, greedy)
            lines.append(f"{run.folder.name} against {runs[0].folder.name}: {difference}")
    return lines


def describe_difference(first: dict[str, float], last: dict[str, float], greedy: bool) -> str:
    """Returns the change in accuracy over the problems that both have, with interval and test.

    The test is McNemar's exact one for a single greedy completion per problem, and a paired bootstrap for several
    samples. If McNemar's is not significant, the smallest difference is added that so few changes could have shown.
    """
    pairs = compared(first, last)
    if pairs is None:
        return "no problems in common, nothing to compare"
    gained, lost, n = pairs.gained, pairs.lost, len(pairs.before)
    words = (
        f"{100 * (sum(pairs.after) - sum(pairs.before)) / n:+.1f} points on the same {n} problems "
        f"(95 % interval {100 * pairs.low:+.1f} to {100 * pairs.high:+.1f}, paired bootstrap): {gained} gained, {lost} lost"
    )
    if not greedy:
        return f"{words}; {'significant' if pairs.low > 0 or pairs.high < 0 else 'not significant'}"
    p = mcnemar_exact([b > 0 for b in pairs.before], [a > 0 for a in pairs.after])
    if p < 0.05:
        return f"{words}; significant (p = {p:.2g}, exact McNemar)"
    if gained + lost < LEAST_CHANGES:
        why = f"fewer than {LEAST_CHANGES} changed verdicts cannot be significant"
    else:
        needed = minimal_difference(n, (gained + lost) / n)
        why = f"80 % power needs a true difference of {100 * needed:.1f} points"
    return f"{words}; not significant (p = {p:.2g}, exact McNemar; {why})"


def reward_change(data: RunData, before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Returns the change in the mean reward between two evaluations; None if the reward is a function of the grade."""
    if "mean_reward" not in before or "mean_reward" not in after:
        return None
    first, last = data.rewards(before["step"]), data.rewards(after["step"])
    pairs = [(first[problem], last[problem]) for problem in first if problem in last]
    low, high = paired_bootstrap([b for b, _ in pairs], [a for _, a in pairs], seed=0)
    return (
        f"{before['mean_reward']:.2f} -> {after['mean_reward']:.2f}, {sum(a - b for b, a in pairs) / len(pairs):+.2f} "
        f"on the same {len(pairs)} problems (95 % interval {low:+.2f} to {high:+.2f}, paired bootstrap); for comparison: "
        f"{after.get('measure', 'accuracy')} {before['accuracy']:.1%} -> {after['accuracy']:.1%}"
    )


def slope(data: RunData) -> str | None:
    """Returns how fast accuracy rose over all evaluations; None for fewer than three, which before and after show."""
    steps = [e["step"] for e in data.evaluations]
    if len(set(steps)) < 3:
        return None
    by_step = [data.verdicts(step) for step in steps]
    shared = [problem for problem in by_step[0] if all(problem in v for v in by_step)]
    if not shared:
        return None
    gain, low, high = learning_slope(steps, [[v[problem] for v in by_step] for problem in shared])
    return (
        f"{1000 * gain:+.1f} points per 10 steps (95 % interval {1000 * low:+.1f} to {1000 * high:+.1f}; "
        f"{len(steps)} evaluations of the same {len(shared)} problems)"
    )
