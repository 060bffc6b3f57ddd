"""Flags: R1RL's names, aliases and defaults; recipes over defaults, flags over recipes; ranges."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from r1rl.commands.dispatch import train_parser
from r1rl.config.flags import Config
from r1rl.config.recipes import RECIPES, overrides, resolve
from r1rl.system.errors import UserError

# name, alias, default: R1RL's command line with the values of its README
R1RL_FLAGS = [
    ("dumps", "-du", "dumps"),
    ("project_name", "-pn", "r1-rl"),
    ("dataset_name", "-dn", "gsm8k"),
    ("exp_name", "-en", None),
    ("model_name", "-m", "Qwen/Qwen2.5-3B"),
    ("gpu_memory_utilization", "-gmu", None),  # R1RL's 0.5; ours is what the memory plan leaves
    ("lora_rank", "-lora", 64),
    ("max_seq_length", "-msl", 1024),
    ("env_reward_scale", "-ers", 1.0),
    ("learning_rate", "-lr", 1e-5),
    ("weight_decay", "-wd", 0.1),
    ("warmup_ratio", "-wr", 0.1),
    ("per_device_train_batch_size", "-tbs", 16),
    ("per_device_eval_batch_size", "-ebs", None),
    ("gradient_accumulation_steps", "-gas", 1),
    ("num_generations", "-ngen", 8),
    ("max_prompt_length", "-mplen", 256),
    ("max_completion_length", "-mclen", 750),
    ("max_steps", "-mstep", 500),
    ("eval_count", None, 200),
    ("eval_steps", None, 100),
    ("save_steps", None, 250),
    ("max_grad_norm", None, 0.1),
    ("not_remove_comma", None, False),
    ("is_chat", "-chat", False),
    ("add_reasoning_prefix", "-rp", False),
]

KK = {"dataset_name": "knights_knaves"}


@pytest.mark.parametrize(("name", "alias", "default"), R1RL_FLAGS)
def test_r1rls_flags_are_all_there(name, alias, default):
    options = {a.dest: a.option_strings for a in train_parser()._actions}
    assert f"--{name.replace('_', '-')}" in options[name]
    if alias:
        assert alias in options[name]
    if name != "per_device_eval_batch_size":  # R1RL's 32 bounds its memory; ours bounds only the transformers engine
        assert getattr(Config(), name) == default


def test_r1rls_published_command_is_the_default_recipe():
    command = (
        "--eval-on-start --eval-count 200 --eval-steps 100 --per-device-train-batch-size 16 --add-reasoning-prefix"
    )
    given = vars(train_parser().parse_args(command.split()))
    given.pop("recipe"), given.pop("print_config")
    assert Config(**given) == Config(add_reasoning_prefix=True)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_makes_a_config(recipe):
    assert Config(**overrides(recipe)).max_steps > 0


def test_full_is_r1rls_long_run():
    full = Config(**overrides("full"))
    assert (full.max_steps, full.per_device_train_batch_size, full.per_device_eval_batch_size) == (1000, 32, 64)
    assert full.eval_count == 0


def test_a_flag_beats_the_recipe(program):
    shown = json.loads(program("--recipe", "tiny", "-lr", "0.5", "--no-add-reasoning-prefix", "--print-config").stdout)
    assert shown["learning_rate"] == 0.5
    assert shown["max_steps"] == RECIPES["tiny"]["max_steps"]
    assert shown["add_reasoning_prefix"] is False


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"num_generations": 1}, "--num-generations 1 must be at least 2"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0 must be more than 0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan must be a finite number"),
        ({"answer_tolerance": float("inf")}, "--answer-tolerance inf must be a finite number"),
        ({"temperature": float("inf")}, "--temperature inf must be a finite number"),
        ({"beta": -float("inf")}, "--beta -inf must be a finite number"),
        ({"top_p": 1.5}, "--top-p 1.5 must be more than 0 and at most 1"),
        ({"temperature": 0.0}, "greedy rollouts of one prompt are all equal"),
        ({"loss_type": "dr-grpo"}, "did you mean 'dr_grpo'"),
        ({"engine": "vlm"}, "did you mean 'vllm'"),
        ({"max_completion_length": 900}, "is more than --max-seq-length 1024"),
        ({"exp_name": "../x"}, "must be one folder name"),
        ({"exp_name": "a\nb"}, "must be one folder name"),
        ({"exp_name": "a\x1b[2Jb"}, "must be one folder name"),
        ({"resume": True}, "--resume needs --exp-name"),
        ({"eval_samples": 4}, "Add --eval-temperature 1.0"),
        ({**KK, "stages": "2,3"}, "nothing would end the first stage"),
        ({**KK, "stages": "2,9", "steps_per_stage": 5}, "--stages '2,9' must be different numbers from 2 to 8"),
        ({**KK, "stages": "2,3", "people": "4", "advance_at": 0.5}, "both select the puzzles"),
        ({**KK, "stages": "2,3", "advance_at": 5.0}, "--advance-at 5.0 must be more than 0 and at most 1"),
        ({**KK, "stages": "2,3", "steps_per_stage": 0}, "--steps-per-stage 0 must be at least 1"),
        ({**KK, "stages": "2,3", "steps_per_stage": 5, "max_steps": 7}, "--steps-per-stage 5, which is 10"),
        ({**KK, "advance_at": 0.5}, "the run has no stages: add for example --stages 2,3,4"),
        ({**KK, "reward": "answer_only"}, "did you mean 'answer-only'"),
        ({**KK, "answer_format": "boxed"}, "--answer-format boxed finds numbers"),
        ({"sft_samples": 100}, "--sft-samples 100 is for fine-tuning before reinforcement learning, and --mode is not"),
        ({"sft_epochs": 0, "mode": "both"}, "--sft-epochs 0"),
        ({"stages": "2,3", "advance_at": 0.5}, "--dataset-name gsm8k has none"),
        ({"reward": "logic-rl"}, "add --dataset-name knights_knaves, or use --reward correctness"),
    ],
)
def test_values_out_of_range(flags, message):
    with pytest.raises(UserError, match=re.escape(message)):
        Config(**flags)


@pytest.mark.parametrize(
    ("batch", "accumulation", "group", "nearest"),
    [(12, 1, 8, "8 and 16"), (3, 1, 8, "8"), (6, 2, 8, "4 and 8"), (16, 1, 6, "12 and 18"), (5, 3, 8, "8")],
)
def test_a_torn_group_names_the_nearest_batches(batch, accumulation, group, nearest):
    with pytest.raises(UserError) as error:
        Config(per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, num_generations=group)
    assert str(error.value).endswith(f"The nearest batch sizes that work: {nearest}.")
    for size in map(int, nearest.split(" and ")):  # the advice is right
        Config(per_device_train_batch_size=size, gradient_accumulation_steps=accumulation, num_generations=group)


def test_stages_of_a_set_length_make_the_length_of_the_run():
    config = Config(**KK, stages="2,3,5", steps_per_stage=7)
    assert config.max_steps == 21
    assert dataclasses.replace(config, exp_name="again") == dataclasses.replace(config, exp_name="again")
    assert Config(**dataclasses.asdict(config)) == config  # as run.json has it
    assert Config(**KK, stages="2,3", advance_at=0.8, max_steps=33).max_steps == 33


@pytest.mark.parametrize("recipe", ["kk-curriculum", "kk-tiny"])
def test_people_in_place_of_a_recipes_stages_are_the_control_arm(recipe):
    staged, control = resolve(recipe, {}), resolve(recipe, {"people": "5"})
    assert staged.stages and control.stages is None and control.people == "5"
    changed = {"people", "stages", "steps_per_stage"}
    same = [f.name for f in dataclasses.fields(Config) if f.name not in changed]
    assert [getattr(staged, n) for n in same] == [getattr(control, n) for n in same]  # max_steps too
    assert resolve(recipe, {"steps_per_stage": 2}).max_steps == 2 * staged.stages.count(",") + 2
