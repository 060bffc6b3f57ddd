"""Advantages: worked numbers, and parity with what TRL computes from the same rewards."""

from __future__ import annotations

import math

import pytest

from r1rl.trainers.advantages import deviation, group_advantages, groups_without_signal


def test_worked_example_group():
    # mean 0.25, sample deviation sqrt((0.75^2 + 3 * 0.25^2) / 3) = 0.5
    assert group_advantages([1.0, 0.0, 0.0, 0.0], 4) == pytest.approx([0.75 / 0.5001] + [-0.25 / 0.5001] * 3)


def test_worked_example_none():
    assert group_advantages([1.0, 0.0, 0.0, 0.0], 4, "none") == pytest.approx([0.75, -0.25, -0.25, -0.25])


def test_worked_example_batch():
    # rewards 1, 0 | 1, 1: deviation over all four is 0.5
    expected = [0.5 / 0.5001, -0.5 / 0.5001, 0.0, 0.0]
    assert group_advantages([1.0, 0.0, 1.0, 1.0], 2, "batch") == pytest.approx(expected)


def test_equal_rewards_teach_nothing():
    assert group_advantages([1.0] * 4 + [0.0] * 4, 4) == [0.0] * 8
    assert groups_without_signal([1.0] * 4 + [0.0] * 4 + [1.0, 0.0, 0.0, 0.0], 4) == 2
    for reward in (0.1, 0.3, 1.1):  # their mean is rounded
        assert group_advantages([reward] * 6, 6) == group_advantages([None, *[reward] * 6], 7)[1:] == [0.0] * 6


def test_a_reward_that_does_not_apply_is_left_out():
    advantages = group_advantages([1.0, None, 0.0, None], 4, "none")
    assert advantages == [0.5, 0.0, -0.5, 0.0]
    assert group_advantages([None, None], 2) == [0.0, 0.0]
    assert groups_without_signal([None, None], 2) == 1


def test_incomplete_groups_are_an_error():
    with pytest.raises(ValueError, match="3 rewards are not a multiple of the group size 2"):
        group_advantages([1.0, 0.0, 0.0], 2)


def test_deviation():
    assert deviation([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) == pytest.approx(math.sqrt(32 / 7))
    assert deviation([1.0]) == 0.0
