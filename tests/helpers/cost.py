"""Which parameters of a test run by default, and which only with the slow ones."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def slow_except(quick: Iterable[str], values: Iterable[str]) -> list:
    """The values, of which all but `quick` carry the marker `slow`."""
    quick, values = set(quick), list(values)
    assert quick <= set(values), quick - set(values)
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in values]
