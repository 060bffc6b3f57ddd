"""The three rewards of Knights and Knaves, on worked examples; and that they are asked for by name."""

from __future__ import annotations

import pytest

from r1rl.config.flags import Config
from r1rl.config.names import ROLE_REWARDS
from r1rl.records import REASONING_PREFIX, Problem, Prompt, Rollout
from r1rl.rewards.knights_knaves import FULL, MINIMUM, is_formatted
from r1rl.rewards.weighted import load_rewards
from r1rl.runs.evaluation import score
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import ROLES_TEXT, SYSTEM_TEXT, plain_prompt

PROBLEM = Problem(
    "test/0",
    "?",
    "(1) Zoey is a knight\n(2) Ann is a knave",
    task="knights_knaves",
    answer_type="knights_knaves",
    level=2,
)
RIGHT, WRONG, ONE = "(1) Zoey is a knight\n(2) Ann is a knave", "Both are knights", "Zoey is a knight"


def tagged(answer: str, reasoning: str = "Hm.") -> str:
    return f"<reasoning>\n{reasoning}\n</reasoning>\n<answer>\n{answer}\n</answer>"


def rollout(completion: str) -> Rollout:
    return Rollout("?", completion, (), (), (), "stop")


# completion -> (logic-rl, strict, answer-only). The sums of logic-rl are those of Unakar/Logic-RL @ 9d2c457,
# verl/utils/reward_score/kk.py, compute_score: +-1 for the form; 2, -1.5 or -2 for the answer.
WORKED = {
    "in form and right": (tagged(RIGHT), 1 + 2, 3, 2),
    "in form and wrong": (tagged(WRONG), 1 - 1.5, -3, -1.5),
    "in form, one person left out": (tagged(ONE), 1 - 1.5, -3, -1.5),
    "in form, no role": (tagged("I like turtles"), 1 - 2, -3, -2),
    "in form, empty answer": (tagged(""), 1 - 2, -3, -2),
    "in form, no reasoning": (tagged(RIGHT, ""), 1 + 2, 3, 2),
    "no tag at all, right": (f"So {RIGHT}", -1 - 2, -3, 2),
    "no tag at all, wrong": (f"So {WRONG}", -1 - 2, -3, -1.5),
    "no tag at all, no role": ("I like turtles", -1 - 2, -3, -2),
    "nothing": ("", -1 - 2, -3, -2),
    "no reasoning tags": (f"<answer>{RIGHT}</answer>", -1 - 2, -3, 2),
    "reasoning never closed": (f"<reasoning>Hm.<answer>{RIGHT}</answer>", -1 - 2, -3, 2),
    "answer never closed": (f"<reasoning>Hm.</reasoning><answer>{RIGHT}", -1 - 2, -3, 2),
    "answer first": (f"<answer>{RIGHT}</answer><reasoning>Hm.</reasoning>", -1 - 2, -3, 2),
    "answer inside the reasoning": (
        f"<reasoning>Hm.<answer>{RIGHT}</answer></reasoning>",  # closed reasoning is not searched
        -1 - 2,
        -3,
        -2,
    ),
    "two answers": (f"{tagged(WRONG)}<answer>{RIGHT}</answer>", -1 - 2, -3, 2),
    "reasoning twice": (f"<reasoning>Hm.</reasoning>{tagged(RIGHT)}", -1 - 2, -3, 2),
    "text before": (f"Well. {tagged(RIGHT)}", -1 - 2, -3, 2),
    "text between": (f"<reasoning>Hm.</reasoning> so <answer>{RIGHT}</answer>", -1 - 2, -3, 2),
    "text after": (f"{tagged(RIGHT)} That is all.", -1 - 2, -3, 2),
    "spaces around": (f"\n {tagged(RIGHT)} \n", 1 + 2, 3, 2),
}


@pytest.mark.parametrize("example", WORKED)
def test_worked_examples(example):
    completion, *expected = WORKED[example]
    for name, value in zip(ROLE_REWARDS, expected):
        config = Config(dataset_name="knights_knaves", reward=name)
        (reward,) = load_rewards(config).values()
        assert reward(rollout(completion), PROBLEM) == value, name


def test_strict_knows_two_values_only():
    assert (FULL, MINIMUM) == (3, -3)
    assert {strict for _, _, strict, _ in WORKED.values()} == {FULL, MINIMUM}


def test_a_prompt_that_opened_the_tag_costs_nothing():
    """Logic-RL's trap: such a bare completion is never in form; `Rollout.completion` has the prefix."""
    bare = f"Hm.</reasoning><answer>{RIGHT}</answer>"
    assert plain_prompt(PROBLEM, add_reasoning_prefix=True).endswith(REASONING_PREFIX)
    assert not is_formatted(bare)
    assert is_formatted(REASONING_PREFIX + bare)
    (reward,) = load_rewards(Config(dataset_name="knights_knaves", reward="logic-rl")).values()
    assert reward(rollout(REASONING_PREFIX + bare), PROBLEM) == 3


def test_evaluation_and_reward_grade_alike():
    config = Config(dataset_name="knights_knaves", reward="answer-only")
    prompt = Prompt(PROBLEM, "?", ())
    for completion, _, _, value in WORKED.values():
        scored = score(rollout(completion), prompt, load_rewards(config), config)
        assert scored.correct == (value == 2) and scored.reward == value
        assert (scored.extracted is None) == (value == -2)


def test_correctness_also_reads_roles():
    config = Config(dataset_name="knights_knaves")
    (reward,) = load_rewards(config).values()
    assert [reward(rollout(tagged(a)), PROBLEM) for a in (RIGHT, WRONG, "no")] == [1, 0, 0]


def test_numbers_are_still_graded_as_numbers():
    problem = Problem("test/0", "?", "1,080", task="gsm8k")
    (reward,) = load_rewards(Config()).values()
    assert reward(rollout("<answer>$1080</answer>"), problem) == 1


def test_each_task_has_its_prompt():
    assert plain_prompt(PROBLEM, False).startswith(ROLES_TEXT)
    assert plain_prompt(Problem("test/0", "?", "1", task="gsm8k"), False).startswith(SYSTEM_TEXT)


def test_wrong_names():
    with pytest.raises(UserError, match="did you mean 'logic-rl'"):
        Config(dataset_name="knights_knaves", reward="logicrl")
    with pytest.raises(UserError, match="did you mean 'knights_knaves'"):
        Config(dataset_name="knights-knaves", reward="logic-rl")
