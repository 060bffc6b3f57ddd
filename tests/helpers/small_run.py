"""A small run on the embedded model, for the tests of the trainers."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from checksum import pays_checksum
from transformers import TrainerCallback

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.reports.completions import read_completions
from r1rl.reports.tokens import levels, tokens_of
from r1rl.rewards.weighted import load_rewards
from r1rl.runs import folder, progress
from r1rl.runs.dump import METRICS, read_lines
from r1rl.runs.metric_names import TIMES
from r1rl.system.interrupt import Interrupt
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems
from r1rl.trainers import trainer_class

SMALL = {**overrides("tiny"), "add_reasoning_prefix": True, "unsloth": False, "max_completion_length": 48,
         "per_device_train_batch_size": 16, "max_steps": 2, "eval_count": 8, "eval_on_start": False,
         "trial": False}  # fmt: skip


def make_trainer(tmp_path, name="run", rewards=None, **changes):
    """A trainer on 40 problems, and its dump; `rewards`: instead of those of the config."""
    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": name, **changes})
    task = WordProblems(config.seed)
    return trainer_on(config, task.load("train")[:40], task.load("test")[: config.eval_count], rewards)


def trainer_on(config, problems, evaluated, rewards=None):
    """A trainer on these problems, whose dump is open; `rewards`: instead of those of the config."""
    policy = load_policy(config, has_gpu=False, shared_engine=False, adapter=config.init_from)
    build = Builder(policy.tokenizer, config)
    folder.check_folder(config)
    dump = folder.open_run(config, "test", {"gpu": None})
    return trainer_class(config)(
        config,
        policy,
        TransformersEngine(policy),
        rewards or load_rewards(config),
        build(problems, "train"),
        build(evaluated, "test"),
        dump,
        progress.Meter(config, None, {}),
        Interrupt(),
    )


CHECKSUM = {"checksum": pays_checksum}


def by_number(pays):
    """Rewards by the number of the group of 8 and the place in it, counted from 0 as they come, whatever is sampled."""
    numbers = itertools.count()
    return {"by number": lambda rollout, problem: float(pays(*divmod(next(numbers), 8)))}


def unequal():
    """Rewards that differ within each group of 8. For runs that are not resumed: these would count from 0 again."""
    return by_number(lambda group, place: place % 3 == 0)


def make_float32_trainer(tmp_path, **changes):
    """A trainer in float32, where rounding does not hide a difference; its adapter is not at zero."""
    made = make_trainer(tmp_path, **changes)
    made.policy = dataclasses.replace(made.policy, mixed=False)
    made.accelerator.autocast = lambda: torch.autocast("cpu", enabled=False)
    made.current_gradient_accumulation_steps = 1
    for i, (name, p) in enumerate(made.model.named_parameters()):
        if "lora_B" in name:
            p.data.normal_(std=0.02, generator=torch.Generator().manual_seed(i))
    made.engine.sync()
    return made


def inputs_of(trainer):
    """The first generation batch, as TRL's data loader makes it."""
    g = trainer.num_generations
    rows = range(trainer.run.generation_batch_size // g)
    return [{"prompt": trainer.train_prompts[i].text, "index": i} for i in rows for _ in range(g)]


def sampled_batch(trainer):
    """Samples a step of the first prompts, as a training step does, and returns its batch."""
    trainer.sample_step([row["index"] for row in inputs_of(trainer)[:: trainer.num_generations]])
    return dict(trainer.step.batch)


def without_times(path):
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_lines(path)]


def tokens_and_lines(run):
    """The tokens of each completion of a run with its line; they have its text and its logprob."""
    found = [(tokens_of(completion), completion.line) for completion in read_completions(run)]
    for tokens, line in found:
        assert tokens is not None, line
        assert "".join(part for part, _, _ in levels(tokens, line["completion"], "surprise")) == line["completion"]
        assert sum(tokens.logprobs) == pytest.approx(line["logprob"], rel=2e-3, abs=1e-3)
    return found


def learned_from(found):
    """The places of the completions that an update learned from."""
    return [(line["step"], line["group"], line["sample"]) for _, line in found if line.get("learned")]


def with_gaps(found):
    """The places of the completions with gaps, in the steps that learned from any: another step has those of a few."""
    steps = {step for step, _, _ in learned_from(found)}
    known = [line for tokens, line in found if tokens.gaps is not None and line["step"] in steps]
    return [(line["step"], line["group"], line["sample"]) for line in known]


def check_gaps(run, found):
    """The gaps of the completions of each step that learned have the mean and the maximum that its metrics have."""
    learned = {step for step, _, _ in learned_from(found)}
    for metrics in (line for line in read_lines(run / METRICS) if line["step"] in learned):
        rows = [tokens.gaps for tokens, line in found if line["step"] == metrics["step"] and tokens.gaps is not None]
        sizes = [abs(gap) for row in rows for gap in row]
        if "sampler_gap" in metrics:
            assert sum(sizes) / len(sizes) == pytest.approx(metrics["sampler_gap"], rel=2e-3, abs=1e-7)
            assert max(sizes) == pytest.approx(metrics["sampler_gap_max"], rel=2e-3)


class AskToStop(TrainerCallback):
    """Ctrl-C during the optimizer's part of step `after`, which comes to its end."""

    def __init__(self, interrupt, after):
        self.interrupt, self.after = interrupt, after

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        if state.global_step == self.after - 1:
            self.interrupt.asked = True
