"""Errors for the user: one message with value, rule, reason and remedy, and an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in flags, files or the environment. `main` prints it without a traceback and exits with 2."""

    exit_code = 2


class RunFailed(UserError):
    """A fault of the program or its libraries; the traceback is in the run's log."""

    exit_code = 1


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Returns the error for an unknown name, with the nearest known ones."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of: {', '.join(known)}."
    return UserError(f"unknown {kind} {name!r}: {hint}")
