r"""Says whether two LaTeX answers mean the same, within a deadline, whatever a model wrote.

In this order, because the first ones are exact and cost nothing:

1. the same text, once outer dollars, spaces and a final point are gone: right;
2. the same number by `r1rl.rewards.grading.numbers`: right;
3. a gold answer of words (`\text{Evelyn}`): compared as text, because as LaTeX it is a product of letters, and every
   anagram would be right;
4. else math-verify reads both, in a process that can be killed (`math_worker`). Where the gold answer is one number,
   the answer has to be one too: a grader that calculates would reward repeating the question's own sum.

math-verify, and so this grader, compares decimals to 6 places (0.333333 is 1/3), takes 1,2 for (1,2), and 50\% for 0.5.

Measured on the gold answers of MATH: all 12,498 are right for themselves; 79 % are numbers that need no process where
the answer is right; math-verify reads 12,494 of them (of MATH-500 all 500), in 2 ms each.
"""

from __future__ import annotations

import atexit
import functools
import math
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass

from r1rl.rewards.grading.numbers import MAX_ANSWER_CHARS, normalise
from r1rl.system.errors import UserError
from r1rl.system.subprocesses import Worker, WorkerLost

DEADLINE = 5.0  # seconds for one answer; math-verify's own default for one comparison

MEMORY = 2 * 2**30  # bytes of address space; reading all of MATH takes less than a tenth of it

START_SECONDS = 120.0  # for the worker to import sympy; measured: 0.3 to 1.2 on two CPU cores

REMEMBERED = 10_000  # verdicts; evaluation and several rewards ask for the same ones


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means, and whether that is right."""

    correct: bool
    value: str | None  # the answer, the same for all ways to write it; None where it cannot be read
    gold_readable: bool  # False: no answer could have been right but the same text


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
        """The worker's verdict. Where it is lost over the answer, the gold answer is looked at alone."""
        gold, known = trim(gold), is_plain_number(gold)
        if answer is not None and not is_readable(answer):
            answer = None
        if not is_readable(gold) or (answer is None and known):
            return Verdict(False, None, known)
        try:
            found = self._request({"gold": gold, "answer": answer and trim(answer), "finished": known})
        except WorkerLost:
            return Verdict(False, None, False) if answer is None else self._ask(gold, None)
        value = canonical(gold) if found["correct"] else found["value"]
        return Verdict(found["correct"], value, found["gold_readable"] or known)

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
                f"the grader of LaTeX answers does not start: it needs the package math-verify and "
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


# What can be told without a process.

_OUTER = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))

_LETTERS_OF_LATEX = re.compile(r"\\(?:[dt]?frac|left|right)(?![a-zA-Z])")

_TEXT = re.compile(r"\\(?:text(?:bf|it|rm)?|mathrm|mbox)\s?\{([^{}]*)\}")

_THIN = re.compile(r"(?<=\d),\\!(?=\d)|\\!")  # 29,\!322 is how LaTeX writes thousands

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def exact(gold: str, answer: str | None) -> Verdict | None:
    """The verdict where it needs no reading of LaTeX; None where it does."""
    if answer is None or len(answer) > MAX_ANSWER_CHARS:
        return None
    gold, answer = trim(gold), trim(answer)
    if gold and gold == answer:
        return Verdict(True, canonical(gold), True)
    if is_plain_number(gold) and is_plain_number(answer) and normalise(gold) == normalise(answer):
        return Verdict(True, canonical(gold), True)
    words = words_of(gold)
    if words is None:
        return None
    said = words_of(answer) or plain_words(answer) or None
    return Verdict(said == words, said, True)


def trim(text: str) -> str:
    r"""A text without what does not belong to the answer: spaces, a final point, dollars around it, 1,\!000's comma."""
    text = _THIN.sub("", text).strip().rstrip(".,").rstrip()
    for start, end in _OUTER:
        inside = text[len(start) : len(text) - len(end)]
        if len(text) > len(start) + len(end) and text == f"{start}{inside}{end}" and start not in inside:
            return inside.strip().rstrip(".,").rstrip()
    return text


def canonical(gold: str) -> str:
    """How the right answer is shown: as number or words where it is that, else as the source writes it."""
    return (normalise(gold) if is_plain_number(gold) else words_of(gold)) or gold


def is_plain_number(text: str) -> bool:
    """Whether a text is a number without letters: "3a" is none, though `r1rl.rewards.grading.numbers` takes the a for a unit."""
    return not re.search(r"[a-zA-Z]", _LETTERS_OF_LATEX.sub("", text)) and normalise(text) is not None


def words_of(text: str) -> str | None:
    r"""The words of a text that is words only: all of it in \text, or three letters and more. None for others."""
    inside = _TEXT.fullmatch(text)
    if inside is None and not re.fullmatch(r"\(?[a-zA-Z][a-zA-Z -]{2,}\)?", text):
        return None
    return plain_words(text) or None


def plain_words(text: str) -> str:
    r"""A text without \text, brackets around it, capital letters and doubled spaces."""
    return " ".join(_TEXT.sub(r"\1", text).strip().removeprefix("(").removesuffix(")").casefold().split())


def is_readable(text: str) -> bool:
    """Whether a text can be LaTeX at all: neither empty nor an essay, every brace in its pair."""
    if not text.strip() or len(text) > MAX_ANSWER_CHARS:
        return False
    depth = 0
    for token in _BRACE.finditer(text):
        depth += (token[0] == "{") - (token[0] == "}")
        if depth < 0:  # "3} or \boxed{4" would end the box that it is put in
            return False
    return depth == 0
