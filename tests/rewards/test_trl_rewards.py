"""Rewards written for TRL: the same functions, called by TRL's own GRPOTrainer and by a run, give the same rewards."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from accelerate import PartialState
from transformers import TrainerState
from trl import GRPOTrainer

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.custom_call import takes_lists
from r1rl.rewards.custom_worker import find_function
from r1rl.rewards.weighted import begin_step, load_rewards, rate, take_metrics, take_notes
from r1rl.runs.evaluation import score_all
from r1rl.system.errors import UserError

PROBLEMS = [
    Problem(f"train/{i}", f"{i} + 1?", str(i + 1), columns={"answer": str(i + 1), "hint": "add"}) for i in range(3)
]
ROLLOUTS = [Rollout(p.question, "x" * (i + 1), (), (7,) * (i + 1), (), "stop") for i, p in enumerate(PROBLEMS)]
STATE = TrainerState(global_step=4, max_steps=8, epoch=0.5)
LENGTHS = "[float(len(c)) for c in completions]"
FUNCTIONS = {
    "plain": f"def score(prompts, completions, **kwargs):\n    return {LENGTHS}\n",
    "kwargs only": "def score(**kwargs):\n    return [float(len(c)) for c in kwargs['completions']]\n",
    "prompts and kwargs": "def score(prompts, **kwargs):\n    return [float(len(c)) for c in kwargs['completions']]\n",
    "ids": "def score(completion_ids, **kwargs):\n    return [len(ids) for ids in completion_ids]\n",
    "columns": "def score(completions, answer, hint, **kwargs):\n    return [int(a) + len(h) for a, h in zip(answer, hint)]\n",
    "trainer_state": "def score(completions, trainer_state, **kwargs):\n"
    "    share = trainer_state.global_step / trainer_state.max_steps + trainer_state.epoch\n"
    "    return [share * len(c) for c in completions]\n",
    "logs": "def score(completions, log_extra=None, log_metric=None, **kwargs):\n"
    "    log_extra('long', [len(c) > 1 for c in completions])\n"
    "    log_metric('length', sum(map(len, completions)) / len(completions))\n"
    f"    return {LENGTHS}\n",
    "numpy bools": "import numpy as np\ndef score(completions, **kwargs):\n    return [np.bool_(len(c) > 1) for c in completions]\n",
    "numpy scalars": "import numpy as np\ndef score(completions, **kwargs):\n    return [np.float16(len(c)) for c in completions]\n",
    "numpy array": "import numpy as np\ndef score(completions, **kwargs):\n    return np.array([len(c) for c in completions])\n",
    "tensors": "import torch\ndef score(completions, **kwargs):\n    return [torch.tensor(len(c)) for c in completions]\n",
    "one tensor": "import torch\ndef score(completions, **kwargs):\n    return torch.tensor([len(c) / 2 for c in completions])\n",
    "bools": "def score(completions, **kwargs):\n    return [len(c) > 1 for c in completions]\n",
    "generator": "def score(completions, **kwargs):\n    return (len(c) for c in completions)\n",
    "some do not apply": "def score(completions, **kwargs):\n    return [None if len(c) == 2 else 1 for c in completions]\n",
    "decorated": "import functools\ndef mark(f):\n    @functools.wraps(f)\n    def wrapper(*args, **kwargs):\n"
    f"        return f(*args, **kwargs)\n    return wrapper\n@mark\ndef score(completions, **kwargs):\n    return {LENGTHS}\n",
    "without wraps": "def mark(f):\n    def wrapper(*args, **kwargs):\n        return f(*args, **kwargs)\n    return wrapper\n"
    f"@mark\n@mark\ndef score(completions, **kwargs):\n    return {LENGTHS}\n",
    "a class's decorator": "class Mark:\n    def __init__(self, f):\n        self.f, self.__name__ = f, 'score'\n"
    "    def __call__(self, *args, **kwargs):\n        return self.f(*args, **kwargs)\n"
    f"@Mark\ndef score(completions, **kwargs):\n    return {LENGTHS}\n",
    "partial": "import functools\ndef base(completions, scale, **kwargs):\n    return [scale * len(c) for c in completions]\n"
    "score = functools.partial(base, scale=0.5)\nscore.__name__ = 'score'\n",
    "async": f"async def score(completions, **kwargs):\n    return {LENGTHS}\n",
    "async class": "class Score:\n    __name__ = 'score'\n    async def __call__(self, completions, **kwargs):\n"
    f"        return {LENGTHS}\nscore = Score()\n",
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """The path of a file with this text."""

    def write(text):
        (tmp_path / "mine.py").write_text(text)
        return tmp_path / "mine.py"

    return write


@pytest.fixture(scope="module")
def loop():
    """An event loop in a thread, as GRPOTrainer has one for async rewards."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def by_trl(function, loop):
    """What TRL's own method makes of a function: rewards, columns and metrics."""
    PartialState(cpu=True)
    extra, metrics = defaultdict(list), defaultdict(list)
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(device="cpu", is_main_process=True),
        args=SimpleNamespace(report_to=[]),
        state=STATE,
        environments=None,
        reward_funcs=[function],
        reward_processing_classes=[None],
        reward_func_names=["score"],
        async_loop=loop,
        _pending_extra_logs=extra,
        _pending_metrics=metrics,
    )
    trainer._log_completion_extra = lambda *args: GRPOTrainer._log_completion_extra(trainer, *args)
    trainer._log_metric = lambda *args: GRPOTrainer._log_metric(trainer, *args)
    inputs = [{"prompt": p.question, **p.columns} for p in PROBLEMS]
    call = getattr(GRPOTrainer._calculate_rewards, "__wrapped__", GRPOTrainer._calculate_rewards)
    table = call(
        trainer, inputs, [p.question for p in PROBLEMS], [r.completion for r in ROLLOUTS],
        [list(r.completion_ids) for r in ROLLOUTS],
    )  # fmt: skip
    return [None if math.isnan(v) else v for v in table[:, 0].tolist()], dict(extra), dict(metrics)


