r"""Compares two LaTeX answers exactly, by value and kind, within a deadline that holds whatever a model wrote.

In this order, because the first ones are exact and cost nothing:

1. a formula copied from the question is no answer, unless the gold answer is in the question, too;
2. the same text, once the wrapping is gone: right;
3. both are read by the grammar of `latex_values`. What the grammar does not have is no answer. Rational numbers are compared here;
4. everything else is compared by sympy, in a process that can be killed (`latex_worker`). Where the gold answer is one
   number as written, the answer has to be one too: a grader that calculates would reward repeating the question's sum.
   An answer may use no function that the gold answer does not use.

A decimal is right for a number that no decimal can write where it is that number, rounded, to a relative 1e-4.

Measured on the gold answers of MATH: all 12,498 are right for themselves, and the grammar reads all but 8.
"""

from __future__ import annotations

import atexit
import functools
import math
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from r1rl.records import Problem
from r1rl.rewards.grading.answer import (
    BOX,
    COPIED,
    MAX_ANSWER_CHARS,
    TOO_LONG,
    Found,
    Grade,
    Rules,
    in_box,
    is_readable,
    locate,
    unwrap,
    verdict,
    without_lead,
    without_reasoning,
)
from r1rl.rewards.grading.latex_values import NotRead, Value, clean, is_finished, rational, read_value
from r1rl.rewards.grading.numbers import normalise, read_number
from r1rl.rewards.grading.vocabulary import words_of
from r1rl.system.errors import UserError
from r1rl.system.subprocesses import Worker, WorkerLost

DEADLINE = 5.0  # seconds for one answer
MEMORY = 2 * 2**30  # bytes of address space; reading all of MATH takes less than a tenth of it
START_SECONDS = 120.0  # for the worker to import sympy; measured: 0.3 to 1.2 on two CPU cores
REMEMBERED = 10_000  # verdicts; evaluation and several rewards ask for the same ones


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means, and whether that is right."""

    correct: bool
    value: str | None  # the answer, the same for most ways to write it; None where it cannot be read
    gold_readable: bool  # False: no answer could have been right but the same text
    reason: str = field(default="", compare=False)


def grade_math(completion: str, problem: Problem, config: Rules) -> Grade:
    """A LaTeX answer, in the last answer tag or the last \\boxed{} (in the tag, where there is both)."""
    found = math_found(completion)
    graded = shared_grader().grade(problem.answer, found and found.text)
    if found is None or found.trouble:
        return verdict(found and found.text, None, False, found.trouble if found else "")
    if graded.correct and is_copied(found.text, problem.answer, problem.question):
        return verdict(found.text, graded.value, False, COPIED)
    if graded.value is None and problem.question and not graded.correct:
        graded = in_words(problem.answer, found.text, problem.question) or graded
    return verdict(found.text, graded.value, graded.correct, graded.reason)


def math_answer(completion: str) -> str | None:
    """The part of a completion that is its LaTeX answer; None where there is none."""
    found = math_found(completion)
    return None if found is None else found.text


def math_found(completion: str) -> Found | None:
    """The LaTeX answer with what the text around it does to it; None where there is none."""
    tagged = locate(completion, "tag")
    return in_box(without_reasoning(completion) if tagged is None else tagged.text) or tagged


class MathGrader:
    """Grades LaTeX answers; the worker process is started when one is needed and again after each bomb.

    `counts` tells how often it hung or crashed and how many answers and gold answers could not be read; a question
    asked again counts once. May be called from several threads, one at a time is served.
    """

    def __init__(self, deadline: float = DEADLINE, memory: int = MEMORY):
        self.deadline, self.memory = deadline, memory
        self.counts: Counter[str] = Counter()
        self.start_seconds: float | None = None  # of the latest worker
        self.grade = functools.lru_cache(REMEMBERED)(self._grade)
        alarm = math.ceil(deadline) + 1  # the worker's own limit, later than the deadline here
        self._worker = Worker("r1rl.rewards.grading.latex_worker", (str(alarm),), memory, silent=True)
        self._lock = threading.Lock()

    def _grade(self, gold: str, answer: str | None) -> Verdict:
        """The verdict on an answer, None being one that is not there. Never raises for anything in the texts."""
        verdict = exact(gold, answer) or self._ask(gold, answer)
        self.counts["unreadable gold"] += not verdict.gold_readable
        self.counts["unreadable answer"] += answer is not None and verdict.value is None
        return verdict

    def _ask(self, gold: str, answer: str | None) -> Verdict:
        """The worker's verdict. Where it is lost over the answer, that is wrong."""
        try:
            found = self._request({"gold": trim(gold), "answer": trim(answer), "words": sorted(unit_words(gold))})
        except WorkerLost as lost:
            return Verdict(False, None, True, f"the grader {lost.why}")
        value = canonical(trim(gold)) if found["correct"] else found["value"]
        return Verdict(found["correct"], value, found["gold_readable"], found["reason"])

    def _request(self, question: dict[str, object]) -> dict:
        """Returns the worker's answer. Raises WorkerLost after the deadline or where it died."""
        with self._lock:
            try:
                if self._worker.process is None:
                    self._start()
                self._worker.send(question, self.deadline)
                return self._worker.receive()
            except WorkerLost as lost:
                self.counts[lost.why] += 1
                raise
            except KeyboardInterrupt:  # the answer to this question must not be taken for one to the next
                self._worker.stop()
                raise

    def _start(self) -> None:
        """Starts the worker and waits until its libraries are loaded. Raises UserError where they are not installed."""
        start = time.perf_counter()
        try:
            self._worker.start(START_SECONDS)
        except WorkerLost:  # not caused by an answer: without this error every answer would count as wrong
            raise UserError(
                f"the grader of LaTeX answers does not start: it needs the package sympy, which math-verify brings, and "
                f"{self.memory / 2**20:.0f} MiB of address space. Run `pip install math-verify`."
            ) from None
        self.start_seconds = time.perf_counter() - start

    def close(self) -> None:
        """Stops the worker. The next call that needs one starts another."""
        with self._lock:
            self._worker.stop()


