"""Which flags apply: every flag with every recipe; a given flag without effect is refused, a recipe's own is not."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest
from conftest import ROOT

import r1rl
from r1rl.commands.dispatch import train_parser
from r1rl.config.file import resolve_given
from r1rl.config.flags import DEFAULTS, Config
from r1rl.config.names import option
from r1rl.config.recipes import RECIPES, resolve
from r1rl.config.scope import TABLE, check_given, missing, when
from r1rl.system.errors import UserError

PACKAGE = Path(r1rl.__file__).parent


def parsed(*arguments):
    """The config of a command line."""
    given = vars(train_parser().parse_args([str(a) for a in arguments]))
    given.pop("print_config")
    return resolve_given(given)[0]


def other_value(name):
    """A value of a flag's type that turns something on."""
    default, choices = DEFAULTS[name], next(f.metadata["choices"] for f in dataclasses.fields(Config) if f.name == name)
    if choices:
        return next(choice for choice in choices if choice != default)
    if isinstance(default, bool):
        return not default
    return default + 1 if isinstance(default, (int, float)) else "2"


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_flag_with_every_recipe(recipe):
    config, refused = resolve(recipe, {}), set()
    for name in DEFAULTS:
        value = other_value(name)
        try:
            check_given(config, {name: value})
        except UserError as error:
            refused.add(name)
            message = str(error)
            assert message.startswith((option(name), option(f"no_{name}"))), message
            assert missing(config, name) in message and message.endswith("leave it out.")
        else:
            assert all(s.holds(config) for s in TABLE if name in s.flags)
        check_given(config, {name: None})
    assert refused  # no run has all algorithms, tasks and engines
    if config.algorithm == "distill" and config.student_layers:  # the model is made of the teacher's layers
        refused -= {"model_name"}
    assert not refused & {"seed", "exp_name", "model_name", "eval_count", "max_completion_length", "dumps", "engine"}


def test_every_condition_holds_for_one_run_and_not_for_another():
    runs = [resolve(recipe, {}) for recipe in RECIPES]
    runs += [
        Config(**flags)
        for flags in (
            {"mode": "eval"},
            {"mode": "sft"},
            {"mode": "rl"},
            {"pipeline": True, "stage": "sft-1"},
            {"pipeline": True, "stage": "rejection"},
            {"engine": "vllm-server", "load_in_4bit": False},
            {"engine": "transformers"},
            {"learn_from": 8},
            {"lora_rank": 0, "load_in_4bit": False},
            {"dataset_name": "openai/gsm8k"},
            {"dataset_name": "openai/gsm8k", "dataset_path": "data.csv"},
            {"dataset_name": "countdown"},
            {"dataset_name": "reasoning-gym:basic_arithmetic"},
            {"dataset_name": "knights_knaves", "stages": "2,3", "advance_at": 0.5},
            {"dataset_name": "reasoning-gym:gcd=2,countdown"},
            {"reward": "rules"},
            {"importance_correction": True},
            {"loss_type": "sapo"},
            {"num_iterations": 2},
            {"multi_reward": "gdpo", "reward": "accuracy=1,format=1"},
            {"reward": "reward-model", "reward_model": "x"},
            {"reward": "judge", "judge_url": "http://x/v1", "judge_model": "x"},
            {"reward": f"{ROOT / 'main.py'}:run"},
        )
    ]
    for scope in TABLE:
        assert {scope.holds(run) for run in runs} == {True, False}, scope.when


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe", "tiny", "--dataset-name", "reasoning-gym:gcd", "--dataset-path", "missing.parquet"), "gcd generates its problems"),
        (("--recipe", "tiny", "--ppo-epochs", 4), "--ppo-epochs 4 would have no effect, because it applies only with --algorithm ppo"),
        (("--recipe", "tiny", "--no-whiten-advantages"), "--no-whiten-advantages would have no effect"),
        (("--recipe", "cot-safety-tiny", "--clip-range", 0.3), "--clip-range 0.3 would have no effect"),
        (("--recipe", "cot-safety-tiny", "--loss-type", "dapo"), "--loss-type dapo would have no effect"),
        (("--recipe", "cot-safety-tiny", "--not-remove-comma"), "only to answers that are numbers"),
        (("--recipe", "cot-safety-tiny", "--prompt-style", "plain"), "only to tasks without a fixed prompt"),
        (("--recipe", "kk-tiny", "--answer-tolerance", 0.1), "only to answers that are numbers"),
        (("--recipe", "gsm8k-sft-rl-tiny", "--mode", "sft", "--learning-rate", 1), "only to reinforcement learning"),
        (("--recipe", "gsm8k-sft-rl-tiny", "--mode", "rl", "--packing"), "--packing would have no effect"),
        (("--recipe", "tiny", "--sft-data", "x.jsonl"), "--sft-data x.jsonl would have no effect"),
        (("--recipe", "tiny", "--distill-kl", 0.5), "only in the pipeline"),
        (("--recipe", "tiny", "--vllm-server-port", 8001), "only with --engine vllm-server"),
        (("--recipe", "tiny", "--engine", "vllm-server", "--sampler-dtype", "float32"), "--sampler-dtype float32"),
        (("--recipe", "tiny", "--reward-timeout", 5), "only with a custom reward, or with --reward judge"),
        (("--recipe", "tiny", "--judge-requests", 4), "only with --reward judge"),
        (("--recipe", "tiny", "--max-steps", 5, "--num-epochs", 1), "--max-steps 5 would have no effect"),
        (("--recipe", "tiny", "--mix-ratio", 0.5), "only with --general-data"),
        (("--recipe", "tiny", "--learn-rule", "random"), "only with --learn-from"),
    ],
)  # fmt: skip
def test_a_given_flag_without_effect_is_refused(arguments, message, tmp_path):
    with pytest.raises(UserError) as error:
        parsed(*arguments)
    assert message in str(error.value)
    flags = [str(a) for a in arguments]
    file = tmp_path / "run.yaml"
    names = [flag.removeprefix("--") for flag in flags[::2]]
    if len(flags) % 2 == 0:  # the same in a file
        file.write_text("".join(f"{n}: {v}\n" for n, v in zip(names, flags[1::2])))
        with pytest.raises(UserError) as error:
            parsed("--config", file)
        assert message in str(error.value)


