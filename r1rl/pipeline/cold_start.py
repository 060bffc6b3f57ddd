"""Cold start: data for a first fine-tuning, made three ways, only what is right and readable kept.

After DeepSeek-R1 (arXiv:2501.12948, section 2.3.1): few-shot prompting with long worked examples, prompting for steps
and a verification, and the completions of R1-Zero made readable. People corrected those there, rules do so here.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.pipeline.filtering import Filtered, conversation, counts, sift, write_rows
from r1rl.pipeline.sampling import Way, regraded, sample_with, seconds_so_far, tagged
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

FEW_SHOT, DIRECT, REFINED = WAYS = ("few-shot", "direct", "refined")

SHOTS = 2  # worked examples before a problem

CANDIDATES = 64  # problems whose solutions may be the examples: the longest of so many

LAST_SHARE = 0.5  # of stage zero's steps: the first ones' completions are the base model's

ASK_FOR_CHECK = "Number the steps of your reasoning, and verify the result before you give it."

FIRST_STEP = (
    "\nStep 1:"  # a base model follows no such wish: its answer is begun for it (after arXiv:2205.11916)
)

GUESS = "no work shown"  # a reason beside those of rejection sampling

SENTENCE = re.compile(r"(?:so |thus |hence )?(?:the )?(?:final )?answer is[^\n]*", re.IGNORECASE)


def cold_start(config: Config, recipe: str) -> int:
    """Samples the first two ways, refines stage zero's completions, writes sft.jsonl. Returns the exit code."""
    earlier = zero_lines(config)

    def build_ways(problems: list[Problem], tokenizer) -> list[Way]:
        return ways_to_ask(problems, tokenizer, config)

    done = sample_with(config, recipe, build_ways)
    if isinstance(done, int):
        return done
    dump, found = done
    problems = {p.id: p for p in load_task(config).load("train")}
    candidates: dict[str, list[Scored]] = {way: [] for way in WAYS}
    for way, scored in found:
        candidates[way].append(few_shot_rewritten(scored, config) if way == FEW_SHOT else scored)
    candidates[REFINED] = [refined(line, problems[line["problem_id"]], config) for line in earlier]
    sifted = {way: sift_worked(each, config) for way, each in candidates.items()}
    rows = [conversation(scored) | {"way": way} for way in WAYS for scored in sifted[way].kept]
    if not rows and config.sft_data is None:
        raise UserError(nothing_kept(sifted))
    write_rows(dump.folder / SFT_FILE, rows)
    write_json(
        dump.folder / "summary.json",
        {"schema_version": 1, "seconds": seconds_so_far(dump), "kept": len(rows), "ways": {w: counts(candidates[w], sifted[w]) for w in WAYS}},
    )  # fmt: skip
    console.print()
    for way in WAYS:
        checked = sum(
            bool(find_check(s.rollout.completion, s.extracted, s.correct)) for s in sifted[way].kept
        )
        console.print(f"{way:<9}{sifted[way].describe()}; {checked} of them check themselves")
    console.print(f"data     {dump.folder / SFT_FILE}: {len(rows)} conversations")
    return 0


def sift_worked(candidates: Sequence[Scored], config: Config) -> Filtered:
    """What rejection sampling keeps, and of that only what shows its work: a lucky guess is no example of reasoning."""
    worked_out = [s for s in candidates if not s.correct or shows_work(s, config.think_tag)]
    sifted = sift(worked_out, config.kept_per_problem, config.think_tag)
    guesses = len(candidates) - len(worked_out)
    return Filtered(sifted.kept, sifted.fallen + Counter({GUESS: guesses}))


def shows_work(scored: Scored, think_tag: str) -> bool:
    """Whether the reasoning has a sum or formula in it, or at least three lines."""
    text = reasoning_text(scored.rollout.completion, think_tag)
    return "=" in text or len(text.strip().splitlines()) >= 3


def nothing_kept(sifted: dict[str, Filtered]) -> str:
    """The error for a model that solves nothing."""
    said = "; ".join(f"{way}: {each.describe()}" for way, each in sifted.items())
    return (
        f"the cold start kept nothing ({said}), so there is nothing to fine-tune on. Give it more problems with "
        "--max-samples or a stronger model, or name other data with --sft-data."
    )


def zero_lines(config: Config) -> list[dict[str, Any]]:
    """The completions of the last half of stage zero's steps. Raises UserError."""
    path = Path(config.refine_run or "") / ROLLOUTS
    if config.refine_run is None or not path.is_file():
        raise UserError(
            f"--refine-run {config.refine_run}: the cold start refines the completions of a run, and there is no "
            f"{ROLLOUTS} in it. Run stage zero first, or name the folder of any GRPO run."
        )
    lines = list(read_lines(path))
    newest = max((line["step"] for line in lines), default=0)
    return [line for line in lines if line["step"] > newest * LAST_SHARE]


