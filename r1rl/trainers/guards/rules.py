"""The rules of the guards: what can go wrong in a run, found in its metrics lines and evaluations.

A rule sees only what the dump holds, so a resumed run that reads its dump again knows the same. callback.py decides
what is done about a finding.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from r1rl.runs.stats import bootstrap_interval, mcnemar_exact, paired_bootstrap

QUICK = 3  # steps in a row for what ruins a run fast; --guard-steps is for the rest
FIRST_GAPS = 5  # steps whose smallest sampler gap is the engine's noise
GAP_TIMES = 5.0  # times that noise
GAP_LIMIT = 0.1  # nats per token: working engines had 0.001 to 0.03
CUT_SHARE = 0.5
KL_LIMIT = 1.0  # nats per token, from the reference
APPROX_KL_LIMIT = 0.5  # nats per token, between two optimizer steps
RATIO_LIMIT = 10.0  # nats: a token's probability changed 22,000 times between sampler and trainer
ENTROPY_SHARE = 0.1  # of the start's
ENTROPY_LIMIT = 0.005  # nats per token
# A 0.6B model whose entropy rose above 2 nats per token lost its reward, a public report of a run on GSM8K says.
HIGH_ENTROPY, HIGH_ENTROPY_TIMES = 2.0, 2.0  # nats per token; times that of the start
NON_FINITE = {"loss": "the loss is", "gradient": "the gradient is", "weights": "trained weights are"}
FEWEST_HALF = 5  # steps in each half whose rewards' intervals are compared
FALL_P = 0.01  # of the test that accuracy fell; small, because the best of many evaluations was lucky


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guard found. `final`: the run must stop, whatever the guard's action is."""

    guard: str
    words: str
    final: bool = False


class Streak:
    """Counts how often a condition was true in a row."""

    def __init__(self, length: int):
        self.length, self.count = length, 0

    def complete(self, condition: bool) -> bool:
        """Adds one step. Returns True at every `length`-th one in a row."""
        self.count = self.count + 1 if condition else 0
        return self.count > 0 and self.count % self.length == 0


