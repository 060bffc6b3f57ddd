"""Switches that would make a run faster on a card: each is tried in a new plan."""

from __future__ import annotations

from collections.abc import Iterator

from r1rl.config.flags import Config
from r1rl.models.shape import Shape
from r1rl.preflight.memory_parts import Place
from r1rl.preflight.memory_plan import plan_memory
from r1rl.preflight.suggestions import Suggestion, sixteen_bit, sleeping_cache
from r1rl.preflight.time_plan import plan_time

GAIN = 0.03  # a step that is shorter by less than this share is no reason for a suggestion: the plan is not that exact


def faster(config: Config, shape: Shape, place: Place, prompt: int | None = None) -> Iterator[tuple[float, Suggestion]]:
    """Yields (planned seconds of a step, change) for each switch of Unsloth's engine that fits and shortens the step.

    Suffix decoding is not among them: what it gains depends on how often completions repeat each other.
    """
    now = plan_time(config, shape, plan_memory(config, shape, place, prompt), None)
    if now is None or place.engine != "shared":
        return
    for kind in (sleeping_cache, sixteen_bit):
        for flags, meaning, new in kind(config, place):
            plan = plan_memory(new, shape, place, prompt)
            step = plan_time(new, shape, plan, None).step
            if plan.fits and step < (1 - GAIN) * now.step:
                yield step, Suggestion(flags, meaning, new, plan)
