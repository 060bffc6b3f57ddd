"""GRPO: TRL's GRPOTrainer with our engine, rewards, evaluation and dump, by short overrides. One step:

    sync       sync_engine       the engine gets the current weights
    generate   sample_groups     a group of completions for each prompt
    reward     reward_groups     grades and rewards them
    advantage  fill_batch        each reward minus the mean of its group
    update     update            forward and backward passes (update.py); transformers moves the weights
    dump       dump_step, log    rollouts.jsonl before the update, metrics.jsonl after it; tokens/ likewise

Import this only after `models.policy.import_backend`: with Unsloth on a GPU `trl.GRPOTrainer` is a class that Unsloth
generated, which does not inherit from TRL's own. What is overridden here exists, and is called, in both.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOTrainer

from r1rl.engines.base import Sampling
from r1rl.engines.proof import Proof
from r1rl.engines.wrappers import ShardedEngine
from r1rl.models.logprobs import batch_logprobs
from r1rl.rewards.weighted import begin_step, take_counts, take_metrics
from r1rl.runs.checkpoints import BEST, step_of
from r1rl.runs.dump import (
    EVALUATIONS,
    GAPS,
    METRICS,
    PROOFS,
    ROLLOUTS,
    SCHEMA_VERSION,
    TOKENS,
    completion_line,
    read_lines,
    without_nan,
)
from r1rl.runs.evaluation import score_all
from r1rl.runs.scores import Evaluation, score_of
from r1rl.runs.tokens import gap_lines, token_lines
from r1rl.system import distributed, gradients
from r1rl.system.console import console
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.trainers.advantages import chosen_advantages, decoupled_advantages, group_advantages, groups_without_signal
from r1rl.trainers.arguments import keep_float32, training_arguments
from r1rl.trainers.base import RunTrainer
from r1rl.trainers.batches import Batch
from r1rl.trainers.callbacks import DifficultyPool, OptimizerClock, Profile, Stages, StopInBudget, Trackers
from r1rl.trainers.prompt_order import Draw, Pool, load_plan
from r1rl.trainers.saving import StepEnds, load_generation, save_generation
from r1rl.trainers.step import Step
from r1rl.trainers.step_metrics import Watch, peak_memory, reasoning_tokens, repeated, step_metrics
from r1rl.trainers.trial import Trial, full_batch
from r1rl.trainers.update import MADE_BY_UNSLOTH, PolicyUpdate, rows_of

LOGGED_BY_TRL = ("loss", "grad_norm", "learning_rate", "entropy", "kl")  # the names of the base class


class Trainer(RunTrainer, PolicyUpdate, GRPOTrainer):
    """One optimizer step: sync, generate, reward, advantage, update, dump."""

    def __init__(self, config, policy, engine, rewards, train_prompts, eval_prompts, dump, meter, interrupt):
        """See `RunTrainer.set_up` for the types; `train_prompts` is a sequence of Prompt."""
        self.set_up(config, policy, engine, rewards, eval_prompts, dump, meter, interrupt)
        if distributed.size() > 1:
            self.engine = ShardedEngine(self.engine, interrupt)
        self.train_prompts, self.trackers = train_prompts, Trackers(config, dump.folder)
        # The base class calls `_rollout`, `_calculate_rewards`, `record_logprobs` and `log` with signatures of its own,
        # so the current step is an attribute; all other methods are given it.
        self.step: Step | None = None
        self.synced_step = -1  # the optimizer step whose weights the engine has
        self.evaluated_step, self.best_score = -1, float("-inf")
        self.resumed_step = 0
        self.draw, self.watch = Draw(train_prompts, config.seed), Watch()
        plan = load_plan(config)
        self.stages = None if plan is None else Stages(plan, train_prompts, config.seed, self.stage_ended)
        self.pool = None
        callbacks = [StepEnds(self), OptimizerClock(meter), StopInBudget(meter), self.guarding, self.trackers]
        if config.trial:
            callbacks.append(Trial(self, partial(full_batch, self), self.try_update))
        if config.profile and distributed.is_first():
            callbacks.append(Profile(config.profile, dump.folder / "profile"))
        if self.stages is not None:
            callbacks.append(self.stages)
        if config.difficulty_pool is not None:
            self.pool = Pool(self.draw.ids, config.num_generations, config.difficulty_pool, config.seed)
            callbacks.append(DifficultyPool(self.pool))
        rows = [{"prompt": p.text, "index": i} for i, p in enumerate(train_prompts)]
        super().__init__(
            model=policy.model,
            reward_funcs=list(rewards.values()),  # for their names only: see `_calculate_rewards`
            args=training_arguments(config, policy, dump),
            train_dataset=Dataset.from_list(rows),
            eval_dataset=Dataset.from_list([{"prompt": p.text} for p in eval_prompts]),
            processing_class=policy.tokenizer,
            rollout_func=self._rollout,
            callbacks=callbacks,
        )
        keep_float32(self.model)
        # TRL's own scores all tokens, and its entropies are those of a kernel.
        needs_ours = config.top_p < 1 or config.entropy_bonus > 0 or config.top_entropy_share < 1
        if needs_ours and not MADE_BY_UNSLOTH:
            self._get_per_token_logps_and_entropies = partial(batch_logprobs, self)
        if config.importance_correction and (MADE_BY_UNSLOTH or policy.on_gpu):
            # There the correction belongs to the base class's own vLLM; our engine takes its place.
            self.use_vllm = True

    def fit(self, checkpoint: Path | None, proofs: Sequence[Proof]) -> None:
        """Trains from the checkpoint to the end, evaluates and saves. After Ctrl-C the last complete step is saved."""
        gradients.connect_gpus(self.accelerator.device)
        distributed.broadcast(p for p in self.model.parameters() if p.requires_grad)
        self.dump.append(PROOFS, [dataclasses.asdict(p) | {"verdict": p.verdict} for p in proofs])
        self.restore(checkpoint)
        with self.running():
            self.train_from(checkpoint)
            if self.evaluated_step != self.state.global_step:
                self.evaluate()
            if self.stages is not None:
                self.stages.on_train_begin(self.args, self.state, self.control)
                self.save_adapter(f"stage_{self.stages.level}")

    def restore(self, checkpoint: Path | None) -> None:
        """Restores from the dump what the run knew at the checkpoint; an evaluation that is due there comes first."""
        start = self.resumed_step = 0 if checkpoint is None else step_of(checkpoint)
        for evaluation in read_lines(self.dump.folder / EVALUATIONS):
            self.best_score = max(self.best_score, score_of(evaluation))
            self.evaluated_step = evaluation["step"]
        due = start % self.run.eval_steps == 0 if start else self.run.eval_on_start
        self.args.eval_on_start = due and self.evaluated_step != start
        seen = list(read_lines(self.dump.folder / METRICS))
        if self.run.skip_solved:
            self.draw.replay(read_lines(self.dump.folder / ROLLOUTS))
        left = None if checkpoint is None else load_generation(checkpoint, self.accelerator.device)
        if left is not None:
            self.step = self.new_step([])
            self.step.batch, self.step.lines = left
            seen += self.step.lines[start % self.run.updates_per_generation :]
        for line in seen:
            if line["completions"]:
                self.watch.add(line["level"], line["reasoning_tokens"], line["reward"])

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Returns normally if a guard stops the run in the middle of a step, with the step before it saved."""
        try:
            return super().train(*args, **kwargs)
        except CannotGoOn as error:
            self.guarding.engine_stopped(error, self.state.global_step, self.control)
            self.save_stopped()

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        """Returns TRL's sampler; for a resumed run it has drawn the orders of the passes over the data that are done."""
        sampler = super()._get_train_sampler(dataset)
        at_once = self.run.generation_batch_size * self.run.steps_per_generation
        for _ in range(self.resumed_step // max(1, len(sampler) // at_once)):
            torch.randperm(sampler.num_samples, generator=sampler.generator)
        return sampler

    # ---- one step

    def training_step(self, model: Any, inputs: list[dict[str, Any]], num_items_in_batch: Any = None) -> torch.Tensor:
        """Everything of a step except the optimizer. Raises Stopped: until then nothing that is saved has changed."""
        with self.interrupt.interruptible():
            model.train()
            batch = self._prepare_inputs(inputs)
            self._step += 1  # the base class counts calls
            return self.update(model, self.step, batch)

    def _prepare_inputs(self, inputs: list[dict[str, Any]]) -> Batch:
        """Returns the batch of this optimizer step. The first of a generation samples for all of its steps.

        A generation has --num-iterations passes over the shares of --steps-per-generation optimizer steps.
        """
        number = self.state.global_step % self.run.updates_per_generation
        if number == 0 or self.step is None:  # None: the run ended within a generation that no checkpoint has
            self.sample_step([row["index"] for row in inputs[:: self.num_generations]])
        self.step.line = self.step.lines[number]
        size = len(self.step.batch["advantages"]) // self.run.steps_per_generation
        start = number % self.run.steps_per_generation * size
        return rows_of(self.step.batch, range(start, start + size))

    def sample_step(self, drawn: list[int]) -> None:
        """Sets `step`: samples and rewards groups for these training prompts and computes their advantages."""
        self.step = step = self.new_step(self.choose_prompts(drawn))
        self.sync_engine()
        for prompts in self.prompts_to_sample(step):
            self.sample_groups(step, prompts)
            self.reward_groups(step)
        step.take_groups()
        self.fill_batch(step)
        if self.run.mask_truncated:
            self.mask_truncated(step)
        with self.interrupt.uninterruptible():
            self.dump_step(step)
            if self.pool is not None:
                self.pool.sampled = step.correct_by_group()

    def new_step(self, drawn: list[int]) -> Step:
        """Returns an empty step of the class that the algorithm needs."""
        return Step(drawn, self.num_generations)

    def choose_prompts(self, drawn: list[int]) -> list[int]:
        """Returns the prompts that --stages, --difficulty-pool or --skip-solved wants instead of those of TRL's sampler."""
        if self.stages is not None:
            return self.stages.draw(len(drawn))
        if self.pool is not None:
            return self.pool.draw(len(drawn))
        return self.draw.replace_idle(drawn, self.state.global_step) if self.run.skip_solved else drawn

    def prompts_to_sample(self, step: Step) -> Iterator[list[int]]:
        """Yields the prompts drawn; then, while groups lack a signal, others up to --refill times as many."""
        yield step.drawn
        used, left = list(step.drawn), int(self.run.refill * len(step.drawn))
        while left and (missing := len(step.drawn) - step.count_with_signal()) > 0:
            count = min(missing, left)
            if self.stages is not None:
                fresh = self.stages.draw_more(count, used)
            elif self.pool is not None:
                fresh = self.pool.draw_more(count, used)
            else:
                fresh = self.draw.fresh(count, self.state.global_step, f"refill {step.calls}", used)
            if not fresh:
                return
            yield fresh
            used += fresh
            left -= len(fresh)

    # ---- sync

    def sync_engine(self) -> None:
        """Copies the current weights to the engine, once per optimizer step."""
        if self.synced_step != self.state.global_step:
            start = time.perf_counter()
            self.engine.sync()
            self.synced_step = self.state.global_step
            self.meter.add("sync", time.perf_counter() - start)

    # ---- generate

    def sample_groups(self, step: Step, drawn: Sequence[int]) -> None:
        """Samples a group of completions for each of these prompts, in one call of the engine."""
        start = time.perf_counter()
        g = self.num_generations
        sampling = Sampling(
            n=g,
            max_tokens=self.run.max_completion_length,
            temperature=self.run.temperature,
            top_p=self.run.top_p,
            seed=self.run.seed + 1_000_003 * (self.state.global_step + 1) + 7919 * step.calls,
            batch_size=self.run.generation_chunk and self.run.generation_chunk * g,
            prune=self.run.prune,
        )
        prompts = [self.train_prompts[i] for i in drawn]
        rollouts = self.engine.generate(prompts, sampling)
        self.meter.add("generate", time.perf_counter() - start)
        self.meter.sampled(rollouts)
        step.add(prompts, rollouts)

    # ---- reward

    def reward_groups(self, step: Step) -> None:
        """Grades and rewards the groups that were sampled last."""
        start, g, done = time.perf_counter(), self.num_generations, len(step.scored)
        if not done:
            begin_step(self.rewards, self.state)
        step.scored += score_all(step.rollouts[done:], step.prompts[done:], self.rewards, self.run, g)
        self.pay_judge()
        self.meter.add("reward", time.perf_counter() - start)
        for prompt, rewards in zip(step.prompts[done::g], step.group_rewards()[done // g :]):
            self.draw.record(prompt.problem.id, rewards)

    # ---- advantage

    def compute_advantages(self, step: Step) -> tuple[list[int], list[float]]:
        """Returns the positions of the completions to learn from, and the advantage of each: both (B*k,)."""
        run, g = self.run, self.num_generations
        scored = [step.scored[i] for i in step.taken]
        if run.multi_reward == "gdpo":
            return step.taken, decoupled_advantages([s.rewards for s in scored], run.reward_weights, g)
        rewards = [s.reward for s in scored]
        if run.learn_from is None:
            return step.taken, group_advantages(rewards, g, run.scale_rewards)
        seed = f"{run.seed}/{self.state.global_step}/learn"
        chosen, advantages = chosen_advantages(
            rewards, g, run.learned_per_group, run.learn_rule, run.scale_rewards, seed
        )
        return [step.taken[i] for i in chosen], advantages

    def fill_batch(self, step: Step) -> None:
        """Sets the completions to learn from, their advantages, and the update's batch of them."""
        step.learned, step.advantages = self.compute_advantages(step)
        step.batch = self.base_batch(step)
        device = step.batch["advantages"].device
        step.batch["advantages"] = torch.tensor(step.advantages, device=device)  # (B*k,)
        places = {i: k for share in step.shares(self.run.steps_per_generation) for k, i in enumerate(share)}
        step.batch["place"] = torch.tensor([places[i] for i in step.learned], device=device)  # (B*k,), as in the dump

    def mask_truncated(self, step: Step) -> None:
        """Masks the completions that were cut off. TRL's own mask takes those that end at </answer> for cut off, too."""
        whole = [step.rollouts[i].finish != "length" for i in step.learned]
        mask = step.batch["completion_mask"]
        step.batch["completion_mask"] = mask * torch.tensor(whole, device=mask.device)[:, None]  # (B*k, C)

    def base_batch(self, step: Step) -> Batch:
        """Returns the base class's tensors of the completions to learn from. It calls the next two methods."""
        self._last_loaded_step = self.state.global_step  # TRL has no engine to load weights into
        inputs = [{"prompt": step.prompts[i].text} for i in step.learned]
        sampled, self.num_generations = self.num_generations, self.run.learned_per_group  # the groups of these rows
        try:
            return self._generate_and_score_completions(inputs)
        finally:
            self.num_generations = sampled

    def _rollout(self, prompts: list[str], trainer: Any) -> dict[str, list]:
        learned = [self.step.rollouts[i] for i in self.step.learned]
        return {
            "prompt_ids": [list(r.prompt_ids) for r in learned],
            "completion_ids": [list(r.completion_ids) for r in learned],
            "logprobs": [list(r.sampler_logprobs) for r in learned],
        }

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list) -> torch.Tensor:
        earned = [self.step.scored[i].rewards.values() for i in self.step.learned]
        table = [[float("nan") if r is None else r for r in row] for row in earned]
        table = torch.tensor(table, dtype=torch.float32, device=self.accelerator.device)
        return self.accelerator.gather(table)  # (B*k, rewards)

    # ---- dump

    def dump_step(self, step: Step) -> None:
        """Writes the completions to rollouts.jsonl and begins the metrics of each optimizer step that learns from them."""
        g, seconds, first = self.num_generations, self.meter.seconds(), self.state.global_step + 1
        advantage = dict(zip(step.learned, step.advantages))
        learned = {step.learned[i] for i in self.rows_with_gradient(step.batch)}
        if self.run.mask_truncated:
            learned = {i for i in learned if step.rollouts[i].finish != "length"}
        for number, rows in enumerate(step.shares(self.run.steps_per_generation), start=first):
            start = time.perf_counter()
            lines = [
                completion_line(
                    number, "train", *divmod(k, g), step.prompts[i], step.scored[i], advantage.get(i, 0.0), seconds
                )
                | {"learned": i in learned, **step.notes.get(i, {})}
                for k, i in enumerate(rows)
            ]
            self.dump.append(ROLLOUTS, lines)
            prompts, rollouts = [step.prompts[i] for i in rows], [step.rollouts[i] for i in rows]
            self.dump.add_tokens(TOKENS, token_lines(self.token_texts, lines, prompts, rollouts))
            self.meter.add("dump", time.perf_counter() - start)
            count = sum(i in learned for i in rows)
            step.lines.append(self.metrics_line(step, rows) | {"completions_learned": count})
        step.lines += [repeated(line) for line in step.lines] * (self.run.num_iterations - 1)
        for lost in distributed.all_gather(take_counts(self.rewards)):
            for name, count in lost.items():
                step.lines[0][name] = step.lines[0].get(name, 0) + count
        logged: dict[str, list[float]] = {}
        for metrics in distributed.all_gather(take_metrics(self.rewards)):
            for name, values in metrics.items():
                logged.setdefault(name, []).extend(values)
        step.lines[0] |= {name: fmean(values) for name, values in logged.items()}

    def metrics_line(self, step: Step, rows: Sequence[int]) -> dict[str, Any]:
        """Returns the metrics of one optimizer step's completions."""
        g = self.num_generations
        rollouts = [step.rollouts[i] for i in rows]
        line = step_metrics(rollouts, [step.scored[i] for i in rows], g) | {
            "groups_refilled": len(rows) // g - len(step.taken) // self.run.steps_per_generation // g,
            "reasoning_tokens": reasoning_tokens(rollouts, self.policy.tokenizer, self.run.think_tag),
            "peak_memory_gib": peak_memory(self.policy.on_gpu),
            "level": None,
        }
        if self.stages is not None:
            line["level"] = self.stages.level
            self.stages.record([s.correct for s in step.scored], g)
        if self.run.multi_reward == "gdpo":  # learns from equal sums of different rewards
            single = [tuple(step.scored[i].rewards.values()) for i in rows]
            line["groups_without_signal"] = groups_without_signal(single, g)
        collapse = self.watch.add(line["level"], line["reasoning_tokens"], line["reward"])
        return line | {"collapse": None if collapse is None else collapse.describe()}

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Called by transformers after each step: writes a line of metrics.jsonl and moves the progress bar."""
        super().log(logs, start_time)
        if not ("grad_norm" in logs or "loss" in logs):
            return
        line = {"schema_version": SCHEMA_VERSION, "step": self.state.global_step, **self.step.line}
        line |= {name: logs[name] for name in LOGGED_BY_TRL if logs.get(name) is not None}
        line |= {} if self.pool is None else self.pool.shares()
        line = {k: float(v) if isinstance(v, torch.Tensor) else v for k, v in line.items()}
        line = distributed.on_first(lambda: line)  # times and memory differ; the guards must decide the same
        line |= self.guarding.step(line, self.control)
        line = without_nan(line | self.meter.step_done(line))
        self.dump.append(METRICS, [line])
        self.dump.add_tokens(GAPS, gap_lines(line["step"], self.step.token_gaps, self.num_generations))
        self.trackers.step(self, line)

    # ---- evaluation, checkpoints

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Called by transformers: evaluates all problems, see `measure`. Returns accuracy and mean tokens."""
        result = self.measure()
        if result is None:
            return {}
        self.evaluated_step = result.step
        metrics = {"accuracy": result.accuracy, "tokens": result.tokens()}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def keep_best(self, result: Evaluation) -> None:
        """Saves the adapter if this evaluation is the best so far."""
        if result.score > self.best_score:
            self.best_score = result.score
            self.save_adapter(BEST)

    def save_extras(self, written: Path) -> None:
        """Adds the best adapter and the part of a generation that is still to be learned from."""
        super().save_extras(written)
        every, number = self.run.updates_per_generation, self.state.global_step
        if part := number % every:
            lines = [{}] * part + self.step.lines[part:]
            save_generation(written, self.step.batch, lines, number - part + every)

    def stage_ended(self, level: int) -> None:
        """Called after the last step of each stage but the last one."""
        self.save_adapter(f"stage_{level}")
        console.print(
            f"step {self.state.global_step:>4}  the stage of level {level} ends, level {self.stages.level} begins"
        )


if not MADE_BY_UNSLOTH and not torch.cuda.is_available():
    Trainer._get_per_token_logps_and_entropies = batch_logprobs
