"""Trains the tiny base models of the package, with their tokenizers.

A Qwen2-shaped model of 1.9 million parameters is trained from scratch on the documents of word_problems.py or
knights_knaves.py, and one of 0.2 million on those of safety.py. There is no validation loss, no checkpoint and no support
for several devices: a training takes minutes and can be repeated.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from r1rl.commands.pretrain import knights_knaves, safety
from r1rl.commands.pretrain.stories import draw_problem
from r1rl.commands.pretrain.word_problems import (
    DRILLS,
    EXERCISES,
    GUESS,
    MOST_SOLVED,
    STORIES,
    UNCHECKED,
    Document,
    write_document,
    write_drill,
    write_exercise,
)
from r1rl.records import ANSWER_TAG, STOP_TEXT, Problem
from r1rl.rewards.grading.verdict import read_verdict
from r1rl.tasks.knights_knaves import KnightsKnaves
from r1rl.tasks.prompts import ROLES_TEXT, SAFETY_TEXT, SYSTEM_TEXT, plain_prompt
from r1rl.tasks.safety import generated
from r1rl.tasks.safety.generated import SafetyQueries
from r1rl.tasks.word_problems import WordProblems, generate, generate_worked

SPECIAL_TOKENS = ("<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>")
CONTEXT = 2048  # tokens; GSM8K's questions are long in a vocabulary of 896
LENGTH_STEP = 32  # sequences are padded to multiples of this: fewer shapes, fewer kernels
EVALUATED = 200  # held-out problems for the accuracy at the end
HABITS_FROM = 0.87  # share of the steps that teach calculating first, of which a guess teaches little
GUESS_AT_FIRST = 0.1  # share of guesses in those
LINE_STEPS = 50  # between lines of output, if it is not a terminal
CHUNK = 32  # batches that are generated at once and sorted by length


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a model; the head size is 32, the smallest that vLLM has kernels for."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int  # tokens


def tagged_answer(completion: str) -> str:
    """Returns the content of the last answer tag, before the text at which sampling stops."""
    return completion.partition(STOP_TEXT)[0].rpartition(f"<{ANSWER_TAG}>")[2].strip()


@dataclass(frozen=True, slots=True)
class Reading:
    """The text, shape and evaluation of a model."""

    documents: Callable[[int, int, float], Iterator[Document]]  # (seed, count, share of guesses)
    guess_share: float
    head: str  # the beginning of every prompt
    held_out: Callable[[int, int], list[Problem]]  # (seed, count)
    shape: Shape
    batch_size: int  # documents
    answer_tokens: int  # of the longest answer
    answer_of: Callable[[str], str | None] = tagged_answer  # of a completion


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a pretraining after a step."""

    step: int
    loss: float  # mean over the tokens of the batch, without the system text
    tokens_per_second: float


def pretrain_tiny(
    output: Path, seed: int, steps: int, task: str = WordProblems.name, repeat_checks: bool = False
) -> float:
    """Runs `pretrain` with a progress bar. Prints and returns the greedy accuracy on held-out problems."""
    from rich import progress

    from r1rl.runs.stats import format_accuracy
    from r1rl.system.console import console

    columns = (
        progress.BarColumn(bar_width=20),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.description}"),
    )
    with progress.Progress(
        *columns, progress.TimeRemainingColumn(compact=True), console=console, disable=not console.is_terminal
    ) as bar:
        row = bar.add_task("starting", total=steps)

        def show(now: Progress) -> None:
            words = f"loss {now.loss:.3f} · {now.tokens_per_second:,.0f} tok/s"
            bar.update(row, completed=now.step, description=words)
            if (
                not console.is_terminal and now.step % LINE_STEPS == 0
            ):  # without a terminal the bar appears only at the end
                console.print(f"step {now.step:>5} of {steps}  {words}")

        model, tokenizer = pretrain(output, seed, steps, report=show, task=task, repeat_checks=repeat_checks)
    reading = READINGS[task]
    problems = reading.held_out(seed, EVALUATED)
    accuracy = greedy_accuracy(model, tokenizer, problems, reading.answer_tokens, reading.answer_of)
    words = format_accuracy(round(accuracy * len(problems)), len(problems))
    console.print(f"saved {output}; greedy accuracy on held-out problems: {words}")
    return accuracy


