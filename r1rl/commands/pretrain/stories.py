"""Word problems in many wordings for the pretraining text: each relation has several phrasings, drawn at random.

The task's own problems have one wording for each story. A model that has read only those cannot read a stranger's
question, so a part of the pretraining text is made here. Training and evaluation of a run do not use these problems.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from r1rl.records import Problem
from r1rl.tasks.word_problems import LARGEST, Step, WorkedProblem, calculate, gsm8k_solution


def words(text: str) -> tuple[str, ...]:
    """Returns the words of a text."""
    return tuple(text.split())


SHE = words(
    """
    Anna Carla Emma Grace Ida Kate Maria Olga Rosa Tina Wendy Zoe Mary Lucy Sarah Lisa Julia Amy Nina Eva Clara Ella
    Mia Lena Jane Alice Laura Linda Susan Helen Nora Ruth Sofia Fatima Mei Priya Aisha Betty Molly Jill Hannah
    """
)
HE = words(
    """
    Ben David Felix Henry Jack Leo Noah Paul Sam Victor Yusuf Omar Tom John Peter Mark James Bob Max Tim Adam Alex
    Carl Dan Eric Frank George Ivan Joe Kevin Luke Mike Nick Oscar Robert Simon Bill Ali Raj Wei Hugo Martin
    """
)
THINGS = words(
    """
    apple book card coin cookie egg flower hat marble orange pen ring shell shirt stamp sticker stone ticket toy
    balloon pencil banana candle cake car chair sweet doll ball button crayon cup plate bottle nut plum pear lemon
    muffin donut roll sandwich:es peach:es box:es brush:es letter photo magazine bead brick key lamp dog cat duck
    chicken cow fish: sheep: bird horse rabbit goat tomato:es potato:es carrot onion melon grape olive chocolate
    candy:!candies berry:!berries
    """
)  # "x:es" and "x:!y" are other plurals than "s"
PLACES = words("box bag basket jar room drawer shop garden house park class field tree")
CONTAINERS = words("box:es bag basket pack jar shelf:!shelves row tray table crate bundle team")
WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SPELLED = 0.1  # share of problems whose small numbers are words
UNKNOWN = 0.2  # share of persons and things that are made-up words: a reader must not depend on knowing them
SETTING = 0.3  # share of problems that begin with a time or place
ASIDE = 0.2  # share of problems with a phrase or sentence that changes nothing
SETTINGS = (
    "Yesterday", "On Monday", "On Friday", "Last week", "This morning", "In the afternoon", "Last year", "Today",
    "At the market", "At school", "In summer", "At a party", "On the way home", "In the city", "One day", "At work",
)  # fmt: skip
PHRASES = (
    "at home", "at the market", "for the party", "in the kitchen", "for school", "with a friend", "on the weekend",
    "for a birthday", "in the yard", "from a friend", "in the morning", "at the fair", "on the table", "in town",
)  # fmt: skip
ASIDES = (
    "It is a sunny day.", "They are very nice.", "Everybody is happy.", "They come from a small town.", "It rains.",
    "Some are new.", "They are for a friend.", "It takes a long time.", "The weather is good.", "All are the same.",
)  # fmt: skip
PEOPLE = (
    "a farmer:she", "the teacher:she", "my aunt:she", "her mother:she", "the nurse:she", "my sister:she",
    "a baker:he", "the driver:he", "my uncle:he", "his father:he", "the cook:he", "my friend:he", "a boy:he",
    "a girl:she", "Mrs. White:she", "Mr. Green:he", "Mr. Stone:he", "Ms. Lake:she", "the painter:she", "a man:he",
)  # fmt: skip

# (present, past) of what makes more or fewer.
GAINS = (
    ("buys", "bought"), ("gets", "got"), ("finds", "found"), ("receives", "received"), ("wins", "won"),
    ("picks", "picked"), ("collects", "collected"), ("takes", "took"), ("makes", "made"), ("adds", "added"),
)  # fmt: skip
LOSSES = (
    ("eats", "ate"), ("loses", "lost"), ("sells", "sold"), ("gives away", "gave away"), ("breaks", "broke"),
    ("drops", "dropped"), ("uses", "used"), ("throws away", "threw away"), ("donates", "donated"), ("spends", "spent"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """A question with its calculations as text, e.g. "a + b" or "#1 - c" (# and the number of an earlier one)."""

    question: str
    calculations: tuple[str, ...]
    numbers: dict[str, int]
    sentence: str = "That makes {}."


def draw_problem(rng: random.Random, number: int) -> WorkedProblem:
    """Returns a problem of one or two steps in a wording drawn at random."""
    while True:
        story = rng.choice(STORIES)(rng, draw_words(rng))
        steps = steps_of(story)
        if all(1 <= s.result <= LARGEST and (s.operator != "/" or s.left % s.right == 0) for s in steps):
            break
    question = with_setting(story.question, rng)
    question = question if rng.random() >= SPELLED else spell(question)
    question = question[0].upper() + question[1:]
    problem = Problem(f"story/{number}", question, str(steps[-1].result), gsm8k_solution(steps), "story", len(steps))
    return WorkedProblem(problem, tuple(steps))


def steps_of(story: Story) -> list[Step]:
    """Returns the calculations of a story as steps."""
    steps: list[Step] = []

    def value(text: str) -> tuple[int, int | None]:
        if text.startswith("#"):
            return steps[int(text[1:]) - 1].result, int(text[1:]) - 1
        return (story.numbers[text] if text in story.numbers else int(text)), None

    for calculation in story.calculations:
        left, operator, right = calculation.split()
        (a, left_step), (b, right_step) = value(left), value(right)
        result = calculate(a, operator, b) if operator != "/" or b else 0
        steps.append(Step(story.sentence, operator, a, b, left_step, right_step))
        if not 1 <= result <= LARGEST:
            break
    return steps


def with_setting(question: str, rng: random.Random) -> str:
    """Returns the question, sometimes with a time, a place or a sentence that changes nothing."""
    if question.startswith(("What", "How", "Take", "If")):
        return question
    first, stop, rest = question.partition(". ")
    if stop and not first.endswith(("Mr", "Mrs", "Ms")) and rng.random() < ASIDE:
        middle = rng.random() < 0.5
        question = f"{first} {rng.choice(PHRASES)}. {rest}" if middle else f"{first}. {rng.choice(ASIDES)} {rest}"
    if rng.random() < SETTING:
        if question.startswith(("There ", "A ", "Each ", "One ", "Of ", "The ", "My ", "Her ", "His ")):
            question = question[0].lower() + question[1:]
        question = rng.choice(SETTINGS) + rng.choice((" ", ", ")) + question
    return question


def made_up(rng: random.Random) -> str:
    """Returns a word that no list has, of two or three syllables."""
    syllables = [rng.choice("bcdfghklmnprstvw") + rng.choice("aeiou") for _ in range(rng.randint(2, 3))]
    return "".join(syllables) + rng.choice(("", "n", "r", "l", "t", "k"))


def spell(question: str) -> str:
    """Returns the question with its numbers up to twelve as words."""
    words = []
    for word in question.split(" "):
        bare = word.rstrip(".,?")
        spelled = WORDS[int(bare)] if bare.isdigit() and 1 <= int(bare) < len(WORDS) else bare
        words.append(spelled + word[len(bare) :])
    return " ".join(words)


def plural(noun: str) -> tuple[str, str]:
    """Returns (one, many) of an entry of THINGS or CONTAINERS."""
    one, mark, ending = noun.partition(":")
    if not mark:
        return one, f"{one}s"
    return one, ending[1:] if ending.startswith("!") else one + ending


def draw_words(rng: random.Random) -> dict[str, str]:
    """Draws the names and nouns of a story: {n} with {he} and {him}, {o}, {t} and {ts}, {u} and {us}, {c} and {cs}."""
    names, he, him, his = (SHE, "she", "her", "her") if rng.random() < 0.5 else (HE, "he", "him", "his")
    others = [p.partition(":")[0] for p in PEOPLE if p.endswith(f":{he}")]
    n = made_up(rng).capitalize() if rng.random() < UNKNOWN else rng.choice(others if rng.random() < 0.3 else names)
    o = rng.choice([x for x in (*SHE, *HE, "a friend", "the neighbor") if x != n])
    (t, ts), (u, us) = (plural(x) for x in rng.sample(THINGS, 2))
    if rng.random() < UNKNOWN:
        t, ts = plural(made_up(rng))
    c, cs = plural(rng.choice(CONTAINERS))
    he = n if rng.random() < 0.25 else he
    people = {"n": n, "o": o, "he": he, "him": him, "his": his}
    return people | {"t": t, "ts": ts, "u": u, "us": us, "c": c, "cs": cs, "p": rng.choice(PLACES)}


def ask_have(rng: random.Random) -> str:
    """Returns a question for how many the person has."""
    return rng.choice(
        (
            "How many {ts} does {n} have now?", "How many {ts} does {he} have?", "How many has {he}?",
            "How many {ts} has {n} got now?", "How many {ts} are there now?", "How many does {he} have now?",
            "How many {ts} does {n} have in total?", "How many {ts} does {n} have altogether?", "How many now?",
            "What is the number of {ts} {n} has now?", "How many {ts} has {he}?", "How many {ts} in all?",
        )
    )  # fmt: skip


def ask_left(rng: random.Random) -> str:
    """Returns a question for how many are left."""
    return rng.choice(
        (
            "How many {ts} are left?", "How many are left?", "How many {ts} does {n} have left?", "How many remain?",
            "How many {ts} does {he} still have?", "How many {ts} does {n} have now?", "How many has {he} left?",
            "How many {ts} remain?", "How many are there now?", "How many has {he}?", "How many {ts} has {n} left?",
        )
    )  # fmt: skip


def opening(rng: random.Random) -> str:
    """Returns a clause in which the person has {a} things."""
    return rng.choice(
        (
            "{n} has {a} {ts}", "{n} had {a} {ts}", "{n} starts with {a} {ts}", "{n} owns {a} {ts}",
            "{n} collected {a} {ts}", "{n} has {a} {ts} in {his} {p}",
            "{n} picked {a} {ts}", "{n} found {a} {ts}", "{n} bought {a} {ts}", "{n} made {a} {ts}",
        )
    )  # fmt: skip


def gain(rng: random.Random, letter: str) -> str:
    """Returns a clause that makes {letter} more, beginning with its subject or with "and"."""
    number, verb = "{" + letter + "}", rng.choice(rng.choice(GAINS))
    return rng.choice(
        (
            f" and {verb} {number} more.", f" and {verb} {number} {{ts}} more.", f". {{he}} {verb} {number} more.",
            f". Then {{he}} {verb} {number} more {{ts}}.", f". {{n}} {verb} another {number}.",
            f". {{he}} {verb} {number} {{ts}}.", f". {{o}} gives {{him}} {number} more.", f" and then {verb} {number}.",
            f". {{o}} gave {{him}} {number} {{ts}}.", f". Later {{he}} {verb} {number} more.",
            f". {{his}} friend gives {{him}} {number} more {{ts}}.", f". {number} more are added.",
        )
    )  # fmt: skip


def loss(rng: random.Random, letter: str) -> str:
    """Returns a clause that makes {letter} fewer, beginning with its subject or with "and"."""
    number, verb = "{" + letter + "}", rng.choice(rng.choice(LOSSES))
    return rng.choice(
        (
            f" and {verb} {number}.", f" and {verb} {number} of them.", f". {{he}} {verb} {number}.",
            f". Then {{he}} {verb} {number} {{ts}}.", f". {{n}} {verb} {number} of the {{ts}}.",
            f". {{he}} gives {number} to {{o}}.", f" and gives {number} of them to {{o}}.", f". {{o}} takes {number}.",
            f". {{he}} gives {{o}} {number} {{ts}}.", f" and gave {{o}} {number}.", f". {number} of them are lost.",
            f". {{his}} brother takes {number} of them.",
        )
    )  # fmt: skip


def written(rng: random.Random, words: dict[str, str], text: str, calculations: tuple[str, ...], **ranges) -> Story:
    """Returns the story with numbers drawn from the ranges, and each sentence begun with a capital."""
    numbers = {letter: rng.randint(*limits) for letter, limits in ranges.items()}
    question = text.format(**words, **numbers)
    sentences = question.split(". ")
    question = ". ".join(s[0].upper() + s[1:] for s in sentences)
    return Story(question, calculations, numbers)


def gains(rng, words):
    """a, then b more."""
    text = opening(rng) + gain(rng, "b") + " " + ask_have(rng)
    return written(rng, words, text, ("a + b",), a=(1, 120), b=(1, 80))


def losses(rng, words):
    """a, then b fewer."""
    text = opening(rng) + loss(rng, "b") + " " + ask_left(rng)
    return written(rng, words, text, ("a - b",), a=(3, 200), b=(1, 120))


def gains_and_losses(rng, words):
    """a, then b more, then d fewer, or the other way round."""
    first_gain = rng.random() < 0.6
    middle = gain(rng, "b") if first_gain else loss(rng, "b")
    last = (loss if first_gain else gain)(rng, "d")
    last = last if last.startswith(". ") else ". Then {he}" + last.removeprefix(" and then").removeprefix(" and")
    text = opening(rng) + middle.rstrip(".") + last + " " + (ask_left(rng) if first_gain else ask_have(rng))
    calculations = ("a + b", "#1 - d") if first_gain else ("a - b", "#1 + d")
    return written(rng, words, text, calculations, a=(2, 120), b=(1, 60), d=(1, 60))


def two_gains(rng, words):
    """Three numbers of the same things."""
    text = rng.choice(
        (
            "{n} has {a} {ts}, {o} has {b} and {his} friend has {d}. How many {ts} do they have together?",
            "{n} buys {a} {ts} on Monday, {b} on Tuesday and {d} on Wednesday. How many {ts} is that?",
            "There are {a} red, {b} blue and {d} green {ts}. How many {ts} are there?",
            "A {c} holds {a} {ts}, {b} {us} and {d} other things. How many things are in it?",
            "{n} reads {a} pages, then {b} pages, then {d} pages. How many pages does {he} read?",
        )
    )
    return written(rng, words, text, ("a + b", "#1 + d"), a=(1, 50), b=(1, 50), d=(1, 50))


def sums(rng, words):
    """Two people or kinds together."""
    text = rng.choice(
        (
            "{n} has {a} {ts} and {o} has {b}. How many {ts} do they have together?",
            "{n} has {a} {ts}. {o} has {b} {ts}. How many have they in all?",
            "There are {a} {ts} and {b} {us} in the {p}. How many things are there?",
            "There are {a} boys and {b} girls in a class. How many children are there?",
            "{n} has {a} red {ts} and {b} blue {ts}. How many {ts} does {he} have?",
            "{n} walks {a} miles in the morning and {b} miles in the evening. How far does {he} walk?",
            "{n} read {a} pages yesterday and {b} pages today. How many pages did {he} read in total?",
            "{n} spends ${a} on {ts} and ${b} on {us}. How much does {he} spend?",
            "A {t} costs ${a} and a {u} costs ${b}. How much do both cost together?",
            "A shop sold {a} {ts} in the morning and {b} in the afternoon. How many did it sell that day?",
            "{n} buys a {t} for ${a} and a {u} for ${b}. What is the total price?",
            "On one side of the street are {a} {ts}, on the other side {b}. How many is that in total?",
            "If {n} has {a} {ts} and gets {b} more, how many {ts} will {he} have?",
            "How many {ts} does {n} have if {he} had {a} and then got {b}?",
            "{a} {ts} were in the {p}. {b} more were put in. How many are in it now?",
            "The {t} weighs {a} kg. The {u} weighs {b} kg more. How heavy is the {u}?",
            "A {t} is {a} cm long and a {u} is {b} cm longer. How long is the {u}?",
            "The first {t} costs {a} dollars, the second costs {b} dollars more. What does the second cost?",
            "{n} worked {a} hours and then {b} more hours. How long did {he} work altogether?",
            "The {t} is {a} meters high. {n} makes it {b} meters higher. How high is it then?",
            "What is the sum of {a} and {b}?",
            "What is {a} plus {b}?",
        )
    )
    return written(rng, words, text, ("a + b",), a=(1, 150), b=(1, 100))


def differences(rng, words):
    """How many more, fewer, missing or older."""
    text = rng.choice(
        (
            "{n} has {a} {ts} and {o} has {b}. How many more {ts} does {n} have?",
            "{n} has {a} {ts}. {o} has {b}. How many fewer does {o} have?",
            "{n} needs {a} {ts} and has {b}. How many more does {he} need?",
            "{n} wants to buy a {t} for ${a}. {he} has ${b}. How many dollars are missing?",
            "There are {a} children in a class. {b} are girls. How many are boys?",
            "There were {a} people on a bus and {b} got off. How many people are still on the bus?",
            "{n} is {a} years old. {o} is {b} years younger. How old is {o}?",
            "A book has {a} pages. {n} has read {b}. How many pages are left to read?",
            "Of {a} {ts} in the {p}, {b} are red. How many are not red?",
            "A ribbon is {a} cm long. {n} cuts off {b} cm. How long is the rest?",
            "{n} had ${a} and spent ${b}. How much money is left?",
            "If {n} had {a} {ts} and {b} were taken away, how many would be left?",
            "How many {ts} are left if {n} had {a} and used {b}?",
            "{a} {ts} were in the {p}. {b} were removed. How many stayed?",
            "The {t} weighs {a} kg. The {u} weighs {b} kg less. How much does the {u} weigh?",
            "The trip takes {a} minutes. {b} minutes have passed. How many minutes are left?",
            "{n} must carry {a} {ts} and has carried {b} so far. How many must {he} still carry?",
            "A {t} cost {a} dollars. Now it costs {b} dollars less. What is the new price?",
            "{n} gave {b} of {his} {a} {ts} away. How many has {he} now?",
            "{n} has {b} {ts}. {o} has {a}. How many more has {o} than {n}?",
            "Out of {a} {ts}, {b} were sold. How many were not sold?",
            "The {p} has room for {a} {ts}. There are already {b}. How many more fit?",
            "{n} is {a} cm tall and {o} is {b} cm shorter. How tall is {o}?",
            "What is {a} minus {b}?",
            "Take {b} away from {a}. What remains?",
        )
    )
    return written(rng, words, text, ("a - b",), a=(3, 200), b=(1, 150))


def products(rng, words):
    """Groups, prices and rates."""
    text = rng.choice(
        (
            "There are {a} {cs} with {b} {ts} each. How many {ts} are there?",
            "Each {c} has {b} {ts}. How many {ts} are in {a} {cs}?",
            "{n} has {a} {cs} of {b} {ts}. How many {ts} does {he} have?",
            "A {c} holds {b} {ts}. {n} fills {a} {cs}. How many {ts} is that?",
            "One {t} costs ${a}. How much do {b} {ts} cost?",
            "A {t} costs ${a}. {n} buys {b}. How much does {he} pay?",
            "{n} buys {b} {ts} at ${a} each. What do they cost?",
            "{n} earns ${a} an hour. How much does {he} earn in {b} hours?",
            "{n} runs {a} miles every day. How many miles does {he} run in {b} days?",
            "A car drives {a} miles in an hour. How far does it drive in {b} hours?",
            "{n} eats {a} {ts} a day. How many does {he} eat in {b} days?",
            "{a} children get {b} {ts} each. How many {ts} do they get in all?",
            "If one {t} costs {a} dollars, what do {b} {ts} cost?",
            "How much do {b} {ts} cost if each costs {a} dollars?",
            "How many {ts} are in {a} {cs} if every {c} holds {b}?",
            "Every {c} contains {b} {ts}. There are {a} {cs}. How many {ts} are there altogether?",
            "The {p} has {a} {cs} with {b} {ts} in every {c}. How many {ts} does it have?",
            "{n} needs {a} {ts} for one {u}. How many {ts} does {he} need for {b} {us}?",
            "{n} makes {a} {ts} per hour. How many {ts} are made in {b} hours?",
            "{b} people bring {a} {ts} each. How many {ts} do they bring?",
            "{n} saves {a} dollars every week. How much has {he} saved after {b} weeks?",
            "One {t} has {a} parts. How many parts do {b} {ts} have?",
            "What is {a} times {b}?",
        )
    )
    return written(rng, words, text, ("a * b",), a=(2, 25), b=(2, 15))


def quotients(rng, words):
    """Equal shares and groups; a is the product, so the division is exact."""
    text = rng.choice(
        (
            "{n} shares {a} {ts} equally among {b} friends. How many does each get?",
            "{a} {ts} are shared by {b} children. How many {ts} does each child get?",
            "{n} puts {a} {ts} into {b} {cs}, the same number in each. How many are in each {c}?",
            "{n} packs {a} {ts} in {cs} of {b}. How many {cs} does {he} need?",
            "{b} {ts} cost ${a}. How much does one {t} cost?",
            "{n} pays ${a} for {b} {ts}. What is the price of one?",
            "{n} has ${a}. One {t} costs ${b}. How many can {he} buy?",
            "A class of {a} children is split into groups of {b}. How many groups are there?",
            "{n} reads {b} pages a day. How many days does a book of {a} pages take?",
            "How many {cs} of {b} can be made from {a} {ts}?",
            "{n} splits {a} {ts} evenly between {b} people. How many does every person get?",
            "If {a} {ts} are divided equally into {b} {cs}, how many are in each one?",
            "{b} friends pay {a} dollars together, each the same. How much does one pay?",
            "A {t} of {a} meters is divided into {b} equal parts. How long is one part?",
            "{n} drove {a} miles in {b} hours, always at the same speed. How many miles is that per hour?",
            "{a} {ts} stand in {b} equal rows. How many {ts} are in a row?",
            "Each {c} holds {b} {ts}. How many {cs} does {n} need for {a} {ts}?",
            "What is {a} divided by {b}?",
        )
    )
    b, quotient = rng.randint(2, 10), rng.randint(2, 12)
    return written(rng, words, text, ("a / b",), a=(b * quotient,) * 2, b=(b, b))


def multiples(rng, words):
    """Twice, three times, half as many; older by some years."""
    text, calculation = rng.choice(
        (
            ("{n} has {a} {ts}. {o} has twice as many. How many {ts} does {o} have?", "2 * a"),
            ("{n} has {a} {ts} and {o} has three times as many. How many has {o}?", "3 * a"),
            ("{o} has {b} times as many {ts} as {n}. {n} has {a}. How many {ts} does {o} have?", "b * a"),
            ("{n} is {a} years old. {o} is {b} years older. How old is {o}?", "a + b"),
            ("{o} is {b} years older than {n}, who is {a}. How old is {o}?", "a + b"),
            ("{n} is {a}. How old will {he} be in {b} years?", "a + b"),
            ("{n} has {a} {ts}. {o} has {b} more than {n}. How many has {o}?", "a + b"),
        )
    )
    return written(rng, words, text, (calculation,), a=(2, 20), b=(2, 6))


def groups_and_rest(rng, words):
    """A product, then some more or fewer."""
    minus = rng.random() < 0.6
    first = rng.choice(
        (
            "{n} buys {a} {cs} of {b} {ts}", "{n} has {a} {cs} with {b} {ts} in each",
            "{n} packs {a} {cs} of {b} {ts}", "{n} has {a} {cs}. Each holds {b} {ts}",
        )
    )  # fmt: skip
    last = (loss if minus else gain)(rng, "d")
    if "Each" in first and not last.startswith(". "):
        last = ". Then {he}" + last.removeprefix(" and then").removeprefix(" and")
    text = first + last + " " + (ask_left if minus else ask_have)(rng)
    return written(rng, words, text, ("a * b", "#1 - d" if minus else "#1 + d"), a=(2, 12), b=(2, 15), d=(1, 40))


def money(rng, words):
    """Two prices, change, savings."""
    text, calculations = rng.choice(
        (
            ("{n} buys {a} {ts} for ${b} each and pays with ${d}. How much change does {he} get?", ("a * b", "d - #1")),
            ("A {t} costs ${b}. {n} buys {a} and has ${d}. How many dollars are left?", ("a * b", "d - #1")),
            ("{n} buys {a} {ts} at ${b} each and a {u} for ${d}. How much does {he} pay?", ("a * b", "#1 + d")),
            ("{n} saves ${b} a week for {a} weeks and gets ${d} from {o}. How much has {he}?", ("a * b", "#1 + d")),
            ("{n} earns ${b} an hour for {a} hours and spends ${d}. How much is left?", ("a * b", "#1 - d")),
            (
                "{n} has {d} dollars and buys {a} {ts} for {b} dollars each. How much money is left?",
                ("a * b", "d - #1"),
            ),
            ("A {u} costs {d} dollars and each {t} {b} dollars. What do a {u} and {a} {ts} cost?", ("a * b", "d + #1")),
            ("There are {a} {cs} with {b} {ts} each and {d} single {ts}. How many in all?", ("a * b", "#1 + d")),
            ("{n} has {a} {cs} of {b} {ts}. {d} {ts} are bad. How many are good?", ("a * b", "#1 - d")),
            ("{n} made {d} {ts}, but needs {a} {cs} of {b}. How many are missing?", ("a * b", "#1 - d")),
        )
    )
    return written(rng, words, text, calculations, a=(2, 9), b=(2, 9), d=(2, 100))


def compared_totals(rng, words):
    """One has more, fewer or times as many; together."""
    text, calculations = rng.choice(
        (
            ("{n} has {a} {ts}. {o} has {b} more. How many do they have together?", ("a + b", "a + #1")),
            ("{n} has {a} {ts} and {o} has {b} more than {n}. How many {ts} have both?", ("a + b", "a + #1")),
            ("{n} has {a} {ts}. {o} has {b} fewer. How many {ts} are there together?", ("a - b", "a + #1")),
            ("{n} has {a} {ts}. {o} has twice as many. How many are there in all?", ("2 * a", "a + #1")),
            ("{n} reads {a} pages on Monday and {b} more on Tuesday. How many in all?", ("a + b", "a + #1")),
            ("{o} has {b} times as many {ts} as {n}, who has {a}. How many have they together?", ("b * a", "a + #1")),
            (
                "{n} has {a} {ts}. {o} has {b} more, and a third child twice as many as {o}. How many has the third?",
                ("a + b", "2 * #1"),
            ),
            ("{n} gets {a} {ts} and {b} {us} each day. How many things does {he} get in 3 days?", ("a + b", "#1 * 3")),
            (
                "{n} has {a} {ts}. Half of them are red. {b} more are blue. How many are red or blue?",
                ("a / 2", "#1 + b"),
            ),
            ("{n} had {a} {ts}, gave half of them to {o} and lost {b}. How many are left?", ("a / 2", "#1 - b")),
        )
    )
    return written(rng, words, text, calculations, a=(4, 40), b=(2, 20))


def shared_totals(rng, words):
    """A sum or difference, then equal shares."""
    text, calculation = rng.choice(
        (
            ("{n} has {a} red and {b} blue {ts} and shares them among {d} friends. How many does each get?", "a + b"),
            ("{n} and {o} put their {a} and {b} {ts} into {d} {cs} equally. How many are in each?", "a + b"),
            ("{n} has {a} {ts}, eats {b} and shares the rest with {d} children. How many does each get?", "a - b"),
            ("Of {a} {ts} {b} are bad. The others fill {d} {cs}. How many are in each {c}?", "a - b"),
        )
    )
    d = rng.randint(2, 9)
    total = d * rng.randint(2, 12)
    b = rng.randint(1, total - 1) if calculation == "a + b" else rng.randint(2, 20)
    a = total - b if calculation == "a + b" else total + b
    return written(rng, words, text, (calculation, "#1 / d"), a=(a, a), b=(b, b), d=(d, d))


STORIES = (
    gains, gains, losses, losses, sums, differences, products, quotients, multiples,
    gains_and_losses, gains_and_losses, two_gains, groups_and_rest, money, compared_totals, shared_totals,
)  # fmt: skip
