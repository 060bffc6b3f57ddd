"""Kills a real tiny run at random moments of every phase, resumes it to the end and compares it with an uninterrupted run.

usage: python benchmarks/faults.py [--kills 40] [--seed 0] [--folder DIR] [--output benchmarks/faults.json]

A kill takes about half a minute on 2 cores. The phase of a run is read from its folder, and the moment within a phase from
the length of the phase in the uninterrupted run. SIGTERM and SIGKILL take turns, and each fourth run is killed twice.
Metrics, completions, evaluations and weights are compared line by line, except for times.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

from r1rl.runs.dump import EVALUATIONS, METRICS, PROOFS, ROLLOUTS, read_lines
from r1rl.runs.metric_names import TIMES

ROOT = Path(__file__).parents[1]
STEPS, EVERY = 6, 2  # steps; between evaluations and between checkpoints
FLAGS = ("--recipe", "tiny", "--add-reasoning-prefix", "--max-steps", str(STEPS), "--eval-steps", str(EVERY),
         "--save-steps", str(EVERY), "--eval-count", "16", "--per-device-train-batch-size", "16",
         "--max-completion-length", "64", "--no-unsloth", "--engine", "transformers")  # fmt: skip
PHASES = ("start-up", "generate", "reward", "update", "optimizer", "evaluate", "checkpoint", "report")
SIGNALS = (signal.SIGTERM, signal.SIGKILL)
LIMIT = 300  # seconds for one process


@dataclass
class Times:
    """Seconds of the phases of the uninterrupted run."""

    startup: float = 8.0
    generate: float = 1.0
    reward: float = 0.002
    update: float = 0.3
    optimizer: float = 0.01
    evaluate: float = 1.0
    checkpoint: float = 0.2
    report: float = 2.0


@dataclass
class Kill:
    """One kill, and the result of the comparison."""

    run: str
    aimed: str  # phase
    step: int
    signal: str
    met: bool  # whether the process still ran when the signal was sent
    exit_code: int = 0
    seconds: float = 0.0  # from the signal to the end of the process
    steps_lost: int = 0  # complete steps that the resumed process repeated
    found: dict[str, int] = field(default_factory=dict)  # lost, doubled, different, unable


def command(folder: Path, name: str) -> list[str]:
    """Returns the command of a run, with --resume if the run exists."""
    resume = ["--resume"] if (folder / name / "run.json").exists() else []
    return [sys.executable, str(ROOT / "main.py"), *FLAGS, "--dumps", str(folder), "--exp-name", name, *resume]


def start(folder: Path, name: str) -> subprocess.Popen:
    """Starts the run in its own process, with its output in a log next to its folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "COLUMNS": "140"}
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command(folder, name), stdout=log, stderr=log, env=environment)


# ---- the phase of a run, read from its folder


