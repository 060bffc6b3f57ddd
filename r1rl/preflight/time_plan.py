"""The time plan: how long a run takes, from its own earlier steps if it has any, else from the speed of its machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from r1rl.config.flags import Config
from r1rl.models.shape import Shape
from r1rl.preflight.memory_parts import GIB, Place, base_weights, decodes_in_bfloat16, reads_prompts_once, sampled_rows
from r1rl.preflight.memory_plan import MemoryPlan, teacher_shape
from r1rl.runs.dump import EVALUATIONS, METRICS, NUMBER, has_needed, read_lines
from r1rl.system.errors import unknown_name
from r1rl.system.machine import usual_price

# The mean length of prompts and completions as a share of the limit; one completion of each step runs to the limit. Source:
# the results of YixuanEvenXu/pods @ 187f43b, 213 to 250 of 512 tokens on GSM8K. The trial before step 1 replaces it.
TYPICAL = 0.45
START_GPU, START_CPU = 180.0, 15.0  # seconds from the command to the first step, assumed
NEWEST = 20  # generations of an earlier part of the run from which the median is taken


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Expected seconds of a run's parts, and the source of the estimate."""

    step: float
    longest: float  # a step whose completions all run to the limit
    evaluation: float
    start: float
    steps: int
    evaluations: int
    source: str
    first: int = 0  # steps whose completions the teacher samples
    first_step: float = 0.0  # one of them

    @property
    def seconds(self) -> float:
        """The seconds of the whole run."""
        steps = self.first * self.first_step + (self.steps - self.first) * self.step
        return self.start + steps + self.evaluations * self.evaluation


