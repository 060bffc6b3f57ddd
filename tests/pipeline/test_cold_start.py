"""Cold start and rejection sampling as runs: the three ways, what is kept of each, and going on after a kill."""

from __future__ import annotations

import json

import pytest
from small_run import tokens_and_lines

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.pipeline.cold_start import (
    DIRECT,
    FEW_SHOT,
    GUESS,
    clean,
    cold_start,
    few_shot_rewritten,
    filter_worked,
    prompt_styles,
    refined,
    shows_work,
)
from r1rl.pipeline.filtering import counts
from r1rl.pipeline.sampling import PromptStyle, regraded, sample_chunks, sampled
from r1rl.pipeline.stage_configs import SFT_FILE
from r1rl.records import Problem, Prompt
from r1rl.runs import folder
from r1rl.runs.dump import ROLLOUTS, TOKENS, append_lines, read_lines
from r1rl.runs.tokens import TokenTexts
from r1rl.system.errors import UserError
from r1rl.system.interrupt import Interrupt
from r1rl.tasks.word_problems import WordProblems

TINY = {**overrides("tiny"), "add_reasoning_prefix": True, "unsloth": False, "max_completion_length": 40,
        "num_generations": 2, "max_prompt_length": 640}  # fmt: skip
PROBLEM = Problem("train/0", "Tom has 2 pens and buys 3. How many pens has Tom?", "5", task="word-problems")
IN_FORM = "<reasoning>\nTom has 2+3=5 pens.\n</reasoning>\n<answer>\n5\n</answer>"


def judged(completion, finish="stop", problem=PROBLEM):
    return regraded(Prompt(problem, "?", ()), completion, finish, Config(**TINY))


def test_a_solution_in_the_examples_form_is_rewritten_in_tags():
    raw = judged(" Tom has 2+3=5 pens.\n#### 5\n\nQuestion: And you?\nAnswer: I have 7.\n#### 7", "length")
    done = few_shot_rewritten(raw, Config(**TINY))
    assert done.rollout.completion == IN_FORM and done.correct and done.rollout.finish == "stop"
    cut = few_shot_rewritten(judged(" Tom has 2+3", "length"), Config(**TINY))
    assert not cut.correct and cut.rollout.finish == "length"


@pytest.mark.parametrize(
    "said",
    [
        "<reasoning>\nTom has 2+3=5 pens.\n\nTom has 2+3=5 pens.\n</reasoning>\n<answer>5</answer>",
        "\nTom has 2+3=5 pens.\nThe answer is 5.",
        "<reasoning>Tom has 2+3=5 pens.</reasoning> So it is <answer>\n5\n</answer>",
    ],
)
def test_refinement_leaves_reasoning_and_summary(said):
    line = {"completion": said, "finish": "stop"}
    done = refined(line, PROBLEM, Config(**TINY))
    assert done.correct
    assert done.rollout.completion.replace("\nSo it is", "") == IN_FORM


def test_what_is_wrong_or_has_no_answer_falls():
    for said in ("<reasoning>2+3=6</reasoning><answer>6</answer>", "I do not know.", ""):
        assert not refined({"completion": said, "finish": "stop"}, PROBLEM, Config(**TINY)).correct


def test_clean_keeps_the_words_and_their_order():
    assert clean("a = 1\nb = 2\na = 1\n#### 3", "think") == "a = 1\nb = 2"
    assert clean("<think>a</think><answer>1", "think") == "a"  # never closed


def test_math_is_rewritten_with_its_box():
    pytest.importorskip("math_verify")
    problem = Problem("train/0", "What is a half plus a quarter?", "\\frac{3}{4}", task="math", answer_type="latex")
    config = Config(dataset_name="math", think_tag="think")
    raw = regraded(Prompt(problem, "?", ()), "We add: $\\frac12+\\frac14=\\boxed{\\frac34}$.", "stop", config)
    done = few_shot_rewritten(raw, config)
    assert done.correct and done.rollout.completion.endswith("<answer>\n\\frac34\n</answer>")


def test_a_lucky_guess_is_no_example_and_counts_add_up():
    guess = judged("<reasoning>I think it is 5.</reasoning><answer>5</answer>")
    assert guess.correct and not shows_work(guess, "reasoning")
    candidates = [judged(IN_FORM), guess, judged(IN_FORM), judged(IN_FORM.replace("5", "6"))]
    filtered = filter_worked(candidates, Config(**TINY))
    assert filtered.rejected == {GUESS: 1, "near-duplicate": 1, "wrong": 1}
    found = counts(candidates, filtered)
    assert found["given"] == found["kept"] + sum(found["fallen"].values()) == 4


