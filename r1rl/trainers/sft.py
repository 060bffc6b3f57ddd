"""Supervised fine-tuning and distillation: TRL's SFTTrainer with our evaluation, checkpoints and dump.

Import this only after `models.policy.import_backend`: with Unsloth on a GPU `trl.SFTTrainer` is a class that Unsloth generated.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer

from r1rl.config.flags import DEFAULT_SFT_BATCH_SIZE, Config
from r1rl.models.logprobs import token_logprobs
from r1rl.models.policy import Policy
from r1rl.models.source import locate
from r1rl.models.weights import load_options
from r1rl.records import Prompt
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, SCHEMA_VERSION, Dump, read_lines, without_nan
from r1rl.system.errors import UserError
from r1rl.tasks.gsm8k import without_notes
from r1rl.trainers.arguments import common_arguments, keep_float32
from r1rl.trainers.base import RunTrainer
from r1rl.trainers.callbacks import StopInBudget, Trackers
from r1rl.trainers.saving import StepEnds
from r1rl.trainers.sft_examples import IGNORED, fitting
from r1rl.trainers.step_metrics import peak_memory
from r1rl.trainers.trial import Trial

MADE_BY_UNSLOTH = SFTTrainer.__name__.startswith("Unsloth")


class FineTuner(RunTrainer, SFTTrainer):
    """Learns the solutions token by token; evaluates before and after with the engine."""

    def __init__(self, config, policy, engine, rewards, examples, eval_prompts, dump, meter, interrupt):
        """`examples` have input_ids and labels; for the other types see `RunTrainer.set_up`."""
        self.set_up(config, policy, engine, rewards, eval_prompts, dump, meter, interrupt)
        self.trackers = Trackers(config, dump.folder)
        self.tokens = 0  # learned since the last line of the dump
        self.examples = examples
        pad_id = policy.tokenizer.pad_token_id
        callbacks = [StepEnds(self), StopInBudget(meter), self.guarding, self.trackers]
        if config.trial:
            callbacks.append(Trial(self, None, self.try_update))
        super().__init__(
            model=policy.model,
            args=training_arguments(config, policy, dump),
            train_dataset=Dataset.from_list(list(examples)),
            processing_class=policy.tokenizer,
            data_collator=Packer(pad_id) if config.packing else Collator(pad_id),
            callbacks=callbacks,
        )
        keep_float32(self.model)

    def fit(self, checkpoint: Path | None) -> None:
        """Evaluates, trains, evaluates. After Ctrl-C the last complete step is saved."""
        evaluated = {line["step"] for line in read_lines(self.dump.folder / EVALUATIONS)}
        with self.running():
            if self.run.eval_on_start and 0 not in evaluated:
                self.measure()
            self.train_from(checkpoint)
            if self.state.global_step not in evaluated:
                self.measure()

    def training_step(self, *args, **kwargs) -> torch.Tensor:
        """Runs forward and backward. Raises Stopped: until then nothing that is saved has changed."""
        with self.interrupt.interruptible():
            return self.guarding.loss(super().training_step(*args, **kwargs))

    def try_update(self, _) -> int:
        """Learns from a batch of the longest examples, for the trial before step 1. Returns 1: a step has one such update."""
        size, tokens = self.args.per_device_train_batch_size, self.tokens
        order = sorted(range(len(self.examples)), key=lambda i: -len(self.examples[i]["input_ids"]))
        batch = self._prepare_inputs(self.data_collator([self.examples[i] for i in order[:size]]))
        with self.compute_loss_context_manager():
            loss = self.compute_loss(self.model_wrapped, batch)
        self.accelerator.backward(loss)
        self.tokens = tokens
        return 1

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Returns the mean cross-entropy of the learned tokens: TRL's, and on a CPU without Unsloth our own.

        There TRL's output layer would need a triton kernel. Ours computes no logits of prompts and padding.
        """
        labels = inputs["labels"]  # (B, T)
        self.tokens += int((labels != IGNORED).sum())
        if self.policy.on_gpu or MADE_BY_UNSLOTH:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        texts = {name: x for name, x in inputs.items() if name != "labels"} | {"use_cache": False}
        learned = labels[:, 1:] != IGNORED  # (B, T-1), by the position before
        with self.policy.autocast():
            states = self.policy.base.model(**texts)[0][:, :-1][learned]  # (N, H)
        logprobs, _ = token_logprobs(self.policy, states, labels[:, 1:][learned], temperature=1.0)
        loss = -logprobs.mean()
        return (loss, None) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Called by transformers after each step: writes a line of fine_tuning.jsonl and moves the progress bar."""
        super().log(logs, start_time)
        if "loss" not in logs:
            return
        line = {"schema_version": SCHEMA_VERSION, "step": self.state.global_step}
        line |= {name: float(logs[name]) for name in ("loss", "grad_norm", "learning_rate") if name in logs}
        line |= {"tokens": self.tokens, "peak_memory_gib": peak_memory(self.policy.on_gpu)}
        self.tokens = 0
        line |= self.guarding.step(line, self.control)
        line = without_nan(line | self.meter.step_done(line))
        self.dump.append(FINE_TUNING, [line])
        self.trackers.step(self, line)


def padded(rows: list[dict[str, Any]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:  # (B, T) each
    """Returns input_ids and labels, padded on the right to a multiple of 32; padding is not learned."""
    longest = max(len(row["input_ids"]) for row in rows)
    length = -(-longest // 32) * 32  # each new shape makes a CPU build new kernels
    ids = torch.full((len(rows), length), pad_id)
    labels = torch.full_like(ids, IGNORED)
    for i, row in enumerate(rows):
        ids[i, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        labels[i, : len(row["labels"])] = torch.tensor(row["labels"])
    return ids, labels


class Collator:
    """Makes batches of one example per row, with a mask of its padding."""

    def __init__(self, pad_id: int):
        self.pad_id = pad_id

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:  # (B, T) each
        """Returns one batch."""
        ids, labels = padded(rows, self.pad_id)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            mask[i, : len(row["input_ids"])] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class Packer:
    """Makes batches of several examples per row; positions that begin again at 0 separate them for the attention.

    With neither attention_mask nor cache, transformers finds the examples by their positions, and none sees another
    (`find_packed_sequence_indices` in its masking_utils). After arXiv:2107.02027.
    """

    def __init__(self, pad_id: int):
        self.pad_id = pad_id

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:  # (B, T) each
        """Returns one batch of rows made by `packed`; the padding is one more example, which is not learned."""
        ids, labels = padded(rows, self.pad_id)
        positions = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            n = len(row["input_ids"])
            positions[i, :n] = torch.tensor([p for size in row["lengths"] for p in range(size)])
            positions[i, n:] = torch.arange(ids.shape[1] - n)
        return {"input_ids": ids, "position_ids": positions, "labels": labels, "use_cache": False}


def packed(examples: Sequence[dict[str, list[int]]], length: int) -> list[dict[str, list[int]]]:
    """Returns rows of at most `length` tokens: each example goes into the first row with room, the longest first.

    Each row has its examples' `lengths`. The first label of an example is not learned: it has no token before it.
    """
    rows: list[list[dict[str, list[int]]]] = []
    room: list[int] = []
    for example in sorted(examples, key=lambda e: -len(e["input_ids"])):
        size = len(example["input_ids"])
        where = next((i for i, left in enumerate(room) if left >= size), None)
        if where is None:
            rows.append([])
            room.append(length)
            where = len(rows) - 1
        rows[where].append(example)
        room[where] -= size
    return [
        {
            "input_ids": [i for e in row for i in e["input_ids"]],
            "labels": [i for e in row for i in (IGNORED, *e["labels"][1:])],
            "lengths": [len(e["input_ids"]) for e in row],
        }
        for row in rows
    ]


def solution_text(solution: str, keep_notes: bool) -> str:
    """Returns the worked solution, by default without calculator notes such as <<48/2=24>>."""
    return solution if keep_notes else without_notes(solution)


def final_answer(solution: str) -> str:
    """Returns the end of a worked solution that states its answer.

    >>> final_answer("48/2 = 24 clips.\\n#### 24")
    '#### 24'
    >>> final_answer("So $x = 3$ and the sum is $\\\\boxed{7}$.")
    '\\\\boxed{7}'
    """
    return solution[max(solution.rfind("####"), solution.rfind("\\boxed")) :].rstrip("$. \n")


def solution_examples(prompts: Sequence[Prompt], tokenizer, config: Config) -> list[dict[str, list[int]]]:
    """Returns input_ids and labels of prompt, solution and end token; the prompt's labels are ignored.

    A share of --sft-direct of the solutions, drawn with the seed, consists of the final answer alone.

    An example longer than --max-seq-length is left out and counted, never cut. Raises UserError if none is left.
    """
    texts = [solution_text(p.problem.solution, config.keep_calculator_notes) for p in prompts]
    draw = random.Random(f"{config.seed} direct")
    texts = [" " + (final_answer(text) if draw.random() < config.sft_direct else text) for text in texts]
    solutions = tokenizer(texts, add_special_tokens=False)["input_ids"]
    rows = []
    for prompt, solution in zip(prompts, solutions):
        ids = [*prompt.ids, *solution, tokenizer.eos_token_id]
        rows.append({"input_ids": ids, "labels": [IGNORED] * len(prompt.ids) + ids[len(prompt.ids) :]})
    return fitting(rows, config.max_seq_length, "worked solution with its question", "solutions")


def training_arguments(config: Config, policy: Policy, dump: Dump) -> SFTConfig:
    """Returns TRL's settings; all that Unsloth would change are set, here or in common_arguments."""
    return SFTConfig(
        **common_arguments(config, policy, dump),
        dataset_kwargs={"skip_prepare_dataset": True},  # tokens and labels are ready
        remove_unused_columns=False,
        packing=False,
        max_length=None,
        per_device_train_batch_size=config.batch_size or DEFAULT_SFT_BATCH_SIZE,
        gradient_accumulation_steps=1,
        learning_rate=config.sft_learning_rate,
        lr_scheduler_type="cosine",
        weight_decay=0.0,
        max_grad_norm=1.0,
        eval_strategy="no",
    )


