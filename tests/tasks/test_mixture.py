"""A mixture of tasks: problems in proportion to the weights, each graded as in its own task, and clear errors."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections import Counter

import pytest

from r1rl.commands.data import examples
from r1rl.commands.export.card import data_name
from r1rl.commands.export.other_frameworks import check_counterpart
from r1rl.config.data_rules import data_label, is_custom, is_hub_name
from r1rl.config.file import resolve_given
from r1rl.config.flags import DEFAULTS, Config
from r1rl.config.scope import check_given
from r1rl.records import Problem, Prompt, Rollout
from r1rl.reports.tables import level_table, task_table
from r1rl.rewards.grading import grade_rollout
from r1rl.runs.run_data import Graded, RunData
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks import Task, task_class, task_counts
from r1rl.tasks.knights_knaves import KnightsKnaves
from r1rl.tasks.mixture import Mixture, in_proportion, mixture_named, options_by_task, task_weights
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import (
    asked_problem,
    check_sample,
    equal_counts,
    evaluation_problems,
    evaluation_subset,
    load_task,
    training_problems,
)

INSTALLED = importlib.util.find_spec("reasoning_gym") is not None
installed = pytest.mark.skipif(not INSTALLED, reason="reasoning-gym is not installed")
NAMES = ("word-problems", "chain-sum", "countdown")
MIXED = "word-problems=2,chain-sum,countdown=0.5"


def small(name: str, seed: int = 0) -> Task:
    return task_class(name)(seed, 200, 40)


@pytest.fixture(scope="module")
def mixed() -> Mixture:
    """A mixture of small tasks."""
    return mixture_named(MIXED)([small(name) for name in NAMES])


def counts(problems) -> dict[str, int]:
    return dict(Counter(p.task for p in problems))


# ---- problems


def test_training_problems_are_in_proportion_to_the_weights(mixed):
    train = mixed.load("train")
    assert counts(train) == {"word-problems": 200, "chain-sum": 100, "countdown": 50}
    assert len({p.id for p in train}) == len(train)
    assert [p.task for p in train[:6]] == [*NAMES, *NAMES]  # what is tried on the first ones is tried on all tasks
    assert task_counts(train) == " (200 of word-problems, 100 of chain-sum, 50 of countdown)"
    assert mixed.source.startswith(
        "a mixture of word-problems (weight 2), chain-sum (weight 1), countdown (weight 0.5)"
    )


def test_a_problem_is_that_of_its_own_task(mixed):
    for split in ("train", "test"):
        for name in NAMES:
            alone = small(name).load(split)
            part = [p for p in mixed.load(split) if p.task == name]
            assert part[7].id == f"{split}/{name}/7" and alone[7].id == f"{split}/7"
            assert [dataclasses.replace(p, id="") for p in part] == [
                dataclasses.replace(p, id="") for p in alone[: len(part)]
            ]


def test_problems_follow_from_the_seed(mixed):
    config = Config(dataset_name=MIXED, max_samples=70, eval_count=20)
    drawn = training_problems(mixed, config)
    assert counts(drawn) == {"word-problems": 40, "chain-sum": 20, "countdown": 10}
    assert [p.task for p in drawn[:3]] == list(NAMES)
    again, other = (mixture_named(MIXED)([small(name, seed) for name in NAMES]) for seed in (0, 1))
    assert training_problems(again, config) == drawn != training_problems(other, config)
    assert evaluation_problems(again, config) == evaluation_problems(mixed, config)


def test_a_sample_has_problems_of_each_task(mixed):
    assert counts(training_problems(mixed, Config(dataset_name=MIXED, max_samples=5))) == {
        "word-problems": 3,
        "chain-sum": 1,
        "countdown": 1,
    }
    with pytest.raises(UserError, match="--max-samples 2 leaves no training problem of countdown"):
        training_problems(mixed, Config(dataset_name=MIXED, max_samples=2))


def test_a_sample_has_problems_of_each_level():
    config = Config(dataset_name="knights_knaves", stages="2,3", steps_per_stage=5)
    problems = [Problem(str(i), "", "", level=2 + i % 2) for i in range(6)]
    check_sample(problems[:2], problems, config)
    with pytest.raises(UserError, match="--max-samples 1 leaves no training problem of level 3"):
        check_sample(problems[:1], problems, dataclasses.replace(config, max_samples=1))


def test_a_run_gets_the_mixture_with_its_seed():
    config = Config(dataset_name="chain-sum,word-problems=3", seed=5, eval_count=300)
    task = load_task(config)
    assert [part.seed for part in task.tasks] == [5, 5] and list(task.weights.values()) == [1, 3]
    assert [part.counts["test"] for part in task.tasks] == [300, 300]  # more than they have by themselves


@pytest.mark.parametrize(
    ("sizes", "weights", "taken"),
    [
        ([4000, 4000], [1, 1], [4000, 4000]),
        ([4000, 100], [1, 1], [100, 100]),
        ([4000, 100], [3, 1], [300, 100]),
        ([10, 10], [1000, 1], [10, 1]),
        ([7, 7, 7], [0.3, 0.3, 0.1], [7, 7, 2]),
    ],
)
def test_as_many_as_are_in_proportion(sizes, weights, taken):
    assert in_proportion(sizes, weights) == taken


def test_an_evaluation_has_equally_many_problems_of_each_task(mixed):
    test = mixed.load("test")
    chosen = evaluation_subset(test, 32, seed=5)
    assert counts(chosen) == {"word-problems": 11, "chain-sum": 11, "countdown": 10}
    assert evaluation_subset(test, 32, seed=5) == chosen != evaluation_subset(test, 32, seed=6)
    assert evaluation_subset(test, 0, seed=5) == test
    assert [p.task for p in chosen] == ["word-problems"] * 11 + ["chain-sum"] * 11 + ["countdown"] * 10
    assert equal_counts([400, 3, 400], 100) == [49, 3, 48] and equal_counts([5, 5], 1) == [1, 0]


def test_puzzles_in_a_mixture_keep_their_levels_even():
    puzzles, sums = KnightsKnaves(0, test_count=5), small("chain-sum")
    test = mixture_named("knights_knaves,chain-sum")([puzzles, sums]).load("test")
    chosen = [p for p in evaluation_subset(test, 28, seed=5) if p.task == "knights_knaves"]
    assert Counter(p.level for p in chosen) == dict.fromkeys(range(2, 9), 2)


def test_each_problem_is_graded_by_its_own_answer_type(mixed):
    config = Config(dataset_name=MIXED)
    for problem in evaluation_subset(mixed.load("test"), 6, seed=1):
        rollout = Rollout("", f"<answer>{problem.answer}</answer>", (), (), (), "stop")
        graded = grade_rollout(rollout, problem, config)
        assert graded.correct == (problem.task != "countdown")  # its gold answer is the target, not a calculation
    assert asked_problem("1 + 1?", config).task == "word-problems"


# ---- names and options


def test_a_mixture_is_a_task_by_its_name():
    config = Config(dataset_name=MIXED)
    assert mixture_named(MIXED) is mixture_named(MIXED) and mixture_named(MIXED).name == MIXED
    assert not is_hub_name(MIXED) and not is_custom(config) and data_name(config) == MIXED
    assert data_label(config) == "word-problems-and-2-more"
    assert data_label(Config(dataset_name="reasoning-gym:gcd,chain-sum")) == "gcd-and-1-more"
    assert task_weights(" chain-sum , countdown = 0.5") == {"chain-sum": 1.0, "countdown": 0.5}
    assert Config(dataset_name="word-problems,chain-sum", mode="sft").mode == "sft"  # both have solutions


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"dataset_name": "chain-sum,chain-sum=2"}, "names 'chain-sum' twice: name it once"),
        ({"dataset_name": "chain-sum=0,countdown"}, "weight of 'chain-sum' is '0' and must be a number above 0"),
        ({"dataset_name": "chain-sum=-1,countdown"}, "is '-1' and must be a number above 0"),
        ({"dataset_name": "chain-sum=much,countdown"}, "is 'much' and must be a number above 0"),
        ({"dataset_name": "chain-sum=inf,countdown"}, "is 'inf' and must be"),
        ({"dataset_name": "chain-sum,"}, "has a part without a name"),
        ({"dataset_name": "chain-sum=2"}, "gives its only task a weight"),
        ({"dataset_name": "chain-sum,openai/gsm8k"}, "openai/gsm8k is a dataset of the hub"),
        ({"dataset_name": "chain-sum,gsm8k"}, "gsm8k reads its problems from the hub or from files"),
        ({"dataset_name": "chain-sum,math"}, "math reads its problems"),
        ({"dataset_name": "chain-sum,safety-queries"}, "safety-queries has a fixed prompt"),
        ({"dataset_name": "chain-sum,chainsum"}, "'chainsum': did you mean 'chain-sum'"),
        ({"dataset_name": "chain-sum,reasoning-gym:sudoku"}, "sudoku cannot be trained on"),
        ({"dataset_path": "rows.csv"}, "mixes tasks that generate their problems"),
        ({"stages": "2,3", "steps_per_stage": 5}, "are levels of one task"),
        ({"pipeline": True}, "cold start are of one task"),
        ({"eval_count": 2}, "--eval-count 2 is less than the 3 tasks"),
        ({"question_column": "q"}, "--question-column q is for custom data"),
        ({"people": "3"}, "--people 3 selects puzzles"),
        ({"answer_tolerance": 0.5}, "countdown has other answers"),
        ({"answer_format": "hash"}, "--answer-format hash finds numbers"),
        ({"mode": "sft"}, "--dataset-name countdown has none"),
        ({"reward": "logic-rl"}, "--reward logic-rl grades roles"),
        ({"dataset_options": "chain_sum.min_terms=2"}, "takes no options"),
    ],
)
def test_what_cannot_be_mixed_is_refused(flags, reason):
    with pytest.raises(UserError, match=reason):
        Config(**{"dataset_name": MIXED, **flags})


def test_options_of_the_generators():
    names = ["reasoning-gym:gcd", "countdown", "reasoning-gym:chain_sum"]
    assert options_by_task("gcd.min_value=2, chain_sum.max_terms=3,gcd.max_value=50", names) == {
        "reasoning-gym:gcd": "min_value=2,max_value=50",
        "reasoning-gym:chain_sum": "max_terms=3",
    }
    with pytest.raises(UserError, match=r"does not say which task it is for: .* as in gcd\.max_value=50"):
        options_by_task("max_value=50", names)
    with pytest.raises(UserError, match=r"unknown generator .* 'gcdd': did you mean 'gcd'"):
        options_by_task("gcdd.max_value=50", names)
    check_given(Config(dataset_name="reasoning-gym:gcd,countdown"), {"dataset_options": "gcd.max_value=50"})


def test_a_config_file_has_weights_and_options_as_mappings(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text(
        "recipe: tiny\ndataset_name: {word-problems: 2, reasoning-gym:gcd: 0.5}\ndataset_options: {gcd.max_value: 50}\n"
    )
    config = resolve_given({"config": str(file)})[0]
    assert config.dataset_name == "word-problems=2,reasoning-gym:gcd=0.5"
    assert config.dataset_options == "gcd.max_value=50"


@installed
def test_generators_get_their_own_options():
    config = Config(
        dataset_name="reasoning-gym:gcd,reasoning-gym:chain_sum",
        dataset_options="chain_sum.min_terms=2,chain_sum.max_terms=2,gcd.max_value=30",
    )
    gcd, chain_sum = load_task(config).tasks
    assert (gcd.options, chain_sum.options) == ("max_value=30", "min_terms=2,max_terms=2")
    with pytest.raises(UserError, match="did you mean 'max_value'"):
        dataclasses.replace(config, dataset_options="gcd.max_valu=2")


# ---- what is made of it


def by_words(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
    return {"input_ids": list(range(len(text.split())))}


def test_a_task_of_which_no_prompt_is_short_enough_is_refused():
    config = Config(dataset_name="word-problems,chain-sum", prompt_style="plain", max_prompt_length=9)
    short = Problem("a", "1 + 1?", "2", task="chain-sum")
    long = Problem("b", "one " * 20, "2", task="word-problems")
    assert len(Builder(by_words, config)([short, short], "train")) == 2
    with pytest.raises(UserError, match="all 1 word-problems train prompts are longer than --max-prompt-length 9"):
        Builder(by_words, config)([short, long], "train")
    alone = dataclasses.replace(config, dataset_name="word-problems")
    assert [p.problem.id for p in Builder(by_words, alone)([short, long], "train")] == ["a"]


def test_data_check_shows_prompts_of_each_task():
    prompts = [Prompt(Problem(f"{task}{i}", "", "", task=task), "", ()) for task in "abc" for i in range(9)]
    assert [p.problem.id for p in examples(prompts)] == ["a0", "b0", "c0"]
    assert [p.problem.id for p in examples(prompts[:18])] == ["a0", "a1", "b0", "b1"]
    assert [p.problem.id for p in examples(prompts[:9])] == ["a0", "a1", "a2", "a3", "a4"]


def test_the_table_by_task(tmp_path):
    """Before 1 of 4 and 2 of 4 are right, after it 4 of 4 and 1 of 4."""
    right = {0: {"reasoning-gym:a": "1000", "b": "0011"}, 8: {"reasoning-gym:a": "1111", "b": "0001"}}
    graded = {
        step: [
            Graded(f"{task}/{i}", verdict == "1", None, i % 2, task, "")
            for task, verdicts in parts.items()
            for i, verdict in enumerate(verdicts)
        ]
        for step, parts in right.items()
    }
    data = RunData(tmp_path, graded)
    data.__dict__["evaluations"] = [{"step": 0}, {"step": 8}]
    data.__dict__["run"] = {"config": {}}
    with console.capture() as capture:
        console.print(task_table(data))
    head, a, b = capture.get().splitlines()
    assert head.split()[0] == "task" and "step 0" in head and "step 8" in head
    assert a.split()[0] == "a" and "1 / 4, 25%" in a and "4 / 4, 100%" in a and "3, 0 (p = 0.25)" in a
    assert b.split()[0] == "b" and "2 / 4, 50%" in b and "1 / 4, 25%" in b and "0, 1 (p = 1)" in b
    assert level_table(data) is None  # levels of different tasks are not comparable


def test_answers_of_several_types_have_no_counterpart_elsewhere():
    check_counterpart({**DEFAULTS, "dataset_name": "word-problems,chain-sum"})
    with pytest.raises(UserError, match=r"answers of several types \(countdown, number\)"):
        check_counterpart({**DEFAULTS, "dataset_name": MIXED})
