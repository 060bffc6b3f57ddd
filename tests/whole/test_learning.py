"""Real learning, from the command line as a user types it, on the embedded model."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from conftest import ROOT

from r1rl.reports.survey import calculated_rate, survey
from r1rl.runs.dump import EVALUATIONS, METRICS, ROLLOUTS, read_lines
from r1rl.runs.run_data import RunData

TINY = ("--recipe", "tiny", "--add-reasoning-prefix", "--no-unsloth", "--engine", "transformers", "--exp-name", "run")


@pytest.fixture(scope="module")
def learned(program, tmp_path_factory):
    """The whole run of the README, with a smaller evaluation."""
    dumps = tmp_path_factory.mktemp("dumps")
    done = program(*TINY, "--eval-count", 40, "--dumps", dumps)
    assert done.returncode == 0, done.stdout + done.stderr
    return dumps / "run", done.stdout


@pytest.mark.slow
def test_the_reward_rises_as_checks_become_the_rule(learned):
    """Three seeds need less than 20 steps for it; from 5 % of checks to 75 % and more."""
    metrics = list(read_lines(learned[0] / METRICS))
    rewards = [m["reward"] for m in metrics]
    n = 5 * 64  # completions in the first and in the last five steps
    first, last = sum(rewards[:5]) / 5, sum(rewards[-5:]) / 5
    error = ((first * (1 - first) + last * (1 - last)) / n) ** 0.5
    assert last - first > 3 * error, rewards
    lengths = [m["mean_tokens"] for m in metrics]
    assert sum(lengths[-5:]) > 1.5 * sum(lengths[:5]), lengths
    found = survey(RunData(learned[0]))
    before, after = (calculated_rate(found.within("eval", step, step)) for step in (0, 40))
    assert before.high < 0.2 and after.low > 0.5
    outcomes = sum(found.outcomes["train"].values(), Counter())
    assert outcomes["corrected"] >= 5 * outcomes["broke"]


def test_the_last_screen_says_what_was_learned(program, tmp_path):
    done = program(*TINY, "--max-steps", 4, "--eval-count", 40, "--dumps", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder, screen = tmp_path / "run", done.stdout
    for words in ("before ", "after ", "95 % interval", "exact McNemar", "tokens per completion", "main.py inspect"):
        assert words in screen
    for scary in ("Traceback", "Warning", "warning", "Error", "deprecated"):
        assert scary not in screen
    assert json.loads((folder / "summary.json").read_text())["steps"] == 4


@pytest.mark.slow
def test_a_fresh_process_evaluates_the_saved_adapter_to_the_same_result(learned, program):
    folder, _ = learned
    best = folder / "checkpoints" / "best"
    done = program("eval", "--adapter", best, "--dumps", folder.parent, "--exp-name", "again")
    assert done.returncode == 0, done.stdout + done.stderr
    during = max(read_lines(folder / EVALUATIONS), key=lambda e: e["accuracy"])
    again = next(read_lines(folder.parent / "again" / EVALUATIONS))
    assert (again["correct"], again["problems"]) == (during["correct"], during["problems"])
    lines = [
        list(read_lines(p))
        for p in (folder / "eval" / f"step_{during['step']}.jsonl", folder.parent / "again" / "eval" / "step_0.jsonl")
    ]
    assert [x["completion"] for x in lines[0]] == [x["completion"] for x in lines[1]]


@pytest.mark.slow
def test_questions_in_other_wordings_than_the_task(learned, program):
    """Three seeds: 61 to 71 of 100, 45 to 49 with a base model that had read a tenth of the wordings."""
    folder, _ = learned
    questions = ROOT / "benchmarks" / "questions"
    best = folder / "checkpoints" / "best"
    done = program("eval", "--adapter", best, "--dataset-path", questions, "--eval-count", 0, "--dumps", folder.parent, "--exp-name", "asked")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    asked = next(read_lines(folder.parent / "asked" / EVALUATIONS))
    assert asked["problems"] == 100 and asked["correct"] >= 52


@pytest.mark.slow
def test_several_samples_give_pass_and_majority(program, learned):
    done = program(
        "eval", "--recipe", "tiny", "--add-reasoning-prefix", "--no-unsloth", "--engine", "transformers",
        "--eval-count", 20, "--eval-samples", 4, "--eval-temperature", 1.0, "--dumps", learned[0].parent,
        "--exp-name", "sampled",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 problems, 4 samples each: pass@1" in done.stdout
    line = next(read_lines(learned[0].parent / "sampled" / EVALUATIONS))
    assert line["pass@1"]["value"] <= line["pass@4"]["value"]
    assert line["maj@4"]["low"] <= line["maj@4"]["value"] <= line["maj@4"]["high"]


@pytest.mark.slow
def test_ctrl_c_saves_reports_and_resumes(program, tmp_path):
    arguments = ["--recipe", "tiny", "--add-reasoning-prefix", "--max-steps", "3", "--eval-count", "8", "--no-unsloth",
                 "--engine", "transformers", "--dumps", str(tmp_path), "--exp-name", "run",
                 "--per-device-train-batch-size", "16"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(read_lines(tmp_path / "run" / METRICS)):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    screen = process.communicate(timeout=300)[0]
    assert process.returncode == 130, screen
    assert "--resume" in screen
    done = [m["step"] for m in read_lines(tmp_path / "run" / METRICS)]
    assert (tmp_path / "run" / "checkpoints" / f"checkpoint-{done[-1]}").is_dir()
    assert not (tmp_path / "run" / "summary.json").exists()

    again = program(*arguments, "--resume")
    assert again.returncode == 0, again.stdout + again.stderr
    assert [m["step"] for m in read_lines(tmp_path / "run" / METRICS)] == [1, 2, 3]
    assert [x["step"] for x in read_lines(tmp_path / "run" / ROLLOUTS)] == [1] * 16 + [2] * 16 + [3] * 16
    assert (tmp_path / "run" / "summary.json").exists()


@pytest.mark.slow
def test_a_terminal_shows_the_bar_and_nothing_of_the_libraries(tmp_path):
    """On a terminal rich redirects what others print to it, unless it is told not to."""
    arguments = ["--recipe", "tiny", "--add-reasoning-prefix", "--max-steps", "1", "--eval-count", "4", "--no-unsloth",
                 "--engine", "transformers", "--dumps", str(tmp_path), "--per-device-train-batch-size", "8"]  # fmt: skip
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *arguments], cwd=ROOT, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    screen = b""
    with contextlib.suppress(OSError):  # the other end is closed when the program ends
        while chunk := os.read(ours, 65536):
            screen += chunk
    assert process.wait() == 0
    text = screen.decode("utf-8", errors="replace")
    for words in ("loading tiny", "1/1", "after"):
        assert words in text
    for chatter in ("grad_norm", "Warning", "Loading weights", "Failed"):
        assert chatter not in text
