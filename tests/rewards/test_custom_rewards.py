"""Custom rewards: loaded by name, tried early, with each mistake reported by its line; batches, async, timeouts."""

from __future__ import annotations

import dataclasses
import re

import pytest

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.weighted import check_rewards, load_rewards, rate, take_timeouts
from r1rl.system.errors import UserError

PROBLEMS = [Problem("train/0", "1 + 1?", "2", "It is 2.\n#### 2", task="gsm8k"), Problem("train/1", "Why?", "safe")]


def rollout(completion: str) -> Rollout:
    return Rollout("?", completion, (), (), (), "stop")


@pytest.fixture
def custom(tmp_path):
    """A config whose reward is the function `score` of a file with this text."""

    def write(text: str, function: str = "score") -> Config:
        (tmp_path / "mine.py").write_text(text)
        return Config(reward=f"{tmp_path / 'mine.py'}:{function}")

    return write


def test_is_loaded_by_its_name(custom):
    config = custom("def score(rollout, problem):\n    return len(rollout.completion)\n")
    check_rewards(config, PROBLEMS)
    rewards = load_rewards(config)
    assert list(rewards) == ["score"]
    result = rewards["score"](rollout("four"), PROBLEMS[0])
    assert result == 4 and type(result) is float


def test_may_do_what_other_files_do(custom):
    """Dataclasses with lazy annotations, numpy's numbers, None for a problem that it has nothing to say of."""
    config = custom(
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


def test_may_import_its_neighbours_which_hide_nothing_of_pythons(custom, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "neighbour.py").write_text("value = 3\n")
    (tmp_path / "signal.py").write_text("raise ImportError('not this one')\n")
    assert (
        rated(custom("import neighbour, signal\ndef score(rollout, problem):\n    return neighbour.value\n")) == [3] * 3
    )


def test_is_tried_on_five_rollouts(custom, tmp_path):
    seen = tmp_path / "seen"
    text = f"def score(rollout, problem):\n    open({str(seen)!r}, 'a').write(repr(rollout.completion) + '\\n')\n"
    check_rewards(custom(text), PROBLEMS)
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
        ("def score(rollout, problem):\n    return float('nan')\n", ("returned nan", "finite number")),
        ("def score(rollout, problem):\n    return 'good'\n", ("returned 'good' (str)",)),
        ("def score(rollout, problem):\n    return 1 if problem.solution else [1]\n", ("train/1", "[1] (list)")),
    ],
)
def test_mistakes_are_reported(custom, text, parts):
    with pytest.raises(UserError) as error:
        check_rewards(custom(text), PROBLEMS)
    for part in ("mine.py", *parts):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bad_result_is_found_later_too(custom):
    """The trial cannot see everything: a number that is none would spoil the weights in silence."""
    config = custom("def score(rollout, problem):\n    return float('inf') if 'x' in rollout.completion else 0\n")
    check_rewards(config, PROBLEMS)
    (reward,) = load_rewards(config).values()
    with pytest.raises(UserError, match=re.escape("returned inf (float)")):
        reward(rollout("x"), PROBLEMS[0])


def test_shipped_rewards_need_no_trial():
    check_rewards(Config(), [])


# Batch functions in TRL's manner, async functions, deadlines


def rated(config: Config, completions=("a", "bb", "ccc")) -> list[float | None]:
    """What the config's one reward gives to completions of one problem."""
    (reward,) = load_rewards(config).values()
    return rate(reward, [rollout(c) for c in completions], [PROBLEMS[0]] * len(completions))


@pytest.mark.parametrize(
    "text",
    [
        "def score(rollout, problem):\n    return len(rollout.completion)\n",
        "def score(completions, **kwargs):\n    return [len(c) for c in completions]\n",
        "def score(prompts, completions):\n    return [float(len(c)) for c in completions]\n",
        "import numpy\ndef score(completions, **_):\n    return numpy.array([len(c) for c in completions])\n",
        "async def score(rollout, problem):\n    return len(rollout.completion)\n",
        "async def score(completions, **_):\n    return [len(c) for c in completions]\n",
        "class Score:\n    def __call__(self, rollout, problem):\n        return len(rollout.completion)\nscore = Score()\n",
    ],
)
def test_all_kinds_of_functions(custom, text):
    config = custom(text)
    check_rewards(config, PROBLEMS)
    assert rated(config) == [1.0, 2.0, 3.0]


def test_batch_functions_get_columns_by_name(custom):
    problem = Problem("train/7", "2 + 2?", "4", columns={"answer": "it is 4", "hint": "add"})
    config = custom(
        "def score(completions, prompts, answer, hint, problem_id):\n"
        "    assert (prompts, answer, hint, problem_id) == (['?'], ['it is 4'], ['add'], ['train/7'])\n"
        "    return [None]\n"
    )
    (reward,) = load_rewards(config).values()
    assert rate(reward, [rollout("x")], [problem]) == [None]