def trainer_class(config: Config):
    """Returns the trainer: with --distill-kl it learns the teacher's probabilities, too."""
    return FineTuner if config.distill_kl == 0 else Distiller


class Distiller(FineTuner):
    """Minimizes (1 - w) * cross-entropy + w * KL(teacher || student), with w = --distill-kl.

    The forward KL on given texts is supervised distillation in GKD (arXiv:2306.13649, equation 2).
    """

    def __init__(self, config, policy, *rest):
        super().__init__(config, policy, *rest)
        self.teacher = AutoModelForCausalLM.from_pretrained(
            locate(config.teacher_model, "--teacher-model"),
            dtype=torch.bfloat16 if policy.on_gpu else torch.float32,
            attn_implementation="sdpa" if policy.on_gpu else "eager",
            **load_options(config.trust_remote_code),
        )
        self.teacher.to(policy.model.device).requires_grad_(False).eval()
        theirs, ours = self.teacher.config.vocab_size, policy.model.config.vocab_size
        if theirs != ours:
            raise UserError(
                f"--distill-kl {config.distill_kl}: the teacher has {theirs} tokens and the student {ours}, so their "
                "probabilities cannot be compared. Use --distill-kl 0, or a student with the same tokenizer."
            )

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Returns both parts of the loss, each a mean over the learned tokens of the batch."""
        labels = inputs["labels"]  # (B, T)
        self.tokens += int((labels != IGNORED).sum())
        texts = {name: x for name, x in inputs.items() if name != "labels"} | {"use_cache": False}
        learned = labels[:, 1:] != IGNORED  # (B, T-1), by the position before
        targets = labels[:, 1:][learned]  # (N,)
        outputs = model(**texts)
        student = outputs.logits[:, :-1][learned].float().log_softmax(-1)  # (N, vocab)
        with torch.no_grad(), self.policy.autocast():
            logits = self.teacher(**texts).logits[:, :-1][learned]
            teacher = logits.float().log_softmax(-1)  # (N, vocab)
        entropy = -student.gather(1, targets[:, None]).mean()
        weight = self.run.distill_kl
        loss = (1 - weight) * entropy + weight * forward_kl(teacher, student).mean()
        return (loss, outputs) if return_outputs else loss


def forward_kl(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:  # (N, vocab) twice -> (N,)
    """Returns the sum of p (log p - log q) over the vocabulary, from the logprobs of teacher (p) and student (q)."""
    return (teacher.exp() * (teacher - student)).sum(-1)
