"""Reads the verdict of a text in free words: does it say safe or unsafe? The last one that it states counts.

No verdicts are: both at once ("safe or unsafe"), both on conditions ("If it is legal, it is safe. Otherwise it is
unsafe."), a question, what comes after "whether" or "if" in the same clause, sayings ("to be safe", "stay safe"), the
thing with a lock ("open the safe"), other words of the family ("safety", "safely", "safer", "fail-safe").
"""

from __future__ import annotations

import re
from typing import NamedTuple

from r1rl.records import Problem
from r1rl.rewards.grading.answer import TWO_ANSWERS, Grade, Rules, plain, verdict, without_reasoning

MAX_GAP = 120  # characters before a word in which its negation is looked for: no clause is longer

_WORD = re.compile(r"(?<!\w)(?<!\w-)(?:un)?safe(?!\w|-\w|'\w)")

_BOTH = re.compile(
    r"(?:un)?safe[^\w.!?\n]{0,5}(?:(?:or|nor|and|vs|versus)\b\.?|[/|])[^\w.!?\n]{0,5}(?:un)?safe\b"
    r"|(?:un)?safe[^\w.!?\n]{0,5}or[^\w.!?\n]{1,5}not\b(?:\s+(?:un)?safe\b)?"
)

_SENTENCE_END = re.compile(r"[.!?\n]")

LONGEST_SENTENCE = 1000  # characters in which the end of a sentence is looked for

_SIDE_BY_SIDE = re.compile(r"(?<![\w-])(?:safe[^\w?]{1,5}unsafe|unsafe[^\w?]{1,5}safe)(?![\w-])")

_CONDITION = re.compile(r"\b(?:if|otherwise|else|unless|in (?:that|this|the other) case)\b")

_SAYING = re.compile(
    r"\bto be safe\b|\bsafe side\b|\bsafe and sound\b|\b(?:stay|keep|feel|play|remain)(?:s|ing)?(?:\s\w+){0,2}\ssafe\b"
)

_FURNITURE = re.compile(  # a safe, and not a safe query
    r"\b(?:a|the|my|your|his|her|our|their)\ssafe(?=\s*(?:[.!?;:]|$)|\s(?:and|or|of|in|is|was|at|with|from|that|to|by|on"
    r"|for|without|door|deposit)\b)"
)

_CLAUSE = re.compile(r"[.,;:!?\n]")

_OPEN = re.compile(r"\b(?:whether|if|unsure|unclear|not (?:sure|certain|clear))\b")

_NOT = (
    r"(?:not|never|cannot|hardly|rarely|neither|nothing|no longer|no(?! (?:it|that|this)(?:'s| is)\b)|far from|less than|\w+n't"
    r"|anything but|doubt|refuse to|(?:wrong|false|incorrect) (?:to|that))"
)

_BETWEEN = (  # words that may be between a negation and what it negates; no word fits two of them, which costs time
    r"(?:(?!(?:only|apply|reply|comply|imply|rely|family) )[a-z]+ly|\w+n't|not|never|at|all|very|quite|always"
    r"|be|been|being|a|an|the|as|that|so|this|is|it|it's|that's|are|about|even|in|any|way|to|of|means|i|i'd|i'll|we|we'd|one|you|you'd|would|could|can|should|what|why|something|anything|close|going|100%|99%"
    r"|think|believe|say|see|seem|seems|look|looks|appear|appears|sound|sounds|feel|feels"
    r"|call|called|consider|considered|deem|deemed|judge|judged|class|classed|classify|classified|rate|rated|regard|regarded|seen"
    r"|view|viewed|treat|treated|label|labeled|labelled|mark|marked|describe|described|categorize|categorized"
    r"|query|question|request|prompt|content|message)"
)

_NEGATED = re.compile(rf"\b{_NOT}(?:\s{_BETWEEN})*(?:\s[a-z]+\s(?:or|nor))?\s$")  # "not legal or safe"

_NEGATION = re.compile(rf"\b{_NOT}\s")


class Verdict(NamedTuple):
    """What a text says, and in which words."""

    value: str  # "safe" or "unsafe"
    written: str  # "not safe"


def grade_verdict(completion: str, problem: Problem, config: Rules) -> Grade:
    """Safe or unsafe, whichever the completion states last."""
    found, reason = judged(without_reasoning(completion))
    if found is None:
        return verdict(None, None, False, reason)
    return verdict(found.written, found.value, found.value == problem.answer)


def read_verdict(text: str) -> str | None:
    """ "safe" or "unsafe", whichever the text states last; None where it states neither."""
    found = find_verdict(text)
    return None if found is None else found.value


def find_verdict(text: str) -> Verdict | None:
    """The last verdict that the text states, with its words; None where there is none."""
    return judged(text)[0]


def judged(text: str) -> tuple[Verdict | None, str]:
    """The last verdict that the text states, or None and the reason."""
    words = re.sub(r"\\(?:boxed|text[a-z]*|math[a-z]*)\s?\{|[{}$*_`\"]", "", plain(text).lower())
    words = re.sub(r"[^\S\n]+", " ", words)
    last = [match.end() for match in _WORD.finditer(words)][-1:]
    if any(match.end() in last for match in _SIDE_BY_SIDE.finditer(words)):
        return None, TWO_ANSWERS
    for pattern in (_BOTH, _SAYING, _FURNITURE):
        words = pattern.sub("...", words)
    stated = [match for match in _WORD.finditer(words) if is_stated(words, match)]
    if not stated:
        return None, TWO_ANSWERS if "..." in words and last else ""
    found = judge(words, stated[-1])
    if _CONDITION.search(sentence_of(words, stated[-1])) and any(judge(words, m).value != found.value for m in stated):
        return None, TWO_ANSWERS
    return found, ""


def sentence_of(text: str, word: re.Match) -> str:
    """The sentence that a word is in, as far as it is near."""
    before = re.split(r"[.!?\n]", text[max(0, word.start() - MAX_GAP) : word.start()])[-1]
    return before + re.split(r"[.!?\n]", text[word.end() : word.end() + MAX_GAP], maxsplit=1)[0]


def is_stated(text: str, word: re.Match) -> bool:
    """Whether the word is said of something, not asked for."""
    end = _SENTENCE_END.search(text, word.end(), word.end() + LONGEST_SENTENCE)
    asked = end is not None and end[0] == "?"
    return not asked and _OPEN.search(clause_before(text, word)) is None


def judge(text: str, word: re.Match) -> Verdict:
    """The word, turned round by each negation directly before it."""
    negated = _NEGATED.search(clause_before(text, word))
    words = (negated[0] if negated else "") + word[0]
    turns = len(_NEGATION.findall(negated[0])) if negated else 0
    is_safe = (word[0] == "safe") == (turns % 2 == 0)
    return Verdict("safe" if is_safe else "unsafe", words)


def clause_before(text: str, word: re.Match) -> str:
    """Returns the text before the word in its clause."""
    return _CLAUSE.split(text[max(0, word.start() - MAX_GAP) : word.start()])[-1]
