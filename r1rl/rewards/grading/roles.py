"""Knights and Knaves: the words for the roles, the gold answer, and how an answer gives each person a role.

An answer is a sequence of statements, each of a pattern that covers all of it: "Zoey is a knight", "Knights: Zoey, Ann",
"Zoey and Ann are a knight and a knave, respectively", "Neither Zoey nor Ann is a knave", "everyone else is a knave".
A sentence that fits no pattern, or has a word of no pattern, makes the whole answer unreadable: a negation, a doubt, a
condition or a remark that takes the answer back could be in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from r1rl.records import ANSWER_TAG, Problem
from r1rl.rewards.grading import vocabulary
from r1rl.rewards.grading.answer import NO_ANSWER, TOO_LONG, Grade, Rules, locate, plain, verdict, without_reasoning


class RolePair(NamedTuple):
    """The words for the two roles of a puzzle, in the singular."""

    truth: str  # always tells the truth
    lie: str  # always lies


KNIGHT_KNAVE = RolePair("knight", "knave")

GENERAL = RolePair("truth-teller", "liar")  # understood in every puzzle, whatever its own words are

ROLE_PAIRS = (
    KNIGHT_KNAVE,
    GENERAL,
    # those of the public puzzles' variants: AlphaPav/mem-kk-logic, data_prep
    RolePair("pioneer", "laggard"),
    RolePair("saint", "sinner"),
    RolePair("hero", "villain"),
    RolePair("angel", "devil"),
    RolePair("altruist", "egoist"),
    RolePair("sage", "fool"),
)


class Solution(NamedTuple):
    """Everybody's role: True for the one that tells the truth."""

    names: tuple[str, ...]
    roles: tuple[bool, ...]
    pair: RolePair


