"""Cuts a step's batch into the parts that go through the model at once, with the weight of each part's loss.

The parts' weighted losses and gradients add up to those of the whole batch, for each of TRL's ways to average tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch

from r1rl.system import distributed

Batch = dict[str, torch.Tensor]

BY_TOKENS = ("dapo", "cispo", "vespo")  # divided by the tokens of the whole batch already

LEFT = ("prompt_ids", "prompt_mask")  # padded on the left, all else on the right


def take(batch: Batch, rows: Sequence[int], trim: bool = True) -> Batch:
    """Returns these rows of every entry that has rows; `trim` removes padding that none of them needs."""
    index = torch.tensor(rows, device=batch["completion_mask"].device)
    size, wide = batch["completion_mask"].shape
    has_rows = {k: isinstance(v, torch.Tensor) and v.dim() > 0 and len(v) == size for k, v in batch.items()}
    part = {k: v[index] if has_rows[k] else v for k, v in batch.items()}
    if not trim:
        return part
    prompt, completion = (int(part[k].sum(1).max()) for k in ("prompt_mask", "completion_mask"))
    for name in (k for k in part if has_rows[k] and part[k].dim() == 2):
        if name in LEFT:
            part[name] = part[name][:, part[name].shape[1] - prompt :]
        elif part[name].shape[1] == wide:
            part[name] = part[name][:, :completion]
    return part


def all_rows(batch: Batch) -> list[int]:
    """Returns all rows."""
    return list(range(len(batch["completion_mask"])))


def with_signal(batch: Batch, group_size: int) -> list[int]:
    """Returns the rows of groups with an advantage other than 0; the others have no gradient."""
    alive = (batch["advantages"].view(-1, group_size) != 0).any(1)
    return [i for i, living in enumerate(alive.repeat_interleave(group_size).tolist()) if living]


def lengths(batch: Batch) -> tuple[list[int], list[int]]:
    """Returns the tokens of each prompt and of each completion."""
    return batch["prompt_mask"].sum(1).tolist(), batch["completion_mask"].sum(1).tolist()


def deal(batch: Batch, unit: int, processes: int) -> list[list[int]]:
    """Returns the rows of each process: `unit` neighbours stay together, the longest go to the least loaded process."""
    if processes == 1:
        return [all_rows(batch)]
    tokens = [p + c for p, c in zip(*lengths(batch))]
    units = [range(i, i + unit) for i in range(0, len(tokens), unit)]
    shares: list[list[range]] = [[] for _ in range(processes)]
    loads = [0] * processes
    for u in sorted(units, key=lambda u: -sum(tokens[i] for i in u)):
        least = loads.index(min(loads))
        shares[least].append(u)
        loads[least] += sum(tokens[i] for i in u)
    return [sorted(i for u in share for i in u) for share in shares]


def split(
    batch: Batch, budget: int, unit: int = 1, padded: bool = True, rows: Sequence[int] | None = None
) -> list[list[int]]:
    """Returns the rows of each part, longest first, with at most `budget` tokens unless a single unit has more.

    `unit` neighbours stay together. Padded parts cost their longest row times their rows; else a unit costs its
    completions and one prompt. `rows`: only these are wanted, in such units.
    """
    prompts, completions = lengths(batch)
    rows = range(len(prompts)) if rows is None else rows
    units = [tuple(rows[i : i + unit]) for i in range(0, len(rows), unit)]
    if padded:
        size = {u: max(prompts[i] + completions[i] for i in u) for u in units}
    else:
        size = {u: prompts[u[0]] + sum(completions[i] for i in u) for u in units}
    units.sort(key=lambda u: -size[u])
    parts: list[list[tuple[int, ...]]] = []
    for u in units:
        filled = parts[-1] if parts else []
        cost = size[filled[0]] * unit * (len(filled) + 1) if padded and filled else None
        if not padded and filled:
            cost = sum(size[f] for f in filled) + size[u]
        if cost is not None and cost <= budget:
            filled.append(u)
        else:
            parts.append([u])
    return [[i for u in part for i in u] for part in parts]


def smaller(batch: Batch, budget: int, divisor: int, padded: bool = True) -> tuple[int, bool]:
    """Returns (tokens per pass for this divisor, whether that is a single row)."""
    rows = [p + c for p, c in zip(*lengths(batch))]
    whole = max(rows) * len(rows) if padded else sum(rows)
    budget = min(budget, whole) // divisor
    return budget, budget <= max(rows)


def weight(batch: Batch, rows: Sequence[int], loss_type: str) -> float:
    """Returns the weight of these rows' loss in that of the whole batch."""
    if loss_type in BY_TOKENS:
        return 1.0
    if loss_type == "bnpo":
        tokens = batch["completion_mask"].sum(1)
        return (tokens[torch.tensor(rows, device=tokens.device)].sum() / tokens.sum()).item()
    return len(rows) / len(batch["completion_mask"])  # means over rows


@dataclass
class Learned:
    """The part of one process in the update of a step."""

    loss: float | None  # None: out of memory
    tokens: int  # learned from
    metrics: dict[str, float]  # of the base class: means over the passes
    gaps: torch.Tensor | None  # (N,), |sampler logprob - trainer logprob|
    why_stopped: str | None
    findings: list[Any] = field(default_factory=list)  # of guards, reported by the first process
    heard: int | None = None  # a signal received


def reduce_step(
    trainer: Any, loss: torch.Tensor | None, batch: Batch, seen: dict[str, int]
) -> torch.Tensor | None:
    """Reduces one step over all processes: returns its loss, None if one ran out of memory, and sums the gradients.

    `batch`: the whole step's. `seen`: how many numbers of each name the base class had before.
    Raises Stopped if a process received a signal: the step is abandoned, and no saved state has changed.
    """
    metrics, guarding = trainer._metrics["train"], trainer.guarding
    new = {name: values[seen.get(name, 0) :] for name, values in metrics.items()}
    parts = distributed.all_gather(
        Learned(
            None if loss is None else loss.item(),
            int(batch["completion_mask"][trainer.local_rows(batch)].sum()),
            {name: fmean(values) for name, values in new.items() if values},
            torch.cat(trainer.step.gaps).cpu() if trainer.step.gaps else None,
            guarding.why_stopped,
            guarding.pop_unreported(),
            trainer.interrupt.signal_received,
        )
    )
    guarding.merge(parts)
    trainer.interrupt.sync_signal([part.heard for part in parts])
    if any(part.loss is None for part in parts):
        guarding.skipped = "memory"
        return None
    for name in sorted({name for part in parts for name in part.metrics}):
        del metrics[name][seen.get(name, 0) :]
        metrics[name].append(mean_by_tokens(parts, name))
    trainer.step.gaps = [part.gaps for part in parts if part.gaps is not None]
    distributed.all_reduce_gradients([p for p in trainer.model.parameters() if p.requires_grad])
    return torch.tensor(sum(part.loss for part in parts), device=trainer.accelerator.device)


def mean_by_tokens(parts: list[Learned], name: str) -> float:
    """Returns the mean of a metric over all tokens, from the means of the processes that have some."""
    having = [(part.metrics[name], part.tokens) for part in parts if name in part.metrics and part.tokens]
    return sum(value * tokens for value, tokens in having) / max(1, sum(tokens for _, tokens in having))
