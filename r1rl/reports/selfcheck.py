"""Finds where a completion checks a result it has already reached, and the outcome; reads the text alone.

Kinds of check:

- announced: "to verify", "let me double-check", "checking", "substituting back", after a result;
- inverse: a calculation undone without announcement, as 36 + 24 = 60 after 60 - 24 = 36, where 36 stays the answer;
- recomputation: the same calculation with another result, or the answer calculated again in another way or in one line.

A plan ("we need to check how many"), a story ("the guard checks tickets"), a name, and calculations of a text that has
begun to repeat itself do not count.
Outcomes:

- corrected: the check disagreed, the answer changed, and the final answer is correct;
- broke: the check disagreed, the answer changed, and the final answer is wrong, where the result before was right or
  is not known to be wrong;
- missed: the same, where the result before was wrong, too;
- confirmed: the check's arithmetic is correct and includes the result that it checks;
- empty talk: nothing was calculated, or wrongly, or a disagreement changed nothing.

A check without calculations, by estimate or reasoning alone, is found, but its outcome is empty talk.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction

from r1rl.reports.arithmetic import Equation, find_equations

OUTCOMES = ("confirmed", "corrected", "broke", "missed", "empty talk")
LONGEST = 20_000  # characters read of a completion; a longer one is no solution
SPAN = 400  # characters before and after a check in which words about it are looked for
AROUND = 90  # characters before and after a stem that hold the whole announcement
ANSWER = re.compile(r"answer\W{1,3}(?:is\W{1,3})?", re.IGNORECASE)
NUMBER = re.compile(r"\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,12})?")


@dataclass(frozen=True, slots=True)
class Check:
    """The first check of a completion."""

    kind: str  # announced, inverse, recomputation
    start: int  # characters into the completion
    end: int
    where: float  # 0: at the beginning of the completion, 1: at its end
    agrees: bool | None  # with the result before it; None if nothing was calculated
    outcome: str  # one of OUTCOMES


def find_check(completion: str, answer: str | None, correct: bool, gold: str | None = None) -> Check | None:
    """Returns the first check of a completion; None without one.

    `answer` is the completion's final answer (`extracted` in the dump), `correct` is its grade, `gold` the problem's
    answer; without it a check that ends in a wrong answer is never "missed".
    """
    text = body_of(completion)
    near = announcement_windows(text.lower())
    if not near and text.count("=") < 2:
        return None
    equations = find_equations(text)
    final = number(answer)
    candidates = (announcement(text, near, equations), silent_check(text, equations, final))
    found = [candidate for candidate in candidates if candidate is not None]
    if not found:
        return None
    kind, start = min(found, key=lambda candidate: candidate[1])
    end = end_of(text, start, equations)
    agrees, outcome = judge(text, start, end, equations, final, correct, number(gold))
    return Check(kind, start, end, start / max(1, len(completion)), agrees, outcome)


def body_of(completion: str) -> str:
    """Returns the reasoning: the text before the tag or the hashes of the answer."""
    text = completion[:LONGEST]
    ends = [i for i in (text.find("<answer>"), text.find("\n####")) if i >= 0]
    return text[: min(ends)] if ends else text


def announcement_windows(lowered: str) -> list[tuple[int, int]]:
    """Returns (start, end) of the parts that may hold an announcement: around each stem, overlapping ones joined."""
    places = []
    for stem in STEMS:
        at = lowered.find(stem)
        while at >= 0:
            places.append(at)
            at = lowered.find(stem, at + AROUND)
    joined: list[tuple[int, int]] = []
    for at in sorted(places):
        start, end = max(0, at - AROUND), at + AROUND
        if joined and start <= joined[-1][1]:
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def number(text: str | None) -> Fraction | None:
    """Returns a normalised answer as a number; None if it is not a number."""
    try:
        return None if text is None or len(text) > 40 else Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def announcement(text: str, near: list[tuple[int, int]], equations: list[Equation]) -> tuple[str, int] | None:
    """Returns (kind, start) of the first words that announce a check of a result before them, or another way to it."""
    for first, last in near:
        for match in ANNOUNCED.finditer(text, first, last):
            after = match.end()
            counts = match["plan"] is None and (match["way"] is None or SUM.search(text, after, after + 2 * AROUND))
            if counts and is_reached(text, match.start(), equations):
                words = match.group()
                kind = "announced" if match["way"] is None else "recomputation"
                return kind, match.start() + len(words) - len(words.lstrip(" .!?:;,(\n"))
    return None


def is_reached(text: str, position: int, equations: list[Equation]) -> bool:
    """Returns whether there is a result before `position`."""
    if equations and equations[0].end <= position:
        return True
    return REACHED.search(text, max(0, position - SPAN), position) is not None


def silent_check(text: str, equations: list[Equation], final: Fraction | None) -> tuple[str, int] | None:
    """Returns (kind, start) of the first calculation that undoes or repeats an earlier one without announcement."""
    earlier: dict[tuple, Equation] = {}
    # In 2 * 2 = 4 * 2 = 8 the second product goes on with the first.
    equations = [e for e in equations if not text[max(0, e.start - 3) : e.start].rstrip().endswith("=")]
    for i, later in enumerate(equations):
        if i and (later.quantity, later.stated) == (equations[i - 1].quantity, equations[i - 1].stated):
            return None  # the text repeats itself from here on
        before = earlier.get(later.quantity)
        if before is not None and before.stated != later.stated:
            is_step = any(before.stated in e.numbers for e in equations[i + 1 :])
            if not is_step or ANSWER.search(text, before.end, later.start):
                return "recomputation", later.start
        if is_whole(later, equations[:i]) and not concludes(text, equations[i - 1], later):
            return "recomputation", later.start
        for j in range(max(0, i - 8), i if final is not None else 0):
            first, between = equations[j], equations[j + 1 : i]
            if first.stated != final or used_again(later, equations[i + 1 :], first):
                continue
            if undoes(later, first):
                return "inverse", later.start
            if repeats(text, later, first, between):
                return "recomputation", later.start
        earlier.setdefault(later.quantity, later)
    return None


def undoes(later: Equation, first: Equation) -> bool:
    """Returns whether two calculations with the same three numbers are inverse: 60 - 24 = 36 and 36 + 24 = 60."""
    if len(later.numbers) != 2 or len(first.numbers) != 2 or not (later.holds and first.holds):
        return False
    same_family = {*later.operators, *first.operators} in ({"+", "-"}, {"*", "/"}, {"-"}, {"/"})
    numbers = [sorted((*e.numbers, e.stated)) for e in (later, first)]
    return same_family and numbers[0] == numbers[1] and later.stated != first.stated


def repeats(text: str, later: Equation, first: Equation, between: list[Equation]) -> bool:
    """Returns whether the same result is calculated again in another way, and not just summarized."""
    if later.stated != first.stated or later.quantity == first.quantity or not (later.holds and first.holds):
        return False
    if concludes(text, first, later):
        return False
    if AGAIN.search(text, max(first.end, later.start - 60), later.end + 60) is not None:
        return True
    is_step = any(e.stated in later.numbers for e in between)
    return not is_step and bool(set(later.numbers) & set(first.numbers))


def is_whole(later: Equation, earlier: list[Equation]) -> bool:
    """Returns whether a calculation joins the numbers of earlier ones: 2 + 3 + 4 = 8 after 2 + 3 = 5 and 5 + 4 = 9."""
    given = {n for e in earlier for n in e.numbers} - {e.stated for e in earlier}
    in_parts = len(earlier) > 1 and all(len(e.numbers) == 2 for e in earlier)
    return in_parts and len(later.numbers) > 2 and given == set(later.numbers)


def concludes(text: str, first: Equation, later: Equation) -> bool:
    """Returns whether the words before a calculation sum up what precedes it."""
    sentence = max(text.rfind(mark, first.end, later.start) for mark in (". ", "\n", "; ")) + 1
    return CONCLUDES.match(text[sentence : later.start].strip()) is not None


def used_again(equation: Equation, rest: list[Equation], first: Equation) -> bool:
    """Returns whether the solution continues with the equation's result; then it was a step, not a check."""
    return equation.stated != first.stated and any(equation.stated in e.numbers for e in rest)