def with_article(word: str) -> str:
    """ "a knight", "an angel"."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def write_solution(solution: Solution) -> str:
    """One numbered line a person: "(1) Zoey is a knight"."""
    words = [solution.pair.truth if role else solution.pair.lie for role in solution.roles]
    lines = [f"({i}) {n} is {with_article(w)}" for i, (n, w) in enumerate(zip(solution.names, words), 1)]
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def parse_solution(text: str) -> Solution:
    """The inverse of `write_solution`, for gold answers. Raises ValueError."""
    lines = [re.fullmatch(r"\(\d+\) (.+) is an? (.+)", line) for line in text.splitlines()]
    words = {line[2] for line in lines if line}
    pair = next((p for p in ROLE_PAIRS if words <= set(p)), None)
    if not lines or None in lines or pair is None:
        raise ValueError(f"the gold answer {text[:80]!r} must be lines such as '(1) Zoey is a knight'")
    return Solution(tuple(line[1] for line in lines), tuple(line[2] == pair.truth for line in lines), pair)


def grade_roles(completion: str, problem: Problem, config: Rules) -> Grade:
    """Everybody's role, in the last complete answer tag or, without one, in the last statements of the text.

    `Grade.value` is None where the answer cannot be read. A person who is missing or named twice makes it wrong.
    """
    gold = parse_solution(problem.answer)
    answer = role_answer(completion, gold, config.think_tag)
    if answer is None:
        return verdict(None, None, False)
    reading = read_roles(answer, gold.names, gold.pair)
    if reading.roles is None:
        return verdict(answer, answer if reading.anything else None, False, reading.reason)
    roles = tuple(reading.roles.values())
    words = [gold.pair.truth if role else gold.pair.lie for role in roles]
    value = ", ".join(f"{name}: {word}" for name, word in zip(gold.names, words))
    return verdict(answer, value, roles == gold.roles)


def role_answer(completion: str, gold: Solution, tag: str) -> str | None:
    """The part of a completion that is its answer; None where there is none."""
    tagged = locate(completion, "tag")
    if tagged is not None:
        return tagged.text
    *_, after_tags = re.split(f"</?(?:{tag}|{ANSWER_TAG})>", without_reasoning(completion))
    whole = re.sub(r"</?\Z", "", after_tags)  # a tag that was cut
    return final_statement(whole, gold.names, gold.pair)


MOST_CHARACTERS = 2000  # eight people take a few hundred; a longer text is an essay

# Kinds of tokens, by one letter each.
NAME, NOUN, PLURAL, VERB, IS, NOT, ARTICLE, AND, COMMA, END, LINE, OPEN, CLOSE = "NrRVbna&,.\n()"
REST, ALL, NONE, NEITHER, NOR, RESPECTIVELY, LEAD, SKIP, LIST, COUNT = "oezijylkhc"
SLASH, UNKNOWN = "/?"

PHRASES = (  # in this order; the first that matches is taken
    (REST, r"(?:all (?:of )?)?the others?(?: (?:one|two|three|four|five|six|seven|person|people)){0,2}|the rest"
           r"|every(?:one|body) else|the remaining(?: (?:one|two|three|four|five|six|seven|person|people)){1,2}|all others"),
    (NONE, r"none of (?:them|these people|the people)|none|nobody|no one"),
    (ALL, r"all of (?:them|these people|the people)|all|everyone|everybody|both of them|both(?= are)"),
    (NEITHER, r"neither"),
    (NOR, r"nor"),
    (RESPECTIVELY, r"respectively"),
    (LIST, r"(?:the )?(?:roles|identities) of"),
    (LEAD, r"(?:here is |this is )?(?:the |my )?(?:final |correct )?(?:answer|solution|conclusion|roles|identities)"
           r"(?: (?:is|are))?(?: as follows| that)?|so|therefore|thus|hence|since|because|in conclusion|finally"
           r"|it follows that|this means that|that means|we (?:have|conclude that|get)|which means that"),
    (COUNT, r"(?:there (?:are|is)(?: exactly)? )?(?P<count>no|one|two|three|four|five|six|seven|eight|\d)"),
    (NOT, r"(?:is|are)(?:n't| not| no(?= ))|cannot be|can't be|can not be|not"),
    (IS, r"is|are|must be|has to be|have to be|must both be"),
    (IS, r"[=](?![>=])|:|->|→|[-–—]"),
    (ARTICLE, r"an?|the|another"),
    (AND, r"and|&|but|while|whereas"),
    (SKIP, r"also|both|indeed|(?:person|name) : role"),
    (SKIP, r"'s role(?!\w)|✓|✔|✅"),
    (SLASH, r"/"),
    (COMMA, r","),
    (END, r"[.;!]"),
    (LINE, r"\n"),
    (OPEN, r"\("),
    (CLOSE, r"\)"),
)  # fmt: skip
TRUTHFUL = (
    r"(?:always )?(?:tells? the truth|(?:is |are )?telling the truth)|(?:is |are )(?:always )?(?:truthful|honest)"
)
LYING = r"(?:always )?(?:lies|lie|tells? lies)|(?:is |are )(?:always )?(?:lying|dishonest)"
COUNTS = {word: i for i, word in enumerate(["no", "one", "two", "three", "four", "five", "six", "seven", "eight"])}


class Token(NamedTuple):
    """A word or sign of an answer."""

    kind: str
    text: str
    truth: bool | None = None  # of a noun or verb


class Unreadable(Exception):
    """Why a text gives no roles."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says about a puzzle's people."""

    roles: dict[str, bool] | None  # everybody's role; None where the text does not give each exactly one
    anything: bool  # whether at least one person and one role are named, in whatever sentence
    reason: str = ""


def read_roles(text: str, names: Sequence[str], pair: RolePair) -> Reading:
    """Everybody's role as the text gives it, in time linear in the text."""
    found = tokens(text, tuple(names), pair)
    kinds = {token.kind for token in found}
    anything = bool(kinds & {NOUN, PLURAL, VERB}) and bool(kinds & {NAME, REST, ALL, NONE, NEITHER})
    if len(text) > MOST_CHARACTERS:
        return Reading(None, anything, TOO_LONG)
    if not kinds & {NOUN, PLURAL, VERB}:
        return Reading(None, anything, NO_ANSWER)
    try:
        check_words(found)
        roles, reason = complete(Statements(found, names).read(), names)
    except Unreadable as error:
        return Reading(None, anything, str(error))
    return Reading(roles, anything, reason)


