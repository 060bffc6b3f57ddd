"""Measures how cost grows: a step and its parts by completions per step, completion length and model size.

usage: python benchmarks/scaling.py [--gpu] [--budget SECONDS] [--only SWEEP | --redraw]
Each point is our trainer in its own process, with completions of forced lengths and, for shapes other than tiny, random
weights; the points of a sweep take turns. Writes scaling.json, scaling.md and scaling.png (with --gpu scaling_gpu.*)
next to this file. The model sweep uses few short completions, so that 0.5B fits on a CPU. Without --gpu a fourth sweep,
real, compares a real model, SmolLM2-135M-Instruct, with the two random shapes around its size: same step, settings and
turns. It is apart from the model sweep, which then needs no more memory, and whose exponents need models of clearly
different sizes. --only measures one sweep again and keeps the other points of the JSON. --redraw makes table and plot
from the JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import step  # first: it sets environment variables that torch reads at import
from rows import Row, RowFailed, Setup
from shapes import SHAPES, parameters

from r1rl.config.flags import SMOLLM2

HERE = Path(__file__).parent
GROUP = 8
PASS_TOKENS = 16_000  # most tokens of prompts and completions in one forward and backward pass
PROMPT_TOKENS = 80  # approximate; only decides the number of passes
NOISE = 0.08  # relative error of repeated measurements: a fit need not be better
COLOURS = {  # Okabe and Ito's colours, distinct for colour-blind readers
    "step": "#000000",
    "generate": "#0072b2",
    "forward/backward": "#d55e00",
    "optimizer": "#cc79a7",
    "sync": "#009e73",
    "rest": "#999999",
}
PARTS = ("step", "generate", "forward/backward", "sync")  # whose growth is printed


@dataclass(frozen=True)
class Point:
    """One measured size."""

    shape: str
    completions: int
    tokens: int

    @property
    def passes(self) -> int:
        """Number of passes: a power of two, so that a pass has at most PASS_TOKENS."""
        whole = self.completions * (PROMPT_TOKENS + self.tokens)
        wanted = 2 ** max(0, math.ceil(math.log2(whole / PASS_TOKENS)))
        return min(wanted, self.completions)


@dataclass(frozen=True)
class Sweep:
    """Points that differ in one quantity."""

    name: str
    unit: str
    points: tuple[Point, ...]
    x: Callable[[Point], float]

    @property
    def fixed(self) -> str:
        """The quantities that all points share, as text."""
        words = [(p.shape, f"{p.completions} completions", f"{p.tokens} tokens") for p in self.points]
        return ", ".join(quantity[0] for quantity in zip(*words) if len(set(quantity)) == 1)

    @property
    def by_model(self) -> bool:
        """Whether the points differ in the model."""
        return self.points[0].shape != self.points[-1].shape


def sweeps(gpu: bool) -> list[Sweep]:
    """Returns the three sweeps, and on a CPU the one of a real model."""
    base, tokens, many = ("0.5B", 512, 128) if gpu else ("tiny", 128, 64)
    few, brief = (64, 256) if gpu else (2 * GROUP, 32)  # two prompts, so that both cores sample
    shapes = ("0.5B", "1.5B", "3B", "7B") if gpu else ("tiny", "8M", "33M", "130M", "0.5B")
    by_count = tuple(Point(base, n, tokens) for n in (8, 16, 32, 64, 128, 256, 512))
    by_length = tuple(Point(base, many, n) for n in (64, 128, 256, 512, 1024))
    by_model = tuple(Point(s, few, brief) for s in shapes)
    found = [
        Sweep("completions", "completions per step", by_count, lambda p: p.completions),
        Sweep("length", "tokens per completion", by_length, lambda p: p.tokens),
        Sweep("model", "parameters", by_model, weights),
    ]
    if not gpu:
        around = tuple(Point(s, few, brief) for s in ("33M", SMOLLM2, "130M"))
        found.append(Sweep("real", "parameters, a real model between random shapes", around, weights))
    return found


def weights(point: Point) -> float:
    """Returns the number of weights that a sampled token is multiplied by."""
    return sum(parameters(point.shape).values())


def measure(chosen: Sequence[Sweep], gpu: bool, steps: int, budget: float, together: bool) -> dict[str, Any]:
    """Measures sweeps. The points of a sweep take turns step by step, because the machine's speed changes within a minute."""
    began, left_out = time.perf_counter(), []
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for sweep in chosen:
            found[sweep.name] = {}
            for points in [sweep.points] if together else [(p,) for p in sweep.points]:
                spent = time.perf_counter() - began
                if spent > budget:
                    left_out += [left(sweep, p, f"{budget:.0f} s were over") for p in points]
                    continue
                step.console.print(f"{spent:5.0f} s  {', '.join(key(p) for p in points)}", highlight=False)
                own = Path(folder, sweep.name)
                own.mkdir(exist_ok=True)
                done, failed = measure_points(points, own, gpu, steps, began + budget)
                found[sweep.name] |= done
                left_out += [left(sweep, p, why) for p, why in failed.items()]
    about = step.about_here(gpu) | {"seconds": round(time.perf_counter() - began)}
    about["command"] = " ".join(["python", "benchmarks/scaling.py", *sys.argv[1:]])
    return step.rounded({"about": about, "points": found, "left_out": left_out})


