"""What `browse` shows, as text: the cells of its lists and one completion in full. No terminal library but rich is needed."""

from __future__ import annotations

import math
from pathlib import Path

from rich.text import Text

from r1rl.reports.completions import Completion, Filter, differences, step_range
from r1rl.reports.index import CHECKS, Index, in_order, matching, search
from r1rl.reports.screen import sparkline
from r1rl.reports.selfcheck import OUTCOMES
from r1rl.reports.summary import before_and_after, state
from r1rl.reports.tokens import GAP, SCALES, levels, token_values, tokens_of
from r1rl.runs.run_data import RunData
from r1rl.system.console import printable
from r1rl.system.errors import UserError

RUN_COLUMNS = ("run", "accuracy", "state", "last evaluation")
COLUMNS = ("step", "split", "problem", "verdict", "reward", "tokens", "check")
LONGEST = 20_000  # characters of a completion on the screen; the pager has all
MARKS = {"same": ("", "", ""), "gone": ("strike red", "[-", "-]"), "new": ("bold green", "{+", "+}")}
HEAT = ("", "on #3a2416", "on #5c3317", "black on #b8651f", "black on #e8842c", "bold black on #ffab5c")  # by level
BRACED = 3  # the first level that is marked without colours
FORM = "step:A:B  split:train  right  wrong  reward:1  tokens:A:B  check:corrected  level:N  problem:ID  words to find"


def run_cells(folder: Path) -> tuple[str, ...]:
    """Returns the cells of RUN_COLUMNS; a damaged run has its error as state."""
    data = RunData(folder)
    try:
        bars = sparkline([line["accuracy"] for line in data.evaluations], 16) if data.evaluations else ""
        last = list(before_and_after(data).values())[-1:]
        cells = (folder.name, bars, state(data), *(last or [""]))
    except (UserError, KeyError, TypeError) as error:
        cells = (folder.name, "", f"damaged: {error}", "")
    return tuple(map(one_line, cells))


def cells(index: Index, row: int) -> tuple[str, ...]:
    """Returns the cells of COLUMNS for a completion, from the index alone."""
    entry = index.rows[row]
    reward = float(entry["reward"])
    return (
        str(entry["step"]),
        "eval" if index.parts[entry["file"]].name.startswith("eval/") else "train",
        one_line(index.problems[entry["problem"]])[:40],
        "right" if entry["correct"] else "wrong",
        "" if math.isnan(reward) else f"{reward:.3g}",
        str(entry["tokens"]),
        CHECKS[entry["check"]] if entry["check"] else "",
    )


def one_line(text: str) -> str:
    """Returns a text for one cell of a list, inert."""
    return printable(" ".join(text.split()))


def full(
    completion: Completion,
    before: Completion | None = None,
    colours: bool = True,
    whole: bool = False,
    by: str | None = None,
) -> Text:
    """Returns a completion with its prompt, answer, verdict and reason.

    `before`: the one whose differences are marked, with brackets where there are no `colours`. `whole`: also of more than
    LONGEST characters, for the pager. `by`: one of SCALES, by which its tokens are coloured.
    """
    line, check = completion.line, completion.check
    reason = "" if line.get("reason") in (None, "", "right", "wrong") else f" ({line['reason']})"
    head = [
        f"step {line['step']} · {line['problem_id']} · {completion.place}",
        f"{completion.verdict}{reason}: answer {line['extracted']}, gold {line['answer']} · reward {line['reward']} · "
        f"advantage {line.get('advantage')} · {line['tokens']} tokens, {line['finish']}"
        + (f" · {check.kind} check: {check.outcome}" if check else ""),
    ]
    text = Text()
    for words in head:
        text.append(f"{one_line(words)}\n", style="bold")
    text.append(f"\n{printable(line['prompt'])}\n\n", style="cyan")
    shown = line["completion"] if whole else line["completion"][:LONGEST]
    if by is not None:
        text.append_text(coloured(completion, shown, by, colours))
    elif before is not None:
        for kind, words in differences(before.line["completion"][:LONGEST], shown):
            style, opening, closing = MARKS[kind]
            marked = printable(words)
            text.append(marked if colours or kind == "same" else opening + marked + closing, style=style)
    elif check is not None and check.end <= len(shown):
        text.append(printable(shown[: check.start]))
        text.append(printable(shown[check.start : check.end]), style="bold yellow")
        text.append(printable(shown[check.end :]))
    else:
        text.append(printable(shown))
    if (cut := len(line["completion"]) - len(shown)) > 0:
        text.append(f"\n{cut:,} more characters: open it in the pager", style="dim")
    return text


