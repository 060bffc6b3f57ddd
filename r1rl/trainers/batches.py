"""Cuts a step's batch into the parts of single passes and computes the weight of each part's loss.

The weighted losses and gradients of the parts sum to those of the batch, for each of TRL's ways to average tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

Batch = dict[str, torch.Tensor]  # TRL's tensors: (B, T) or (B,), and scalars

BY_TOKENS = ("dapo", "cispo", "vespo")  # losses that TRL divides by the tokens of the whole batch
LEFT = ("prompt_ids", "prompt_mask")  # padded on the left, all others on the right


def take(batch: Batch, rows: Sequence[int], trim: bool = True) -> Batch:
    """Returns these rows of every tensor that has rows; `trim` removes padding that none of them needs."""
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
    """Returns the positions of all rows."""
    return list(range(len(batch["completion_mask"])))


def with_signal(batch: Batch, group_size: int) -> list[int]:
    """Returns the rows of groups in which a completion has tokens and an advantage: the others have no gradient."""
    learned = (batch["advantages"] != 0) & batch["completion_mask"].any(1)
    signal = learned.view(-1, group_size).any(1)
    return [i for i, has in enumerate(signal.repeat_interleave(group_size).tolist()) if has]


def lengths(batch: Batch) -> tuple[list[int], list[int]]:
    """Returns (tokens of each prompt, tokens of each completion)."""
    return batch["prompt_mask"].sum(1).tolist(), batch["completion_mask"].sum(1).tolist()


def deal(batch: Batch, unit: int, processes: int) -> list[list[int]]:
    """Returns the rows that each process learns from, with about as many tokens each; `unit` neighbours stay together."""
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
    """Returns the rows of each part, the longest first; a part has at most `budget` tokens or is a single unit.

    Rows whose completion is masked are in no part. `unit` neighbours stay together. A padded part costs its longest row times its rows; without padding a unit costs its
    completions and one prompt. `rows`: only these, in whole units; None: all.
    """
    prompts, completions = lengths(batch)
    rows = range(len(prompts)) if rows is None else rows
    units = [tuple(k for k in rows[i : i + unit] if completions[k]) for i in range(0, len(rows), unit)]
    units = [u for u in units if u]
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
    """Returns (1 / `divisor` of the tokens of a pass within `budget`, whether each pass then has a single row)."""
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