class Guards:
    """The rules; they receive the lines of metrics in order, and evaluations in between."""

    def __init__(self, steps: int = 10, longest: int | None = None, patience: int = QUICK):
        """`steps` in a row make a finding, `longest` is --max-completion-length; `patience`: skipped steps in a row."""
        self.longest, self.patience = longest, patience
        self.window = steps
        self.no_signal, self.truncated, self.entropy = (Streak(steps) for _ in range(3))
        self.high_entropy = Streak(steps)
        self.sync, self.kl = Streak(QUICK), Streak(QUICK)
        self.non_finite = 0  # steps in a row
        self.gaps: list[float] = []
        self.surprises: list[float] = []
        self.cuts: deque[tuple[int, int, int]] = deque(maxlen=steps)  # completions, those cut, tokens
        self.rewards: list[tuple[int, float]] = []  # step, mean reward
        self.best: tuple[int, Mapping[str, float]] | None = None  # evaluation: step, share by problem

    def step(self, line: Mapping[str, Any]) -> list[Finding]:
        """Adds a line of metrics.jsonl and returns the findings; rules whose metrics it lacks are skipped.

        A line without completions is of a step that learned from earlier ones again: it repeats their metrics.
        """
        rules = (self._sync, self._no_signal, self._truncated, self._non_finite, self._kl, self._collapse,
                 self._entropy)  # fmt: skip
        if line.get("reward") is not None and line.get("completions", 1):
            self.rewards.append((line["step"], line["reward"]))
        return [found for rule in rules if (found := rule(line)) is not None]

    def evaluation(self, step: int, shares: Mapping[str, float]) -> Finding | None:
        """Adds an evaluation: the share of correct completions of each problem."""
        if not shares:
            return None
        found = None
        if self.best is not None:
            found = self._reward_hacking(shares)
        if self.best is None or fmean(shares.values()) > fmean(self.best[1].values()):
            self.best = step, dict(shares)
        return found

    # ---- one method per rule

    def _sync(self, line: Mapping[str, Any]) -> Finding | None:
        gap = line.get("sampler_gap")
        if gap is None:
            return None
        if len(self.gaps) < FIRST_GAPS:
            self.gaps.append(gap)
        noise = min(self.gaps)
        if not self.sync.complete(gap > max(GAP_LIMIT, GAP_TIMES * noise)):
            return None
        return Finding(
            "sync",
            f"the engine's logprobs are {gap:.2f} nats per token from the trainer's, {noise:.4f} in the first steps: it "
            "does not sample from the trained adapter. Use --engine transformers, or check the versions of unsloth, "
            "unsloth_zoo and vllm",
        )

    def _no_signal(self, line: Mapping[str, Any]) -> Finding | None:
        # a supervised step, one without new completions, or one that learns from a teacher
        if "reward" not in line or not line.get("completions", 1) or "teacher_logprob" in line:
            return None
        idle = line.get("groups", 0) > 0 and line.get("groups_without_signal", 0) == line["groups"]
        if not self.no_signal.complete(idle or not line.get("reward_spread", 1.0)):
            return None
        reward = line["reward"]
        mean = "no reward" if reward is None else f"{reward:.2f} in this step"
        return Finding(
            "no-signal",
            f"for {self.no_signal.count} steps all completions of a prompt had the same reward (mean: {mean}), so nothing was "
            "learned. Look at some with `python main.py inspect`. Easier or harder problems, a larger --num-generations or "
            "a reward with intermediate values may help",
        )

    def _truncated(self, line: Mapping[str, Any]) -> Finding | None:
        if line.get("truncated") is None or not line["completions"]:
            return None
        cut = round(line["truncated"] * line["completions"])
        self.cuts.append((line["completions"], cut, line["tokens"]))
        if not self.truncated.complete(line["truncated"] > CUT_SHARE):
            return None
        count, cut, tokens = (sum(x) for x in zip(*self.cuts))
        return Finding(
            "truncated",
            f"{cut} of {count} completions of {len(self.cuts)} steps were cut off before their answer: "
            f"{enough_words(count - cut, tokens, self.longest)}",
        )

    def _non_finite(self, line: Mapping[str, Any]) -> Finding | None:
        reason = line.get("skipped")
        self.non_finite = self.non_finite + 1 if reason in NON_FINITE else 0
        if not self.non_finite:
            return None
        words = f"{NON_FINITE[reason]} not finite: the step was skipped ({line['steps_skipped']} so far)"
        if reason == "weights":  # no later step can repair them
            return Finding("non-finite", f"{words}. The last good checkpoint is kept", final=True)
        if self.non_finite < self.patience:
            return Finding("non-finite", words)
        return Finding(
            "non-finite",
            f"{words}, {self.non_finite} in a row. Use a smaller --learning-rate or --max-grad-norm, and look for "
            "rewards that are not numbers",
            final=True,
        )

    def _kl(self, line: Mapping[str, Any]) -> Finding | None:
        if line.get("approx_kl") is not None:  # with a value head `kl` is per completion
            name, value, limit = "approx_kl", line["approx_kl"], APPROX_KL_LIMIT
        else:
            name, value, limit = "kl", line.get("kl"), KL_LIMIT
        ratio = line.get("sampler_gap_max")
        if value is None and ratio is None:
            return None
        far, jumped = (value or 0.0) > limit, (ratio or 0.0) > RATIO_LIMIT
        if not self.kl.complete(far or jumped):
            return None
        cause = f"{name} is {value:.3g} nats per token" if far else f"a token's logprob moved by {ratio:.1f} nats"
        return Finding(
            "kl",
            f"{cause}, for {self.kl.count} steps above {limit if far else RATIO_LIMIT:g}: the policy diverges. "
            "Use a smaller --learning-rate, a smaller --max-grad-norm or a larger --beta",
        )

    def _collapse(self, line: Mapping[str, Any]) -> Finding | None:
        return Finding("collapse", line["collapse"]) if line.get("collapse") else None

    def _entropy(self, line: Mapping[str, Any]) -> Finding | None:
        surprise = line.get("sampler_entropy")
        if surprise is None or not line.get("completions", 1):
            return None
        if len(self.surprises) < self.window:
            self.surprises.append(surprise)
        start = fmean(self.surprises)
        if self.high_entropy.complete(surprise > max(HIGH_ENTROPY, HIGH_ENTROPY_TIMES * start)):
            return Finding(
                "entropy",
                f"completions have {surprise:.2f} nats of entropy per token, {start:.3f} at the start, for "
                f"{self.high_entropy.count} steps: the model is losing its language, and its reward follows. Use a smaller "
                "--learning-rate, --beta 0.01, or an earlier checkpoint",
            )
        if not self.entropy.complete(surprise < max(ENTROPY_LIMIT, ENTROPY_SHARE * start)):
            return None
        return Finding(
            "entropy",
            f"completions have {surprise:.4f} nats of entropy per token, {start:.3f} at the start, for "
            f"{self.entropy.count} steps: completions of a prompt hardly differ. Use a smaller --learning-rate, a larger "
            "--temperature, or an earlier checkpoint",
        )

    def _reward_hacking(self, shares: Mapping[str, float]) -> Finding | None:
        best_step, best = self.best
        shared = [problem for problem in best if problem in shares]
        before, after = [best[i] for i in shared], [shares[i] for i in shared]
        if not fell(before, after):
            return None
        rewards = [reward for step, reward in self.rewards if step > best_step]
        half = len(rewards) // 2
        if half < FEWEST_HALF:
            return None
        early, late = rewards[:half], rewards[half:]
        if bootstrap_interval(early)[1] >= bootstrap_interval(late)[0]:
            return None
        return Finding(
            "reward-hacking",
            f"the reward rose from {fmean(early):.2f} to {fmean(late):.2f} since step {best_step}, while accuracy in "
            f"evaluation fell from {fmean(before):.0%} to {fmean(after):.0%} of the same {len(shared)} problems: the reward "
            "pays for something else. Read the completions (`python main.py inspect`); checkpoints/best is from before",
        )