def end_of(text: str, start: int, equations: list[Equation]) -> int:
    """Returns the end of the line with the check's first calculation."""
    first = bisect_left(equations, start, key=lambda e: e.end)
    position = equations[first].end if first < len(equations) else start
    line = text.find("\n", position)
    return len(text.rstrip()) if line < 0 else line


def judge(
    text: str,
    start: int,
    end: int,
    equations: list[Equation],
    final: Fraction | None,
    correct: bool,
    gold: Fraction | None,
) -> tuple[bool | None, str]:
    """Returns (agrees, outcome) of a check; the module's docstring has the rules."""
    prior = [e for e in equations if e.end <= start]
    after = [e for e in equations if e.end > start]
    own = [e for e in after if e.start < end]
    results, before = {e.quantity: e.stated for e in prior}, prior_result(text, start, prior)
    disagrees = (
        any(results.get(e.quantity, e.stated) != e.stated for e in after)
        or DISAGREES.search(text, start, end + SPAN)
        or changes_declared_answer(text, start, own, final)
    )
    if disagrees:
        if final is None or final == before:
            return False, "empty talk"
        was_wrong = None not in (gold, before) and gold != before
        return False, "corrected" if correct else "missed" if was_wrong else "broke"
    if not own:
        return None, "empty talk"
    checked = {before, final}
    linked = any(checked & {*e.numbers, e.stated} for e in own)
    return True, "confirmed" if linked and all(e.holds for e in own) else "empty talk"


