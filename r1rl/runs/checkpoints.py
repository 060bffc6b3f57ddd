"""Checkpoints on disk: published whole, with a marker, or not at all; and the newest whole one found again."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from r1rl.models.weights import sums, unreadable
from r1rl.system.errors import UserError
from r1rl.system.files import SAVING

PREFIX = "checkpoint-"  # transformers' name

OLD = ".old-"  # folders that are being replaced

MARKER = "COMPLETE"  # the last file written: {"step": 4, "files": {name: {"bytes": 123, "crc32": 456}}}

ADAPTER = ("adapter_model.safetensors", "adapter_config.json")

ALL_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")  # in place of an adapter, with --lora-rank 0

ALWAYS = (
    *ADAPTER,
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
)

GENERATION = (
    "generation.json"  # beside generation.safetensors: what is still to be learnt with --steps-per-generation
)

SOMETIMES = ("value_head.safetensors", "scaler.pt", "generation.safetensors", GENERATION)

BEST = "best"  # the best adapter so far, beside the checkpoints and, with this before its names, in each of them:

KEPT_BEST = "best."  # not in a folder of its own, which peft would take for a second adapter


def step_of(checkpoint: Path) -> int:
    """The step of a checkpoint by its name, which has the form checkpoint-4."""
    return int(checkpoint.name.removeprefix(PREFIX))


def all_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder `checkpoints`, oldest first, whole ones and others."""
    found = [p for p in folder.glob(f"{PREFIX}*") if p.name.removeprefix(PREFIX).isdecimal()]
    return sorted(found, key=step_of)


# ---- writing


def publish(written: Path, final: Path) -> None:
    """Checks a checkpoint that was written under another name, marks it, flushes it and gives it its name.

    Raises UserError where a file is missing or cannot be read back: then the older checkpoint stays the newest.
    """
    # Also in folders: with --beta TRL keeps a second adapter, the one that training began with.
    names = sorted(str(p.relative_to(written)) for p in written.rglob("*") if is_needed(p.name))
    wrong = [f"{name} is missing" for name in missing(names)]
    wrong += [f"{name}: {reason}" for name in names if (reason := unreadable(written / name))]
    if wrong:
        raise UserError(
            f"the checkpoint of step {step_of(final)} was not written whole ({'; '.join(wrong)}) and is left out; the one "
            f"before it stays. Look after the disk that {final.parent} is on, then go on with --resume."
        )
    files = {name: {"bytes": size, "crc32": crc} for name in names for size, crc in [sums(written / name)]}
    marker = {"schema_version": 1, "step": step_of(final), "files": files}
    (written / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
    put_in_place(written, final)


def put_in_place(written: Path, final: Path) -> None:
    """Flushes a folder to the disk and gives it its name; one of that name is replaced, and is whole until then."""
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
    """What a checkpoint with files of these names lacks."""
    names = set(names)
    whole = any(ALL_WEIGHTS.fullmatch(name) for name in names)
    return [name for name in ALWAYS if name not in names and not (whole and name in ADAPTER)]


def is_needed(name: str) -> bool:
    """Whether a resume reads the file of this name in a checkpoint; others are for people and tools."""
    return (
        name in (*ALWAYS, *SOMETIMES)
        or bool(ALL_WEIGHTS.fullmatch(name))
        or (name.startswith(KEPT_BEST) and name.endswith((".json", ".safetensors")))
    )


def keep_best(folder: Path, written: Path) -> None:
    """Puts the best adapter so far into a checkpoint. It takes no space: its files are only replaced, never written to."""
    for path in filter(Path.is_file, (folder / BEST).glob("*")):
        link(path, written / f"{KEPT_BEST}{path.name}")


def link(path: Path, other: Path) -> None:
    """A second name for a file; on a file system without hard links a copy."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


def rotate(folder: Path, keep: int) -> None:
    """Removes all but the newest `keep` whole checkpoints, and those that are not whole and older than the newest."""
    found = all_checkpoints(folder)
    whole = [p for p in found if (p / MARKER).is_file()]
    for path in found:
        if whole and path not in whole[-keep:] and step_of(path) < step_of(whole[-1]):
            shutil.rmtree(path, ignore_errors=True)


# ---- reading


def trouble(checkpoint: Path) -> str | None:
    """Why a checkpoint cannot be resumed from; None if it is whole."""
    try:
        marker = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
        files = {
            str(name): (int(said["bytes"]), int(said["crc32"])) for name, said in marker["files"].items()
        }
    except FileNotFoundError:
        return f"it has no {MARKER}, so it was not written to its end"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its {MARKER} cannot be read"
    for name, said in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != said[0]:
            return f"{name} has {path.stat().st_size:,} bytes and had {said[0]:,}"
        if sums(path) != said:
            return f"{name} has changed since it was written"
    lacking = missing(files)
    return f"its {MARKER} does not list {lacking[0]}" if lacking else None


def newest(folder: Path) -> tuple[Path | None, list[str]]:
    """(the newest whole checkpoint, or None; what is wrong with each newer one, in words)."""
    refused = []
    for checkpoint in reversed(all_checkpoints(folder)):
        reason = trouble(checkpoint)
        if reason is None:
            return checkpoint, refused
        refused.append(f"{checkpoint.name} ({reason})")
    return None, refused


def tidy(folder: Path) -> None:
    """Removes what a killed process was writing; what it was replacing gets its name back."""
    for old in folder.glob(f"{OLD}*"):
        final = old.with_name(old.name.removeprefix(OLD))
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.replace(final)
    for path in folder.glob(f"{SAVING}*"):
        shutil.rmtree(path, ignore_errors=True)


def restore_best(checkpoint: Path | None, folder: Path) -> None:
    """Makes the best adapter that of the checkpoint: a later one belongs to steps that are done anew."""
    kept = [] if checkpoint is None else list(checkpoint.glob(f"{KEPT_BEST}*"))
    if not kept:  # nothing was evaluated until then
        shutil.rmtree(folder / BEST, ignore_errors=True)
        return
    written = folder / f"{SAVING}{BEST}"
    written.mkdir()
    for path in kept:
        link(path, written / path.name.removeprefix(KEPT_BEST))
    put_in_place(written, folder / BEST)


def sampled_until(checkpoint: Path) -> int | None:
    """The last step whose completions a checkpoint holds, where it was written between the steps of a generation."""
    path = checkpoint / GENERATION
    return json.loads(path.read_text(encoding="utf-8"))["until"] if path.is_file() else None


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
