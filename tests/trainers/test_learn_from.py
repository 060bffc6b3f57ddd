"""--learn-from: the choice on worked numbers and against all subsets, the gradient of the chosen rows, dump and resume."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter

import pytest
import torch
from small_run import (
    SMALL,
    check_gaps,
    learned_from,
    make_float32_trainer,
    make_trainer,
    sampled_batch,
    tokens_and_lines,
    with_gaps,
    without_times,
)

from r1rl.config.flags import LEARN_RULES, Config
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError
from r1rl.trainers.advantages import chosen_advantages, deviation, group_advantages, max_variance
from r1rl.trainers.batches import take

MIXED = [0.0, 1.0, 0.0, 0.0, 0.5, 1.0, 0.0, 2.0]  # the rewards of a group


@pytest.mark.parametrize("keep", [1, 2, 3, 5, 8])
def test_no_subset_has_a_larger_variance(keep):
    draw = random.Random(keep)
    groups = [[draw.choice([0.0, 0.5, 1.0]) for _ in range(8)] for _ in range(20)]
    groups += [[draw.gauss(0, 1) for _ in range(8)] for _ in range(20)] + [MIXED, [1.0] * 8]
    for rewards in groups:
        chosen = [rewards[i] for i in max_variance(rewards, keep)]
        best = max(deviation(subset) for subset in itertools.combinations(rewards, keep))
        assert len(chosen) == keep
        assert deviation(chosen) == pytest.approx(best, abs=1e-12)


def test_worked_choices():
    """PODS normalises over the chosen ones, CPPO over the whole group (mean 0.5625)."""
    chosen, advantages = chosen_advantages(MIXED, 8, 2, "max-variance", "none", "")
    assert [MIXED[i] for i in chosen] == [0.0, 2.0] and advantages == [-1.0, 1.0]
    chosen, advantages = chosen_advantages(MIXED, 8, 2, "max-variance", "group", "")
    assert advantages == pytest.approx([-1 / (2**0.5 + 1e-4), 1 / (2**0.5 + 1e-4)])
    chosen, advantages = chosen_advantages(MIXED, 8, 3, "largest-advantage", "none", "")
    assert chosen == [0, 2, 7] and advantages == [-0.5625, -0.5625, 1.4375]
    both = [*MIXED, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    chosen, _ = chosen_advantages(both, 8, 2, "max-variance", "none", "")
    assert chosen[:2] == [0, 7] and 11 in chosen[2:] and len(chosen) == 4


def test_the_control_chooses_all_alike_and_differently_in_each_group():
    counts, same = Counter(), 0
    for step in range(1000):
        chosen, advantages = chosen_advantages(MIXED * 2, 8, 2, "random", "none", f"3407/{step}/learn")
        counts.update(chosen)
        same += chosen[2:] == [i + 8 for i in chosen[:2]]
        assert advantages == group_advantages([(MIXED * 2)[i] for i in chosen], 2, "none")
    assert all(190 < counts[i] < 310 for i in range(16))  # expected 250, standard deviation 14
    assert same < 80  # expected 36: of 28 pairs one
    assert chosen_advantages(MIXED * 2, 8, 2, "random", "none", "3407/999/learn")[0] == chosen


@pytest.mark.parametrize("rule", LEARN_RULES)
def test_a_reward_that_does_not_apply_is_chosen_last(rule):
    chosen, advantages = chosen_advantages([None, 1.0, None, 0.0], 4, 2, rule, "none", "")
    assert (chosen, advantages) == ([1, 3], [0.5, -0.5])
    chosen, advantages = chosen_advantages([None, 1.0, None, 0.0], 4, 3, rule, "none", "")
    assert (chosen, advantages) == ([0, 1, 3], [0.0, 0.5, -0.5])
    assert chosen_advantages([None] * 4, 4, 2, rule, "none", "") == ([0, 1], [0.0, 0.0])


@pytest.mark.parametrize("rule", LEARN_RULES)
@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_all_of_a_group_is_no_choice(rule, scale):
    rewards = MIXED + [1.0] * 7 + [None]
    expected = group_advantages(rewards, 8, scale)
    assert chosen_advantages(rewards, 8, 8, rule, scale, "") == (list(range(16)), expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"learn_from": 5},
            r"--learn-from 5 must be a multiple of the 2 prompts of a step and at most its 16 .* 4 and 6",
        ),
        ({"learn_from": 18}, r"--learn-from 18 must be .* work: 16\."),
        ({"learn_from": 2}, r"at least 2 of each: --learn-rule max-variance compares .* work: 4\."),
        (
            {"learn_from": 8, "algorithm": "ppo"},
            "--learn-from 8 with --algorithm ppo: its value head learns from every",
        ),
        ({"learn_from": 8, "learn_rule": "best"}, "--learn-rule"),
    ],
)
def test_what_cannot_be_learned_from_is_said(given, words):
    with pytest.raises(UserError, match=words):
        Config(**{**SMALL, **given})


def test_one_of_each_group_has_an_advantage_only_in_its_whole_group():
    config = Config(**{**SMALL, "learn_from": 2, "learn_rule": "largest-advantage"})
    assert (config.completions_learned, config.learned_per_group) == (2, 1)
    assert Config(**SMALL).learned_per_group == 8


# ---- with the trainer


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    """It has sampled two groups of eight."""
    made = make_float32_trainer(tmp_path_factory.mktemp("dumps"), max_completion_length=24)
    sampled_batch(made)
    made.step.scored = [
        dataclasses.replace(s, reward=r, rewards={"correctness": r})
        for s, r in zip(made.step.scored, MIXED + [0.0] * 4 + [1.0] * 4)
    ]
    return made


def gradients(trainer):
    found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    return found


@pytest.mark.parametrize(("keep", "loss_type", "passes"), [(1, "dapo", 1), (4, "dr_grpo", 1), (4, "dapo", 2)])
def test_the_gradient_is_that_of_the_chosen_rows_alone(trainer, keep, loss_type, passes, monkeypatch):
    rule = "max-variance" if keep > 1 else "largest-advantage"
    monkeypatch.setattr(trainer, "loss_type", loss_type)
    trainer.fill_batch(trainer.step)
    whole = dict(trainer.step.batch)

    learning = dataclasses.replace(
        trainer.run, learn_from=2 * keep, learn_rule=rule, tokens_per_micro_batch=None if passes == 1 else 1
    )
    monkeypatch.setattr(trainer, "run", learning)
    trainer.fill_batch(trainer.step)
    assert len(trainer.step.batch["completion_ids"]) == 2 * keep
    assert trainer.num_generations == 8
    monkeypatch.setattr(trainer, "_prepare_inputs", lambda inputs: dict(trainer.step.batch))
    seen, part_loss = [], trainer.part_loss
    monkeypatch.setattr(
        trainer, "part_loss", lambda m: seen.append(len(trainer.step.part["advantages"])) or part_loss(m)
    )
    loss = trainer.training_step(trainer.model, None).item()
    got = gradients(trainer)
    assert sum(seen) == 2 * keep and (len(seen) == 1) == (passes == 1)

    chosen, advantages = chosen_advantages([s.reward for s in trainer.step.scored], 8, keep, rule, "none", "")
    batch = take(whole, chosen) | {"advantages": torch.tensor(advantages)}
    batch["num_items_in_batch"] = batch["completion_mask"].sum()
    trainer.step.part = batch
    expected = part_loss(trainer.model)
    expected.backward()
    trainer.step.part = None
    assert loss == pytest.approx(expected.item(), rel=1e-4, abs=1e-6)
    for name, gradient in gradients(trainer).items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-3, atol=2e-6)


SETTINGS = {"max_steps": 4, "save_steps": 4, "eval_steps": 4, "max_completion_length": 24, "learn_from": 8, "refill": 1.0,
            "steps_per_generation": 2, "skip_solved": True, "learning_rate": 1e-3, "eval_count": 4}  # fmt: skip


def by_variety(rollout, problem):
    """A reward for which few groups are all equal."""
    return float(len(set(rollout.completion_ids)) % 3)


def run(tmp_path, name, checkpoint=None, **changes):
    trainer = make_trainer(tmp_path, name, **{**SETTINGS, **changes})
    trainer.rewards = {"correctness": by_variety}
    trainer.fit(checkpoint, [])


def test_the_dump_says_what_was_learned_from(tmp_path):
    run(tmp_path, "run", max_steps=2, save_steps=2, eval_steps=2)
    lines = list(read_lines(tmp_path / "run" / ROLLOUTS))
    metrics = list(read_lines(tmp_path / "run" / METRICS))
    assert [m["step"] for m in metrics] == [1, 2]
    for m in metrics:
        step = [x for x in lines if x["step"] == m["step"]]
        assert m["completions"] == len(step) >= 16
        learned = 0
        for group in (step[i : i + 8] for i in range(0, len(step), 8)):
            rewards = [x["reward"] for x in group]
            chosen, advantages = chosen_advantages(rewards, 8, 4, "max-variance", "none", "")
            if any(x["learned"] for x in group):
                assert [i for i, x in enumerate(group) if x["learned"]] == chosen
                assert [group[i]["advantage"] for i in chosen] == advantages
                learned += 4
            assert all(x["learned"] or x["advantage"] == 0 for x in group)
        assert m["completions_learned"] == learned > 0
    found = tokens_and_lines(tmp_path / "run")
    check_gaps(tmp_path / "run", found)
    first = [pair for pair in found if pair[1]["step"] == 1 and pair[1]["split"] == "train"]
    assert with_gaps(first) == learned_from(first) != []


@pytest.mark.slow
def test_a_resumed_run_equals_the_unbroken_one_and_all_is_as_without_the_flag(tmp_path):
    run(tmp_path, "whole", save_steps=2)
    expected = {name: without_times(tmp_path / "whole" / name) for name in (ROLLOUTS, METRICS)}
    config = Config(
        **{**SMALL, "dumps": str(tmp_path), "exp_name": "whole", **SETTINGS, "save_steps": 2, "resume": True}
    )
    (tmp_path / "whole" / "checkpoints" / "checkpoint-4" / "trainer_state.json").unlink()
    checkpoint = runs_folder.continue_from(runs_folder.open_run(config, "test", {"gpu": None}))
    assert checkpoint.name == "checkpoint-2"
    run(tmp_path, "whole", checkpoint, save_steps=2, resume=True)
    assert {name: without_times(tmp_path / "whole" / name) for name in expected} == expected
    run(tmp_path, "all", learn_from=16)
    run(tmp_path, "off", learn_from=None)
    for name in expected:
        assert without_times(tmp_path / "all" / name) == without_times(tmp_path / "off" / name)
    assert without_times(tmp_path / "all" / ROLLOUTS) != expected[ROLLOUTS]
