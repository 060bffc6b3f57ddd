"""The process that compares LaTeX values for MathGrader: one question in, one verdict out.

It may hang or die on what a model writes: `9^{9^{9^9}}` is a number. Therefore it has limits of memory and of processor
time, an alarm of its own that ends it even where nobody is left to kill it, and no model library, which makes it cheap
to start again. It can write no file. Texts are read by `latex_values`, so nothing of them is ever run.
"""

from __future__ import annotations

import logging
import math
import random
import resource
import signal
import sys
from fractions import Fraction
from typing import Any

from r1rl.rewards.grading.latex_values import (
    Node,
    NotRead,
    Value,
    has_sum_of_numbers,
    is_finished,
    operations,
    rational,
    read_value,
)
from r1rl.rewards.grading.vocabulary import NEVER
from r1rl.system.subprocesses import open_connection, requests, send

LONGEST_VALUE = 200  # characters of a value that is shown and counted in votes
TOLERANCE = Fraction(1, 10_000)  # relative, where one side is a decimal approximation
LONGEST_LIST = 40
UNDONE, ANOTHER_KIND, WRONG = "undone work", "another kind", "wrong"
FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def main(descriptor: int, memory: int, seconds: int) -> None:
    """Answers questions until the connection is closed. `seconds` of processor and wall time limit each."""
    connection = open_connection(descriptor, memory)
    logging.disable()
    import sympy  # noqa: F401 - the slow part of the start, before the deadline of the first line

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # sockets are no files
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    send(connection, {})
    for question in requests(connection):
        signal.alarm(seconds)  # its default ends the process, also inside a long multiplication
        limit_processor(seconds)
        send(connection, judge(**question))
        signal.alarm(0)


