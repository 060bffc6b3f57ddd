"""Task countdown: every game can be solved, splits do not touch, and the grader works out what it may and runs nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading import grade_rollout
from r1rl.rewards.grading.equations import Game, calculated, parse_game
from r1rl.tasks.countdown import Countdown, generate, solve
from r1rl.tasks.registry import load_task


def test_every_game_has_a_solution_that_is_graded_right():
    task = load_task(Config(dataset_name="countdown"))
    assert isinstance(task, Countdown)
    for problem in task.load("test"):
        expression = problem.solution.rpartition(" = ")[0]
        assert grade(f"<answer>{expression}</answer>", problem).correct
        game = parse_game(problem.answer)
        assert problem.level == len(game.numbers) in (3, 4)
        assert game.target not in game.numbers and 1 <= game.target <= 99


def test_same_seed_same_games_and_no_train_game_is_a_test_game():
    assert generate("test", 7, 50) == generate("test", 7, 50)
    assert generate("test", 7, 50) != generate("test", 8, 50)
    train = {p.answer for seed in range(3) for p in generate("train", seed, 300)}
    test = {p.answer for seed in range(3) for p in generate("test", seed, 300)}
    assert len(train) > 800 and not train & test
    with pytest.raises(ValueError, match="'train' and 'test'"):
        generate("dev", 7, 5)


@pytest.mark.parametrize(
    ("numbers", "target", "solvable"),
    [
        ((3, 5, 7), 22, True),  # 3 * 5 + 7
        ((1, 5, 5, 5), 24, True),  # 5 * (5 - 1 / 5): only by way of a fraction
        ((3, 3, 8, 8), 24, True),  # 8 / (3 - 8 / 3)
        ((2, 4, 6), 6, True),  # one number is enough
        ((1, 1, 1), 24, False),
        ((2, 3), 7, False),
    ],
)
def test_the_solver_finds_what_there_is(numbers, target, solvable):
    found = solve(numbers, target)
    assert (found is not None) is solvable
    if solvable:
        assert calculated(found, numbers) == target


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(44 - 19) * 2", 50),
        ("(44 − 19) × 2 = 50", 50),
        (r"$(44 - 19) \times 2$", 50),
        (r"\left(44 - 19\right) \cdot 2", 50),
        ("[44 - 19] * 2", 50),
        ("19 / 2", Fraction(19, 2)),
        ("44 ÷ 2", 22),
        ("19", 19),
        ("44 - 19 * 2 = 6", 6),
        ("6 = 44 - 19 * 2", 6),
        ("44 - 19 * 2 = 999", None),  # what it claims is false
        ("50 = 50", None),
        (r"\boxed{\frac{44}{2}}.", 22),
        ("`(44 - 19) x 2`", 50),
        ("The answer is (44 - 19) * 2", 50),
        ("", None),
        ("=50", None),
        ("44 + 44", None),  # a number twice
        ("25 * 2", None),  # a number that is not given
        ("44 / (19 - 19)", None),
        ("44 / 0", None),
        ("-19 + 44", None),  # a sign of its own is none of the four
        ("44 ** 2", None),
        ("44 // 2", None),
        ("4419", None),
        ("44.0 + 2", None),
        ("044 + 2", None),
        ("44 2", None),
        ("(44 + 2", None),
        ("44 + x", None),
        ("__import__('os').getcwd()", None),
        ("2 if 44 else 19", None),
        ("(" * 150 + "2" + ")" * 150, None),
        ("9**9**9**9", None),
        ("2+" * 50_000 + "2", None),
    ],
)
def test_calculations(text, value):
    assert calculated(text, [2, 19, 44]) == value


@given(st.text(max_size=60) | st.text("0123456789+-*/() ", max_size=60))
def test_no_text_breaks_the_grader(text):
    found = calculated(text, [2, 19, 44])
    assert found is None or isinstance(found, Fraction)


def grade(completion, problem):
    config = Config(dataset_name="countdown")
    return grade_rollout(Rollout("?", completion, (), (), (), "stop"), problem, config)


def test_grades():
    problem = Problem("", "?", str(Game((2, 19, 44), 50)), task="countdown", answer_type="countdown")
    right = grade("so <answer>(44 - 19) * 2 = 50</answer>", problem)
    assert (right.value, right.correct) == ("50", True)
    assert grade("<answer>44 + 2</answer>", problem).value == "46"
    assert not grade("<answer>44 + 2</answer>", problem).correct
    assert not grade("<answer>50</answer>", problem).correct
    assert not grade("(44 - 19) * 2", problem).correct
