"""The configs of the eight stages of DeepSeek-R1 (arXiv:2501.12948, section 2): what each does, its input and output."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from r1rl.config.file import pairs_once
from r1rl.config.flags import DISTILL, Config
from r1rl.config.names import STAGES, option
from r1rl.config.parser import value_type
from r1rl.config.recipes import ON_POLICY, STAGE_SETTINGS
from r1rl.config.scope import check_given
from r1rl.runs.dump import read_run
from r1rl.runs.folder import MERGED
from r1rl.system.errors import UserError, unknown_name

SFT_FILE = "sft.jsonl"  # the output of the stages that filter completions
# The fine-tuning from whose merged model a stage's model comes.
MERGED_BY = {"rl-reasoning": "sft-1", "rejection": "sft-1", "rl-final": "sft-2", "distill": "sft-2"}
MERGED_CONFIG = f"{MERGED}/config.json"  # exists once the merged model is complete


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what it does, its output for later stages, and its own flags."""

    does: str
    leaves: str  # file in the stage's folder
    flags: dict[str, Any] = dataclasses.field(default_factory=dict)


STORY = {
    "zero": Stage("GRPO on the base model", MERGED_CONFIG, {"save_merged": True}),
    "cold-start": Stage("few-shot and direct prompts, stage zero's completions refined: data", SFT_FILE),
    "sft-1": Stage("fine-tunes the base model on the cold start's data", MERGED_CONFIG),
    "rl-reasoning": Stage(
        "GRPO with accuracy and language consistency",
        MERGED_CONFIG,
        {"save_merged": True, "reward": "accuracy=1,language=0.2"},
    ),
    "rejection": Stage("samples, keeps correct, readable, different completions: data", SFT_FILE),
    "sft-2": Stage("fine-tunes the base model on that data, mixed with conversations", MERGED_CONFIG),
    "rl-final": Stage(
        "GRPO over problems and general prompts", MERGED_CONFIG, {"save_merged": True, "reward": "accuracy=1"}
    ),
    "distill": Stage("a smaller student learns what the teacher's training kept", MERGED_CONFIG),
}

# Flags of the pipeline as a whole, which a stage has only if `links` sets them.
NOT_A_STAGES = {
    "from_stage": None, "earlier_run": None, "stage_settings": None, "sft_data": None, "general_data": None,
    "general_reward": None, "reward_rules": None, "reward_model": None, "student_model": None, "student_layers": None,
    "distill_kl": 0.0, "packing": False, "num_epochs": None, "batch_size": None,
}  # fmt: skip


