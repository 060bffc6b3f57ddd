"""Rewards for what has no gold answer: a file of patterns, or a sequence classifier."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import regex

from r1rl.config.flags import Config
from r1rl.models.weights import load_error, load_options
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading.numbers import extract
from r1rl.system.console import console
from r1rl.system.errors import UserError

Reward = Callable[[Rollout, Problem], float | None]

HARMLESS = Path(__file__).parent / "harmless.json"

LONGEST = 20_000  # characters of a completion that patterns look at

PATIENCE = 0.2  # seconds for one pattern on one text: (a+)+$ would take longer than the run

OUT_OF_LENGTH = -1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, what a text earns that has it, and the reason."""

    pattern: regex.Pattern
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule file."""

    rules: tuple[Rule, ...]
    min_words: int = 0
    max_words: float = math.inf

    def score(self, text: str) -> float:
        """The sum of the scores of all rules whose pattern is in the text, from -1 to 1; -1 out of the word limits."""
        if not self.min_words <= len(text.split()) <= self.max_words:
            return OUT_OF_LENGTH
        return max(
            -1.0, min(1.0, sum((rule.score for rule in self.rules if found(rule, text[:LONGEST])), 0.0))
        )


def found(rule: Rule, text: str) -> bool:
    """Whether the pattern is in the text. One that takes too long is not, and is named on the terminal, once."""
    try:
        return rule.pattern.search(text, timeout=PATIENCE) is not None
    except TimeoutError:
        tell_slow(rule.pattern.pattern)
        return False


@functools.cache
def tell_slow(pattern: str) -> None:
    """One line for each pattern that takes too long."""
    console.print(
        f"the pattern {pattern!r} took more than {PATIENCE} s on a completion and counts as not found"
    )


def rules_reward(config: Config) -> Reward:
    """The score of --reward-rules, from -1 to 1, for the whole completion.

    The whole of it, reasoning included, as DeepSeek-R1 judges harmlessness (arXiv:2501.12948, section 2.3.4).
    """
    rules = read_rules(Path(config.reward_rules) if config.reward_rules else HARMLESS)

    def score(rollout: Rollout, problem: Problem) -> float:
        return rules.score(rollout.completion)

    return score


def read_rules(path: Path) -> Rules:
    """Reads {"rules": [{"pattern", "score", "why"}], "min_words", "max_words"}. Raises UserError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--reward-rules {path}: cannot be read as JSON: {error}.") from None
    if isinstance(content, list):
        content = {"rules": content}
    if not isinstance(content, dict) or not isinstance(content.get("rules"), list):
        raise UserError(f'--reward-rules {path} must be an object with a list "rules", or such a list alone.')
    limits = {name: content[name] for name in ("min_words", "max_words") if content.get(name) is not None}
    for name, limit in limits.items():
        if not is_number(limit) or limit < 0:
            raise UserError(f"--reward-rules {path}: {name} is {limit!r} and must be a number of words.")
    rules = [read_rule(rule, f"{path}, rule {i}") for i, rule in enumerate(content["rules"], 1)]
    return Rules(tuple(rules), **limits)


def read_rule(rule: object, where: str) -> Rule:
    """One rule of the file. Raises UserError."""
    if (
        not isinstance(rule, dict)
        or not isinstance(rule.get("pattern"), str)
        or not is_number(rule.get("score"))
    ):
        raise UserError(
            f'--reward-rules {where} must have a text "pattern" and a number "score", as in '
            '{"pattern": "(?i)as an ai", "score": -0.5, "why": "a phrase"}.'
        )
    try:
        pattern = regex.compile(rule["pattern"])
    except regex.error as error:
        raise UserError(
            f"--reward-rules {where}: {rule['pattern']!r} is no regular expression: {error}."
        ) from None
    return Rule(pattern, float(rule["score"]), str(rule.get("why", "")))


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number; true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def reward_model_reward(config: Config) -> Reward:
    """What --reward-model thinks of question and answer, from 0 to 1.

    The final answer alone, where there is a tag, as DeepSeek-R1 judges helpfulness (arXiv:2501.12948, section 2.3.4):
    the reasoning shall be free. One label: the sigmoid of its logit; several: the probability of the last one.
    """

    def score(rollout: Rollout, problem: Problem) -> float:
        tokenizer, model = load_classifier(config.reward_model, config.trust_remote_code)
        answer = extract(rollout.completion, "tag") or rollout.completion
        return classify(tokenizer, model, problem.question, answer)

    return score


@functools.cache
def load_classifier(name: str, trusted: bool = False) -> tuple:
    """(tokenizer, model) of a sequence classifier, on the CPU, loaded once. Raises UserError."""
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=trusted)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(name, **load_options(trusted))
    except (OSError, ValueError) as error:
        if (told := load_error(error, "--reward-model", name)) is not None:
            raise told from None
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--reward-model {name!r} is no sequence classifier: {reason}") from None
    return tokenizer, model.eval()


def classify(tokenizer, model, question: str, answer: str) -> float:
    """The score of one pair of texts; what does not fit into the model is cut at the end of the question."""
    import torch

    fits = getattr(model.config, "max_position_embeddings", 512)
    clean = [text.encode("utf-8", "replace").decode() for text in (question, answer)]
    inputs = tokenizer(*clean, truncation="longest_first", max_length=fits, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0].float()
    return float(logits[0].sigmoid() if len(logits) == 1 else logits.softmax(-1)[-1])