def left(sweep: Sweep, point: Point, why: str) -> dict[str, Any]:
    """Returns the entry of a point that was not measured."""
    return asdict(point) | {"sweep": sweep.name, "why": why}


def with_earlier(new: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Returns the earlier result with the sweeps of a new one, which keep their own machine, date and command."""
    again = new["points"]
    return {
        "about": earlier["about"],
        "again": earlier.get("again", {}) | dict.fromkeys(again, new["about"]),
        "points": earlier["points"] | again,
        "left_out": [x for x in earlier["left_out"] if x.get("sweep") not in again] + new["left_out"],
    }


def key(point: Point) -> str:
    """Returns the point's name in the JSON."""
    return f"{point.shape} {point.completions} x {point.tokens}"


def measure_points(
    points: Sequence[Point], folder: Path, gpu: bool, steps: int, until: float
) -> tuple[dict[str, Any], dict[Point, str]]:
    """Returns (results, reasons of failures) after a warm-up turn and `steps` timed turns, none of which starts after `until`."""
    rows: dict[Point, Row] = {}
    failed: dict[Point, str] = {}
    answers: dict[Point, list[dict[str, Any]]] = {point: [] for point in points}
    try:
        for turn in range(steps + 1):
            if turn > 1 and time.perf_counter() > until:
                break
            for point in [p for p in points if p not in failed]:
                try:
                    if point not in rows:
                        rows[point] = Row("ours bf16" if gpu else "ours", setup_of(point, folder, gpu))
                    answers[point].append(rows[point].ask("step", (point.tokens,) * point.completions))
                except RowFailed as error:
                    step.console.print(f"FAILED {error}", markup=False)
                    failed[point] = str(error).splitlines()[0]
    finally:
        for row in rows.values():
            row.close()
    done = {key(p): asdict(p) | medians(p, rows[p].about, answers[p][1:]) for p in points if p not in failed}
    return done, failed


def setup_of(point: Point, folder: Path, gpu: bool) -> Setup:
    """Returns the setup of a point's row."""
    own = folder / key(point).replace(" ", "-")
    own.mkdir()
    return Setup(
        folder=str(own),
        model=step.in_a_process(point.shape, own, gpu),
        prompts=point.completions // GROUP,
        group=GROUP,
        tokens=point.tokens,
        gpu=gpu,
        passes=point.passes,
        memory_share=step.gpu_share(point.shape) if gpu else 0.5,
    )


def medians(point: Point, about: dict[str, Any], answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns a point's seconds by part."""
    parts = {name: median(a["parts"].get(name, 0.0) for a in answers) for name in answers[0]["parts"]}
    shown = ("generate", "forward/backward", "optimizer", "sync")
    whole = [a["seconds"] for a in answers]
    rest = median(a["seconds"] - sum(a["parts"].get(n, 0.0) for n in shown) for a in answers)
    seconds = {"step": median(whole)} | {n: parts.get(n, 0.0) for n in shown} | {"rest": rest}
    return {
        "passes": point.passes,
        "steps": len(answers),
        "prompt_tokens": about["prompt_tokens"],
        "sampler": about["sampler"],  # words on its precision; none for float32
        "slowest": max(whole),
        "seconds": seconds,
        "memory": {k: v for k, v in answers[-1].items() if k.endswith("_gib")},
    }


# ---- analysis


def fit(xs: Sequence[float], ys: Sequence[float], powers: int) -> tuple[float, float, float]:
    """Returns the non-negative (a, b, c) of y = a + b x + c x^2 with the least relative error, over every subset of terms."""
    import numpy

    x, y = numpy.array(xs, float), numpy.array(ys, float)
    scale = x.max()
    terms = numpy.stack([numpy.ones_like(x), x / scale, (x / scale) ** 2], 1) / y[:, None]
    best, error = (0.0, 0.0, 0.0), math.inf
    for size in range(1, powers + 2):
        for chosen in itertools.combinations(range(powers + 1), size):
            found, *_ = numpy.linalg.lstsq(terms[:, chosen], numpy.ones(len(xs)), rcond=None)
            off = float(((terms[:, chosen] @ found - 1) ** 2).mean()) ** 0.5
            # Another term is only kept if the error is above the noise and falls by a tenth or more.
            if (found >= 0).all() and off < 0.9 * error and error > NOISE:
                error = off
                best = tuple(float(found[chosen.index(i)]) / scale**i if i in chosen else 0.0 for i in range(3))
    return best


def bends(xs: Sequence[float], ys: Sequence[float], powers: int) -> str:
    """Returns as text where the cost changes from fixed to proportional and from that to quadratic, by `fit`."""
    a, b, c = fit(xs, ys, powers)
    words = []
    if a and b:
        words.append(f"at {short(a / b)} half of the cost is fixed{outside(a / b, xs)}")
    if b and c:
        words.append(f"at {short(b / c)} the quadratic part is as large as the proportional part{outside(b / c, xs)}")
    if a and c and not b:
        at = math.sqrt(a / c)
        words.append(f"at {short(at)} the cost changes from fixed to quadratic{outside(at, xs)}")
    kinds = [k for k, v in (("fixed", a), ("proportional", b), ("quadratic", c)) if v]
    return ("; ".join(words) if words else f"no bend: {kinds[0]}") + "."


def outside(value: float, xs: Sequence[float]) -> str:
    """Returns a note if a bend is outside the measured range."""
    if value < min(xs):
        return " (below the measured range)"
    return " (beyond the measured range)" if value > max(xs) else ""


def slopes(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Returns the exponents between neighbouring points: 0 fixed, 1 proportional, 2 quadratic."""
    pairs = zip(zip(xs, ys), zip(xs[1:], ys[1:]))
    return [math.log(d / b) / math.log(c / a) for (a, b), (c, d) in pairs]


def short(value: float) -> str:
    """Formats a number with two or more digits and a unit."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return plain(value / (1e3 if unit == "k" else size)) + unit
    return plain(value)


def plain(value: float) -> str:
    """Formats a number without exponent and without meaningless digits."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


Rows = list[tuple[float, dict[str, Any]]]  # (x, point)


def measured(sweep: Sweep, result: dict[str, Any]) -> Rows:
    """Returns the points that were measured."""
    points = result["points"].get(sweep.name, {})
    return [(sweep.x(p), points[key(p)]) for p in sweep.points if key(p) in points]


def costs(point: dict[str, Any]) -> dict[str, float]:
    """Returns the microseconds per token: sampling by sampled tokens, update by all tokens that it reads."""
    sampled = point["completions"] * point["tokens"]
    read = sampled + point["completions"] * point["prompt_tokens"]
    taken = point["seconds"]
    update = taken["forward/backward"] + taken["optimizer"]
    return {"sampling": 1e6 * taken["generate"] / sampled, "update": 1e6 * update / read}


def growth(sweep: Sweep, rows: Rows) -> list[str]:
    """Returns the exponents and bends of each part of a step; nothing for a single point."""
    if len(rows) < 2:
        return []
    xs, lines = [x for x, _ in rows], []
    for part in PARTS:
        ys = [max(p["seconds"][part], 1e-6) for _, p in rows]
        exponents = ", ".join(f"{s:.2f}" for s in slopes(xs, ys))
        powers = 2 if sweep.name == "length" else 1
        lines.append(f"- {part}: exponents from point to point {exponents}; {bends(xs, ys, powers)}")
    return lines


def against_random(rows: Rows) -> list[str]:
    """Returns what each real model costs, as a multiple of what the random shapes around it predict."""
    real, random = apart(rows)
    if len(random) < 2:
        return []
    return [
        f"- {point['shape']} against a random shape of as many parameters, by the power law through the two shapes: "
        + ", ".join(f"{part} {point['seconds'][part] / predicted(random, part, x):.2f} times" for part in PARTS)
        + "."
        for x, point in real
    ]


def apart(rows: Rows) -> tuple[Rows, Rows]:
    """Returns the real models, and the shapes of SHAPES."""
    return [r for r in rows if r[1]["shape"] not in SHAPES], [r for r in rows if r[1]["shape"] in SHAPES]


def predicted(rows: Rows, part: str, x: float) -> float:
    """Returns the seconds at x on the power law through the first and the last point."""
    (low, first), (high, last) = rows[0], rows[-1]
    a, b = first["seconds"][part], last["seconds"][part]
    return a * (b / a) ** (math.log(x / low) / math.log(high / low))


def made_by(about: dict[str, Any]) -> str:
    """Returns command, date and machine of a measurement."""
    here = about["machine"]
    return (
        f"Made by `{about['command']}` on {about['date']} (commit {(about['commit'] or 'unknown')[:12]}): "
        f"{here['gpu'] or here['processor']}, {here['cores']} cores, "
        f"torch {about['versions'].get('torch')}; {about['seconds']} s in all."
    )


def markdown(result: dict[str, Any], gpu: bool) -> str:
    """Returns the page with tables and bends."""
    lines = [
        "# How cost grows",
        "",
        made_by(result["about"]),
        "Our trainer, whole steps, median seconds; every completion has the given length. Shapes other than tiny have",
        "random weights. `us per token`: sampling by sampled tokens; update (forward, backward, optimizer) by all tokens",
        "that it reads, prompts included. A pass has at most 16,000 of them.",
    ]
    for sweep in sweeps(gpu):
        rows = measured(sweep, result)
        found = against_random(rows) if sweep.name == "real" else growth(sweep, rows)
        if not found:
            continue
        prompts = " and ".join(str(n) for n in sorted({p["prompt_tokens"] for _, p in rows}))
        lines += ["", f"## {sweep.unit} ({sweep.fixed}; prompts of {prompts} tokens)", ""]
        if sweep.name in result.get("again", {}):
            lines += [made_by(result["again"][sweep.name]), ""]
        lines += [
            f"| {sweep.unit.partition(',')[0]} | step | generate | forward/backward | optimizer | sync | rest | us per token, sampling | update | passes |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for x, point in rows:
            name = f"{point['shape']} ({short(x)})" if sweep.by_model else f"{x:.0f}"
            cells = [f"{point['seconds'][n]:.3f}" for n in COLOURS]
            each = [f"{c:.1f}" for c in costs(point).values()]
            lines.append(f"| {' | '.join([name, *cells, *each, str(point['passes'])])} |")
        lines += ["", *found]
    lines += ["", "## Why the cost bends", "", *WHY]
    if result["left_out"]:
        lines += ["", f"Left out for lack of time or because they failed: {json.dumps(result['left_out'])}"]
    return "\n".join(lines) + "\n"


WHY = [  # properties of the algorithm; the tables show their size
    "- Completions: sampling runs one small product per layer and token for any number of rows, so with few rows a token costs",
    "  the overhead of its operations (on a GPU: reading all weights). Beyond the bend the cost is arithmetic and proportional.",
    "- Length: every new token reads all earlier keys and values, which is the quadratic term in sampling and update.",
    "- Prompts are read once per group, in sampling and in the update; the update's tokens count them for each completion.",
    "- Model size: small models pay overhead, large ones arithmetic. The output layer grows with the vocabulary, which is below",
    "  1,000 up to 33M, 32,768 at 130M and 151,936 from 0.5B on. Sync merges and copies all projections, which is proportional.",
    "- A real model of the same size may have another form: smollm2-135m has 30 layers of width 576 and 49,152 words, the",
    "  shape 130M 16 layers of width 768 and 32,768 words. More layers are more operations, each of less arithmetic.",
]


def draw(result: dict[str, Any], gpu: bool, path: Path) -> None:
    """Draws the sweeps on logarithmic axes: seconds above, microseconds per token below; real models as diamonds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), dpi=130, sharey="row", sharex="col")
    lower = {"sampling": COLOURS["generate"], "update": COLOURS["forward/backward"]}
    all_sweeps = {sweep.name: sweep for sweep in sweeps(gpu)}
    for column, sweep in enumerate(all_sweeps[name] for name in ("completions", "length", "model")):
        rows = measured(sweep, result)
        if not rows:
            continue
        xs = [x for x, _ in rows]
        above, below = axes[0, column], axes[1, column]
        for name, colour in COLOURS.items():
            ys = [max(p["seconds"][name], 1e-4) for _, p in rows]
            above.plot(xs, ys, "o-", color=colour, markersize=3, linewidth=2 if name == "step" else 1.2, label=name)
        for name, colour in lower.items():
            below.plot(
                xs, [costs(p)[name] for _, p in rows], "o-", color=colour, markersize=3, label=f"{name}, per token"
            )
        whole = [p["seconds"]["step"] for _, p in rows]
        above.plot(
            xs,
            [whole[-1] * x / xs[-1] for x in xs],
            color="#bbbbbb",
            linestyle=":",
            linewidth=1,
            label="proportional",
            zorder=0,
        )
        above.set(title=sweep.fixed)
        below.set(xlabel=sweep.unit)
        for axis in (above, below):
            axis.set(xscale="log", yscale="log")
            axis.grid(True, which="major", color="#eeeeee")
            axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: short(v)))
            axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
            axis.yaxis.set_minor_formatter(NullFormatter())
            axis.xaxis.set_minor_locator(NullLocator())
        below.set_xticks(xs, [p["shape"] for _, p in rows] if sweep.by_model else [short(x) for x in xs])
    for x, point in apart(measured(all_sweeps["real"], result))[0] if "real" in all_sweeps else ():
        above, below = axes[:, 2]
        for axis, values, colours in ((above, point["seconds"], COLOURS), (below, costs(point), lower)):
            for name, colour in colours.items():
                axis.plot(x, max(values[name], 1e-4), "D", color=colour, markersize=6, fillstyle="none")
        above.annotate(
            point["shape"], (x, point["seconds"]["step"]), (-6, 4), textcoords="offset points", ha="right", fontsize=8
        )
    axes[0, 0].set_ylabel("seconds per step")
    axes[1, 0].set_ylabel("microseconds per token")
    for row in axes:
        named = row[0].get_legend_handles_labels()
        row[2].legend(*named, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    figure.savefig(path)


def main() -> int:
    """Measures, or reads earlier measurements, and writes all three files. Returns 1 if a point is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--steps", type=int, default=3, help="timed steps per point")
    parser.add_argument("--budget", type=float, default=840.0, help="seconds after which no turn starts")
    parser.add_argument(
        "--one-by-one",
        action="store_true",
        help="measure the points of a sweep one after another, as on a GPU: 12 GiB instead of 20",
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--only", metavar="SWEEP", help="measure only completions, length, model or, without --gpu, real")
    part.add_argument("--redraw", action="store_true")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the three files")
    args = parser.parse_args()
    chosen = [sweep for sweep in sweeps(args.gpu) if args.only in (None, sweep.name)]
    if not chosen:
        parser.error(f"--only {args.only}: the sweeps are {', '.join(sweep.name for sweep in sweeps(args.gpu))}")
    stem = args.output / ("scaling_gpu" if args.gpu else "scaling")
    if args.redraw:
        result = json.loads(stem.with_suffix(".json").read_text())
    else:
        result = measure(chosen, args.gpu, args.steps, args.budget, not (args.gpu or args.one_by_one))
        if args.only and stem.with_suffix(".json").exists():
            result = with_earlier(result, json.loads(stem.with_suffix(".json").read_text()))
        stem.with_suffix(".json").write_text(json.dumps(result, indent=None) + "\n")
    stem.with_suffix(".md").write_text(markdown(result, args.gpu))
    draw(result, args.gpu, stem.with_suffix(".png"))
    print(stem.with_suffix(".md").read_text())
    return 1 if result["left_out"] else 0


if __name__ == "__main__":
    sys.exit(main())
