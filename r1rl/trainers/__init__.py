"""Trainers: rollouts -> new weights. GRPO, PPO and supervised fine-tuning on top of TRL and transformers.

The trainers import records to preflight; distillation/ is the one with a teacher. Start with grpo.py, which is one step in order; update.py has its forward and
backward passes, step.py what belongs to a step, base.py and saving.py what all trainers share. advantages.py,
prompt_order.py, step.py, step_metrics.py and guards/rules.py are free of torch.
"""

from __future__ import annotations

from r1rl.config.flags import Config


def trainer_class(config: Config):
    """Returns the trainer of --algorithm. Call this only after `models.policy.import_backend`."""
    if config.algorithm == "grpo":
        from r1rl.trainers.grpo import Trainer

        return Trainer
    if config.distills:
        from r1rl.trainers.distillation.trainer import Distillation

        return Distillation
    from r1rl.trainers.ppo import ValueTrainer

    return ValueTrainer
