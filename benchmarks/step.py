"""Times a training step and its parts against other implementations and against limits, on one machine.

usage: python benchmarks/step.py [--repeats 3] [--steps 4] [--json FILE] [--rows NAME ...]
       python benchmarks/step.py --model smollm2-135m
       python benchmarks/step.py --gpu [--shape 3B]

Without a GPU: 64 completions x 128 tokens on the embedded model, then as many of mixed lengths with a long tail. With
--gpu: 128 completions x 512 tokens and mixed lengths, on random weights of the shape. All rows sample the same lengths, which
are forced and checked, and half of each group is rewarded, so that every group has a signal. Rows take turns step by step,
because the speed of a machine changes within a minute. Every figure and ratio of a round is one of totals; the tables are
Markdown and show the median of the rounds and their spread. A row whose package is not installed says so.

With --model, a real model on a CPU, named as for --model-name: 64 completions x 128 tokens after prompts of the recipe
laptop, 3 rounds of 1 step. About 20 minutes on 2 idle cores for smollm2-135m, and 20 GiB with all rows at once; --one-by-one
needs less, and its ratios are less steady. The rows that are not ours compute in bfloat16: stock TRL with 16 completions in
a pass; vLLM with the logprobs of the sampled tokens; the bare update, which is forward, backward and AdamW of the
transformers model on as many tokens as our update reads. Fine-tuning learns as many completions of the same length, each
after its prompt. The matrix peak is the fastest of three square bfloat16 products in each round. Speeds in FLOP/s count
2 FLOP for each weight in a matrix product and token forward, three times that in training, twice for the weights that LoRA
freezes (forward and the gradient of the inputs), and attention; padding and recomputation do not count (flops.py).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

# Set before torch is imported, here or in a row: threads of waiting rows must not spin.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Rows are terminated; Python would warn about their open resources.
os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import flops  # noqa: E402
import model_step  # noqa: E402
import shapes  # noqa: E402
from measured import (  # noqa: E402
    Measured,
    Target,
    around,
    completions_a_second,
    field,
    markdown,
    of_a_step,
    over_rounds,
    part,
    share,
    speed,
    step_seconds,
    update_seconds,
)
from rich.console import Console  # noqa: E402
from rows import NEEDS, UNSLOTH_ON_CPU, Row, RowFailed, Setup, missing  # noqa: E402
from start import once  # noqa: E402

from r1rl.config.recipes import RECIPES  # noqa: E402
from r1rl.models import source  # noqa: E402
from r1rl.models.shape import FAMILIES, Shape  # noqa: E402
from r1rl.runs import folder as runs_folder  # noqa: E402
from r1rl.system import machine  # noqa: E402
from r1rl.system.errors import UserError  # noqa: E402

console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
progress = Console(stderr=True, highlight=False, soft_wrap=True)  # so that the output is the tables alone
CPU_ROWS = ("ours", "ours vllm", "trl", "trl plain", "bare engine", "bare update")
GPU_ROWS = ("ours 4 bit", "ours bf16", "trl", "published", "bare engine", "bare update")
WHAT = {  # description of each row
    "ours": "r1rl, its own decoder",
    "ours vllm": "r1rl --engine vllm",
    "ours 4 bit": "r1rl, the default recipe (4 bit, engine shared)",
    "ours bf16": "r1rl --no-load-in-4bit",
    "trl": "TRL's GRPOTrainer, its defaults",
    "trl plain": "the same without gradient checkpointing",
    "published": "R1RL as published: stock Unsloth GRPO, 2 x 8",
    "bare engine": "vllm.LLM.generate alone",
    "bare update": "forward, backward, AdamW alone, no padding",
    "fine-tuning": "r1rl's fine-tuning on as many completions",
    "matrix peak": "one bfloat16 product",
}
FIXED_ONLY = ("trl plain",)  # rows that are not measured with mixed lengths
NOT_SAMPLING = ("bare update", "fine-tuning", "matrix peak")
# Rows whose step is other work than ours, and why.
NOT_COMPARED = {"bare engine": "a part", "bare update": "a part", "fine-tuning": "no sampling",
                "matrix peak": "no step", "published": "16 completions"}  # fmt: skip
QUIET = 10.0  # seconds after which the next line of progress is printed
PUBLISHED = 16  # completions in a step of R1RL's published configuration
EVALUATION = 200  # problems
DEFAULT_RUN = {"steps": 500, "evaluations": 6}  # by default: every 100 steps and before the first
TINY_RUN = {"steps": 40, "evaluations": 5}  # recipe tiny evaluates more often, for its curve: every 10 steps


def mixed_lengths(count: int, mean: float, longest: int, seed: int) -> tuple[int, ...]:
    """Returns log-normal lengths (sigma 0.7: the longest tenth is six times the shortest) cut at `longest`."""
    draws = [random.Random(seed + i).gauss(0.0, 0.7) for i in range(count)]
    low, high = 0.0, math.log(longest) + 3.0
    for _ in range(50):  # find the scale that gives the wanted mean after the cut
        middle = (low + high) / 2
        lengths = [max(2, min(longest, round(math.exp(middle + d)))) for d in draws]
        low, high = (middle, high) if sum(lengths) / count < mean else (low, middle)
    return tuple(lengths)


def targets(table: Measured, extra: dict[str, Any], gpu: bool, shape: str, works) -> list[Target]:
    """Returns the targets whose rows were measured."""
    found = []
    main_rows = [r for r in ("ours", "ours vllm", "ours 4 bit", "ours bf16") if r in table.steps["fixed"]]
    for work in table.steps:
        for row in main_rows:
            name = f"{work}: {row}"
            if not gpu and table.has(work, row, "trl"):
                ratios = table.ratio(work, (row, step_seconds), ("trl", step_seconds))
                found.append(Target(f"{name}, step against TRL's", 1 / 3, True, ratios))
            if not gpu and table.has(work, row, "trl plain"):
                ratios = table.ratio(work, (row, step_seconds), ("trl plain", step_seconds))
                found.append(Target(f"{name}, step against TRL's without checkpointing", 1 / 3, True, ratios))
            if row == "ours bf16" and table.has(work, row, "trl"):
                ratios = table.ratio(work, (row, completions_a_second), ("trl", completions_a_second))
                found.append(Target(f"{name}, completions/s against TRL + vLLM", 1.5, False, ratios))
            if row == "ours 4 bit" and table.has(work, row, "published"):
                ratios = table.ratio(work, (row, completions_a_second), ("published", completions_a_second))
                found.append(Target(f"{name}, completions/s against R1RL as published", 5.0, False, ratios))
            if table.has(work, row, "bare engine"):
                ratios = table.ratio(work, (row, speed), ("bare engine", speed))
                found.append(Target(f"{name}, rollouts in tokens/s against the bare engine", 0.9, False, ratios))
            if table.has(work, row, "bare update"):
                ratios = table.ratio(work, (row, update_seconds), ("bare update", step_seconds))
                found.append(Target(f"{name}, update against the bare one", 1.15, True, ratios))
            outside = table.rounds(work, row, (around, field("seconds")))
            found.append(Target(f"{name}, outside generation and forward/backward", 0.05, True, outside, "%"))
            sync = table.rounds(work, row, share("sync"))
            found.append(Target(f"{name}, weights into the engine", 0.01, True, sync, "%"))
            if gpu and "matrix peak" in extra:
                rank, prompt = extra["rows"][row]["lora_rank"], extra["prompt_tokens"]
                count = flops.training(shapes.shape_of(shape), rank, prompt, works[work], Setup.group)
                speeds = table.rounds(work, row, of_a_step(update_seconds[0]))
                shares = [count / seconds / extra["matrix peak"]["flops"] for seconds in speeds]
                found.append(Target(f"{name}, update, of the matrix peak", 0.4, False, shares, "%"))
    for row, answers in extra.get("evaluations", {}).items():
        if row in main_rows:
            for cadence in (DEFAULT_RUN,) if gpu else (DEFAULT_RUN, TINY_RUN):
                steps = median(table.rounds("mix", row, step_seconds)) * cadence["steps"]
                shares = [a["seconds"] * cadence["evaluations"] for a in answers]
                shares = [s / (s + steps) for s in shares]
                count, length = cadence["evaluations"], cadence["steps"]
                words = f"{row}: {count} evaluations of {EVALUATION} in a run of {length} steps"
                found.append(Target(words, 0.05, True, shares, "%"))
            calls = answers[0]["engine_calls"]
            found.append(Target(f"{row}: engine calls of an evaluation", 1, True, [calls]))
    if gpu and table.has("fixed", "ours 4 bit"):
        peak = [max(s["gpu_gib"] for r in w["ours 4 bit"] for s in r) for w in table.steps.values()]
        found.append(Target("ours 4 bit: peak memory on the GPU", 22.0, True, [max(peak)], "GiB"))
    if "help" in extra:
        found.append(Target("--help", 0.35, True, extra["help"], "s"))
    for words, taken in extra.get("first completion", {}).items():
        found.append(Target(f"first completion of tiny, {words}", 20.0, True, taken, "s"))
    return found


class Progress:
    """Prints what is measured at the moment, at most every QUIET seconds."""

    def __init__(self):
        self.began = self.said = time.perf_counter()

    def say(self, words: str, always: bool = False) -> None:
        """Prints a line after the minutes since the beginning."""
        now = time.perf_counter()
        if always or now - self.said >= QUIET:
            self.said = now
            minutes, seconds = divmod(int(now - self.began), 60)
            progress.print(f"{minutes:3}:{seconds:02}  {words}", markup=False)


def measure(setup: Setup, names: Sequence[str], works: dict[str, tuple[int, ...]], args) -> tuple:
    """Returns (Measured, other measurements, reasons for missing rows)."""
    table, extra, absent, watch = Measured(), {"evaluations": {}, "rows": {}}, {}, Progress()
    for name in names:
        needs = ["vllm"] if name == "trl" and setup.gpu else NEEDS.get(name, [])
        if lacks := missing(needs):
            absent[name] = f"{lacks} ({UNSLOTH_ON_CPU})" if name.startswith("trl") and not setup.gpu else lacks
    wanted = [n for n in names if n not in absent]
    groups = [[n] for n in wanted] if args.one_by_one else [wanted]
    for group in groups:
        rows: dict[str, Row] = {}
        try:
            for name in group:
                begin(name, setup, works, rows, absent, extra, watch)
            for number in range(args.repeats):
                for work, lengths in works.items():
                    for at in range(args.steps):
                        for name in [n for n in rows if work == "fixed" or n not in FIXED_ONLY]:
                            watch.say(f"round {number + 1} of {args.repeats}, {work}, step {at + 1}: {name}")
                            turn(rows, name, table, work, number, lengths, number * args.steps + at, absent)
                if "mix" in works:
                    evaluate_rows(rows, setup, extra, absent)
            if "bare update" in rows and setup.gpu:
                extra["matrix peak"] = rows["bare update"].ask("matrix peak")
        finally:
            for row in rows.values():
                row.close()
    return table, extra, absent


def begin(name, setup: Setup, works, rows: dict[str, Row], absent, extra, watch: Progress) -> None:
    """Starts a row and runs one untimed step of each workload."""
    own = setup
    if name == "published":
        own = dataclasses.replace(setup, prompts=PUBLISHED // 8, group=8, passes=1)
    watch.say(f"starting {name}: {WHAT[name]}", always=True)
    try:
        row = Row(name, own, waiting=lambda seconds: watch.say(f"{name}: {seconds:.0f} s so far"))
        rows[name] = row
        watch.say(f"{name} started in {row.seconds_to_start:.0f} s and makes an untimed step", always=True)
        for lengths in works.values():
            row.ask("step", slice_for(name, lengths, 0))
        extra["rows"][name] = {**row.about, "seconds_to_start": round(row.seconds_to_start, 1)}
        prompt = row.about.get("prompt_tokens")
        if prompt is not None and extra.setdefault("prompt_tokens", prompt) != prompt:
            raise RowFailed(f"prompts of {prompt} tokens, not {extra['prompt_tokens']}")
    except RowFailed as error:
        fail(rows, name, absent, error)


def turn(rows, name, table: Measured, work: str, number: int, lengths, call: int, absent) -> None:
    """Runs a row's step in a round."""
    try:
        table.add(work, name, number, rows[name].ask("step", slice_for(name, lengths, call)))
    except RowFailed as error:
        fail(rows, name, absent, error)


