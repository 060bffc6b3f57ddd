"""Tasks of reasoning-gym: right grades, disjoint splits, options, and clear errors, with and without the package."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from r1rl.commands.export.card import data_name
from r1rl.config.data_rules import data_label, is_hub_name
from r1rl.config.file import resolve_given
from r1rl.config.flags import Config
from r1rl.config.parser import Parser, add_flags, as_arguments
from r1rl.config.recipes import RECIPES, resolve
from r1rl.records import NUMBER, TEXT, Problem, Rollout
from r1rl.rewards.grading import grade_rollout
from r1rl.rewards.standalone import OutsideReward
from r1rl.system.errors import UserError
from r1rl.tasks.base import Task, level_name, owner, split_of, task_class
from r1rl.tasks.prompts import SYSTEM_TEXT, SYSTEM_TEXTS, plain_prompt
from r1rl.tasks.reasoning_gym import MOST_DRAWN, TEST_SHARE, ReasoningGym, worked_solution
from r1rl.tasks.reasoning_gym.generators import GENERATORS, REFUSED
from r1rl.tasks.reasoning_gym.options import given_options, make_dataset
from r1rl.tasks.registry import answer_type_of, asked_problem, evaluation_problems, load_task
from r1rl.trainers.prompt_order import load_plan

INSTALLED = importlib.util.find_spec("reasoning_gym") is not None
installed = pytest.mark.skipif(not INSTALLED, reason="reasoning-gym is not installed")
TRIED = (
    "chain_sum", "basic_arithmetic", "gsm_symbolic", "leg_counting", "gcd", "lcm", "products", "count_primes",
    "simple_equations", "letter_counting", "decimal_chain_sum", "dice", "spell_backward", "calendar_arithmetic",
    "word_sorting", "base_conversion",
)  # fmt: skip


def config_of(generator: str, **flags) -> Config:
    return Config(dataset_name=f"reasoning-gym:{generator}", **flags)


def few(generator: str, seed: int = 0, options: str | None = None, train: int = 30, test: int = 5) -> Task:
    return task_class(f"reasoning-gym:{generator}")(seed, train, test, options)


def is_right(answer: str, problem: Problem, config: Config) -> bool:
    rollout = Rollout("", f"<answer>\n{answer}\n</answer>", (), (), (), "stop")
    return grade_rollout(rollout, problem, config).correct


# ---- without the package


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generator_is_a_task_like_any_other(generator):
    name, entry = f"reasoning-gym:{generator}", GENERATORS[generator]
    task = task_class(name)
    assert owner(name) is task is task_class(name) and task.name == name and issubclass(task, Task)
    assert answer_type_of(name) == entry.answer_type in (NUMBER, TEXT)
    config = config_of(generator)
    assert config.dataset_name == name and not is_hub_name(name) and data_name(config) == name
    assert asked_problem("Why?", config).answer_type == entry.answer_type


def test_names_of_levels_and_runs():
    assert level_name("reasoning-gym:chain_sum") == "terms" and level_name("reasoning-gym:maze") == "grid size"
    assert level_name("reasoning-gym:gcd") == Task.level_name
    assert level_name("reasoning-gym:chain_sum", in_stages=True) == "level"
    assert data_label(config_of("gcd")) == "reasoning-gym-gcd"


def test_a_refused_generator_says_why():
    with pytest.raises(UserError, match="sudoku cannot be trained on: its answers are grids"):
        config_of("sudoku")
    with pytest.raises(UserError, match="use --dataset-name knights_knaves"):
        config_of("knights_knaves")
    with pytest.raises(
        UserError, match=r"unknown --dataset-name 'reasoning-gym:chain-sum': did you mean .*:chain_sum'"
    ):
        config_of("chain-sum")
    with pytest.raises(UserError, match="did you mean 'reasoning-gym:NAME'"):
        Config(dataset_name="reasoning-gym")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"dataset_name": "gsm8k", "dataset_options": "a=1"}, "--dataset-name gsm8k takes no options"),
        ({"dataset_name": "openai/gsm8k", "dataset_options": "a=1"}, "--dataset-name openai/gsm8k takes no options"),
        ({"dataset_path": "rows.csv"}, "generates its problems"),
        ({"question_column": "q"}, "--question-column q is for custom data"),
        ({"dataset_options": "min_terms"}, "'min_terms' is not an option with its value"),
        ({"dataset_options": "min_terms=2,min_terms=3"}, "sets min_terms twice"),
        ({"dataset_options": "seed=3"}, "seed cannot be set here, because --seed sets it"),
        ({"dataset_options": "size=3"}, "--max-samples limits"),
        ({"mode": "sft"}, "--dataset-name reasoning-gym:chain_sum has none"),
        ({"dataset_name": "reasoning-gym:syllogism", "answer_tolerance": 0.1}, "has other answers"),
    ],
)
def test_wrong_flags_are_refused(flags, reason):
    with pytest.raises(UserError, match=reason):
        Config(**{"dataset_name": "reasoning-gym:chain_sum", **flags})


def test_options_are_the_same_on_the_command_line_and_in_a_file(tmp_path):
    parser = Parser()
    add_flags(parser)
    name, options = "reasoning-gym:basic_arithmetic", "max_terms=3,allow_negation=false"
    given = ["--dataset-name", name, "--dataset-options", "max_terms=3", "--dataset-options", "allow_negation=false"]
    config = Config(**vars(parser.parse_args(given)))
    assert config.dataset_options == options
    assert Config(**vars(parser.parse_args(as_arguments(config)))) == config
    file = tmp_path / "run.yaml"
    file.write_text(
        f"dataset_name: {name}\ndataset_options: {{max_terms: 3, operators: ['+', '-'], allow_negation: false}}\n"
    )
    read = resolve_given({"config": str(file)})[0]
    assert read.dataset_options == "max_terms=3,operators=+|-,allow_negation=false"
    assert given_options(" a=1, b = x ") == {"a": "1", "b": "x"} and given_options(None) == {}


def test_another_task_drops_the_options_of_the_recipe(monkeypatch):
    recipe = {**RECIPES["tiny"], "dataset_name": "reasoning-gym:gcd", "dataset_options": "max_value=50"}
    monkeypatch.setitem(RECIPES, "demo", recipe)
    assert resolve("demo", {}).dataset_options == "max_value=50"
    assert resolve("demo", {"dataset_name": "word-problems"}).dataset_options is None


def test_stages_of_a_recipe_are_those_of_its_task():
    assert resolve("kk-tiny", {"dataset_name": "reasoning-gym:gcd", "reward": "correctness"}).stages is None
    assert resolve("kk-tiny", {"dataset_name": "knights_knaves"}).stages == RECIPES["kk-tiny"]["stages"]
    with pytest.raises(UserError, match="different whole numbers from 0 on"):
        config_of("gcd", stages="1,1")
    with pytest.raises(UserError, match="nothing would end the first stage"):
        config_of("gcd", stages="0,1")
    with pytest.raises(UserError, match="--eval-count 2 is less than the 3 levels of --stages 0,1,2"):
        config_of("gcd", stages="0,1,2", steps_per_stage=1, eval_count=2)


def test_a_run_without_the_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("r1rl.tasks.reasoning_gym.options.is_installed", lambda: False)
    with pytest.raises(UserError, match=r"`pip install reasoning-gym==0\.1\.25`"):
        load_task(config_of("gcd"))


def test_the_grade_of_an_exported_reward_needs_no_package():
    code = (
        "import sys; sys.modules['reasoning_gym'] = None\n"
        "from r1rl.rewards.standalone import OutsideReward\n"
        "reward = OutsideReward('number', '', (), {'dataset_name': 'reasoning-gym:gcd'})\n"
        "print(reward('<answer>4</answer>', '4'), reward('<answer>5</answer>', '4'))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1.0 0.0\n"
    )
    assert OutsideReward("text", "", (), {"dataset_name": "reasoning-gym:acre"})("<answer>Off.</answer>", "off") == 1.0


# ---- with the package


@installed
def test_the_table_has_every_generator_of_the_package():
    from reasoning_gym.factory import DATASETS

    assert not GENERATORS.keys() & REFUSED.keys()
    assert GENERATORS.keys() | REFUSED.keys() == DATASETS.keys()


@installed
@pytest.mark.parametrize("generator", TRIED)
def test_an_answer_is_graded_right_and_another_one_wrong(generator):
    config = config_of(generator)
    task = few(generator)
    problems = task.load("train") + task.load("test")
    assert len(problems) == len({p.question for p in problems}) == 35
    for problem in problems:
        assert problem.task == task.name and problem.answer_type == task.answer_type
        assert is_right(problem.answer, problem, config)
        other = next(p.answer for p in problems if p.answer.casefold() != problem.answer.casefold())
        assert not is_right(other, problem, config) and not is_right("", problem, config)
    assert plain_prompt(problems[0], False).startswith(SYSTEM_TEXTS.get(task.answer_type, SYSTEM_TEXT))


@installed
@pytest.mark.parametrize("generator", ["chain_sum", "gsm_symbolic", "spell_backward"])
def test_a_correct_grade_is_the_full_score_of_the_package(generator):
    """The package's own scorer, called on answers that it made itself, agrees with the grade here."""
    import reasoning_gym

    dataset = reasoning_gym.create_dataset(generator, seed=5, size=MOST_DRAWN)
    items = [dataset[i] for i in range(20)]
    config, name = config_of(generator), f"reasoning-gym:{generator}"
    for item in items:
        problem = Problem("", item["question"], item["answer"], task=name, answer_type=answer_type_of(name))
        for answer in (item["answer"], items[0]["answer"]):
            assert is_right(answer, problem, config) == (dataset.score_answer(answer, item) == 1.0)


