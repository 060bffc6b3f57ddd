"""Advantages and KL penalties from rewards, and the completions to learn from, as pure functions of lists."""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Mapping, Sequence

from r1rl.config.flags import LARGEST_ADVANTAGE, MAX_VARIANCE

EPSILON = 1e-4  # TRL's: keeps a group of nearly equal rewards from getting huge advantages


def group_advantages(
    rewards: Sequence[float | None], group_size: int, scale: str = "group"
) -> list[float]:  # (B*G,) -> (B*G,)
    """Returns each reward minus the mean of its group, divided by a standard deviation.

    The deviation is that of the rewards in the group ("group") or in the batch ("batch"), that of the differences in the
    batch ("advantages"), or 1 ("none"). A reward of None does not count and gets the advantage 0.
    Source: DeepSeekMath (arXiv:2402.03300) section 4.1.2 for "group"; Dr. GRPO (arXiv:2503.20783) section 3.2 for "none";
    REINFORCE++ with baseline (arXiv:2501.03262) for "advantages".

    >>> [round(a, 3) for a in group_advantages([1.0, 0.0, 0.0, 0.0], 4)]
    [1.5, -0.5, -0.5, -0.5]
    """
    if len(rewards) % group_size:
        raise ValueError(f"{len(rewards)} rewards are not a multiple of the group size {group_size}")
    groups = [rewards[i : i + group_size] for i in range(0, len(rewards), group_size)]
    batch_std = deviation([r for r in rewards if r is not None])
    advantages = []
    for group in groups:
        known = [r for r in group if r is not None]
        mean = math.fsum(known) / len(known) if known else 0.0
        if len(set(known)) == 1:
            mean = known[0]  # the sum of six times 0.1, divided by 6, is less than 0.1
        std = {"group": deviation(known), "batch": batch_std, "advantages": None, "none": None}[scale]
        divisor = 1.0 if std is None else std + EPSILON
        advantages += [0.0 if r is None else (r - mean) / divisor for r in group]
    if scale == "advantages":
        std = deviation([a for a, r in zip(advantages, rewards) if r is not None])
        advantages = [a / (std + EPSILON) for a in advantages]
    return advantages


def chosen_advantages(
    rewards: Sequence[float | None], group_size: int, keep: int, rule: str, scale: str, seed: str
) -> tuple[list[int], list[float]]:  # (B*G,) -> (B*keep,), (B*keep,)
    """Returns the positions of the `keep` completions of each group to learn from, in order, and their advantages.

    max-variance  the largest variance of the rewards; the advantages are those of the chosen completions among
                  themselves. Source: PODS (arXiv:2504.13818); YixuanEvenXu/pods @ 187f43b,
                  trainer/maxvargrpo_trainer.py, normalises after the choice.
    random        the control, with advantages as above (same repository, trainer/randomgrpo_trainer.py)
    largest-advantage  the largest absolute advantages in the whole group, which remain as they are. Source: CPPO
                  (arXiv:2503.22342); lzhxmu/CPPO @ 52faeb3, src/open_r1/grpo_trainer_gsm.py.

    Among equals the position decides. A reward of None is chosen only if a group has too few others; its advantage is 0.
    `seed`: of the random choice, which is different in each group.
    """
    whole = group_advantages(rewards, group_size, scale) if rule == LARGEST_ADVANTAGE else []
    chosen = []
    for start in range(0, len(rewards), group_size):
        known = [i for i in range(start, start + group_size) if rewards[i] is not None]
        count = min(keep, len(known))
        if rule == LARGEST_ADVANTAGE:
            picked = sorted(known, key=lambda i: -abs(whole[i]))[:count]
        elif rule == MAX_VARIANCE:
            picked = [known[k] for k in max_variance([rewards[i] for i in known], count)]
        else:
            picked = random.Random(f"{seed}/{start // group_size}").sample(known, count)
        left = [i for i in range(start, start + group_size) if i not in picked]
        chosen += sorted(picked + left[: keep - count])
    if rule == LARGEST_ADVANTAGE:
        return chosen, [whole[i] for i in chosen]
    return chosen, group_advantages([rewards[i] for i in chosen], keep, scale)