def test_what_turns_nothing_on_may_be_given_anywhere():
    for flags in (("--no-packing",), ("--refill", 0), ("--no-skip-solved",), ("--distill-kl", 0)):
        parsed("--recipe", "cot-safety-tiny", *flags)


def test_a_recipes_own_setting_that_does_not_apply_is_removed():
    assert resolve("kk-tiny", {"dataset_name": "countdown", "reward": "correctness"}).stages is None
    assert resolve("r1-tiny", {"general_reward": "language"}).reward_rules is None
    assert resolve("r1-tiny", {"student_model": "tiny"}).student_layers is None
    assert resolve("cot-safety-tiny", {}).lora_alpha == RECIPES["cot-safety-tiny"]["lora_alpha"]
    with pytest.raises(UserError, match="--stages 2,3 selects levels"):
        resolve("kk-tiny", {"dataset_name": "countdown", "reward": "correctness", "stages": "2,3"})


def test_eval_refuses_them_too_and_knows_all_flags_of_a_prompt():
    from r1rl.commands import eval as command
    from r1rl.config.parser import Parser

    parser = Parser()
    command.add_arguments(parser)
    given = vars(parser.parse_args(["--vllm-server-host", "h", "--think-tag", "think"]))
    given = {name: value for name, value in given.items() if name not in ("adapter", "recipe", "suite", "before")}
    with pytest.raises(UserError, match="--vllm-server-host h would have no effect"):
        command.resolve(None, "tiny", given)
    assert command.resolve(None, "tiny", given | {"resolved": True}).think_tag == "think"


def test_eval_of_a_run_in_stages_on_another_task(tmp_path):
    from r1rl.commands import eval as command

    adapter = tmp_path / "run" / "checkpoints" / "best"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    settings = {"model_name": "tiny", "dataset_name": "knights_knaves", "stages": "2,3", "steps_per_stage": 5}
    (tmp_path / "run" / "run.json").write_text(json.dumps({"config": settings}))
    assert command.resolve(adapter, None, {}).stages == "2,3"
    assert command.resolve(adapter, None, {"dataset_name": "word-problems"}).stages is None


def test_the_parts_of_a_mode_get_all_flags():
    from r1rl.config.parser import as_arguments

    config = dataclasses.replace(resolve("gsm8k-sft-rl-tiny", {"seed": 5}), mode="sft")
    arguments = ("--recipe", "gsm8k-sft-rl-tiny", *as_arguments(config))
    assert parsed("--resolved", *arguments) == config
    with pytest.raises(UserError, match="would have no effect"):
        parsed(*arguments)


def test_a_flag_that_only_one_part_reads_is_in_the_table():
    """Flags that only the value head's trainer, the pipeline or one kind of engine reads apply there alone."""
    readers = {}
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        if not place.startswith(("config/", "commands/", "preflight/", "runs/")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in DEFAULTS:
                    readers.setdefault(node.attr, set()).add(place)
    alone = ("trainers/ppo.py", "pipeline/stages.py", "pipeline/stage_configs.py", "pipeline/sampling.py",
             "pipeline/distill.py", "pipeline/cold_start.py", "trainers/sft.py", "rewards/custom.py", "rewards/cot.py",
             "rewards/no_gold.py", "rewards/judge.py", "rewards/correctness.py", "trainers/prompt_order.py",
             "tasks/reasoning_gym/__init__.py")  # fmt: skip
    single = {name for name, places in readers.items() if len(places) == 1 and next(iter(places)) in alone}
    assert single > {"gamma", "cleanup_steps", "keep_calculator_notes", "env_reward_scale"}
    single -= {"init_from"}  # runs/ reads it for every trainer
    assert not [name for name in sorted(single) if not when(name)]