@functools.cache
def shared_grader() -> MathGrader:
    """The one grader of this process, closed with it."""
    grader = MathGrader()
    atexit.register(grader.close)
    return grader


def grading_words() -> str | None:
    """What the shared grader could not do so far, for the last screen; None where it could do all."""
    troubles = {why: n for why, n in shared_grader().counts.items() if n and why != "unreadable answer"}
    return ", ".join(f"{why}: {n}" for why, n in troubles.items()) or None


# What is decided without the worker process.


def trim(text: str) -> str:
    r"""A text without its wrapping: spaces, a final point, dollars and box around it, "The answer is"."""
    text = unwrap(without_lead(unwrap(text, BOX)), BOX)
    return " ".join(re.sub(r"(?<!\\),+$", "", text).split())


def exact(gold: str, answer: str | None) -> Verdict | None:
    """The verdict where it needs no sympy; None where it does."""
    readable = is_readable(gold)
    gold = trim(gold) if readable else gold
    right = read(gold, None) if readable else "unreadable gold"
    known = not isinstance(right, str)
    if answer is None:
        return Verdict(False, None, known)
    if len(answer) > MAX_ANSWER_CHARS or not is_readable(answer):
        return Verdict(False, None, known, TOO_LONG if len(answer) > MAX_ANSWER_CHARS else "brackets do not match")
    answer = trim(answer)
    words = _TEXT.fullmatch(gold)
    if gold and (gold == answer or (words and words[1].casefold().split() == answer.casefold().split())):
        return Verdict(True, canonical(gold), True)
    if not known:
        return Verdict(False, None, False, right)
    said = read(answer, unit_words(gold))
    if isinstance(said, str):
        return in_words(gold, answer, "") or Verdict(False, None, True, said)
    if right == said:
        return Verdict(True, canonical(gold), True)
    if right[0] == said[0] == "expr" and right[2] == said[2] and is_finished(right[1]) and is_finished(said[1]):
        values = rational(right[1]), rational(said[1])
        if None not in values and values[0] == values[1]:
            return Verdict(True, canonical(gold), True)
        if None not in values and "'d'" not in f"{right}{said}":
            return Verdict(False, str(values[1]), True)
    if right[0] == said[0] == "text":
        return Verdict(False, said[1], True)
    return None


