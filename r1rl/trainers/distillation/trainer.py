"""On-policy distillation: the GRPO trainer, with the divergence from a teacher in place of rewards.

TRL's DistillationTrainer (1.15) and GKDTrainer have the same loss, and sample with engines of their own. Here one step is:

    sync, generate, reward   as in grpo.py; the teacher samples the first --teacher-steps. Rewards are dumped and not learned
    teacher                  ask_teacher: one pass without gradients over all completions
    update                   part_loss: the mean over all sampled tokens of the divergence from the teacher
    dump                     as in grpo.py, with the teacher's logprobs

Source: GKD (arXiv:2306.13649), algorithm 1: lambda is 0 in the first --teacher-steps, where all completions are the
teacher's, and then 1: all are the student's own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from r1rl.engines.base import Engine
from r1rl.engines.transformers import TransformersEngine
from r1rl.engines.wrappers import GuardedEngine, ShardedEngine
from r1rl.models.logprobs import completion_states, token_logprobs
from r1rl.models.policy import Policy
from r1rl.system import distributed
from r1rl.system.console import console
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.trainers.batches import Batch, all_rows, take
from r1rl.trainers.distillation.divergence import token_divergences
from r1rl.trainers.distillation.teacher import load_teacher
from r1rl.trainers.grpo import Trainer
from r1rl.trainers.step import Step


@dataclass
class DistillationStep(Step):
    """A step with the teacher's states."""

    by_teacher: bool = False  # the teacher sampled its completions
    teacher_states: list[torch.Tensor] = field(default_factory=list)  # (tokens, H of the teacher) per row of the batch
    sums: Counter[str] = field(default_factory=Counter)  # of the metrics, over the tokens learned


