"""The parts of a run that take memory, with the formula of each.

All sizes are bytes. Every prompt counts as long as the longest, every completion as long as --max-completion-length. On a
CPU the figures were compared with measured ones in benchmarks/RESULTS.md; they are not yet measured on a GPU.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.models.shape import LARGE_ENOUGH, Shape, may_use_bfloat16, row_length

GIB = 2**30
CUDA_CONTEXT = GIB  # context, kernels, workspaces of the linear algebra: assumed, not yet measured
# Python with torch, transformers and trl takes 0.52 GiB, with Unsloth 0.74; the rest is compiled kernels and data: assumed.
CPU_LIBRARIES, CPU_UNSLOTH = int(0.6 * GIB), int(0.25 * GIB)
# On a CPU freed blocks are kept (machine.keep_memory), and what a layer keeps lies between what it frees: update and
# sampling take this share in addition. Source: benchmarks/RESULTS.md, plan and measured peak of seven models.
CPU_HEAP = 0.6
LOGITS_AT_ONCE = 2**25  # of models/logprobs.py
ALWAYS, UPDATE, SAMPLING, ENGINE = "always", "in the update", "while sampling", "engine"


@dataclass(frozen=True, slots=True)
class Place:
    """The machine for which a run is planned, with the engine and libraries that it would use there."""

    name: str
    free: int  # bytes
    total: int  # bytes
    on_gpu: bool
    engine: str  # "shared", "vllm", "vllm-server" or "transformers", see engines.choice.choose
    why: str
    unsloth: bool
    mixed: bool = True  # whether a CPU computes in bfloat16
    cores: int = 1
    here: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the memory: its bytes, when it is needed, and how the size was computed."""

    name: str
    size: int
    when: str
    how: str = ""


# ---- always


def standing(config: Config, shape: Shape, place: Place) -> Iterator[Part]:
    """Yields the permanent parts: libraries, weights, adapter, optimizer."""
    if place.on_gpu:
        yield Part("CUDA context", CUDA_CONTEXT, ALWAYS, "assumed")
    else:
        libraries = CPU_LIBRARIES + place.unsloth * CPU_UNSLOTH
        yield Part("Python and libraries", libraries, ALWAYS, "assumed")
    shared = place.engine == "shared"
    if config.lora_rank == 0:
        yield from all_weights(shape, place)
    else:
        size, how = base_weights(config, shape, place)
        yield Part("base weights", size, ENGINE if shared else ALWAYS, how + (", one copy" if shared else ""))
    if not shared and place.engine != SERVER:
        yield from engine_copies(config, shape, place)
    if config.lora_rank == 0:
        return
    count = shape.adapter(config.lora_rank)
    yield Part("adapter", 4 * count, ALWAYS, f"{count / 1e6:.1f} M weights, 32 bit")
    yield Part("its gradients", 4 * count, ALWAYS, "32 bit")
    yield Part("its optimizer", *optimizer(config, shape, place))
    if shared:
        yield Part("engine's adapter", 2 * count, ENGINE, "16 bit")


def engine_copies(config: Config, shape: Shape, place: Place) -> Iterator[Part]:
    """Yields the weights of an engine that shares none with the trainer."""
    each = 2 if decodes_in_bfloat16(config, shape, place) else width(place)
    yield Part("engine's copy", shape.weights * each, ENGINE, f"{8 * each} bit")
    if place.engine != "transformers" or place.on_gpu:
        return
    if each == 4:  # bfloat16 copies are joined themselves
        joined = 4 * shape.layers * shape.hidden * (shape.queries + 2 * shape.keys + 2 * shape.inner)
        yield Part("engine's joined weights", joined, ENGINE, "q k v and gate up, next to the mapped file")
    if shape.packed:
        yield Part(
            "engine's packed copy", shape.packed // 4 * each, ENGINE, f"{8 * each} bit, as the CPU's products read it"
        )


