"""Word problems in many wordings for the pretraining text: relation, wording, numbers and words are drawn at random.

The task's own problems have one wording for each story. A model that has read only those cannot read a stranger's
question, so a part of the pretraining text is made here, from the wordings of the folder `wordings`. Training and
evaluation of a run do not use these problems.
"""

from __future__ import annotations

import random
import re

from r1rl.commands.pretrain.wordings import RELATIONS
from r1rl.commands.pretrain.wordings.relation import CHOICE, Relation
from r1rl.records import Problem
from r1rl.tasks.word_problems import LARGEST, Step, WorkedProblem, calculate, gsm8k_solution

ARTICLE = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])")
SENTENCE_START = re.compile(r"(?:^|(?<=[.?!] ))[a-z]")
SPACES = re.compile(r" +(?=[ .,?!])")  # left by an empty choice
SENTENCE = "That makes {}."


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
SMALL = 0.4  # share of problems with small numbers, as people write them
SMALL_NUMBER = 20
UNKNOWN = 0.2  # share of persons and things that are made-up words: a reader must not depend on knowing them
SETTING = 0.15  # share of problems that begin with a time or place
ASIDE = 0.1  # share of problems with a phrase or sentence that changes nothing
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
NO_SETTING = words(
    """
    What What's How If Suppose Imagine Say Given Find Work Calculate Compute Tell Add Take Subtract Multiply Divide Double
    Can Could Please Give Change Think Twice Half Third Out Of After Before When While At In On During For From With
    Starting Yesterday Today Last This Next Every Per I'm
    """
)  # first words of a question that a time or place does not fit before
LOWERED = words("There A An Each One Two Three The My Our Her His Your We He She You Some Half All Both Another")
PEOPLE = (
    "a farmer:she", "the teacher:she", "my aunt:she", "her mother:she", "the nurse:she", "my sister:she",
    "a baker:he", "the driver:he", "my uncle:he", "his father:he", "the cook:he", "my friend:he", "a boy:he",
    "a girl:she", "Mrs. White:she", "Mr. Green:he", "Mr. Stone:he", "Ms. Lake:she", "the painter:she", "a man:he",
)  # fmt: skip
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
COLORS = words("red blue green yellow black white brown pink purple orange")
WORDINGS = tuple((relation, wording) for relation in RELATIONS for wording in relation.wordings)


def draw_problem(rng: random.Random, number: int) -> WorkedProblem:
    """Returns a problem of one or two steps in a wording drawn at random, each as likely as any other."""
    relation, wording = rng.choice(WORDINGS)
    numbers, steps = draw_numbers(relation, rng)
    question = with_setting(write_question(wording, numbers, draw_words(rng), rng), rng)
    question = question if rng.random() >= SPELLED else spell(question)
    question = question[0].upper() + question[1:]
    problem = Problem(f"story/{number}", question, str(steps[-1].result), gsm8k_solution(steps), "story", len(steps))
    return WorkedProblem(problem, tuple(steps))


def draw_numbers(relation: Relation, rng: random.Random) -> tuple[dict[str, int], list[Step]]:
    """Draws numbers until all results are whole and from 1 to LARGEST; returns them with the calculations."""
    while True:
        most = SMALL_NUMBER if rng.random() < SMALL else LARGEST
        numbers = {x: rng.randint(low, max(low, min(high, most))) for x, (low, high) in relation.ranges.items()}
        if (steps := steps_of(relation.calculations, numbers)) is not None:
            return numbers, steps


def steps_of(calculations: tuple[str, ...], numbers: dict[str, int]) -> list[Step] | None:
    """Returns the calculations as steps, or None if a result is not whole or not from 1 to LARGEST."""
    steps: list[Step] = []

    def value(text: str) -> tuple[int, int | None]:
        if text.startswith("#"):
            return steps[int(text[1:]) - 1].result, int(text[1:]) - 1
        return (numbers[text] if text in numbers else int(text)), None

    for calculation in calculations:
        left, operator, right = calculation.split()
        (a, left_step), (b, right_step) = value(left), value(right)
        if (operator == "/" and a % b) or not 1 <= calculate(a, operator, b) <= LARGEST:
            return None
        steps.append(Step(SENTENCE, operator, a, b, left_step, right_step))
    return steps


def write_question(wording: str, numbers: dict[str, int], words: dict[str, str], rng: random.Random) -> str:
    """Returns the wording with its choices drawn, numbers and words put in, and each sentence begun with a capital."""
    text = CHOICE.sub(lambda choice: rng.choice(choice[1].split("|")), wording).format(**words, **numbers)
    text = ARTICLE.sub(r"\1n ", SPACES.sub("", text)).strip()
    return SENTENCE_START.sub(lambda start: start[0].upper(), text)


def with_setting(question: str, rng: random.Random) -> str:
    """Returns the question, sometimes with a time, a place or a sentence that changes nothing."""
    if question.partition(" ")[0] in NO_SETTING:
        return question
    first, stop, rest = question.partition(". ")
    if stop and not first.endswith(("Mr", "Mrs", "Ms")) and rng.random() < ASIDE:
        middle = rng.random() < 0.5
        question = f"{first} {rng.choice(PHRASES)}. {rest}" if middle else f"{first}. {rng.choice(ASIDES)} {rest}"
    if rng.random() < SETTING:
        if question.partition(" ")[0] in LOWERED:
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
    """Draws the words of a story, by their places in a wording.

    Persons are n (with he, him and his), o and q; things are t, u and v, containers c, each with its plural (ts, ...);
    p is a place; day and day2, color and color2 are different ones.
    """
    names, he, him, his = (SHE, "she", "her", "her") if rng.random() < 0.5 else (HE, "he", "him", "his")
    others = [p.partition(":")[0] for p in PEOPLE if p.endswith(f":{he}")]
    n = made_up(rng).capitalize() if rng.random() < UNKNOWN else rng.choice(others if rng.random() < 0.3 else names)
    o = rng.choice([x for x in (*SHE, *HE, "a friend", "the neighbor") if x != n])
    (t, ts), (u, us), (v, vs) = (plural(x) for x in rng.sample(THINGS, 3))
    if rng.random() < UNKNOWN:
        t, ts = plural(made_up(rng))
    c, cs = plural(rng.choice(CONTAINERS))
    he = n if rng.random() < 0.25 else he
    q = rng.choice([x for x in (*SHE, *HE) if x not in (n, o)])
    (day, day2), (color, color2) = rng.sample(DAYS, 2), rng.sample(COLORS, 2)
    people = {"n": n, "o": o, "q": q, "he": he, "him": him, "his": his}
    things = {"t": t, "ts": ts, "u": u, "us": us, "v": v, "vs": vs, "c": c, "cs": cs, "p": rng.choice(PLACES)}
    return people | things | {"day": day, "day2": day2, "color": color, "color2": color2}
