"""A reward function of the user's own: loaded by its name, tried early, and each mistake told with its line."""

from __future__ import annotations

import re

import pytest

from r1rl.config import Config
from r1rl.errors import UserError
from r1rl.records import Problem, Rollout
from r1rl.rewards import check_rewards, load_rewards

PROBLEMS = [
    Problem("train/0", "1 + 1?", "2", "It is 2.\n#### 2", task="gsm8k"),
    Problem("train/1", "Why?", "safe"),
]


def rollout(completion: str) -> Rollout:
    return Rollout("?", completion, (), (), (), "stop")


@pytest.fixture
def own(tmp_path):
    """A config whose reward is the function `score` of a file with this text."""

    def write(text: str, function: str = "score") -> Config:
        (tmp_path / "mine.py").write_text(text)
        return Config(reward=f"{tmp_path / 'mine.py'}:{function}")

    return write


def test_is_loaded_by_its_name(own):
    config = own("def score(rollout, problem):\n    return len(rollout.completion)\n")
    check_rewards(config, PROBLEMS)
    rewards = load_rewards(config)
    assert list(rewards) == ["score"]
    result = rewards["score"](rollout("four"), PROBLEMS[0])
    assert result == 4 and type(result) is float


def test_may_do_what_other_files_do(own):
    """Dataclasses with lazy annotations, numpy's numbers, None for a problem that it has nothing to say of."""
    config = own(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "import numpy as np\n"
        "@dataclass\nclass Weights:\n    length: float = 0.5\n"
        "def score(rollout, problem):\n"
        "    return np.float32(Weights().length) if problem.solution else None\n"
    )
    check_rewards(config, PROBLEMS)
    (reward,) = load_rewards(config).values()
    assert [reward(rollout("a"), problem) for problem in PROBLEMS] == [0.5, None]


def test_is_tried_on_five_rollouts(own, tmp_path):
    seen = tmp_path / "seen"
    text = f"def score(rollout, problem):\n    open({str(seen)!r}, 'a').write(repr(rollout.completion) + '\\n')\n"
    check_rewards(own(text), PROBLEMS)
    solution, question = repr(PROBLEMS[0].solution), repr("Why?")
    assert seen.read_text().splitlines() == [solution, question, solution, question, solution]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("def score(rollout, problem)\n    return 1\n", ("cannot be imported", "line 1 of", "SyntaxError")),
        ("x = 1\nimport nosuchmodule\n", ("cannot be imported", "line 2 of", "nosuchmodule")),
        ("raise SystemExit(3)\n", ("cannot be imported", "line 1 of", "SystemExit: 3")),
        ("", ("defines no function",)),
        ("def scores(rollout, problem):\n    return 1\n", ("'score'", "did you mean 'scores'")),
        ("score = 3\ndef scores():\n    pass\n", ("'score'", "did you mean 'scores'")),
        (
            "def score(rollout, problem):\n    x = 1\n    return x / 0\n",
            ("train/0", "line 3 of", "ZeroDivisionError: division by zero"),
        ),
        ("def score(rollout):\n    return 1\n", ("train/0", "TypeError", "takes (rollout, problem)")),
        ("def score(rollout, problem):\n    return float('nan')\n", ("gave nan", "finite number")),
        ("def score(rollout, problem):\n    return 'good'\n", ("gave 'good' (str)",)),
        (
            "def score(rollout, problem):\n    return 1 if problem.solution else [1]\n",
            ("train/1", "[1] (list)"),
        ),
    ],
)
def test_mistakes_are_told(own, text, parts):
    with pytest.raises(UserError) as error:
        check_rewards(own(text), PROBLEMS)
    for part in ("mine.py", *parts):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bad_result_is_found_later_too(own):
    """The trial cannot see everything: a number that is none would spoil the weights in silence."""
    config = own(
        "def score(rollout, problem):\n    return float('inf') if 'x' in rollout.completion else 0\n"
    )
    check_rewards(config, PROBLEMS)
    (reward,) = load_rewards(config).values()
    with pytest.raises(UserError, match=re.escape("gave inf (float)")):
        reward(rollout("x"), PROBLEMS[0])


def test_shipped_rewards_need_no_trial():
    check_rewards(Config(), [])