@installed
def test_splits_never_share_a_question_whatever_the_seeds():
    tasks = [few("gcd", seed, train=400, test=60) for seed in range(6)]
    train, test = ({p.question for task in tasks for p in task.load(s)} for s in ("train", "test"))
    assert len(train) > 2000 and len(test) > 300 and not train & test


@installed
def test_problems_follow_from_the_seed():
    first, second = few("chain_sum", 1).load("train"), few("chain_sum", 2).load("train")
    assert few("chain_sum", 1).load("train") == first
    assert few("chain_sum", 1, train=60).load("train")[:30] == first
    assert (
        len({p.question for p in first} & {p.question for p in second}) < 3
    )  # of the package's own seeds: all but one


@installed
def test_problems_do_not_change_between_versions():
    """Runs with a seed stay comparable: change this line only on purpose."""
    assert (
        few("gcd")
        .load("train")[0]
        .question.startswith("Find the Greatest Common Divisor (GCD) of these numbers: 196, 540.")
    )


@installed
def test_levels_are_what_the_options_allow():
    problems = few("chain_sum", options="min_terms=2,max_terms=3", train=200).load("train")
    assert {p.level for p in problems} == {2, 3}
    assert all(len(p.question.partition(": ")[2].split()) == 2 * p.level for p in problems)
    assert {p.level for p in few("gcd").load("train")} == {None}
    only = few("basic_arithmetic", options="operators=+|-,allow_parentheses=false").load("train")
    assert not any(sign in p.question for p in only for sign in "*/()")


