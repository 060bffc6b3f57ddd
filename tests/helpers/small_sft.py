"""A small fine-tuning on the embedded model."""

from __future__ import annotations

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.pipeline.sft import with_epochs
from r1rl.rewards.weighted import load_rewards
from r1rl.runs import folder, progress
from r1rl.system.interrupt import Interrupt
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems
from r1rl.trainers.sft import FineTuner, solution_examples

RECIPE = "gsm8k-sft-rl-tiny"
SMALL = {**overrides(RECIPE), "mode": "sft", "unsloth": False, "max_samples": 40, "sft_samples": None, "batch_size": 8, "eval_count": 8,
         "save_steps": 2, "max_completion_length": 48, "trial": False}  # fmt: skip


def make_fine_tuner(tmp_path, name="run", **changes):
    """A fine-tuner on 40 solutions: 5 steps."""
    config = with_epochs(Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": name, **changes}), 40)
    task = WordProblems(config.seed)
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    build = Builder(policy.tokenizer, config)
    folder.check_folder(config)
    dump = folder.open_run(config, "test", {"gpu": None})
    examples = solution_examples(build(task.load("train")[:40], "train"), policy.tokenizer, config)
    questions = build(task.load("test")[:8], "test")
    meter = progress.Meter(config, None, {})
    engine = TransformersEngine(policy)
    return FineTuner(config, policy, engine, load_rewards(config), examples, questions, dump, meter, Interrupt())
