"""How long a run takes: from its own earlier steps where there are any, else from what is assumed of the card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from r1rl.config.flags import TINY_MODEL, Config
from r1rl.models.shape import KNOWN, Shape, shape_of
from r1rl.preflight.memory_plan import MemoryPlan
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.system.errors import unknown_name
from r1rl.system.machine import usual_price

REFERENCE = KNOWN["Qwen2.5-3B"].weights  # the model that cards' speeds are given for

MOST_FASTER = 4  # times that a small model is faster: then overhead is all that is left

# Recipe tiny on 2 cores, 1.8 M weights: 64 sequences at once, tokens/s of each, and tokens/s learned, a prompt counted with
# each of its completions. Measured 2026-11-21, benchmarks/RESULTS.md; a larger model is taken to be as much slower.
CPU_CORES, CPU_SAMPLED, CPU_LEARNED, CPU_OF = 2, 200.0, 18000.0, "recipe tiny on 2 cores, measured 2026-11-21"

START_GPU, START_CPU = 180.0, 15.0  # seconds from the command to the first step, assumed

NEWEST = 20  # steps of an earlier part of the run that are looked at


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Expected seconds of a run's parts, and where they come from."""

    step: float
    evaluation: float
    start: float
    steps: int
    evaluations: int
    source: str

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.start + self.steps * self.step + self.evaluations * self.evaluation


def evaluations_of(config: Config) -> int:
    """How many a whole run has: at the start, every --eval-steps, and at the end."""
    return config.eval_on_start + -(-config.max_steps // config.eval_steps)


def plan_time(config: Config, shape: Shape, memory: MemoryPlan, folder: Path | None) -> TimePlan | None:
    """The time plan; `folder`: the run's, if it has begun. None for a card of which nothing is assumed.

    A step: its longest completion is taken to run to --max-completion-length, in as many waves as the engine needs, and
    every token of the longest samples to be learned, with a value head --ppo-epochs times and once without gradients.
    """
    start = START_GPU if memory.place.on_gpu else START_CPU
    steps, count = config.max_steps, evaluations_of(config)
    if folder is not None and (lines := list(read_lines(folder / METRICS))[-NEWEST:]):
        step = median(line["step_seconds"] for line in lines)
        known = [e["evaluation_seconds"] for e in read_lines(folder / EVALUATIONS)]
        evaluation = max(known, default=step)
        return TimePlan(
            step, evaluation, start, steps, count, f"the last {len(lines)} steps of {folder.name}"
        )
    speeds = speeds_of(memory, shape)
    if speeds is None:
        return None
    sampled, learned, source = speeds
    length = config.max_completion_length
    tokens = config.generation_batch_size * (memory.prompt + length)
    passes = 1 if config.algorithm == "grpo" else config.ppo_epochs + 1
    wave = length / sampled
    step = waves(config.generation_batch_size, memory) * wave + passes * tokens / learned
    asked = (config.eval_count or 1000) * config.eval_samples
    return TimePlan(step, waves(asked, memory) * wave, start, steps, count, source)


def waves(completions: int, memory: MemoryPlan) -> int:
    """How often the engine is filled until all are sampled."""
    return -(-completions // max(1, memory.sequences))


def speeds_of(memory: MemoryPlan, shape: Shape) -> tuple[float, float, str] | None:
    """(tokens/s of each sequence, tokens/s learned, source) for a model of this shape."""
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
    """One kind of card."""

    name: str
    memory: int  # bytes that CUDA reports as its total, rounded down
    sampled: float  # tokens/s of each of 16 sequences sampled at once, Qwen2.5-3B in 4 bit
    learned: float  # tokens/s in an update, forward and backward, same model

    @property
    def price(self) -> float | None:
        """US dollars an hour, usual ones."""
        return usual_price(self.name.split("-")[0])


GIB = 2**30

# Memory: what CUDA reports on such cards in public logs; it is less than the name says.
# Speeds: an assumption of 2026-11-21. No card was measured here. The A10's row is made to fit the one published figure,
# two hours for 200 steps of the default recipe (dhh1995/R1RL @ 36c196c, README), the others follow from memory bandwidth
# (sampling) and 16-bit arithmetic (learning) beside it, held back where kernels of 4-bit weights are the limit.
SPEEDS_OF = "an assumption of 2026-11-21, no card was measured"

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
    """The card of this name; A100 is enough for A100-40. Raises UserError."""
    wanted = name.upper()
    found = [c for c in CARDS if wanted in (c.name, c.name.split("-")[0])]
    if not found:
        raise unknown_name("--card", name, [c.name for c in CARDS])
    return found[0]


def card_like(gpu: str) -> Card | None:
    """The card in the table that a GPU's own name speaks of, for its speed; None for any other."""
    price = {c.name.split("-")[0]: c for c in CARDS}
    words = gpu.upper().replace("-", " ").split()
    return next((card for name, card in price.items() if name in words or f"{name}G" in words), None)
