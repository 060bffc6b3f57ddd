"""The names of all numbers that a run writes, with their meaning: in the dump, in trackers, on the screen, in the report.

Trackers put `train/` or `eval/` before a name. dumps/README.md holds these tables, as `table` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

STEP = {  # metrics.jsonl
    "step": "the optimizer step, from 1",
    "completions": "completions sampled in the step",
    "completions_learned": "completions that the update learned from: not those of groups without signal, nor those that `--learn-from` left out",
    "tokens": "sampled tokens; in fine-tuning: learned tokens",
    "reward": "mean reward of the completions",
    "accuracy": "share of correct completions",
    "mean_tokens": "mean length of a completion in tokens",
    "p10_tokens": "10th percentile of the length of a completion",
    "p50_tokens": "median length of a completion",
    "p90_tokens": "90th percentile of the length of a completion",
    "max_tokens": "length of the longest completion",
    "truncated": "share of completions cut off at `--max-completion-length`, or by `--prune`",
    "completions_pruned": "completions that `--prune` ended",
    "rewards_left_out": "rewards that did not apply to their completion: an unreadable gold answer, or a reward of another source",
    "reward_timeouts": "with a custom reward: calls that did not return within `--reward-timeout` since the previous step, evaluations included",
    "judge_unparsed": "with `--reward judge`: completions without a verdict that could be read, since the previous step, evaluations included",
    "judge_tokens_in": "with `--reward judge`: tokens that the judge read, likewise",
    "judge_tokens_out": "with `--reward judge`: tokens that the judge wrote, likewise",
    "reasoning_tokens": "mean length of the reasoning: the text before its closing tag, or without tags before the answer",
    "level": "level of all problems of the step, in a curriculum; else null",
    "collapse": "a message, in the first step (of each stage) in which the reasoning is below half its initial length while the reward rose; else null",
    "guards": "names of the guards that found something in the step; findings of an evaluation are in the step after it",
    "skipped": "why the step's update was skipped (`loss`, `gradient`, `weights`: not finite; `memory`), else null",
    "steps_skipped": "number of updates skipped so far",
    "update_divisor": "1; doubled each time an update ran out of memory: the passes are smaller by this factor",
    "reward_spread": "largest minus smallest reward of the step",
    "sampler_entropy": "mean negative logprob of the sampled tokens: an estimate of the entropy in nats per token",
    "groups": "groups sampled in the step",
    "groups_without_signal": "groups whose rewards are all equal, so that nothing is learned from them",
    "groups_refilled": "groups sampled in addition to the step's own, by `--refill`",
    "pool_solved": "with `--difficulty-pool`, after the step: share of the training prompts whose completions were all correct in their latest groups, at most as many as the flag says",
    "pool_unsolved": "the same, none correct",
    "pool_between": "the same, some correct",
    "pool_unseen": "the same, not sampled yet, or without a gold answer",
    "pool_resting": "share of the training prompts that the pool leaves out at present",
    "sampler_gap": "mean difference between the engine's and the trainer's logprob of the same token, in nats",
    "sampler_gap_max": "the largest such difference",
    "loss": "the minimised loss; with `--algorithm distill`: the divergence of `--distill-beta` in nats per token; in fine-tuning: nats per solution token",
    "grad_norm": "norm of the gradients before clipping",
    "learning_rate": "the learning rate of the step",
    "entropy": "mean entropy of the policy in nats per token, where the backend computes it",
    "reverse_kl": "with `--algorithm distill`: mean KL divergence of the policy from the teacher over the sampled completions, KL(policy, teacher) in nats per token, over all tokens of the vocabulary",
    "teacher_logprob": "with `--algorithm distill`: mean logprob of the sampled tokens by the teacher, in nats per token",
    "kl": "KL divergence from the initial model, with `--beta`",
    "policy_loss": "with a value head: the policy's part of the loss, mean over minibatches and tokens",
    "value_loss": "with a value head: the values' part of the loss, likewise",
    "approx_kl": "with a value head: estimated divergence from the policy that sampled",
    "clip_fraction": "with a value head: share of tokens whose ratio was clipped",
    "value": "with a value head: mean value",
    "explained_variance": "with a value head: share of the returns' variance that the values explain",
    "beta": "with a value head: weight of the KL divergence",
    "peak_memory_gib": "largest memory so far: the GPU's, or without one the process's",
    "tokens_per_second": "sampled tokens divided by the time of the whole step",
    "step_seconds": "time of the step",
    "parts": "parts of it in seconds: `sync`, `generate`, `reward`, `dump`, `teacher` (with `--algorithm distill`), `update` (forward and backward), `optimizer`, `other`",
    "seconds": "since the start of the program, including the time before a resume",
    "dollars": "cost so far; null without a known price",
}

EVALUATION = {  # evaluations.jsonl
    "step": "steps done before the evaluation",
    "problems": "problems in the evaluation",
    "samples": "completions per problem",
    "correct": "correct completions",
    "accuracy": "share of correct completions",
    "low": "lower end of the 95 % Wilson interval of greedy accuracy",
    "high": "upper end of it",
    "pass@1": "with several samples: probability that one completion is correct; value, low and high by a bootstrap over problems",
    "pass@k": "the same for at least one of k (`--eval-samples`; the name holds the number)",
    "maj@k": "the same for the most frequent answer of k",
    "mean_tokens": "mean length of a completion in tokens",
    "truncated": "share of completions cut off",
    "no_answer": "completions without an answer",
    "mean_reward": "mean reward, where it does not follow from the grade",
    "reward_low": "lower end of its 95 % interval, by a bootstrap over problems",
    "reward_high": "upper end of it",
    "measure": "the task's own name for accuracy, if it has one (label agreement)",
    "evaluation_seconds": "time of the evaluation",
    "seconds": "since the start of the program, including the time before a resume",
}

# Numbers in which two runs of the same seed may differ: times, and memory.
TIMES = {"seconds", "step_seconds", "parts", "tokens_per_second", "evaluation_seconds", "peak_memory_gib"}
NOT_MEASURED = ("schema_version", "step")  # keys of a line that are not drawn as curves


def table(names: Mapping[str, str]) -> str:
    """Returns names and meanings as a Markdown table, as in dumps/README.md."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in names.items()]
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows])


def known(name: str, names: Mapping[str, str]) -> bool:
    """Returns whether a key of a line is in `names`; pass@8 counts as pass@k.

    >>> known("pass@8", EVALUATION), known("pass_at_8", EVALUATION)
    (True, False)
    """
    kind, at, k = name.partition("@")
    return name in names or (f"{kind}{at}k" in names and k.isdecimal())


def numbers(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yields the numbers of a line by name, as trackers take them; nested ones as `parts/generate`, `pass@8/low`."""
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{inner}", number) for inner, number in numbers(value))
        elif isinstance(value, int | float) and name not in NOT_MEASURED:
            yield name, float(value)