@installed
def test_worked_solutions_end_in_the_answer():
    config = config_of("gsm_symbolic", mode="sft")
    assert load_task(config).has_solutions
    for problem in few("gsm_symbolic", train=200).load("train"):
        steps, _, answer = problem.solution.partition("\n#### ")
        assert steps.strip() and answer == problem.answer
    item = {"metadata": {"answer_cot": "1 + 1 = 2\n#### 2.0"}}
    assert worked_solution(item, "2") == "1 + 1 = 2\n#### 2"


@installed
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            "min_term=2",
            r"did you mean 'min_terms'.* and their defaults: min_terms=2, max_terms=6, .*allow_negation=false",
        ),
        ("min_terms=two", "min_terms is 'two' and must be a whole number, as its default 2"),
        ("allow_negation=1", "must be true or false"),
        ("min_terms=5,max_terms=2", "is not possible for chain_sum: max_terms must be >= min_terms"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(options, reason):
    with pytest.raises(UserError, match=reason):
        config_of("chain_sum", dataset_options=options)


@installed
def test_a_generator_with_few_problems_says_so(capsys):
    task = few("coin_flip", options="min_trials=3,max_trials=8", train=4000, test=400)
    train, test = task.load("train"), task.load("test")
    assert 50 < len(train) < 200 and test and not {p.question for p in train} & {p.question for p in test}
    assert f"has only {len(train)} different train problems, not 4000" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UserError, match="has no test problem"):
        few("coin_flip", options="min_trials=2,max_trials=2").load("train")


@installed
def test_answers_that_cannot_be_graded_are_left_out_or_refused(monkeypatch):
    task = few("chain_sum")
    monkeypatch.setattr(
        task, "item", lambda dataset, i, level: {"question": f"{i}?", "answer": "two" if i % 2 else "2", "metadata": {}}
    )
    with pytest.raises(UserError, match="problems cannot be graded, more than 10%"):
        task.load("train")
    task = few("chain_sum")
    monkeypatch.setattr(
        task, "item", lambda dataset, i, level: {"question": f"{i}?", "answer": "2" if i % 50 else "", "metadata": {}}
    )
    assert len(task.load("train")) == 30


@installed
def test_the_same_problems_in_every_process():
    code = (
        "import json; from r1rl.tasks.base import task_class\n"
        "print(json.dumps([p.question for n in ('gcd', 'leg_counting', 'word_sorting', 'family_relationships')\n"
        "    for p in task_class(f'reasoning-gym:{n}')(3, 20, 2).load('train')]))"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1] and len(json.loads(made[0])) == 80


# ---- levels of the package's curriculum


def in_stages(generator: str, *levels: int, seed: int = 0, train: int = 60, test: int = 10) -> Task:
    return task_class(f"reasoning-gym:{generator}")(seed, train, test, None, levels)


