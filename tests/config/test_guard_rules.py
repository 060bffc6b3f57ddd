"""The rules of the guards on worked numbers, their flag, and what a run may be given of both."""

from __future__ import annotations

import math

import pytest

from r1rl.config.flags import Config
from r1rl.config.names import GUARDS
from r1rl.config.parser import as_arguments
from r1rl.config.run_rules import guard_actions
from r1rl.system.errors import UserError
from r1rl.trainers.guards.rules import Guards, Streak, enough_length, fell

SOUND = {
    "reward": 0.5, "reward_spread": 1.0, "groups": 2, "groups_without_signal": 0, "completions": 10, "tokens": 1000,
    "truncated": 0.1, "sampler_gap": 0.01, "sampler_gap_max": 0.5, "sampler_entropy": 0.3, "kl": 0.02, "loss": 0.1,
    "skipped": None, "steps_skipped": 0, "collapse": None,
}  # fmt: skip


def found(guards: Guards, lines: list[dict]) -> list[tuple[int, str, bool]]:
    """(step, guard, final) of all that is found in these lines, given as differences from a sound one."""
    return [
        (step, f.guard, f.final)
        for step, line in enumerate(lines, start=1)
        for f in guards.step({**SOUND, "step": step, **line})
    ]


def test_a_step_on_the_same_completions_is_no_news_of_them():
    again = {"completions": 0, "tokens": 0, "groups": 0, "groups_without_signal": 0}
    for guard, bad in (
        ("truncated", {"truncated": 0.6}),
        ("entropy", {"sampler_entropy": 0.02}),
        ("entropy", {"sampler_entropy": 3.0}),
    ):
        assert found(Guards(steps=4), [{}] * 4 + [bad, bad | again] * 4) == [(11, guard, False)]
    guards = Guards()
    assert found(guards, [{}, again, again, {}]) == [] and [step for step, _ in guards.rewards] == [1, 4]


def test_nothing_is_found_in_a_sound_run():
    assert found(Guards(steps=3), [{}] * 40) == []


def test_a_streak_is_complete_at_each_multiple():
    streak = Streak(3)
    assert [streak.complete(condition) for condition in [1, 1, 0, 1, 1, 1, 1, 1, 1]] == [0, 0, 0, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("guard", "bad", "after"),
    [
        ("no-signal", {"groups_without_signal": 2}, 4),
        ("no-signal", {"reward_spread": 0.0}, 4),
        ("no-signal", {"reward": None, "reward_spread": None}, 4),
        ("truncated", {"truncated": 0.6}, 4),
        ("sync", {"sampler_gap": 0.11}, 3),
        ("kl", {"kl": 1.1}, 3),
        ("kl", {"sampler_gap_max": 10.5}, 3),
        ("kl", {"approx_kl": 0.6}, 3),
        ("entropy", {"sampler_entropy": 0.02}, 4),
    ],
)
def test_a_finding_takes_its_steps_in_a_row(guard, bad, after):
    good = [{}] * 6
    assert found(Guards(steps=4), good + [bad] * (after - 1) + good + [bad] * (after - 1)) == []
    assert found(Guards(steps=4), good + [bad] * after) == [(6 + after, guard, False)]
    assert [x[0] for x in found(Guards(steps=4), good + [bad] * 2 * after)] == [6 + after, 6 + 2 * after]


def test_half_truncated_is_not_more_than_half():
    assert found(Guards(steps=1), [{"truncated": 0.5}]) == []
    assert found(Guards(steps=1), [{"truncated": 0.6}]) == [(1, "truncated", False)]


def test_a_noisy_engine_is_measured_by_its_own_noise():
    noisy = [{"sampler_gap": 0.06}] * 5
    assert found(Guards(), noisy + [{"sampler_gap": 0.29}] * 9) == []
    assert found(Guards(), noisy + [{"sampler_gap": 0.31}] * 3) == [(8, "sync", False)]
    # From the first step on: the smallest of the first gaps is that of weights that had not moved yet.
    growing = [{"sampler_gap": 0.03 * step} for step in range(8)]
    assert found(Guards(), growing) == [(7, "sync", False)]


def test_a_step_without_a_gap_does_not_break_the_streak():
    bad = {"sampler_gap": 0.2}
    assert found(Guards(), [{}, bad, {"sampler_gap": None}, bad, {"sampler_gap": None}, bad]) == [(6, "sync", False)]


def test_skipped_steps_are_findings_and_three_in_a_row_end_the_run():
    skipped = [{"skipped": "loss", "steps_skipped": n} for n in (1, 2, 3)]
    assert found(Guards(), [*skipped[:2], {}, *skipped[:2]]) == [(s, "non-finite", False) for s in (1, 2, 4, 5)]
    assert found(Guards(), skipped)[-1] == (3, "non-finite", True)
    assert found(Guards(patience=20), skipped)[-1] == (3, "non-finite", False)
    assert found(Guards(), [{"skipped": "weights", "steps_skipped": 1}]) == [(1, "non-finite", True)]
    assert found(Guards(), [{"skipped": "memory", "steps_skipped": 1}] * 3) == []