class Distillation(Trainer):
    """One step: sync, generate, reward, teacher, update, dump."""

    def __init__(self, config, policy: Policy, *others):
        self.teacher = load_teacher(config, policy)
        self.teachers_engine: Engine | None = None  # while the teacher samples
        first = f"; it samples the first {config.teacher_steps} steps" if config.teacher_steps else ""
        console.print(f"teacher  {config.teacher_model}, {self.teacher.backend}{first}")
        super().__init__(config, policy, *others)
        self.num_generations = config.num_generations  # TRL itself refuses groups of one

    def new_step(self, drawn: list[int]) -> DistillationStep:
        """Returns an empty step."""
        by_teacher = self.state.global_step < self.run.teacher_steps
        return DistillationStep(drawn, self.num_generations, by_teacher=by_teacher)

    # ---- generate

    def sample_groups(self, step: DistillationStep, drawn: Sequence[int]) -> None:
        """Samples as in grpo.py; in the first steps with an engine that has the teacher's weights."""
        if not step.by_teacher:
            self.teachers_engine = None  # its memory is free again
            super().sample_groups(step, drawn)
            return
        if self.teachers_engine is None:
            self.teachers_engine = self.start_teachers_engine()
        students, self.engine = self.engine, self.teachers_engine
        try:
            super().sample_groups(step, drawn)
        finally:
            self.engine = students

    def start_teachers_engine(self) -> Engine:
        """Returns an engine that samples from the teacher, with the guards of the student's."""
        engine = TransformersEngine.start(self.run, self.teacher, self.dump.folder)
        engine = GuardedEngine(engine, self.guarding.actions, self.guarding.report_engine)
        return ShardedEngine(engine, self.interrupt) if distributed.size() > 1 else engine

    # ---- teacher

    def fill_batch(self, step: DistillationStep) -> None:
        """Sets the update's batch, what the teacher says of it, and for the dump how much likelier the teacher's tokens are."""
        step.learned = list(step.taken)
        step.batch = self.base_batch(step)
        device = step.batch["advantages"].device
        step.batch["row"] = torch.arange(len(step.learned), device=device)  # (B,)
        start = time.perf_counter()
        logprobs = self.ask_teacher(step)
        if step.drawn:  # not in the trial
            self.meter.add("teacher", time.perf_counter() - start)
        rollouts = [step.rollouts[i] for i in step.learned]
        theirs = [row.mean().item() if len(row) else 0.0 for row in logprobs]
        sampled = {"sampled_by": "teacher"} if step.by_teacher else {}
        step.notes = {i: {"teacher_logprob": value, **sampled} for i, value in zip(step.learned, theirs)}
        ours = [sum(r.sampler_logprobs) / max(1, len(r.sampler_logprobs)) for r in rollouts]
        step.advantages = [b - a for a, b in zip(ours, theirs)]
        step.batch["advantages"] = torch.tensor(step.advantages, device=device)  # (B,)
        step.batch["teacher_logprob"] = torch.tensor(theirs, device=device)  # (B,)

    def ask_teacher(self, step: DistillationStep) -> list[torch.Tensor]:
        """Sets the teacher's states. Returns its logprobs of the sampled tokens, (tokens,) per row.

        Raises CannotGoOn if memory does not suffice for a single completion.
        """

        def in_passes(divisor: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
            found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
            for rows in self.parts(step.batch, divisor):
                part = take(step.batch, rows)
                states, tokens = states_and_tokens(self.teacher, part)  # (N, H), (N,)
                logprobs, _ = token_logprobs(self.teacher, states, tokens, self.run.temperature)
                counts = part["completion_mask"].sum(1).tolist()
                found |= dict(zip(rows, zip(states.split(counts), logprobs.split(counts))))
            return [found[row] for row in all_rows(step.batch)]

        with torch.no_grad():
            found = self.guarding.retry_on_oom(
                in_passes, lambda: None, lambda divisor: self.smaller_budget(step.batch, divisor)[1]
            )
        if found is None:
            raise CannotGoOn("memory", "not enough memory for the teacher to read one completion")
        step.teacher_states = [states for states, _ in found]
        return [logprobs for _, logprobs in found]

    def _get_per_token_logps_and_entropies(self, *inputs: Any, **named: Any) -> tuple[None, None, None]:
        """Returns None for the old policy's logprobs, which TRL adds to a batch of several steps: this loss needs none."""
        return None, None, None

    def metrics_line(self, step: DistillationStep, rows: Sequence[int]) -> dict[str, Any]:
        """Returns the metrics as in grpo.py; the teacher's surprise at its own tokens is no entropy of the student."""
        line = super().metrics_line(step, rows)
        if step.by_teacher:
            del line["sampler_entropy"]
        return line

    # ---- update

    def rows_with_gradient(self, batch: Batch) -> list[int]:
        """Returns all rows: the teacher has an opinion on every token."""
        return all_rows(batch)

    def update(self, model: Any, step: DistillationStep, batch: Batch) -> torch.Tensor:
        """Returns the loss of the batch and adds up its gradients; adds the metrics of the step."""
        step.line["groups_without_signal"] = 0  # equal rewards are no less to learn from
        step.sums.clear()
        if not step.teacher_states:  # a run resumed within a generation has its batch alone
            self.ask_teacher(step)
        loss = super().update(model, step, batch)
        tokens = max(1, step.sums.pop("tokens", 0))
        step.line |= {name: value / tokens for name, value in step.sums.items()}
        return loss

    def part_loss(self, model: Any) -> torch.Tensor:
        """Returns the loss of `step.part`: its divergences, divided by the tokens of the whole batch."""
        step, run = self.step, self.run
        part = step.part
        states, tokens = states_and_tokens(self.policy, part)  # (N, H), (N,)
        theirs = torch.cat([step.teacher_states[row] for row in part["row"].tolist()])
        found = token_divergences(self.policy, states, self.teacher, theirs, tokens, run.temperature, run.distill_beta)
        teacher = (part["teacher_logprob"] * part["completion_mask"].sum(1)).sum().item()
        sums = {"reverse_kl": found.reverse_kl.sum().item(), "entropy": found.entropy.sum().item()}
        step.sums.update({"tokens": len(tokens), "teacher_logprob": teacher, **sums})
        if run.top_p == 1 and not step.by_teacher:  # with top_p the sampler's logprobs are those of the nucleus
            sampled = part["sampling_per_token_logps"][part["completion_mask"].bool()]
            step.gaps.append((found.logprob.detach() - sampled).abs())
        # The number of items is that of all steps of a generation, see `update`.
        return found.loss.sum() * run.steps_per_generation / part["num_items_in_batch"]

    def record_gap(self, step: DistillationStep) -> None:
        """Adds the sampler gap as in update.py; the teacher's logprobs of its own completions show none."""
        if not step.by_teacher:
            super().record_gap(step)

    def discard(self, model: Any, logged: dict[str, int]) -> None:
        """Removes what an update without enough memory left."""
        super().discard(model, logged)
        self.step.sums.clear()


def states_and_tokens(policy: Policy, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:  # -> (N, H), (N,)
    """Returns the state that predicts each sampled token, and the tokens, completion by completion."""
    prompts, completions = (
        [ids[real].tolist() for ids, real in zip(batch[f"{kind}_ids"], batch[f"{kind}_mask"].bool())]
        for kind in ("prompt", "completion")
    )
    tokens = batch["completion_ids"][batch["completion_mask"].bool()]
    return completion_states(policy, prompts, completions), tokens