def count(path: Path) -> int:
    """Returns the number of complete lines of a dump file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def steps_in(path: Path) -> set[int]:
    """Returns the steps that have lines in a dump file."""
    return {line["step"] for line in read_lines(path)}


def newest_checkpoint(run: Path) -> int:
    """Returns the step of the newest checkpoint; 0 without one."""
    return max((int(p.parent.name.split("-")[1]) for p in run.glob("checkpoints/checkpoint-*/COMPLETE")), default=0)


def has_begun(phase: str, run: Path, step: int) -> bool:
    """Whether the phase (for the shortest ones: the phase before it) has begun."""
    if phase in ("generate", "reward"):
        before = step - 1
        due = before % EVERY == 0
        evaluated = not due or before in steps_in(run / EVALUATIONS)
        saved = not due or not before or newest_checkpoint(run) >= before
        return (not before or before in steps_in(run / METRICS)) and evaluated and saved
    if phase in ("update", "optimizer"):
        return step in steps_in(run / ROLLOUTS)
    if phase == "evaluate":
        return count(run / PROOFS) > 0 if step == 0 else step in steps_in(run / METRICS)
    if phase == "checkpoint":
        return (run / "checkpoints" / f".saving-{step}").exists() or newest_checkpoint(run) >= step
    return (run / "summary.json").exists()  # report


def wait_until(process: subprocess.Popen, phase: str, run: Path, step: int) -> bool:
    """Waits for the phase. Returns False if the process ended before."""
    until = time.perf_counter() + LIMIT
    while not has_begun(phase, run, step):
        if process.poll() is not None or time.perf_counter() > until:
            return False
        time.sleep(0.002)
    return True


def into(phase: str, times: Times, share: float) -> float:
    """Returns the seconds from the first sign of a phase until `share` of the phase has passed."""
    if phase == "start-up":
        return share * times.startup
    if phase == "reward":
        return times.generate + share * times.reward
    if phase == "optimizer":
        return times.update + share * times.optimizer
    return share * getattr(times, phase)


def kill_in(
    process: subprocess.Popen, run: Path, phase: str, step: int, number: signal.Signals, seconds: float
) -> Kill:
    """Sends the signal `seconds` after the first sign of the phase, and waits for the end."""
    if phase != "start-up":
        wait_until(process, phase, run, step)
    time.sleep(seconds)
    met = process.poll() is None
    done = len(steps_in(run / METRICS))
    sent = time.perf_counter()
    if met:
        process.send_signal(number)
    code = process.wait(LIMIT)
    seconds = time.perf_counter() - sent
    lost = max(0, done - newest_checkpoint(run))
    return Kill(run.name, phase, step, number.name, met, code, round(seconds, 2), lost)


# ---- the uninterrupted run, and the comparison


def uninterrupted(folder: Path) -> Times:
    """Makes the run to compare with and returns the seconds of its phases. Exits if it fails."""
    began, run = time.perf_counter(), folder / "whole"
    process = start(folder, "whole")
    seen: dict[str, float] = {}
    signs = {
        "proof": lambda: count(run / PROOFS) > 0,
        "saving": lambda: (run / "checkpoints" / f".saving-{EVERY}").exists(),
        "saved": lambda: newest_checkpoint(run) >= EVERY,
        "summary": lambda: (run / "summary.json").exists(),
    }
    while process.poll() is None:
        for name, sign in signs.items():
            if name not in seen and sign():
                seen[name] = time.perf_counter()
        time.sleep(0.002)
    if process.returncode:
        raise SystemExit(f"the uninterrupted run failed: see {folder / 'whole.log'}")
    steps = list(read_lines(run / METRICS))
    times = Times(startup=seen["proof"] - began, report=time.perf_counter() - seen["summary"])
    for part in ("generate", "reward", "update", "optimizer"):
        setattr(times, part, fmean(line["parts"].get(part, 0.0) for line in steps))
    times.evaluate = fmean(line["evaluation_seconds"] for line in read_lines(run / EVALUATIONS))
    if "saving" in seen:
        times.checkpoint = max(0.02, seen["saved"] - seen["saving"])
    return times


def lines_of(path: Path) -> list[tuple[tuple, dict]]:
    """Returns (key, line without times) for each line of a dump file; the key is its step, split, group and sample."""
    found = []
    for line in read_lines(path):
        key = tuple(line.get(name) for name in ("step", "split", "group", "sample"))
        found.append((key, {k: v for k, v in line.items() if k not in TIMES}))
    return found


def compare(one: Path, other: Path) -> dict[str, int]:
    """Counts the lines of `other` that `one` lacks, has twice or has different; a file of weights counts as a line."""
    found = Counter(lost=0, doubled=0, different=0)
    names = {METRICS, ROLLOUTS, EVALUATIONS}
    names |= {str(p.relative_to(x)) for x in (one, other) for p in x.glob("eval/*.jsonl")}
    for name in sorted(names):
        mine, theirs = lines_of(one / name), lines_of(other / name)
        keys = Counter(key for key, _ in mine)
        found["lost"] += sum(key not in keys for key, _ in theirs)
        found["doubled"] += sum(n - 1 for n in keys.values()) + len(keys.keys() - {key for key, _ in theirs})
        whole = dict(theirs)
        found["different"] += sum(key in whole and whole[key] != line for key, line in mine)
        found["different"] += [key for key, _ in mine] != [key for key, _ in theirs]  # the order, too
    for name in ("best", f"checkpoint-{STEPS}"):
        files = [x / "checkpoints" / name / "adapter_model.safetensors" for x in (one, other)]
        if not files[0].exists():
            found["lost"] += 1
        else:
            found["different"] += files[0].read_bytes() != files[1].read_bytes()
    return dict(found)


def finish(folder: Path, name: str) -> dict[str, int]:
    """Resumes a run to its end. Returns the differences from the uninterrupted one."""
    code = start(folder, name).wait(LIMIT)
    found = compare(folder / name, folder / "whole") if code == 0 else {}
    done = (folder / name / "summary.json").exists() and (folder / name / "report.html").exists()
    return found | {"unable": int(code != 0 or not done)}


# ---- all kills


def target(phase: str, rng: random.Random, after: int) -> int:
    """Returns a random step for the phase, later than `after`."""
    if phase in ("evaluate", "checkpoint"):
        first = 0 if phase == "evaluate" and after == 0 else (after // EVERY + 1) * EVERY
        return rng.choice(range(first, STEPS + 1, EVERY)) if first <= STEPS else STEPS
    return rng.randint(min(after + 1, STEPS), STEPS)


def one_run(
    folder: Path, name: str, plan: list[tuple[str, signal.Signals]], times: Times, rng: random.Random
) -> list[Kill]:
    """Makes one run, kills it once or several times, and resumes it to its end."""
    kills = []
    for phase, number in plan:
        process = start(folder, name)
        step = target(phase, rng, newest_checkpoint(folder / name))
        kills.append(kill_in(process, folder / name, phase, step, number, into(phase, times, rng.random())))
    found = finish(folder, name)
    for kill in kills:
        kill.found = found
        print(
            f"{name:<7} {kill.signal:<7} in {kill.aimed:<10} step {kill.step}: ended in {kill.seconds:5.2f} s with "
            f"{kill.exit_code:>4}, {kill.steps_lost} steps repeated; {describe(found)}",
            flush=True,
        )
    if not any(found.values()):
        shutil.rmtree(folder / name)
    return kills


def describe(found: dict[str, int]) -> str:
    """Returns the differences of a run as text."""
    wrong = [f"{n} {what}" for what, n in found.items() if n]
    return ", ".join(wrong) or "equal to the uninterrupted run"


def planned(kills: int, rng: random.Random) -> list[list[tuple[str, signal.Signals]]]:
    """Returns the kills of each run: all phases with both signals in turn, in random order; each fourth run has two."""
    n = len(PHASES)
    each = [(PHASES[i % n], SIGNALS[(i + i // n) % 2]) for i in range(kills)]
    rng.shuffle(each)
    plans: list[list[tuple[str, signal.Signals]]] = []
    while each:
        size = min(len(each), 2 if len(plans) % 4 == 3 else 1)
        # After a kill in the report only the start-up is left.
        plans.append(sorted((each.pop() for _ in range(size)), key=lambda kill: kill[0] == "report"))
    return plans


def table(kills: list[Kill]) -> str:
    """Returns a Markdown table with a row for each phase and signal."""
    rows = ["| phase | signal | kills | equal | lost | doubled | different | unable to resume | steps repeated | end after the signal, at most |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for phase in PHASES:
        for number in SIGNALS:
            of = [k for k in kills if k.aimed == phase and k.signal == number.name]
            if not of:
                continue
            sums = [sum(k.found.get(what, 0) for k in of) for what in ("lost", "doubled", "different", "unable")]
            equal = sum(not any(k.found.values()) for k in of)
            cells = [phase, number.name, len(of), f"{equal} of {len(of)}", *sums, sum(k.steps_lost for k in of)]
            rows.append("| " + " | ".join(map(str, [*cells, f"{max(k.seconds for k in of):.1f} s"])) + " |")
    return "\n".join(rows)


def main() -> int:
    """Prints a line for each kill and the table. Returns 1 if a run differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: a temporary folder)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "faults.json")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="r1rl-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    rng, began = random.Random(args.seed), time.perf_counter()
    times = uninterrupted(folder)
    print("uninterrupted run: " + ", ".join(f"{k} {v:.3g} s" for k, v in asdict(times).items()), flush=True)
    kills: list[Kill] = []
    for i, plan in enumerate(planned(args.kills, rng), start=1):
        kills += one_run(folder, f"run{i}", plan, times, rng)
        write_results(args, times, kills, (time.perf_counter() - began) / 60)
    equal = sum(not any(k.found.values()) for k in kills)
    print(f"\n{table(kills)}\n\n{equal} of {len(kills)} kills: resumed and equal to the uninterrupted run")
    return 0 if equal == len(kills) else 1


def write_results(args: argparse.Namespace, times: Times, kills: list[Kill], minutes: float) -> None:
    """Writes the results so far; called after each run, because all of them take half an hour."""
    result = {
        "schema_version": 1, "date": time.strftime("%Y-%m-%d"), "flags": FLAGS, "seed": args.seed,
        "planned": args.kills, "minutes": round(minutes, 1), "times": asdict(times),
        "equal": sum(not any(k.found.values()) for k in kills), "kills": [asdict(k) for k in kills],
    }  # fmt: skip
    args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
