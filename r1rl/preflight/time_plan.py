"""The time plan: how long a run takes, from its own earlier steps if it has any, else from the speed of its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from r1rl.config.flags import TINY_MODEL, Config
from r1rl.models.shape import KNOWN, Shape
from r1rl.models.source import shape_of
from r1rl.preflight.memory_parts import GIB
from r1rl.preflight.memory_plan import MemoryPlan
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.system.errors import unknown_name
from r1rl.system.machine import usual_price

REFERENCE = KNOWN["Qwen2.5-3B"].weights  # of the model for which the speeds of cards are given
MOST_FASTER = 4  # the largest speed-up of a smaller model, where overhead dominates
# Recipe tiny on 2 cores, 1.8 M weights: tokens/s of each of 64 sequences, and tokens/s in an update, a prompt counted with
# each of its completions. Measured 2026-11-21, benchmarks/RESULTS.md; a larger model is assumed to be slower in proportion.
CPU_CORES, CPU_SAMPLED, CPU_LEARNED, CPU_OF = 2, 200.0, 18000.0, "recipe tiny on 2 cores, measured 2026-11-21"
START_GPU, START_CPU = 180.0, 15.0  # seconds from the command to the first step, assumed
NEWEST = 20  # steps of an earlier part of the run from which the median is taken


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Expected seconds of a run's parts, and the source of the estimate."""

    step: float
    evaluation: float
    start: float
    steps: int
    evaluations: int
    source: str

    @property
    def seconds(self) -> float:
        """The seconds of the whole run."""
        return self.start + self.steps * self.step + self.evaluations * self.evaluation


def evaluations_of(config: Config) -> int:
    """Returns the number of evaluations of a whole run: at the start, every --eval-steps, and at the end."""
    return config.eval_on_start + -(-config.max_steps // config.eval_steps)


def plan_time(config: Config, shape: Shape, memory: MemoryPlan, folder: Path | None) -> TimePlan | None:
    """Returns the time plan; `folder`: the run's, if it has begun. None for a card that is not in the table.

    A step samples completions of --max-completion-length, in as many waves as the engine needs, and learns from all their
    tokens; with a value head --ppo-epochs times, and once more without gradients.
    """
    start = START_GPU if memory.place.on_gpu else START_CPU
    steps, count = config.max_steps, evaluations_of(config)
    if folder is not None and (lines := list(read_lines(folder / METRICS))[-NEWEST:]):
        step = median(line["step_seconds"] for line in lines)
        known = [e["evaluation_seconds"] for e in read_lines(folder / EVALUATIONS)]
        evaluation = max(known, default=step)
        source = f"the last {len(lines)} steps of {folder.name}"
        return TimePlan(step, evaluation, start, steps, count, source)
    speeds = speeds_of(memory, shape)
    if speeds is None:
        return None
    sampled, learned, source = speeds
    length = config.max_completion_length
    tokens = config.generation_batch_size * (memory.prompt + length)
    passes = 1 if config.algorithm == "grpo" else config.ppo_epochs + 1
    wave = length / sampled
    step = waves(config.generation_batch_size, memory) * wave + passes * tokens / learned
    evaluated = (config.eval_count or 1000) * config.eval_samples
    return TimePlan(step, waves(evaluated, memory) * wave, start, steps, count, source)


def waves(completions: int, memory: MemoryPlan) -> int:
    """Returns how often the engine is filled until all completions are sampled."""
    return -(-completions // max(1, memory.sequences))


def speeds_of(memory: MemoryPlan, shape: Shape) -> tuple[float, float, str] | None:
    """Returns (tokens/s of each sequence, tokens/s in an update, source) for a model of this shape; None if unknown."""
    place = memory.place
    if not place.on_gpu:
        scale = shape_of(TINY_MODEL).weights / shape.weights * place.cores / CPU_CORES
        return CPU_SAMPLED * scale, CPU_LEARNED * scale, CPU_OF
    card = card_like(place.name)
    if card is None:
        return None
    scale = min(MOST_FASTER, REFERENCE / shape.weights)
    return card.sampled * scale, card.learned * scale, f"{card.name}: {SPEEDS_OF}"


@dataclass(frozen=True, slots=True)
class Card:
    """One kind of GPU."""

    name: str
    memory: int  # bytes that CUDA reports as its total, rounded down
    sampled: float  # tokens/s of each of 16 sequences sampled at once, Qwen2.5-3B in 4 bit
    learned: float  # tokens/s in an update, forward and backward, same model

    @property
    def price(self) -> float | None:
        """The usual price, US dollars per hour."""
        return usual_price(self.name.split("-")[0])


# Memory: what CUDA reports on such cards in public logs, which is less than the name says.
# Speeds: assumed on 2026-11-21, not yet measured on a GPU. The row of the A10 fits the one published figure, two hours for
# 200 steps of the default recipe (dhh1995/R1RL @ 36c196c, README). The others follow from memory bandwidth (sampling) and
# 16-bit arithmetic (learning) relative to it, reduced where kernels of 4-bit weights are the limit.
SPEEDS_OF = "assumed on 2026-11-21, not yet measured on a GPU"
CARDS = (
    Card("T4", int(14.5 * GIB), 12, 900),
    Card("A10", int(22.0 * GIB), 25, 3000),
    Card("L4", int(22.0 * GIB), 14, 2500),
    Card("A100-40", int(39.3 * GIB), 45, 8000),
    Card("H100-80", int(79.0 * GIB), 70, 18000),
    Card("H200-141", int(139.0 * GIB), 80, 18000),
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
