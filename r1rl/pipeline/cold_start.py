"""Cold start: data for a first fine-tuning from three sources; only what is correct and readable is kept.

After DeepSeek-R1 (arXiv:2501.12948, section 2.3.1): few-shot prompts with long worked examples, prompts that ask for
steps and a verification, and the completions of R1-Zero made readable. There people corrected them, here rules do.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.models.chat_template import opened_tag, opening, prompt_ids
from r1rl.pipeline.filtering import Filtered, conversation, counts, filter_completions, write_rows
from r1rl.pipeline.sampling import PromptStyle, regraded, sample_with, seconds_so_far, tagged
from r1rl.pipeline.stage_configs import SFT_FILE
from r1rl.records import ANSWER_TAG, LATEX, NUMBER, Problem, Prompt, Scored, reasoning_text
from r1rl.reports.selfcheck import find_check
from r1rl.rewards.grading.numbers import extract
from r1rl.runs.dump import ROLLOUTS, read_lines, write_json
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.gsm8k import without_notes
from r1rl.tasks.prompts import PLAIN, plain_prompt, system_text
from r1rl.tasks.registry import answer_type_in, load_task

FEW_SHOT, DIRECT, REFINED = SOURCES = ("few-shot", "direct", "refined")
SHOTS = 2  # worked examples before a problem
CANDIDATES = 64  # the examples are the longest solutions of this many problems
LAST_SHARE = 0.5  # of stage zero's steps: the completions of the first ones are the base model's
ASK_FOR_CHECK = "Number the steps of your reasoning, and verify the result before you give it."
FIRST_STEP = "\nStep 1:"  # a base model ignores that request, so its answer is begun (arXiv:2205.11916)
GUESS = "no work shown"  # a reason to reject, in addition to those of rejection sampling
SENTENCE = re.compile(r"(?:so |thus |hence )?(?:the )?(?:final )?answer is[^\n]*", re.IGNORECASE)


def cold_start(config: Config, recipe: str) -> int:
    """Samples the first two sources, refines stage zero's completions, writes sft.jsonl. Returns the exit code."""
    earlier = zero_lines(config)

    def build_styles(problems: list[Problem], tokenizer: Any) -> list[PromptStyle]:
        return prompt_styles(problems, tokenizer, config)

    result = sample_with(config, recipe, build_styles)
    if isinstance(result, int):
        return result
    dump, found = result
    problems = {p.id: p for p in load_task(config).load("train")}
    candidates: dict[str, list[Scored]] = {source: [] for source in SOURCES}
    for style, scored in found:
        candidates[style].append(few_shot_rewritten(scored, config) if style == FEW_SHOT else scored)
    candidates[REFINED] = [refined(line, problems[line["problem_id"]], config) for line in earlier]
    filtered = {source: filter_worked(scored, config) for source, scored in candidates.items()}
    rows = [conversation(scored) | {"way": source} for source in SOURCES for scored in filtered[source].kept]
    if not rows and config.sft_data is None:
        raise UserError(nothing_kept(filtered))
    write_rows(dump.folder / SFT_FILE, rows)
    write_json(
        dump.folder / "summary.json",
        {"schema_version": 1, "seconds": seconds_so_far(dump), "kept": len(rows),
         "ways": {source: counts(candidates[source], filtered[source]) for source in SOURCES}},
    )  # fmt: skip
    console.print()
    for source in SOURCES:
        kept = filtered[source].kept
        checked = sum(bool(find_check(s.rollout.completion, s.extracted, s.correct)) for s in kept)
        console.print(f"{source:<9}{filtered[source].describe()}; {checked} of them check themselves")
    console.print(f"data     {dump.folder / SFT_FILE}: {len(rows)} conversations")
    return 0


def filter_worked(candidates: Sequence[Scored], config: Config) -> Filtered:
    """Keeps the completions of rejection sampling that show their work: a lucky guess is no example of reasoning."""
    worked_out = [s for s in candidates if not s.correct or shows_work(s, config.think_tag)]
    filtered = filter_completions(worked_out, config.kept_per_problem, config.think_tag)
    guesses = len(candidates) - len(worked_out)
    return Filtered(filtered.kept, filtered.rejected + Counter({GUESS: guesses}))


def shows_work(scored: Scored, think_tag: str) -> bool:
    """Returns whether the reasoning contains a formula or at least three lines."""
    text = reasoning_text(scored.rollout.completion, think_tag)
    return "=" in text or len(text.strip().splitlines()) >= 3


def nothing_kept(filtered: dict[str, Filtered]) -> str:
    """Returns the error for a model that solves nothing."""
    kept = "; ".join(f"{source}: {one.describe()}" for source, one in filtered.items())
    return (
        f"the cold start kept nothing ({kept}), so there is nothing to fine-tune on. Use more problems with "
        "--max-samples or a stronger model, or name other data with --sft-data."
    )


def zero_lines(config: Config) -> list[dict[str, Any]]:
    """Returns the completions of the last half of stage zero's steps. Raises UserError."""
    path = Path(config.refine_run or "") / ROLLOUTS
    if config.refine_run is None or not path.is_file():
        raise UserError(
            f"--refine-run {config.refine_run}: the cold start refines the completions of a run, and it has no "
            f"{ROLLOUTS}. Run stage zero first, or name the folder of any GRPO run."
        )
    lines = list(read_lines(path))
    newest = max((line["step"] for line in lines), default=0)
    return [line for line in lines if line["step"] > newest * LAST_SHARE]


