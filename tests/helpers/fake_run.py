"""Writes the dump of a run that never was: word problems, answered better with time."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

from r1rl.commands.pretrain.word_problems import WRONG, WRONG_CHECKED, check_text, guess, in_one_go
from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.reports.completions import read_completions
from r1rl.runs import folder as run_folder
from r1rl.runs.dump import (
    EVALUATIONS,
    GAPS,
    METRICS,
    ROLLOUTS,
    TOKENS,
    Dump,
    append_lines,
    evaluation_tokens,
    read_lines,
    write_json,
)
from r1rl.runs.stats import wilson
from r1rl.runs.tokens import gap_lines, token_line
from r1rl.tasks.prompts import plain_prompt
from r1rl.tasks.word_problems import WorkedProblem, generate_worked

PIECES = re.compile(r"\w+|\W")  # what counts as a token
# A line of each file with what is needed of it.
LINES = {
    ROLLOUTS: {"step": 1, "group": 0, "sample": 0, "problem_id": "train/1", "prompt": "", "completion": "", "tokens": 1,
               "finish": "stop", "correct": True, "reward": 1.0, "seconds": 1.0},
    METRICS: {"step": 1, "tokens": 1, "reward": None, "level": None, "reasoning_tokens": 1, "seconds": 1.0},
    EVALUATIONS: {"step": 1, "problems": 1, "samples": 1, "accuracy": 1.0, "mean_tokens": 1.0, "evaluation_seconds": 1.0,
                  "seconds": 1.0},
}  # fmt: skip


def make_run(
    folder: Path, steps: int = 30, eval_steps: int = 10, problems: int = 40, seed: int = 0, skill: float = 0.8
) -> Path:
    """A run of `steps` steps, two groups of four each; `skill` is the share worked out at its end."""
    folder.mkdir(parents=True)
    config = Config(**{**overrides("tiny"), "max_steps": steps, "num_generations": 4, "seed": seed})
    settings = {**vars(config), "exp_name": folder.name}
    machine = {"gpu": None, "cores": 2}
    run = {"schema_version": 1, "started": "2026-11-21T10:00:00+0000", "recipe": "tiny", "config": settings}
    write_json(folder / "run.json", {**run, "machine": machine, "versions": {}, "commit": None})
    rng = random.Random(seed)
    train, test = generate_worked("train", seed, 2 * steps), generate_worked("test", 1, problems)
    for step in range(steps + 1):
        works = 0.2 + (skill - 0.2) * step / steps  # share that is worked out rather than guessed
        if step:
            train_step(folder, step, train[2 * step - 2 : 2 * step], works, rng)
        if step % eval_steps == 0:
            evaluation(folder, step, test, works, rng)
    return folder


def add_tokens(folder: Path) -> None:
    """Adds the tokens of all completions: token i has the logprob -(i % 6), and in training the gap -0.25."""
    dump = Dump(folder)
    for completion in read_completions(folder):
        line = completion.line
        lengths = [len(piece) for piece in PIECES.findall(line["completion"])]
        logprobs = [-float(i % 6) for i in range(len(lengths))]
        name = TOKENS if completion.split == "train" else evaluation_tokens(line["step"])
        dump.add_tokens(name, [token_line(line["step"], (line["group"], line["sample"]), logprobs, lengths)])
        if completion.split == "train":
            place = line["group"] * 4 + line["sample"]
            dump.add_tokens(GAPS, gap_lines(line["step"], {place: [-0.25] * len(lengths)}, 4))


def set_tasks(folder: Path, verdicts: dict[int, dict[str, str]]) -> None:
    """Makes the evaluations those of a mixture; `verdicts`: by step and task, "1" for each correct problem, else "0"."""
    (folder / EVALUATIONS).unlink()
    for step, tasks in verdicts.items():
        path = folder / "eval" / f"step_{step}.jsonl"
        lines = list(read_lines(path))
        path.unlink()
        marked = [(task, verdict) for task, part in tasks.items() for verdict in part]
        changed = [
            {**line, "task": task, "correct": verdict == "1", "reward": float(verdict)}
            for line, (task, verdict) in zip(lines, marked, strict=True)
        ]
        write_evaluation(folder, step, changed)


def write_run_json(folder: Path, **changes: Any) -> Config:
    """Writes the run.json of the tiny recipe with changed flags, and returns its config."""
    config = Config(**{**overrides("tiny"), "dumps": str(folder.parent), "exp_name": folder.name, **changes})
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", run_folder.describe(config, "tiny", {"gpu": None, "cores": 2}))
    return config


def train_step(folder: Path, step: int, worked: list[WorkedProblem], works: float, rng: random.Random) -> None:
    """The lines of one step."""
    lines = [
        completion(step, "train", i, j, w, works, rng, advantage=rng.uniform(-1, 1))
        for i, w in enumerate(worked)
        for j in range(4)
    ]
    append_lines(folder / ROLLOUTS, lines)
    tokens = sorted(line["tokens"] for line in lines)
    right = [line["correct"] for line in lines]
    metrics = {
        "schema_version": 1, "step": step, "completions": len(lines), "tokens": sum(tokens),
        "reward": sum(right) / len(right), "accuracy": sum(right) / len(right),
        "mean_tokens": sum(tokens) / len(tokens), "p10_tokens": tokens[0], "p50_tokens": tokens[3],
        "p90_tokens": tokens[-1], "max_tokens": tokens[-1], "truncated": 0.0, "groups": 2,
        "groups_without_signal": sum(len(set(right[i : i + 4])) == 1 for i in (0, 4)), "loss": 0.0,
        "grad_norm": 0.1 + 0.1 * rng.random(), "learning_rate": 3e-4, "entropy": 0.9 - 0.01 * step,
        "sampler_gap": 1e-6 * (1 + rng.random()), "sampler_gap_max": 1e-5, "tokens_per_second": 1500.0,
        "step_seconds": 2.0, "parts": {"generate": 1.0, "update": 1.0}, "seconds": 2.0 * step,
        "dollars": None, "level": None, "reasoning_tokens": 10.0,
    }  # fmt: skip
    append_lines(folder / METRICS, [metrics])


def evaluation(folder: Path, step: int, worked: list[WorkedProblem], works: float, rng: random.Random) -> None:
    """The lines of one evaluation, and its summary."""
    write_evaluation(folder, step, [completion(step, "eval", i, 0, w, works, rng) for i, w in enumerate(worked)])


def write_evaluation(folder: Path, step: int, lines: list[dict[str, Any]]) -> None:
    """The files of one evaluation."""
    (folder / "eval").mkdir(exist_ok=True)
    append_lines(folder / "eval" / f"step_{step}.jsonl", lines)
    right, n = sum(line["correct"] for line in lines), len(lines)
    low, high = wilson(right, n)
    summary = {
        "schema_version": 1, "step": step, "problems": n, "samples": 1, "correct": right,
        "accuracy": right / n,
        "mean_tokens": sum(line["tokens"] for line in lines) / n, "truncated": 0.0, "evaluation_seconds": 1.0,
        "low": low, "high": high, "seconds": 2.0 * step,
    }  # fmt: skip
    append_lines(folder / EVALUATIONS, [summary])


def completion(
    step: int, split: str, group: int, sample: int, worked: WorkedProblem, works: float, rng: random.Random,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """One line, as r1rl.runs.dump.completion_line writes it."""
    if rng.random() < works:
        checks = rng.random() < 0.4
        answer, body = in_one_go(worked.steps, WRONG_CHECKED if checks else WRONG, rng)
        if checks:
            answer, check = check_text(worked.steps, answer, rng)
            body = f"{body}\n{check}"
    else:
        answer = guess(worked.steps, rng)
        body = f"I think it is {answer}."
    text = f"<reasoning>\n{body}\n</reasoning>\n<answer>\n{answer}\n</answer>"
    problem = worked.problem
    right = str(answer) == problem.answer
    tokens = len(PIECES.findall(text))
    return {
        "schema_version": 1, "step": step, "split": split, "task": problem.task, "problem_id": problem.id,
        "level": problem.level, "group": group, "sample": sample, "prompt": plain_prompt(problem, False),
        "completion": text, "tokens": tokens, "finish": "stop", "extracted": str(answer),
        "answer": problem.answer,
        "correct": right, "rewards": {"correctness": float(right)}, "reward": float(right), "advantage": None,
        "logprob": -rng.uniform(0.01, 0.6) * tokens, "seconds": 2.0 * step, **more,
    }  # fmt: skip
