"""--report-to: one tracker or several, separated by commas or given again and again."""

from __future__ import annotations

from r1rl.system.errors import UserError, unknown_name

TRACKERS = ("none", "tensorboard", "trackio", "wandb")


def trackers(text: str) -> list[str]:
    """The names in --report-to, each once, without "none".

    >>> trackers("wandb, tensorboard,wandb")
    ['wandb', 'tensorboard']
    """
    names = [name.strip() for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name != "none"))


def check_report_to(text: str) -> None:
    """Only known names; none stands alone. Raises UserError."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("--report-to", name, TRACKERS)
    if "none" in names and len(set(names)) > 1:
        raise UserError(f"--report-to {text}: none means no tracker at all; leave it out, or the others.")
