"""Checkpoints on disk: published complete with a marker or not at all, found again for --resume; and full disks."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from r1rl.models.weights import size_and_crc, unreadable
from r1rl.system.errors import UserError
from r1rl.system.files import SAVING

PREFIX = "checkpoint-"  # transformers' name
OLD = ".old-"  # prefix of folders that are being replaced
MARKER = "COMPLETE"  # the last file written: {"step": 4, "files": {name: {"bytes": 123, "crc32": 456}}}
BEST = "best"  # folder of the best adapter so far, next to the checkpoints
KEPT_BEST = "best."  # prefix of its files in each checkpoint: peft would take a folder for a second adapter

ADAPTER = ("adapter_model.safetensors", "adapter_config.json")
ALL_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")  # instead of an adapter, with --lora-rank 0
ALWAYS = (*ADAPTER, "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")
GENERATION = "generation.json"  # rollouts not yet learned from, with --steps-per-generation
SOMETIMES = ("value_head.safetensors", "scaler.pt", "generation.safetensors", GENERATION)

# How errors show that a disk is full. torch gives no reason: with less free space than TORCH_ROOM it counts as full.
FULL_CODES = {errno.ENOSPC, errno.EDQUOT}
FULL_MESSAGES = ("No space left on device", "os error 28", "Disk quota exceeded", "os error 122")
TORCH_MESSAGES, TORCH_ROOM = ("PytorchStreamWriter", "file write failed", "inline_container.cc"), 16 * 2**20
MARGIN = 1.1
RESERVE = 4 * 2**20  # bytes that must be left after a checkpoint, for the dump and the logs


def step_of(checkpoint: Path) -> int:
    """Returns the step of a checkpoint by its name, which has the form checkpoint-4."""
    return int(checkpoint.name.removeprefix(PREFIX))


def all_checkpoints(folder: Path) -> list[Path]:
    """Returns the checkpoints in a run's folder `checkpoints`, oldest first, incomplete ones included."""
    numbered = [p for p in folder.glob(f"{PREFIX}*") if p.name.removeprefix(PREFIX).isdecimal()]
    return sorted(numbered, key=step_of)


# ---- writing