def check_words(found: Sequence[Token]) -> None:
    """Raises Unreadable for a word or sign of no pattern."""
    for token in found:
        if token.kind == UNKNOWN:
            word = token.text
            raise Unreadable(vocabulary.reason_for(word) if word[0].isalnum() else f"unknown sign: {word}")


def tidy(text: str) -> str:
    """The text in plain characters, without Markdown, quotes, numbers of lines and runs of spaces."""
    text = re.sub(r"\\(?:text[a-z]*|math[a-z]*|boxed)\s?\{|[{}\[\]]|\\\\|\$", " ", plain(text))
    if "|" in text:  # a table
        text = re.sub(r"(?m)^[^\S\n]*\|[\s|:-]*$|^[^\S\n]*\||\|[^\S\n]*$", "", text).replace("|", " : ")
    text = re.sub(r"[*_`#\"\\]", " ", text)
    text = re.sub(r"(?<![^\s,;])\(?\d{1,2}[.)](?=\s)|\(\d{1,2}\)", " ", text)
    text = re.sub(r"(?m)^[^\S\n]*[-+•–][^\S\n]+", "", text)
    return re.sub(r"[^\S\n]+", " ", text).strip()


def nouns(word: str) -> str:
    """A pattern for a word in singular and plural; "truth-teller" may also be written as two words or one."""
    return re.escape(word).replace(r"\-", "[- ]?")


@lru_cache(maxsize=1024)
def vocabulary_of(names: tuple[str, ...], pair: RolePair) -> re.Pattern:
    """The tokens of a puzzle."""
    people = "|".join(re.escape(plain(name)) for name in sorted(names, key=len, reverse=True))
    truth, lie = ("|".join(map(nouns, words)) for words in zip(pair, GENERAL))
    phrases = "|".join(
        rf"(?P<k{i}>(?<!\w)(?:{pattern})(?!\w))"
        if pattern[0].isalpha() or pattern[0] == "("
        else rf"(?P<k{i}>{pattern})"
        for i, (_, pattern) in enumerate(PHRASES)
    )
    return re.compile(
        rf"(?<!\w)(?P<name>{people})(?!\w)"
        rf"|(?<!\w)(?:(?P<truth>{truth})|(?P<lie>{lie}))(?P<many>e?s)?(?![\w-]|'s)"
        rf"|(?<!\w)(?:(?P<truthful>{TRUTHFUL})|(?P<lying>{LYING}))(?!\w)"
        rf"|{phrases}|(?P<space>[^\S\n]+)|(?P<word>\w+(?:'\w+)?)|(?P<sign>.)",
        re.IGNORECASE | re.DOTALL,
    )


def tokens(text: str, names: tuple[str, ...], pair: RolePair) -> list[Token]:
    """The tokens of a text, of its first MOST_CHARACTERS."""
    found: list[Token] = []
    by_name = {plain(name).casefold(): name for name in names}
    for match in vocabulary_of(names, pair).finditer(tidy(text[: MOST_CHARACTERS + 1])):
        groups = match.groupdict()
        if match["space"] is not None:
            continue
        if match["word"] is not None or match["sign"] is not None:
            found.append(Token(UNKNOWN, match[0].lower()))
            continue
        if match["name"] is not None:
            name = by_name.get(match["name"].casefold()) or next(
                (n for n in names if re.fullmatch(re.escape(plain(n)), match["name"], re.IGNORECASE)), names[0]
            )
            found.append(Token(NAME, name))
        elif match["truth"] is not None or match["lie"] is not None:
            found.append(Token(PLURAL if match["many"] else NOUN, match[0].lower(), match["truth"] is not None))
        elif match["truthful"] is not None or match["lying"] is not None:
            found.append(Token(VERB, match[0].lower(), match["truthful"] is not None))
        else:
            kind = next(kind for i, (kind, _) in enumerate(PHRASES) if groups[f"k{i}"] is not None)
            if kind != SKIP:
                found.append(Token(kind, (match["count"] or match[0]).lower()))
    return found


Given = tuple[str, bool]  # a person, or REST, and the role


