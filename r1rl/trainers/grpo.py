"""GRPO: TRL's GRPOTrainer with our engine, rewards, evaluation and dump plugged in by short overrides.

Import this only after `models.import_backend`: with Unsloth on a GPU `trl.GRPOTrainer` is a class that Unsloth
generated, which does not inherit from TRL's own. What is overridden here exists, and is called, in both.
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
from transformers import TrainerCallback
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
from r1rl.trainers.advantages import group_advantages, groups_without_signal
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
from r1rl.trainers.callbacks import Profile, Stages, StopInBudget, Trackers
from r1rl.trainers.guards.callback import Guarding
from r1rl.trainers.prompt_order import Draw, load_plan
from r1rl.trainers.saving import (
    StepEnds,
    WholeCheckpoints,
    kept_random_states,
    load_generation,
    save_generation,
)
from r1rl.trainers.step_metrics import Watch, peak_memory, step_numbers
from r1rl.trainers.trial import Trial, full_batch, longest_prompts, rewarded

MADE_BY_UNSLOTH = GRPOTrainer.__name__.startswith("Unsloth")
GAP_ROLLOUTS = 4  # rollouts a step whose logprobs are computed again to measure the sampler gap
LOGGED_BY_TRL = ("loss", "grad_norm", "learning_rate", "entropy", "kl")  # where the base class has them


class Trainer(WholeCheckpoints, GRPOTrainer):
    """One optimizer step: sync, generate, reward, advantage, update, dump."""

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
        self.numbers: dict[str, Any] = {}  # of the present step, on their way to metrics.jsonl
        self.draw = Draw(train_prompts, config.seed)
        self._generation: Batch | None = None
        self._part: Batch | None = None  # what goes through the model just now
        self._engine_step = -1  # the step whose weights the engine has
        self.watch = Watch()
        self.trackers = Trackers(config, dump.folder)
        plan = load_plan(config)
        self.stages = None if plan is None else Stages(plan, train_prompts, config.seed, self.stage_ended)
        self._rows = [{"prompt": p.text, "index": i} for i, p in enumerate(train_prompts)]
        super().__init__(
            model=policy.model,
            reward_funcs=list(rewards.values()),  # for their names only: see `_calculate_rewards`
            args=training_arguments(config, policy, dump),
            train_dataset=Dataset.from_list(self._rows),
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
                *(
                    [Profile(config.profile, dump.folder / "profile")]
                    if config.profile and distributed.is_first()
                    else []
                ),
                *filter(None, [self.stages]),
            ],
        )
        keep_float32(self.model)
        if config.importance_correction and (MADE_BY_UNSLOTH or policy.on_gpu):
            # There the correction belongs to the base class's own vLLM; our engine stands in its place.
            self.use_vllm = True

    def fit(self, checkpoint: Path | None, proofs: Sequence[Proof]) -> None:
        """Trains to the end, evaluates and saves. After Ctrl-C the last complete step is saved."""
        distributed.broadcast(p for p in self.model.parameters() if p.requires_grad)
        self.dump.append(PROOFS, [dataclasses.asdict(p) | {"verdict": p.verdict} for p in proofs])
        self.go_on(checkpoint)
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

    def go_on(self, checkpoint: Path | None) -> None:
        """Takes up what the dump knows of the part before a resume; an evaluation that is still due comes first."""
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
        left = None if checkpoint is None else load_generation(checkpoint, self.accelerator.device)
        if left is not None:
            self._generation, self._numbers_of = left
            for line in self._numbers_of[start % self.run.steps_per_generation :]:
                self.watch.add(line["level"], line["reasoning_tokens"], line["reward"])

    def train(self, *args, **kwargs):
        """Ends without a word where a guard stops the run in the middle of a step; saved is then the step before."""
        try:
            return super().train(*args, **kwargs)
        except CannotGoOn as trouble:
            self.guarding.engine_stopped(trouble, self.state.global_step, self.control)
            self.save_stopped()

    # ---- rollout, reward, advantage

    def _prepare_inputs(self, inputs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """The present step's batch; with --steps-per-generation completions are sampled for several steps at once."""
        part = self.state.global_step % self.run.steps_per_generation
        if part == 0 or self._generation is None:  # a run may have ended in between
            self._generation = self._generate_and_score_completions(inputs)
        self.numbers = self._numbers_of[part]
        size = len(self._generation["advantages"]) // self.run.steps_per_generation
        return take(self._generation, range(part * size, part * size + size), trim=not MADE_BY_UNSLOTH)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        self._drawn = [row["index"] for row in inputs[:: self.num_generations]]
        if self.stages is not None:  # TRL's sampler knows no levels: the present one's prompts take its place
            self._drawn = self.stages.draw(len(self._drawn))
        elif self.run.skip_solved:
            self._drawn = self.draw.without_idle(self._drawn, self.state.global_step)
        out, advantages = self._scored_batch(
            [self._rows[i] for i in self._drawn for _ in range(self.num_generations)]
        )
        with self.interrupt.uninterruptible():
            self._record(advantages)
        return out

    def _scored_batch(self, inputs: list[dict[str, Any]]) -> tuple[Batch, list[float]]:
        """The base class's batch of what `rollout_func` gives, and its advantages, which are ours."""
        self._last_loaded_step = self.state.global_step  # TRL has no engine of its own to load weights into
        out = super()._generate_and_score_completions(inputs)
        advantages = self._advantages()
        out["advantages"] = torch.tensor(advantages, device=out["advantages"].device)  # (B*G,)
        return out, advantages

    def _advantages(self) -> list[float]:
        """One for each completion that the update takes."""
        earned = [self._scored[i].reward for i in self._taken]
        return group_advantages(earned, self.num_generations, self.run.scale_rewards)

    def _rollout(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        self.sync_engine()
        self._batch, self._rollouts, self._scored = [], [], []  # of all that is sampled, group by group
        self._sample(self._drawn, 0)
        self._refill()
        self._taken = self._most_telling(len(self._drawn))
        return columns([self._rollouts[i] for i in self._taken])

    def _sample(self, drawn: Sequence[int], again: int) -> None:
        """Samples and scores a group for each of these prompts; `again` counts the calls of a step."""
        start = time.perf_counter()
        g = self.num_generations
        sampling = Sampling(
            n=g,
            max_tokens=self.run.max_completion_length,
            temperature=self.run.temperature,
            top_p=self.run.top_p,
            seed=self.run.seed + 1_000_003 * (self.state.global_step + 1) + 7919 * again,
            batch_size=self.run.generation_chunk and self.run.generation_chunk * g,
        )
        prompts = [self.train_prompts[i] for i in drawn]
        rollouts = self.engine.generate(prompts, sampling)
        sampled = time.perf_counter()
        self.meter.add("generate", sampled - start)
        self.meter.sampled(rollouts)
        owners = [p for p in prompts for _ in range(g)]
        self._scored += score_all(rollouts, owners, self.rewards, self.run, g)
        self._rollouts += rollouts
        self._batch += owners
        self.meter.add("reward", time.perf_counter() - sampled)
        for place in range(len(self._scored) - len(rollouts), len(self._scored), g):
            rewards = [s.reward for s in self._scored[place : place + g]]
            self.draw.seen(self._batch[place].problem.id, rewards)

    def _refill(self) -> None:
        """Samples fresh prompts for groups that teach nothing, up to --refill times the step's prompts."""
        left = int(self.run.refill * len(self._drawn))
        used, again = list(self._drawn), 0
        while left and (idle := len(self._drawn) - self._telling()) > 0:
            again += 1
            step, count = self.state.global_step, min(idle, left)
            fresh = (
                self.stages.draw_more(count)
                if self.stages
                else self.draw.fresh(count, step, f"refill {again}", used)
            )
            if not fresh:
                return
            self._sample(fresh, again)
            used += fresh
            left -= len(fresh)

    def _telling(self) -> int:
        """How many of the sampled groups teach something."""
        g = self.num_generations
        return len(self._scored) // g - groups_without_signal([s.reward for s in self._scored], g)

    def _most_telling(self, groups: int) -> list[int]:
        """Places of the completions that the update takes: of so many groups, first those that teach something."""
        g = self.num_generations
        starts = range(0, len(self._scored), g)
        idle = {i: groups_without_signal([s.reward for s in self._scored[i : i + g]], g) for i in starts}
        chosen = sorted(sorted(starts, key=idle.get)[:groups])
        return [i + k for i in chosen for k in range(g)]

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list) -> torch.Tensor:
        earned = [self._scored[i].rewards.values() for i in self._taken]
        table = [[float("nan") if r is None else r for r in row] for row in earned]
        return self.accelerator.gather(
            torch.tensor(table, dtype=torch.float32, device=self.accelerator.device)
        )  # (B*G, rewards)

    # ---- update

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """All of a step but the optimizer's part. Raises Stopped: until then nothing has changed that is saved."""
        with self.interrupt.interruptible():
            return self.learn(model, inputs)

    def learn(self, model, inputs) -> torch.Tensor:
        """Forward and backward over the step's batch, part by part; groups that teach nothing are left out."""
        model.train()
        batch = self._prepare_inputs(inputs)  # sync, generate, reward, advantage, dump
        self._step += 1
        start = time.perf_counter()
        loss = torch.zeros((), device=self.accelerator.device)
        self._gaps: list[torch.Tensor] = []
        if self.run.beta == 0 and (rows := with_signal(batch, self.num_generations)) != all_rows(batch):
            batch = take(batch, rows, trim=not MADE_BY_UNSLOTH) if rows else {}
        if batch:
            # TRL divides by the tokens of a whole generation, of which this is one step's part.
            tokens = batch["completion_mask"].sum() * self.run.steps_per_generation
            batch["num_items_in_batch"] = tokens
            seen = {name: len(values) for name, values in self._metrics["train"].items()}
            learned = self.guarding.retry_on_oom(
                lambda divisor: self._learn(model, batch, divisor),
                lambda: self._forget(model, seen),
                lambda divisor: self._smaller(batch, divisor)[1],
            )
            if distributed.size() > 1:
                learned = reduce_step(self, learned, batch, seen)
            loss = loss if learned is None else self.guarding.loss(learned)
        if self.guarding.skipped != "memory":
            self._note_gap()
        if self.policy.on_gpu:
            torch.cuda.synchronize()  # the time belongs to the update
        self.meter.add("update", time.perf_counter() - start)
        return loss

    def _learn(self, model, batch: Batch, divisor: int) -> torch.Tensor:
        """The step's loss; its gradients are added up, in parts of 1 / `divisor` of the tokens that usually go in at once."""
        parts = self._parts(batch, divisor)
        nothing = torch.zeros((), device=self.accelerator.device)  # of a process without a share
        return sum((self._learn_part(model, batch, rows) for rows in parts), nothing)

    def _own_rows(self, batch: Batch) -> list[int]:
        """What this process learns from: its share, or with one process all rows."""
        return deal(batch, self.num_generations, distributed.size())[distributed.rank()]

    def _parts(self, batch: Batch, divisor: int) -> list[list[int]]:
        """Rows of what goes through the model at once."""
        shared = self.policy.shares_prompts
        budget = self.run.tokens_a_pass if divisor == 1 else self._smaller(batch, divisor)[0]
        unit = self.num_generations if shared and divisor == 1 else 1
        return split(batch, budget, unit, padded=not shared, rows=self._own_rows(batch))

    def _learn_part(self, model, batch: Batch, rows: list[int]) -> torch.Tensor:
        """Forward and backward over these rows; returns their share of the loss."""
        self._part = take(batch, rows, trim=not MADE_BY_UNSLOTH)
        loss = self._part_loss(model) * weight(batch, rows, self.loss_type)
        self.accelerator.backward(loss)
        self._part = None
        return loss.detach()

    def _smaller(self, batch: Batch, divisor: int) -> tuple[int, bool]:
        """See micro_batches.smaller."""
        return smaller(batch, self.run.tokens_a_pass, divisor, padded=not self.policy.shares_prompts)

    def _forget(self, model, seen: dict[str, int]) -> None:
        """Takes back what an update that ran out of memory has left: gradients, and the base class's numbers."""
        model.zero_grad()
        self._part = None
        self._gaps.clear()
        for name, values in self._metrics["train"].items():
            del values[seen.get(name, 0) :]

    def try_update(self, rollouts: list[Rollout]) -> int | None:
        """The largest forward and backward of a step, for the trial before step 1.

        Returns how many of them a step has; None where not even the smallest part of it fits into memory.
        """
        drawn = longest_prompts(self.train_prompts, len(rollouts) // self.num_generations)
        self._batch = [p for p in drawn for _ in range(self.num_generations)]
        self._rollouts, self._scored = rollouts, rewarded(rollouts, self._batch, list(self.rewards))
        self._taken = range(len(rollouts))
        return self._try_update()

    def _try_update(self) -> int | None:
        seen, usual = self.state.num_input_tokens_seen, self.rollout_func
        self.rollout_func = lambda prompts, trainer: columns(self._rollouts)
        try:
            batch, _ = self._scored_batch([{"prompt": p.text, "index": 0} for p in self._batch])
            batch["num_items_in_batch"] = batch["completion_mask"].sum()
            self._gaps = []
            self.current_gradient_accumulation_steps = 1  # transformers' loop sets it later
            learned = self.guarding.retry_on_oom(
                lambda divisor: self._learn_part(self.model_wrapped, batch, self._parts(batch, divisor)[0]),
                lambda: self._forget(self.model_wrapped, {}),
                lambda divisor: self._smaller(batch, divisor)[1],
            )
            return None if learned is None else len(self._parts(batch, self.guarding.divisor))
        finally:
            self.rollout_func, self._part = usual, None
            self.state.num_input_tokens_seen = seen
            self._metrics["train"].clear()

    def _part_loss(self, model) -> torch.Tensor:
        """The loss of `self._part`, by TRL or Unsloth."""
        corrects = self.run.importance_correction and not MADE_BY_UNSLOTH
        before, self.use_vllm = self.use_vllm, self.use_vllm or corrects
        try:
            with self.compute_loss_context_manager():
                return self.compute_loss(model, self._part)
        finally:
            self.use_vllm = before

    def own_logprobs(self, logprobs: torch.Tensor) -> None:
        """Told the trainer's logprobs (B, C) of the present part: they give gap and correction without a second pass."""
        if self._part is None:
            return
        gap = (logprobs - self._part["sampling_per_token_logps"]) * self._part["completion_mask"]
        self._part["importance_sampling_ratio"] = gap.exp().clamp(max=2.0)
        self._gaps.append(gap[self._part["completion_mask"].bool()].abs())

    def _note_gap(self) -> None:
        """How far the engine's logprobs are from the trainer's, where the policy is still the one that sampled."""
        if self.state.global_step % self.run.steps_per_generation:
            return
        if self._gaps:
            gaps = torch.cat(self._gaps)
            gap, largest = gaps.mean().item(), gaps.max().item()
        else:  # the base class keeps its logprobs to itself, or there was nothing to learn from
            sampled = self._rollouts[:: self.num_generations][:GAP_ROLLOUTS]
            gap, largest = sampler_gap(self.policy, sampled, self.run.temperature)
        self.numbers |= {"sampler_gap": gap, "sampler_gap_max": largest}

    def sync_engine(self) -> None:
        """Hands the present weights to the engine, once for each optimizer step."""
        if self._engine_step != self.state.global_step:
            start = time.perf_counter()
            self.engine.sync()
            self._engine_step = self.state.global_step
            self.meter.add("sync", time.perf_counter() - start)

    # ---- evaluation, dump, checkpoints

    def evaluate(
        self, eval_dataset=None, ignore_keys=None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """All evaluation problems in one engine call; keeps the best checkpoint."""
        if not self.guarding.may_evaluate:
            return {}
        step = self.state.global_step
        self.meter.phase("evaluating")
        try:
            with self.interrupt.interruptible(), kept_random_states():
                self.sync_engine()
                result = evaluate(self.engine, self.eval_prompts, self.rewards, self.run, step)
        except CannotGoOn as trouble:
            self.guarding.engine_stopped(trouble, step, self.control)
            return {}
        if result.score > self.best_score:
            self.best_score = result.score
            self.save_adapter(BEST)
        # Its line comes last: an evaluation that is in the dump is not made again.
        distributed.on_first(
            lambda: dump_evaluation(self.dump, self.eval_prompts, result, self.meter.seconds())
        )  # the guards of all processes read it
        self.evaluated_step = step
        self.meter.evaluated(result)
        self.trackers.evaluated(self, result)
        metrics = {
            f"{metric_key_prefix}_accuracy": result.accuracy,
            f"{metric_key_prefix}_tokens": result.tokens(),
        }
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def save_beside(self, written: Path) -> None:
        """The best adapter, and what is still to be learnt of a generation."""
        super().save_beside(written)
        every, step = self.run.steps_per_generation, self.state.global_step
        if part := step % every:
            numbers = [{}] * part + self._numbers_of[part:]
            save_generation(written, self._generation, numbers, step - part + every)

    def create_model_card(self, *args, **kwargs) -> None:
        """A checkpoint is no publication: no card beside it."""

    def _record(self, advantages: list[float]) -> None:
        """Dumps the completions and keeps the numbers of each step that they are for, on their way to `log`."""
        g, seconds, steps = self.num_generations, self.meter.seconds(), self.run.steps_per_generation
        advantage = dict(zip(self._taken, advantages))
        size = len(self._taken) // steps
        parts = [self._taken[k * size : k * size + size] for k in range(steps)]
        parts[0] = parts[0] + [
            i for i in range(len(self._scored)) if i not in advantage
        ]  # sampled, not learned from
        self._numbers_of = []
        for step, rows in enumerate(parts, start=self.state.global_step + 1):
            start = time.perf_counter()
            self.dump.append(
                ROLLOUTS,
                [
                    completion_line(
                        step,
                        "train",
                        k // g,
                        k % g,
                        self._batch[i],
                        self._scored[i],
                        advantage.get(i, 0.0),
                        seconds,
                    )
                    for k, i in enumerate(rows)
                ],
            )
            self.meter.add("dump", time.perf_counter() - start)
            self.numbers = step_numbers([self._rollouts[i] for i in rows], [self._scored[i] for i in rows], g)
            self.numbers |= {
                "groups_refilled": len(rows) // g - size // g,
                "reasoning_tokens": self._reasoning_tokens(rows),
                "peak_memory_gib": peak_memory(self.policy.on_gpu),
            }
            self.numbers |= self._stage_numbers()
            self._numbers_of.append(self.numbers)
        self.numbers = self._numbers_of[0]
        for lost in distributed.all_gather(take_timeouts(self.rewards)):
            self.numbers |= {name: self.numbers.get(name, 0) + count for name, count in lost.items()}

    def _reasoning_tokens(self, rows: Sequence[int]) -> float:
        """Mean length of these completions' reasoning."""
        texts = [reasoning_text(self._rollouts[i].completion, self.run.think_tag) for i in rows]
        ids = self.policy.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return fmean(len(i) for i in ids)

    def _stage_numbers(self) -> dict[str, Any]:
        """The step's level in a curriculum, and the words of a collapse that shows in this step."""
        level = None
        if self.stages is not None:
            level, g = self.stages.level, self.num_generations
            right = [s.correct for s in self._scored]
            self.stages.pass_rates = [fmean(right[i : i + g]) for i in range(0, len(right), g)]
        found = self.watch.add(level, self.numbers["reasoning_tokens"], self.numbers["reward"])
        return {"level": level, "collapse": None if found is None else found.describe()}

    def stage_ended(self, level: int) -> None:
        """Called after the last step of each stage but the last one."""
        self.save_adapter(f"stage_{level}")
        console.print(
            f"step {self.state.global_step:>4}  the stage of level {level} ends, level {self.stages.level} begins"
        )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """After each step: one line of metrics.jsonl, and the progress bar."""
        is_step = "grad_norm" in logs or "loss" in logs
        super().log(logs, start_time)
        if not is_step:
            return
        self.numbers |= {name: logs[name] for name in LOGGED_BY_TRL if logs.get(name) is not None}
        self.numbers = {k: float(v) if isinstance(v, torch.Tensor) else v for k, v in self.numbers.items()}
        line = {"schema_version": SCHEMA_VERSION, "step": self.state.global_step, **self.numbers}
        line = distributed.on_first(
            lambda: line
        )  # what times and memory differ in must not part the processes
        line |= self.guarding.step(line, self.control)
        line = without_nan(line | self.meter.step_done(line))
        self.dump.append(METRICS, [line])
        self.trackers.step(self, line)


if not MADE_BY_UNSLOTH and not torch.cuda.is_available():
    Trainer._get_per_token_logps_and_entropies = batch_logprobs


def columns(rollouts: Sequence[Rollout]) -> dict[str, list]:
    """Rollouts as TRL's rollout_func returns them."""
    return {
        "prompt_ids": [list(r.prompt_ids) for r in rollouts],
        "completion_ids": [list(r.completion_ids) for r in rollouts],
        "logprobs": [list(r.sampler_logprobs) for r in rollouts],
    }


class OptimizerClock(TrainerCallback):
    """Times the optimizer."""

    def __init__(self, meter: Meter):
        self.meter = meter

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        """Called by transformers when gradients are clipped."""
        self.start = time.perf_counter()

    def on_optimizer_step(self, args, state, control, **kwargs):
        """Called by transformers when the weights have moved."""
        self.meter.add("optimizer", time.perf_counter() - self.start)
