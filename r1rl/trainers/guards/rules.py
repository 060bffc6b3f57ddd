"""Rules that find faults of a run in its metrics lines and in the verdicts of its evaluations.

Every rule sees only what the dump holds, so a resumed run that reads its dump again knows what it knew. What is done about
a finding is decided elsewhere (r1rl/trainers/guards/callback.py).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from r1rl.runs.stats import bootstrap_interval, mcnemar_exact, paired_bootstrap

QUICK = 3  # steps in a row for faults that ruin a run fast; --guard-steps for the others

FIRST_GAPS = 5  # steps among which the smallest sampler gap shows the engine's own noise

GAP_TIMES, GAP_LIMIT = (
    5.0,
    0.1,
)  # times that noise, and nats per token: sound engines were seen at 0.001 to 0.03

CUT_SHARE = 0.5

KL_LIMIT, APPROX_KL_LIMIT = 1.0, 0.5  # nats per token, from the reference and between two optimizer steps

RATIO_LIMIT = 10.0  # nats: one token's probability changed by 22,000 times between sampler and trainer

ENTROPY_SHARE, ENTROPY_LIMIT = 0.1, 0.005  # of the start's, and nats per token

NON_FINITE = {"loss": "the loss is", "gradient": "the gradient is", "weights": "trained weights are"}

FEWEST_HALF = 5  # steps in each half for which the rewards' intervals are compared

FALL_P = (
    0.01  # of the test that accuracy fell: the best evaluation is among many, and the best by luck a little
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a guard. `final`: the run must stop whatever the guard's action is."""

    guard: str
    words: str
    final: bool = False


class Streak:
    """Counts consecutive occurrences; `step` returns True at every `length`-th."""

    def __init__(self, length: int):
        self.length, self.count = length, 0

    def complete(self, so: bool) -> bool:
        """Counts one step."""
        self.count = self.count + 1 if so else 0
        return self.count > 0 and self.count % self.length == 0