def limit_processor(seconds: int) -> None:
    """Limits the CPU time from now on to this many seconds; then the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def judge(gold: str, answer: str | None, words: list[str]) -> dict[str, object]:
    """Reads and compares two LaTeX texts; keys are those of `Verdict`. `words` are the stems of the question."""
    try:
        right = read_value(gold, None)[0]
    except (NotRead, RecursionError):
        return {"correct": False, "value": None, "gold_readable": False, "reason": "unreadable gold"}
    if answer is None:
        return {"correct": False, "value": None, "gold_readable": True, "reason": "no answer"}
    try:
        said = read_value(answer, frozenset(words))[0]
    except (NotRead, RecursionError) as error:
        reason = str(error) if isinstance(error, NotRead) else "nested too deep"
        return {"correct": False, "value": None, "gold_readable": True, "reason": reason}
    try:
        reason = difference(right, said)
    except NotRead as error:
        reason = str(error)
    except Exception:  # sympy has many, and all mean the same
        reason = "not comparable"
    return {"correct": not reason, "value": shown(said), "gold_readable": True, "reason": reason}


def difference(gold: Value, said: Value) -> str:
    """Why an answer is not the gold one; "" where it is."""
    gold, said = simplified(gold, said), simplified(said, gold)
    if gold[0] == "rel" and said[0] == "expr" and is_assignment(gold) and constant(gold[3]):
        gold = gold[3]
    if said[0] == "rel" and gold[0] != "rel":
        if not is_assignment(said):
            return ANOTHER_KIND
        said = said[3]
    if {gold[0], said[0]} == {"set", "list"} and distinct(gold) and distinct(said):
        gold, said = ["list", *gold[1:]], ["list", *said[1:]]
    if gold[0] != said[0]:
        return ANOTHER_KIND
    return COMPARED[gold[0]](gold, said)


def simplified(value: Value, other: Value) -> Value:
    """The value in the kind that the other one has, where both write the same thing."""
    if value[0] == "expr" and value[1][0] == "v" and len(value[1][1]) == 1 and value[1][1].isupper():
        return ["text", value[1][1]]
    if value[0] == "rel" and other[0] in ("tuple", "union"):
        return interval(value) or value
    if (
        value[0] == "rel"
        and len(value[1]) == 1
        and value[1] == ["="]
        and plain_variable(value[3])
        and not plain_variable(value[2])
    ):
        return ["rel", ["="], value[3], value[2]]
    if value[0] == "rel" and len(value[1]) == 1 and value[1][0] in (">", ">="):
        return ["rel", [FLIPPED[value[1][0]]], value[3], value[2]]
    if value[0] == "rel" and len(value[1]) == 2 and set(value[1]) <= {">", ">="}:
        return ["rel", [FLIPPED[s] for s in reversed(value[1])], *reversed(value[2:])]
    return value


def plain_variable(value: Value) -> bool:
    r"""Whether a value is a variable, such as x, \theta or f(x), or one word as its name: \text{Area}."""
    if value[0] == "text":
        return value[1].isalpha() and (len(value[1]) <= 3 if value[1].isupper() else value[1] not in NEVER)
    return value[0] == "expr" and (value[1][0] == "v" or (value[1][0] == "f" and str(value[1][1]).startswith("apply")))


def is_assignment(value: Value) -> bool:
    """Whether a value is "x = ...", or "(x, y) = ..."."""
    if value[1] != ["="]:
        return False
    names = value[2]
    if names[0] == "tuple" and names[1:3] == ["(", ")"] and value[3][0] == "tuple":
        return all(map(plain_variable, names[3:])) and len({str(name) for name in names[3:]}) == len(value[3]) - 3
    return plain_variable(names)


def constant(value: Value) -> bool:
    """Whether a value has no variable."""
    return value[0] == "expr" and '"v"' not in str(value).replace("'", '"')


def distinct(value: Value) -> bool:
    """Whether a list has no member twice."""
    parts = value[1:]
    return len(parts) <= LONGEST_LIST and not any(
        not difference(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]
    )


def interval(value: Value) -> Value | None:
    """An inequality about one variable as an interval; None for any other."""
    signs, parts = value[1], value[2:]
    if not set(signs) <= {"<", "<="} and set(signs) <= {">", ">=", "<", "<="}:
        signs, parts = [FLIPPED[s] for s in reversed(signs)], list(reversed(parts))
    if not set(signs) <= {"<", "<="}:
        return None
    infinity, minus = ["expr", ["c", "oo"], ""], ["expr", ["*", ["n", "-1"], ["c", "oo"]], ""]
    if len(signs) == 2 and plain_variable(parts[1]):
        return ["tuple", "[" if signs[0] == "<=" else "(", "]" if signs[1] == "<=" else ")", parts[0], parts[2]]
    if len(signs) == 1 and plain_variable(parts[0]):
        return ["tuple", "(", "]" if signs[0] == "<=" else ")", minus, parts[1]]
    if len(signs) == 1 and plain_variable(parts[1]):
        return ["tuple", "[" if signs[0] == "<=" else "(", ")", parts[0], infinity]
    return None


# One comparison for each kind


def compare_formulas(gold: Value, said: Value) -> str:
    """Numbers and formulas with their units."""
    (_, right, right_unit), (_, left, left_unit) = gold, said
    if right_unit and left_unit and right_unit != left_unit:
        return "another unit"
    if is_finished(right) and right[0] != "base" and not is_finished(left):
        return UNDONE
    if has_sum_of_numbers(left) and not has_sum_of_numbers(right):
        return UNDONE
    if operations(left) - operations(right):
        return f"{UNDONE}: {sorted(operations(left) - operations(right))[0][:20]}"
    if (right[0] == "base") != (left[0] == "base"):
        return "another base"
    if "%" in (right_unit, left_unit) and right_unit != left_unit:
        hundredth = ["/", right, ["n", "100"]] if right_unit else ["*", right, ["n", "100"]]
        return "" if same(right, left) or same(hundredth, left) else WRONG
    return "" if same(right, left) else WRONG


def compare_parts(gold: Value, said: Value) -> str:
    """5 feet 6 inches."""
    if len(gold) != len(said):
        return ANOTHER_KIND
    return next(
        (
            d
            for a, b in zip(gold[1:], said[1:])
            if (d := compare_formulas(["expr", *a], ["expr", *b]) or (a[1] != b[1] and "another unit"))
        ),
        "",
    )


def compare_lists(gold: Value, said: Value) -> str:
    """Members in any order, each as often; named values by their names, or without names in their order."""
    right, left = list(gold[1:]), list(said[1:])
    if len(right) != len(left):
        return "another number of values"
    if len(right) > LONGEST_LIST:
        return "too long"
    named = all(v[0] == "rel" and is_assignment(v) for v in right)
    if named and all(v[0] != "rel" for v in left):
        return next((d for a, b in zip(right, left) if (d := difference(a[3], b))), "")
    for value in right:
        match = next((i for i, other in enumerate(left) if not difference(value, other)), None)
        if match is None:
            return WRONG
        left.pop(match)
    return ""


def compare_in_order(gold: Value, said: Value) -> str:
    """Members in their order."""
    if len(gold) != len(said):
        return "another number of values"
    return next((d for a, b in zip(gold[1:], said[1:]) if (d := difference(a, b))), "")


def compare_tuples(gold: Value, said: Value) -> str:
    """Points and intervals: brackets and members."""
    return compare_in_order(gold[2:], said[2:]) if gold[1:3] == said[1:3] else "other brackets"


def compare_relations(gold: Value, said: Value) -> str:
    """Equations that are multiples of each other; inequalities side by side."""
    if gold[1] != said[1]:
        return ANOTHER_KIND
    if not any(difference(a, b) for a, b in zip(gold[2:], said[2:])):
        return ""
    if gold[1] != ["="] or any(v[0] != "expr" or v[2] for v in (*gold[2:], *said[2:])):
        return WRONG
    import sympy

    right, left = (symbolic(v[2][1]) - symbolic(v[3][1]) for v in (gold, said))
    if right.free_symbols != left.free_symbols or not right.free_symbols or left == 0:
        return WRONG
    ratio = sympy.cancel(right / left)
    return "" if ratio.is_number and ratio.is_finite and ratio != 0 else WRONG


def compare_matrices(gold: Value, said: Value) -> str:
    """Entry by entry."""
    if [len(row) for row in gold[1:]] != [len(row) for row in said[1:]]:
        return "another shape"
    pairs = ((a, b) for rows in zip(gold[1:], said[1:]) for a, b in zip(*rows))
    return next((d for a, b in pairs if (d := compare_formulas(["expr", a, ""], ["expr", b, ""]))), "")


def compare_nodes(gold: Value, said: Value) -> str:
    """Ratios, part by part."""
    if len(gold) != len(said):
        return WRONG
    return "" if all(same(a, b) for a, b in zip(gold[1:], said[1:])) else WRONG


def compare_exactly(gold: Value, said: Value) -> str:
    """Texts and times."""
    return "" if gold == said else WRONG


COMPARED = {
    "expr": compare_formulas, "parts": compare_parts, "list": compare_lists, "set": compare_lists, "tuple": compare_tuples,
    "union": compare_lists, "rel": compare_relations, "matrix": compare_matrices, "time": compare_exactly,
    "ratio": compare_nodes, "text": compare_exactly,
}  # fmt: skip


# Equality


def same(right: Node, left: Node) -> bool:
    """Whether two formulas are equal, exactly; a decimal may be the rounded other side, if close enough."""
    if right == left:
        return True
    if right[0] == "base" or left[0] == "base":
        return False
    values = rational(right), rational(left)
    if None not in values:
        return values[0] == values[1] or is_rounded(right, left, *values) or is_rounded(left, right, *values[::-1])
    import sympy

    a, b = symbolic(right), symbolic(left)
    for node, exact in ((right, b), (left, a)):
        decimal = signed_decimal(node)
        if decimal is not None and exact.is_number and exact.is_real:
            value = Fraction(str(sympy.N(exact, 40)))
            return is_rounded(node, ["v", ""], Fraction(decimal), value)
    return is_zero(a - b, a)


def signed_decimal(node: Node) -> str | None:
    """The text of a decimal, with its sign."""
    return node[1] if node[0] == "d" else None


def is_rounded(node: Node, other: Node, decimal: Fraction, exact: Fraction) -> bool:
    """Whether a decimal is another value, which is no decimal itself, rounded or cut off at its last digit."""
    if node[0] != "d" or other[0] == "d" or exact == 0:
        return False
    denominator = exact.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator == 1 and other[0] != "v":
        return False  # it could be written exactly
    digits = len(node[1].partition(".")[2])
    near = abs(decimal - exact) <= Fraction(1, 10**digits)
    return near and abs(decimal - exact) <= TOLERANCE * abs(exact)


def is_zero(expression: Any, scale: Any) -> bool:
    """Whether a sympy expression is proved to be zero: first refuted by numbers, where it can be, then simplified."""
    import sympy

    if expression == 0:
        return True
    if expression.has(sympy.zoo, sympy.nan):
        return False
    symbols = sorted(expression.free_symbols, key=str)
    rng = random.Random(7)
    for _ in range(3):
        point = {s: sympy.Rational(rng.randint(-40, 40) * 2 + 1, 7) for s in symbols}
        value = expression.subs(point).evalf(30)
        size = abs(scale.subs(point).evalf(30))
        if value.is_number and size.is_number and value.is_finite and abs(value) > sympy.Float("1e-20") * (size + 0):
            return False
    for simplify in (sympy.expand, sympy.simplify, sympy.radsimp, lambda e: sympy.simplify(sympy.expand_trig(e))):
        if simplify(expression) == 0:
            return True
    return expression.equals(0) is True


def symbolic(node: Node) -> Any:
    """A node as a sympy expression. Raises NotRead."""
    import sympy

    kind = node[0]
    if kind in ("n", "d"):
        return sympy.Rational(str(Fraction(node[1])))
    if kind == "v":
        return sympy.Symbol(node[1])
    if kind == "c":
        return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "oo": sympy.oo}[node[1]]
    if kind == "unit":
        factor = sympy.pi / 180 if node[2] == "°" else sympy.Rational(1, 100)
        return symbolic(node[1]) * factor
    if kind == "base":
        raise NotRead("a number with a base inside a formula")
    if kind == "f":
        return function(node[1], [symbolic(part) for part in node[2:]])
    parts = [symbolic(part) for part in node[1:]]
    if kind == "+":
        return sympy.Add(*parts)
    if kind == "*":
        return sympy.Mul(*parts)
    return parts[0] / parts[1] if kind == "/" else sympy.Pow(*parts)


def function(name: str, arguments: list[Any]) -> Any:
    """A function of sympy, or one without a meaning where sympy's would calculate."""
    import sympy

    if name == "factorial":
        return sympy.factorial(*arguments)
    if name == "abs":
        return sympy.Abs(*arguments)
    if name in ("ln", "log", "lg"):
        return sympy.log(*arguments) if name == "ln" else sympy.log(*arguments) / sympy.log(10)
    if name == "exp" or name in ("sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh"):
        return getattr(sympy, name)(*arguments)
    if name in ("arcsin", "arccos", "arctan"):
        return getattr(sympy, f"a{name[3:]}")(*arguments)
    return sympy.Function(name.replace(" ", "_"))(*arguments)


def shown(value: Value) -> str:
    """A value as text, the same for most ways to write it; cut where it is long."""
    if value[0] == "expr":
        exact = rational(value[1])
        try:
            text = str(exact if exact is not None else symbolic(value[1]))
        except Exception:
            text = str(value[1])
        return f"{text} {value[2]}".strip()[:LONGEST_VALUE]
    parts = [
        shown(part) if isinstance(part, list) and part and isinstance(part[0], str) else str(part) for part in value[1:]
    ]
    return (
        ", ".join(parts)[:LONGEST_VALUE]
        if value[0] in ("list", "text")
        else f"{value[0]}({', '.join(parts)})"[:LONGEST_VALUE]
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