def fail(rows, name: str, absent, error: RowFailed) -> None:
    """Prints why a row failed; the others continue."""
    progress.print(f"FAILED {error}", markup=False)
    absent[name] = "FAILED: " + str(error).splitlines()[0]
    if row := rows.pop(name, None):
        row.close()


def evaluate_rows(rows, setup: Setup, extra, absent) -> None:
    """Runs an evaluation of 200 problems, with mixed lengths, in each row that supports it."""
    lengths = mixed_lengths(EVALUATION, mean_length(setup), setup.tokens, seed=2)
    for name in list(rows):
        if name.startswith("ours") or name == "published":
            try:
                answer = rows[name].ask("evaluate", lengths)
                extra["evaluations"].setdefault(name, []).append(answer)
            except RowFailed as error:
                fail(rows, name, absent, error)


def slice_for(name: str, lengths: tuple[int, ...], call: int) -> tuple[int, ...]:
    """Returns a row's lengths of one step: all, or for the published configuration the next sixteen."""
    if name != "published":
        return lengths
    start = call * PUBLISHED % len(lengths)
    return lengths[start : start + PUBLISHED]


def mean_length(setup: Setup) -> float:
    """Returns the mean of the mixed lengths: about 50 of 128, as for the tiny model, and in proportion for others."""
    return setup.tokens * 50 / 128