def publish(written: Path, final: Path) -> None:
    """Checks a checkpoint that was written under another name, marks it, flushes it and renames it.

    Raises UserError if a file is missing or cannot be read back: then the older checkpoint stays the newest.
    """
    # Also in folders: with --beta TRL keeps a second adapter, the initial one.
    names = sorted(str(p.relative_to(written)) for p in written.rglob("*") if is_needed(p.name))
    wrong = [f"{name} is missing" for name in missing(names)]
    wrong += [f"{name}: {reason}" for name in names if (reason := unreadable(written / name))]
    if wrong:
        raise UserError(
            f"the checkpoint of step {step_of(final)} was not written whole ({'; '.join(wrong)}) and is discarded; the one "
            f"before it is kept. Check the disk of {final.parent}, then continue with --resume."
        )
    files = {name: {"bytes": size, "crc32": crc} for name in names for size, crc in [size_and_crc(written / name)]}
    marker = {"schema_version": 1, "step": step_of(final), "files": files}
    (written / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
    put_in_place(written, final)


def put_in_place(written: Path, final: Path) -> None:
    """Flushes a folder to the disk and renames it to `final`, replacing a folder of that name."""
    for path in [*written.rglob("*"), written]:
        flush(path)
    old = final.with_name(OLD + final.name)
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.replace(old)
    written.replace(final)
    flush(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def flush(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def missing(names: Iterable[str]) -> list[str]:
    """Returns the files that a checkpoint with files of these names lacks."""
    names = set(names)
    whole = any(ALL_WEIGHTS.fullmatch(name) for name in names)
    return [name for name in ALWAYS if name not in names and not (whole and name in ADAPTER)]


def is_needed(name: str) -> bool:
    """Returns whether a resume reads the file of this name in a checkpoint; others are for users and tools."""
    return (
        name in (*ALWAYS, *SOMETIMES)
        or bool(ALL_WEIGHTS.fullmatch(name))
        or (name.startswith(KEPT_BEST) and name.endswith((".json", ".safetensors")))
    )


def keep_best(folder: Path, written: Path) -> None:
    """Puts the best adapter so far into a checkpoint, as hard links: its files are replaced, never written to."""
    for path in filter(Path.is_file, (folder / BEST).glob("*")):
        link(path, written / f"{KEPT_BEST}{path.name}")


def link(path: Path, other: Path) -> None:
    """Makes a hard link to a file, or a copy if the file system has no hard links."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


def rotate(folder: Path, keep: int) -> None:
    """Removes all but the newest `keep` complete checkpoints, and incomplete ones older than the newest complete one."""
    checkpoints = all_checkpoints(folder)
    whole = [p for p in checkpoints if (p / MARKER).is_file()]
    for path in checkpoints:
        if whole and path not in whole[-keep:] and step_of(path) < step_of(whole[-1]):
            shutil.rmtree(path, ignore_errors=True)


# ---- reading


def trouble(checkpoint: Path) -> str | None:
    """Returns why a checkpoint cannot be resumed from; None if it can."""
    try:
        marker = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
        files = {str(name): (int(x["bytes"]), int(x["crc32"])) for name, x in marker["files"].items()}
    except FileNotFoundError:
        return f"it has no {MARKER}, so it was not written completely"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its {MARKER} cannot be read"
    for name, expected in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != expected[0]:
            return f"{name} has {path.stat().st_size:,} bytes instead of {expected[0]:,}"
        if size_and_crc(path) != expected:
            return f"{name} has changed since it was written"
    lacking = missing(files)
    return f"its {MARKER} does not list {lacking[0]}" if lacking else None


def newest(folder: Path) -> tuple[Path | None, list[str]]:
    """Returns (the newest complete checkpoint or None, a text for each newer one that says why it is not used)."""
    refused = []
    for checkpoint in reversed(all_checkpoints(folder)):
        reason = trouble(checkpoint)
        if reason is None:
            return checkpoint, refused
        refused.append(f"{checkpoint.name} ({reason})")
    return None, refused


def clean_up(folder: Path) -> None:
    """Removes what a killed process was writing, and restores what it was replacing."""
    for old in folder.glob(f"{OLD}*"):
        final = old.with_name(old.name.removeprefix(OLD))
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.replace(final)
    for path in folder.glob(f"{SAVING}*"):
        shutil.rmtree(path, ignore_errors=True)


def restore_best(checkpoint: Path | None, folder: Path) -> None:
    """Restores the best adapter as of the checkpoint: a later one belongs to steps that will be redone."""
    kept = [] if checkpoint is None else list(checkpoint.glob(f"{KEPT_BEST}*"))
    if not kept:  # no evaluation before the checkpoint
        shutil.rmtree(folder / BEST, ignore_errors=True)
        return
    written = folder / f"{SAVING}{BEST}"
    written.mkdir()
    for path in kept:
        link(path, written / path.name.removeprefix(KEPT_BEST))
    put_in_place(written, folder / BEST)


def sampled_until(checkpoint: Path) -> int | None:
    """Returns the last step whose completions a checkpoint holds, if it was written within a generation; else None."""
    path = checkpoint / GENERATION
    return json.loads(path.read_text(encoding="utf-8"))["until"] if path.is_file() else None


# ---- full disks


def free_at(folder: Path) -> int:
    """Returns the free bytes of the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(next(p for p in (folder, *folder.resolve().parents) if p.exists())).free


def check_room(folder: Path, needed: int, what: str) -> None:
    """Checks that `needed` bytes fit on the disk; `what` names them in the message. Raises UserError."""
    free, wanted = free_at(folder), int(needed * MARGIN) + RESERVE
    if free < wanted:
        raise UserError(
            f"the disk of {folder} has {mib(free)} free, and {what} takes {mib(wanted)} with a margin: it was not written; "
            "earlier checkpoints are complete. Free some space, then continue with the same flags and --resume."
        )


def is_full(error: BaseException | None, folder: Path) -> bool:
    """Returns whether an error, or one of its causes, means that the disk is full; libraries wrap it in many ways."""
    while error is not None:
        message = str(error)
        if isinstance(error, OSError) and error.errno in FULL_CODES:
            return True
        if any(m in message for m in FULL_MESSAGES):
            return True
        if any(m in message for m in TORCH_MESSAGES) and free_at(folder) < TORCH_ROOM:
            return True
        error = error.__cause__ or error.__context__
    return False


def full(folder: Path) -> UserError:
    """Returns the error for a disk that became full while something was written."""
    return UserError(
        f"the disk of {folder} is full ({mib(free_at(folder))} free), so the run was stopped. Its checkpoints are complete, "
        "and --resume repairs a torn last line of the dump. Free some space, then continue with the same flags and "
        "--resume."
    )


def mib(size: float) -> str:
    """Returns bytes as MiB.

    >>> mib(3 * 2**20)
    '3.0 MiB'
    """
    return f"{size / 2**20:,.1f} MiB"
