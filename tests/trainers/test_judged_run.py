"""A run with `--reward judge`: what it dumps and costs, and what happens when the judge goes away in the middle."""

from __future__ import annotations

import json

import pytest
from judge_server import judge_server, verdict
from small_run import make_trainer
from vllm_server import free_port

from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines

KEY = "a-key-of-the-judge-58261"
pytestmark = pytest.mark.slow


def test_a_run_that_its_judge_leaves(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", KEY)
    with judge_server() as stand:

        def answer(body):
            if len(stand.seen) > at_most:
                return 401, {"error": {"message": f"no credit on {KEY}"}}
            return verdict(len(body["messages"][1]["content"]) % 10 / 10, f"by {KEY}")

        stand.answer, at_most = answer, 24
        trainer = make_trainer(
            tmp_path, reward="judge", judge_url=stand.url, judge_model="m", judge_price_in=2.0, judge_price_out=5.0,
            max_steps=3, save_steps=100,
        )  # fmt: skip
        trainer.fit(None, [])
    run = tmp_path / "run"
    assert trainer.state.global_step == 1 and trainer.guarding.why_stopped.startswith(
        "at step 1 by guard judge: the judge at"
    )
    assert (run / "checkpoints" / "checkpoint-1").is_dir()
    (metrics,) = read_lines(run / METRICS)
    lines = list(read_lines(run / ROLLOUTS))
    assert len(lines) == 16 and {line["notes"]["judge_reason"] for line in lines} == {"by [masked]"}
    assert len({line["reward"] for line in lines}) > 1
    asked = len({(line["problem_id"], line["completion"]) for line in lines})
    assert metrics["judge_unparsed"] == 0
    assert (metrics["judge_tokens_in"], metrics["judge_tokens_out"]) == (100 * asked, 10 * asked)
    fees = asked * (100 * 2 + 10 * 5) / 1e6
    assert metrics["dollars"] == pytest.approx(fees, abs=1e-4)
    assert json.loads((run / "meter.json").read_text())["judge_dollars"] == pytest.approx(fees)
    assert not [path for path in run.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_no_judge_no_run(program, tmp_path):
    done = program(
        "--recipe", "tiny", "--reward", "judge", "--judge-url", f"http://127.0.0.1:{free_port()}/v1", "--judge-model", "m",
        "--dumps", tmp_path, "--exp-name", "run",
    )  # fmt: skip
    assert done.returncode == 2 and "no judge answers (Connection refused)" in done.stderr
    assert not list(tmp_path.iterdir())
