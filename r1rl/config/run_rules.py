"""The names of the pipeline's eight stages, and the checks of the flags that go with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from r1rl.system.errors import UserError, unknown_name

if TYPE_CHECKING:
    from r1rl.config.flags import Config


STAGES = ("zero", "cold-start", "sft-1", "rl-reasoning", "rejection", "sft-2", "rl-final", "distill")

GENERAL_TASK = "general"  # Problem.task of prompts without a gold answer

SMALL_TALK = "small-talk"  # the --general-data that ships in the package


def stage_index(stage: str) -> int:
    """The place of a stage from 0, given by name or by number from 1. Raises UserError.

    >>> stage_index("sft-1"), stage_index("3")
    (2, 2)
    """
    if stage in STAGES:
        return STAGES.index(stage)
    if stage.isdecimal() and 1 <= int(stage) <= len(STAGES):
        return int(stage) - 1
    if stage.isdecimal():
        raise UserError(f"--from-stage {stage}: there are stages 1 to {len(STAGES)}: {', '.join(STAGES)}.")
    raise unknown_name("--from-stage", stage, STAGES)


def check_pipeline(config: Config) -> None:
    """Flags of the pipeline go together. Raises UserError."""
    for name in ("from_stage", "earlier_run", "stage_settings"):
        if getattr(config, name) is not None and not config.pipeline:
            raise UserError(
                f"--{name.replace('_', '-')} {getattr(config, name)} belongs to the staged pipeline: add --recipe r1, "
                "or --recipe r1-tiny on a CPU."
            )
    if config.stage is not None and not config.pipeline:
        raise UserError(
            f"--stage {config.stage}: the pipeline begins its stages itself, with all their flags. Use --from-stage "
            f"{config.stage}."
        )
    if config.pipeline and config.mode is not None:
        raise UserError(
            f"--mode {config.mode} and --pipeline are two orders of stages: leave one of them out."
        )
    if config.from_stage is not None:
        stage_index(config.from_stage)
    if config.earlier_run is not None and config.from_stage is None:
        raise UserError(
            f"--earlier-run {config.earlier_run}: which stages of it? Add --from-stage with the first stage that is to "
            "be run anew."
        )
    if config.stage_settings is not None and not Path(config.stage_settings).is_file():
        raise UserError(f"--stage-settings {config.stage_settings!r}: there is no such file.")
    if config.student_model is not None and config.student_layers is not None:
        raise UserError(
            f"--student-model {config.student_model} and --student-layers {config.student_layers} are two students: "
            "leave one of them out."
        )
    check_general(config)


def check_general(config: Config) -> None:
    """General prompts have no gold answer, so in training they need a reward of their own. Raises UserError."""
    if config.general_reward is not None and config.general_data is None:
        raise UserError(
            f"--general-reward {config.general_reward}: for which prompts? Add --general-data FILE, a hub name, or "
            f"{SMALL_TALK}."
        )
