"""Rejection sampling: of many completions of each problem, the right, readable and different ones, to fine-tune on.

After DeepSeek-R1 (arXiv:2501.12948, section 2.3.3): several completions a problem, only the right ones kept, and those
left out that mix languages or cannot be read. That a problem's completions differ is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.pipeline.sampling import Way, sample_with, seconds_so_far
from r1rl.pipeline.stage_configs import SFT_FILE
from r1rl.records import REASONING_TAG, Problem, Scored, reasoning_text
from r1rl.rewards.r1 import is_formatted
from r1rl.rewards.text import language_words, repetition, share_in_language_of, trigrams
from r1rl.runs.dump import append_lines, write_json
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder

LEAST_SHARE = 0.9  # of the reasoning's words in the language of the question

MOST_REPETITION = (
    0.5  # share of 3-grams that occurred before; MATH's solutions: 0.05 in the mean, 99 % below 0.31
)

NEAR = 0.7  # Jaccard similarity of 3-gram sets from which two completions count as the same

REASONS = (
    "wrong",
    "cut short",
    "tags not closed",
    "languages mixed",
    "repetitive",
    "near-duplicate",
    "one too many",
)


@dataclass(frozen=True, slots=True)
class Filtered:
    """What was kept, in the order given, and why the others fell: kept plus fallen is all that was given."""

    kept: list[Scored]
    fallen: Counter[str]  # by one of REASONS, the first that holds

    def describe(self) -> str:
        """One line for the terminal."""
        why = ", ".join(f"{count} {reason}" for reason, count in self.fallen.items() if count)
        total = len(self.kept) + self.fallen.total()
        return f"kept {len(self.kept)} of {total} completions" + (f" ({why})" if why else "")


def sift(
    scored: Sequence[Scored], per_problem: int, tag: str = REASONING_TAG, near: float = NEAR
) -> Filtered:
    """At most `per_problem` completions of each problem; `tag` is the one that the reasoning stands in.

    Greedy: a completion is compared with those of its problem that were kept before it.
    Raises ValueError for less than one a problem.
    """
    if per_problem < 1:
        raise ValueError(f"{per_problem} completions a problem: at least 1 must be kept")
    kept: list[Scored] = []
    grams: dict[tuple[str, str], list[set]] = {}  # of what was kept, by task and problem
    fallen: Counter[str] = Counter()
    for candidate in scored:
        before = grams.setdefault((candidate.problem.task, candidate.problem.id), [])
        own = set(trigrams(candidate.rollout.completion))
        reason = fault(candidate, tag)
        if reason is None and any(jaccard(own, other) > near for other in before):
            reason = "near-duplicate"
        if reason is None and len(before) == per_problem:
            reason = "one too many"
        if reason is not None:
            fallen[reason] += 1
            continue
        before.append(own)
        kept.append(candidate)
    return Filtered(kept, fallen)


def fault(scored: Scored, tag: str) -> str | None:
    """Why a completion alone is not worth learning from, the first of REASONS; None where it is."""
    rollout = scored.rollout
    if not scored.correct:
        return "wrong"
    if rollout.finish != "stop":
        return "cut short"
    if not is_formatted(rollout.completion, tag):
        return "tags not closed"
    if mixes_languages(scored.problem, reasoning_text(rollout.completion, tag)):
        return "languages mixed"
    return "repetitive" if repetition(rollout.completion) > MOST_REPETITION else None


def mixes_languages(problem: Problem, reasoning: str) -> bool:
    """Whether the reasoning leaves the language of the question. One without words, all formulas, does not."""
    share = share_in_language_of(problem.question, reasoning)
    return share is not None and share < LEAST_SHARE and bool(language_words(reasoning))


def jaccard(a: set, b: set) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets, which are the same.

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    return len(a & b) / len(a | b) if a or b else 1.0


def counts(candidates: Sequence[Scored], sifted: Filtered) -> dict[str, Any]:
    """What summary.json says of a sifting: kept and fallen are all that were given."""
    return {
        "given": len(candidates),
        "right": sum(s.correct for s in candidates),
        "kept": len(sifted.kept),
        "fallen": dict(sifted.fallen),
    }


def write_sft_jsonl(path: Path, kept: Sequence[Scored]) -> None:
    """Writes completions as conversations, one JSON object a line, whole or not at all.

    TRL's conversational format: {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}, with problem_id,
    task, level, answer and reward beside it.
    """
    write_rows(path, [conversation(scored) for scored in kept])


def write_rows(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Writes JSON objects, one a line, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    append_lines(new, rows)
    new.replace(path)


def conversation(scored: Scored) -> dict[str, object]:
    """One kept completion as a line of the file."""
    problem = scored.problem
    return {
        "messages": [
            {"role": "user", "content": problem.question},
            {"role": "assistant", "content": scored.rollout.completion},
        ],
        "problem_id": problem.id,
        "task": problem.task,
        "level": problem.level,
        "answer": problem.answer,
        "reward": scored.reward,
    }


def rejection(config: Config, recipe: str) -> int:
    """Samples, keeps what is right, readable and different, writes sft.jsonl. Returns the exit code."""

    def build_ways(problems: list[Problem], tokenizer) -> list[Way]:
        return [Way("sampled", Builder(tokenizer, config)(problems, "train"), config)]

    done = sample_with(config, recipe, build_ways)
    if isinstance(done, int):
        return done
    dump, found = done
    candidates = [scored for _, scored in found]
    sifted = sift(candidates, config.kept_per_problem, config.think_tag)
    if not sifted.kept:
        raise UserError(
            f"rejection sampling {sifted.describe()}, so there is nothing to fine-tune on: give it more problems with "
            "--max-samples, or more completions with --num-generations."
        )
    write_sft_jsonl(dump.folder / SFT_FILE, sifted.kept)
    summary = {"schema_version": 1, "seconds": seconds_so_far(dump), **counts(candidates, sifted)}
    write_json(dump.folder / "summary.json", summary)
    console.print(f"\nsifted   {sifted.describe()}")
    console.print(f"data     {dump.folder / SFT_FILE}: {len(sifted.kept)} conversations")
    return 0
