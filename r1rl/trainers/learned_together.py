"""What several processes have learned of a step, each of its share, made one: loss, gradients, metrics and findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch

from r1rl.system import distributed
from r1rl.trainers.batches import Batch


@dataclass
class Learned:
    """One process's part of a step's update."""

    loss: float | None  # None: memory did not suffice
    tokens: int  # that it learned from
    metrics: dict[str, float]  # of the base class: means over the parts that went through the model
    gaps: torch.Tensor | None  # (N,), |sampler's logprob - trainer's|
    why_stopped: str | None
    findings: list[Any] = field(default_factory=list)  # of guards, for the first process to tell
    heard: int | None = None  # a signal


def learned_together(
    trainer: Any, loss: torch.Tensor | None, batch: Batch, seen: dict[str, int]
) -> torch.Tensor | None:
    """The step's loss over all processes, None where memory was out in one of them; gradients are added up.

    `batch`: the whole step's. `seen`: how many numbers of each name the base class had before.
    Raises Stopped where one process was asked to stop: the step is given up, and nothing has changed that is saved.
    """
    metrics, guarding = trainer._metrics["train"], trainer.guarding
    new = {name: values[seen.get(name, 0) :] for name, values in metrics.items()}
    parts = distributed.gather(
        Learned(
            None if loss is None else loss.item(),
            int(batch["completion_mask"][trainer._own_rows(batch)].sum()),
            {name: fmean(values) for name, values in new.items() if values},
            torch.cat(trainer._gaps).cpu() if trainer._gaps else None,
            guarding.why_stopped,
            guarding.take_untold(),
            trainer.interrupt.heard,
        )
    )
    guarding.hear(parts)
    trainer.interrupt.agree([part.heard for part in parts])
    if any(part.loss is None for part in parts):
        guarding.skipped = "memory"
        return None
    for name in sorted({name for part in parts for name in part.metrics}):
        del metrics[name][seen.get(name, 0) :]
        metrics[name].append(mean_by_tokens(parts, name))
    trainer._gaps = [part.gaps for part in parts if part.gaps is not None]
    distributed.sum_gradients([p for p in trainer.model.parameters() if p.requires_grad])
    return torch.tensor(sum(part.loss for part in parts), device=trainer.accelerator.device)


def mean_by_tokens(parts: list[Learned], name: str) -> float:
    """A metric over all tokens, from the means of those processes that learned from any."""
    having = [(part.metrics[name], part.tokens) for part in parts if name in part.metrics and part.tokens]
    return sum(value * tokens for value, tokens in having) / max(1, sum(tokens for _, tokens in having))
