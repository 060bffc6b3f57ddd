"""The GRPO update: forward and backward passes over a step's batch, in parts that fit into memory.

TRL or Unsloth computes the loss of each part. Import this only after `models.policy.import_backend`: see grpo.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch
from trl import GRPOTrainer

from r1rl.engines.proof import mean_and_largest, token_gaps
from r1rl.models.logprobs import batch_logprobs
from r1rl.records import Rollout
from r1rl.system import distributed
from r1rl.system.gradients import all_reduce_gradients
from r1rl.trainers.batches import Batch, all_rows, deal, smaller, split, take, weight, with_signal
from r1rl.trainers.step import Step
from r1rl.trainers.trial import longest_prompts, made_up_rewards

MADE_BY_UNSLOTH = GRPOTrainer.__name__.startswith("Unsloth")
GAP_ROLLOUTS = 4  # rollouts per step whose logprobs are computed again, if the update does not show them


def rows_of(batch: Batch, rows: Any) -> Batch:
    """Returns these rows of the batch; TRL's loss needs no padding beyond the longest of them."""
    return take(batch, rows, trim=not MADE_BY_UNSLOTH)


def correction(log_ratio: torch.Tensor, mode: str, threshold: float) -> torch.Tensor:  # (B, C) -> (B, C) or (B, 1)
    """Returns the weights of --importance-correction from log(trainer / sampler), which is 0 where the mask is 0.

    Source: truncated importance sampling (https://fengyao.notion.site/off-policy-rl); the modes are TRL's.
    """
    if mode.startswith("sequence"):
        log_ratio = log_ratio.sum(1, keepdim=True)
    ratio = log_ratio.exp()
    return ratio.clamp(max=threshold) if mode.endswith("truncate") else ratio.masked_fill(ratio > threshold, 0.0)


