"""The user's own words of a prompt: --system-prompt-file and --prompt-template."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import Problem
from r1rl.system.errors import UserError

QUESTION = "question"

PLACE = re.compile(r"\{(\w+)\}")

LONGEST_NAME = 255  # of a file, in bytes


@dataclass(frozen=True, slots=True)
class Words:
    """What takes the place of the system text and of what is said around a question; None: the project's own."""

    system: str | None = None
    template: str | None = None

    def filled(self, problem: Problem) -> str:
        """The template with the problem's question and, by name, other columns of its row."""
        values: dict[str, Any] = {**problem.columns, QUESTION: problem.question}
        return PLACE.sub(lambda m: shown(values[m[1]]) if m[1] in values else m[0], self.template)


def shown(value: Any) -> str:
    """A column in a prompt; a list as options with letters.

    >>> shown(["red", "blue"])
    '(A) red\\n(B) blue'
    """
    if isinstance(value, list | tuple):
        return "\n".join(f"({chr(ord('A') + i)}) {item}" for i, item in enumerate(value))
    return "" if value is None else str(value)


def load_words(config: Config) -> Words:
    """The words of the two flags. Raises UserError for a file that cannot be read and a template without {question}."""
    system, template = config.system_prompt_file, config.prompt_template
    if system is not None:
        system = read_text(Path(system), "--system-prompt-file").strip()
    if template is not None:
        if "{" not in template and len(template.encode()) < LONGEST_NAME:
            template = read_text(Path(template), "--prompt-template")
        template = template.rstrip("\n")  # of a file's last line, or of a block in YAML
        check_template(template, config.prompt_template)
    return Words(system, template)


def read_text(path: Path, flag: str) -> str:
    """A file's text. Raises UserError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        what = (
            "a text with {question} in it, or a file that holds one"
            if flag == "--prompt-template"
            else "a file"
        )
        raise UserError(f"{flag} {str(path)!r} cannot be read ({reason}): give {what}.") from None


def check_template(template: str, given: str) -> None:
    """A template must have a place for the question. Raises UserError."""
    places = PLACE.findall(template)
    if QUESTION in places:
        return
    near = difflib.get_close_matches(QUESTION, places, n=1)
    hint = f"did you mean {{question}} where it has {{{near[0]}}}?" if near else "write {question} into it."
    raise UserError(
        f"--prompt-template {given[:60]!r} has no {{question}}, so every prompt would be the same: {hint}"
    )
