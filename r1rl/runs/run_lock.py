"""One process writes a run's folder: a lock on logs/lock, which ends with its process however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import TextIO

from r1rl.system.errors import UserError

TAKEN = {errno.EACCES, errno.EAGAIN}

held: dict[Path, TextIO] = {}  # open for as long as the lock is wanted: closing a file gives its lock back


def take(folder: Path) -> None:
    """Takes the run's lock for this process. Raises UserError where another has it.

    A POSIX record lock: the kernel gives it back at the process's end, `kill -9` included, and a forked worker that is
    left behind does not keep it. Where the file system has no locks the run goes on without.
    """
    path = (folder / "logs" / "lock").resolve()
    if path in held:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in TAKEN:
            file.close()
            return
        file.seek(0)
        other = file.read().strip()
        file.close()
        raise UserError(
            f"process {other} is at work on {folder}, and two would mix their steps. Nothing was changed. Wait for its end, "
            f"or stop it with Ctrl-C or `kill -INT {other}`, which saves its last step; then --resume. For a run beside "
            "it choose another --exp-name."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    held[path] = file


def give_back() -> None:
    """Gives every lock of this process back: its run is over, though the process may live on."""
    while held:
        held.popitem()[1].close()