def changes_declared_answer(text: str, start: int, own: list[Equation], final: Fraction | None) -> bool:
    """Returns whether the check calculated the final answer, and another answer was declared before it."""
    at = text.lower().rfind("answer", 0, start)
    declared = ANSWER.match(text, at) if at >= 0 else None
    if declared is None or final is None:
        return False
    before = NUMBER.match(text, declared.end())
    if before is None or Fraction(before.group().replace(",", "")) == final:
        return False
    return any(e.stated == final for e in own)


def prior_result(text: str, start: int, prior: list[Equation]) -> Fraction | None:
    """Returns the result before the check: that of the last calculation, or the last number."""
    if prior:
        return prior[-1].stated
    numbers = NUMBER.findall(text, max(0, start - 200), start)
    return Fraction(numbers[-1].replace(",", "")) if numbers else None


# Every announcement contains one of these stems; looking for them first makes 200,000 completions quick.
STEMS = (
    "check", "verif", "confirm", "validat", "proof", "prove", "proving", " back", "again", "once more", "it over",
    "this over", "sure", "certain", "recalc", "recomp", "recount", "redo", "redid", "review", "reverse", "mistake",
    "error", "wrong", "correct", "right", "test", "does this", "does that", "does it", "is this", "is that", "is it",
    "possible", "see if", "see whether", "re-", "rerun", "reeval", "reexam", "compare", "examine", "actually",
    "other way", "other method", "other approach", "different", "second way", "second method", "lternativ", "hold",
    "consistent", "fits", "match", "agree", "wait", "not it", "not the", "oops", "apolog", "previous",
    "isn't", "is not", "it's not",
)  # fmt: skip


def spaced(pattern: str) -> str:
    """Returns the pattern for re.VERBOSE, which ignores a plain space."""
    return pattern.replace(" ", r"\s")