def first_completion(flags: Sequence[str]) -> float:
    """Returns the seconds from the start of `main.py --recipe tiny` to the first completion in its dump."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "main.py"), "--recipe", "tiny", "--add-reasoning-prefix", *flags]
        command += ["--dumps", folder, "--exp-name", "run"]
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            while not (any(Path(folder).glob("run/eval/*.jsonl")) or Path(folder, "run/rollouts.jsonl").exists()):
                if process.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
                time.sleep(0.02)
            return time.perf_counter() - start
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def print_rows(table: Measured, names: Sequence[str], absent: dict[str, str], works) -> None:
    """Prints one table per workload: each row's seconds, and its ratio to the first of our rows."""
    head = ("row", "s per step", "min to max", "tokens/s sampled", "against ours", "over rounds")
    for work, lengths in works.items():
        title = f"{work}: {len(lengths)} completions, {sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at most"
        lines = []
        base = next((n for n in names if n.startswith("ours") and table.has(work, n)), None)
        for name in names:
            if not table.has(work, name):
                lines.append([WHAT[name], "-", "-", "-", "-", absent.get(name, "not measured")])
                continue
            times = [s["seconds"] for steps in table.steps[work][name] for s in steps]
            sampled = "-" if name in NOT_SAMPLING else f"{median(table.rounds(work, name, speed)):,.0f}"
            ratios = table.ratio(work, (name, step_seconds), (base, step_seconds)) if base else []
            of, spread = over_rounds(ratios, ".2f") if ratios else ("-", "-")
            of, spread = ("", NOT_COMPARED[name]) if name in NOT_COMPARED else (of, spread)
            seconds = f"{median(times):.3f}", f"{min(times):.3f} to {max(times):.3f}"
            lines.append([WHAT[name], *seconds, sampled, of, spread])
        print(markdown(title, head, lines))
        print_parts(table, work, [n for n in names if not n.startswith("bare") and n != "matrix peak"])