def test_the_file_of_the_cold_start_has_no_guess(tmp_path, monkeypatch):
    """Of each way a guess and a worked solution, both right: the guesses fall, and the summary says why."""
    config = Config(**TINY, dumps=str(tmp_path), exp_name="x", refine_run=str(tmp_path / "zero"))
    problem = WordProblems(config.seed).load("train")[0]
    guess, worked = (f"{said}\n#### {problem.answer}" for said in (" I think I see it.", " 1+1=2 is easy."))
    lines = [{"step": 1, "problem_id": problem.id, "completion": said, "finish": "stop"} for said in (guess, worked)]
    (tmp_path / "zero").mkdir()
    append_lines(tmp_path / "zero" / ROLLOUTS, lines)
    folder.check_folder(config)
    dump = folder.open_run(config, "test", {"gpu": None})
    found = [(way, judged(said, problem=problem)) for way in (FEW_SHOT, DIRECT) for said in (guess, worked)]
    found[2:] = [(DIRECT, refined(line, problem, config)) for line in lines]  # in form, as that way asks for
    monkeypatch.setattr("r1rl.pipeline.cold_start.sample_with", lambda *_: (dump, found))
    assert cold_start(config, "test") == 0
    rows = [line["messages"][1]["content"] for line in read_lines(dump.folder / SFT_FILE)]
    assert len(rows) == 3 and all("1+1=2" in text for text in rows)
    ways = json.loads((dump.folder / "summary.json").read_text())["ways"]
    assert [way["fallen"] for way in ways.values()] == [{GUESS: 1}] * 3


def test_the_prompts_of_the_first_two_ways(tokenizer):
    problems = WordProblems(1).load("train")[:70]
    few_shot, direct = prompt_styles(problems, tokenizer, Config(**TINY))
    assert (few_shot.name, direct.name) == (FEW_SHOT, DIRECT)
    longest = max(problems[:64], key=lambda p: len(p.solution))
    prompt = few_shot.prompts[0]
    assert prompt.text.startswith(f"Question: {longest.question}\nAnswer: ") and "<<" not in prompt.text
    assert prompt.text.count("Question: ") == 3 and prompt.text.endswith(f"{prompt.problem.question}\nAnswer:")
    assert longest not in [p.problem for p in few_shot.prompts]  # it would be asked with its answer before it
    assert direct.prompts[0].text.endswith("<reasoning>\nStep 1:") and "verify" in direct.prompts[0].text
    assert tuple(tokenizer(prompt.text)["input_ids"]) == prompt.ids
    (short, _) = prompt_styles(problems, tokenizer, Config(**{**TINY, "max_prompt_length": len(prompt.ids) - 1}))
    assert all(len(p.ids) < len(prompt.ids) for p in short.prompts)


def test_a_killed_sampling_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    """The same completions in one go, and stopped after two chunks with a torn third."""
    monkeypatch.setattr("r1rl.pipeline.sampling.CHUNK", 2)
    config = Config(**TINY, dumps=str(tmp_path))
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    engine = TransformersEngine(policy)
    problems = WordProblems(config.seed).load("train")[:5]
    from r1rl.tasks.prompts import Builder

    ways = [PromptStyle("sampled", Builder(policy.tokenizer, config)(problems, "train"), config)]

    def dump_of(name):
        placed = Config(**TINY, dumps=str(tmp_path), exp_name=name)
        folder.check_folder(placed)
        return folder.open_run(placed, "test", {"gpu": None})

    whole, parts = dump_of("whole"), dump_of("parts")
    texts = TokenTexts(policy.tokenizer)
    sample_chunks(config, ways, engine, whole, Interrupt(), texts)
    lines = (whole.folder / ROLLOUTS).read_text().splitlines(keepends=True)
    assert len(lines) == 5 * 2 and [json.loads(x)["step"] for x in lines] == [1] * 4 + [2] * 4 + [3] * 2
    (parts.folder / ROLLOUTS).write_text("".join(lines[:7]))  # a kill within the second chunk
    tokens = (whole.folder / TOKENS).read_text().splitlines(keepends=True)
    (parts.folder / TOKENS).parent.mkdir()
    (parts.folder / TOKENS).write_text("".join(tokens[:6]))
    sample_chunks(config, ways, engine, parts, Interrupt(), texts)
    assert (parts.folder / TOKENS).read_text() == "".join(tokens) and len(tokens_and_lines(whole.folder)) == 10

    def without_seconds(dump):
        return [{k: v for k, v in line.items() if k != "seconds"} for line in read_lines(dump.folder / ROLLOUTS)]

    assert without_seconds(parts) == without_seconds(whole)
    found = sampled(ways, whole)
    assert [s.correct for _, s in found] == [line["correct"] for line in read_lines(whole.folder / ROLLOUTS)]
    assert [s.problem.id for _, s in found] == [p.id for p in problems for _ in range(2)]


def test_the_cold_start_needs_a_run_to_refine(tmp_path):
    with pytest.raises(UserError, match=r"has no rollouts\.jsonl"):
        cold_start(Config(**TINY, refine_run=str(tmp_path)), "test")
