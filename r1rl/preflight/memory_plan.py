"""The memory plan: all parts of a run together, what of a GPU the engine gets, and how many sequences it then holds."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.engines import choice
from r1rl.models.shape import Shape
from r1rl.preflight.memory_parts import (
    ALWAYS,
    ENGINE,
    GIB,
    SAMPLING,
    UPDATE,
    Part,
    Place,
    kept_by_the_heap,
    kv_token,
    sampled_rows,
    sampling,
    sequence_bytes,
    standing,
    update,
)
from r1rl.system import machine

VLLM_CPU_CACHE = GIB  # VLLM_CPU_KVCACHE_SPACE, see engines/vllm.py

TRAINER_MARGIN = (
    1.25  # the trainer's part is an estimate, and memory is fragmented: the engine is kept off this much
)

CARD_MARGIN = 0.05  # share of the free memory that stays free

# vLLM's activations and the rest beside weights and cache. Source: the table of measurements in unsloth_zoo 2026.10.9,
# vllm_utils.py, load_vllm: 0.32 to 0.76 GiB for 4096 to 8192 tokens in a batch, 0.13 beside torch.
ENGINE_WORK = int(0.75 * GIB)

# CUDA graphs. Source: same file, approximate_vllm_memory_usage: at least 0.15 GiB for models of these sizes.
ENGINE_GRAPHS = int(0.15 * GIB)

# (GiB of cache, sequences at once at most) as Unsloth sets them. Source: same file, load_vllm.
SEQUENCES_BY_CACHE = ((2, 8), (4, 16), (8, 32), (12, 48), (16, 64), (24, 80), (40, 96), (48, 112), (80, 128))

MOST_SEQUENCES = 256  # Unsloth's and vLLM's

CACHE = "engine's cache"


@dataclass(frozen=True)
class MemoryPlan:
    """The parts of a run, and what is left for the engine's cache."""

    place: Place
    parts: tuple[Part, ...]  # the engine's cache is the last one, where the engine has a pool of its own
    utilization: float | None  # --gpu-memory-utilization; None where no such engine runs
    sequences: int  # of full length that the engine can hold at once
    least_cache: int  # bytes below which the engine does not start
    prompt: int  # tokens of the longest prompt that was planned with

    def size(self, *when: str) -> int:
        """All parts of these times together."""
        return sum(part.size for part in self.parts if part.when in when)

    @property
    def needed(self) -> int:
        """The most at any time. Update and sampling take turns, but on a CPU the heaps of the threads that sample and of
        the one that learns keep what they had (machine.keep_memory)."""
        turns = self.size(UPDATE), self.size(SAMPLING)
        return self.size(ALWAYS, ENGINE) + (max(turns) if self.place.on_gpu else sum(turns))

    @property
    def fits(self) -> bool:
        """Whether it can run, by plan."""
        cache = next((part.size for part in self.parts if part.name == CACHE), self.least_cache)
        return self.needed <= self.place.free and cache >= self.least_cache


def plan_memory(config: Config, shape: Shape, place: Place, prompt: int | None = None) -> MemoryPlan:
    """The memory plan of GRPO or a value-head trainer; `prompt`: tokens of the longest one, else the flag's limit."""
    prompt = prompt or config.max_prompt_length
    parts = [*standing(config, shape, place), *update(config, shape, place, prompt)]
    if place.engine == "transformers":
        parts += sampling(config, shape, place, prompt)
    if not place.on_gpu:
        parts.append(kept_by_the_heap(parts))
    if place.engine == "transformers":
        return MemoryPlan(place, tuple(parts), None, max(sampled_rows(config)), 0, prompt)
    if place.engine == SERVER:  # its memory is elsewhere
        return MemoryPlan(place, tuple(parts), None, MOST_SEQUENCES, 0, prompt)
    if not place.on_gpu:
        sequences = VLLM_CPU_CACHE // sequence_bytes(config, shape, place, prompt)
        cache = Part(CACHE, VLLM_CPU_CACHE, ENGINE, "VLLM_CPU_KVCACHE_SPACE")
        return MemoryPlan(place, (*parts, cache), None, sequences, 0, prompt)
    return with_pool(config, shape, place, prompt, parts)