def print_parts(table: Measured, work: str, names: Sequence[str]) -> None:
    """Prints the parts of a step, median seconds and share."""
    measured = [n for n in names if table.has(work, n)]
    parts: dict[str, None] = {}
    for name in measured:
        parts |= dict.fromkeys(table.steps[work][name][0][0]["parts"])
    lines = []
    for p in parts:
        cells = []
        for name in measured:
            if p not in table.steps[work][name][0][0]["parts"]:  # not measured separately by this row
                cells.append("-")
                continue
            taken = median(table.rounds(work, name, of_a_step(part(p))))
            cells.append(f"{taken:.4f} ({median(table.rounds(work, name, share(p))):.1%})")
        lines.append([p, *cells])
    print(markdown(f"{work}: parts of a step, seconds and share of it", ["part", *measured], lines))


def print_targets(found: Sequence[Target], extra: dict[str, Any]) -> None:
    """Prints the targets with the measured values."""
    print(markdown("targets", ("what", "target", "measured", "over rounds", ""), [t.cells() for t in found]))
    for name, answers in extra.get("evaluations", {}).items():
        taken = median(a["seconds"] for a in answers)
        print(f"\nevaluation of {EVALUATION}, {name}: {taken:.2f} s, engine calls: {answers[0]['engine_calls']}")
    if "matrix peak" in extra:
        peak = extra["matrix peak"]
        print(f"\none product of {peak['size']} x {peak['size']} bfloat16: {peak['flops'] / 1e12:.1f} TFLOP/s")


