"""The memory plan: all parts of a run, the engine's share of a GPU, and the number of sequences that it holds."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.engines import choice
from r1rl.models.shape import Shape
from r1rl.models.source import teacher_of
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
    teacher_parts,
    update,
)
from r1rl.system import machine

CACHE = "engine's cache"
VLLM_CPU_CACHE = GIB  # VLLM_CPU_KVCACHE_SPACE, see engines/vllm.py
TRAINER_MARGIN = 1.25  # for the trainer's part, which is an estimate, and fragmentation
CARD_MARGIN = 0.05  # share of the free memory that stays free
# vLLM's activations and other memory, without weights and cache. Source: the measurements in unsloth_zoo 2026.10.9,
# vllm_utils.py, load_vllm: 0.32 to 0.76 GiB for 4096 to 8192 tokens per batch, and 0.13 GiB outside torch.
ENGINE_WORK = int(0.75 * GIB)
# CUDA graphs. Source: same file, approximate_vllm_memory_usage: at least 0.15 GiB for models of these sizes.
ENGINE_GRAPHS = int(0.15 * GIB)
# (GiB of cache, most sequences at once) as Unsloth sets them. Source: same file, load_vllm.
SEQUENCES_BY_CACHE = ((2, 8), (4, 16), (8, 32), (12, 48), (16, 64), (24, 80), (40, 96), (48, 112), (80, 128))
MOST_SEQUENCES = 256  # of Unsloth and vLLM


@dataclass(frozen=True)
class MemoryPlan:
    """The parts of a run, and what is left for the engine's cache."""

    place: Place
    parts: tuple[Part, ...]  # the engine's cache is the last one, if the engine has a memory pool
    utilization: float | None  # --gpu-memory-utilization; None without such an engine
    sequences: int  # of full length that the engine holds at once
    least_cache: int  # bytes that the engine needs to start
    prompt: int  # tokens of the longest prompt, as planned

    def size(self, *when: str) -> int:
        """Returns the bytes of all parts that are needed at these times."""
        return sum(part.size for part in self.parts if part.when in when)

    @property
    def needed(self) -> int:
        """The peak in bytes.

        Update and sampling take turns, but on a CPU the heaps of the sampling threads and of the training thread keep
        their memory (machine.keep_memory).
        """
        turns = self.size(UPDATE), self.size(SAMPLING)
        return self.size(ALWAYS, ENGINE) + (max(turns) if self.place.on_gpu else sum(turns))

    @property
    def fits(self) -> bool:
        """Whether the run fits, by plan."""
        cache = next((part.size for part in self.parts if part.name == CACHE), self.least_cache)
        return self.needed <= self.place.free and cache >= self.least_cache


def plan_memory(config: Config, shape: Shape, place: Place, prompt: int | None = None) -> MemoryPlan:
    """Returns the memory plan of a run; `prompt`: tokens of the longest one, by default --max-prompt-length."""
    prompt = prompt or config.max_prompt_length
    parts = [*standing(config, shape, place), *update(config, shape, place, prompt)]
    if (teacher := teacher_shape(config)) is not None:
        parts += teacher_parts(config, teacher, place, prompt)
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


def teacher_shape(config: Config) -> Shape | None:
    """Returns the shape of the teacher; None without one, or if it is not known. Raises UserError for a wrong name."""
    return teacher_of(config).shape if config.distills and config.teacher_model is not None else None


# ---- the engine's pool on a GPU


def with_pool(config: Config, shape: Shape, place: Place, prompt: int, parts: list[Part]) -> MemoryPlan:
    """Returns the plan with vLLM's pool: what the trainer leaves, up to the size that is useful.

    The pool holds the engine's parts and its cache. It is a share of the free memory if Unsloth starts the engine, else of
    the GPU's whole memory (unsloth_zoo 2026.10.9, approximate_vllm_memory_usage; vLLM's --gpu-memory-utilization).
    With --gpu-memory-utilization given, the cache is what that share leaves. With --engine-sleep it exists while sampling only.
    """
    parts.append(Part("engine's working memory", ENGINE_WORK, ENGINE, "assumed"))
    parts.append(Part("engine's CUDA graphs", ENGINE_GRAPHS, ENGINE, "assumed"))
    fixed = sum(p.size for p in parts if p.when == ENGINE)
    together = (ALWAYS, SAMPLING) if config.engine_sleep else (ALWAYS, SAMPLING, UPDATE)  # a cache that sleeps is freed
    trainer = sum(p.size for p in parts if p.when in together)
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
    utilization = max(0.01, int(100 * pool / whole + 1e-6) / 100)  # rounded down, where 0.85 stays 0.85
    cache = max(0, int(utilization * whole) - fixed)
    sequences = min(cache // one, most_sequences(cache, place))
    how = f"{sequences} sequences of {prompt + config.max_completion_length} tokens"
    parts.append(Part(CACHE, cache, SAMPLING if config.engine_sleep else ENGINE, how))
    return MemoryPlan(place, tuple(parts), utilization, sequences, least, prompt)


def useful_cache(config: Config, place: Place, one: int) -> int:
    """Returns the bytes of cache with which the engine holds all sequences of a call at once; more would be unused."""
    evaluated = config.eval_count * config.eval_samples or MOST_SEQUENCES
    wanted = min(MOST_SEQUENCES, max(config.generation_batch_size, evaluated))
    cache = wanted * one
    if place.engine == "shared":
        below = [gib for gib, sequences in SEQUENCES_BY_CACHE if sequences < wanted]
        cache = max(cache, int((below[-1] if below else 0) * GIB) + 1)
    return cache


def most_sequences(cache: int, place: Place) -> int:
    """Returns the most sequences that the engine runs at once with this cache."""
    if place.engine != "shared":
        return MOST_SEQUENCES
    return next((n for gib, n in SEQUENCES_BY_CACHE if cache <= gib * GIB), MOST_SEQUENCES)


def place_here(config: Config, here: machine.Machine) -> Place:
    """Returns this machine with the engine that will run on it. Raises UserError if the chosen engine cannot."""
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