def max_variance(values: Sequence[float], keep: int) -> list[int]:
    """Returns the positions of the `keep` values with the largest variance: some of the lowest and some of the highest.

    Source: PODS (arXiv:2504.13818), which proves that the best choice has this form.

    >>> max_variance([0.0, 1.0, 0.0, 0.5], 2)
    [0, 1]
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    choices = [order[:low] + order[len(order) - keep + low :] for low in range(keep + 1)]
    return max(choices, key=lambda rows: deviation([values[i] for i in rows]))


def decoupled_advantages(
    rewards: Sequence[Mapping[str, float | None]], weights: Mapping[str, float], group_size: int
) -> list[float]:  # (B*G,) -> (B*G,)
    """Returns the weighted sum of each reward's own advantages in its group, divided by its deviation in the batch.

    Source: GDPO (arXiv:2601.05242), as TRL's multi_objective_aggregation="normalize_then_sum". TRL also subtracts the
    batch's mean, which is 0, because the advantages of each group sum to 0.

    >>> [round(a, 2) for a in decoupled_advantages([{"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0}], {"a": 1.0, "b": 1.0}, 2)]
    [0.71, -0.71]
    """
    parts = [(weight, group_advantages([r[name] for r in rewards], group_size)) for name, weight in weights.items()]
    sums = [math.fsum(weight * part[i] for weight, part in parts) for i in range(len(rewards))]
    std = deviation([s for s, r in zip(sums, rewards) if any(x is not None for x in r.values())])
    return [s / (std + EPSILON) for s in sums]


def deviation(values: Sequence[float]) -> float:
    """Returns the sample standard deviation (divisor n - 1), 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def groups_without_signal(rewards: Sequence[Hashable | None], group_size: int) -> int:
    """Returns the number of groups with equal rewards: all their advantages are 0, so they have no gradient."""
    groups = (rewards[i : i + group_size] for i in range(0, len(rewards), group_size))
    return sum(len({r for r in group if r is not None}) <= 1 for group in groups)


def token_rewards(
    reward: float, logprobs: Sequence[float], reference: Sequence[float] | None, beta: float
) -> list[float]:  # (C,)
    """Returns the reward of each token: -beta * (log pi - log pi_ref), plus the completion's reward on the last one.

    Source: Ziegler et al. (arXiv:1909.08593) equation 2; Stiennon et al. (arXiv:2009.01325) section 3.4.

    >>> token_rewards(1.0, [-1.0, -2.0], [-1.5, -2.0], beta=0.1)
    [-0.05, 1.0]
    """
    penalties = [0.0] * len(logprobs)
    if reference is not None:
        penalties = [-beta * (log_pi - log_ref) for log_pi, log_ref in zip(logprobs, reference)]
    penalties[-1] += reward
    return penalties


def gae(
    rewards: Sequence[float], values: Sequence[float], gamma: float, lam: float
) -> tuple[list[float], list[float]]:  # (C,), (C,) -> (C,), (C,)
    """Returns (advantages, returns) of one completion by generalised advantage estimation.

    delta_t = r_t + gamma V(s_t+1) - V(s_t); A_t = delta_t + gamma lam A_t+1; return_t = A_t + V(s_t). The state
    after the last token has the value 0, also in a truncated completion: no reward follows.
    Source: Schulman et al. (arXiv:1506.02438) equations 11 and 16.

    >>> gae([0.0, 1.0], [0.5, 0.5], gamma=1.0, lam=0.5)
    ([0.25, 0.5], [0.75, 1.0])
    """
    advantages = [0.0] * len(rewards)
    ahead, value_ahead = 0.0, 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * value_ahead - values[t]
        ahead = advantages[t] = delta + gamma * lam * ahead
        value_ahead = values[t]
    return advantages, [a + v for a, v in zip(advantages, values)]


def whitened(values: Sequence[float]) -> list[float]:
    """Returns the values shifted and scaled to mean 0 and standard deviation 1 (divisor n - 1).

    Source: detail 7 of the 37 (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/); here over
    all tokens of a step, as in https://huggingface.co/blog/the_n_implementation_details_of_rlhf_with_ppo.
    """
    mean = math.fsum(values) / len(values)
    scale = deviation(values) + 1e-8
    return [(value - mean) / scale for value in values]


def adapted_beta(beta: float, kl: float, target: float, share: float) -> float:
    """Returns the KL weight for the next step: larger if the divergence is above its target, smaller if below.

    `share` is the step's share of the controller's horizon. Source: Ziegler et al. (arXiv:1909.08593) section 2.2.
    """
    error = min(max(kl / target - 1, -0.2), 0.2)
    return beta * (1 + error * share)