def by_run(file):
    rewards = load_rewards(Config(reward=f"{file}:score"))
    begin_step(rewards, STATE)
    (reward,) = rewards.values()
    try:
        values = rate(reward, ROLLOUTS, PROBLEMS)
        notes = [take_notes(rewards, r) for r in ROLLOUTS]
        return values, notes, take_metrics(rewards)
    finally:
        reward.close()


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_run_rewards_as_trl_does(written, loop, kind):
    file = written(FUNCTIONS[kind])
    expected, extra, metrics = by_trl(find_function(file, "score"), loop)
    values, notes, found = by_run(file)
    assert values == pytest.approx(expected)
    columns = [dict(zip(extra, row)) for row in zip(*extra.values())] or [{}] * 3
    assert notes == columns and found == {f"metric/{name}": v for name, v in metrics.items()}


def test_the_functions_log_something(written):
    _, notes, metrics = by_run(written(FUNCTIONS["logs"]))
    assert notes == [{"long": False}, {"long": True}, {"long": True}] and metrics == {"metric/length": [2.0]}


def test_what_is_logged_reaches_the_completions_and_only_this_step(written):
    from r1rl.records import Prompt
    from r1rl.runs.dump import completion_line

    config = Config(reward=f"{written(FUNCTIONS['logs'])}:score")
    rewards = load_rewards(config)
    prompts = [Prompt(p, p.question, ()) for p in PROBLEMS]
    scored = score_all(ROLLOUTS, prompts, rewards, config)
    line = completion_line(1, "train", 0, 1, prompts[1], scored[1], 0.0, 0.0)
    assert line["notes"] == {"long": True} and take_notes(rewards, ROLLOUTS[1]) == {}
    begin_step(rewards, STATE)
    assert take_metrics(rewards) == {}
    (reward,) = rewards.values()
    reward.close()


def test_a_column_needs_a_value_for_each_completion(written):
    text = "def score(completions, log_extra, **_):\n    log_extra('a', [1])\n    return [0] * len(completions)\n"
    (reward,) = load_rewards(Config(reward=f"{written(text)}:score")).values()
    with pytest.raises(UserError, match=r"log_extra\('a'\) got 1 values for 3 completions"):
        rate(reward, ROLLOUTS, PROBLEMS)


@pytest.mark.parametrize(
    "text",
    [
        "lambda rollout, problem: 1",
        "lambda rollout, problem, **kwargs: 1",
        "lambda *args: 1",
        "lambda *args, **kwargs: 1",
    ],
)
def test_other_signatures_are_called_with_rollout_and_problem(text):
    assert not takes_lists(eval(text))


def test_scalars_of_arrays_count_in_both_forms(written):
    text = "import torch\ndef score(rollout, problem):\n    return torch.tensor(True)\n"
    values, _, _ = by_run(written(text))
    assert values == [1.0] * 3 and torch.tensor(True).item() is True
