"""Room on the disk: looked for before a checkpoint is written, and told in one sentence when it is gone."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from r1rl.system.errors import UserError

FULL = {errno.ENOSPC, errno.EDQUOT}

WORDS = ("No space left on device", "os error 28", "Disk quota exceeded", "os error 122")

# torch tells no reason; less free space than this is taken for it.
TORCHS_WORDS, TORCHS_ROOM = ("PytorchStreamWriter", "file write failed", "inline_container.cc"), 16 * 2**20

MARGIN = 1.1

BESIDE = 4 * 2**20  # bytes that must be left beside a checkpoint, for the dump and the logs


def free_at(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    return shutil.disk_usage(next(p for p in (folder, *folder.resolve().parents) if p.exists())).free


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raises UserError where `what`, of so many bytes, would not fit."""
    free, wanted = free_at(folder), int(needed * MARGIN) + BESIDE
    if free < wanted:
        raise UserError(
            f"the disk of {folder} has {mib(free)} free, and {what} takes {mib(wanted)} with a margin: it was not "
            "written, and what was saved before is whole. Free some space, then go on with the same flags and --resume."
        )


def is_full(error: BaseException | None, folder: Path) -> bool:
    """Whether an error, or one that it came from, says that the disk is full; libraries wrap it in many ways."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        words = str(error)
        if any(w in words for w in WORDS):
            return True
        if any(w in words for w in TORCHS_WORDS) and free_at(folder) < TORCHS_ROOM:
            return True
        error = error.__cause__ or error.__context__
    return False


def full(folder: Path) -> UserError:
    """The error for a disk that became full while something was being written."""
    return UserError(
        f"the disk of {folder} is full ({mib(free_at(folder))} free): the run was stopped. Its "
        "checkpoints are whole, a torn last line of the dump is repaired on --resume. Free some space, then go on with "
        "the same flags and --resume."
    )


def mib(size: float) -> str:
    """
    >>> mib(3 * 2**20)
    '3.0 MiB'
    """
    return f"{size / 2**20:,.1f} MiB"
