"""The names of the pipeline's eight stages, and the checks of the flags that go with them."""

from __future__ import annotations

from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.names import ACTIONS, GUARDS, SMALL_TALK, STAGES, TRACKERS
from r1rl.system.errors import UserError, unknown_name


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


def guard_actions(text: str | None) -> dict[str, str]:
    """The action of every guard, by name. Raises UserError for names and actions that there are not.

    >>> guard_actions("kl=stop")["kl"]
    'stop'
    """
    given: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, action = (x.strip() for x in part.partition("="))
        if not equals or not name:
            raise UserError(
                f"--guard {part.strip()!r} must be a guard and its action, as in truncated=stop. Guards: "
                f"{', '.join(GUARDS)}."
            )
        if name not in GUARDS:
            raise unknown_name("--guard", name, GUARDS)
        if name in given:
            raise UserError(f"--guard names {name} twice, as {given[name]} and as {action}: give it once.")
        check_action(name, action)
        given[name] = action
    return {name: given.get(name, guard.default) for name, guard in GUARDS.items()}


def check_action(name: str, action: str) -> None:
    """Raises UserError for an action that this guard does not have."""
    if action in GUARDS[name].actions:
        return
    if action not in ACTIONS:
        raise unknown_name(f"action of --guard {name}", action, GUARDS[name].actions)
    why = (
        "nothing but you can mend it" if action == "fix" else "to go on as if nothing were would ruin the run"
    )
    raise UserError(
        f"--guard {name}={action}: {name} has no {action}, because {why}. Use one of "
        f"{', '.join(f'{name}={a}' for a in GUARDS[name].actions)}."
    )


def check_guards(config: Config) -> None:
    """Raises UserError for a --guard that cannot be read."""
    guard_actions(config.guard)


def check_report_to(text: str) -> None:
    """Only known names; none stands alone. Raises UserError."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("--report-to", name, TRACKERS)
    if "none" in names and len(set(names)) > 1:
        raise UserError(f"--report-to {text}: none means no tracker at all; leave it out, or the others.")


BUDGET_FLAGS = ("budget", "max_minutes", "max_tokens")

SAMPLING_STAGES = ("cold-start", "rejection")  # stages that train nothing


def check_budget(config: Config) -> None:
    """A budget belongs to one training run. Raises UserError."""
    given = [f"--{name.replace('_', '-')}" for name in BUDGET_FLAGS if getattr(config, name) is not None]
    if not given:
        return
    many = None
    if config.pipeline and config.stage is None:
        many = 'the pipeline is eight runs: give each its own with --stage-settings, as in {"zero": {"max_minutes": 30}}'
    elif config.mode in ("both", "eval"):
        many = f"--mode {config.mode} is several runs: use --mode sft and --mode rl, each with its own"
    elif config.stage in SAMPLING_STAGES:
        many = f"stage {config.stage} samples and trains nothing, so it cannot end early: leave it out there"
    if many is not None:
        raise UserError(f"{' and '.join(given)} bound one training run, and {many}.")


def check_price(config: Config, price: float | None) -> None:
    """--budget needs a price. Raises UserError."""
    if config.budget is not None and not price:
        known = "no price is known for this machine" if price is None else "at --gpu-price 0 it never ends"
        raise UserError(
            f"--budget {config.budget} is in US dollars, and {known}: add --gpu-price with what an hour costs, or use "
            "--max-minutes."
        )