class Guards:
    """The rules; takes metrics lines in order, and evaluations between them."""

    def __init__(self, steps: int = 10, longest: int | None = None, patience: int = QUICK):
        """`steps` in a row make a finding, `longest` is --max-completion-length; `patience`: skipped steps in a row."""
        self.longest, self.patience = longest, patience
        self.window = steps
        self.no_signal, self.truncated, self.entropy = (Streak(steps) for _ in range(3))
        self.sync, self.kl = Streak(QUICK), Streak(QUICK)
        self.non_finite = 0  # steps in a row
        self.gaps: list[float] = []
        self.surprises: list[float] = []
        self.cuts: deque[tuple[int, int, int]] = deque(maxlen=steps)  # completions, those cut, tokens
        self.rewards: list[tuple[int, float]] = []  # step, mean reward
        self.best: tuple[int, Mapping[str, float]] | None = (
            None  # the best evaluation: step, share by problem
        )

    def step(self, line: Mapping[str, Any]) -> list[Finding]:
        """Checks a line of metrics.jsonl; rules whose fields are missing are skipped."""
        rules = (
            self._sync,
            self._no_signal,
            self._truncated,
            self._non_finite,
            self._kl,
            self._collapse,
            self._entropy,
        )
        if line.get("reward") is not None:
            self.rewards.append((line["step"], line["reward"]))
        return [found for rule in rules if (found := rule(line)) is not None]

    def evaluation(self, step: int, shares: Mapping[str, float]) -> Finding | None:
        """Records an evaluation: the share of correct completions of each problem."""
        if not shares:
            return None
        found = None
        if self.best is not None:
            found = self._reward_hacking(shares)
        if self.best is None or fmean(shares.values()) > fmean(self.best[1].values()):
            self.best = step, dict(shares)
        return found

    # ---- one rule each

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
        if "reward" not in line:  # a supervised step
            return None
        idle = line.get("groups", 0) > 0 and line.get("groups_without_signal", 0) == line["groups"]
        if not self.no_signal.complete(idle or not line.get("reward_spread", 1.0)):
            return None
        reward = line["reward"]
        mean = "there was none" if reward is None else f"{reward:.2f} in this step"
        return Finding(
            "no-signal",
            f"for {self.no_signal.count} steps all completions of a prompt earned the same (mean reward: {mean}), so "
            "nothing was learned. Look at some with `python main.py inspect`; easier or harder problems, a larger "
            "--num-generations or a reward with steps in between would help",
        )

    def _truncated(self, line: Mapping[str, Any]) -> Finding | None:
        if line.get("truncated") is None:
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
        what = line.get("skipped")
        self.non_finite = self.non_finite + 1 if what in NON_FINITE else 0
        if not self.non_finite:
            return None
        words = f"{NON_FINITE[what]} not finite: the step was skipped ({line['steps_skipped']} so far)"
        if what == "weights":  # no step to come can mend them
            return Finding("non-finite", f"{words}. The last good checkpoint is kept", final=True)
        if self.non_finite < self.patience:
            return Finding("non-finite", words)
        return Finding(
            "non-finite",
            f"{words}, {self.non_finite} in a row. Use a smaller --learning-rate or --max-grad-norm, and look for "
            "rewards that are no numbers",
            final=True,
        )

    def _kl(self, line: Mapping[str, Any]) -> Finding | None:
        if line.get("approx_kl") is not None:  # with a value head `kl` is of whole completions
            name, value, limit = "approx_kl", line["approx_kl"], APPROX_KL_LIMIT
        else:
            name, value, limit = "kl", line.get("kl"), KL_LIMIT
        ratio = line.get("sampler_gap_max")
        if value is None and ratio is None:
            return None
        far, torn = (value or 0.0) > limit, (ratio or 0.0) > RATIO_LIMIT
        if not self.kl.complete(far or torn):
            return None
        what = (
            f"{name} is {value:.3g} nats per token" if far else f"a token's logprob moved by {ratio:.1f} nats"
        )
        return Finding(
            "kl",
            f"{what}, for {self.kl.count} steps above {limit if far else RATIO_LIMIT:g}: the policy diverges. "
            "Use a smaller --learning-rate, a smaller --max-grad-norm or a larger --beta",
        )

    def _collapse(self, line: Mapping[str, Any]) -> Finding | None:
        return Finding("collapse", line["collapse"]) if line.get("collapse") else None

    def _entropy(self, line: Mapping[str, Any]) -> Finding | None:
        surprise = line.get("sampler_entropy")
        if surprise is None:
            return None
        if len(self.surprises) < self.window:
            self.surprises.append(surprise)
        start = fmean(self.surprises)
        if not self.entropy.complete(surprise < max(ENTROPY_LIMIT, ENTROPY_SHARE * start)):
            return None
        return Finding(
            "entropy",
            f"completions hold {surprise:.4f} nats of entropy a token, {start:.3f} at the start, for "
            f"{self.entropy.count} steps: the samples of a prompt hardly differ. Use a smaller --learning-rate, a "
            "larger --temperature, or go back to an earlier checkpoint",
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
            f"evaluation fell from {fmean(before):.0%} to {fmean(after):.0%} of the same {len(shared)} problems: it "
            "pays for something else. Read what it pays for (`python main.py inspect`); checkpoints/best is from before",
        )


def fell(before: list[float], after: list[float]) -> bool:
    """Returns whether significantly fewer problems are solved: McNemar's exact test, for shares a paired bootstrap."""
    if not before or sum(after) >= sum(before):
        return False
    if all(x in (0, 1) for x in before + after):
        return mcnemar_exact([x == 1 for x in before], [x == 1 for x in after]) < FALL_P
    return paired_bootstrap(before, after, confidence=1 - FALL_P)[1] < 0


def enough_length(ended: int, tokens: int, share: float) -> float | None:
    """Returns the tokens after which `share` of completions would have ended at the rate seen.

    The rate is that of an exponential distribution with right censoring: those that ended over all tokens sampled.
    Source: Epstein and Sobel 1953, "Life testing", Journal of the American Statistical Association 48, pages 486-502.
    None where none ended. Example: 10 ended in 10,000 tokens, so half have after 1000 ln 2 = 693.
    """
    return -math.log(1 - share) * tokens / ended if ended else None


def enough_words(ended: int, tokens: int, longest: int | None) -> str:
    """Returns advice on a sufficient --max-completion-length."""
    twice = (
        f"try --max-completion-length {2 * longest}" if longest else "try twice the --max-completion-length"
    )
    if not ended:
        return (
            "not one ended by itself, so it cannot be told which length would have been enough. Look at some: if they "
            f"repeat themselves no length helps, else {twice}"
        )
    half, most = (rounded_up(enough_length(ended, tokens, share)) for share in (0.5, 0.9))
    return (
        f"{twice}. Their full length is unknown: at the rate at which {ended} ended, {half} tokens would "
        f"be enough for half of them and {most} for nine in ten, and less where lengths are alike"
    )


def rounded_up(length: float) -> int:
    """Rounds up to a multiple of 32."""
    return 32 * math.ceil(length / 32)
