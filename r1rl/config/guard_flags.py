"""The guards of a run: their names, what each may do, and the reading of --guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1rl.system.errors import UserError, unknown_name

if TYPE_CHECKING:
    from r1rl.config.flags import Config


ACTIONS = ("fix", "warn", "stop", "off")


@dataclass(frozen=True, slots=True)
class Guard:
    """What is looked for, what happens by default, and what else may."""

    name: str
    default: str
    actions: tuple[str, ...]
    help: str


WATCHED = ("warn", "stop", "off")  # for what nobody but the user can mend

GUARDS = {
    guard.name: guard
    for guard in (
        Guard("sync", "stop", WATCHED, "the engine samples from other weights than the trained ones"),
        Guard("no-signal", "warn", WATCHED, "no group had two different rewards"),
        Guard("truncated", "warn", WATCHED, "more than half of the completions were cut off"),
        Guard("non-finite", "fix", ("fix", "stop", "off"), "NaN or infinity in the loss or its gradient"),
        Guard("kl", "warn", WATCHED, "the policy has run away: KL divergence or importance ratios"),
        Guard("reward-hacking", "warn", WATCHED, "the reward rises while the evaluation falls"),
        Guard("collapse", "warn", WATCHED, "the reasoning becomes short while the reward rises"),
        Guard("entropy", "warn", WATCHED, "the model has become sure of every token"),
        Guard("memory", "fix", ("fix", "stop", "off"), "out of memory while learning or sampling"),
        Guard("engine", "fix", ("fix", "warn", "stop", "off"), "the engine hangs"),
    )
}

HELP = "what a guard does, as in truncated=stop; repeatable, or with commas. " + ", ".join(
    f"{g.name}={'|'.join(g.actions)}" for g in GUARDS.values()
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