VERB = spaced(
    r"(?:(?:double|cross|re)?[- ]?check|(?:re-?)?verify|confirm|(?:re)?validate|re-?calculate|"
    r"re-?compute|recount|re-?do|re-?test|test|prove|make (?:quite |really )?sure|be (?:sure|certain)|"
    r"review|go over|look at|run through|count|examine|compare|"
    r"(?:re-?)?verified|recalculated|redid)"
)
GERUND = spaced(
    r"(?:(?:double|cross|re)?[- ]?checking|(?:re-?)?verifying|confirming|validating|re-?calculating|"
    r"re-?computing|testing|making sure|reviewing)"
)
RESULT = (
    r"(?:final |whole |own |initial |original |previous |earlier )?(?:answers?|results?|calculations?|computations?|"
    r"multiplication|addition|subtraction|division|math|arithmetic|work|solution|steps?|equations?|formula|"
    r"numbers?|sum|product|difference|total|value)"
)
JUDGED = r"(?:right|correct(?:ly)?|true|accurate(?:ly)?|wrong|incorrect)"
# The object of the verb must be the result; a verb with another object belongs to the story or the plan.
OBJECT = spaced(
    r"(?=\s*(?:[.:,;!?…–—(]|$))|\s+(?:it|this|that|everything|again|back|by|with|against|twice|"
    r"backwards|(?:that )?(?:you|we)(?:'re| are)|for (?:math|errors?|mistakes?)|"
    r"(?:whether|if|of) (?:it|this|that)|"
    rf"(?:my|our|the|this|that|these) {RESULT}|\d+ (?:with|by|using|again))\b"
    rf"|\s+[^.!?:;,\n]{{1,40}}\b{JUDGED}(?=\s*(?:[.:,;!?)\n]|$))"
    rf"|\s+(?:that )?your {RESULT}\b(?!\s*(?:[.!?]|$|, please|please))"  # not an instruction to the reader
)
# The subject of a judgement: what was found, not a person or thing of the story.
FOUND = spaced(rf"(?:this|that|the|my|our|your) {RESULT}\b")
ANNOUNCED = re.compile(
    rf"""
    (?P<plan>
        \b(?:need|have|has|had|must|should|asks?\ us|asked|remember|always|plan|step\ is|wants?\ (?:us\ )?|
        important|would\ you\ like(?:\ me)?|cannot|can't|never|you\ (?:can|should|could|may))
        \s(?:to\s)?(?:also\s)?{VERB}\b)
    |\b(?:let\ me|let\ us|let's|i'll|i\ will|i\ can|i\ want\ to|i'd\ like\ to|we|we\ can|we\ may|
        we\ could|we\ will|i|i\ have|we\ have|and|now|just\ to|in\ order\ to|to|so)\s
        (?:now\s|also\s|quickly\s|just\s|first\s)?{VERB}(?:ed)?(?:{OBJECT})
    |\b(?:i|we)(?:'ve|\ have)?\ (?:also\ )?(?:(?:double|cross)[- ])?(?:re)?
        (?:checked|verified|confirmed|tested|proved)\b
    |(?:^|[.!?:;,(\n]\s*|\b(?:by|so|and|when|of|now)\s){GERUND}(?:{OBJECT})
    |(?:^|[.!?(\n]\s*)(?:a\ )?(?:(?:quick|simple|reverse|sanity|cross|double|back)[- ])?
        (?:check|verify|verification|proof|test)(?:\ of\ \w+)?\s?:
    |\b(?:sanity|reverse|quick)\ check\b|\bas\ a\ (?:\w+\ )?check\b|\bthe\ check\s?:
    |\b(?:substitut|plug)(?:e|ing|ged)?\b[^.\n]{{0,40}}\bback\b
    |\b(?:work|going|go|multiply|looking|count)(?:ing)?\ back(?:wards?)?\b(?!\ at\ the\ (?:problem|question|story))
    |\b(?:it|this|calculations?|steps|problem)\ backwards\b|(?:^|[.!?\n]\s*)in\ reverse\b
    |\bit\ checks\ out\b|\bcan\ be\ (?:verified|checked|confirmed|prove[dn])\b
    |(?:^|[.!?:,\n*#]\s*|\b(?:and|so|but|now|then|step\ \d+:)\s)
        (?:(?:double|cross|re)?[- ]?check|(?:re-?)?verify|prove|confirm)
        (?:\s(?:it|this)\s(?:with|by|using)\b|\s(?:my|our|your|the|this|that)\s{spaced(RESULT)}
        (?:\s?\*{{0,2}}[:,]|\s(?:by|with|using|against)\b))
    |\b(?:is|was|does|did|are)\ (?:it|(?:this|that)(?:\ \d+)?|{FOUND}[^.!?\n]{{0,30}})\s
        (?:(?:also|really|still|indeed|look|seem|sound)\ )?
        (?:right|correct|true|work|make\ sense|fit|match|add\ up|hold|agree|consistent|reasonable|plausible|
        possible|(?:(?:the|my|our|your)\ )?{spaced(RESULT)}|\d+)
        \b[^.!?\n]{{0,40}}\?
    |(?:^|[.!?\n]\s*)is\ (?:it|this|that|{FOUND})\ (?:right|correct)\b
    |\b(?:find\ out|see|determine|decide|judge)\ (?:who|which(?:\ \w+)?|if|whether)\ [^.!?\n]{{0,40}}\b{JUDGED}\b
    |\b(?:this|that|which)\ (?:also\ )?(?:proves|confirms|verifies)\s
        (?:that|it|this|(?:my|our|your|the)\s{spaced(RESULT)})\b
    |\b(?:match(?:es)?|agrees?\ with|fits?|(?:consistent|compared?)\ (?:with|to))\s(?:my|our|your|the)\s
        (?:(?:initial|original|previous|first|earlier)\s{spaced(RESULT)}|answer)\b
    |\b(?:than|equals|as)\ (?:my|our|your|the)\s(?:initial|original|previous|first|earlier)\s{spaced(RESULT)}\b
    |\blet(?:\ me|\ us|'s)\ see\ (?:if|whether)\ (?:it|this|that)\b
    |\b(?:that|this|which)(?:'s|\ is|\ can't\ be|\ cannot\ be)?\s
        (?:not\ (?:right|it|correct|the\ (?:answer|result))|a\ mistake|wrong|incorrect)\b
    |\b(?:(?:answer|result|solution|calculation)(?:'s|\ is|\ was)|=\ \d+\ is)\s
        (?:not\ (?:right|correct)|wrong|incorrect)\b
    |\bi\ (?:(?:made|have)\ (?:an?|\d+)|see\ my)\ (?:\w+\ )?(?:mistake|error)s?\b
    |\bi(?:\ was|\ am|'m)\ (?:wrong|mistaken)\b
    |(?:^|[.!?\n]\s*)(?:no,\ )?it(?:'s|\ is)\ not\ \d|\boops\b|\b(?:i|my)\ apologi[sz]e\b
    |\b(?:wait|hmm+|no),?\s?[^\d\n.]{{0,15}}(?:isn't|is\ not)\ \d
    |(?:^|[.!?\n]\s*)(?:wait|hmm+|no|sorry)\b[^.!?\n]{{0,30}}\bactually\b
    |\b(?:let\ me|let's|let\ us|i'll|i\ will|we|we\ can)\s
        (?:try|start|go|calculate|solve|run|compute|think|count|do|look)[^.\n]{{0,20}}
        \b(?:again|once\ more|(?:it|this)\ over)\b
    |\b(?:let\ me|let's|let\ us|i'll|i\ will)\s(?:\w+\s)?
        (?:re-?(?:run|evaluate|examine)|re-(?:consider|visit|trace|assess|read))\b
    |(?P<way>  # to the result, or words that count only if a calculation follows
        (?:^|[.!?\n]\s*)alternatively\b|\blooking\ back\ at\ the\ (?:problem|question)\b
        |(?:^|[.!?,\n]\s*)(?:it|that|this|{FOUND})(?:'s|\ is)\ (?:indeed\ )?{JUDGED}\b
        |(?:^|[.!?\n]\s*)(?:double[- ])?(?:check|verif\w+)\ (?:if\ |whether\ )?(?:it|{FOUND})\b|\bdifferently\b
        |\b(?:other|another|a\ different|a\ second)\ (?:ways?|methods?|approach(?:es)?|proofs?)\b)
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
# A calculation, with or without a result.
SUM = re.compile(
    r"\d[\w %$€£)]{0,12}(?:[-+−*×÷/]|\\times|\b(?:times|plus|minus|divided by|x)\b)[ $€£(]{0,2}\d", re.IGNORECASE
)
# A result before the check.
REACHED = re.compile(r"(?:=|\b(?:is|are|gives|equals)\b|\banswer:?)\s{0,2}[$€£]?\d", re.IGNORECASE)
# Words that call the earlier result wrong.
DISAGREES = re.compile(
    r"(?:,|but|and) not [$€£]?\d|≠|mistake|\bwrong\b|incorrect|\bnot (?:right|correct|equal)|"
    r"(?:does|do)(?:n't| not) match|\boops\b",
    re.IGNORECASE,
)
# The same is calculated in another way ...
AGAIN = re.compile(r"\b(?:alternatively|another way|same|as well|also|indeed|agrees?)\b", re.IGNORECASE)
# ... or only summarized.
SUMMARY = r"(?:so|thus|therefore|hence|in total|altogether|in summary|the answer|total|area)\b"
CONCLUDES = re.compile(SUMMARY, re.IGNORECASE)