def coloured(completion: Completion, shown: str, by: str, colours: bool) -> Text:
    """Returns the beginning of a completion with its tokens coloured, and what the colours mean.

    Without `colours` the tokens of the upper levels are in braces, with their value: {maybe 3.1}.
    """
    scale, text, left = SCALES[by], Text(), len(shown)
    tokens = tokens_of(completion)
    if tokens is None or token_values(tokens, by) is None:
        text.append(f"{missing_words(by, completion.place)}\n\n", style="dim")
        return text.append(printable(shown))
    text.append(f"{scale.about}:\n", style="dim")
    for level, label in enumerate(scale.labels):
        text.append(f" {label} ", style=HEAT[level] if colours else "")
    text.append("\n\n" if colours else f"; in braces: {scale.labels[BRACED]} and beyond, in nats\n\n", style="dim")
    for part, level, value in levels(tokens, completion.line["completion"], by):
        words = printable(part[:left])
        left -= len(part[:left])
        braced = not colours and level >= BRACED and words
        text.append(f"{{{words} {value:.2g}}}" if braced else words, style=HEAT[level] if colours else "")
    return text


def missing_words(by: str, place: str) -> str:
    """Returns why the tokens of a completion have no colours."""
    if by == GAP:
        return f"no gap is stored for {place}: no update learned from it, or its backend shows no logprobs"
    return f"no logprobs are stored for {place}: the run is older, or has --no-token-logprobs"


def curve_lines(folder: Path, width: int) -> list[str]:
    """Returns the numbers of a run that change with its steps, as bars with first and last value."""
    data, lines = RunData(folder), []
    series = {"accuracy": [line.get("accuracy") for line in data.evaluations]}
    for name in ("reward", "mean_tokens", "entropy", "grad_norm"):
        series[name] = [line.get(name) for line in data.metrics]
    for name, values in series.items():
        known = [value for value in values if isinstance(value, int | float)]
        if known:
            bars = sparkline(known, max(8, width - 32))
            lines.append(f"{name.replace('_', ' '):<12}{bars} {known[0]:.4g} -> {known[-1]:.4g}")
    return lines


def chosen(index: Index, words: str, by: str = "step", descending: bool = False) -> list[int]:
    """Returns the rows that a line of filters asks for, sorted: "wrong tokens:200: check:any let me check".

    Everything that is not a filter is one text to search for. Raises UserError for a filter that cannot be read.
    """
    settings: dict[str, object] = {}
    tokens, reward, text = (0.0, math.inf), None, []
    for word in words.split():
        name, colon, value = word.partition(":")
        if word in ("right", "wrong"):
            settings["correct"] = word == "right"
        elif not colon or name not in ("step", "split", "reward", "tokens", "check", "level", "problem"):
            text.append(word)
        elif name == "step":
            settings["first_step"], settings["last_step"] = step_range(value)
        elif name == "tokens":
            tokens = step_range(value)
        elif name == "check":
            settings["selfcheck"] = one_of("check", value.replace("-", " "), (*OUTCOMES, "any", "none"))
        elif name == "split":
            settings["split"] = one_of("split", value, ("train", "eval"))
        elif name == "problem":
            settings["problem"] = value
        else:
            reward, settings["level"] = numbers(name, value, reward, settings.get("level"))
    rows = in_order(index, matching(index, Filter(**settings), tokens, reward), by, descending)
    return list(search(index, rows, " ".join(text))) if text else [int(row) for row in rows]


def numbers(name: str, value: str, reward: float | None, level: object) -> tuple[float | None, object]:
    """Returns reward and level with one of them replaced. Raises UserError if it is not a number."""
    try:
        return (float(value), level) if name == "reward" else (reward, int(value))
    except ValueError:
        raise UserError(f"{name}:{value} must have a number, as in {name}:1.") from None


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Returns the value. Raises UserError if it is none of those allowed."""
    if value not in allowed:
        choices = ", ".join(f"{name}:{choice.replace(' ', '-')}" for choice in allowed)
        raise UserError(f"{name}:{value} is unknown: use {choices}.")
    return value