class Statements:
    """Reads a list of tokens as statements, from left to right, each token once or twice."""

    def __init__(self, found: list[Token], names: Sequence[str]):
        self.tokens, self.names = found, names
        self.at = 0
        self.given: list[Given] = []
        self.counts: list[tuple[int, bool]] = []

    def kind(self, ahead: int = 0) -> str:
        """The kind of a token from here on, "" at the end."""
        return self.tokens[self.at + ahead].kind if self.at + ahead < len(self.tokens) else ""

    def take(self, kinds: str) -> Token | None:
        """The next token, where it is of one of the kinds."""
        if self.kind() and self.kind() in kinds:
            self.at += 1
            return self.tokens[self.at - 1]
        return None

    def need(self, kinds: str) -> Token:
        """The next token. Raises Unreadable where it is of another kind."""
        token = self.take(kinds)
        if token is None:
            here = self.tokens[self.at].text.strip() if self.kind() else "the end"
            raise Unreadable(f"no statement of a role, at: {here[:30] or 'line end'}")
        return token

    def read(self) -> list[Given]:
        """Everything that the statements give. Raises Unreadable."""
        while self.skip_separators():
            self.statement()
            if self.kind() not in ("", AND, COMMA, END, LINE, NAME, CLOSE) and not self.starts_heading():
                self.need(END)
        for count, truth in self.counts:
            if count != sum(role is truth for _, role in self.given) and all(n != REST for n, _ in self.given):
                raise Unreadable("a count that does not fit the roles")
        return self.given

    def starts_heading(self) -> bool:
        return self.kind() == PLURAL

    def skip_separators(self) -> bool:
        """Skips what may stand between statements; False at the end."""
        while self.take(END + COMMA + LINE + AND + LEAD):
            if self.tokens[self.at - 1].kind == LEAD:
                self.take(IS)  # "Final answer:"
        return self.at < len(self.tokens)

    def statement(self) -> None:
        """One statement. Raises Unreadable."""
        if self.take(LIST):
            self.people()
            self.take(IS)
        elif self.kind() == COUNT:
            self.count()
        elif self.take(NEITHER):
            people = self.people()
            self.need(IS)
            self.give(people, not self.role().truth)
        elif self.take(NONE):
            self.need(IS)
            self.give(list(self.names), not self.role().truth)
        elif self.kind() in (PLURAL, NOUN) or (self.kind() == ARTICLE and self.kind(1) in (PLURAL, NOUN)):
            self.heading()
        else:
            self.about(self.people())

    def heading(self) -> None:
        """ "Knights: Zoey, Ann", "The knights are Zoey and Ann", "Knights: none"."""
        self.take(ARTICLE)
        role = self.need(NOUN + PLURAL)
        if not self.take(LINE) and self.kind() != NAME:
            self.need(IS)
        while self.take(LINE):
            pass
        if not self.take(NONE):
            self.give(self.people(lines=True), role.truth)

    def about(self, people: list[str]) -> None:
        """What follows people: a role, a verb, or roles in the same order."""
        verb = self.take(VERB)
        if verb:
            self.give(people, verb.truth)
            return
        bracket = self.take(OPEN)
        negated = False
        if not bracket:
            while self.take(IS + LINE):
                pass
            negated = self.take(NOT) is not None
        role = self.role()
        if bracket:
            self.need(CLOSE)
        if self.respective(people, role):
            return
        truth = role.truth != negated
        self.gloss(truth, role)
        self.give(people, truth)

    def respective(self, people: list[str], first: Token) -> bool:
        """Reads "... a knave, respectively" after the first role; False, and nothing read, where it is not there."""
        start, end, roles = self.at, self.at, [first.truth]
        while self.take(COMMA + AND):
            self.take(AND)
            self.take(ARTICLE)
            role = self.take(NOUN + PLURAL)
            if role is None:
                break
            roles.append(role.truth)
            end = self.at
        self.at = end
        self.take(COMMA)
        if len(roles) == len(people) > 1 and self.take(RESPECTIVELY):
            for person, truth in zip(people, roles):
                self.give([person], truth)
            return True
        self.at = start
        return False

    def gloss(self, truth: bool, role: Token) -> None:
        """Skips the same said again: "(not a knave)", ", not a knave", "(liar)", "and tells the truth"."""
        start = self.at
        bracket = self.take(OPEN) is not None
        if not bracket:
            self.take(COMMA)
            self.take(AND)
        negated = self.take(NOT) is not None
        self.take(ARTICLE)
        again = self.take(NOUN + VERB)
        fits = again is not None and (again.truth != negated) == truth and (negated or bracket or again.kind == VERB)
        if fits and (not bracket or self.take(CLOSE)):
            return
        if bracket and again is not None:
            raise Unreadable("two roles")
        self.at = start

    def count(self) -> None:
        """ "There are two knights and two knaves"."""
        number = self.need(COUNT).text
        while True:
            role = self.need(NOUN + PLURAL)
            self.counts.append((int(number) if number.isdecimal() else COUNTS[number], role.truth))
            if not (self.kind() == AND and self.kind(1) == COUNT):
                return
            self.at += 1
            number = self.need(COUNT).text

    def role(self) -> Token:
        """A role with its article."""
        self.take(ARTICLE)
        return self.need(NOUN + PLURAL)

    def people(self, lines: bool = False) -> list[str]:
        """A list of people. Raises Unreadable where none is next."""
        between = COMMA + AND + NOR + SLASH + (LINE if lines else "")
        token = self.need(NAME + REST + ALL)
        people = self.people_of(token)
        while True:
            start = self.at
            while self.take(between):
                pass
            ends = self.kind() != NAME and self.kind() != REST
            if ends or start == self.at or (lines and self.kind(1) in (IS, NOT, VERB)):
                self.at = start
                return people
            people += self.people_of(self.need(NAME + REST))

    def people_of(self, token: Token) -> list[str]:
        """Whom a token means."""
        if token.kind == NAME:
            return [token.text]
        return [REST] if token.kind == REST else list(self.names)

    def give(self, people: Sequence[str], truth: bool | None) -> None:
        """Notes the role of people."""
        self.given += [(person, bool(truth)) for person in people]


