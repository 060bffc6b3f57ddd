"""Recipe cot-safety-tiny from the command line: the heuristics rise, and what they buy is told beside them."""

from __future__ import annotations

import json

import pytest

from r1rl.config.flags import Config
from r1rl.config.recipes import resolve
from r1rl.records import Problem, Prompt, Rollout
from r1rl.rewards.weighted import load_rewards
from r1rl.runs.dump import EVALUATIONS, METRICS, ROLLOUTS, read_lines
from r1rl.runs.evaluation import score


@pytest.fixture(scope="module")
def trained(program, tmp_path_factory):
    dumps = tmp_path_factory.mktemp("dumps")
    done = program(
        "--recipe", "cot-safety-tiny", "--no-unsloth", "--eval-count", 60, "--eval-steps", 20, "--dumps", dumps, "--exp-name", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return dumps / "run", done.stdout


@pytest.mark.slow
def test_the_heuristic_reward_rises(trained):
    folder, _ = trained
    before, after = read_lines(folder / EVALUATIONS)
    assert after["reward_low"] > before["reward_high"] + 1
    sampled = [m["reward"] for m in read_lines(folder / METRICS)]
    assert sum(sampled[-4:]) > sum(sampled[:4])


@pytest.mark.slow
def test_label_agreement_is_shown_next_to_it(trained):
    folder, screen = trained
    for line in read_lines(folder / EVALUATIONS):
        assert line["measure"] == "label agreement"
        verdicts = [x["correct"] for x in read_lines(folder / "eval" / f"step_{line['step']}.jsonl")]
        assert line["correct"] == sum(verdicts) and len(verdicts) == 60
        assert 0 <= line["no_answer"] <= 60 - line["correct"]
    assert "before   label agreement" in screen and "; reward " in screen
    assert "for comparison: label agreement" in screen
    assert "no signal" not in screen and "equal rewards" not in screen  # no groups here


@pytest.mark.slow
def test_the_reward_in_the_dump_is_the_rewards_sum(trained):
    folder, _ = trained
    config = Config(**json.loads((folder / "run.json").read_text())["config"])
    rewards = load_rewards(config)
    for line in list(read_lines(folder / ROLLOUTS))[::40]:
        rollout = Rollout(line["prompt"], line["completion"], (), (), (), line["finish"])
        again = rewards["cot-heuristics"](rollout, Problem(line["problem_id"], "", line["answer"]))
        assert line["rewards"] == {"cot-heuristics": pytest.approx(again)}
        assert line["reward"] == pytest.approx(again)


@pytest.mark.slow
def test_the_best_checkpoint_is_the_best_by_reward(trained):
    folder, _ = trained
    assert (folder / "checkpoints/best/adapter_model.safetensors").is_file()
    assert json.loads((folder / "checkpoints/best/adapter_config.json").read_text())["lora_alpha"] == 32


def test_rewards_are_added_with_their_weights():
    problem = Problem("test/0", "?", "unsafe", task="cot-safety", answer_type="verdict")
    rollout = Rollout("", " It is unsafe, because of the harm.", (), (), (), "stop")
    config = resolve("cot-safety-tiny", {"reward": "cot-heuristics=2,correctness=0.5"})
    scored = score(rollout, Prompt(problem, "", ()), load_rewards(config), config)
    assert scored.correct
    assert scored.rewards["correctness"] == 1.0
    assert scored.reward == pytest.approx(2 * scored.rewards["cot-heuristics"] + 0.5)


def test_the_quick_mode_uses_every_tenth_batch():
    from r1rl.config.flags import with_steps

    quick, full = (with_steps(resolve(name, {}), 1000) for name in ("cot-safety-quick", "cot-safety"))
    assert (quick.max_steps, quick.generation_batch_size, quick.max_completion_length) == (2, 64, 64)
    assert (full.max_steps, full.generation_batch_size, full.max_completion_length) == (375, 8, 256)
    assert (full.generation_chunk, full.update_chunk, full.lora_rank, full.lora_alpha) == (16, 4, 16, 32)
