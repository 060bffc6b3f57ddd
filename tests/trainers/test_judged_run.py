"""A run with `--reward judge`: what it dumps and costs, and how it goes on after its judge went away."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import pytest
from judge_server import judge_server, verdict
from small_run import make_trainer
from transformers import TrainerCallback
from vllm_server import free_port

from r1rl.runs import folder
from r1rl.runs.dump import METER, METRICS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError

KEY = "a-key-of-the-judge-58261"
pytestmark = pytest.mark.slow


def by_length(body):
    """Scores that differ within a group."""
    return verdict(len(body["messages"][1]["content"]) % 10 / 10, f"by {KEY}")


class Leaves(TrainerCallback):
    """Lets the judge refuse after the first step."""

    def __init__(self, stand):
        self.stand = stand

    def on_step_end(self, args, state, control, **kwargs):
        self.stand.answer = lambda body: (401, {"error": {"message": f"no credit on {KEY}"}})


def test_a_run_that_its_judge_leaves_continues_with_another_one(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", KEY)
    flags = {"reward": "judge", "judge_model": "m", "judge_price_in": 2.0, "judge_price_out": 5.0, "save_steps": 100}
    run = tmp_path / "run"
    with judge_server() as stand:
        stand.answer = by_length
        trainer = make_trainer(tmp_path, judge_url=stand.url, **flags)
        trainer.add_callback(Leaves(stand))
        trainer.fit(None, [])
    assert trainer.state.global_step == 1
    why = trainer.guarding.why_stopped
    assert why.startswith("at step 1 by guard judge: the judge at") and "no credit on [masked] (HTTP 401)" in why
    (metrics,) = read_lines(run / METRICS)
    lines = list(read_lines(run / ROLLOUTS))
    assert len(lines) == 16 and {line["notes"]["judge_reason"] for line in lines} == {"by [masked]"}
    assert len({line["reward"] for line in lines}) > 1
    asked = len({(line["problem_id"], line["completion"]) for line in lines})
    assert metrics["judge_unparsed"] == 0
    assert (metrics["judge_tokens_in"], metrics["judge_tokens_out"]) == (100 * asked, 10 * asked)
    fees = asked * (100 * 2 + 10 * 5) / 1e6
    assert metrics["dollars"] == pytest.approx(fees, abs=1e-4) and trainer.meter.fees == pytest.approx(fees)
    with judge_server() as stand:
        stand.answer = by_length
        again = make_trainer(tmp_path, judge_url=stand.url, resume=True, **flags)
        again.fit(folder.continue_from(again.dump), [])
    assert again.state.global_step == 2 and again.guarding.why_stopped is None
    assert [line["step"] for line in read_lines(run / METRICS)] == [1, 2]
    assert not [path for path in run.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("by", ["its judge", "Ctrl-C", "an error"])
def test_the_fees_of_a_step_that_is_broken_off_are_counted(tmp_path, by):
    answered = []

    def answer(body):
        if len(answered) >= 5 and by == "its judge":
            return 401, {}
        answered.append(body)
        if len(answered) == 5 and by == "Ctrl-C":
            os.kill(os.getpid(), signal.SIGINT)
        return by_length(body)

    reward = "judge"
    if by == "an error":
        (tmp_path / "own.py").write_text("def fails(rollout, problem):\n    raise ValueError('no')\n")
        reward = f"judge,{tmp_path / 'own.py'}:fails"
    with judge_server() as stand:
        stand.answer = answer
        flags = {"judge_url": stand.url, "judge_model": "m", "judge_price_in": 2.0, "judge_requests": 1}
        trainer = make_trainer(tmp_path, reward=reward, **flags)
        trainer.meter.file = tmp_path / "run" / METER
        with trainer.interrupt, pytest.raises(UserError) if by == "an error" else contextlib.nullcontext():
            trainer.fit(None, [])
    assert trainer.state.global_step == 0 and len(answered) >= 5
    cost = json.loads(trainer.meter.file.read_text())
    assert cost["judge_dollars"] == pytest.approx(len(answered) * 100 * 2 / 1e6)
    assert cost["sampled"] > 0


def test_no_judge_no_run(program, tmp_path):
    done = program(
        "--recipe", "tiny", "--reward", "judge", "--judge-url", f"http://127.0.0.1:{free_port()}/v1", "--judge-model", "m",
        "--dumps", tmp_path, "--exp-name", "run",
    )  # fmt: skip
    assert done.returncode == 2 and "no judge answers (Connection refused)" in done.stderr
    assert not list(tmp_path.iterdir())