def fell(before: list[float], after: list[float]) -> bool:
    """Whether significantly fewer problems are solved: McNemar's exact test, for shares a paired bootstrap."""
    if not before or sum(after) >= sum(before):
        return False
    if all(x in (0, 1) for x in before + after):
        return mcnemar_exact([x == 1 for x in before], [x == 1 for x in after]) < FALL_P
    return paired_bootstrap(before, after, confidence=1 - FALL_P)[1] < 0


def enough_length(ended: int, tokens: int, share: float) -> float | None:
    """Returns the tokens after which `share` of completions would have ended, at the rate seen; None if none ended.

    The rate is that of an exponential distribution with right censoring: those that ended over all tokens sampled.
    Source: Epstein and Sobel 1953, "Life testing", Journal of the American Statistical Association 48, pages 486-502.
    Example: 10 ended in 10,000 tokens, so half have ended after 1000 ln 2 = 693.
    """
    return -math.log(1 - share) * tokens / ended if ended else None


def enough_words(ended: int, tokens: int, longest: int | None) -> str:
    """Returns advice on --max-completion-length."""
    twice = f"try --max-completion-length {2 * longest}" if longest else "try twice the --max-completion-length"
    if not ended:
        return (
            "none ended by itself, so the length that would be enough is unknown. Look at some: if they repeat themselves, "
            f"no length helps; else {twice}"
        )
    half, most = (rounded_up(enough_length(ended, tokens, share)) for share in (0.5, 0.9))
    return (
        f"{twice}. Estimated from the rate at which {ended} ended, {half} tokens would be enough for half of them and "
        f"{most} for nine in ten, or fewer if their lengths are similar"
    )


def rounded_up(length: float) -> int:
    """Returns the length rounded up to a multiple of 32."""
    return 32 * math.ceil(length / 32)
