"""How cost grows: a step and its parts against completions a step, completion length and model size.

usage: python benchmarks/scaling.py [--gpu] [--budget SECONDS] [--redraw]
Each point is our trainer in a process of its own, with completions of forced lengths and, for shapes other than tiny,
random weights; the points of a sweep take turns. Writes scaling.json, scaling.md and scaling.png (with --gpu
scaling_gpu.*) beside this file. The model sweep has few completions of few tokens, so that 0.5B can be had on a CPU.
--redraw makes table and plot from the JSON.
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

import step  # first: it sets what must be set before torch is imported
from rows import Row, RowFailed, Setup
from shapes import parameters

HERE = Path(__file__).parent
GROUP = 8
PASS_TOKENS = 16_000  # prompts and completions in one forward and backward pass, at most
PROMPT_TOKENS = 80  # about; decides passes only
NOISE = 0.08  # relative error of a fit that is as good as repeated measurements are
COLOURS = {  # Okabe and Ito's, told apart by colour-blind readers
    "step": "#000000",
    "generate": "#0072b2",
    "forward/backward": "#d55e00",
    "optimizer": "#cc79a7",
    "sync": "#009e73",
    "rest": "#999999",
}


@dataclass(frozen=True)
class Point:
    """One size of work."""

    shape: str
    completions: int
    tokens: int

    @property
    def passes(self) -> int:
        """A power of two, so that a pass keeps to PASS_TOKENS."""
        whole = self.completions * (PROMPT_TOKENS + self.tokens)
        wanted = 2 ** max(0, math.ceil(math.log2(whole / PASS_TOKENS)))
        return min(wanted, self.completions)


@dataclass(frozen=True)
class Sweep:
    """Points that differ in one thing."""

    name: str
    unit: str
    points: tuple[Point, ...]
    x: Callable[[Point], float]

    @property
    def fixed(self) -> str:
        """What all its points have in common, in words."""
        p = self.points[0]
        words = {
            "model": p.shape,
            "completions": f"{p.completions} completions",
            "length": f"{p.tokens} tokens",
        }
        return ", ".join(text for name, text in words.items() if name != self.name)


def sweeps(gpu: bool) -> list[Sweep]:
    """The three questions."""
    base, tokens, many = ("0.5B", 512, 128) if gpu else ("tiny", 128, 64)
    few, brief = (64, 256) if gpu else (2 * GROUP, 32)  # two prompts, so that both cores sample
    shapes = ("0.5B", "1.5B", "3B", "7B") if gpu else ("tiny", "8M", "33M", "130M", "0.5B")
    by_count = tuple(Point(base, n, tokens) for n in (8, 16, 32, 64, 128, 256, 512))
    by_length = tuple(Point(base, many, n) for n in (64, 128, 256, 512, 1024))
    by_model = tuple(Point(s, few, brief) for s in shapes)
    return [
        Sweep("completions", "completions a step", by_count, lambda p: p.completions),
        Sweep("length", "tokens a completion", by_length, lambda p: p.tokens),
        Sweep("model", "parameters", by_model, lambda p: sum(parameters(p.shape).values())),
    ]


def measure(gpu: bool, steps: int, budget: float, together: bool) -> dict[str, Any]:
    """Every sweep's points. Those of a sweep take turns step by step: machines get faster and slower within a minute."""
    began, left_out = time.perf_counter(), []
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for sweep in sweeps(gpu):
            found[sweep.name] = {}
            for points in [sweep.points] if together else [(p,) for p in sweep.points]:
                spent = time.perf_counter() - began
                if spent > budget:
                    left_out += [asdict(p) | {"why": f"{budget:.0f} s were over"} for p in points]
                    continue
                step.console.print(f"{spent:5.0f} s  {', '.join(key(p) for p in points)}", highlight=False)
                own = Path(folder, sweep.name)
                own.mkdir(exist_ok=True)
                done, failed = measure_points(points, own, gpu, steps, began + budget)
                found[sweep.name] |= done
                left_out += [asdict(p) | {"why": why} for p, why in failed.items()]
    about = step.about_here(gpu) | {"seconds": round(time.perf_counter() - began)}
    about["command"] = " ".join(["python", "benchmarks/scaling.py", *sys.argv[1:]])
    return step.rounded({"about": about, "points": found, "left_out": left_out})


def key(point: Point) -> str:
    """A name in the JSON."""
    return f"{point.shape} {point.completions} x {point.tokens}"


def measure_points(
    points: Sequence[Point], folder: Path, gpu: bool, steps: int, until: float
) -> tuple[dict[str, Any], dict[Point, str]]:
    """(what was measured, why others failed): a turn that is not timed, then `steps`, none beginning after `until`."""
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
    done = {
        key(p): asdict(p) | medians(p, rows[p].about["prompt_tokens"], answers[p][1:])
        for p in points
        if p not in failed
    }
    return done, failed