@installed
def test_a_level_of_chain_sum_is_its_number_of_terms_and_digits():
    """By the package's lists of values: 2, 3, 4, ... terms and 1, 2, 3, ... digits."""
    task = in_stages("chain_sum", 2, 0, 1)
    for split in ("train", "test"):
        problems = task.load(split)
        assert Counter(p.level for p in problems) == dict.fromkeys((0, 1, 2), task.counts[split])
        for problem in problems:
            numbers = re.findall(r"\d+", problem.question)
            assert len(numbers) == problem.level + 2
            assert {len(number) for number in numbers} == {problem.level + 1}
            assert problem.id.startswith(f"{split}/level{problem.level}/")
    assert len({p.id for p in task.load("train")}) == 180


@installed
def test_a_run_in_stages(capsys):
    given = {"dataset_name": "reasoning-gym:chain_sum", "stages": "0,1", "steps_per_stage": 5, "eval_count": 9}
    config = resolve("tiny", given | {"dataset_options": "allow_negation=true"})
    assert config.max_steps == 10  # and not the recipe's
    task = load_task(config)
    assert task.source.endswith("with allow_negation=true, levels 0, 1, from the seed")
    assert Counter(p.level for p in evaluation_problems(task, config)) == {0: 5, 1: 4}
    assert any(" -" in p.question.partition(":")[2].replace(" - ", "") for p in task.load("train"))
    shown = " ".join(capsys.readouterr().out.split())
    assert "different train problems at level 0, not 1000" in shown
    assert load_plan(config).levels == (0, 1)


@installed
def test_a_question_of_two_levels_is_that_of_the_lower_one(monkeypatch):
    """Level n has the questions 20 n to 20 n + 59, so each level but the first has 20 that are new."""
    monkeypatch.setattr("r1rl.tasks.reasoning_gym.make_dataset", lambda *args: args[-1])
    monkeypatch.setattr(
        ReasoningGym,
        "item",
        lambda self, n, i, level: {"question": f"{20 * n + i % 60}?", "answer": "2", "metadata": {}},
    )
    task = in_stages("gcd", 2, 1, 0, train=100, test=20)
    train, test = task.load("train"), task.load("test")
    assert {int(p.question[:-1]): p.level for p in train + test} == {
        n: 0 if n < 60 else 1 if n < 80 else 2 for n in range(100)
    }
    assert len(train + test) == 100 and all(split_of(p.question, TEST_SHARE) == "test" for p in test)


@installed
def test_splits_share_no_question_whatever_levels_and_seeds():
    tasks = [in_stages("chain_sum", *levels, seed=seed) for levels in ((0, 1), (0,), (1,)) for seed in range(3)]
    train, test = ({p.question for task in tasks for p in task.load(s)} for s in ("train", "test"))
    assert len(train) > 300 and len(test) > 40 and not train & test


@installed
def test_every_generator_with_a_curriculum_has_its_first_level():
    from reasoning_gym.factory import CURRICULA

    without = GENERATORS.keys() - CURRICULA.keys()
    assert without == {"acre", "gsm_symbolic"}  # as docs/data.md says
    for generator in GENERATORS.keys() - without:
        task = in_stages(generator, 0)
        problem = task.problem("Why?", task.item(make_dataset(generator, None, 1, 1, 0), 0, 0), "train/0", 0)
        assert problem.level == 0, generator


@installed
@pytest.mark.parametrize(
    ("generator", "flags", "reason"),
    [
        ("acre", {}, "acre has no curriculum in reasoning-gym, so it has no levels"),
        ("gcd", {"stages": "4"}, "gcd has no level 4, because its curriculum has levels 0 to 3"),
        ("caesar_cipher", {"stages": "2"}, "--stages: level 2 is not possible for caesar_cipher: rotation must be"),
        ("gcd", {"dataset_options": "max_value=50"}, "--stages sets max_value of gcd, by level"),
        (
            "circuit_logic",
            {"dataset_options": "neg_prob=2"},
            "Use a lower one, or other values than --dataset-options neg",
        ),
    ],
)
def test_levels_that_cannot_be_are_refused(generator, flags, reason):
    with pytest.raises(UserError, match=reason):
        config_of(generator, **{"stages": "0", **flags})


@installed
def test_a_level_at_which_the_generator_fails_is_refused():
    with pytest.raises(UserError, match=r"and level 4 of --stages fails at its problem 0: .* Use other levels"):
        in_stages("spell_backward", 4).load("train")


@installed
def test_a_level_whose_answers_are_too_long_is_refused_at_once():
    with pytest.raises(UserError, match="and level 1 of --stages: 1000 of 1000 problems cannot be graded"):
        in_stages("spiral_matrix", 1).load("train")
