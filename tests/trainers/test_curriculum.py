"""The curriculum's stages, their state, and the alarm for collapsing reasoning."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pytest

from r1rl.records import reasoning_text
from r1rl.trainers.callbacks import Stages
from r1rl.trainers.prompt_order import Draw, Plan, State, after_step, describe, draw, level
from r1rl.trainers.step_metrics import Watch, find_collapse


def levels(plan: Plan, rates: list[list[float]], state: State | None = None) -> list[int]:
    """The level of each step and of the one after the last."""
    state = state or State()
    seen = [level(plan, state)]
    for pass_rates in rates:
        state = after_step(plan, state, pass_rates)
        seen.append(level(plan, state))
    return seen


def test_fixed_steps():
    plan = Plan((2, 3, 5), steps_per_stage=2)
    assert levels(plan, [[0.0]] * 7) == [2, 2, 3, 3, 5, 5, 5, 5]


def test_a_threshold_needs_a_whole_window():
    plan = Plan((2, 3), advance_at=0.75, window=4)
    assert levels(plan, [[1.0], [1.0], [1.0]]) == [2, 2, 2, 2]
    assert levels(plan, [[1.0], [1.0], [1.0], [0.0]]) == [2, 2, 2, 2, 3]
    assert levels(plan, [[1.0, 1.0, 1.0, 1.0]]) == [2, 3]
    assert levels(plan, [[0.5]] * 50)[-1] == 2


def test_only_the_latest_groups_count():
    plan = Plan((2, 3), advance_at=0.9, window=2)
    assert levels(plan, [[0.0, 0.0], [0.0, 1.0], [1.0, 0.8]]) == [2, 2, 2, 3]


def test_a_new_stage_starts_with_no_groups():
    plan = Plan((2, 3, 4), advance_at=0.5, window=2)
    assert levels(plan, [[1.0, 1.0], [1.0], [1.0]]) == [2, 3, 3, 4]
    state = after_step(plan, State(), [1.0, 1.0])
    assert state == State(stage=1, steps=0, recent=())


def test_whichever_comes_first():
    plan = Plan((2, 3, 4), steps_per_stage=3, advance_at=0.5, window=1)
    assert levels(plan, [[0.0], [0.0], [0.0], [1.0]]) == [2, 2, 2, 3, 4]


def test_one_step_moves_one_stage_and_the_last_stage_stays():
    plan = Plan((2, 3, 4), advance_at=0.1, window=1)
    assert levels(plan, [[1.0] * 9] * 4) == [2, 3, 4, 4, 4]


def test_one_level_alone_is_the_control_arm():
    plan = Plan((5,))
    assert levels(plan, [[1.0]] * 3) == [5] * 4
    assert describe(plan) == "level 5 alone"


def test_groups_without_a_rate_still_count_as_a_step():
    assert levels(Plan((2, 3), steps_per_stage=1), [[]]) == [2, 3]


def test_a_resumed_run_goes_on_as_the_unbroken_one():
    plan = Plan((2, 3, 4, 5), steps_per_stage=9, advance_at=0.6, window=5)
    rng = random.Random(4)
    rates = [[rng.random() for _ in range(3)] for _ in range(40)]
    unbroken = levels(plan, rates)
    assert unbroken[-1] == 5
    for cut in range(40):
        state = State()
        for pass_rates in rates[:cut]:
            state = after_step(plan, state, pass_rates)
        saved = json.dumps(state.to_dict())
        assert len(saved) < 300
        restored = State.from_dict(json.loads(saved))
        assert restored == state
        assert levels(plan, rates[cut:], restored) == unbroken[cut:]


def test_plans_that_cannot_be():
    with pytest.raises(ValueError, match="at least one stage"):
        Plan(())
    with pytest.raises(ValueError, match="nothing ends the first stage"):
        Plan((2, 3))


def test_descriptions():
    assert describe(Plan((2, 3), steps_per_stage=50)) == "levels 2, 3, each ending after 50 steps"
    both = Plan((2, 3), steps_per_stage=50, advance_at=0.8, window=16)
    assert describe(both).endswith("after 50 steps or when the last 16 groups pass 80%")


def test_draws_go_through_all_items_before_one_comes_again():
    drawn = [x for step in range(14) for x in draw(range(7), 3, step, "seed")]
    assert all(sorted(drawn[i : i + 7]) == list(range(7)) for i in range(0, 42, 7))
    assert drawn[:7] != drawn[7:14]
    assert draw(range(7), 3, 5, "seed") == drawn[15:18]  # a step needs no others before it
    assert [x for step in range(14) for x in draw(range(7), 3, step, "other")] != drawn


def test_a_refill_takes_other_prompts_of_the_level():
    prompts = [SimpleNamespace(problem=SimpleNamespace(level=n)) for n in (2, 2, 2, 2, 2, 2, 2, 2, 3, 3)]
    stages = Stages(Plan((2, 3), steps_per_stage=9), prompts, 1, lambda level: None)
    used = stages.draw(3)
    for count, left in ((2, 5), (2, 3), (9, 1)):
        fresh = stages.draw_more(count, used)
        assert stages.draw_more(count, used) == fresh  # a repeated step
        assert len(fresh) == min(count, left) and not set(fresh) & set(used)
        used += fresh
        left -= len(fresh)
    assert sorted(used) == list(range(8)) and stages.draw_more(1, used) == []
    stages.now = State(steps=1)
    assert stages.draw_more(8, ()) != Stages(stages.plan, prompts, 1, print).draw_more(8, ())


def test_a_missing_reward_is_no_difference():
    draws = Draw([SimpleNamespace(problem=SimpleNamespace(id=name)) for name in "abc"], seed=1)
    for name, rewards in (("a", [1.0, None]), ("b", [1.0, None, 0.0]), ("c", [None, None])):
        draws.record(name, rewards)
    assert draws.idle == {"a", "c"}


def test_more_than_there_are_come_again():
    assert sorted(draw([4, 5], 5, 0, "seed")) in ([4, 4, 4, 5, 5], [4, 4, 5, 5, 5])


# ---- collapse


def noisy(start: float, end: float, steps: int, noise: float, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    return [start + (end - start) * i / (steps - 1) + rng.gauss(0, noise) for i in range(steps)]


def test_shorter_and_better_paid_is_a_collapse():
    found = find_collapse(noisy(200, 40, 100, 20), noisy(-1, 2, 100, 0.5, 1))
    assert found is not None and 60 < found.step < 90
    assert found.length < found.start_length / 2 and found.reward > found.start_reward
    assert "collapses" in found.describe() and f"{found.length:.0f} tokens" in found.describe()


def test_shorter_and_worse_paid_is_another_failure():
    assert find_collapse(noisy(200, 40, 100, 20), noisy(2, -1, 100, 0.2, 1)) is None


def test_a_little_shorter_is_none():
    assert find_collapse(noisy(200, 120, 100, 10), noisy(-1, 2, 100, 0.5, 1)) is None
    assert find_collapse(noisy(200, 300, 100, 10), noisy(-1, 2, 100, 0.5, 1)) is None


def test_single_short_steps_are_noise():
    lengths = noisy(200, 200, 100, 20)
    for i in range(15, 100, 9):
        lengths[i] = 10
    assert find_collapse(lengths, noisy(-1, 2, 100, 0.5, 1)) is None


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_gives_no_alarm(seed):
    assert find_collapse(noisy(100, 100, 300, 40, seed), noisy(0, 0, 300, 1, seed + 100)) is None


def test_the_windows_do_not_overlap():
    assert find_collapse([100.0] * 10 + [1.0] * 9, [0.0] * 10 + [1.0] * 9) is None
    assert find_collapse([100.0] * 10 + [1.0] * 10, [0.0] * 10 + [1.0] * 10).step == 20
    assert find_collapse([], []) is None


def test_the_first_alarm_stays_the_first():
    lengths, rewards = noisy(200, 40, 100, 5), noisy(-1, 2, 100, 0.1, 1)
    first = find_collapse(lengths, rewards)
    assert find_collapse(lengths[: first.step], rewards[: first.step]) == first
    assert find_collapse(lengths[: first.step - 1], rewards[: first.step - 1]) is None


def test_lengths_and_rewards_belong_together():
    with pytest.raises(ValueError, match="1 lengths and 2 rewards"):
        find_collapse([1.0], [1.0, 2.0])


def test_the_watch_says_it_once_a_stage():
    watch = Watch()
    short, long = [(10.0, 1.0)] * 25, [(100.0, 0.0)] * 10
    seen = [watch.add(level, *step) is not None for level in (2, 3) for step in long + short]
    assert [i for i, found in enumerate(seen) if found] == [19, 54]  # the step that fills the second window
    other = Watch()
    assert not any(other.add(level, *step) for level, step in [*((2, s) for s in long), *((3, s) for s in short)])


def test_steps_without_reward_are_left_out():
    watch = Watch()
    assert watch.add(None, 50.0, None) is None
    assert watch.lengths == []


@pytest.mark.parametrize(
    ("completion", "reasoning"),
    [
        ("<reasoning>\nabc\n</reasoning>\n<answer>x</answer>", "\nabc\n"),
        ("\n<reasoning>abc", "abc"),
        ("<reasoning></reasoning><answer>x</answer>", ""),
        ("first this <answer>x</answer>", "first this "),
        ("no tags at all", "no tags at all"),
        ("\n<reasoning>", ""),
        ("", ""),
    ],
)
def test_what_counts_as_reasoning(completion, reasoning):
    assert reasoning_text(completion) == reasoning
