"""PPO and reward-weighted updates: the GRPO trainer with a value head, token advantages and passes of its own.

What is kept of PPO's details, each linked where it stands: generalised advantage estimation, whitened advantages,
clipped surrogate and value loss, minibatches over several passes, gradients clipped by their whole norm, one learning
rate schedule for all, and the debug variables (approx_kl, clip_fraction, explained_variance). Left out: an entropy
bonus, orthogonal initialisation and reward scaling, which language models were not seen to need
(https://huggingface.co/blog/the_n_implementation_details_of_rlhf_with_ppo).
Policy and value share the model (detail 13 of the 37); TRL gives sampling, evaluation, schedules and checkpoints.
"""

from __future__ import annotations

import gc
import random
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from r1rl.models.logprobs import completion_states, token_logprobs
from r1rl.models.policy import Policy
from r1rl.records import Rollout
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.trainers.advantages import adapted_beta, gae, token_rewards, whitened
from r1rl.trainers.grpo import Trainer
from r1rl.trainers.step import Step

KL_HORIZON = 10_000  # completions; source: arXiv:1909.08593 section 2.2


@dataclass(frozen=True)
class Experience:
    """A step's rollouts with all that an update needs; the lists have a tensor (tokens,) for each rollout."""

    rollouts: list[Rollout]
    logprobs: list[torch.Tensor]
    values: list[torch.Tensor]
    advantages: list[torch.Tensor]
    returns: list[torch.Tensor]


@dataclass
class StepBegan:
    """What a step changes of what is saved, as it was at the step's begin; None while it is still so."""

    kl_weight: float
    weights: dict[str, torch.Tensor] | None = None
    optimizer: dict[str, Any] | None = None


