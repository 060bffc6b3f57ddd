"""Filters completions for fine-tuning: the correct, readable and different ones of each problem.

After DeepSeek-R1 (arXiv:2501.12948, section 2.3.3): several completions of a problem, of which the correct ones are
kept; completions that mix languages or are unreadable are rejected. The rule that they must differ is our addition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.records import REASONING_TAG, Problem, Scored, reasoning_text
from r1rl.rewards.r1 import is_formatted
from r1rl.rewards.text import language_words, repetition, share_in_language_of, trigrams
from r1rl.runs.dump import append_lines

LEAST_SHARE = 0.9  # of the reasoning's words in the language of the question
MOST_REPETITION = 0.5  # share of repeated 3-grams; MATH's solutions: 0.05 on average, 99 % below 0.31
NEAR = 0.7  # Jaccard similarity of 3-gram sets above which two completions count as the same
REASONS = ("wrong", "cut short", "tags not closed", "languages mixed", "repetitive", "near-duplicate", "one too many")


@dataclass(frozen=True, slots=True)
class Filtered:
    """The kept completions, in the given order, and the number of rejected ones: together all that were given."""

    kept: list[Scored]
    rejected: Counter[str]  # by the first of REASONS that applies

    def describe(self) -> str:
        """Returns one line for the terminal."""
        why = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items() if count)
        total = len(self.kept) + self.rejected.total()
        return f"kept {len(self.kept)} of {total} completions" + (f" ({why})" if why else "")


def filter_completions(
    scored: Sequence[Scored], per_problem: int, tag: str = REASONING_TAG, near: float = NEAR
) -> Filtered:
    """Keeps at most `per_problem` completions of each problem; `tag` is the tag around the reasoning.

    Greedy: a completion is compared with those of its problem that were kept before it.
    Raises ValueError for less than one per problem.
    """
    if per_problem < 1:
        raise ValueError(f"{per_problem} completions per problem: at least 1 must be kept")
    kept: list[Scored] = []
    grams: dict[tuple[str, str], list[set]] = {}  # of the kept completions, by task and problem
    rejected: Counter[str] = Counter()
    for candidate in scored:
        before = grams.setdefault((candidate.problem.task, candidate.problem.id), [])
        candidate_grams = set(trigrams(candidate.rollout.completion))
        reason = reject_reason(candidate, tag)
        if reason is None and any(jaccard(candidate_grams, other) > near for other in before):
            reason = "near-duplicate"
        if reason is None and len(before) == per_problem:
            reason = "one too many"
        if reason is not None:
            rejected[reason] += 1
            continue
        before.append(candidate_grams)
        kept.append(candidate)
    return Filtered(kept, rejected)


def reject_reason(scored: Scored, tag: str) -> str | None:
    """Returns the first of REASONS to reject a completion by itself; None if it is worth learning from."""
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
    """Returns whether the reasoning leaves the language of the question. Reasoning without words does not."""
    share = share_in_language_of(problem.question, reasoning)
    return share is not None and share < LEAST_SHARE and bool(language_words(reasoning))


def jaccard(a: set, b: set) -> float:
    """Returns the size of the intersection over the size of the union; 1 for two empty sets.

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    return len(a & b) / len(a | b) if a or b else 1.0


def counts(candidates: Sequence[Scored], filtered: Filtered) -> dict[str, Any]:
    """Returns the counts for summary.json: kept and fallen (rejected) completions are all that were given."""
    return {
        "given": len(candidates),
        "right": sum(s.correct for s in candidates),
        "kept": len(filtered.kept),
        "fallen": dict(filtered.rejected),
    }


def write_sft_jsonl(path: Path, kept: Sequence[Scored]) -> None:
    """Writes completions as conversations, one JSON object per line, all or nothing.

    TRL's conversational format: {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}, with problem_id,
    task, level, answer and reward in addition.
    """
    write_rows(path, [conversation(scored) for scored in kept])


def write_rows(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Writes JSON objects, one per line, all or nothing."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    append_lines(new, rows)
    new.replace(path)


def conversation(scored: Scored) -> dict[str, object]:
    """Returns a kept completion as a line of the file."""
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
