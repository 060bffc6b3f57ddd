"""Rules of the flags of runs: pipeline, guards, trackers, budget."""

from __future__ import annotations

from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.names import ACTIONS, GUARDS, INPUTS, SMALL_TALK, STAGES, TRACKERS, option
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.webhook import fault

BUDGET_FLAGS = ("budget", "max_minutes", "max_tokens")
SAMPLING_STAGES = ("cold-start", "rejection")  # stages that do not train


def stage_index(stage: str) -> int:
    """Returns the index from 0 of a stage that is given by name or by number from 1. Raises UserError.

    >>> stage_index("sft-1"), stage_index("3")
    (2, 2)
    """
    if stage in STAGES:
        return STAGES.index(stage)
    if not stage.isdecimal():
        raise unknown_name("--from-stage", stage, STAGES)
    if not 1 <= int(stage) <= len(STAGES):
        raise UserError(
            f"--from-stage {stage} must be a number from 1 to {len(STAGES)} or a name: {', '.join(STAGES)}."
        )
    return int(stage) - 1


def check_pipeline(config: Config) -> None:
    """Checks the flags of the pipeline, of general prompts and of distillation. Raises UserError."""
    for name in ("from_stage", "earlier_run", "stage_settings"):
        if getattr(config, name) is not None and not config.pipeline:
            raise UserError(
                f"{option(name)} {getattr(config, name)} belongs to the pipeline, which is not chosen: add --recipe r1, or "
                "--recipe r1-tiny on a CPU."
            )
    if config.stage is not None and not config.pipeline:
        raise UserError(
            f"--stage {config.stage}: the pipeline starts its stages itself, with all their flags. Use --from-stage "
            f"{config.stage}."
        )
    if config.pipeline and config.mode is not None:
        raise UserError(f"--mode {config.mode} and --pipeline both choose what to run: leave one of them out.")
    if config.pipeline and config.distills and config.stage != "distill":
        raise UserError(
            "--algorithm distill: of the pipeline's stages only the last one has a teacher. Leave it out, and write "
            '{"distill": {"algorithm": "distill"}} into a file for --stage-settings.'
        )
    if config.from_stage is not None:
        stage_index(config.from_stage)
    if config.earlier_run is not None and config.from_stage is None:
        raise UserError(
            f"--earlier-run {config.earlier_run} does not say which of its stages to reuse: add --from-stage with the "
            "first stage to run again."
        )
    if config.stage_settings is not None and not Path(config.stage_settings).is_file():
        raise UserError(f"--stage-settings {config.stage_settings!r}: there is no such file. Check the path.")
    if config.student_model is not None and config.student_layers is not None:
        raise UserError(
            f"--student-model {config.student_model} and --student-layers {config.student_layers} are two students: "
            "leave one of them out."
        )
    if config.general_reward is not None and config.general_data is None:
        raise UserError(
            f"--general-reward {config.general_reward} needs general prompts: add --general-data with a file, a hub name, "
            f"or {SMALL_TALK}."
        )


def guard_actions(text: str | None) -> dict[str, str]:
    """Returns the action of every guard, by name; `text` is the value of --guard. Raises UserError.

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
            raise UserError(f"--guard names {name} twice, as {given[name]} and as {action}: name it once.")
        check_action(name, action)
        given[name] = action
    return {name: given.get(name, guard.default) for name, guard in GUARDS.items()}


def check_action(name: str, action: str) -> None:
    """Checks that a guard has an action. Raises UserError."""
    actions = GUARDS[name].actions
    if action in actions:
        return
    if action not in ACTIONS:
        raise unknown_name(f"action of --guard {name}", action, actions)
    why = "only you can fix it" if action == "fix" else "continuing without a fix would ruin the run"
    raise UserError(
        f"--guard {name}={action}: {name} has no {action}, because {why}. Use one of "
        f"{', '.join(f'{name}={a}' for a in actions)}."
    )


def check_guards(config: Config) -> None:
    """Checks --guard. Raises UserError."""
    guard_actions(config.guard)


def check_report_to(config: Config) -> None:
    """Checks the names of trackers; none must be alone. Raises UserError."""
    names = [name.strip() for name in config.report_to.split(",")]
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("--report-to", name, TRACKERS)
    if "none" in names and len(set(names)) > 1:
        raise UserError(f"--report-to {config.report_to}: none means no tracker. Leave it out, or the others.")


def check_budget(config: Config) -> None:
    """Checks that a budget is given to a single training run. Raises UserError."""
    given = [option(name) for name in BUDGET_FLAGS if getattr(config, name) is not None]
    if not given:
        return
    many = None
    if config.pipeline and config.stage is None:
        many = (
            'the pipeline is eight runs: give each its own with --stage-settings, as in {"zero": {"max_minutes": 30}}'
        )
    elif config.mode in ("both", "eval"):
        many = f"--mode {config.mode} is several runs: use --mode sft and --mode rl, each with its own"
    elif config.stage in SAMPLING_STAGES:
        many = f"stage {config.stage} samples without training, so it cannot end early: leave it out there"
    if many is not None:
        raise UserError(f"{' and '.join(given)} limit one training run, and {many}.")


def check_accepted(config: Config) -> None:
    """Checks the names in --accept-changed, and that a run is resumed. Raises UserError."""
    if config.accept_changed is None:
        return
    for name in config.accept_changed.split(","):
        if name not in INPUTS:
            raise unknown_name("--accept-changed", name, INPUTS)
    if not config.resume:
        raise UserError(
            f"--accept-changed {config.accept_changed} accepts inputs that changed since a run began, and no run is "
            "resumed: add --resume, or leave it out."
        )


def check_notify(config: Config) -> None:
    """Checks the address of --notify, which no message shows, as it is a secret. Raises UserError."""
    if config.notify is not None and (why := fault(config.notify)) is not None:
        raise UserError(
            f"--notify takes the address of a webhook, as in https://hooks.slack.com/services/..., "
            f"https://discord.com/api/webhooks/... or https://ntfy.sh/TOPIC, and this one {why}. Copy the whole address "
            "from the service, or leave --notify out."
        )


RULES = (check_pipeline, check_budget, check_guards, check_report_to, check_notify, check_accepted)


def check_price(config: Config, price: float | None) -> None:
    """Checks that --budget comes with a price, US dollars per hour. Raises UserError."""
    if config.budget is not None and not (price or config.judge_price_in or config.judge_price_out):
        known = "no price is known for this machine" if price is None else "at --gpu-price 0 it never ends"
        raise UserError(
            f"--budget {config.budget} is in US dollars, and {known}: add --gpu-price with the price of an hour, or use "
            "--max-minutes."
        )
