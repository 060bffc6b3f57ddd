"""--method: what each preset means, what beats what, and which flags are refused where they have no effect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

from r1rl.commands.dispatch import train_parser
from r1rl.config.file import resolve_given
from r1rl.config.flags import COMMON_FLAGS, DEFAULTS, METHOD_NAMES, Config
from r1rl.config.methods import COMMON, METHODS
from r1rl.config.names import option
from r1rl.config.recipes import resolve
from r1rl.system.errors import UserError

OFF_POLICY = {"steps_per_generation": 2}


def parsed(*arguments):
    """The config of a command line."""
    given = vars(train_parser().parse_args([str(a) for a in arguments]))
    given.pop("print_config")
    return resolve_given(given)[0]


# By the papers; the rest of COMMON is the default.
PAPERS = {
    "grpo": {"beta": 0.04},
    "dapo": {"loss_type": "dapo", "epsilon_high": 0.28, "mask_truncated": True, "refill": 2.0},
    "dr-grpo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "gspo": {"importance_level": "sequence", "clip_range": 0.0003, "epsilon_high": 0.0004},
    "cispo": {"loss_type": "cispo", "epsilon_high": 5.0, "refill": 2.0},
    "rloo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "reinforce++": {"loss_type": "dapo", "scale_rewards": "advantages"},
}


@pytest.mark.parametrize("recipe", ["default", "tiny", "laptop"])
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_preset_sets_the_flags_of_its_paper_over_any_recipe(method, recipe):
    more = {"steps_per_generation": 5, "eval_steps": 5, "save_steps": 5, "max_steps": 5} if method == "gspo" else {}
    config = resolve(recipe, {"method": method, **more})
    found = {name: getattr(config, name) for name in COMMON}
    assert found == {name: DEFAULTS[name] for name in COMMON} | PAPERS[method]
    assert config.learning_rate == resolve(recipe, {}).learning_rate  # sizes and rates are the recipe's


def test_flags_and_config_file_beat_the_method_which_beats_the_recipe(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("recipe: tiny\nloss_type: bnpo\n")
    assert parsed("--recipe", "tiny").loss_type == "dr_grpo"
    assert parsed("--recipe", "tiny", "--method", "dapo").loss_type == "dapo"
    assert parsed("--recipe", "tiny", "--method", "dapo", "--loss-type", "grpo").loss_type == "grpo"
    config = parsed("--config", file, "--method", "dapo")
    assert (config.loss_type, config.mask_truncated, config.method) == ("bnpo", True, "dapo")
    file.write_text("recipe: tiny\nmethod: dapo\nrefill: 0\n")
    config = parsed("--config", file)
    assert (config.loss_type, config.refill) == ("dapo", 0.0)


def test_a_repeated_run_keeps_its_method_or_gets_another(tmp_path):
    import dataclasses
    import json

    run = tmp_path / "run.json"
    config = resolve("tiny", {"method": "dapo", "refill": 0.5})
    run.write_text(json.dumps({"schema_version": 1, "recipe": "tiny", "config": dataclasses.asdict(config)}))
    assert parsed("--config", run) == dataclasses.replace(config, exp_name=None)
    other = parsed("--config", run, "--method", "dr-grpo")
    assert (other.loss_type, other.mask_truncated, other.refill) == ("dr_grpo", False, 0.0)


def test_the_stages_of_a_pipeline_and_the_parts_of_a_mode_keep_what_is_resolved():
    from r1rl.config.parser import as_arguments

    config = resolve("r1-tiny", {"method": "dapo", "loss_type": "bnpo", "stage": "zero", "pipeline": True})
    assert config.mask_truncated is False  # a stage is given all flags
    whole = resolve("r1-tiny", {"method": "dapo", "loss_type": "bnpo"})
    assert (whole.loss_type, whole.mask_truncated) == ("bnpo", True)
    assert parsed("--resolved", "--recipe", "r1-tiny", *as_arguments(whole)) == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe", "gsm8k-sft-rl-tiny", "--method", "dapo"), "--method dapo would have no effect, because it applies only with --algorithm grpo"),
        (("--recipe", "cot-safety-tiny", "--mask-truncated"), "--mask-truncated would have no effect"),
        (("--recipe", "gsm8k-sft-rl-tiny", "--entropy-bonus", 0.1), "only with --algorithm grpo"),
        (("--recipe", "gsm8k-sft-rl-tiny", "--num-iterations", 2), "--num-iterations 2 does not go with --algorithm ppo"),
        (("--recipe", "tiny", "--epsilon-high", 0.28), "only with --steps-per-generation or --num-iterations above 1"),
        (("--recipe", "tiny", "--delta", 4), "only with --steps-per-generation or --num-iterations above 1"),
        (("--recipe", "tiny", "--clip-range", 0.1), "only with --algorithm ppo, or with --steps-per-generation"),
        (("--recipe", "tiny", "--importance-mode", "token_mask"), "only with --importance-correction"),
        (("--recipe", "tiny", "--multi-reward", "gdpo"), "only with several rewards"),
        (("--recipe", "tiny", "--steps-per-generation", 2, "--loss-type", "sapo", "--epsilon-high", 0.3), "sapo or vespo"),
        (("--recipe", "tiny", "--steps-per-generation", 2, "--loss-type", "cispo", "--delta", 4), "only with --loss-type grpo"),
        (("--recipe", "r1-tiny", "--multi-reward", "gdpo", "--scale-rewards", "batch"), "scales each reward in its group"),
        (("--recipe", "default", "--mode", "sft", "--method", "dapo"), "only to reinforcement learning"),
    ],
)  # fmt: skip
def test_a_flag_without_effect_is_refused(arguments, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parsed(*arguments)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"epsilon_high": 0.1}, "--epsilon-high 0.1 must be at least 0.2"),
        ({"loss_type": "cispo", "epsilon_high": 0.28}, "--epsilon-high 0.28 must be at least 1 with --loss-type cispo"),
        ({"delta": 1.1}, "--delta 1.1 must be more than 1.2"),
        ({"delta": 1.25, "epsilon_high": 0.28}, "must be more than 1.28"),
        ({"importance_level": "sequence", "loss_type": "dapo"}, "--importance-level sequence with --loss-type dapo"),
        ({"entropy_bonus": 0.1, "top_entropy_share": 0.2}, "leave one of them out"),
        ({"entropy_bonus": -0.1}, "--entropy-bonus -0.1 must be at least 0"),
        ({"top_entropy_share": 0.0}, "--top-entropy-share 0.0 must be more than 0 and at most 1"),
        ({"importance_threshold": 0.5}, "--importance-threshold 0.5 must be at least 1"),
        ({"num_iterations": 0}, "--num-iterations 0 must be at least 1"),
        ({"num_iterations": 3}, "--max-steps 500 is not a multiple of --num-iterations 3"),
        ({"num_iterations": 2, "steps_per_generation": 2, "max_steps": 2}, "--steps-per-generation 2 times --num-iterations 2"),
        ({"multi_reward": "gdpo", "refill": 1.0}, "--refill looks for groups whose summed rewards"),
        ({"importance_correction": True, "importance_mode": "sequence_mask", "loss_type": "vespo"}, "multiplies the ratios"),
        ({"method": "gspo", "importance_level": "sequence"}, "--method gspo changes the probability ratio"),
        ({"method": "drgrpo"}, "did you mean 'dr-grpo'"),
    ],
)  # fmt: skip
def test_values_that_cannot_work_are_refused(flags, message):
    with pytest.raises(UserError, match=re.escape(message)):
        Config(**flags)


def test_the_upper_clip_range_follows_the_lower_one_and_the_loss():
    assert Config().upper_clip_range == 0.2
    assert Config(clip_range=0.1).upper_clip_range == 0.1
    assert Config(loss_type="cispo").upper_clip_range == 5.0
    assert Config(epsilon_high=0.28).upper_clip_range == 0.28


def test_the_page_of_methods_shows_the_presets():
    """Each row of the table in docs/methods.md holds the flags in which the preset differs from the defaults."""
    page = (Path(ROOT) / "docs" / "methods.md").read_text(encoding="utf-8")
    for name, flags in METHODS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        for flag, value in flags.items():
            shown = f"`--{flag.replace('_', '-')}" + ("`" if value is True else f" {value}`")
            assert (shown in row) == (value != DEFAULTS[flag]), (name, flag)


def test_help_shows_the_common_flags_and_help_all_every_flag(capsys):
    shown = {}
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit):
            train_parser().parse_args([flag])
        text = capsys.readouterr().out
        shown[flag] = {name for name in DEFAULTS if re.search(rf"^  {option(name)}(?![\w-])", text, re.MULTILINE)}
        assert "--recipe" in text and "--help-all" in text and "other commands" in text
    assert shown["--help"] == set(COMMON_FLAGS)
    assert shown["--help-all"] == set(DEFAULTS)
