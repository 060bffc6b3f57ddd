"""The published methods of --method: the flags of loss and advantages as each paper sets them."""

from __future__ import annotations

from typing import Any

from r1rl.config.flags import METHOD_NAMES

# fmt: off
# What every method sets, so that nothing of a recipe's own method is left. Sizes of batches and groups, lengths, rates,
# and optimizer steps per generation are the run's.
COMMON: dict[str, Any] = {
    "loss_type": "grpo", "scale_rewards": "group", "beta": 0.0, "clip_range": 0.2, "epsilon_high": None, "delta": None,
    "importance_level": "token", "mask_truncated": False, "refill": 0.0, "entropy_bonus": 0.0, "top_entropy_share": 1.0,
    "multi_reward": "sum",
}

METHODS: dict[str, dict[str, Any]] = {
    # DeepSeekMath (arXiv:2402.03300): equation 3, section 4.1.2 (advantages), section 4.2 (the KL coefficient). It gives no
    # clip range; 0.2 is that of PPO (arXiv:1707.06347, section 6.1).
    "grpo": COMMON | {"beta": 0.04},
    # DAPO (arXiv:2503.14476): no KL divergence (2.3), clip-higher (3.1, values in 4.1), dynamic sampling (3.2), mean over
    # tokens (3.3), overlong filtering (3.4). The paper samples until the batch is full; --refill has a limit.
    "dapo": COMMON | {"loss_type": "dapo", "epsilon_high": 0.28, "refill": 2.0, "mask_truncated": True},
    # Dr. GRPO (arXiv:2503.20783), section 3.2: no division by length and by standard deviation; no KL divergence.
    "dr-grpo": COMMON | {"loss_type": "dr_grpo", "scale_rewards": "none"},
    # GSPO (arXiv:2507.18071): equations 5 and 7, clip ranges in section 5.1.
    "gspo": COMMON | {"importance_level": "sequence", "clip_range": 3e-4, "epsilon_high": 4e-4},
    # CISPO: MiniMax-M1 (arXiv:2506.13585), section 3.1, equations 4 and 5. It gives no limit of the ratio; 5 is that of
    # ScaleRL (arXiv:2510.13786).
    "cispo": COMMON | {"loss_type": "cispo", "epsilon_high": 5.0, "refill": 2.0},
    # RLOO (arXiv:2402.14740): completions as single actions, and the mean reward of the others as baseline:
    # A * (G - 1) / G is a reward minus the mean of its group. The sum over tokens is divided by a constant.
    "rloo": COMMON | {"loss_type": "dr_grpo", "scale_rewards": "none"},
    # REINFORCE++ with baseline (arXiv:2501.03262): rewards minus their group's mean, scaled over the batch; mean over
    # tokens; PPO's clipping.
    "reinforce++": COMMON | {"loss_type": "dapo", "scale_rewards": "advantages"},
}
# fmt: on
assert tuple(METHODS) == METHOD_NAMES


def with_method(settings: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Returns a recipe's settings with those of --method; `chosen`: the settings of the user, with which it is combined."""
    both = settings | chosen
    method = both.get("method")
    if method not in METHODS or both.get("algorithm", "grpo") != "grpo" or both.get("stage"):
        return settings  # Config or scope.py refuses it with the reason; a stage is given all flags
    return settings | METHODS[method]