def prompt_styles(problems: Sequence[Problem], tokenizer: Any, config: Config) -> list[PromptStyle]:
    """Returns the prompts of the first two sources, without those over --max-prompt-length."""
    is_latex = answer_type_in(config) == LATEX
    loose = config if is_latex else dataclasses.replace(config, answer_format="auto")  # a number anywhere
    shots = examples(problems)
    few_shot = [few_shot_prompt(p, shots, tokenizer, config) for p in problems if p not in shots]
    direct = [direct_prompt(p, tokenizer, config) for p in problems]
    styles = [PromptStyle(FEW_SHOT, few_shot, loose), PromptStyle(DIRECT, direct, tagged(config))]
    return [within_limit(style, config.max_prompt_length) for style in styles]


def within_limit(style: PromptStyle, limit: int) -> PromptStyle:
    """Returns the style without the prompts that are too long, and prints their number."""
    fitting = [p for p in style.prompts if len(p.ids) <= limit]
    if len(fitting) < len(style.prompts):
        console.print(
            f"left out {len(style.prompts) - len(fitting)} of {len(style.prompts)} prompts ({style.name}) over "
            f"--max-prompt-length {limit} tokens"
        )
    return dataclasses.replace(style, prompts=fitting)


def examples(problems: Sequence[Problem]) -> list[Problem]:
    """Returns those of the first problems with the longest worked solutions: long examples make long answers."""
    worked = [p for p in problems[:CANDIDATES] if p.solution]
    return sorted(worked, key=lambda p: len(p.solution), reverse=True)[:SHOTS]


def few_shot_prompt(problem: Problem, shots: Sequence[Problem], tokenizer: Any, config: Config) -> Prompt:
    """Returns worked examples as earlier turns, then the problem."""
    if config.is_chat:
        turns = []
        for shot in shots:
            turns.append({"role": "user", "content": shot.question})
            turns.append({"role": "assistant", "content": without_notes(shot.solution)})
        turns.append({"role": "user", "content": problem.question})
        text = opening(tokenizer, turns, config.think_tag)
    else:
        before = [f"{plain_prompt(shot, False, PLAIN)} {without_notes(shot.solution)}\n\n" for shot in shots]
        text = "".join(before) + plain_prompt(problem, False, PLAIN)
    return Prompt(problem, text, tuple(prompt_ids(tokenizer, text, config.is_chat)))


def direct_prompt(problem: Problem, tokenizer: Any, config: Config) -> Prompt:
    """Returns the usual prompt that also asks for steps and a verification, with the first step begun."""
    prefix = f"<{config.think_tag}>{FIRST_STEP}"
    instructions = f"{system_text(problem, config.think_tag)}\n{ASK_FOR_CHECK}"
    if config.is_chat:
        turns = [{"role": "system", "content": instructions}, {"role": "user", "content": problem.question}]
        text = opening(tokenizer, turns, config.think_tag)
        text = text.removesuffix(opened_tag(text, config.think_tag)) + prefix
    else:
        text = f"{instructions}\nQuestion: {problem.question}\n{prefix}"
    return Prompt(problem, text, tuple(prompt_ids(tokenizer, text, config.is_chat)), prefix)


def few_shot_rewritten(scored: Scored, config: Config) -> Scored:
    """Returns a solution in the form of the examples, up to the next question that a base model invents, in our tags."""
    text, more, _ = scored.rollout.completion.partition("\n\nQuestion:")
    finish = "stop" if more else scored.rollout.finish
    return rewritten(scored.problem, text, finish, config)


def refined(line: dict[str, Any], problem: Problem, config: Config) -> Scored:
    """Returns one of stage zero's completions, cleaned."""
    return rewritten(problem, line["completion"], line["finish"], config)


def rewritten(problem: Problem, text: str, finish: str, config: Config) -> Scored:
    """Returns reasoning and summary in our tags; a text without an answer stays as it is and is graded as wrong."""
    answer = answer_of(text, problem)
    body = clean(text, config.think_tag)
    if answer and body:
        tag = config.think_tag
        text = f"<{tag}>\n{body}\n</{tag}>\n<{ANSWER_TAG}>\n{answer}\n</{ANSWER_TAG}>"
    prompt = Prompt(problem, problem.question, ())
    return regraded(prompt, text, finish, tagged(config))


def answer_of(text: str, problem: Problem) -> str | None:
    """Returns the answer of a completion in any form."""
    if problem.answer_type != NUMBER:
        return extract(text, "tag") or extract(text, "boxed")
    return extract(text, "auto")


def clean(text: str, think_tag: str) -> str:
    """Returns the reasoning alone: without tags, answer, final sentence, empty lines and repeated lines.

    >>> clean("<think> 2+2 = 4. \\n\\n2+2 = 4.\\n</think><answer>4</answer>", "think")
    '2+2 = 4.'
    """
    text = re.sub(f"<{ANSWER_TAG}>.*?(?:</{ANSWER_TAG}>|$)", "", text, flags=re.DOTALL)
    text = re.sub(f"</?(?:{think_tag}|{ANSWER_TAG})>", "\n", text).partition("####")[0]
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(dict.fromkeys(line for line in lines if line and not SENTENCE.fullmatch(line)))
