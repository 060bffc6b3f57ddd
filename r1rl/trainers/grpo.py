"""GRPO: TRL's GRPOTrainer with our engine, rewards, evaluation and dump, by short overrides.

One step reads as sync, generate, reward, advantage, dump (`sample_step`) and update (`learn`). Import this only after
`models.policy.import_backend`: with Unsloth on a GPU `trl.GRPOTrainer` is a class that Unsloth generates, which does not
inherit from TRL's. Everything overridden here exists in both classes and is called by both.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOTrainer

from r1rl.config.flags import Config
from r1rl.engines.base import Engine, Sampling
from r1rl.engines.proof import Proof, sampler_gap
from r1rl.engines.wrappers import GuardedEngine, ShardedEngine
from r1rl.models.logprobs import batch_logprobs
from r1rl.models.policy import Policy
from r1rl.records import Prompt, Rollout, reasoning_text
from r1rl.rewards.weighted import Reward, take_timeouts
from r1rl.runs.checkpoints import BEST, step_of
from r1rl.runs.dump import (
    EVALUATIONS,
    METRICS,
    PROOFS,
    ROLLOUTS,
    SCHEMA_VERSION,
    Dump,
    completion_line,
    read_lines,
    without_nan,
)
from r1rl.runs.evaluation import dump_evaluation, evaluate, score_all
from r1rl.runs.progress import Meter
from r1rl.runs.scores import score_of
from r1rl.system import distributed
from r1rl.system.console import console
from r1rl.system.interrupt import Interrupt, Stopped
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.trainers.advantages import group_advantages
from r1rl.trainers.arguments import keep_float32, training_arguments
from r1rl.trainers.batches import (
    Batch,
    all_rows,
    deal,
    reduce_step,
    smaller,
    split,
    take,
    weight,
    with_signal,
)
from r1rl.trainers.callbacks import OptimizerClock, Profile, Stages, StopInBudget, Trackers
from r1rl.trainers.guards.callback import Guarding
from r1rl.trainers.prompt_order import Draw, load_plan
from r1rl.trainers.saving import (
    StepEnds,
    WholeCheckpoints,
    load_generation,
    preserved_random_states,
    save_generation,
)
from r1rl.trainers.step import Step
from r1rl.trainers.step_metrics import Watch, peak_memory, step_metrics
from r1rl.trainers.trial import Trial, full_batch, longest_prompts, rewarded

MADE_BY_UNSLOTH = GRPOTrainer.__name__.startswith("Unsloth")
GAP_ROLLOUTS = 4  # rollouts per step whose logprobs are recomputed to measure the sampler gap
LOGGED_BY_TRL = ("loss", "grad_norm", "learning_rate", "entropy", "kl")  # if the base class logs them


class Trainer(WholeCheckpoints, GRPOTrainer):
    """Each step: sync, generate, reward, advantage, dump, update."""

    def __init__(
        self,
        config: Config,
        policy: Policy,
        engine: Engine,
        rewards: dict[str, Reward],
        train_prompts: Sequence[Prompt],
        eval_prompts: Sequence[Prompt],
        dump: Dump,
        meter: Meter,
        interrupt: Interrupt,
    ):
        self.run, self.policy, self.rewards = config, policy, rewards
        self.guarding = Guarding(config, dump, scaled=policy.on_gpu and not policy.mixed)
        self.engine = GuardedEngine(engine, self.guarding.actions, self.guarding.report_engine)
        if distributed.size() > 1:
            self.engine = ShardedEngine(self.engine, interrupt)
        self.train_prompts, self.eval_prompts = train_prompts, eval_prompts
        self.dump, self.meter, self.interrupt = dump, meter, interrupt
        self.best_score = float("-inf")
        self.evaluated_step = -1
        self.draw = Draw(train_prompts, config.seed)
        self.step: Step | None = None  # the current one; None before the first
        self._engine_step = -1  # the step whose weights the engine has
        self.watch = Watch()
        self.trackers = Trackers(config, dump.folder)
        plan = load_plan(config)
        self.stages = None if plan is None else Stages(plan, train_prompts, config.seed, self.stage_ended)
        rows = [{"prompt": p.text, "index": i} for i, p in enumerate(train_prompts)]
        profiled = config.profile and distributed.is_first()
        super().__init__(
            model=policy.model,
            reward_funcs=list(rewards.values()),  # only their names are used: see `_calculate_rewards`
            args=training_arguments(config, policy, dump),
            train_dataset=Dataset.from_list(rows),
            eval_dataset=Dataset.from_list([{"prompt": p.text} for p in eval_prompts]),
            processing_class=policy.tokenizer,
            rollout_func=self._rollout,
            callbacks=[
                StepEnds(self),
                OptimizerClock(meter),
                StopInBudget(meter),
                self.guarding,
                self.trackers,
                *([Trial(self, partial(full_batch, self), self.try_update)] if config.trial else []),
                *([Profile(config.profile, dump.folder / "profile")] if profiled else []),
                *filter(None, [self.stages]),
            ],
        )
        keep_float32(self.model)
        if config.importance_correction and (MADE_BY_UNSLOTH or policy.on_gpu):
            # The base class corrects only what its own vLLM sampled; our engine takes its place.
            self.use_vllm = True

    def fit(self, checkpoint: Path | None, proofs: Sequence[Proof]) -> None:
        """Trains until --max-steps, evaluates and saves. After Ctrl-C it saves the last complete step."""
        distributed.broadcast(p for p in self.model.parameters() if p.requires_grad)
        self.dump.append(PROOFS, [dataclasses.asdict(p) | {"verdict": p.verdict} for p in proofs])
        self.restore(checkpoint)
        self.interrupt.deferred = True
        with self.meter:
            try:
                self.train_from(checkpoint)
                if self.evaluated_step != self.state.global_step:
                    self.evaluate()
                if self.stages is not None:
                    self.stages.on_train_begin(self.args, self.state, self.control)
                    self.save_adapter(f"stage_{self.stages.level}")
            except Stopped:
                self.save_stopped()
        self.trackers.close(self)
        self.interrupt.deferred = False

    def restore(self, checkpoint: Path | None) -> None:
        """Restores the state of a resumed run from its dump; an evaluation that is still due comes first."""
        start = 0 if checkpoint is None else step_of(checkpoint)
        for evaluation in read_lines(self.dump.folder / EVALUATIONS):
            self.best_score = max(self.best_score, score_of(evaluation))
            self.evaluated_step = evaluation["step"]
        due = start % self.run.eval_steps == 0 if start else self.run.eval_on_start
        self.args.eval_on_start = due and self.evaluated_step != start
        for line in read_lines(self.dump.folder / METRICS):
            self.watch.add(line["level"], line["reasoning_tokens"], line["reward"])
        if self.run.skip_solved:
            self.draw.replay(read_lines(self.dump.folder / ROLLOUTS))
        generation = None if checkpoint is None else load_generation(checkpoint, self.accelerator.device)
        if generation is not None:
            batch, lines = generation
            self.step = Step([], self.num_generations, batch=batch, lines=lines)
            for line in lines[start % self.run.steps_per_generation :]:
                self.watch.add(line["level"], line["reasoning_tokens"], line["reward"])

    def train(self, *args, **kwargs):
        """Trains; if a guard stops the run within a step, the state before this step is saved."""
        try:
            return super().train(*args, **kwargs)
        except CannotGoOn as error:
            self.guarding.engine_stopped(error, self.state.global_step, self.control)
            self.save_stopped()

    # ---- sync, generate, reward, advantage, dump

    def _prepare_inputs(self, inputs: list[dict[str, Any]]) -> Batch:
        """Returns the batch of this optimizer step. The first of --steps-per-generation steps samples for all of them."""
        steps = self.run.steps_per_generation
        part = self.state.global_step % steps
        if part == 0 or self.step is None:  # None: the run was resumed after the last step of a generation
            self.sample_step([row["index"] for row in inputs[:: self.num_generations]])
        self.step.line = self.step.lines[part]
        size = len(self.step.batch["advantages"]) // steps
        return take(self.step.batch, range(part * size, part * size + size), trim=not MADE_BY_UNSLOTH)

    def sample_step(self, drawn: list[int]) -> None:
        """Sets `step`: samples groups for these training prompts, rewards them and writes them to the dump."""
        self.step = step = Step(self.choose_prompts(drawn), self.num_generations)
        self.sync_engine()
        self.sample_groups(step, step.drawn, 0)
        self.refill(step)
        step.take_groups()
        step.batch = self.base_batch(step)
        step.advantages = self.compute_advantages(step)
        step.batch["advantages"] = torch.tensor(
            step.advantages, device=step.batch["advantages"].device
        )  # (B*G,)
        with self.interrupt.uninterruptible():
            self.dump_step(step)

    def choose_prompts(self, drawn: list[int]) -> list[int]:
        """Returns the prompts to sample instead of those that TRL's sampler drew, as the flags want it."""
        if self.stages is not None:  # TRL's sampler does not know levels
            return self.stages.draw(len(drawn))
        return self.draw.replace_idle(drawn, self.state.global_step) if self.run.skip_solved else drawn

    def sync_engine(self) -> None:
        """Copies the present weights to the engine, once per optimizer step."""
        if self._engine_step != self.state.global_step:
            start = time.perf_counter()
            self.engine.sync()
            self._engine_step = self.state.global_step
            self.meter.add("sync", time.perf_counter() - start)

    def sample_groups(self, step: Step, drawn: Sequence[int], call: int) -> None:
        """Samples and rewards a group for each of these prompts; `call` counts the sampling calls of a step."""
        start = time.perf_counter()
        g = self.num_generations
        sampling = Sampling(
            n=g,
            max_tokens=self.run.max_completion_length,
            temperature=self.run.temperature,
            top_p=self.run.top_p,
            seed=self.run.seed + 1_000_003 * (self.state.global_step + 1) + 7919 * call,
            batch_size=self.run.generation_chunk and self.run.generation_chunk * g,
        )
        prompts = [self.train_prompts[i] for i in drawn]
        rollouts = self.engine.generate(prompts, sampling)
        sampled = time.perf_counter()
        self.meter.add("generate", sampled - start)
        self.meter.sampled(rollouts)
        owners = [p for p in prompts for _ in range(g)]
        scored = score_all(rollouts, owners, self.rewards, self.run, g)
        step.add(owners, rollouts, scored)
        self.meter.add("reward", time.perf_counter() - sampled)
        for prompt, rewards in zip(prompts, step.group_rewards()[-len(prompts) :]):
            self.draw.record(prompt.problem.id, rewards)

    def refill(self, step: Step) -> None:
        """Samples more prompts for groups without signal, up to --refill times the prompts of the step."""
        left = int(self.run.refill * len(step.drawn))
        used, call = list(step.drawn), 0
        while left and (idle := len(step.drawn) - step.count_with_signal()) > 0:
            call += 1
            count = min(idle, left)
            if self.stages is not None:
                fresh = self.stages.draw_more(count)
            else:
                fresh = self.draw.fresh(count, self.state.global_step, f"refill {call}", used)
            if not fresh:
                return
            self.sample_groups(step, fresh, call)
            used += fresh
            left -= len(fresh)

    def compute_advantages(self, step: Step) -> list[float]:
        """Returns the advantage of each completion that the update takes, (B*G,)."""
        rewards = [step.scored[i].reward for i in step.taken]
        return group_advantages(rewards, self.num_generations, self.run.scale_rewards)

    # TRL's base class makes the tensors. It calls the next two with signatures of its own, so `step` is an attribute.

    def base_batch(self, step: Step) -> Batch:
        """Returns the base class's tensors of the completions taken; their advantages are not ours yet."""
        self._last_loaded_step = self.state.global_step  # TRL has no engine to load weights into
        return self._generate_and_score_completions([{"prompt": step.prompts[i].text} for i in step.taken])

    def _rollout(self, prompts: list[str], trainer: Any) -> dict[str, list]:
        taken = [self.step.rollouts[i] for i in self.step.taken]
        return {
            "prompt_ids": [list(r.prompt_ids) for r in taken],
            "completion_ids": [list(r.completion_ids) for r in taken],
            "logprobs": [list(r.sampler_logprobs) for r in taken],
        }

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list) -> torch.Tensor:
        earned = [self.step.scored[i].rewards.values() for i in self.step.taken]
        table = [[float("nan") if r is None else r for r in row] for row in earned]
        return self.accelerator.gather(
            torch.tensor(table, dtype=torch.float32, device=self.accelerator.device)
        )  # (B*G, rewards)

    # ---- update

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Runs a step up to the optimizer. Raises Stopped; until then nothing has changed that a checkpoint saves."""
        with self.interrupt.interruptible():
            return self.learn(model, inputs)

    def learn(self, model, inputs) -> torch.Tensor:
        """Computes loss and gradients of the step, part by part; groups without signal are left out."""
        model.train()
        batch = self._prepare_inputs(inputs)  # sync, generate, reward, advantage, dump
        self.step.gaps = []
        self._step += 1
        start = time.perf_counter()
        loss = torch.zeros((), device=self.accelerator.device)
        if self.run.beta == 0 and (rows := with_signal(batch, self.num_generations)) != all_rows(batch):
            batch = take(batch, rows, trim=not MADE_BY_UNSLOTH) if rows else {}
        if batch:
            # TRL divides by the tokens of a whole generation; this batch is the part of one optimizer step.
            tokens = batch["completion_mask"].sum() * self.run.steps_per_generation
            batch["num_items_in_batch"] = tokens
            seen = {name: len(values) for name, values in self._metrics["train"].items()}
            total = self.guarding.retry_on_oom(
                lambda divisor: self.accumulate(model, batch, divisor),
                lambda: self.discard(model, seen),
                lambda divisor: self.smaller_budget(batch, divisor)[1],
            )
            if distributed.size() > 1:
                total = reduce_step(self, total, batch, seen)
            loss = loss if total is None else self.guarding.loss(total)
        if self.guarding.skipped != "memory":
            self.record_gap()
        if self.policy.on_gpu:
            torch.cuda.synchronize()  # the time belongs to the update
        self.meter.add("update", time.perf_counter() - start)
        return loss

    def accumulate(self, model, batch: Batch, divisor: int) -> torch.Tensor:
        """Returns the loss of the step and accumulates its gradients; each pass takes 1 / `divisor` of the usual tokens."""
        parts = self.parts(batch, divisor)
        zero = torch.zeros((), device=self.accelerator.device)  # for a process without rows
        return sum((self.backward_part(model, batch, rows) for rows in parts), zero)

    def local_rows(self, batch: Batch) -> list[int]:
        """Returns the rows that this process learns from: all of them if there is only one process."""
        return deal(batch, self.num_generations, distributed.size())[distributed.rank()]

    def parts(self, batch: Batch, divisor: int) -> list[list[int]]:
        """Returns the rows of each forward and backward pass."""
        shared = self.policy.shares_prompts
        budget = self.run.tokens_a_pass if divisor == 1 else self.smaller_budget(batch, divisor)[0]
        unit = self.num_generations if shared and divisor == 1 else 1
        return split(batch, budget, unit, padded=not shared, rows=self.local_rows(batch))

    def backward_part(self, model, batch: Batch, rows: list[int]) -> torch.Tensor:
        """Runs forward and backward over these rows. Returns their share of the loss."""
        self.step.part = take(batch, rows, trim=not MADE_BY_UNSLOTH)
        loss = self.part_loss(model) * weight(batch, rows, self.loss_type)
        self.accelerator.backward(loss)
        self.step.part = None
        return loss.detach()

    def smaller_budget(self, batch: Batch, divisor: int) -> tuple[int, bool]:
        """Returns (tokens per pass, whether it is the smallest) for this divisor: see `batches.smaller`."""
        return smaller(batch, self.run.tokens_a_pass, divisor, padded=not self.policy.shares_prompts)

    def discard(self, model, seen: dict[str, int]) -> None:
        """Discards gradients and metrics of an update that ran out of memory; `seen`: metrics before it, by name."""
        model.zero_grad()
        self.step.part = None
        self.step.gaps.clear()
        for name, values in self._metrics["train"].items():
            del values[seen.get(name, 0) :]

    def try_update(self, rollouts: list[Rollout]) -> int | None:
        """Runs the largest forward and backward pass of a step, for the trial before step 1.

        Returns how many of them a step has; None if not even the smallest part of it fits into memory.
        """
        drawn = longest_prompts(self.train_prompts, len(rollouts) // self.num_generations)
        prompts = [p for p in drawn for _ in range(self.num_generations)]
        self.step = Step([], self.num_generations, taken=list(range(len(rollouts))))
        self.step.add(prompts, rollouts, rewarded(rollouts, prompts, list(self.rewards)))
        seen = self.state.num_input_tokens_seen
        try:
            return self.try_passes(self.step)
        finally:
            self.step = None
            self.state.num_input_tokens_seen = seen
            self._metrics["train"].clear()

    def try_passes(self, step: Step) -> int | None:
        """Learns the first part of a step. Returns the number of its parts; None if memory runs out."""
        batch = self.base_batch(step)
        advantages = torch.tensor(self.compute_advantages(step), device=batch["advantages"].device)
        batch |= {"advantages": advantages, "num_items_in_batch": batch["completion_mask"].sum()}
        self.current_gradient_accumulation_steps = 1  # transformers' loop sets it later
        loss = self.guarding.retry_on_oom(
            lambda divisor: self.backward_part(self.model_wrapped, batch, self.parts(batch, divisor)[0]),
            lambda: self.discard(self.model_wrapped, {}),
            lambda divisor: self.smaller_budget(batch, divisor)[1],
        )
        return None if loss is None else len(self.parts(batch, self.guarding.divisor))

    def part_loss(self, model) -> torch.Tensor:
        """Returns the loss of `self.step.part`, computed by TRL or Unsloth."""
        corrects = self.run.importance_correction and not MADE_BY_UNSLOTH
        before, self.use_vllm = self.use_vllm, self.use_vllm or corrects
        try:
            with self.compute_loss_context_manager():
                return self.compute_loss(model, self.step.part)
        finally:
            self.use_vllm = before

    def record_logprobs(self, logprobs: torch.Tensor) -> None:
        """Takes the trainer's logprobs (rows, C) of the current part, for the sampler gap and the importance correction."""
        if self.step.part is None:
            return
        gap = (logprobs - self.step.part["sampling_per_token_logps"]) * self.step.part["completion_mask"]
        self.step.part["importance_sampling_ratio"] = gap.exp().clamp(max=2.0)
        self.step.gaps.append(gap[self.step.part["completion_mask"].bool()].abs())

    def record_gap(self) -> None:
        """Records how far sampler and trainer logprobs are apart, while the policy is still the one that sampled."""
        if self.state.global_step % self.run.steps_per_generation:
            return
        if self.step.gaps:
            gaps = torch.cat(self.step.gaps)
            gap, largest = gaps.mean().item(), gaps.max().item()
        else:  # the base class does not expose its logprobs, or no group had a signal
            sampled = self.step.rollouts[:: self.num_generations][:GAP_ROLLOUTS]
            gap, largest = sampler_gap(self.policy, sampled, self.run.temperature)
        self.step.line |= {"sampler_gap": gap, "sampler_gap_max": largest}

    # ---- evaluation, dump, checkpoints

    def evaluate(
        self, eval_dataset=None, ignore_keys=None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Evaluates all problems in one engine call, writes the dump and keeps the best adapter."""
        if not self.guarding.may_evaluate:
            return {}
        step = self.state.global_step
        self.meter.phase("evaluating")
        try:
            with self.interrupt.interruptible(), preserved_random_states():
                self.sync_engine()
                result = evaluate(self.engine, self.eval_prompts, self.rewards, self.run, step)
        except CannotGoOn as error:
            self.guarding.engine_stopped(error, step, self.control)
            return {}
        if result.score > self.best_score:
            self.best_score = result.score
            self.save_adapter(BEST)
        # Written last: an evaluation in the dump is not repeated. The guards of all processes read it.
        distributed.on_first(
            lambda: dump_evaluation(self.dump, self.eval_prompts, result, self.meter.seconds())
        )
        self.evaluated_step = step
        self.meter.evaluated(result)
        self.trackers.evaluated(self, result)
        metrics = {
            f"{metric_key_prefix}_accuracy": result.accuracy,
            f"{metric_key_prefix}_tokens": result.tokens(),
        }
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def save_with_checkpoint(self, written: Path) -> None:
        """Saves, with the checkpoint, what the rest of a generation's optimizer steps need."""
        super().save_with_checkpoint(written)
        every, step = self.run.steps_per_generation, self.state.global_step
        if part := step % every:
            lines = [{}] * part + self.step.lines[part:]
            save_generation(written, self.step.batch, lines, step - part + every)

    def create_model_card(self, *args, **kwargs) -> None:
        """Writes no model card: a checkpoint is not a publication."""

    def dump_step(self, step: Step) -> None:
        """Writes the completions to the dump and sets the metrics line of each optimizer step that learns from them."""
        g, seconds, first = self.num_generations, self.meter.seconds(), self.state.global_step + 1
        advantage = dict(zip(step.taken, step.advantages))
        for number, rows in enumerate(step.parts(self.run.steps_per_generation), start=first):
            start = time.perf_counter()
            lines = [
                completion_line(number, "train", *divmod(k, g), step.prompts[i], step.scored[i], a, seconds)
                for k, (i, a) in enumerate((i, advantage.get(i, 0.0)) for i in rows)
            ]
            self.dump.append(ROLLOUTS, lines)
            self.meter.add("dump", time.perf_counter() - start)
            step.lines.append(self.metrics_line(step, rows))
        for lost in distributed.all_gather(take_timeouts(self.rewards)):
            for name, count in lost.items():
                step.lines[0][name] = step.lines[0].get(name, 0) + count

    def metrics_line(self, step: Step, rows: Sequence[int]) -> dict[str, Any]:
        """Returns the metrics of one optimizer step's completions."""
        g = self.num_generations
        rollouts, scored = [step.rollouts[i] for i in rows], [step.scored[i] for i in rows]
        line = step_metrics(rollouts, scored, g)
        texts = [reasoning_text(r.completion, self.run.think_tag) for r in rollouts]
        ids = self.policy.tokenizer(texts, add_special_tokens=False)["input_ids"]
        line |= {
            "groups_refilled": len(rows) // g - len(step.taken) // self.run.steps_per_generation // g,
            "reasoning_tokens": fmean(len(i) for i in ids),
            "peak_memory_gib": peak_memory(self.policy.on_gpu),
        }
        level = None
        if self.stages is not None:
            level = self.stages.level
            correct = [s.correct for s in step.scored]
            self.stages.pass_rates = [fmean(correct[i : i + g]) for i in range(0, len(correct), g)]
        collapse = self.watch.add(level, line["reasoning_tokens"], line["reward"])
        return line | {"level": level, "collapse": None if collapse is None else collapse.describe()}

    def stage_ended(self, level: int) -> None:
        """Saves the adapter; called after the last step of every stage but the last one."""
        self.save_adapter(f"stage_{level}")
        console.print(
            f"step {self.state.global_step:>4}  the stage of level {level} ends, level {self.stages.level} begins"
        )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Writes the line of metrics.jsonl and updates the progress bar, after each step."""
        is_step = "grad_norm" in logs or "loss" in logs
        super().log(logs, start_time)
        if not is_step:
            return
        line = {"schema_version": SCHEMA_VERSION, "step": self.state.global_step, **self.step.line}
        line |= {name: logs[name] for name in LOGGED_BY_TRL if logs.get(name) is not None}
        line = {k: float(v) if isinstance(v, torch.Tensor) else v for k, v in line.items()}
        line = distributed.on_first(lambda: line)  # times and memory differ; guards must decide alike
        line |= self.guarding.step(line, self.control)
        line = without_nan(line | self.meter.step_done(line))
        self.dump.append(METRICS, [line])
        self.trackers.step(self, line)


if not MADE_BY_UNSLOTH and not torch.cuda.is_available():
    Trainer._get_per_token_logps_and_entropies = batch_logprobs