def setup_of(point: Point, folder: Path, gpu: bool) -> Setup:
    """What a point's row needs to know."""
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


def medians(point: Point, prompt_tokens: float, answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A point's seconds, part by part."""
    parts = {name: median(a["parts"].get(name, 0.0) for a in answers) for name in answers[0]["parts"]}
    shown = ("generate", "forward/backward", "optimizer", "sync")
    whole = [a["seconds"] for a in answers]
    rest = median(a["seconds"] - sum(a["parts"].get(n, 0.0) for n in shown) for a in answers)
    seconds = {"step": median(whole)} | {n: parts.get(n, 0.0) for n in shown} | {"rest": rest}
    return {
        "passes": point.passes,
        "steps": len(answers),
        "prompt_tokens": prompt_tokens,
        "slowest": max(whole),
        "seconds": seconds,
        "memory": {k: v for k, v in answers[-1].items() if k.endswith("_gib")},
    }


# ---- what the numbers say


def fit(xs: Sequence[float], ys: Sequence[float], powers: int) -> tuple[float, float, float]:
    """Not negative (a, b, c) of y = a + b x + c x^2 with the least relative error: every subset of terms is tried."""
    import numpy

    x, y = numpy.array(xs, float), numpy.array(ys, float)
    scale = x.max()
    terms = numpy.stack([numpy.ones_like(x), x / scale, (x / scale) ** 2], 1) / y[:, None]
    best, error = (0.0, 0.0, 0.0), math.inf
    for size in range(1, powers + 2):
        for chosen in itertools.combinations(range(powers + 1), size):
            found, *_ = numpy.linalg.lstsq(terms[:, chosen], numpy.ones(len(xs)), rcond=None)
            off = float(((terms[:, chosen] @ found - 1) ** 2).mean()) ** 0.5
            # A term more must earn its place: where there is no error left, or it does not get a tenth less, it does not.
            if (found >= 0).all() and off < 0.9 * error and error > NOISE:
                error = off
                best = tuple(
                    float(found[chosen.index(i)]) / scale**i if i in chosen else 0.0 for i in range(3)
                )
    return best


def bends(xs: Sequence[float], ys: Sequence[float], powers: int) -> str:
    """Where cost turns from fixed to proportional and from that to quadratic, in words, as of `fit`."""
    a, b, c = fit(xs, ys, powers)
    words = []
    if a and b:
        words.append(f"at {short(a / b)} half of it is fixed{outside(a / b, xs)}")
    if b and c:
        words.append(
            f"at {short(b / c)} what grows with the square is as large as the proportional part{outside(b / c, xs)}"
        )
    if a and c and not b:
        at = math.sqrt(a / c)
        words.append(f"at {short(at)} it turns from fixed to quadratic{outside(at, xs)}")
    kinds = [k for k, v in (("fixed", a), ("proportional", b), ("quadratic", c)) if v]
    return ("; ".join(words) if words else f"no bend: {kinds[0]}") + "."


def outside(value: float, xs: Sequence[float]) -> str:
    """Words where a bend lies outside of what was measured."""
    if value < min(xs):
        return " (below what was measured)"
    return " (beyond what was measured)" if value > max(xs) else ""


def slopes(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Local exponents between neighbours: 0 fixed, 1 proportional, 2 quadratic."""
    pairs = zip(zip(xs, ys), zip(xs[1:], ys[1:]))
    return [math.log(d / b) / math.log(c / a) for (a, b), (c, d) in pairs]


def short(value: float) -> str:
    """Two digits or more, with a unit of size."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return plain(value / (1e3 if unit == "k" else size)) + unit
    return plain(value)


def plain(value: float) -> str:
    """Without exponent and without digits that say nothing."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def measured(sweep: Sweep, result: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """(x, point) of the points that were measured."""
    points = result["points"][sweep.name]
    return [(sweep.x(p), points[key(p)]) for p in sweep.points if key(p) in points]


def costs(point: dict[str, Any]) -> dict[str, float]:
    """Microseconds a token: of sampling by sampled tokens, of the update by all that it reads."""
    sampled = point["completions"] * point["tokens"]
    read = sampled + point["completions"] * point["prompt_tokens"]
    taken = point["seconds"]
    update = taken["forward/backward"] + taken["optimizer"]
    return {"sampling": 1e6 * taken["generate"] / sampled, "update": 1e6 * update / read}


def markdown(result: dict[str, Any], gpu: bool) -> str:
    """The tables and the bends."""
    about = result["about"]
    here = about["machine"]
    lines = [
        "# How cost grows",
        "",
        f"Made by `{about['command']}` on {about['date']} (commit {(about['commit'] or 'unknown')[:12]}): "
        f"{here['gpu'] or here['processor']}, {here['cores']} cores, "
        f"torch {about['versions'].get('torch')}; {about['seconds']} s in all.",
        "Our trainer, whole steps, median seconds; every completion has the length given. Shapes other than tiny have",
        "random weights. `us a token`: sampling by sampled tokens; update (forward, backward, optimizer) by all tokens",
        "that it is about, prompts included. A pass has at most 16,000 of them.",
    ]
    for sweep in sweeps(gpu):
        rows = measured(sweep, result)
        if len(rows) < 2:
            continue
        first = rows[0][1]
        lines += [
            "",
            f"## {sweep.unit} ({sweep.fixed}; prompts of {first['prompt_tokens']} tokens)",
            "",
            f"| {sweep.unit} | step | generate | forward/backward | optimizer | sync | rest | us a token, sampling | update | passes |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for x, point in rows:
            name = f"{point['shape']} ({short(x)})" if sweep.name == "model" else f"{x:.0f}"
            cells = [f"{point['seconds'][n]:.3f}" for n in COLOURS]
            each = [f"{c:.1f}" for c in costs(point).values()]
            lines.append(f"| {' | '.join([name, *cells, *each, str(point['passes'])])} |")
        xs = [x for x, _ in rows]
        lines.append("")
        for part in ("step", "generate", "forward/backward", "sync"):
            ys = [max(p["seconds"][part], 1e-6) for _, p in rows]
            exponents = ", ".join(f"{s:.2f}" for s in slopes(xs, ys))
            lines.append(
                f"- {part}: exponents from point to point {exponents}; {bends(xs, ys, 2 if sweep.name == 'length' else 1)}"
            )
    lines += ["", "## Why it bends where it does", "", *WHY]
    if result["left_out"]:
        lines += ["", f"Left out, for want of time or because they failed: {json.dumps(result['left_out'])}"]
    return "\n".join(lines) + "\n"


WHY = [  # of the algorithm; how much of each there is, is in the tables
    "- Sampling runs one small product a layer and token whatever the number of rows, so with few rows a token costs the",
    "  overhead of its operations (on a GPU: reading all weights); beyond the bend it is arithmetic, and proportional.",
    "- With the length, every new token reads all keys and values before it: the quadratic term, in sampling and update.",
    "- Prompts are read once a group, in sampling and in the update; the update's tokens count them for each completion.",
    "- With the model's size, small ones pay overhead, large ones arithmetic; the output layer grows with the vocabulary,",
    "  which is 640 up to 33M, 32,768 at 130M and 151,936 from 0.5B on. Sync merges and copies all projections: proportional.",
]


def draw(result: dict[str, Any], gpu: bool, path: Path) -> None:
    """Small multiples on logarithmic axes: seconds above, microseconds a token below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), dpi=130, sharey="row", sharex="col")
    for column, sweep in enumerate(sweeps(gpu)):
        rows = measured(sweep, result)
        if not rows:
            continue
        xs = [x for x, _ in rows]
        above, below = axes[0, column], axes[1, column]
        for name, colour in COLOURS.items():
            ys = [max(p["seconds"][name], 1e-4) for _, p in rows]
            above.plot(
                xs, ys, "o-", color=colour, markersize=3, linewidth=2 if name == "step" else 1.2, label=name
            )
        for name, colour in (("sampling", COLOURS["generate"]), ("update", COLOURS["forward/backward"])):
            below.plot(
                xs,
                [costs(p)[name] for _, p in rows],
                "o-",
                color=colour,
                markersize=3,
                label=f"{name}, a token",
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
        below.set_xticks(
            xs, [p["shape"] for _, p in rows] if sweep.name == "model" else [short(x) for x in xs]
        )
    axes[0, 0].set_ylabel("seconds a step")
    axes[1, 0].set_ylabel("microseconds a token")
    for row in axes:
        named = row[0].get_legend_handles_labels()
        row[2].legend(*named, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    figure.savefig(path)


def main() -> int:
    """Measures, or reads what was measured; writes all three files. Returns 1 if a point is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of a point")
    parser.add_argument("--budget", type=float, default=840.0, help="seconds after which no turn begins")
    parser.add_argument(
        "--one-by-one",
        action="store_true",
        help="a sweep's points after one another, as on a GPU: 12 GiB instead of 20",
    )
    parser.add_argument("--redraw", action="store_true")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the three files")
    args = parser.parse_args()
    stem = args.output / ("scaling_gpu" if args.gpu else "scaling")
    if args.redraw:
        result = json.loads(stem.with_suffix(".json").read_text())
    else:
        result = measure(args.gpu, args.steps, args.budget, not (args.gpu or args.one_by_one))
        stem.with_suffix(".json").write_text(json.dumps(result, indent=None) + "\n")
    stem.with_suffix(".md").write_text(markdown(result, args.gpu))
    draw(result, args.gpu, stem.with_suffix(".png"))
    print(stem.with_suffix(".md").read_text())
    return 1 if result["left_out"] else 0


if __name__ == "__main__":
    sys.exit(main())
