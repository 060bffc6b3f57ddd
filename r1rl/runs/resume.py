"""--resume: the checks against run.json, and the history that run.json keeps of what a continued run changed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from r1rl.config.flags import DEFAULTS, DISTILL, Config
from r1rl.config.names import option
from r1rl.runs import checkpoints
from r1rl.runs.dump import read_run
from r1rl.runs.inputs import (
    REWARDS,
    absolute_reward,
    changed_inputs,
    describe_changes,
    inputs_of,
    resolved,
    reward_without_folders,
)
from r1rl.runs.schedule import rate_of
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.redact import redact_all

# Flags that may differ between a run and its continuation, because they do not change what is learned; and those that
# name its folder, which may have been moved.
PLACE = ("exp_name", "dumps", "sft_output", "rl_output")
FREE_TO_CHANGE = {
    *PLACE, "resume", "accept_changed", "report_to", "project_name", "gpu_price", "save_steps", "save_total_limit",
    "grace_seconds", "profile", "trial", "gpu_memory_utilization", "vllm_server_host", "vllm_server_port", "budget",
    "max_minutes", "max_tokens", "guard", "guard_steps", "reward_workers", "eval_steps",
    "notify", "token_logprobs", "judge_url", "judge_requests", "judge_price_in", "judge_price_out",
}  # fmt: skip
LENGTH = ("max_steps", "num_epochs", "sft_epochs")  # may differ if --max-steps becomes larger
NOT_IN_HISTORY = ("resume", "accept_changed", "notify", "dumps", "sft_output", "rl_output")
LITTLE = 0.01  # share of the peak learning rate below which a new tail learns next to nothing


def check_settings(config: Config, folder: Path) -> None:
    """Checks that --resume continues the run in the folder with its own settings and inputs. Raises UserError."""
    described = read_run(folder)
    was = DEFAULTS | described["config"]  # a flag that the run did not have was at its default
    now = redact_all(resolved(config))
    inputs = described.get("inputs", {})
    new_inputs = inputs_of(config) if config.resume else {}
    changed = [k for k in now if k not in FREE_TO_CHANGE and differs(k, was.get(k), now[k], inputs, new_inputs)]
    if is_longer(was, now) and config.stages is None:
        changed = [k for k in changed if k not in LENGTH]
    if changed:
        differences = ", ".join(f"{option(k)} was {was.get(k)!r} and is {now[k]!r}" for k in changed)
        raise UserError(
            f"--exp-name {config.exp_name!r} exists with other settings: {differences}. Nothing was changed; choose "
            "another --exp-name, or give the settings of that run and --resume."
        )
    if not config.resume:
        raise UserError(
            f"--exp-name {config.exp_name!r} exists already, with these settings. Nothing was changed; add --resume to "
            "continue it, or choose another --exp-name."
        )
    check_inputs(config, changed_inputs(inputs, new_inputs))


def differs(name: str, was: Any, now: Any, inputs: dict[str, Any], new_inputs: dict[str, Any]) -> bool:
    """Returns whether a flag has another value; a path to an input whose files are recorded may be any path."""
    if was == now:
        return False
    recorded = all(x.get(name, {}).get("files") for x in (inputs, new_inputs))
    if name in REWARDS and was and now:
        shown = reward_without_folders if recorded else absolute_reward
        return shown(was) != shown(now)
    if name == "dataset_name" or not recorded:
        return not same_path(was, now)
    return False


def same_path(was: Any, now: Any) -> bool:
    """Returns whether a relative path of an older run.json is the absolute path `now`."""
    return isinstance(was, str) and isinstance(now, str) and "/" in now and str(Path(was).resolve()) == now


def is_longer(was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Returns whether a run is to have more steps than planned; packed rows are counted later, so not for them."""
    return now["max_steps"] > was["max_steps"] and not now["packing"]


def check_inputs(config: Config, changed: dict[str, dict[str, list[str]]]) -> None:
    """Checks that inputs have changed only in the kinds of --accept-changed. Raises UserError."""
    accepted = (config.accept_changed or "").split(",")
    if refused := {kind: flags for kind, flags in changed.items() if kind not in accepted}:
        raise UserError(
            f"--resume: {' and '.join(refused)} changed since the run began: "
            f"{'; '.join(map(describe_changes, refused.values()))}. The steps so far were made with the former content. "
            "Nothing was changed. Restore it, or start another run with another --exp-name; to go on with the new content "
            f"add --accept-changed {','.join(refused)}, which run.json records."
        )