def evaluations_of(config: Config) -> int:
    """Returns the number of evaluations of a whole run: at the start, every --eval-steps, and at the end."""
    return config.eval_on_start + -(-config.max_steps // config.eval_steps)


def plan_time(config: Config, shape: Shape, memory: MemoryPlan, folder: Path | None) -> TimePlan | None:
    """Returns the time plan; `folder`: the run's, if it has begun. None for a card that is not in the table."""
    start = START_GPU if memory.place.on_gpu else START_CPU
    steps, count = config.max_steps, evaluations_of(config)
    every = config.updates_per_generation
    if folder is not None and (lines := lines_with(folder / METRICS, "step", "step_seconds")[-NEWEST * every :]):
        step = measured_step(lines, every)
        known = [line["evaluation_seconds"] for line in lines_with(folder / EVALUATIONS, "evaluation_seconds")]
        evaluation = max(known, default=step)
        source = f"the last {len(lines)} steps of {folder.name}"
        return TimePlan(step, step, evaluation, start, steps, count, source)
    speed = speed_of(config, shape, memory.place)
    if speed is None:
        return None
    step, longest = (step_seconds(config, memory, speed, share) for share in (TYPICAL, 1.0))
    problems = config.eval_count or 1000
    evaluation = sampling_seconds(config, memory, speed, TYPICAL, problems, problems * config.eval_samples)
    plan = TimePlan(step, longest, evaluation, start, steps, count, speed.source)
    if not config.teacher_steps or (teacher := teacher_shape(config)) is None:
        return plan
    first_step = step + teachers_extra(config, memory, speed, teacher)
    return dataclasses.replace(plan, first=min(config.teacher_steps, steps), first_step=first_step)


def measured_step(lines: Sequence[dict[str, Any]], every: int) -> float:
    """Returns the seconds of a step by its lines of metrics: the median of whole generations, which have `every` steps.

    The first step of a generation samples for all of them.
    """
    generations: dict[int, list[float]] = {}
    for line in lines:
        generations.setdefault((line["step"] - 1) // every, []).append(line["step_seconds"])
    whole = [seconds for seconds in generations.values() if len(seconds) == every]
    return median(map(fmean, whole or generations.values()))


def lines_with(path: Path, *names: str) -> list[dict[str, Any]]:
    """Returns the lines of a dump file in which these fields are numbers: a damaged one has none."""
    return [line for line in read_lines(path) if has_needed(line, dict.fromkeys(names, NUMBER))]


# ---- the seconds of a step


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that one model takes on one machine for each part of the work."""

    threads: int  # that sample, each at least one prompt: they share the arithmetic, and wait for each other at calls
    decode: float  # one token of all rows: calls, reading the weights; of one thread
    sampled: float  # one token of one row: arithmetic; of one thread, as the next
    read: float  # one prompt token before sampling
    learned: float  # one token of the update, all its passes
    step: float  # sync and optimizer
    part: float  # one forward and backward pass, however short
    seen: float  # attention of one token to one other, sampling
    learned_seen: float  # the same in the update
    source: str


def step_seconds(
    config: Config,
    memory: MemoryPlan,
    speed: Speed,
    share: float,
    sampled: int | None = None,
    learned: int | None = None,
) -> float:
    """Returns the seconds of a step with these numbers of sampled and learned completions, by default a step's of the run.

    `share`: mean length of prompts and completions, as a share of their limits.
    """
    learned = learned or sampled or config.completions_learned
    sampled = sampled or config.generation_batch_size
    groups = max(1, sampled // config.num_generations)
    p, c = share * memory.prompt, share * config.max_completion_length
    prompts = min(groups, learned) if reads_prompts_once(memory.place) else learned
    tokens = prompts * p + learned * c
    parts = -(-tokens // config.tokens_a_pass)
    update = tokens * speed.learned + learned * c * (p + c) * speed.learned_seen + parts * speed.part
    # The completions of several steps are sampled at once.
    at_once = config.steps_per_generation
    sampling = sampling_seconds(config, memory, speed, share, at_once * groups, at_once * sampled)
    sampling /= config.updates_per_generation
    return speed.step + sampling + update


def sampling_seconds(
    config: Config, memory: MemoryPlan, speed: Speed, share: float, prompts: int, completions: int
) -> float:
    """Returns the seconds of sampling: as many decoding steps as the limit, more if the engine is full."""
    limit = config.max_completion_length
    p, c = share * memory.prompt, share * limit
    waiting = max(0, completions - memory.sequences)  # they begin when others have ended
    decoding = limit + waiting * c / max(1, memory.sequences)
    arithmetic = completions * c * (speed.sampled + (p + c / 2) * speed.seen) + prompts * p * speed.read
    calls = decoding * speed.decode
    useful = int((1 + math.sqrt(1 + 4 * arithmetic / calls)) / 2)  # see engines/transformers.py, useful_threads
    threads = min(speed.threads, prompts, useful)
    return threads * calls + arithmetic / threads


def teachers_extra(config: Config, memory: MemoryPlan, speed: Speed, teacher: Shape) -> float:
    """Returns by how many seconds a step changes if the teacher samples its completions instead of the student.

    The teacher samples by the transformers engine, whatever the student's engine is, and not in 4 bit.
    """
    place = dataclasses.replace(memory.place, engine="transformers")
    teachers_memory = dataclasses.replace(memory, place=place, sequences=sampled_rows(config)[0])
    teachers_speed = speed_of(dataclasses.replace(config, load_in_4bit=False), teacher, place)
    completions = config.generation_batch_size * config.steps_per_generation
    counts = TYPICAL, completions // config.num_generations, completions
    theirs = sampling_seconds(config, teachers_memory, teachers_speed, *counts)
    return (theirs - sampling_seconds(config, memory, speed, *counts)) / config.updates_per_generation


def passes_of(config: Config, place: Place) -> float:
    """Returns the time of an update in forward passes over its tokens.

    A backward pass takes as long as a forward pass, and again with --lora-rank 0 (gradients of the weights, too). A GPU
    computes activations twice. The reference of --beta and old values of a value head need a forward pass each.
    """
    learn = 2 + (config.lora_rank == 0) + place.on_gpu
    if not config.has_value_head:
        return learn + (config.beta > 0 and not config.distills)
    return learn * config.ppo_epochs + 1


def teacher_pass(config: Config, operation: float) -> float:
    """Returns the seconds in which the teacher reads one token, if an operation takes this long; 0 without a teacher."""
    teacher = teacher_shape(config)
    return 0.0 if teacher is None else 2 * teacher.multiplied * operation


def speed_of(config: Config, shape: Shape, place: Place) -> Speed | None:
    """Returns the speed of this model there; None for a card that is not in the table."""
    if not place.on_gpu:
        return cpu_speed(config, shape, place)
    card = card_like(place.name)
    return None if card is None else card_speed(config, shape, place, card)


# ---- a CPU

# Fitted to two sets of measurements of 2026-11-29 and 30 on 2 cores of an AMD EPYC with AVX512-BF16, all within 10 %: the steps of
# the 20 points of benchmarks/scaling.json, six shapes from 1.9 to 494 M weights, and sampling and update of SmolLM2-135M, 16 to 64
# completions of up to 64 tokens in three precisions (benchmarks/plan_real.py). Seconds on one core.
CPU_OF = "fitted to six model sizes on a 2-core AMD EPYC, 2026-11-30"
FLOAT32, BFLOAT16 = 1.35e-11, 5.4e-12  # one operation of a matrix product
DECODED_BFLOAT16 = 6.3e-12  # the same of a product of few rows, while sampling
READ = 1.4e-11  # one byte of the weights in a decoding step: each thread reads them all, from the same memory
CALLS, PART = 3.4e-4, 2.6e-2  # a layer's calls from Python: one decoding step, and one pass of an update (on all cores)
ELEMENT = 2.6e-8  # all that an update does with one number of a layer's H + I, forward and backward
SEEN = 2.5e-10  # one product of a query's or value's number with one of another token, with what is around it
CAST, SYNC = 5.5e-10, 2.5e-9  # of one weight: rounded to bfloat16 in a pass; merged, copied and packed before sampling
REST = 0.03  # optimizer, rewards and dump of a step


def cpu_speed(config: Config, shape: Shape, place: Place) -> Speed:
    """Returns the speed on a CPU: 2 operations a weight in a forward pass."""
    decoded, width = (DECODED_BFLOAT16, 2) if decodes_in_bfloat16(config, shape, place) else (FLOAT32, 4)
    body, head = shape.linear, shape.vocab * shape.hidden
    product = BFLOAT16 if place.mixed else FLOAT32
    element = shape.layers * (shape.hidden + shape.inner) * ELEMENT
    cast = body * CAST if place.mixed else 0
    passes = passes_of(config, place)
    return Speed(
        threads=place.cores,
        decode=shape.layers * CALLS + (body + head) * width * READ,
        sampled=2 * (body + head) * decoded,
        read=2 * body * decoded,
        learned=passes * (2 * (body + head) * product + element / 2) / place.cores
        + teacher_pass(config, product) / place.cores,
        step=REST + shape.weights * SYNC / place.cores,
        part=shape.layers * PART + cast / place.cores,
        seen=shape.layers * shape.queries * SEEN,
        learned_seen=passes / 2 * shape.layers * shape.queries * SEEN / place.cores,
        source=CPU_OF,
    )


# ---- a GPU

# Fitted to the six points (completions sampled, learned, seconds a step) of YixuanEvenXu/pods @ 187f43b, gsm8k_n_scaling
# and gsm8k_m_scaling: Unsloth and vLLM, Qwen2.5-3B in 4 bit, LoRA rank 64, 512 tokens, one L40S. The plan is within 6 %.
PUBLISHED = {(16, 16): 7.55, (32, 16): 7.95, (64, 16): 10.1, (128, 16): 13.8, (256, 16): 21.4, (64, 2): 8.05}
SPEEDS_OF = "fitted to published steps on an L40S, other cards by their data sheets"
DEQUANTIZED = 1150  # operations in whose time a 4-bit weight is dequantized, in each decoding step
SAMPLED_AT, LEARNED_AT = 0.09, 0.22  # shares of the data sheet's arithmetic
LEAST_DECODE = 3e-3  # seconds of a decoding step's calls, assumed


def card_speed(config: Config, shape: Shape, place: Place, card: Card) -> Speed:
    """Returns the speed on a GPU.

    A decoding step takes the longest of three: its calls, reading the weights, and dequantizing those in 4 bit.
    """
    forward = 2 * (shape.linear + shape.vocab * shape.hidden) / (card.tflops * 1e12)
    reading = base_weights(config, shape, place)[0] / (card.bandwidth * 1e9)
    dequantizing = config.load_in_4bit * shape.linear * DEQUANTIZED / (card.tflops * 1e12)
    return Speed(
        threads=1,
        decode=max(LEAST_DECODE, reading, dequantizing),
        sampled=forward / SAMPLED_AT,
        read=forward / LEARNED_AT,
        learned=passes_of(config, place) * forward / LEARNED_AT
        + teacher_pass(config, 1 / (card.tflops * 1e12)) / LEARNED_AT,
        step=0.0,
        part=0.0,
        seen=0.0,
        learned_seen=0.0,
        source=f"{card.name}: {SPEEDS_OF}",
    )


@dataclass(frozen=True, slots=True)
class Card:
    """One kind of GPU."""

    name: str
    memory: int  # bytes that CUDA reports as its total, rounded down
    bandwidth: float  # GB/s
    tflops: float  # 10^12 operations per second in bfloat16 (T4: float16), without sparsity

    @property
    def price(self) -> float | None:
        """The usual price, US dollars per hour."""
        return usual_price(self.name.split("-")[0])


# Memory: what CUDA reports on such cards in public logs, which is less than the name says. Bandwidth and arithmetic: NVIDIA's
# data sheets of T4, A10, L4, L40S, A100 SXM, H100 SXM and H200 SXM; arithmetic that is given with sparsity is halved.
CARDS = (
    Card("T4", int(14.5 * GIB), 320, 65),
    Card("A10", int(22.0 * GIB), 600, 125),
    Card("L4", int(22.0 * GIB), 300, 121),
    Card("L40S", int(44.3 * GIB), 864, 362),
    Card("A100-40", int(39.3 * GIB), 1555, 312),
    Card("H100-80", int(79.0 * GIB), 3350, 989),
    Card("H200-141", int(139.0 * GIB), 4800, 989),
)
DEFAULT_CARD = "A10"


def card_named(name: str) -> Card:
    """Returns the card of this name; A100 suffices for A100-40. Raises UserError."""
    wanted = name.upper()
    matching = [c for c in CARDS if wanted in (c.name, c.name.split("-")[0])]
    if not matching:
        raise unknown_name("--card", name, [c.name for c in CARDS])
    return matching[0]


def card_like(gpu: str) -> Card | None:
    """Returns the card in the table that a GPU's name contains, for its speed; None for any other GPU."""
    cards = {c.name.split("-")[0]: c for c in CARDS}
    parts = gpu.upper().replace("-", " ").split()
    return next((card for name, card in cards.items() if name in parts or f"{name}G" in parts), None)
