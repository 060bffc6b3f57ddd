"""The stories of the word problems: each a template with letters for numbers and a solution in sentences.

Each sentence of the solution is a step with one calculation in brackets. Its operands are letters (numbers of the
question), `#1` (the result of step 1) or plain numbers; the last step gives the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NAMES = (
    *("Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Kate", "Leo"),
    *("Maria", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Victor", "Wendy", "Yusuf", "Zoe", "Omar"),
)
THINGS = (
    *("apple", "book", "card", "coin", "cookie", "egg", "flower", "hat", "marble", "orange", "pen", "ring"),
    *("shell", "shirt", "stamp", "sticker", "stone", "ticket", "toy", "balloon"),
)  # all with a plain "s" in the plural
SMALL, MEDIUM, LARGE = (2, 9), (2, 10), (5, 20)


@dataclass(frozen=True)
class Template:
    """One story: {a}, {b}, ... are drawn from `ranges` (inclusive; MEDIUM by default)."""

    question: str
    solution: str
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)


# fmt: off
ONE_STEP = (
    Template(
        "{name} has {a} {thing}s. {other} gives {name} {b} more. How many {thing}s does {name} have now?",
        "{name} now has [a + b] {thing}s.", {"a": LARGE, "b": LARGE}),
    Template(
        "{name} had {a} {thing}s and gave {b} of them to {other}. How many {thing}s are left?",
        "There are [a - b] {thing}s left.", {"a": (8, 30), "b": (2, 20)}),
    Template(
        "There are {a} boxes with {b} {thing}s in each box. How many {thing}s are there in all?",
        "The boxes hold [a * b] {thing}s."),
    Template(
        "{name} shares {a} {thing}s equally among {b} friends. How many {thing}s does each friend get?",
        "Each friend gets [a / b] {thing}s.", {"a": (6, 60), "b": SMALL}),
    Template(
        "{name} has {a} {thing}s and {other} has {b}. How many more {thing}s does {name} have than {other}?",
        "{name} has [a - b] more {thing}s.", {"a": (8, 30), "b": (2, 20)}),
    Template(
        "One {thing} costs ${a}. How many dollars do {b} {thing}s cost?",
        "They cost [a * b] dollars."),
    Template(
        "{name} is {a} years old. {other} is {b} years older than {name}. How old is {other}?",
        "{other} is [a + b] years old.", {"a": LARGE, "b": LARGE}),
    Template(
        "{name} reads {a} pages a day. How many days does {name} need for a book of {b} pages?",
        "{name} needs [b / a] days.", {"b": (10, 99)}),
)

TWO_STEPS = (
    Template(
        "{name} buys {a} boxes of {b} {thing}s and gives {c} {thing}s to {other}. How many {thing}s does {name} have"
        " left?",
        "The boxes hold [a * b] {thing}s. {name} has [#1 - c] {thing}s left.", {"c": (2, 20)}),
    Template(
        "{name} has {a} {thing}s. {other} has twice as many. How many {thing}s do they have together?",
        "{other} has [2 * a] {thing}s. Together they have [a + #1] {thing}s.", {"a": (2, 30)}),
    Template(
        "One {thing} costs ${a}. {name} buys {b} {thing}s and pays with ${c}. How many dollars of change does {name}"
        " get?",
        "The {thing}s cost [a * b] dollars. {name} gets [c - #1] dollars back.", {"c": (20, 100)}),
    Template(
        "{name} puts {a} red and {b} blue {thing}s equally into {c} bags. How many {thing}s are in each bag?",
        "There are [a + b] {thing}s. Each bag gets [#1 / c] {thing}s.", {"a": LARGE, "b": LARGE, "c": SMALL}),
    Template(
        "{name} earns ${a} an hour and works {b} hours a day. How many dollars does {name} earn in {c} days?",
        "{name} earns [a * b] dollars a day. That makes [#1 * c] dollars.", {"b": (2, 6), "c": (2, 5)}),
    Template(
        "There are {a} people on a bus. At a stop {b} people get off and {c} people get on. How many people are on "
        "the bus now?",
        "After some got off there are [a - b] people. Now there are [#1 + c] people.",
        {"a": (8, 40), "b": LARGE, "c": LARGE}),
    Template(
        "{name} finds {a} {thing}s on Monday and {b} more than that on Tuesday. How many {thing}s does {name} find "
        "on both days?",
        "On Tuesday {name} finds [a + b] {thing}s. On both days that is [a + #1] {thing}s.",
        {"a": LARGE, "b": LARGE}),
    Template(
        "A rope is {a} meters long. {name} cuts off {b} meters and cuts the rest into {c} equal parts. How many "
        "meters long is each part?",
        "The rest is [a - b] meters long. Each part is [#1 / c] meters long.",
        {"a": (10, 60), "b": LARGE, "c": SMALL}),
    Template(
        "{name} has {a} {thing}s, which is {b} more than {other} has. How many {thing}s do they have together?",
        "{other} has [a - b] {thing}s. Together they have [a + #1] {thing}s.", {"a": (8, 40), "b": (2, 20)}),
)

THREE_STEPS = (
    Template(
        "{name} buys {a} cups for ${b} each and {c} plates for ${d} each. How many dollars does {name} pay in all?",
        "The cups cost [a * b] dollars. The plates cost [c * d] dollars. In all {name} pays [#1 + #2] dollars.",
        {"a": SMALL, "c": SMALL}),
    Template(
        "{name} has {a} rows of {b} {thing}s, loses {c} {thing}s and shares the rest equally among {d} friends. How "
        "many {thing}s does each friend get?",
        "The rows hold [a * b] {thing}s. There are [#1 - c] {thing}s left. Each friend gets [#2 / d] {thing}s.",
        {"c": (2, 20), "d": SMALL}),
    Template(
        "{name} saves ${a} a week for {b} weeks. Then {name} spends ${c} and {other} gives {name} ${d}. How many "
        "dollars does {name} have?",
        "{name} saves [a * b] dollars. After spending there are [#1 - c] dollars. With the gift {name} has [#2 + d] "
        "dollars.", {"c": (2, 20), "d": LARGE}),
    Template(
        "{name} has {a} {thing}s. {other} has {b} times as many. {third} has {c} fewer than {other}. How many "
        "{thing}s do {name} and {third} have together?",
        "{other} has [b * a] {thing}s. {third} has [#1 - c] {thing}s. Together they have [a + #2] {thing}s.",
        {"b": (3, 9), "c": (2, 20)}),
    Template(
        "{name} bakes {a} trays of {b} rolls, packs them in bags of {c} rolls and sells each bag for ${d}. How many "
        "dollars does {name} get?",
        "{name} bakes [a * b] rolls. They fill [#1 / c] bags. {name} gets [#2 * d] dollars.",
        {"c": SMALL, "d": SMALL}),
    Template(
        "A class of {a} girls and {b} boys splits into groups of {c}. Each group gets {d} {thing}s. How many "
        "{thing}s are given out?",
        "The class has [a + b] children. They make [#1 / c] groups. The groups get [#2 * d] {thing}s.",
        {"a": LARGE, "b": LARGE, "c": SMALL}),
    Template(
        "{name} runs {a} miles each morning and {b} miles each evening for {c} days. {name} wants to run {d} miles. "
        "How many miles are still to run?",
        "{name} runs [a + b] miles a day. So far that makes [#1 * c] miles. There are [d - #2] miles to run.",
        {"a": SMALL, "b": SMALL, "c": SMALL, "d": (20, 150)}),
    Template(
        "{name} is {a} years old. {other} is {b} years older than {name}. {third} is half as old as {other}. How old"
        " will {third} be in {c} years?",
        "{other} is [a + b] years old. {third} is [#1 / 2] years old. Then {third} will be [#2 + c] years old.",
        {"a": LARGE, "b": LARGE, "c": LARGE}),
)

FOUR_STEPS = (
    Template(
        "{name} sells {a} {thing}s on Monday, twice as many on Tuesday, and on Wednesday {b} fewer than on Tuesday. "
        "How many {thing}s does {name} sell on the three days?",
        "On Tuesday {name} sells [2 * a] {thing}s. On Wednesday {name} sells [#1 - b] {thing}s. On two days that is "
        "[a + #1] {thing}s. On three days that is [#3 + #2] {thing}s.", {"a": (5, 30), "b": (2, 20)}),
    Template(
        "{name} buys {a} cups for ${b} each and {c} plates for ${d} each and pays with ${e}. How many dollars of "
        "change does {name} get?",
        "The cups cost [a * b] dollars. The plates cost [c * d] dollars. Together they cost [#1 + #2] dollars. "
        "{name} gets [e - #3] dollars back.", {"a": SMALL, "b": SMALL, "c": SMALL, "d": SMALL, "e": (50, 150)}),
    Template(
        "A box has {a} rows of {b} {thing}s. {name} has {c} boxes, gives {d} {thing}s to {other} and puts the rest "
        "equally into {e} bags. How many {thing}s are in each bag?",
        "A box has [a * b] {thing}s. The boxes hold [#1 * c] {thing}s. There are [#2 - d] {thing}s left. Each bag "
        "gets [#3 / e] {thing}s.", {"a": (2, 6), "b": (2, 6), "c": (2, 5), "d": (2, 20), "e": (2, 6)}),
    Template(
        "{name} picks {a} pears an hour for {b} hours and {other} picks {c} pears an hour for {d} hours. They pack "
        "them in bags of {e}. How many bags do they fill?",
        "{name} picks [a * b] pears. {other} picks [c * d] pears. Together they pick [#1 + #2] pears. They fill [#3 "
        "/ e] bags.", {"b": SMALL, "d": SMALL, "e": SMALL}),
    Template(
        "A hotel has {a} floors with {b} rooms each. {c} rooms are empty, {d} people live in each of the others and "
        "{e} people work there. How many people are in the hotel?",
        "There are [a * b] rooms. People live in [#1 - c] rooms. In them live [#2 * d] people. In all there are [#3 "
        "+ e] people.", {"a": SMALL, "b": SMALL, "c": LARGE, "d": (2, 4), "e": LARGE}),
)
# fmt: on

TEMPLATES = (*ONE_STEP, *TWO_STEPS, *THREE_STEPS, *FOUR_STEPS)
