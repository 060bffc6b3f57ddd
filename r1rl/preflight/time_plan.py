"""How long a run takes: from its own earlier steps where there are any, else from what is assumed of the card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from r1rl.config.flags import TINY_MODEL, Config
from r1rl.models.shape import KNOWN, Shape, shape_of
from r1rl.preflight.cards import SPEEDS_OF, card_like
from r1rl.preflight.memory_plan import MemoryPlan
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines

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