class PolicyUpdate:
    """The update of a trainer; precedes TRL's GRPOTrainer among its base classes.

    Needs `run`, `policy`, `rewards`, `train_prompts`, `step`, `meter`, `guarding`, `interrupt` and `token_texts` of the
    trainer.
    """

    def update(self, model: Any, step: Step, batch: Batch) -> torch.Tensor:
        """Returns the loss of the batch and adds up its gradients, part by part.

        Groups without signal are left out if their gradient is 0. If memory runs out, the parts become smaller.
        """
        start = time.perf_counter()
        step.gaps, step.token_gaps = [], {}
        loss = torch.zeros((), device=self.accelerator.device)
        if (rows := self.rows_with_gradient(batch)) != all_rows(batch):
            batch = rows_of(batch, rows) if rows else {}
        if batch:
            # TRL divides by the tokens of a whole generation, of which this is one step's part.
            batch["num_items_in_batch"] = batch["completion_mask"].sum() * self.run.steps_per_generation
            logged = {name: len(values) for name, values in self._metrics["train"].items()}
            total = self.guarding.retry_on_oom(
                lambda divisor: self.accumulate(model, batch, divisor),
                lambda: self.discard(model, logged),
                lambda divisor: self.smaller_budget(batch, divisor)[1],
            )
            if distributed.size() > 1:
                total = reduce_step(self, total, batch, logged)
            loss = loss if total is None else self.guarding.loss(total)
        if self.guarding.skipped != "memory":
            self.record_gap(step)
        if self.policy.on_gpu:
            torch.cuda.synchronize()  # the time belongs to the update
        self.meter.add("update", time.perf_counter() - start)
        return loss

    def rows_with_gradient(self, batch: Batch) -> list[int]:
        """Returns the rows from which the update learns: only those of groups with a signal, if no other term has a gradient."""
        run = self.run
        if run.beta or run.entropy_bonus or run.top_entropy_share < 1:
            return all_rows(batch)
        return with_signal(batch, run.learned_per_group)

    def accumulate(self, model: Any, batch: Batch, divisor: int) -> torch.Tensor:
        """Returns the loss of this process's rows, with 1 / `divisor` of the usual tokens in each pass."""
        if self.run.top_entropy_share < 1:
            self.step.entropy_threshold = self.entropy_threshold(model, batch, divisor)
        zero = torch.zeros((), device=self.accelerator.device)  # of a process without rows
        return sum((self.backward_part(model, batch, rows) for rows in self.parts(batch, divisor)), zero)

    def local_rows(self, batch: Batch) -> list[int]:
        """Returns the rows that this process learns from: all of them if it is the only one."""
        return deal(batch, self.run.learned_per_group, distributed.size())[distributed.rank()]

    def parts(self, batch: Batch, divisor: int) -> list[list[int]]:
        """Returns the rows of each pass of this process."""
        shared = self.policy.shares_prompts
        budget = self.run.tokens_a_pass if divisor == 1 else self.smaller_budget(batch, divisor)[0]
        unit = self.run.learned_per_group if shared and divisor == 1 else 1
        return split(batch, budget, unit, padded=not shared, rows=self.local_rows(batch))

    def smaller_budget(self, batch: Batch, divisor: int) -> tuple[int, bool]:
        """See `batches.smaller`."""
        return smaller(batch, self.run.tokens_a_pass, divisor, padded=not self.policy.shares_prompts)

    def backward_part(self, model: Any, batch: Batch, rows: list[int]) -> torch.Tensor:
        """Runs forward and backward over these rows. Returns their share of the batch's loss."""
        self.step.part = rows_of(batch, rows)
        share = weight(batch, rows, self.loss_type)
        if self.run.entropy_bonus:  # TRL's is a mean over the tokens of a part, whatever the loss type is
            tokens = self.step.part["completion_mask"].sum() / batch["completion_mask"].sum()
            self.entropy_coef = self.run.entropy_bonus * tokens.item() / share
        if MADE_BY_UNSLOTH:
            # Its loss has its gradient before the backward pass, where no factor reaches it; but it divides by this number.
            self.current_gradient_accumulation_steps = torch.tensor(1 / share, device=self.accelerator.device)
            loss = self.part_loss(model)
            self.current_gradient_accumulation_steps = 1
        else:
            loss = self.part_loss(model) * share
        self.accelerator.backward(loss)
        self.step.part = None
        return loss.detach()

    def part_loss(self, model: Any) -> torch.Tensor:
        """Returns the loss of `step.part` as TRL or Unsloth computes it."""
        corrects = self.run.importance_correction and not MADE_BY_UNSLOTH
        before, self.use_vllm = self.use_vllm, self.use_vllm or corrects
        try:
            with self.compute_loss_context_manager():
                return self.compute_loss(model, self.step.part)
        finally:
            self.use_vllm = before

    def entropy_threshold(self, model: Any, batch: Batch, divisor: int) -> float:
        """Returns the entropy in nats that the --top-entropy-share of the batch's tokens reaches, by a pass of its own."""
        found = [torch.zeros(0, device=self.accelerator.device)]
        with torch.no_grad(), self.compute_loss_context_manager():
            for rows in self.parts(batch, divisor):
                part = rows_of(batch, rows)
                ids, mask = (
                    torch.cat([part[f"prompt_{kind}"], part[f"completion_{kind}"]], 1) for kind in ("ids", "mask")
                )
                kept = part["completion_ids"].shape[1]
                _, entropies, _ = batch_logprobs(self, model, ids, mask, kept, compute_entropy=True)
                found.append(entropies[part["completion_mask"].bool()].float())
        values = torch.cat(found)
        return torch.quantile(values, 1 - self.run.top_entropy_share).item() if len(values) else 0.0

    def get_high_entropy_mask(self, entropies: torch.Tensor, mask: torch.Tensor, threshold: float) -> torch.Tensor:
        """Returns which tokens (B, C) are learned: by the step's threshold, where TRL's own is that of each part."""
        if self.step.entropy_threshold is None:  # in the trial before step 1
            return super().get_high_entropy_mask(entropies, mask, threshold)
        return (entropies >= self.step.entropy_threshold) & mask.bool()

    def record_logprobs(self, logprobs: torch.Tensor) -> None:
        """Receives the trainer's logprobs (B, C) of `step.part`: sampler gap and correction need no second pass."""
        part = self.step.part
        if part is None:
            return
        sampled, mask = part["sampling_per_token_logps"], part["completion_mask"]
        # The loss has the ratio to the policy before the first step on these completions; the correction has the rest.
        old = part.get("old_per_token_logps")
        log_ratio = ((logprobs if old is None else old) - sampled) * mask
        if self.run.importance_correction:  # TRL's vespo uses the ratio wherever there is one
            part["importance_sampling_ratio"] = correction(
                log_ratio, self.run.importance_mode, self.run.importance_threshold
            )
        self.step.gaps.append(log_ratio[mask.bool()].abs())
        if self.token_texts is not None and "place" in part and self.knows_gap(old is not None):
            for place, row, real in zip(part["place"].tolist(), log_ratio.float().cpu(), mask.bool().cpu()):
                if real.any():
                    self.step.token_gaps[place] = row[real].tolist()

    def knows_gap(self, has_old: bool) -> bool:
        """Returns whether this pass shows the gap of its completions: the first on them, of the policy that sampled.

        `has_old`: the batch has that policy's logprobs.
        """
        number = self.state.global_step % self.run.updates_per_generation
        return number == 0 or (has_old and number < self.run.steps_per_generation)

    def record_gap(self, step: Step) -> None:
        """Adds the sampler gap to the step's metrics, if the policy is still the one that sampled."""
        if self.state.global_step % self.run.updates_per_generation:
            return
        if step.gaps:
            gaps = torch.cat(step.gaps)
            gap, largest = gaps.mean().item(), gaps.max().item()
        else:  # Unsloth keeps its logprobs to itself; or no group had a signal
            sampled = range(0, len(step.rollouts), self.num_generations)[:GAP_ROLLOUTS]
            rows = [step.rollouts[i] for i in sampled]
            gaps = token_gaps(self.policy, rows, self.run.temperature, self.run.top_p)
            gap, largest = mean_and_largest(gaps)
            first = step.shares(self.run.steps_per_generation)[0]
            step.token_gaps |= {first.index(i): row for i, row in zip(sampled, gaps) if i in first}
        step.line |= {"sampler_gap": gap, "sampler_gap_max": largest}

    def discard(self, model: Any, logged: dict[str, int]) -> None:
        """Removes what an update without enough memory left: gradients, gaps and the base class's newest metrics."""
        model.zero_grad()
        self.step.part = None
        self.step.gaps.clear()
        self.step.token_gaps.clear()
        for name, values in self._metrics["train"].items():
            del values[logged.get(name, 0) :]

    # ---- the trial before step 1

    def try_update(self, rollouts: list[Rollout]) -> int | None:
        """Runs the largest forward and backward pass of a step, for the trial before step 1.

        Returns how many of them a step has; None if not even the smallest part of it fits into memory.
        """
        drawn = longest_prompts(self.train_prompts, len(rollouts) // self.num_generations)
        before, self.step = self.step, self.new_step([])
        self.step.add(drawn, rollouts)
        self.step.scored = made_up_rewards(rollouts, self.step.prompts, list(self.rewards))
        self.step.taken = list(range(len(rollouts)))
        tokens = self.state.num_input_tokens_seen
        try:
            return self.try_passes(self.step)
        finally:
            self.step, self.state.num_input_tokens_seen = before, tokens
            self._metrics["train"].clear()

    def try_passes(self, step: Step) -> int | None:
        """Learns from the first part of a step. Returns the number of its parts; None if memory runs out."""
        self.fill_batch(step)
        batch = step.batch | {"num_items_in_batch": step.batch["completion_mask"].sum()}
        self.current_gradient_accumulation_steps = 1  # transformers' loop sets it later
        loss = self.guarding.retry_on_oom(
            lambda divisor: self.backward_part(self.model_wrapped, batch, self.parts(batch, divisor)[0]),
            lambda: self.discard(self.model_wrapped, {}),
            lambda divisor: self.smaller_budget(batch, divisor)[1],
        )
        return None if loss is None else len(self.parts(batch, self.guarding.divisor))


# ---- several processes


@dataclass
class LocalUpdate:
    """One process's part of a step's update."""

    loss: float | None  # None: memory ran out
    tokens: int  # learned from
    metrics: dict[str, float]  # the base class's: means over this process's passes
    gaps: torch.Tensor | None  # (N,), |sampler logprob - trainer logprob|
    token_gaps: dict[int, list[float]]  # of this process's rows, see Step
    why_stopped: str | None
    findings: list[Any] = field(default_factory=list)  # of guards, for the first process to report
    signal_received: int | None = None


def reduce_step(trainer: Any, loss: torch.Tensor | None, batch: Batch, logged: dict[str, int]) -> torch.Tensor | None:
    """Reduces one step over all processes: sums loss and gradients, averages metrics, shares findings and signals.

    Returns the loss; None if memory ran out in one process. `batch` is the whole step's; `logged` holds how many values
    of each metric the base class had before. Raises Stopped if one process received a signal: the step is given up, and
    nothing that is saved has changed.
    """
    metrics, guarding, step = trainer._metrics["train"], trainer.guarding, trainer.step
    new = {name: values[logged.get(name, 0) :] for name, values in metrics.items()}
    parts = distributed.all_gather(
        LocalUpdate(
            None if loss is None else loss.item(),
            int(batch["completion_mask"][trainer.local_rows(batch)].sum()),
            {name: fmean(values) for name, values in new.items() if values},
            torch.cat(step.gaps).cpu() if step.gaps else None,
            step.token_gaps,
            guarding.why_stopped,
            guarding.pop_unreported(),
            trainer.interrupt.signal_received,
        )
    )
    guarding.merge(parts)
    trainer.interrupt.sync_signal([part.signal_received for part in parts])
    if any(part.loss is None for part in parts):
        guarding.skipped = "memory"
        return None
    for name in sorted({name for part in parts for name in part.metrics}):
        del metrics[name][logged.get(name, 0) :]
        metrics[name].append(mean_by_tokens(parts, name))
    step.gaps = [part.gaps for part in parts if part.gaps is not None]
    step.token_gaps = {place: gaps for part in parts for place, gaps in part.token_gaps.items()}
    all_reduce_gradients([p for p in trainer.model.parameters() if p.requires_grad])
    return torch.tensor(sum(part.loss for part in parts), device=trainer.accelerator.device)


def mean_by_tokens(parts: list[LocalUpdate], name: str) -> float:
    """Returns a metric's mean over all tokens, from the means of the processes that learned from any."""
    known = [(part.metrics[name], part.tokens) for part in parts if name in part.metrics and part.tokens]
    return sum(value * tokens for value, tokens in known) / max(1, sum(tokens for _, tokens in known))