def about_here(gpu: bool) -> dict[str, Any]:
    """Returns machine, date, versions and command."""
    here = machine.look()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "command": " ".join(["python", "benchmarks/step.py", *without_paths(sys.argv[1:])]),
        "commit": runs_folder.commit(),
        "machine": {"cores": here.cores, "processor": processor(), "gpu": here.gpu if gpu else None,
                    "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)},
        "python": sys.version.split()[0],
        "versions": runs_folder.versions(),
    }  # fmt: skip


def without_paths(flags: Sequence[str]) -> list[str]:
    """Returns the flags without output paths, which belong to the machine and not to the measurement."""
    return [f for at, f in enumerate(flags) if not {f, *flags[max(0, at - 1) : at]} & {"--json", "--folder"}]


def processor() -> str:
    """Returns the processor's name with its matrix instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return "unknown"
    name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "unknown")
    flags = next((x.split(":", 1)[1].split() for x in lines if x.startswith("flags")), [])
    return ", ".join([name, *(f for f in ("avx512_bf16", "amx_bf16") if f in flags)])


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true", help="measure the rows for a GPU")
    parser.add_argument("--shape", choices=shapes.SHAPES, help="model (default: tiny, with --gpu 0.5B)")
    parser.add_argument("--model", help="a real model on a CPU, named as for --model-name")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--steps", type=int, help="steps of each row per round (default: 4, with --model 1)")
    parser.add_argument("--prompts", type=int, help="prompts per step (default: 8, with --gpu 16)")
    parser.add_argument("--tokens", type=int, help="longest completion (default: 128, with --gpu 512)")
    parser.add_argument("--passes", type=int, help="passes per step (default: 1, with --gpu 8, with --model 4 of TRL)")
    parser.add_argument("--rows", nargs="*", help="measure only these rows")
    parser.add_argument(
        "--one-by-one", action="store_true", help="measure one row after the other, if not all fit in memory at once"
    )
    parser.add_argument("--no-start", action="store_true", help="do not time --help and the first completion")
    parser.add_argument("--folder", type=Path, help="folder of models and logs (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="output file (default: step_cpu.json, step_MODEL.json or "
                        "step_gpu_SHAPE.json in benchmarks/)")  # fmt: skip
    args = parser.parse_args()
    if args.model and (args.gpu or args.shape):
        parser.error("--model is for a CPU and has weights of its own: with --gpu or --shape, leave it out")
    args.of_model = None  # its Shape
    if args.model:
        try:
            source.locate(args.model)  # converts a GGUF file, once
            args.of_model = source.shape_of(args.model)
        except UserError as error:
            parser.error(str(error).replace("--model-name", "--model"))
        if args.of_model is None:
            parser.error(f"--model {args.model}: its shape is not known, so its FLOPs cannot be counted. Give a model "
                         f"of the types {', '.join(sorted(FAMILIES))}, in a folder or in the hub's cache.")  # fmt: skip
    args.steps = args.steps or (1 if args.model else 4)
    args.shape = args.shape or ("0.5B" if args.gpu else "tiny")
    name = f"step_gpu_{args.shape}" if args.gpu else f"step_{Path(args.model).name}" if args.model else "step_cpu"
    args.json = args.json or ROOT / "benchmarks" / f"{name}.json"
    return args


def setup_of(args: argparse.Namespace, folder: str) -> Setup:
    """Returns the settings that all rows share."""
    sizes = {"prompts": args.prompts or (16 if args.gpu else 8), "tokens": args.tokens or (512 if args.gpu else 128)}
    if args.model:
        passes = args.passes or model_step.PASSES
        return Setup(
            folder, args.model, model_step.RECIPE, **sizes, passes=passes, bfloat16=True, flags={"trial": False}
        )
    return Setup(
        folder=folder,
        model=in_a_process(args.shape, Path(folder), args.gpu),
        **sizes,
        passes=args.passes or (8 if args.gpu else 1),
        gpu=args.gpu,
        memory_share=gpu_share(args.shape) if args.gpu else 0.5,
    )


def main() -> int:
    """Measures, prints and writes. Returns 1 if a row failed."""
    args = arguments()
    began = time.perf_counter()
    wanted = model_step.ROWS if args.model else GPU_ROWS if args.gpu else CPU_ROWS
    names = [n for n in wanted if not args.rows or n in args.rows]
    with tempfile.TemporaryDirectory(dir=args.folder and args.folder.resolve()) as folder:
        setup = setup_of(args, folder)
        works = {"fixed": (setup.tokens,) * setup.completions}
        if not args.model:
            works["mix"] = mixed_lengths(setup.completions, mean_length(setup), setup.tokens, seed=1)
        table, extra, absent = measure(setup, names, works, args)
    if not (args.no_start or args.gpu or args.model):
        extra["help"] = [once(["--help"]) for _ in range(5)]
        starts = {"without Unsloth and vLLM": ["--engine", "transformers", "--no-unsloth"]}
        if not missing(["unsloth", "vllm"]):
            starts["with both"] = []
        extra["first completion"] = {
            words: [first_completion(flags) for _ in range(args.repeats)] for words, flags in starts.items()
        }
    print_rows(table, names, absent, works)
    if args.model:
        found = print_model(table, extra, args.of_model, works["fixed"])
    else:
        found = targets(table, extra, args.gpu, args.shape, works) if table.steps else []
    print_targets(found, extra)
    about = about_here(args.gpu) | {"seconds": round(time.perf_counter() - began)}
    summary = [dataclasses.asdict(t) | {"value": t.value, "reached": t.reached} for t in found]
    result = {"about": about, "setup": {"shape": args.model or args.shape, "prompts": setup.prompts, "group": setup.group,
              "tokens": setup.tokens, "passes": setup.passes}, "lengths": works, "absent": absent, "targets": summary,
              "rows": extra.pop("rows"), "extra": extra, "steps": table.steps}  # fmt: skip
    args.json.write_text(json.dumps(rounded(result), indent=None) + "\n")
    print(f"\n{about['seconds']} s in all; written to {args.json}")
    return 1 if any(words.startswith("FAILED") for words in absent.values()) else 0


def print_model(table: Measured, extra: dict[str, Any], shape: Shape, lengths: Sequence[int]) -> list[Target]:
    """Prints the speeds of a real model's rows. Returns its targets."""
    if "prompt_tokens" not in extra:  # no row but the matrix peak
        return []
    work = model_step.jobs(shape, RECIPES[model_step.RECIPE]["lora_rank"], extra["prompt_tokens"], lengths, Setup.group)
    print(
        markdown(
            f"speeds, prompts of {extra['prompt_tokens']} tokens", model_step.SPEEDS, model_step.speeds(table, work)
        )
    )
    return model_step.targets(table, work)


def in_a_process(shape: str, folder: Path, gpu: bool) -> str:
    """Makes the model in a separate process, so that its memory is freed, and returns its name or folder."""
    if shape in shapes.TRAINED:
        return shape
    code = f"import sys; sys.path[:0] = {sys.path[:2]!r}; import shapes; from pathlib import Path; shapes.make({shape!r}, Path({str(folder)!r}), {gpu})"
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
    return str(folder / f"shape-{shape}")


def gpu_share(shape: str) -> float:
    """Returns the engine's share of the card: weights and 5 GiB, so that all rows fit on a large card together."""
    size = shapes.parameters(shape)
    total = machine.look().gpu_total / 2**30
    return min(0.5, (2 * (size["body"] + size["head"]) / 2**30 + 5.0) / max(total, 1.0))


def rounded(value: Any) -> Any:
    """Rounds floats to five digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
