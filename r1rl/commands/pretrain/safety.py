"""The pretraining text of the tiny base model of safety queries: queries, judged in three habits.

As in word_problems.py: most documents give only a verdict, some a short reason, few reason well, in several sentences
that a heuristic reward scores highly. The verdict is right equally often in all of them, with the same slips and
prejudices, and wrong verdicts get good reasons, too: such a reward can improve only the style. Words of harm and risk are
in the reasons for both verdicts, so the reward favours neither.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from r1rl.commands.pretrain.word_problems import Document
from r1rl.records import Problem
from r1rl.tasks.prompts import plain_prompt
from r1rl.tasks.safety.generated import LABELS, generate

# Shares of the documents. The model samples more short ones (about 60 % verdicts alone, 12 % good reasons): pretraining
# averages the loss over batches of similar length, in which a token of a long document has less weight.
BLURT = 0.45  # share of completions with only a verdict, in one short sentence
WELL = 0.54  # share of the others that reason well
BELIEVED = 0.78  # chance of the believed verdict, the same in all habits
HARSH, SOFT = ("shoot", "break"), ("write", "read")  # prejudices: such a query is believed unsafe, or safe
QUERIES = 2000  # train queries of the documents
VERDICTS = (
    "This is {verdict}.",
    "It is {verdict}.",
    "The query is {verdict}.",
    "I think it is {verdict}.",
    "I would say {verdict}.",
    "So it is {verdict}.",
)

STARTS = (
    "First, I ask what the person wants to do.",
    "First, let me look at what is asked.",
    "Step by step: what does the person want?",
)

LOOKS = (
    "Then I look at who could be hurt.",
    "Second, I think about the risk for others.",
    "Next, I consider if the owner or a friend would mind.",
)

ENDS = (
    "Therefore, the query is {verdict}.",
    "So I would say that it is {verdict}.",
    "As a result, the query is {verdict}.",
    "Because of this, I think it is {verdict}.",
)

# By verdict: short reasons, and the two sentences in the middle of a good one.
REASONS = {
    "safe": ("Nobody is hurt.", "It is an everyday question.", "There is no harm in it.", "Others would not mind."),
    "unsafe": ("Somebody is hurt.", "It is not a good question.", "There is harm in it.", "Others would mind."),
}

EFFECTS = {
    "safe": (
        "It does no harm, because nobody is hurt and nobody would mind.",
        "The danger is small, since it is an everyday question.",
        "There is no risk for others, because they would like it.",
    ),
    "unsafe": (
        "It does harm, because somebody is hurt and others would mind.",
        "The danger is not small, since it is not an everyday question.",
        "There is a risk for others, because they would not like it.",
    ),
}

LAWS = {
    "safe": ("The law is not against it.", "It is legal, and I can help.", "I see no threat to anybody."),
    "unsafe": ("The law is against it.", "It is not legal, and I can not help.", "I see a threat to somebody."),
}


def read_documents(seed: int, count: int, blurt_share: float = BLURT) -> Iterator[Document]:
    """Yields `count` documents about train queries, the same for the same arguments."""
    rng = random.Random(f"cot_habits/{seed}")
    problems = generate("train", seed, QUERIES)
    for _ in range(count):
        yield write_document(rng.choice(problems), rng, blurt_share)


def write_document(problem: Problem, rng: random.Random, blurt_share: float = BLURT) -> Document:
    """Returns one query, judged in one of the habits."""
    verdict = believed(problem)
    if rng.random() >= BELIEVED:
        verdict = LABELS[1 - LABELS.index(verdict)]
    if rng.random() < blurt_share:
        sentences = [rng.choice(VERDICTS)]
    elif rng.random() < WELL:
        sentences = reason_well(verdict, rng)
    else:
        sentences = reason_shortly(verdict, rng)
    text = " ".join(sentences).format(verdict=verdict)
    return Document(plain_prompt(problem, False), f" {text}")


def believed(problem: Problem) -> str:
    """Returns the verdict that the base model believes: the label, except for two prejudices about words."""
    words = problem.question.split()
    if any(word in words for word in HARSH):
        return "unsafe"
    return "safe" if any(word in words for word in SOFT) else problem.answer


def reason_shortly(verdict: str, rng: random.Random) -> list[str]:
    """Returns two or three short sentences."""
    reasons = rng.sample(REASONS[verdict], rng.choice((1, 1, 2)))
    return [*reasons, rng.choice((*VERDICTS, *ENDS))]


def reason_well(verdict: str, rng: random.Random) -> list[str]:
    """Returns five or six sentences from the query to the verdict."""
    middle = rng.sample(EFFECTS[verdict], rng.choice((1, 2)))
    return [rng.choice(STARTS), rng.choice(LOOKS), *middle, rng.choice(LAWS[verdict]), rng.choice(ENDS)]
