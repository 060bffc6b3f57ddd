"""Every number that a run writes, by its one name, with its meaning: in the dump, in trackers, on the screen, in the report.

Trackers put `train/` or `eval/` before a name; the tables of dumps/README.md are made of these lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

STEP = {  # metrics.jsonl
    "step": "the optimizer step, from 1",
    "completions": "completions sampled in the step",
    "tokens": "sampled tokens; of a fine-tuning: learnt tokens",
    "reward": "mean reward of the completions",
    "accuracy": "share of right completions",
    "mean_tokens": "mean length of a completion in tokens",
    "p10_tokens": "length that a tenth of the completions do not reach",
    "p50_tokens": "median length of a completion",
    "p90_tokens": "length that nine tenths of the completions do not exceed",
    "max_tokens": "length of the longest completion",
    "truncated": "share of completions cut off at `--max-completion-length`",
    "rewards_left_out": "rewards that did not apply to their completion: an unreadable gold answer, or a reward of another source",
    "reward_timeouts": "with a reward of your own: calls of it that did not come back within `--reward-timeout` since the step before, evaluations included",
    "reasoning_tokens": "mean length of the reasoning: what stands before its closing tag, or without tags before the answer",
    "level": "of all the step's problems, in a curriculum; else null",
    "collapse": "words, in the step that shows first (once a stage) that the reasoning fell below half its start while the reward rose; else null",
    "guards": "names of the guards that found something in the step; those of an evaluation stand in the step after it",
    "skipped": "why the step's update was left out (`loss`, `gradient`, `weights`: not finite; `memory`), else null",
    "steps_skipped": "how many updates were left out so far",
    "update_divisor": "1; after memory was out in an update 2, 4, ...: so much smaller are the passes",
    "reward_spread": "largest minus smallest reward of the step",
    "sampler_entropy": "mean of minus the sampler's logprob over the step's tokens: entropy in nats a token, estimated from what was sampled",
    "groups": "groups sampled in the step",
    "groups_without_signal": "groups whose rewards are all equal: they teach nothing",
    "groups_refilled": "groups sampled beside the step's own, by `--refill`",
    "sampler_gap": "mean difference between the engine's and the trainer's logprob of the same token, in nats",
    "sampler_gap_max": "the largest such difference",
    "loss": "the loss that was minimised; of a fine-tuning: nats a solution token",
    "grad_norm": "norm of the gradients before they are clipped",
    "learning_rate": "the learning rate of the step",
    "entropy": "mean entropy of the policy in nats a token, where the backend gives it",
    "kl": "KL divergence to the model that training began with, where `--beta` is set",
    "policy_loss": "with a value head: the policy's part of the loss, mean over minibatches and tokens",
    "value_loss": "with a value head: the values' part of the loss, likewise",
    "approx_kl": "with a value head: estimated divergence from the policy that sampled",
    "clip_fraction": "with a value head: share of tokens whose ratio was clipped",
    "value": "with a value head: mean value",
    "explained_variance": "with a value head: how much of the returns' variance the values explain",
    "beta": "with a value head: weight of the KL divergence",
    "peak_memory_gib": "the most memory so far: the GPU's, or without one the process's",
    "tokens_per_second": "sampled tokens over the whole step's time",
    "step_seconds": "the step's time",
    "parts": "its parts in seconds: `sync`, `generate`, `reward`, `dump`, `update` (forward and backward), `optimizer`, `other`",
    "seconds": "since the program began, with the time before a resume",
    "dollars": "spent so far; null without a known price",
}

EVALUATION = {  # evaluations.jsonl
    "step": "steps done before the evaluation",
    "problems": "problems asked",
    "samples": "completions a problem",
    "correct": "right completions",
    "accuracy": "share of right completions",
    "low": "lower end of the 95 % Wilson interval of greedy accuracy",
    "high": "upper end of it",
    "pass@1": "with several samples: chance that one completion is right; value, low and high by a bootstrap over problems",
    "pass@k": "the same for at least one of k (`--eval-samples`; the name has its number)",
    "maj@k": "the same for the most frequent answer of k",
    "mean_tokens": "mean length of a completion in tokens",
    "truncated": "share of completions cut off",
    "no_answer": "completions in which no answer was found",
    "mean_reward": "where the reward is something else than the grade: its mean",
    "reward_low": "lower end of its 95 % interval, by a bootstrap over problems",
    "reward_high": "upper end of it",
    "measure": "the name of accuracy, where it has another (label agreement)",
    "evaluation_seconds": "the evaluation's time",
    "seconds": "since the program began, with the time before a resume",
}

# What two runs of the same seed may have otherwise: times, and memory.
TIMES = {"seconds", "step_seconds", "parts", "tokens_per_second", "evaluation_seconds", "peak_memory_gib"}

NOT_MEASURED = ("schema_version", "step")  # of a line, but no number for a curve


def table(names: Mapping[str, str]) -> str:
    """Names and meanings as a Markdown table."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in names.items()]
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows])


def known(name: str, names: Mapping[str, str]) -> bool:
    """Whether a key of a line has a meaning; pass@8 is pass@k.

    >>> known("pass@8", EVALUATION), known("pass_at_8", EVALUATION)
    (True, False)
    """
    kind, at, k = name.partition("@")
    return name in names or (f"{kind}{at}k" in names and k.isdecimal())


def numbers(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of a line by name, as trackers take them: those inside another are `parts/generate`, `pass@8/low`."""
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{inner}", number) for inner, number in numbers(value))
        elif isinstance(value, int | float) and name not in NOT_MEASURED:
            yield name, float(value)
