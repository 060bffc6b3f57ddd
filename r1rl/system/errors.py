"""UserError: what a user can put right, shown as one message (value, rule, reason, remedy), exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in flags, files or surroundings. `main` prints it without a traceback and exits with 2."""

    exit_code = 2


class RunFailed(UserError):
    """A fault of the program or its libraries; the traceback is in the run's log."""

    exit_code = 1


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a wrong name, with the nearest right ones."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(repr(n) for n in near)}?" if near else f"there are: {', '.join(known)}."
    )
    return UserError(f"unknown {kind} {name!r}: {hint}")