def read(text: str, units: frozenset[str] | None) -> Value | str:
    """The value of a text, or the reason why it has none."""
    try:
        return read_value(text, units)[0]
    except NotRead as reason:
        return str(reason)
    except RecursionError:
        return "nested too deep"


def in_words(gold: str, answer: str, question: str) -> Verdict | None:
    """The verdict on an answer that the grammar of numbers reads ("25 dollars in all"); None where that is not right."""
    right = read(trim(gold), None) if is_readable(gold) else ""
    if isinstance(right, str) or right[0] != "expr" or right[2] or not is_finished(right[1]):
        return None
    value, reading = rational(right[1]), read_number(trim(answer), question)
    if value is None or reading.value is None or str(value) != reading.value:
        return None
    return Verdict(True, canonical(trim(gold)), True)


def unit_words(gold: str) -> frozenset[str]:
    """The words of a gold answer's own units."""
    return words_of(" ".join(_TEXT.findall(gold)))


_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|mathrm|mbox)\s?\{([^{}]*)\}")


def canonical(gold: str) -> str:
    """How the right answer is shown: as number or words where it is that, else as the source writes it."""
    words = _TEXT.fullmatch(gold) or re.fullmatch(r"\(?([a-zA-Z][a-zA-Z -]{2,})\)?", gold)
    if words:
        return " ".join(words[1].strip("() ").casefold().split()) or gold
    plain = not re.search(r"[a-zA-Z]", _LETTERS_OF_LATEX.sub("", gold))
    return (normalise(gold) if plain else None) or gold


_LETTERS_OF_LATEX = re.compile(r"\\(?:[dt]?frac|left|right)(?![a-zA-Z])")

# Formulas copied from the question.

_FORMULA = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def is_copied(answer: str, gold: str, question: str) -> bool:
    """Whether an answer is a formula of the question, as text or but for the order of its parts, and the gold is not."""
    if not question or len(answer) > MAX_ANSWER_CHARS:
        return False
    answer, gold = trim(answer), trim(gold)
    said, right = read(answer, unit_words(gold)), read(gold, None)
    if answer == gold or isinstance(said, str) or not is_formula(said):
        return False
    text, whole = key(answer), key(question)
    if contains(whole, text) and not contains(whole, key(gold)):
        return True
    known = formulas_of(question)
    return str(ordered(said)) in known and (isinstance(right, str) or str(ordered(right)) not in known)


def is_formula(value: Value) -> bool:
    """Whether a value is more than one number, letter, word or time, with or without a unit."""
    return value[0] not in ("text", "time") and not (
        value[0] == "expr" and value[1][0] in ("n", "d", "v", "c", "base", "unit")
    )


def key(text: str) -> str:
    """A text without spaces and in one spelling of LaTeX."""
    return re.sub(r"[\s{}$]", "", clean(text))


def contains(text: str, part: str) -> bool:
    """Whether a text has a part that is not itself part of a longer number, word or power."""
    return re.search(rf"(?<![\w.^\\]){re.escape(part)}(?![\w^!]|\.\d)", text) is not None


@functools.lru_cache(maxsize=1024)
def formulas_of(question: str) -> frozenset[str]:
    """The formulas of a question, and the sides of its equations, with their parts in one order."""
    found: set[str] = set()
    for match in list(_FORMULA.finditer(question))[:100]:
        text = trim(next(filter(None, match.groups()), ""))
        value = read(text, None) if is_readable(text) else ""
        if not isinstance(value, str):
            found.add(str(ordered(value)))
            found |= {str(ordered(side)) for side in value[2:] if value[0] == "rel"}
    return frozenset(found)


def ordered(value: Value) -> Value:
    """A value with the members of its sums and products in one order, without zeros and ones."""
    if not isinstance(value, list) or not value:
        return value
    parts = [ordered(part) for part in value[1:]]
    if value[0] in ("+", "*"):
        parts = sorted((p for p in parts if p != ["n", "0" if value[0] == "+" else "1"]), key=str)
        return parts[0] if len(parts) == 1 else [value[0], *parts]
    return [value[0], *parts]
