"""Chain sums: right arithmetic, no leak between splits, the same problems for the same seed."""

from __future__ import annotations

import re

import pytest

from r1rl.config.flags import Config
from r1rl.records import Rollout
from r1rl.rewards.weighted import load_rewards
from r1rl.tasks.chain_sum import LARGEST, SIZES, ChainSum, generate
from r1rl.tasks.prompts import SYSTEM_TEXT, plain_prompt
from r1rl.tasks.registry import load_task

PROBLEMS = generate("train", 0, 2000)


def test_answers_and_solutions_are_right():
    for problem in PROBLEMS:
        expression = re.fullmatch(r"What is ([\d +-]+)\?", problem.question)[1]
        assert str(eval(expression)) == problem.answer
        *steps, last = problem.solution.splitlines()
        assert last == f"#### {problem.answer}" and len(steps) == problem.level - 1
        for step in steps:
            left, right = step.split(" = ")
            assert eval(left) == int(right) >= 0, problem


def test_sizes_and_signs_all_occur():
    assert {p.level for p in PROBLEMS} == set(SIZES)
    numbers = [int(n) for p in PROBLEMS for n in re.findall(r"\d+", p.question)]
    assert min(numbers) == 1 and max(numbers) == LARGEST
    assert all(sign in " ".join(p.question for p in PROBLEMS) for sign in "+-")


def test_splits_never_share_a_problem_whatever_the_seeds():
    train, test = ({p.question for seed in range(12) for p in generate(s, seed, 300)} for s in ("train", "test"))
    assert len(train) > 3000 and len(test) > 3000
    assert not train & test


def test_same_seed_same_problems():
    assert generate("test", 7, 20) == generate("test", 7, 50)[:20] != generate("test", 8, 20)
    assert len({p.question for p in PROBLEMS}) == len({p.id for p in PROBLEMS}) == len(PROBLEMS)
    with pytest.raises(ValueError, match="chain-sum has 'train' and 'test'"):
        generate("dev", 0, 1)


def test_problems_do_not_change_between_versions():
    """Runs with a seed stay comparable: change this line only on purpose."""
    assert PROBLEMS[0].question == "What is 46 + 79 - 7?"


def test_a_run_gets_the_task_its_prompt_and_its_reward():
    config = Config(dataset_name="chain-sum")
    task = load_task(config)
    assert isinstance(task, ChainSum)
    train, test = task.load("train"), task.load("test")
    assert (len(train), len(test)) == (4000, 200)
    assert plain_prompt(train[0], False).startswith(SYSTEM_TEXT)
    (reward,) = load_rewards(config).values()
    earned = [reward(Rollout("", f"<answer>{a}</answer>", (), (), (), "stop"), train[0]) for a in (train[0].answer, -1)]
    assert earned == [1.0, 0.0]