def pretrain(
    output: Path,
    seed: int = 0,
    steps: int = 6000,
    batch_size: int | None = None,
    learning_rate: float = 3e-3,
    report: Callable[[Progress], None] | None = None,
    task: str = WordProblems.name,
    repeat_checks: bool = False,
):
    """Trains tokenizer and model and saves both in `output`; calls `report` with each Progress.

    `repeat_checks` makes the control of the word problems, see `write_document`.
    Returns model and tokenizer. The same arguments on the same machine give the same weights.
    """
    import torch

    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reading = READINGS[task]
    if repeat_checks:
        reading = replace(reading, documents=partial(read_documents, repeats=True))
    tokenizer = train_tokenizer(seed, reading)
    model = new_model(tokenizer, reading.shape).to(device)
    optimizers = new_optimizers(model, learning_rate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, steps))
        for optimizer in optimizers
    ]
    started, tokens = time.monotonic(), 0
    head = torch.tensor([tokenizer(reading.head)["input_ids"]], device=device)  # (1, length)
    drawn = batches(tokenizer, reading, head, seed, steps, batch_size or reading.batch_size)
    for step, (headed, ids, labels) in enumerate(drawn, start=1):
        with torch.autocast(device, torch.bfloat16):
            loss = loss_after(model, head if headed else None, ids.to(device), labels.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        tokens += ids.numel()
        if report:
            report(Progress(step, loss.item(), tokens / (time.monotonic() - started)))
    model = model.to(torch.bfloat16).eval()
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    return model, tokenizer


def new_optimizers(model, learning_rate: float) -> list:
    """Returns Muon for the matrices of the layers, AdamW for embeddings, norms and biases.

    Muon (https://kellerjordan.github.io/posts/muon/) needed 250 steps where AdamW alone needed 450. Its updates are
    scaled to AdamW's size (https://arxiv.org/abs/2502.16982), so both have the same learning rate.
    """
    import torch

    layers = [p for p in model.model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if all(p is not layer for layer in layers)]
    return [
        torch.optim.Muon(layers, learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def learning_rate_factor(step: int, steps: int) -> float:
    """Returns the factor: linear warm-up over the first twentieth of the steps, then linear decay to zero."""
    warmup = max(1, steps // 20)
    return min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))


def train_tokenizer(seed: int, reading: Reading, documents: int = 4000):
    """Returns a tokenizer like Qwen2's (byte-level BPE, each digit a token) with its own merges.

    Newlines are never merged, so a text has the same tokens as a whole and cut at a line's end.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\n"), "isolated"), Qwen2Tokenizer().backend_tokenizer.pre_tokenizer]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=reading.shape.vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (d.prompt + d.completion for d in reading.documents(seed, documents, reading.guess_share))
    tokenizer.train_from_iterator(texts, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=trained["vocab"],
        merges=[tuple(merge) for merge in trained["merges"]],
        eos_token=SPECIAL_TOKENS[0],
        pad_token=SPECIAL_TOKENS[1],
        additional_special_tokens=list(SPECIAL_TOKENS[2:]),
        model_max_length=CONTEXT,
        padding_side="left",
    )


def new_model(tokenizer, shape: Shape):
    """Returns the model before training."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",  # nearly twice as fast as sdpa at this size on a CPU
    )
    return Qwen2ForCausalLM(config)


def read_documents(seed: int, count: int, unchecked: float = UNCHECKED, repeats: bool = False) -> Iterator[Document]:
    """Yields `count` documents about train problems and about problems in other wordings; `repeats`: of the control."""
    rng = random.Random(seed)
    problems = [
        draw_problem(rng, i) if rng.random() < STORIES else worked
        for i, worked in enumerate(generate_worked("train", seed, count))
    ]
    for worked in problems:
        if rng.random() < EXERCISES * DRILLS:
            yield write_drill(rng)
        elif rng.random() < EXERCISES * (1 - DRILLS):
            solved = tuple(rng.sample(problems, rng.randint(0, MOST_SOLVED)))
            yield write_exercise(worked, solved, rng, min(unchecked, GUESS))
        else:
            yield write_document(worked, rng, unchecked, repeats)


def held_out_puzzles(seed: int, count: int) -> list[Problem]:
    """Returns test puzzles with 2 people."""
    return KnightsKnaves(seed, test_count=count).load("test")[:count]


# By --task.
READINGS = {
    WordProblems.name: Reading(
        read_documents,
        UNCHECKED,
        SYSTEM_TEXT,
        lambda seed, count: generate("test", seed, count),
        Shape(192, 576, 4, 6, 2, vocabulary=896),
        batch_size=32,
        answer_tokens=128,
    ),
    KnightsKnaves.name: Reading(
        knights_knaves.read_documents,
        knights_knaves.GUESS,
        ROLES_TEXT,
        held_out_puzzles,
        Shape(192, 576, 4, 6, 2, vocabulary=832),  # in which each name is one token, easy to copy
        batch_size=16,
        answer_tokens=256,
    ),
    SafetyQueries.name: Reading(
        safety.read_documents,
        safety.BLURT,
        SAFETY_TEXT,
        lambda seed, count: generated.generate("test", seed, count),
        Shape(64, 240, 3, 2, 1, vocabulary=576),  # less than half a megabyte with its tokenizer
        batch_size=64,
        answer_tokens=96,
        answer_of=read_verdict,
    ),
}


def loss_after(model, head, ids, labels):
    """Returns the mean loss over the labels of `ids` (batch, length), after the head if there is one.

    All rows share the head's keys and values, which are computed once: this saves two fifths of the work.
    """
    if head is None:
        return model(input_ids=ids, labels=labels).loss
    cache = model(input_ids=head, use_cache=True).past_key_values
    cache.batch_repeat_interleave(len(ids))
    return model(input_ids=ids, labels=labels, past_key_values=cache).loss


def batches(tokenizer, reading: Reading, head, seed: int, steps: int, batch_size: int) -> Iterator[tuple]:
    """Yields (whether the head comes first, ids (batch, length) without it, labels), by length within a batch."""
    rng = random.Random(seed)
    skip = head.shape[1]
    for first in range(0, steps, CHUNK):
        count = min(CHUNK, steps - first)
        guess_share = reading.guess_share if first >= HABITS_FROM * steps else GUESS_AT_FIRST
        documents = list(reading.documents(seed * 1_000_003 + 1 + first, count * batch_size, guess_share))
        groups = []
        for headed in (True, False):
            chosen = [d for d in documents if d.prompt.startswith(reading.head) == headed]
            examples = [(prompt[skip * headed :], rest) for prompt, rest in encode(tokenizer, chosen)]
            examples.sort(key=lambda example: len(example[0]) + len(example[1]))
            groups += [(headed, examples[i : i + batch_size]) for i in range(0, len(examples), batch_size)]
        rng.shuffle(groups)
        for headed, examples in groups[:count]:  # there is one more if the documents do not divide evenly
            yield headed, *pad(examples, tokenizer.pad_token_id)


def encode(tokenizer, documents: list[Document]) -> list[tuple[list[int], list[int]]]:
    """Returns the token ids of prompt and completion, tokenized separately as in sampling, with the end token."""
    if not documents:
        return []
    prompts = tokenizer([d.prompt for d in documents])["input_ids"]
    completions = tokenizer([d.completion for d in documents])["input_ids"]
    return [(p, [*c, tokenizer.eos_token_id]) for p, c in zip(prompts, completions)]


def pad(examples: list[tuple[list[int], list[int]]], pad_id: int) -> tuple:
    """Returns one batch, padded on the right to a multiple of LENGTH_STEP; labels of -100 are ignored."""
    import torch

    longest = max(len(p) + len(c) for p, c in examples)
    length = -(-longest // LENGTH_STEP) * LENGTH_STEP
    ids = torch.full((len(examples), length), pad_id)  # [batch, length]
    labels = torch.full_like(ids, -100)
    for row, (prompt, completion) in enumerate(examples):
        end = len(prompt) + len(completion)
        ids[row, :end] = torch.tensor(prompt + completion)
        labels[row, :end] = ids[row, :end]
    return ids, labels


def greedy_accuracy(
    model,
    tokenizer,
    problems: list[Problem],
    max_new_tokens: int = 128,
    answer_of: Callable[[str], str | None] = tagged_answer,
) -> float:
    """Returns the share of problems whose greedy completion of the prefixed prompt ends with the right answer."""
    completions = complete(model, tokenizer, problems, max_new_tokens)
    right = [answer_of(text) == problem.answer for text, problem in zip(completions, problems)]
    return sum(right) / len(right)


def complete(model, tokenizer, problems: list[Problem], max_new_tokens: int = 128, sampled: bool = False) -> list[str]:
    """Returns the completions of the prefixed prompts, greedy or sampled at temperature 1."""
    import torch

    prompts = [plain_prompt(problem, add_reasoning_prefix=True) for problem in problems]
    inputs = tokenizer(prompts, return_tensors="pt", padding=True).to(model.device)
    with torch.inference_mode():
        ids = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=sampled)
    return tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :])
