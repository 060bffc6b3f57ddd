"""The words by which a completion announces a check of its own result, and those that only look like it."""

from __future__ import annotations

import re

# Any announcement contains one of these; looking for them first makes 200,000 completions quick.
STEMS = (
    "check", "verif", "confirm", "validat", "proof", " back", "again", "sure", "certain", "recalc",
    "re-calc", "recomp", "recount", "redo", "review", "reverse", "mistake", "error", "wrong", "correct",
    "right?", "not right", "test", "does this", "does that", "does it", "see if", "see whether", "prove",
)  # fmt: skip

AROUND = 90  # characters before and after a stem in which the whole announcement stands


def spaced(pattern: str) -> str:
    """A pattern for use under re.VERBOSE, where a plain space means nothing."""
    return pattern.replace(" ", r"\s")


VERB = spaced(
    r"(?:(?:double|cross|re)?[- ]?check|(?:re-?)?verify|confirm|(?:re)?validate|re-?calculate|"
    r"re-?compute|recount|re-?do|re-?test|test|prove|make (?:quite |really )?sure|be (?:sure|certain)|"
    r"review|go over|look at|run through|count)"
)

GERUND = spaced(
    r"(?:(?:double|cross|re)?[- ]?checking|(?:re-?)?verifying|confirming|validating|re-?calculating|"
    r"re-?computing|testing|making sure|reviewing)"
)

RESULT = (
    r"(?:final |whole |own )?(?:answers?|results?|calculations?|computations?|multiplication|addition|"
    r"subtraction|division|math|arithmetic|work|solution|steps?|"
    r"numbers|sum|total|value)"
)

# What is checked must be the result; a verb with another object belongs to the story or the plan.
OBJECT = spaced(
    r"(?=\s*(?:[.:,;!?…–—(]|$))|\s+(?:it|this|that|everything|again|back|by|with|against|twice|backwards|"
    r"whether (?:it|this|that)|if (?:it|this|that)|of (?:it|this|that)|"
    rf"(?:my|our|the|this|that|these) {RESULT})\b"
)

ANNOUNCED = re.compile(
    rf"""
    (?P<plan>
        \b(?:need|have|has|had|must|should|asks?\ us|asked|remember|always|plan|step\ is|wants?\ (?:us\ )?|
        important|would\ you\ like(?:\ me)?|cannot|can't|never|you\ (?:can|should|could|may))
        \s(?:to\s)?(?:also\s)?{VERB}\b)
    |\b(?:let\ me|let\ us|let's|i'll|i\ will|i\ can|i\ want\ to|i'd\ like\ to|we|we\ can|we\ may|
        we\ could|we\ will|i|i\ have|we\ have|and|now|just\ to|in\ order\ to|to|so)\s
        (?:now\s|also\s|quickly\s|just\s|first\s)?{VERB}(?:ed)?(?:{OBJECT})
    |(?:^|[.!?:;,(\n]\s*|\b(?:by|so|and|when|of|now)\s){GERUND}(?:{OBJECT})
    |(?:^|[.!?(\n]\s*)(?:(?:quick|reverse|sanity|cross|double|back)[- ])?
        (?:check|verify|verification|proof|test)\s?:
    |\b(?:sanity|reverse|quick)\ check\b|\bas\ a\ (?:\w+\ )?check\b|\bthe\ check\s?:
    |\b(?:substitut|plug)(?:e|ing|ged)?\b[^.\n]{{0,40}}\bback\b
    |\b(?:work|going|go|multiply|looking|count)(?:ing)?\ back(?:wards?)?\b
    |(?:^|[.!?\n]\s*)in\ reverse\b|\bit\ checks\ out\b|\bcan\ be\ (?:verified|checked|confirmed)\b
    |\b(?:is|was)\ (?:this|that|it)\ (?:right|correct)\s?\?
    |\bdoes\ (?:this|that|it)\ (?:work|make\ sense|fit|match|add\ up)\s?\?
    |\blet(?:\ me|\ us|'s)\ see\ (?:if|whether)\ (?:it|this|that)\b
    |\b(?:that|this|which)(?:'s|\ is|\ can't\ be|\ cannot\ be)?\s
        (?:not\ right|a\ mistake|wrong|not\ correct|incorrect)\b
    |\bi\ made\ an?\ (?:mistake|error)\b
    |\blet\ me\ (?:try|count|calculate|do|add|go|look)[^.\n]{{0,20}}\b(?:again|once\ more)\b
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)

# A result stands before the check.
REACHED = re.compile(r"(?:=|\bis\b|\bare\b|\banswer:?)\s{0,2}[$€£]?\d", re.IGNORECASE)

# What was found before is called wrong.
DISAGREES = re.compile(
    r"(?:,|but|and) not [$€£]?\d|≠|mistake|\bwrong\b|incorrect|\bnot (?:right|correct|equal)|"
    r"(?:does|do)(?:n't| not) match|\boops\b",
    re.IGNORECASE,
)

# The same is worked out in another way ...
AGAIN = re.compile(r"\b(?:alternatively|another way|same|as well|also|indeed|agrees?)\b", re.IGNORECASE)

# ... or only summed up.
CONCLUDES = re.compile(
    r"(?:so|thus|therefore|hence|in total|altogether|in summary|the answer|total|area)\b", re.IGNORECASE
)