# ---- history


def continued(described: dict[str, Any], config: Config, folder: Path, versions: dict[str, str]) -> dict[str, Any]:
    """Returns run.json for a continuation: its new settings and inputs, and in `history` what they were before."""
    was, now, inputs = described["config"], redact_all(resolved(config)), redact_all(inputs_of(config))
    old_inputs = described.get("inputs", {})
    names = [k for k in now if k not in NOT_IN_HISTORY and now[k] != (DEFAULTS | was)[k]]
    before = {name: record for name, record in old_inputs.items() if record != inputs.get(name)}
    old_versions = described.get("versions", {})
    differing = {k: [old_versions.get(k), versions.get(k)] for k in sorted({*old_versions, *versions})}
    entry = {
        "settings": {name: [was.get(name, DEFAULTS[name]), now[name]] for name in names},
        "inputs": before,
        "versions": {name: pair for name, pair in differing.items() if pair[0] != pair[1]},
    }
    if not any(entry.values()) and "inputs" in described:
        return described
    newest, _ = checkpoints.newest(folder / "checkpoints")
    step = 0 if newest is None else checkpoints.step_of(newest)
    accepted = list(changed_inputs(old_inputs, inputs))
    about = {"resumed": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "step": step, "command": redact_all(list(sys.argv))}
    history = [*described.get("history", []), {**about, "accepted": accepted, **entry}]
    settings = was | {name: now[name] for name in names}
    print_changes(history[-1], settings, history, first_steps(described))
    kept = {name: record for name, record in old_inputs.items() if name not in inputs}
    return {**described, "config": settings, "inputs": {**kept, **inputs}, "versions": versions, "history": history}


def first_steps(described: dict[str, Any]) -> int:
    """Returns the --max-steps for which the schedule of a run was planned at its start."""
    for entry in described.get("history", []):
        if entry["step"] and "max_steps" in entry["settings"]:
            return entry["settings"]["max_steps"][0]
    return described["config"]["max_steps"]


def extensions(history: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Returns (step, new --max-steps) for each time that the run was extended after its first checkpoint."""
    return [(x["step"], x["settings"]["max_steps"][1]) for x in history if x["step"] and "max_steps" in x["settings"]]


def extensions_of(folder: Path) -> tuple[int, list[tuple[int, int]]]:
    """Returns (--max-steps at the start, extensions) of a run; (0, []) for a folder without run.json."""
    described = read_run(folder) if (folder / "run.json").is_file() else {}
    return (first_steps(described), extensions(described["history"])) if described.get("history") else (0, [])


def print_changes(entry: dict[str, Any], settings: dict[str, Any], history: list[Any], steps: int) -> None:
    """Prints what a continuation changes."""
    for name, (old, new) in entry["settings"].items():
        console.print(f"resume   {option(name)} was {old} and is {new}", markup=False)
    if entry["accepted"]:
        console.print(f"resume   {' and '.join(entry['accepted'])} changed, which --accept-changed accepts")
    if entry["versions"]:
        pairs = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in entry["versions"].items())
        console.print(f"resume   other versions: {pairs}", markup=False)
    if entry["step"] and "max_steps" in entry["settings"]:
        print_schedule(settings, entry, extensions(history), steps)


def print_schedule(settings: dict[str, Any], entry: dict[str, Any], done: list[tuple[int, int]], steps: int) -> None:
    """Prints how the learning rate continues in an extended run."""
    stage = settings.get("stage") in ("sft-1", "sft-2", "distill") and settings.get("algorithm") != DISTILL
    tunes = settings.get("mode") == "sft" or stage
    kind, peak = ("cosine", "sft_learning_rate") if tunes else (settings["lr_scheduler"], "learning_rate")
    share = rate_of(kind, settings["warmup_ratio"], steps, done)(entry["step"])
    rate, end = f"{settings[peak] * share:.3g}", entry["settings"]["max_steps"][1]
    if kind == "constant":
        console.print(f"schedule constant: the learning rate is {rate}, to step {end}")
        return
    console.print(
        f"schedule {kind}: a new tail from {rate}, the learning rate of step {entry['step']}, to 0 at step {end}"
    )
    if share < LITTLE:
        console.print(
            f"schedule this tail begins at {share:.1%} of {option(peak)}: next to nothing will be learned; --init-from begins a new schedule"
        )