def complete(given: Sequence[Given], names: Sequence[str]) -> tuple[dict[str, bool] | None, str]:
    """Everybody's role, if each person has exactly one, or None and the reason."""
    mentioned = {person for person, _ in given}
    others = [name for name in names if name not in mentioned]
    if REST in mentioned and not others:
        return None, "named twice: the others"
    roles: dict[str, bool] = {}
    for person, role in given:
        for name in others if person == REST else [person]:
            if name in roles:
                return None, f"named twice: {name[:30]}"
            roles[name] = role
    missing = next((name for name in names if name not in roles), None)
    return (None, f"no role: {missing[:30]}") if missing else ({name: roles[name] for name in names}, "")


# Where no tag says which part of a text is the answer


def final_statement(text: str, names: Sequence[str], pair: RolePair) -> str | None:
    """The shortest end of a text, in whole sentences, that gives everybody a role; None where there is none.

    None, too, where the sentences directly before it give other roles: that is a list of candidates.
    Every sentence of it must be readable: an assumption tried on the way, or a remark after the roles ("which is a
    contradiction"), is no statement of the answer.
    """
    sentences = re.split(r"(?<=[.;!?\n])", text[-MOST_CHARACTERS:])
    sentences = [sentence for sentence in sentences if re.search(r"[^\s.*_`#|:-]", sentence)]
    block, roles = "", None
    for sentence in reversed(sentences[-4 * len(names) :]):
        try:
            found = tokens(sentence, tuple(names), pair)
            check_words(found)
            if roles is not None and contradicts(Statements(found, names).read(), roles):
                return None
        except Unreadable:
            break
        if roles is None:
            block = sentence + block
            roles = read_roles(block, names, pair).roles
    return None if roles is None else block.strip()


def contradicts(given: Sequence[Given], roles: dict[str, bool]) -> bool:
    """Whether a statement directly before the answer gives somebody another role: candidates are listed."""
    return any(person == REST or roles[person] is not role for person, role in given)