def test_supervised_steps_have_no_rewards_to_look_at():
    guards = Guards(steps=2)
    assert [guards.step({"step": s, "loss": 1.0, "skipped": None}) for s in range(1, 9)] == [[]] * 8


def test_enough_length():
    assert enough_length(10, 10_000, 0.5) == pytest.approx(1000 * math.log(2))
    assert enough_length(10, 10_000, 0.9) == pytest.approx(1000 * math.log(10))
    assert enough_length(0, 10_000, 0.5) is None
    guards = Guards(steps=2, longest=120)
    guards.step({**SOUND, "step": 1, "truncated": 0.6})
    (finding,) = guards.step({**SOUND, "step": 2, "truncated": 0.8})
    # 6 of 20 ended in 2000 tokens: half in 231, nine of ten in 768, both rounded up to a multiple of 32
    assert finding.words.startswith("14 of 20 completions of 2 steps were cut off")
    assert "try --max-completion-length 240." in finding.words
    assert "at which 6 ended, 256 tokens would be enough for half of them and 768 for nine" in finding.words
    guards = Guards(steps=1, longest=120)
    (finding,) = guards.step({**SOUND, "step": 1, "truncated": 1.0})
    assert "none ended by itself" in finding.words and "--max-completion-length 240" in finding.words


def test_accuracy_fell_only_beyond_luck():
    assert fell([1.0] * 8 + [0.0] * 12, [0.0] * 20)  # 8 lost: p = 2 / 256
    assert not fell([1.0] * 7 + [0.0] * 13, [0.0] * 20)  # 7 lost: p = 2 / 128
    assert not fell([0.0] * 20, [1.0] * 20)
    assert not fell([], [])
    assert fell([0.5] * 30, [0.25, 0.5] * 15)  # several samples a problem
    assert not fell([0.5] * 30, [0.25] + [0.5] * 29)


def rising(guards: Guards, steps: range, rewards) -> None:
    for step, reward in zip(steps, rewards):
        guards.step({**SOUND, "step": step, "reward": reward})


def test_reward_hacking_needs_both():
    right = {f"p{i}": float(i < 12) for i in range(20)}
    wrong = dict.fromkeys(right, 0.0)
    up, flat = [0.1 * s for s in range(10)], [0.5, 0.6] * 5

    def finding_of(rewards, after):
        guards = Guards()
        assert guards.evaluation(0, right) is None
        rising(guards, range(1, 11), rewards)
        return guards.evaluation(10, after)

    words = finding_of(up, wrong).words
    assert "the reward rose from 0.20 to 0.70 since step 0" in words
    assert "from 60% to 0% of the same 20 problems" in words
    assert finding_of(up, right) is None
    assert finding_of(flat, wrong) is None
    assert finding_of(up[::-1], wrong) is None


def test_the_best_evaluation_is_what_is_compared_with():
    right = {f"p{i}": float(i < 12) for i in range(20)}
    wrong = dict.fromkeys(right, 0.0)
    guards = Guards()
    guards.evaluation(0, wrong)
    rising(guards, range(1, 11), [0.5] * 10)
    assert guards.evaluation(10, right) is None
    rising(guards, range(11, 21), [0.05 * s for s in range(10)])
    assert "since step 10" in guards.evaluation(20, wrong).words


def test_a_resumed_run_knows_what_the_first_part_found():
    lines = [{**SOUND, "step": s, "truncated": 0.9} for s in range(1, 5)]
    whole, parts = Guards(steps=4), Guards(steps=4)
    expected = [whole.step(line) for line in lines]
    for line in lines[:2]:
        parts.step(line)
    assert [parts.step(line) for line in lines[2:]] == expected[2:]
    assert expected[3]


# ---- the flag


def test_every_guard_has_a_default_among_its_actions():
    assert {name: g.default in g.actions for name, g in GUARDS.items()} == dict.fromkeys(GUARDS, True)
    assert guard_actions(None) == {name: g.default for name, g in GUARDS.items()}


def test_given_actions_take_the_defaults_place():
    assert guard_actions("kl=stop, memory=off") == guard_actions(None) | {"kl": "stop", "memory": "off"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trunated=stop", "unknown --guard 'trunated': did you mean 'truncated'?"),
        ("kl=stp", "unknown action of --guard kl 'stp': did you mean 'stop'?"),
        ("kl=fix", "kl has no fix, because only you can fix it. Use one of kl=warn"),
        ("non-finite=warn", "non-finite has no warn, because continuing without a fix would ruin the run"),
        ("kl", "'kl' must be a guard and its action, as in truncated=stop"),
        ("kl=stop,kl=warn", "names kl twice, as stop and as warn"),
        ("kl=stop,", "'' must be a guard and its action"),
    ],
)
def test_a_wrong_guard_is_refused(text, message):
    with pytest.raises(UserError) as error:
        Config(guard=text)
    assert message in str(error.value)


def test_a_repeated_flag_counts_as_one(program):
    done = program("--guard", "kl=stop", "--guard", "memory=stop", "--print-config")
    assert '"guard": "kl=stop,memory=stop"' in done.stdout
    config = Config(guard="kl=stop,memory=stop")
    arguments = as_arguments(config)
    assert arguments[arguments.index("--guard") + 1] == "kl=stop,memory=stop"
