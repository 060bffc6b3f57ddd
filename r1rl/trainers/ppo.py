"""PPO and reward-weighted updates: the GRPO trainer with a value head, advantages per token and several passes.

Of PPO's details it has, each linked where it is used: generalised advantage estimation, whitened advantages, clipped
surrogate and value loss, minibatches over several passes, clipping by the norm of all gradients, one learning rate
schedule, and the debug variables (approx_kl, clip_fraction, explained_variance). Left out: an entropy bonus, orthogonal
initialisation and reward scaling, which language models did not need
(https://huggingface.co/blog/the_n_implementation_details_of_rlhf_with_ppo).
Policy and value share the model (detail 13 of the 37); TRL provides sampling, evaluation, schedules and checkpoints.
"""

from __future__ import annotations

import contextlib
import gc
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from r1rl.models.logprobs import adapter_is_on, completion_states, token_logprobs
from r1rl.models.policy import Policy
from r1rl.records import Rollout
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.trainers.advantages import adapted_beta, gae, token_rewards, whitened
from r1rl.trainers.batches import Batch
from r1rl.trainers.grpo import Trainer
from r1rl.trainers.saving import REFERENCE
from r1rl.trainers.step import Step

KL_HORIZON = 10_000  # completions; source: arXiv:1909.08593 section 2.2
FILE = "value_head.safetensors"


@dataclass(frozen=True)
class Experience:
    """A step's rollouts with what an update needs; each list has a tensor (tokens,) per rollout."""

    rollouts: list[Rollout]
    logprobs: list[torch.Tensor]
    values: list[torch.Tensor]
    advantages: list[torch.Tensor]
    returns: list[torch.Tensor]


@dataclass
class ValueStep(Step):
    """A step with the values of its tokens, and the state before it for a rollback."""

    kl_weight: float = 0.0  # before the step
    weights: dict[str, torch.Tensor] | None = None  # before the step; None until they change
    optimizer: dict[str, Any] | None = None
    complete: bool = False
    experience: Experience | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)
    sums: Counter[str] = field(default_factory=Counter)  # of the debug variables, over the minibatches


