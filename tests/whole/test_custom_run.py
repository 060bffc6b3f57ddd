"""Data, reward and config of one's own train in one command, and the run repeats from its run.json."""

from __future__ import annotations

import json

import pytest
from small_run import without_times

from r1rl.runs.dump import read_json

FILES = {
    "sums.csv": "aufgabe,ergebnis,hinweis\n"
    + "".join(f'"Bo has {i} nuts and finds {i % 7 + 2} more. How many?",{i + i % 7 + 2},nuts\n' for i in range(40))
    + "Why?,because,\n",
    "system.txt": "Solve the problem.",
    "my_rewards.py": "import random\n\n"
    "def brevity(rollout, problem):\n    return 1 / (1 + len(rollout.completion_ids))\n\n"
    "def hints(prompts, completions, hinweis, **columns):\n"
    "    random.seed(len(prompts))\n    return [float(h in c) for c, h in zip(completions, hinweis)]\n",
    "run.yaml": "recipe: tiny\nadd_reasoning_prefix: true\ndataset_path: sums.csv\nquestion-column: aufgabe\n"
    "answer-column: ergebnis\nsystem_prompt_file: system.txt\nprompt_template: 'Question: {question}'\n"
    "reward:\n  correctness: 1\n  my_rewards.py:brevity: 0.2\n  my_rewards.py:hints: 0.1\n"
    "max_steps: 2\nper_device_train_batch_size: 8\nnum_generations: 4\nmax_completion_length: 32\n"
    "learning_rate: 1e-3\neval_count: 4\neval_on_start: no\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory, program):
    """A folder with one's own files and the run that they made."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    done = program("--config", "run.yaml", "--exp-name", "first", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out 1 train rows: sums.csv, line 42: the answer 'because'" in " ".join(done.stdout.split())
    return folder


def test_one_command_trains_on_them(place):
    run = place / "dumps" / "first"
    config = read_json(run / "run.json", "")["config"]
    assert (config["question_column"], config["max_steps"]) == ("aufgabe", 2)
    assert config["dataset_path"] == str((place / "sums.csv").resolve())
    lines = [json.loads(line) for line in (run / "rollouts.jsonl").read_text().splitlines()]
    assert len(lines) == 16 and {line["task"] for line in lines} == {"own"}
    for line in lines:
        rewards = line["rewards"]
        assert rewards["correctness"] == float(line["correct"])
        assert rewards["brevity"] == pytest.approx(1 / (1 + line["tokens"]))
        assert rewards["hints"] == float("nuts" in line["completion"])
        total = rewards["correctness"] + 0.2 * rewards["brevity"] + 0.1 * rewards["hints"]
        assert line["reward"] == pytest.approx(total)
        assert line["prompt"].startswith("Solve the problem.\nQuestion: Bo has ")
    assert all(line["reward_timeouts"] == 0 for line in without_times(run / "metrics.jsonl"))


@pytest.mark.slow
def test_the_run_repeats_from_its_run_json(place, program):
    again = program("--config", "dumps/first/run.json", "--exp-name", "again", cwd=place)
    assert again.returncode == 0, again.stdout + again.stderr
    runs = [place / "dumps" / name for name in ("first", "again")]
    for name in ("rollouts.jsonl", "metrics.jsonl", "evaluations.jsonl", "eval/step_2.jsonl"):
        first, second = (without_times(run / name) for run in runs)
        assert first == second and first