def ways_to_ask(problems: Sequence[Problem], tokenizer, config: Config) -> list[Way]:
    """The prompts of the first two ways, each for all problems; those over --max-prompt-length are left out."""
    is_latex = answer_type_in(config) == LATEX
    loose = config if is_latex else as_auto(config)
    shots = examples(problems)
    asked = [p for p in problems if p not in shots]
    few_shot = [few_shot_prompt(p, shots, tokenizer, config) for p in asked]
    direct = [direct_prompt(p, tokenizer, config) for p in problems]
    ways = [Way(FEW_SHOT, few_shot, loose), Way(DIRECT, direct, tagged(config))]
    return [within_limit(way, config.max_prompt_length) for way in ways]


def as_auto(config: Config) -> Config:
    """The config that finds a number wherever a completion in free form has it."""
    return dataclasses.replace(config, answer_format="auto")


def within_limit(way: Way, limit: int) -> Way:
    """The way without the prompts that are too long, which are counted."""
    fitting = [p for p in way.prompts if len(p.ids) <= limit]
    if len(fitting) < len(way.prompts):
        console.print(
            f"left out {len(way.prompts) - len(fitting)} of {len(way.prompts)} prompts ({way.name}) over "
            f"--max-prompt-length {limit} tokens"
        )
    return Way(way.name, fitting, way.config)


def examples(problems: Sequence[Problem]) -> list[Problem]:
    """The problems with the longest worked solutions, of the first ones: long examples make long answers."""
    worked = [p for p in problems[:CANDIDATES] if p.solution]
    return sorted(worked, key=lambda p: len(p.solution), reverse=True)[:SHOTS]


def few_shot_prompt(problem: Problem, shots: Sequence[Problem], tokenizer, config: Config) -> Prompt:
    """Worked examples as earlier turns, then the problem."""
    if config.is_chat:
        turns = [
            turn
            for shot in shots
            for turn in (
                {"role": "user", "content": shot.question},
                {"role": "assistant", "content": without_notes(shot.solution)},
            )
        ]
        turns.append({"role": "user", "content": problem.question})
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    else:
        before = [f"{plain_prompt(shot, False, PLAIN)} {without_notes(shot.solution)}\n\n" for shot in shots]
        text = "".join(before) + plain_prompt(problem, False, PLAIN)
    ids = tokenizer(text, add_special_tokens=not config.is_chat)["input_ids"]
    return Prompt(problem, text, tuple(ids))


def direct_prompt(problem: Problem, tokenizer, config: Config) -> Prompt:
    """The usual prompt, which also asks for steps and a verification, with the first step begun."""
    prefix = f"<{config.think_tag}>{FIRST_STEP}"
    asks = f"{system_text(problem, config.think_tag)}\n{ASK_FOR_CHECK}"
    if config.is_chat:
        turns = [{"role": "system", "content": asks}, {"role": "user", "content": problem.question}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + prefix
    else:
        text = f"{asks}\nQuestion: {problem.question}\n{prefix}"
    ids = tokenizer(text, add_special_tokens=not config.is_chat)["input_ids"]
    return Prompt(problem, text, tuple(ids), prefix)


def few_shot_rewritten(scored: Scored, config: Config) -> Scored:
    """A solution in the examples' form, up to the next question that a base model makes up, in our tags."""
    text, more, _ = scored.rollout.completion.partition("\n\nQuestion:")
    finish = "stop" if more else scored.rollout.finish
    return rewritten(scored.problem, text, finish, config)


def refined(line: dict[str, Any], problem: Problem, config: Config) -> Scored:
    """One of stage zero's completions, cleaned."""
    return rewritten(problem, line["completion"], line["finish"], config)


def rewritten(problem: Problem, text: str, finish: str, config: Config) -> Scored:
    """Reasoning and summary in our tags; a text without an answer stays as it is, and falls as wrong."""
    answer = answer_of(text, problem)
    body = clean(text, config.think_tag)
    if answer and body:
        tag = config.think_tag
        text = f"<{tag}>\n{body}\n</{tag}>\n<{ANSWER_TAG}>\n{answer}\n</{ANSWER_TAG}>"
    prompt = Prompt(problem, problem.question, ())
    return regraded(prompt, text, finish, tagged(config))


def answer_of(text: str, problem: Problem) -> str | None:
    """The answer that a completion in any form gives."""
    if problem.answer_type != NUMBER:
        return extract(text, "tag") or extract(text, "boxed")
    return extract(text, "auto")


def clean(text: str, think_tag: str) -> str:
    """The reasoning alone: without tags, answer, final sentence, empty lines and lines that were said before.

    >>> clean("<think> 2+2 = 4. \\n\\n2+2 = 4.\\n</think><answer>4</answer>", "think")
    '2+2 = 4.'
    """
    text = re.sub(f"<{ANSWER_TAG}>.*?(?:</{ANSWER_TAG}>|$)", "", text, flags=re.DOTALL)
    text = re.sub(f"</?(?:{think_tag}|{ANSWER_TAG})>", "\n", text).partition("####")[0]
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not SENTENCE.fullmatch(line)]
    return "\n".join(dict.fromkeys(said))