class ValueTrainer(Trainer):
    """One step: sync, generate, reward, advantages per token, several optimizer steps, dump."""

    def __init__(self, config, policy: Policy, *others):
        self.head = ValueHead(policy.model.config.hidden_size, policy.model.device)
        policy.model.value_head = self.head  # so that optimizer and gradient clipping see it
        if config.beta and config.init_from is not None:
            copy_adapter(policy.model, REFERENCE)
        self.kl_weight = config.beta
        super().__init__(config, policy, *others)
        self.num_generations = config.num_generations  # TRL itself refuses groups of one

    def new_step(self, drawn: list[int]) -> ValueStep:
        """Returns an empty step with the state to which `roll_back_step` returns."""
        return ValueStep(drawn, self.num_generations, kl_weight=self.kl_weight)

    # ---- advantage

    def compute_advantages(self, step: ValueStep) -> tuple[list[int], list[float]]:
        """Sets the step's experience and diagnostics. Returns all positions and each mean advantage, for the dump."""
        kept = [i for i, s in enumerate(step.scored) if s.reward is not None]
        rollouts = [step.rollouts[i] for i in kept]
        if not rollouts:
            step.experience = Experience([], [], [], [], [])
            return step.taken, [0.0] * len(step.taken)
        with torch.no_grad():
            logprobs, values, _ = self.evaluate_tokens(rollouts)
            reference = None
            if self.kl_weight:
                with start_adapter(self.policy.model):
                    reference, _, _ = self.evaluate_tokens(rollouts)
        estimates = []
        for row, i in enumerate(kept):
            ref = None if reference is None else reference[row].tolist()
            rewards = token_rewards(step.scored[i].reward, logprobs[row].tolist(), ref, self.kl_weight)
            estimates.append(gae(rewards, values[row].tolist(), self.run.gamma, self.run.gae_lambda))
        flat = [a for advantages, _ in estimates for a in advantages]
        if self.run.whiten_advantages and len(flat) > 1:
            flat = whitened(flat)
        device = self.policy.model.device
        ends = [0, *torch.tensor([len(r.completion_ids) for r in rollouts]).cumsum(0).tolist()]
        advantages = [torch.tensor(flat[a:b], device=device) for a, b in pairwise(ends)]
        returns = [torch.tensor(r, device=device) for _, r in estimates]
        step.experience = Experience(rollouts, logprobs, values, advantages, returns)
        step.diagnostics = self.diagnostics(step.experience, reference)
        if self.token_texts is not None:
            pairs = [(row.tolist(), r.sampler_logprobs) for row, r in zip(logprobs, rollouts)]
            step.token_gaps = {i: [t - s for t, s in zip(*pair)] for i, pair in zip(kept, pairs)}
        means = dict(zip(kept, (a.mean().item() for a in advantages)))
        return step.taken, [means.get(i, 0.0) for i in step.taken]

    def rows_with_gradient(self, batch: Batch) -> list[int]:
        """Returns the rows with a reward: equal rewards teach the values, too."""
        return [i for i, scored in enumerate(self.step.scored) if scored.reward is not None]

    def diagnostics(self, experience: Experience, reference: list[torch.Tensor] | None) -> dict[str, float]:
        """Returns how well the values fit and how far the policy is from the reference; adapts the KL weight."""
        values, returns = torch.cat(experience.values), torch.cat(experience.returns)
        spread = returns.var().clamp(min=1e-8)
        sampled = [torch.tensor(r.sampler_logprobs, device=values.device) for r in experience.rollouts]
        gaps = (torch.cat(experience.logprobs) - torch.cat(sampled)).abs()
        metrics = {
            "sampler_gap": gaps.mean().item(),
            "sampler_gap_max": gaps.max().item(),
            "value": values.mean().item(),
            "explained_variance": (1 - (returns - values).var() / spread).item(),
        }
        if reference is not None:
            kl = [(a - b).sum().item() for a, b in zip(experience.logprobs, reference)]
            metrics |= {"kl": fmean(kl), "beta": self.kl_weight}
            if self.run.target_kl is not None:
                share = len(kl) / KL_HORIZON
                self.kl_weight = adapted_beta(self.kl_weight, fmean(kl), self.run.target_kl, share)
        return metrics

    def evaluate_tokens(self, rollouts: list[Rollout]) -> tuple[list[torch.Tensor], ...]:
        """Returns (logprobs, values, entropies), each a tensor (tokens,) per rollout, in passes of --update-chunk.

        Raises CannotGoOn if memory does not suffice for a single rollout.
        """
        size = self.run.update_chunk or len(rollouts)

        def in_passes(divisor: int) -> tuple[list[torch.Tensor], ...]:
            chunk = max(1, size // divisor)
            parts = [self.evaluate_pass(rollouts[i : i + chunk]) for i in range(0, len(rollouts), chunk)]
            return tuple([row for part in parts for row in part[kind]] for kind in range(3))

        result = self.guarding.retry_on_oom(in_passes, lambda: None, lambda divisor: divisor >= size)
        if result is None:
            raise CannotGoOn("memory", "not enough memory to compute the logprobs of one completion")
        return result

    def evaluate_pass(self, rollouts: list[Rollout]) -> tuple[list[torch.Tensor], ...]:
        """Returns the same from one forward pass, with gradients."""
        counts = [len(r.completion_ids) for r in rollouts]
        completions = [r.completion_ids for r in rollouts]
        states = completion_states(self.policy, [r.prompt_ids for r in rollouts], completions)  # (N, H)
        tokens = torch.tensor([t for c in completions for t in c], device=states.device)  # (N,)
        top_p = self.run.top_p if adapter_is_on(self.policy) else 1.0  # of the reference all tokens count, as in GRPO
        chosen, entropies = token_logprobs(self.policy, states, tokens, self.run.temperature, top_p)
        return tuple(list(x.split(counts)) for x in (chosen, self.head(states), entropies))

    # ---- update

    def update(self, model: Any, step: ValueStep, batch: Batch) -> torch.Tensor:
        """Learns all minibatches of all passes; the last optimizer step is left to transformers' loop.

        So a step of the run is one batch of rollouts, whatever --ppo-epochs and --minibatches are.
        """
        step.line["groups_without_signal"] = 0  # equal rewards teach the values
        parts, loss = self.minibatches(step), torch.zeros((), device=self.policy.model.device)
        for number, rows in enumerate(parts, start=1):
            loss = self.learn_minibatch(model, step, rows)
            if number < len(parts) and self.guarding.is_finite(model):
                with self.interrupt.uninterruptible():
                    self.inner_step(model, step)
            if self.guarding.skipped is not None:  # the other passes would fail, too
                break
        step.line |= step.diagnostics | {k: v / number for k, v in step.sums.items()}
        if (self.state.global_step + 1) % self.run.cleanup_steps == 0:
            gc.collect()
            if self.policy.on_gpu:
                torch.cuda.empty_cache()
        return loss

    def minibatches(self, step: ValueStep) -> list[list[int]]:
        """Returns the positions of each optimizer step's rollouts, in an order that a resumed run repeats."""
        count = len(step.experience.rollouts)
        size = max(1, -(-count // self.run.minibatches))
        parts = []
        for epoch in range(self.run.ppo_epochs):
            order = list(range(count))
            random.Random(f"{self.run.seed}/{self.state.global_step}/{epoch}").shuffle(order)
            parts += [order[i : i + size] for i in range(0, count, size)]
        return parts

    def learn_minibatch(self, model: Any, step: ValueStep, rows: list[int]) -> torch.Tensor:
        """Returns the loss of a minibatch and adds its gradients, in smaller passes if memory runs out."""
        sums = step.sums.copy()

        def undo() -> None:
            model.zero_grad()
            step.sums = sums.copy()

        size = self.run.update_chunk or len(rows)
        loss = self.guarding.retry_on_oom(
            lambda divisor: self.backward_minibatch(step, rows, divisor), undo, lambda divisor: divisor >= size
        )
        return self.guarding.loss(torch.tensor(loss or 0.0, device=self.policy.model.device))

    def backward_minibatch(self, step: ValueStep, rows: list[int], divisor: int = 1) -> float:
        """Adds a minibatch's gradients, in passes of 1 / `divisor` of --update-chunk rollouts. Returns its loss."""
        total = sum(len(step.experience.logprobs[i]) for i in rows)
        size = max(1, (self.run.update_chunk or len(rows)) // divisor)
        loss = 0.0
        for start in range(0, len(rows), size):
            part, debug = self.summed_loss(step.experience, rows[start : start + size])
            self.accelerator.backward(part / total)
            loss += part.item() / total
            step.sums.update({name: value.item() / total for name, value in debug.items()})
        return loss

    def summed_loss(self, batch: Experience, rows: list[int]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Returns the loss of these rollouts, summed over tokens, and the summed debug variables (detail 12 of the 37).

        approx_kl is the estimator r - 1 - log r of http://joschu.net/blog/kl-approx.html.
        """
        run = self.run
        logprobs, values, entropies = (torch.cat(x) for x in self.evaluate_pass([batch.rollouts[i] for i in rows]))
        old, old_values, advantages, returns = (
            torch.cat([x[i] for i in rows]) for x in (batch.logprobs, batch.values, batch.advantages, batch.returns)
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

    def try_passes(self, step: ValueStep) -> int | None:
        """Learns from the first minibatch. Returns the number of minibatches; None if memory runs out."""
        self.compute_advantages(step)
        parts = self.minibatches(step)
        self.learn_minibatch(self.model_wrapped, step, parts[0])
        self.kl_weight = step.kl_weight
        return None if self.guarding.skipped == "memory" else len(parts)

    # ---- optimizer steps and checkpoints

    def inner_step(self, model: Any, step: ValueStep) -> None:
        """Makes an optimizer step before the last one; the first saves the state before it."""
        if step.weights is None:
            step.weights = {n: p.detach().cpu().clone() for n, p in self.trained().items()}
            step.optimizer = on_cpu(self.optimizer.state_dict())
        self.accelerator.clip_grad_norm_(model.parameters(), self.args.max_grad_norm)
        self.optimizer.step()
        model.zero_grad()

    def trained(self) -> dict[str, torch.nn.Parameter]:
        """Returns the parameters that are trained, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def step_ended(self) -> None:
        """From here on the step is not rolled back."""
        super().step_ended()
        self.step.complete, self.step.weights, self.step.optimizer = True, None, None

    def roll_back_step(self) -> None:
        """Restores the state at the step's start if the step is incomplete."""
        step = self.step
        if step is None or step.complete:
            return
        self.kl_weight = step.kl_weight
        if step.weights is not None:
            with torch.no_grad():
                for name, parameter in self.trained().items():
                    parameter.copy_(step.weights[name])
            self.optimizer.load_state_dict(step.optimizer)

    def create_optimizer(self, *args, **kwargs):
        """Gives the value head its own learning rate: the adapter's is too small for it."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)
        if is_new:
            head = list(self.head.parameters())
            for group in optimizer.param_groups:
                group["params"] = [p for p in group["params"] if all(p is not h for h in head)]
            rate = self.run.value_learning_rate
            optimizer.add_param_group({"params": head, "lr": rate, "weight_decay": 0.0})
        return optimizer

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Saves the adapter and the value head."""
        super().save_model(output_dir, _internal_call)
        self.head.save(output_dir or self.args.output_dir, self.kl_weight)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.kl_weight = self.head.load(resume_from_checkpoint)


def copy_adapter(model: Any, name: str) -> None:
    """Adds a copy of the trained adapter that is not trained; as TRL does for GRPO."""
    model.add_adapter(name, model.peft_config["default"])
    for path, weight in list(model.named_parameters()):
        if ".default." in path:
            model.get_parameter(path.replace(".default.", f".{name}.")).data.copy_(weight.data)
    model.set_adapter("default")


@contextlib.contextmanager
def start_adapter(model: Any) -> Iterator[None]:
    """Lets the model compute with the adapter with which the run began: a copy of it, or none, as a new one has no effect."""
    if REFERENCE not in model.peft_config:
        with model.disable_adapter():
            yield
        return
    model.set_adapter(REFERENCE)
    try:
        yield
    finally:
        model.set_adapter("default")


def on_cpu(state: Any) -> Any:
    """Returns a copy of an optimizer's state with all tensors in CPU memory."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    return [on_cpu(value) for value in state] if isinstance(state, list) else state


class ValueHead(torch.nn.Linear):
    """Last hidden state -> expected reward of what follows; float32, and 0 everywhere at the start.

    At zero the first advantages are the rewards themselves, whatever the model's hidden states are.
    """

    def __init__(self, hidden_size: int, device: torch.device):
        super().__init__(hidden_size, 1, device=device, dtype=torch.float32)
        torch.nn.init.zeros_(self.weight)
        torch.nn.init.zeros_(self.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:  # (tokens, H) -> (tokens,)
        """Returns the values."""
        with torch.autocast(hidden.device.type, enabled=False):
            return super().forward(hidden.float())[:, 0]

    def save(self, folder: str, beta: float) -> None:
        """Writes the head and the current KL weight to a checkpoint."""
        state = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        save_file(state | {"beta": torch.tensor(beta, dtype=torch.float64)}, str(Path(folder) / FILE))

    def load(self, folder: str) -> float:
        """Reads what `save` wrote. Returns the KL weight."""
        state = load_file(str(Path(folder) / FILE))
        beta = state.pop("beta").item()
        self.load_state_dict(state)
        return beta


def clipped_surrogate(
    logprobs: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:  # all (tokens,)
    """Returns PPO's loss per token: the larger of -A r and -A clip(r, 1 - clip, 1 + clip), r = pi / pi_old.

    Source: Schulman et al. (arXiv:1707.06347) equation 7; detail 8 of the 37
    (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """
    ratio = (logprobs - old).exp()
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))


def reward_weighted(logprobs: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:  # all (tokens,)
    """Returns the negative log-likelihood per token, weighted by the advantage over the value.

    Source: Williams 1992 (https://doi.org/10.1007/BF00992696) section 5, REINFORCE with a baseline; here a learned one.
    Its gradient is that of PPO's first pass; without a ratio nothing bounds a second one.
    """
    return -advantages * logprobs


def clipped_value_loss(
    values: torch.Tensor, old: torch.Tensor, returns: torch.Tensor, clip: float
) -> torch.Tensor:  # all (tokens,)
    """Returns half the larger of (V - R)^2 and (clip(V, V_old - clip, V_old + clip) - R)^2, per token.

    Source: detail 9 of the 37 (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """
    near = old + (values - old).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2)
