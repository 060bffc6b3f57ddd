"""Rewards that need no gold answer: a file of patterns, or a sequence classifier."""

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
LONGEST = 20_000  # characters of a completion that patterns search
PATIENCE = 0.2  # seconds for one pattern on one text: (a+)+$ would take longer than the run
OUT_OF_LENGTH = -1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, the score of a text that contains it, and the reason."""

    pattern: regex.Pattern
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The content of a rule file."""

    rules: tuple[Rule, ...]
    min_words: int = 0
    max_words: float = math.inf

    def score(self, text: str) -> float:
        """Returns the summed scores of all matching rules, clipped to -1 to 1; -1 outside the word limits."""
        if not self.min_words <= len(text.split()) <= self.max_words:
            return OUT_OF_LENGTH
        total = sum((rule.score for rule in self.rules if matches(rule, text[:LONGEST])), 0.0)
        return max(-1.0, min(1.0, total))


def matches(rule: Rule, text: str) -> bool:
    """Returns whether the pattern is in the text. A pattern that times out counts as absent and is reported."""
    try:
        return rule.pattern.search(text, timeout=PATIENCE) is not None
    except TimeoutError:
        report_slow(rule.pattern.pattern)
        return False


@functools.cache  # once for each pattern
def report_slow(pattern: str) -> None:
    """Prints that a pattern timed out."""
    console.print(f"the pattern {pattern!r} took more than {PATIENCE} s on a completion and counts as absent")


def rules_reward(config: Config) -> Reward:
    """Returns the score of --reward-rules, from -1 to 1.

    It reads the whole completion, reasoning included, as DeepSeek-R1 judges harmlessness (arXiv:2501.12948,
    section 2.3.4).
    """
    rules = read_rules(Path(config.reward_rules) if config.reward_rules else HARMLESS)

    def score(rollout: Rollout, problem: Problem) -> float:
        return rules.score(rollout.completion)

    return score


def read_rules(path: Path) -> Rules:
    """Returns the rules of {"rules": [{"pattern", "score", "why"}], "min_words", "max_words"}. Raises UserError."""
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
            raise UserError(f"--reward-rules {path}: {name} is {limit!r}; it must be a number of words.")
    rules = [read_rule(rule, f"{path}, rule {i}") for i, rule in enumerate(content["rules"], 1)]
    return Rules(tuple(rules), **limits)


def read_rule(rule: object, where: str) -> Rule:
    """Returns one rule of the file. Raises UserError."""
    fields = rule if isinstance(rule, dict) else {}
    if not isinstance(fields.get("pattern"), str) or not is_number(fields.get("score")):
        raise UserError(
            f'--reward-rules {where} must have a text "pattern" and a number "score", as in '
            '{"pattern": "(?i)as an ai", "score": -0.5, "why": "a phrase"}.'
        )
    try:
        pattern = regex.compile(fields["pattern"])
    except regex.error as error:
        raise UserError(
            f"--reward-rules {where}: {fields['pattern']!r} is not a regular expression: {error}."
        ) from None
    return Rule(pattern, float(fields["score"]), str(fields.get("why", "")))


def is_number(value: object) -> bool:
    """Returns whether a JSON value is a finite number; true is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def reward_model_reward(config: Config) -> Reward:
    """Returns the score that --reward-model gives to question and answer, from 0 to 1.

    If there is an answer tag, only its content is scored, as DeepSeek-R1 judges helpfulness (arXiv:2501.12948,
    section 2.3.4): the reasoning remains free. The score is the sigmoid of the logit for a model with one label, and
    the probability of the last label otherwise.
    """

    def score(rollout: Rollout, problem: Problem) -> float:
        tokenizer, model = load_classifier(config.reward_model, config.trust_remote_code)
        answer = extract(rollout.completion, "tag") or rollout.completion
        return classify(tokenizer, model, problem.question, answer)

    return score


@functools.cache
def load_classifier(name: str, trusted: bool = False) -> tuple:
    """Returns (tokenizer, model) of a sequence classifier on the CPU, loaded once. Raises UserError."""
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=trusted)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(name, **load_options(trusted))
    except (OSError, ValueError) as error:
        if (refusal := load_error(error, "--reward-model", name)) is not None:
            raise refusal from None
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--reward-model {name!r} is not a sequence classifier: {reason}") from None
    return tokenizer, model.eval()


def classify(tokenizer, model, question: str, answer: str) -> float:
    """Returns the score of one pair of texts; the longer one is cut where both do not fit into the model."""
    import torch

    fits = getattr(model.config, "max_position_embeddings", 512)
    clean = [text.encode("utf-8", "replace").decode() for text in (question, answer)]
    inputs = tokenizer(*clean, truncation="longest_first", max_length=fits, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0].float()
    return float(logits[0].sigmoid() if len(logits) == 1 else logits.softmax(-1)[-1])