def on_cpu(state: Any) -> Any:
    """A copy of an optimizer's state in the machine's memory, tensors and all."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    return [on_cpu(value) for value in state] if isinstance(state, list) else state


class ValueTrainer(Trainer):
    """One step: sync, generate, reward, token advantages, several optimizer steps, dump."""

    def __init__(self, config, policy: Policy, *others):
        self.head = ValueHead(policy.model.config.hidden_size, policy.model.device)
        policy.model.value_head = self.head  # so that optimizer and gradient clipping see it
        self.kl_weight = config.beta
        self._began: StepBegan | None = None  # the step under way
        self.sums: Counter[str] = Counter()  # of the debug variables, over a step's minibatches
        super().__init__(config, policy, *others)
        self.num_generations = config.num_generations  # TRL itself refuses groups of one

    # ---- advantages of tokens instead of groups

    def compute_advantages(self, step: Step) -> list[float]:
        """Sets `experience` and returns the mean advantage of each completion, for the dump."""
        kept = [i for i, s in enumerate(step.scored) if s.reward is not None]
        rollouts = [step.rollouts[i] for i in kept]
        with torch.no_grad():
            logprobs, values, _ = self._in_chunks(rollouts)
            reference = None
            if self.kl_weight:
                with self.policy.model.disable_adapter():
                    reference, _, _ = self._in_chunks(rollouts)
        estimated = [
            gae(
                token_rewards(
                    step.scored[i].reward,
                    logprobs[row].tolist(),
                    None if reference is None else reference[row].tolist(),
                    self.kl_weight,
                ),
                values[row].tolist(),
                self.run.gamma,
                self.run.gae_lambda,
            )
            for row, i in enumerate(kept)
        ]
        flat = [a for advantages, _ in estimated for a in advantages]
        if self.run.whiten_advantages and len(flat) > 1:
            flat = whitened(flat)
        device = self.policy.model.device
        ends = [0, *torch.tensor([len(r.completion_ids) for r in rollouts]).cumsum(0).tolist()]
        advantages = [torch.tensor(flat[a:b], device=device) for a, b in pairwise(ends)]
        returns = [torch.tensor(r, device=device) for _, r in estimated]
        self.experience = Experience(rollouts, logprobs, values, advantages, returns)
        self.value_numbers = self.diagnostics(reference)
        by_place = dict(zip(kept, (a.mean().item() for a in advantages)))
        return [by_place.get(i, 0.0) for i in range(len(step.scored))]

    def diagnostics(self, reference: list[torch.Tensor] | None) -> dict[str, float]:
        """How well the values fit, and how far the policy went from where training began."""
        values, returns = torch.cat(self.experience.values), torch.cat(self.experience.returns)
        spread = returns.var().clamp(min=1e-8)
        sampled = [torch.tensor(r.sampler_logprobs, device=values.device) for r in self.experience.rollouts]
        gaps = (torch.cat(self.experience.logprobs) - torch.cat(sampled)).abs()
        found = {
            "sampler_gap": gaps.mean().item(),
            "sampler_gap_max": gaps.max().item(),
            "value": values.mean().item(),
            "explained_variance": (1 - (returns - values).var() / spread).item(),
        }
        if reference is not None:
            gone = [(a - b).sum().item() for a, b in zip(self.experience.logprobs, reference)]
            found |= {"kl": fmean(gone), "beta": self.kl_weight}
            if self.run.target_kl is not None:
                share = len(gone) / KL_HORIZON
                self.kl_weight = adapted_beta(self.kl_weight, fmean(gone), self.run.target_kl, share)
        return found

    def _in_chunks(self, rollouts: list[Rollout]) -> tuple[list[torch.Tensor], ...]:
        """(logprobs, values, entropies), each a tensor (tokens,) for every rollout, --update-chunk at once.

        Raises CannotGoOn where not even one fits into memory.
        """
        size = self.run.update_chunk or len(rollouts)
        found = self.guarding.retry_on_oom(
            lambda divisor: self._in_parts(rollouts, max(1, size // divisor)),
            lambda: None,
            lambda divisor: divisor >= size,
        )
        if found is None:
            raise CannotGoOn("memory", "not enough memory to read a completion again")
        return found

    def _in_parts(self, rollouts: list[Rollout], size: int) -> tuple[list[torch.Tensor], ...]:
        """`_in_chunks`, `size` at once."""
        parts = [self._evaluated(rollouts[i : i + size]) for i in range(0, len(rollouts), size)]
        return tuple([row for part in parts for row in part[kind]] for kind in range(3))

    def _evaluated(self, rollouts: list[Rollout]) -> tuple[list[torch.Tensor], ...]:
        """(logprobs, values, entropies) by the present weights."""
        counts = [len(r.completion_ids) for r in rollouts]
        completions = [r.completion_ids for r in rollouts]
        states = completion_states(self.policy, [r.prompt_ids for r in rollouts], completions)  # (N, H)
        tokens = torch.tensor([t for c in completions for t in c], device=states.device)  # (N,)
        chosen, entropies = token_logprobs(self.policy, states, tokens, self.run.temperature)
        return tuple(list(x.split(counts)) for x in (chosen, self.head(states), entropies))

    # ---- the update

    def learn(self, model, inputs) -> torch.Tensor:
        """All passes over the step's rollouts; the last optimizer step is left to transformers' loop.

        So a step of the run is one batch of rollouts, whatever --ppo-epochs and --minibatches are.
        """
        model.train()
        self._began = StepBegan(self.kl_weight)
        self._prepare_inputs(inputs)  # sync, generate, reward, advantage, dump
        self._step += 1
        self.step.line["groups_without_signal"] = (
            0  # equal rewards teach, too: of the values, if nothing else
        )
        self.sums.clear()
        parts = self._minibatches()
        for number, rows in enumerate(parts, start=1):
            loss = self._learned(model, rows)
            if number < len(parts) and self.guarding.is_finite(model):
                with self.interrupt.uninterruptible():
                    self._inner_step(model)
            if self.guarding.skipped is not None:  # the passes that are left would fare no better
                break
        self.step.line |= self.value_numbers | {k: v / number for k, v in self.sums.items()}
        if (self.state.global_step + 1) % self.run.cleanup_steps == 0:
            gc.collect()
            if self.policy.on_gpu:
                torch.cuda.empty_cache()
        return loss

    def _learned(self, model, rows: list[int]) -> torch.Tensor:
        """One minibatch's loss, with its gradients; in smaller parts where memory was out."""
        sums, device = self.sums.copy(), self.policy.model.device

        def undo() -> None:
            model.zero_grad()
            self.sums = sums.copy()

        size = self.run.update_chunk or len(rows)
        loss = self.guarding.retry_on_oom(
            lambda divisor: self._backward(rows, divisor), undo, lambda divisor: divisor >= size
        )
        return self.guarding.loss(torch.tensor(loss or 0.0, device=device))

    def try_passes(self, step: Step) -> int | None:
        """Learns the first minibatch of a step. Returns the number of minibatches; None if memory runs out."""
        weight = self.kl_weight
        self.compute_advantages(step)
        parts = self._minibatches()
        self._learned(self.model_wrapped, parts[0])
        self.kl_weight = weight
        self.sums.clear()
        return None if self.guarding.skipped == "memory" else len(parts)

    def _inner_step(self, model) -> None:
        """An optimizer step before the last one; what the first of them changes is kept for a stop in between."""
        if self._began.weights is None:
            self._began.weights = {n: p.detach().cpu().clone() for n, p in self._trained().items()}
            self._began.optimizer = on_cpu(self.optimizer.state_dict())
        self.accelerator.clip_grad_norm_(model.parameters(), self.args.max_grad_norm)
        self.optimizer.step()
        model.zero_grad()

    def _trained(self) -> dict[str, torch.nn.Parameter]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def step_ended(self) -> None:
        """Nothing of the step is taken back any more."""
        super().step_ended()
        self._began = None

    def roll_back_step(self) -> None:
        """Back to where the step that is given up began, between its optimizer steps, too."""
        began = self._began
        if began is None:
            return
        self.kl_weight = began.kl_weight
        if began.weights is None:
            return
        with torch.no_grad():
            for name, parameter in self._trained().items():
                parameter.copy_(began.weights[name])
        self.optimizer.load_state_dict(began.optimizer)

    def _minibatches(self) -> list[list[int]]:
        """Positions of the rollouts of each optimizer step, in an order that a resumed run repeats."""
        count = len(self.experience.rollouts)
        size = max(1, -(-count // self.run.minibatches))
        parts = []
        for epoch in range(self.run.ppo_epochs):
            order = list(range(count))
            random.Random(f"{self.run.seed}/{self.state.global_step}/{epoch}").shuffle(order)
            parts += [order[i : i + size] for i in range(0, count, size)]
        return parts

    def _backward(self, rows: list[int], divisor: int = 1) -> float:
        """Adds one minibatch's gradients, 1 / `divisor` of --update-chunk rollouts at once; returns its loss."""
        total = sum(len(self.experience.logprobs[i]) for i in rows)
        size = max(1, (self.run.update_chunk or len(rows)) // divisor)
        loss = 0.0
        for start in range(0, len(rows), size):
            part, numbers = self._loss(rows[start : start + size])
            self.accelerator.backward(part / total)
            loss += part.item() / total
            self.sums.update({name: value.item() / total for name, value in numbers.items()})
        return loss

    def _loss(self, rows: list[int]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The summed loss of these rollouts' tokens, and the summed debug variables (detail 12 of the 37).

        approx_kl is the estimator r - 1 - log r of http://joschu.net/blog/kl-approx.html.
        """
        run, batch = self.run, self.experience
        logprobs, values, entropies = (
            torch.cat(x) for x in self._evaluated([batch.rollouts[i] for i in rows])
        )
        old, old_values, advantages, returns = (
            torch.cat([x[i] for i in rows])
            for x in (batch.logprobs, batch.values, batch.advantages, batch.returns)
        )
        if run.algorithm == "ppo":
            policy_loss = clipped_surrogate(logprobs, old, advantages, run.clip_range).sum()
        else:
            policy_loss = reward_weighted(logprobs, advantages).sum()
        value_loss = clipped_value_loss(values, old_values, returns, run.value_clip_range).sum()
        log_ratio = logprobs.detach() - old
        ratio = log_ratio.exp()
        return policy_loss + run.value_coef * value_loss, {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropies.sum(),
            "approx_kl": (ratio - 1 - log_ratio).sum(),
            "clip_fraction": ((ratio - 1).abs() > run.clip_range).sum(),
        }

    # ---- optimizer and checkpoints

    def create_optimizer(self, *args, **kwargs):
        """The head's weights have a learning rate of their own: the adapter's would leave it behind."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)
        if is_new:
            own = list(self.head.parameters())
            for group in optimizer.param_groups:
                group["params"] = [p for p in group["params"] if all(p is not o for o in own)]
            optimizer.add_param_group(
                {"params": own, "lr": self.run.value_learning_rate, "weight_decay": 0.0}
            )
        return optimizer

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter, and beside it the value head."""
        super().save_model(output_dir, _internal_call)
        self.head.save(output_dir or self.args.output_dir, self.kl_weight)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.kl_weight = self.head.load(resume_from_checkpoint)


FILE = "value_head.safetensors"


class ValueHead(torch.nn.Linear):
    """Last hidden state -> expected reward of what follows; float32, and 0 everywhere at the start.

    At zero the first advantages are the rewards themselves, whatever the model's hidden states look like.
    """

    def __init__(self, hidden_size: int, device: torch.device):
        super().__init__(hidden_size, 1, device=device, dtype=torch.float32)
        torch.nn.init.zeros_(self.weight)
        torch.nn.init.zeros_(self.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:  # (tokens, H) -> (tokens,)
        """The values."""
        with torch.autocast(hidden.device.type, enabled=False):
            return super().forward(hidden.float())[:, 0]

    def save(self, folder: str, beta: float) -> None:
        """Writes the head, and where adaptive --beta stood, beside the adapter."""
        from safetensors.torch import save_file

        state = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        save_file(state | {"beta": torch.tensor(beta, dtype=torch.float64)}, str(Path(folder) / FILE))

    def load(self, folder: str) -> float:
        """Reads what `save` wrote; returns beta."""
        from safetensors.torch import load_file

        state = load_file(str(Path(folder) / FILE))
        beta = state.pop("beta").item()
        self.load_state_dict(state)
        return beta


def clipped_surrogate(
    logprobs: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:  # all (tokens,)
    """PPO's loss of each token: the larger of -A r and -A clip(r, 1 - clip, 1 + clip), r = pi / pi_old.

    Source: Schulman et al. (arXiv:1707.06347) equation 7; detail 8 of the 37
    (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """
    ratio = (logprobs - old).exp()
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))


def reward_weighted(logprobs: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:  # all (tokens,)
    """Negative log-likelihood of each token, weighted by what the reward was above or below the value.

    Source: Williams 1992 (https://doi.org/10.1007/BF00992696) section 5, REINFORCE with a baseline; here a learned one.
    Its gradient is that of PPO's first pass; without a ratio nothing bounds a second one.
    """
    return -advantages * logprobs


def clipped_value_loss(
    values: torch.Tensor, old: torch.Tensor, returns: torch.Tensor, clip: float
) -> torch.Tensor:  # all (tokens,)
    """Half the larger of (V - R)^2 and (clip(V, V_old - clip, V_old + clip) - R)^2, for each token.

    Source: detail 9 of the 37 (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """
    near = old + (values - old).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2)