# ---- the engine's pool on a GPU


def with_pool(config: Config, shape: Shape, place: Place, prompt: int, parts: list[Part]) -> MemoryPlan:
    """The plan with vLLM's pool: what the trainer leaves, up to what is of use.

    The pool holds the engine's parts and its cache. Its share is of the free memory where Unsloth starts the engine, of
    the card's where we do (unsloth_zoo 2026.10.9, approximate_vllm_memory_usage; vLLM's --gpu-memory-utilization).
    With --gpu-memory-utilization given, the cache is what that leaves.
    """
    parts += [Part("engine's working memory", ENGINE_WORK, ENGINE, "assumed"),
              Part("engine's CUDA graphs", ENGINE_GRAPHS, ENGINE, "assumed")]  # fmt: skip
    fixed = sum(p.size for p in parts if p.when == ENGINE)
    trainer = sum(p.size for p in parts if p.when != ENGINE)
    one = sequence_bytes(config, shape, place, prompt)
    least = -(-config.max_seq_length // 16) * 16 * kv_token(shape, place)
    whole = place.free if place.engine == "shared" else place.total
    if config.gpu_memory_utilization is not None:
        pool = config.gpu_memory_utilization * whole
    else:
        room = place.free * (1 - CARD_MARGIN) - trainer
        careful = place.free * (1 - CARD_MARGIN) - TRAINER_MARGIN * trainer
        pool = careful if careful >= fixed + least else room
        pool = min(pool, fixed + useful_cache(config, place, one))
    utilization = max(0.01, int(100 * pool / whole + 1e-6) / 100)  # down, and 0.85 stays 0.85
    cache = max(0, int(utilization * whole) - fixed)
    sequences = min(cache // one, most_sequences(cache, place))
    how = f"{sequences} sequences of {prompt + config.max_completion_length} tokens"
    parts.append(Part(CACHE, cache, ENGINE, how))
    return MemoryPlan(place, tuple(parts), utilization, sequences, least, prompt)


def wanted_sequences(config: Config) -> int:
    """The most that are sampled in one call: a step's completions, or an evaluation's."""
    evaluated = config.eval_count * config.eval_samples or MOST_SEQUENCES
    return min(MOST_SEQUENCES, max(config.generation_batch_size, evaluated))


def useful_cache(config: Config, place: Place, one: int) -> int:
    """The cache that lets the engine hold all that are wanted at once; more would lie idle."""
    wanted = wanted_sequences(config)
    cache = wanted * one
    if place.engine == "shared":
        below = [gib for gib, sequences in SEQUENCES_BY_CACHE if sequences < wanted]
        cache = max(cache, int((below[-1] if below else 0) * GIB) + 1)
    return cache


def most_sequences(cache: int, place: Place) -> int:
    """How many the engine lets run at once with this cache."""
    if place.engine != "shared":
        return MOST_SEQUENCES
    return next((n for gib, n in SEQUENCES_BY_CACHE if cache <= gib * GIB), MOST_SEQUENCES)


def place_here(config: Config, here: machine.Machine) -> Place:
    """This machine, with the engine that will run on it. Raises UserError where the one asked for cannot."""
    on_gpu = here.gpu is not None
    engine, why = choice.choose(config, on_gpu)
    return Place(
        name=here.gpu or f"{here.cores} CPU cores",
        free=here.gpu_free if on_gpu else here.memory_free,
        total=here.gpu_total if on_gpu else here.memory_free,
        on_gpu=on_gpu,
        engine=engine,
        why=why,
        unsloth=config.wants_unsloth and importlib.util.find_spec("unsloth") is not None,
        mixed=machine.has_fast_bfloat16(),
        cores=here.cores,
    )