def test_batch_functions_get_messages_in_a_chat(custom):
    """As TRL passes conversations: the rewards of TRL and its notebooks read them so."""
    config = custom(
        "def score(prompts, completions, answer):\n"
        "    assert prompts[0][-1] == {'role': 'user', 'content': '1 + 1?'}\n"
        "    return [float(c[0]['content'] == a) for c, a in zip(completions, answer)]\n"
    )
    config = dataclasses.replace(config, is_chat=True)
    check_rewards(config, PROBLEMS[:1])
    assert rated(config, ("2", "3")) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("def score(completions, colour):\n    return []\n", ("needs colour; the columns are question, answer",)),
        ("def score(completions, **_):\n    return [1]\n", ("returned 1 values for 5 completions",)),
        ("def score(completions, **_):\n    return None\n", ("returned a NoneType for 5 completions",)),
        ("def score(completions, **_):\n    return 'abcde'\n", ("returned a str for 5 completions",)),
        ("def score(completions, **_):\n    return [1, 2, 'x', 3, 4]\n", ("on problem train/0 returned 'x' (str)",)),
        (
            "def score(completions, **_):\n    return [c[0]['content'] for c in completions]\n",
            ("line 2 of", "TypeError", "with --is-chat lists of messages"),
        ),
        ("async def score(rollout, problem):\n    return 1 / 0\n", ("line 2 of", "ZeroDivisionError")),
        ("import os\ndef score(rollout, problem):\n    os._exit(3)\n", ("ended with exit code 3",)),
    ],
)
def test_mistakes_in_batch_functions(custom, text, parts):
    with pytest.raises(UserError) as error:
        check_rewards(custom(text), PROBLEMS)
    for part in ("mine.py:score", *parts):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "import time\ndef score(rollout, problem):\n    time.sleep(60 * (rollout.completion == 'bb'))\n    return 1\n",
        "import asyncio\nasync def score(rollout, problem):\n"
        "    await asyncio.sleep(60 * (rollout.completion == 'bb'))\n    return 1\n",
    ],
)
def test_a_call_that_takes_too_long_counts_for_nothing(custom, text):
    config = dataclasses.replace(custom(text), reward_timeout=0.5)
    rewards = load_rewards(config)
    (reward,) = rewards.values()
    problems = [PROBLEMS[0]] * 3
    assert rate(reward, [rollout(c) for c in ("a", "bb", "ccc")], problems) == [1.0, None, 1.0]
    assert rate(reward, [rollout("d")], problems[:1]) == [1.0]
    assert take_timeouts(rewards) == {"reward_timeouts": 1}
    assert take_timeouts(rewards) == {"reward_timeouts": 0}
    assert take_timeouts(load_rewards(Config())) == {}


def test_a_batch_that_hangs_counts_for_nothing(custom):
    text = "def score(completions, **_):\n    while len(completions) == 2:\n        pass\n    return [1] * len(completions)\n"
    config = dataclasses.replace(custom(text), reward_timeout=0.2)
    assert rated(config, ("a", "b")) == [None, None]
    assert rated(config, ("a", "b", "c")) == [1, 1, 1]


def test_a_reward_that_hangs_is_found_in_the_trial(custom):
    text = "import time\ndef score(rollout, problem):\n    time.sleep(60)\n"
    with pytest.raises(UserError, match=r"within --reward-timeout 0.1 seconds on 5 of 5 examples"):
        check_rewards(dataclasses.replace(custom(text), reward_timeout=0.1), PROBLEMS)


def test_a_reward_that_never_answers_ends_the_run(custom):
    text = "import time\nasync def score(completions, **_):\n    time.sleep(60)\n"
    config = dataclasses.replace(custom(text), reward_timeout=0.01)
    (reward,) = load_rewards(config).values()
    reward._in_a_row = 15
    with pytest.raises(UserError, match="16 times in a row"):
        reward.many([rollout("a")], PROBLEMS[:1])


def test_several_processes_share_the_work(custom, tmp_path):
    text = (
        "import os, pathlib, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "def score(rollout, problem):\n"
        "    (folder / f'here-{os.getpid()}').touch()\n"
        "    while len(list(folder.glob('here-*'))) < 2:\n"
        "        time.sleep(0.01)\n"
        "    return len(rollout.completion)\n"
    )
    config = dataclasses.replace(custom(text), reward_workers=2, reward_timeout=20)
    assert rated(config) == [1.0, 2.0, 3.0]
    assert len(list(tmp_path.glob("here-*"))) == 2


def test_general_prompts_do_not_reach_it(custom):
    custom("def score(completions, **_):\n    return [len(completions)] * len(completions)\n")
    config = custom("def score(completions, **_):\n    return [len(completions)] * len(completions)\n")
    config = dataclasses.replace(config, general_data="small-talk", general_reward="format")
    rewards = load_rewards(config)
    problems = [PROBLEMS[0], Problem("general/0", "Hi", "", task="general", answer_type="none"), PROBLEMS[1]]
    assert rate(rewards["score"], [rollout(c) for c in "abc"], problems) == [2.0, None, 2.0]


def test_nothing_to_rate_calls_no_function(custom):
    assert rated(custom("def score(completions, **_):\n    return [max(completions)]\n"), ()) == []


def test_timeouts_are_reported_at_the_end(tmp_path, capsys):
    from fake_run import make_run

    from r1rl.reports.run_end import finish
    from r1rl.runs.dump import METRICS, Dump, append_lines, read_lines
    from r1rl.system.interrupt import Interrupt

    run = make_run(tmp_path / "run", steps=4, eval_steps=4, problems=10)
    lines = [line | {"reward_timeouts": 3} for line in read_lines(run / METRICS)]
    (run / METRICS).unlink()
    append_lines(run / METRICS, lines)
    stop = Interrupt()
    stop.asked = True
    finish(Dump(run), Config(exp_name="run"), stop)
    printed = " ".join(capsys.readouterr().out.split())
    assert "12 calls did not return within --reward-timeout 60 seconds" in printed
