"""Trainers: rollouts -> new weights. This file has the choice."""

from __future__ import annotations

from r1rl.config.flags import Config


def trainer_class(config: Config):
    """The trainer of --algorithm. Call this only after `models.import_backend`."""
    if config.algorithm == "grpo":
        from r1rl.trainers.grpo import Trainer

        return Trainer
    from r1rl.trainers.ppo import ValueTrainer

    return ValueTrainer
