"""GRPO: TRL's GRPOTrainer with our engine, rewards, evaluation and dump plugged in by short overrides.

Import this only after `models.import_backend`: with Unsloth on a GPU `trl.GRPOTrainer` is a class that Unsloth
generated, which does not inherit from TRL's own. What is overridden here exists, and is called, in both.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from r1rl import machine
from r1rl.advantages import group_advantages, groups_without_signal
from r1rl.collapse import Watch, reasoning_text
from r1rl.config import Config
from r1rl.console import console
from r1rl.curriculum import load_plan
from r1rl.dump import (
    EVALUATIONS,
    METRICS,
    PROOFS,
    ROLLOUTS,
    SCHEMA_VERSION,
    Dump,
    completion_line,
    read_lines,
)
from r1rl.engines import Engine, Sampling
from r1rl.evaluate import dump_evaluation, evaluate, score
from r1rl.interrupt import Interrupt
from r1rl.models import Policy
from r1rl.pipeline_flags import GENERAL_TASK
from r1rl.progress import Meter
from r1rl.prompts import Prompt
from r1rl.proof import Proof, sampler_gap
from r1rl.records import Rollout, Scored
from r1rl.rewards import Reward
from r1rl.trainers.arguments import common_arguments
from r1rl.trainers.stages import Stages
from r1rl.trainers.stop_in_budget import StopInBudget

MADE_BY_UNSLOTH = GRPOTrainer.__name__.startswith("Unsloth")
GAP_ROLLOUTS = 4  # rollouts a step whose logprobs are computed again to measure the sampler gap
LOGGED_BY_TRL = ("loss", "grad_norm", "learning_rate", "entropy", "kl")  # where the base class has them


class Trainer(GRPOTrainer):
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
        self.run, self.policy, self.engine, self.rewards = config, policy, engine, rewards
        self.train_prompts, self.eval_prompts = train_prompts, eval_prompts
        self.dump, self.meter, self.interrupt = dump, meter, interrupt
        self.best_score = float("-inf")
        self.evaluated_step = -1
        self.numbers: dict[str, Any] = {}  # of the present step, on their way to metrics.jsonl
        self._engine_step = -1  # the step whose weights the engine has
        self.watch = Watch()
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
            callbacks=[StopAfterStep(interrupt), StopInBudget(meter), *filter(None, [self.stages])],
        )
        keep_float32(self.model)
        # The correction for sampler and trainer disagreeing belongs to TRL's own vLLM; our engine stands in its place.
        self.use_vllm = self.use_vllm or config.importance_correction

    def fit(self, checkpoint: Path | None, proofs: Sequence[Proof]) -> None:
        """Trains to the end, or to the next step's end after Ctrl-C; evaluates and saves what is then there."""
        self.dump.append(PROOFS, [dataclasses.asdict(p) | {"verdict": p.verdict} for p in proofs])
        for evaluation in read_lines(self.dump.folder / EVALUATIONS):  # of the part before a resume
            self.best_score = max(self.best_score, evaluation.get("mean_reward", evaluation["accuracy"]))
            self.evaluated_step = evaluation["step"]
        for line in read_lines(self.dump.folder / METRICS):
            self.watch.add(line["level"], line["reasoning_tokens"], line["reward"])
        self.interrupt.deferred = True
        with self.meter:
            self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
            if not self.interrupt.asked and self.evaluated_step != self.state.global_step:
                self.evaluate()
        if self.stages is not None and not self.interrupt.asked:
            self.save_adapter(f"stage_{self.stages.level}")

    # ---- rollout, reward, advantage

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if self.stages is not None:
            # The sampler knows no levels: the present one's prompts take the place of its own.
            drawn = self.stages.draw(len(inputs) // self.num_generations)
            inputs = [self._rows[i] for i in drawn for _ in range(self.num_generations)]
        self._batch = [self.train_prompts[row["index"]] for row in inputs]  # each prompt G times in a row
        self._last_loaded_step = self.state.global_step  # TRL has no engine of its own to load weights into
        out = super()._generate_and_score_completions(inputs)
        advantages = self._advantages()
        out["advantages"] = torch.tensor(advantages, device=out["advantages"].device)  # (B*G,)
        self._record(advantages)
        return out

    def _advantages(self) -> list[float]:
        """One for each completion of the step."""
        earned = [s.reward for s in self._scored]
        return group_advantages(earned, self.num_generations, self.run.scale_rewards)

    def _rollout(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        self.sync_engine()
        start = time.perf_counter()
        sampling = Sampling(
            n=self.num_generations,
            max_tokens=self.run.max_completion_length,
            temperature=self.run.temperature,
            top_p=self.run.top_p,
            seed=self.run.seed + 1_000_003 * (self.state.global_step + 1),
            batch_size=self.run.generation_chunk and self.run.generation_chunk * self.num_generations,
        )
        self._rollouts = self.engine.generate(self._batch[:: self.num_generations], sampling)
        self.meter.add("generate", time.perf_counter() - start)
        self.meter.sampled(self._rollouts)
        return {
            "prompt_ids": [list(r.prompt_ids) for r in self._rollouts],
            "completion_ids": [list(r.completion_ids) for r in self._rollouts],
            "logprobs": [list(r.sampler_logprobs) for r in self._rollouts],
        }

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list) -> torch.Tensor:
        start = time.perf_counter()
        pairs = zip(self._rollouts, self._batch)
        self._scored = [score(rollout, prompt, self.rewards, self.run) for rollout, prompt in pairs]
        table = [[float("nan") if r is None else r for r in s.rewards.values()] for s in self._scored]
        self.meter.add("reward", time.perf_counter() - start)
        device = self.accelerator.device
        return self.accelerator.gather(
            torch.tensor(table, dtype=torch.float32, device=device)
        )  # (B*G, rewards)

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
        self.sync_engine()
        step = self.state.global_step
        self.meter.phase("evaluating")
        result = evaluate(self.engine, self.eval_prompts, self.rewards, self.run, step)
        dump_evaluation(self.dump, self.eval_prompts, result, self.meter.seconds())
        self.evaluated_step = step
        if result.score > self.best_score:
            self.best_score = result.score
            self.save_adapter("best")
        self.meter.evaluated(result)
        metrics = {
            f"{metric_key_prefix}_accuracy": result.accuracy,
            f"{metric_key_prefix}_tokens": result.tokens(),
        }
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def save_adapter(self, name: str) -> None:
        """Saves the adapter alone under checkpoints/<name>."""
        folder = self.dump.folder / "checkpoints" / name
        self.model.save_pretrained(str(folder))
        self.policy.tokenizer.save_pretrained(str(folder))

    def create_model_card(self, *args, **kwargs) -> None:
        """A checkpoint is no publication: no card beside it."""

    def _record(self, advantages: list[float]) -> None:
        """Dumps the step's completions and keeps its numbers for `log`."""
        step, g, seconds = self.state.global_step + 1, self.num_generations, self.meter.seconds()
        start = time.perf_counter()
        self.dump.append(
            ROLLOUTS,
            [
                completion_line(step, "train", i // g, i % g, self._batch[i], s, advantages[i], seconds)
                for i, s in enumerate(self._scored)
            ],
        )
        self.meter.add("dump", time.perf_counter() - start)
        start = time.perf_counter()
        sampled = self._rollouts[::g][:GAP_ROLLOUTS]
        gap, largest = sampler_gap(self.policy, sampled, self.run.temperature)
        self.meter.add("sampler gap", time.perf_counter() - start)
        self.numbers = step_numbers(self._rollouts, self._scored, g) | {
            "sampler_gap": gap,
            "sampler_gap_max": largest,
            "reasoning_tokens": self._reasoning_tokens(),
            "peak_memory_gib": peak_memory(self.policy.on_gpu),
        }
        self.numbers |= self._stage_numbers(step)

    def _reasoning_tokens(self) -> float:
        """Mean length of the step's reasoning."""
        texts = [reasoning_text(r.completion, self.run.think_tag) for r in self._rollouts]
        ids = self.policy.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return fmean(len(i) for i in ids)

    def _stage_numbers(self, step: int) -> dict[str, Any]:
        """The step's level in a curriculum, and the words of a collapse that shows in this step."""
        level = None
        if self.stages is not None:
            level, g = self.stages.level, self.num_generations
            right = [s.correct for s in self._scored]
            self.stages.pass_rates = [fmean(right[i : i + g]) for i in range(0, len(right), g)]
        found = self.watch.add(level, self.numbers["reasoning_tokens"], self.numbers["reward"])
        if found is not None:
            console.print(f"step {step:>4}  [red]{found.words()}[/red]")
        return {"level": level, "collapse": None if found is None else found.words()}

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
        line |= self.meter.step_done(line)
        self.dump.append(METRICS, [finite(line)])


def plain_logprobs(
    trainer,
    model,
    input_ids,
    attention_mask,
    logits_to_keep,
    batch_size=None,
    compute_entropy=False,
    **kwargs,
):  # (B, C) logprobs, (B, C) entropies or None, None
    """TRL's `_get_per_token_logps_and_entropies` for a CPU: TRL's own needs a triton kernel, of which there is none."""
    with trainer.accelerator.autocast():
        logits = model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            logits_to_keep=logits_to_keep + 1,
            use_cache=False,
        ).logits[:, :-1]  # (B, C, vocab)
    logprobs = (logits.float() / trainer.temperature).log_softmax(-1)
    chosen = logprobs.gather(-1, input_ids[:, -logits_to_keep:, None])[..., 0]
    entropies = None
    if compute_entropy:
        fixed = logprobs.detach()  # for the log only
        entropies = -(fixed.exp() * fixed).sum(-1)
    return chosen, entropies, None


if not MADE_BY_UNSLOTH and not torch.cuda.is_available():
    Trainer._get_per_token_logps_and_entropies = plain_logprobs


def keep_float32(model: torch.nn.Module) -> None:
    """Takes back TRL's rounding of trained weights to bfloat16, which it does where the base is in 4 bit.

    At a weight of 0.02 bfloat16 has steps of 1e-4: updates of 1e-5 would be rounded away, and the weight never move.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


class StopAfterStep(TrainerCallback):
    """Turns a remembered Ctrl-C into a checkpoint and an orderly end."""

    def __init__(self, interrupt: Interrupt):
        self.interrupt = interrupt

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step."""
        if self.interrupt.asked:
            control.should_save = control.should_training_stop = True
        return control


def step_numbers(rollouts: Sequence[Rollout], scored: Sequence[Scored], group_size: int) -> dict[str, Any]:
    """What a step's completions were like."""
    rewards = [s.reward for s in scored]
    known = [r for r in rewards if r is not None]
    graded = [s for s in scored if s.problem.task != GENERAL_TASK]
    lengths = [len(r.completion_ids) for r in rollouts]
    cuts = quantiles(lengths, n=10, method="inclusive")
    return {
        "completions": len(rollouts),
        "reward": fmean(known) if known else None,
        "accuracy": fmean(s.correct for s in graded) if graded else None,
        "tokens": sum(lengths),
        "mean_tokens": fmean(lengths),
        "p10_tokens": cuts[0],
        "p50_tokens": cuts[4],
        "p90_tokens": cuts[8],
        "max_tokens": max(lengths),
        "truncated": fmean(r.finish == "length" for r in rollouts),
        "rewards_left_out": sum(r is None for s in scored for r in s.rewards.values()),
        "groups": len(rollouts) // group_size,
        "groups_without_signal": groups_without_signal(rewards, group_size),
    }


def peak_memory(on_gpu: bool) -> float:
    """The most memory that the run has had so far, in GiB: the GPU's, or without one the process's."""
    peak = torch.cuda.max_memory_allocated() if on_gpu else machine.peak_memory()
    return round(peak / 2**30, 3)


def finite(line: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity: they become null."""
    return {k: None if isinstance(v, float) and not -1e308 < v < 1e308 else v for k, v in line.items()}


def training_arguments(config: Config, policy: Policy, dump: Dump) -> GRPOConfig:
    """TRL's settings; everything that Unsloth would change on its own is set, here or in common_arguments."""
    cpu = not policy.on_gpu
    # TRL refuses groups of one; a trainer with a value head needs no groups, and sets the number back.
    group_size = config.num_generations if config.num_generations > 1 else config.per_device_train_batch_size
    return GRPOConfig(
        **common_arguments(config, policy, dump),
        # a step
        per_device_train_batch_size=config.per_device_train_batch_size,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        steps_per_generation=config.gradient_accumulation_steps,
        num_generations=group_size,
        num_iterations=1,
        max_completion_length=config.max_completion_length,
        temperature=config.temperature,
        top_p=config.top_p,
        pad_to_multiple_of=32 if cpu else None,  # each new shape makes a CPU build new kernels
        # the loss
        loss_type=config.loss_type,
        beta=config.beta if config.algorithm == "grpo" else 0.0,  # a value head has the KL in its rewards
        epsilon=0.2,
        epsilon_high=0.2,
        scale_rewards=config.scale_rewards,
        mask_truncated_completions=False,
        importance_sampling_level="token",
        vllm_importance_sampling_correction=config.importance_correction,
        vllm_importance_sampling_mode="token_truncate",
        vllm_importance_sampling_clip_max=2.0,
        router_aux_loss_coef=0.0,
        # the optimizer
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant_with_warmup"
        if config.lr_scheduler == "constant"
        else config.lr_scheduler,
        weight_decay=config.weight_decay,
        adam_beta1=0.9,
        adam_beta2=0.99,
        max_grad_norm=config.max_grad_norm,
        # evaluation, saving, logging
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        # A run may have been killed before its first evaluation was complete.
        eval_on_start=config.eval_on_start and not any(read_lines(dump.folder / EVALUATIONS)),
        per_device_eval_batch_size=group_size,
        eval_accumulation_steps=None,
        torch_empty_cache_steps=None if cpu else 250,
    )