def differences(config: Config, recipe: str, given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the flags of each stage that differ from the pipeline's, for --print-config."""
    folder = Path(config.dumps) / (config.exp_name or "RUN")
    places = {name: folder / f"{i + 1}-{name}" for i, name in enumerate(STAGES)}
    found = {}
    for name in STAGES:
        stage = dataclasses.asdict(stage_config(config, recipe, name, given, places))
        found[name] = {k: v for k, v in stage.items() if v != getattr(config, k)}
    return found


def is_done(folder: Path, name: str) -> bool:
    """Returns whether a stage is complete: its summary and its output for later stages exist."""
    return (folder / "summary.json").is_file() and (folder / STORY[name].leaves).is_file()


def stage_config(config: Config, recipe: str, name: str, given: dict[str, Any], places: dict[str, Path]) -> Config:
    """Returns the config of one stage: the recipe's sizes, given flags, the stage's flags, then --stage-settings."""
    own = read_settings(config).get(name, {})
    on_policy = name == "distill" and own.get("algorithm") == DISTILL
    sizes = STAGE_SETTINGS.get(recipe, {}).get(ON_POLICY if on_policy else name, {})
    overrides = {k: v for k, v in given.items() if k in sizes}  # a given flag beats the recipe
    settings = NOT_A_STAGES | sizes | overrides | STORY[name].flags | links(config, name, places)
    if on_policy:  # the student's own completions take the place of the kept ones
        settings |= {"sft_data": None, "distill_kl": 0.0, "packing": False, "save_merged": True}
    settings |= own
    folder = places[name]
    settings |= {"stage": name, "dumps": str(folder.parent), "exp_name": folder.name}
    settings["resume"] = (folder / "run.json").is_file()
    settings |= begun_in_4bit(folder)
    settings["accept_changed"] = config.accept_changed if settings["resume"] else None
    stage = dataclasses.replace(config, **settings)
    check_given(stage, own, f"--stage-settings {config.stage_settings}: in the stage {name}, ")
    check_4bit(config, stage)
    return stage


def begun_in_4bit(folder: Path) -> dict[str, bool]:
    """Returns load_in_4bit as the run in a folder has it; nothing for a new run.

    Runs that begin with a merged model were in 4 bit at first, and go on so.
    """
    return {"load_in_4bit": read_run(folder)["config"]["load_in_4bit"]} if (folder / "run.json").is_file() else {}


def check_4bit(config: Config, stage: Config) -> None:
    """Checks that no stage quantizes again what an earlier one merged in 4 bit. Raises UserError."""
    made_by = read_settings(config).get(MERGED_BY.get(stage.stage), {})
    if stage.resume or not made_by.get("load_in_4bit", config.load_in_4bit):
        return
    merged = stage.begins_merged or (stage.stage == "distill" and config.student_layers is not None)
    for flag, wrong in (("load_in_4bit", merged), ("teacher_in_4bit", stage.distills)):
        if wrong and getattr(stage, flag):
            raise UserError(
                f"{option(flag)} in the stage {stage.stage}: its model is merged from 4-bit weights and an adapter, and in 4 "
                f"bit what the adapter learned would be rounded away. Leave it out there, or add --no-load-in-4bit for the "
                "whole pipeline."
            )


def links(config: Config, name: str, places: dict[str, Path]) -> dict[str, Any]:
    """Returns the flags that a stage takes from earlier stages and from the pipeline."""

    def model(stage: str) -> str:
        return str(places[stage] / MERGED)

    kept = str(places["rejection"] / SFT_FILE)
    rules = {"reward_rules": config.reward_rules, "reward_model": config.reward_model}
    # A merged model is never quantized again; a student that is a model of its own can be.
    student_in_4bit = config.load_in_4bit and config.student_layers is None
    return {
        "zero": {},
        "cold-start": {"refine_run": str(places["zero"]), "sft_data": config.sft_data, "reward": "accuracy"},
        "sft-1": {"sft_data": config.sft_data or str(places["cold-start"] / SFT_FILE), "packing": config.packing},
        "rl-reasoning": {"model_name": model("sft-1"), "load_in_4bit": False},
        "rejection": {"model_name": model("rl-reasoning"), "load_in_4bit": False, "reward": "accuracy"},
        "sft-2": {"sft_data": kept, "general_data": config.general_data, "packing": config.packing},
        "rl-final": {
            "model_name": model("sft-2"),
            "load_in_4bit": False,
            "general_data": config.general_data,
            "general_reward": config.general_reward,
            **rules,
        },
        "distill": {
            "model_name": model("rl-final"),
            "load_in_4bit": student_in_4bit,
            "teacher_model": model("rl-final"),
            "sft_data": kept,
            "student_model": config.student_model,
            "student_layers": config.student_layers,
            "distill_kl": config.distill_kl,
            "packing": config.packing,
        },
    }[name]


def read_settings(config: Config) -> dict[str, dict[str, Any]]:
    """Reads --stage-settings: flags by stage. Raises UserError for an unknown stage or flag, or a wrong type."""
    if config.stage_settings is None:
        return {}
    path = Path(config.stage_settings)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=pairs_once)
    except ValueError as error:
        raise UserError(f"--stage-settings {path} is not JSON: {error}.") from None
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise UserError(f'--stage-settings {path} must be flags by stage, such as {{"zero": {{"max_steps": 100}}}}.')
    types = get_type_hints(Config)
    for stage, flags in content.items():
        if stage not in STAGES:
            raise unknown_name(f"stage in --stage-settings {path}:", stage, STAGES)
        for name, value in flags.items():
            if name not in types:
                raise unknown_name(f"flag of {stage} in --stage-settings {path}:", name, types)
            wanted = value_type(types[name])
            if isinstance(value, bool) != (wanted is bool) or not isinstance(value, (wanted, int)):
                raise UserError(
                    f"--stage-settings {path}: {stage}'s {name} is {value!r} and must be a {wanted.__name__}."
                )
    return content
