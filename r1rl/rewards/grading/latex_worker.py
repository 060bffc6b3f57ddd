"""The process that reads LaTeX for MathGrader: one question in, one verdict out.

It may hang or die on what a model writes: `9^{9^{9^9}}` is a number. Therefore it has limits of memory and of processor
time, an alarm of its own that ends it even where nobody is left to kill it, and no model library, which makes it cheap
to start again. It can write no file, and sympy's reader of Python expressions, which runs them, gets numbers only.
"""

from __future__ import annotations

import logging
import math
import re
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from r1rl.system.subprocesses import open_connection, requests, send

TEXT = r"\text"  # what units are written in

# Python code that holds numbers alone, or one name.
HARMLESS = re.compile(r"(?:Integer|Float|Rational|[\d\s.()'+*/eE-])*|(?:Symbol\s*\(\s*'\w+'\s*\)|\w+)\s*")

LONGEST_VALUE = 200  # characters of a value that is shown and counted in votes


def main(descriptor: int, memory: int, seconds: int) -> None:
    """Answers questions until the connection is closed. `seconds` of processor and wall time limit each."""
    connection = open_connection(descriptor, memory)
    logging.disable()
    import math_verify  # noqa: F401 - the slow part of the start, before the deadline of the first line
    from sympy.parsing import sympy_parser

    sympy_parser.eval_expr = only_numbers(sympy_parser.eval_expr)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # sockets are no files
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    send(connection, {})
    for question in requests(connection):
        signal.alarm(seconds)  # its default ends the process, also inside a long multiplication
        limit_processor(seconds)
        send(connection, judge(**question))
        signal.alarm(0)


def limit_processor(seconds: int) -> None:
    """So many seconds from now on, of all cores together; the kernel ends the process then."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def only_numbers(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """sympy's `eval_expr` for numbers, and for single names, which sympy's own modules of units are made with.

    The number 50 in a LaTeX text is run as the Python expression "Integer (50 )" on its way to a sympy object: sympy's
    Number() is made so. Nothing else of a text may get there.
    """

    def checked(code: str, *names: dict) -> Any:
        if HARMLESS.fullmatch(code) is None:
            raise ValueError("a text is read as LaTeX and not run as Python")
        return evaluate(code, *names)

    return checked


def judge(gold: str, answer: str | None, finished: bool) -> dict[str, object]:
    """Reads and compares two LaTeX texts; keys are those of `Verdict`.

    With `finished` an answer that leaves something to calculate ("37 \\times 41" for 1517) is wrong.
    """
    with_units = finished or TEXT in gold
    golds = read(gold, with_units)
    answers = [] if answer is None or not golds else read(answer, with_units)
    value = shown(answers) if answers else None
    done = bool(answers) and not (finished and leaves_work(answers[0]))
    return {"correct": done and equal(golds, answers), "value": value, "gold_readable": bool(golds)}


def read(text: str, with_units: bool) -> list:
    """The expressions in a LaTeX text as sympy objects, without those that could only be kept as text.

    math-verify takes letters at the end for units: the t of "\\sin^2 t", the "b + c" of "a + b + c". So it is told to
    look for units only where the gold answer is a number or has some, or where it can read nothing else.
    """
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    try:
        how = NormalizationConfig(
            basic_latex=True,
            units=with_units,
            malformed_operators=True,
            nits=True,
            boxed="all",
            equations=False,
        )
        config = LatexExtractionConfig(boxed_match_priority=0, normalization_config=how)
        found = parse(rf"\boxed{{{text}}}", extraction_config=[config], parsing_timeout=None)
    except Exception:  # any error of the parser, of recursion and memory too, means the same
        return []
    expressions = [expression for expression in found if not isinstance(expression, str)]
    return expressions if expressions or with_units else read(text, True)


def equal(golds: list, answers: list) -> bool:
    """Whether one of the readings of the gold is one of those of the answer."""
    from math_verify import verify

    try:
        return verify(golds, answers, timeout_seconds=None)
    except Exception:
        return False


def leaves_work(expression) -> bool:
    """Whether an expression is not yet one number; "x = 3", "1 + 2 = 3" and "50\\%" are."""
    import sympy

    if isinstance(expression, sympy.Eq):
        left, right = expression.args
        return leaves_work(right) or not (left.free_symbols or left.equals(right))
    if isinstance(expression, sympy.Mul) and str(expression.args[-1]) == "1/100":  # percent, kept unevaluated
        return len(expression.args) > 2 or leaves_work(expression.args[0])
    return not getattr(expression, "is_Number", False)


def shown(expressions: list) -> str:
    """An expression as text, the same for all ways to write it; cut where it is long."""
    try:
        return str(expressions[0])[:LONGEST_VALUE]
    except Exception:
        return "?"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