def all_weights(shape: Shape, place: Place) -> Iterator[Part]:
    """Yields the parts with --lora-rank 0: weights and gradients 4 bytes each; AdamW 2 + 8 / 256 on a GPU, else 8.

    They are in 32 bit on a GPU, too: steps of 1e-6 would be lost in a bfloat16 weight. For AdamW see `optimizer`.
    """
    count = shape.weights
    yield Part("weights", 4 * count, ALWAYS, f"{count / 1e6:.1f} M, all trained, 32 bit")
    yield Part("their gradients", 4 * count, ALWAYS, "32 bit")
    each = 2 + 8 / 256 if place.on_gpu else 8
    yield Part("their optimizer", int(each * count), ALWAYS, f"AdamW, {8 if place.on_gpu else 32} bit")


# ---- the teacher of a distillation


def teacher_parts(config: Config, teacher: Shape, place: Place, prompt: int) -> Iterator[Part]:
    """Yields weights, a pass without gradients, and what is kept of it: a state per completion token.

    A pass holds one layer at once: its input, queries, keys, values and their copies in attention, gate and up.
    """
    w = width(place)
    size, how = base_weights(dataclasses.replace(config, load_in_4bit=config.teacher_in_4bit), teacher, place)
    yield Part("teacher's weights", size, ALWAYS, f"{teacher.weights / 1e6:,.1f} M, {how}")
    if config.teacher_steps:
        place_of_engine = dataclasses.replace(place, engine="transformers")
        copies = sum(part.size for part in engine_copies(config, teacher, place_of_engine))
        yield Part("teacher's engine", copies, ALWAYS, "copies of its weights, in the first steps")
        sampled = sum(part.size for part in sampling(config, teacher, place, prompt, evaluates=False))
        yield Part("teacher's sampling", sampled, SAMPLING, "in the first steps")
    tokens = max(config.tokens_a_pass, prompt + config.max_completion_length)
    layer = tokens * w * (4 * teacher.hidden + 2 * teacher.queries + 4 * teacher.keys + 3 * teacher.inner)
    if config.teacher_in_4bit:
        layer += max(a * b for a, b in teacher.matrices.values()) * w
    yield Part("teacher's pass", layer, UPDATE, f"{tokens} tokens, one layer at once")
    completions = config.generation_batch_size * config.steps_per_generation
    states = completions * config.max_completion_length * teacher.hidden * w
    yield Part("teacher's states", states, UPDATE, f"{completions} completions")
    positions = min(micro_batch(config) * config.max_completion_length, max(1, LOGITS_AT_ONCE // teacher.vocab))
    yield Part(
        "teacher's logits", positions * teacher.vocab * 22, UPDATE, f"{positions} positions, with the divergence"
    )


def width(place: Place) -> int:
    """Returns the bytes of a weight or activation that is not quantized: bfloat16 (on a T4 float16), on a CPU float32."""
    return 2 if place.on_gpu else 4


def decodes_in_bfloat16(config: Config, shape: Shape, place: Place) -> bool:
    """Returns whether the decoder's copies are in bfloat16: if the flags of the CPU allow it, which a measurement confirms.

    They are converted from float32 one by one before they are packed, so that loading needs no more than both copies.
    """
    fits = place.engine == "transformers" and not place.on_gpu and shape.packed
    return bool(fits) and may_use_bfloat16(config.sampler_dtype, shape.multiplied, place.mixed)


def base_weights(config: Config, shape: Shape, place: Place) -> tuple[int, str]:
    """Returns (bytes, how). In 4 bit a weight of the projections takes half a byte, and 64 share a float32 scale.

    w = 2 bytes, on a CPU 4:  linear (1/2 + 4/64) + (embedding + small) w;  without 4 bit:  weights w.
    Blocks of 64: bitsandbytes' NF4. Quantized scales (Unsloth's models) take a quarter, but vLLM dequantizes them.
    Unsloth's "dynamic" models keep some more layers in 16 bit, which is not counted.
    """
    if not config.load_in_4bit:
        return shape.weights * width(place), f"{8 * width(place)} bit"
    quantized = shape.linear // 2 + shape.linear // 64 * 4
    return quantized + (shape.embedding + shape.small) * width(place), "4 bit, embeddings not"


def optimizer(config: Config, shape: Shape, place: Place) -> tuple[int, str, str]:
    """Returns (bytes, when, how) of AdamW's two moments: on a GPU 2 bytes per weight and 2 float32 scales per 256, else 8.

    bitsandbytes keeps matrices below 4096 weights in 32 bit; on a CPU torch keeps all of them so.
    """
    if not place.on_gpu:
        return 8 * shape.adapter(config.lora_rank), ALWAYS, "AdamW, 32 bit"
    layer = sum(8 * n if n < 4096 else 2 * n + 8 * -(-n // 256) for n in shape.adapter_matrices(config.lora_rank))
    return shape.layers * layer, ALWAYS, "AdamW, 8 bit"


# ---- the update


def micro_batch(config: Config) -> int:
    """Returns the completions of one forward and backward pass."""
    if not config.has_value_head:
        return min(config.per_device_train_batch_size, config.completions_learned)
    rows = -(-config.generation_batch_size // config.minibatches)
    return min(rows, config.update_chunk or rows)


def update(config: Config, shape: Shape, place: Place, prompt: int) -> Iterator[Part]:
    """Yields activations and logits of one forward and backward pass at the longest sample.

    A GPU reads b rows of T = prompt + completion tokens. It keeps each layer's input (b T H w; two of them with Unsloth,
    which moves the others to main memory) and recomputes one layer at a time. A CPU: see `one_shared_pass`.
    """
    rows = micro_batch(config)
    if reads_prompts_once(place):
        yield from one_shared_pass(config, shape, place, prompt, rows)
        return
    length = prompt + config.max_completion_length
    tokens = rows * length
    what = f"{rows} x {length} tokens"
    inputs = tokens * shape.hidden * 2
    kept = 2 if place.unsloth else shape.layers
    yield Part("layers' inputs", kept * inputs, UPDATE, f"{what}, {kept} of {shape.layers} layers")
    gradients = 2 * tokens * 2 * (shape.hidden + shape.inner)
    yield Part("one layer", tokens * saved(config, shape) + gradients, UPDATE, "saved and its gradients")
    if config.load_in_4bit:
        largest = max(a * b for a, b in shape.matrices.values())
        yield Part("one projection, dequantized", largest * width(place), UPDATE, f"{8 * width(place)} bit")
    yield Part("logits", *logits(config, shape, place, rows, length))


def reads_prompts_once(place: Place) -> bool:
    """Returns whether a group's prompt is read once in the update, without padding (see models/shared_prompts.py).

    On a CPU every model whose shape is known can do so, also as Unsloth loads it.
    """
    return not place.on_gpu


def one_shared_pass(config: Config, shape: Shape, place: Place, prompt: int, rows: int) -> Iterator[Part]:
    """Yields the parts of `update` if a group's prompt is read once.

    In addition to `saved` for each token, with sdpa in 32 bit, autograd keeps for each completion of C tokens the keys
    and values of its P + C tokens in each layer, (P + C) 8 K, and once the mask of their attention, (P + C) 4 C h / k with
    h heads and k heads of keys. With a value head rows of all groups are mixed, so each may have a prompt of its own.
    """
    c, groups = config.max_completion_length, rows
    if not config.has_value_head:  # whole groups, as many as the pass has room for without padding
        size = config.learned_per_group
        room = config.tokens_per_micro_batch or rows * (config.max_prompt_length + c)
        groups = max(1, min(config.completions_learned // size, room // (prompt + size * c)))
        rows = groups * size
    tokens = row_length(groups * prompt + rows * c, shape.multiplied >= LARGE_ENOUGH)
    h, i, r, a = shape.hidden, shape.inner, config.lora_rank, shape.queries
    each = 18 * h + 8 * i + 14 * r + 10 * a + 4 * shape.heads + 4 * shape.keys + 8
    if not place.mixed:
        each = 16 * h + 16 * i + 28 * r + 16 * a + 8
    elif config.load_in_4bit and not place.unsloth:  # bitsandbytes returns 32 bit: gate, up and their product
        each += 6 * i
    seen = rows * (prompt + c) * 8 * shape.keys
    mask = rows * (prompt + c) * 4 * c * a // shape.keys
    what = f"{groups} x {prompt} + {rows} x {c} tokens, {shape.layers} layers"
    if place.mixed and not config.load_in_4bit:
        yield Part("rounded weights", 2 * shape.linear, UPDATE, "16 bit, for the backward pass")
    yield Part("activations", shape.layers * (tokens * each + seen), UPDATE, what)
    yield Part("mask of attention", mask, UPDATE, f"{rows} x {c} x {prompt + c}, once for all layers")
    size = 2 if place.mixed else 4
    yield Part("gradients of one layer", size * tokens * 2 * (h + i), UPDATE)
    yield Part("logits", *logits(config, shape, place, rows, prompt + c))


def saved(config: Config, shape: Shape) -> int:
    """Returns the bytes that autograd keeps of one layer for each token on a GPU.

    bfloat16, sdpa: 18 H + 8 I + 14 r + 6 A + 4 h + 4 K + 8. Counted on transformers' layers with PEFT's LoRA;
    tests/preflight/test_memory_plan.py counts again. Unsloth's kernels keep less.
    """
    h, i, r, a = shape.hidden, shape.inner, config.lora_rank, shape.queries
    return 18 * h + 8 * i + 14 * r + 6 * a + 4 * shape.heads + 4 * shape.keys + 8


def logits(config: Config, shape: Shape, place: Place, rows: int, length: int) -> tuple[int, str, str]:
    """Returns (bytes, when, how): positions V (2 + 4 x 4): bfloat16, float32, divided, log-softmax, gradient.

    Unsloth's loss takes a quarter of one row at once (unsloth_zoo 2026.10.9, rl_replacements.py: the larger of 4 and
    T // 4096 chunks per row), TRL's on a GPU less than a row; a CPU and a value head take LOGITS_AT_ONCE values at most,
    chunk by chunk (models/logprobs.py).
    """
    if config.has_value_head or config.distills or not place.on_gpu:
        positions = min(rows * config.max_completion_length, max(1, LOGITS_AT_ONCE // shape.vocab))
    else:
        positions = -(-length // max(4, length // 4096)) if place.unsloth else length
    return positions * shape.vocab * 18, UPDATE, f"{positions} positions x {shape.vocab} tokens"


# ---- sampling


def kv_token(shape: Shape, place: Place) -> int:
    """Returns the bytes of keys and values of one token: 2 L K w."""
    return 2 * shape.layers * shape.keys * width(place)


def sequence_bytes(config: Config, shape: Shape, place: Place, prompt: int) -> int:
    """Returns the bytes of the cache of the longest sequence, in vLLM's blocks of 16 tokens."""
    blocks = -(-(prompt + config.max_completion_length) // 16)
    return 16 * blocks * kv_token(shape, place)


def sampled_rows(config: Config) -> tuple[int, int]:
    """Returns the completions that the transformers engine samples at once in training, and in evaluation."""
    step = config.generation_batch_size * config.steps_per_generation
    if config.generation_chunk is not None:
        step = min(step, config.generation_chunk * config.num_generations)
    evaluated = config.per_device_eval_batch_size
    if config.eval_count:
        evaluated = min(evaluated, config.eval_count * config.eval_samples)
    return step, evaluated


def sampling(config: Config, shape: Shape, place: Place, prompt: int, evaluates: bool = True) -> Iterator[Part]:
    """Yields the parts of the transformers engine: cache (prompts x P + rows x C) 2 L K w and a copy of one layer; logits rows x V x 16.

    Reading prompts: scores of one layer and their softmax, prompts x h x P x P x 8; the prompts of an evaluation all differ.
    """
    training, evaluated = sampled_rows(config)
    evaluated *= evaluates
    rows, prompts = max(training, evaluated), max(evaluated // config.eval_samples, training // config.num_generations)
    cache = (prompts * prompt + rows * config.max_completion_length) * kv_token(shape, place)
    yield Part("cache of the completions", cache + cache // shape.layers, SAMPLING, f"{rows} at once")
    yield Part("logits of a token", rows * shape.vocab * 16, SAMPLING)
    scores = prompts * shape.heads * prompt * prompt * 8
    yield Part("reading the prompts", scores, SAMPLING, f"{prompts} x {prompt} tokens")


def kept_by_the_heap(parts: Sequence[Part]) -> Part:
    """Returns the part of freed blocks that cannot be reused."""
    size = sum(part.size for part in parts if part.when in (UPDATE, SAMPLING))
    how = f"{100 * CPU_HEAP:.0f} % of update and sampling, fitted to seven models"
    return Part("kept by the heap", int(CPU_HEAP * size), ALWAYS, how)
