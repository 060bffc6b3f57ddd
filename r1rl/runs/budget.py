"""What a run may cost, what its parts have cost so far, and so whether one more step fits."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.config.run_rules import BUDGET_FLAGS, check_price
from r1rl.system.errors import UserError

MARGIN = 1.25  # the next step, evaluation or saving may take longer than any before

WINDOW = 20  # steps that the longest and the mean are taken of: the first one of a process is slow

# The last screen and the report: seconds, and seconds a completion. Source: benchmarks/RESULTS.md, 200,000 completions in
# 30 s for the page and 27 s for the screen.
CLOSING, CLOSING_A_COMPLETION = 6.0, 3e-4

TOLD_AT = 5  # step of a process at which it says whether the plan can be met


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and sampled tokens; money is seconds times a price."""

    seconds: float = 0.0
    tokens: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.tokens + other.tokens)

    def times(self, factor: float) -> Cost:
        """So many of it."""
        return Cost(self.seconds * factor, self.tokens * factor)

    def within(self, limit: Cost) -> bool:
        """Whether neither is over the limit."""
        return self.seconds <= limit.seconds and self.tokens <= limit.tokens


def limit_of(config: Config, price: float | None) -> Cost:
    """The flags as seconds and tokens, infinite where not given."""
    seconds = math.inf if config.max_minutes is None else 60 * config.max_minutes
    if config.budget is not None and price:
        seconds = min(seconds, config.budget / price * 3600)
    return Cost(seconds, math.inf if config.max_tokens is None else config.max_tokens)


class Budget:
    """Keeps the running costs of steps, evaluations and savings; says when the next step no longer fits."""

    def __init__(
        self, config: Config, price: float | None = None, evaluated: int | None = None, between: bool = True
    ):
        """`evaluated`: completions of one evaluation, if not --eval-count. `between`: whether there are any in training."""
        check_price(config, price)
        self.config, self.price = config, price
        self.eval_steps = config.eval_steps if between else math.inf
        self.limit = limit_of(config, price)
        evaluated = evaluated or config.eval_count * config.eval_samples or config.generation_batch_size
        self.share = max(
            1.0, evaluated / config.generation_batch_size
        )  # of an evaluation in steps, while none was seen
        self.steps: deque[Cost] = deque(maxlen=WINDOW)
        self.completions = 0
        self.length = 0.0  # mean tokens of the newest step's completions
        self.last_evaluation: Cost | None = None
        self.evaluated_length = 0.0  # mean tokens of the step before the last evaluation
        self.longest_saving = 0.0
        self.ended: str | None = None  # why the run ended, once it did so for the budget

    def check_left(self, spent: Cost) -> None:
        """Something must be left for training, beside the end. Raises UserError."""
        if not (spent + self.reserve).within(self.limit):
            end = self.reserve
            raise UserError(
                f"{self.flags()} leaves nothing for training: {spent.seconds:.0f} s and {spent.tokens:,.0f} tokens are "
                f"spent, with those before a resume, and last evaluation, saving and report may take {end.seconds:.0f} s "
                f"and {end.tokens:,.0f} tokens more. Use a larger one, or a smaller --eval-count."
            )

    # ---- what was seen

    def step(self, cost: Cost, completions: int) -> None:
        """One training step."""
        self.steps.append(cost)
        self.completions += completions
        self.length = cost.tokens / completions if completions else 0.0

    def evaluation(self, cost: Cost) -> None:
        """One evaluation, with what it saved."""
        self.last_evaluation = cost
        self.evaluated_length = self.length

    def saving(self, seconds: float) -> None:
        """One checkpoint."""
        self.longest_saving = max(self.longest_saving, seconds)

    # ---- what is to come

    @property
    def longest(self) -> Cost:
        """The most that one of the newest steps took."""
        return Cost(
            max((c.seconds for c in self.steps), default=0.0),
            max((c.tokens for c in self.steps), default=0.0),
        )

    @property
    def mean(self) -> Cost:
        """What one of the newest steps takes."""
        count = max(1, len(self.steps))
        return Cost(sum(c.seconds for c in self.steps) / count, sum(c.tokens for c in self.steps) / count)

    @property
    def an_evaluation(self) -> Cost:
        """As the last one, longer as completions have become longer since; while none was seen, as many steps."""
        if self.last_evaluation is None:
            return self.longest.times(self.share)
        growth = self.length / self.evaluated_length if self.evaluated_length else 1.0
        return self.last_evaluation.times(max(1.0, growth))

    @property
    def closing(self) -> Cost:
        """The last screen and the report."""
        return Cost(CLOSING + CLOSING_A_COMPLETION * self.completions)

    @property
    def reserve(self) -> Cost:
        """What must be left when training ends: the last evaluation, saving, report."""
        return (self.an_evaluation + Cost(self.longest_saving)).times(MARGIN) + self.closing

    def due(self, step: int) -> Cost:
        """What comes with the end of this step: --eval-steps and --save-steps."""
        cost = Cost()
        if step % self.eval_steps == 0:
            cost += self.an_evaluation.times(MARGIN)
        if step % self.config.save_steps == 0:
            cost += Cost(self.longest_saving * MARGIN)
        return cost

    def fits_another(self, spent: Cost, step: int) -> bool:
        """Whether after `step` there is enough for what is due, the next step, and the end."""
        return (spent + self.due(step) + self.longest.times(MARGIN) + self.reserve).within(self.limit)

    def at_end(self, spent: Cost, step: int, last: int) -> Cost:
        """The projection: the costs if the run goes on from `step` to step `last`."""
        evaluations = max(0, (last - 1) // self.eval_steps - step // self.eval_steps) + 1
        savings = max(0, (last - 1) // self.config.save_steps - step // self.config.save_steps) + 1
        rest = self.mean.times(last - step) + self.an_evaluation.times(evaluations)
        return spent + rest + Cost(savings * self.longest_saving) + self.closing

    def last_step(self, spent: Cost, step: int) -> int:
        """The step at which the run is likely to end."""
        last = self.config.max_steps
        low, high = step, last  # at_end grows with the last step
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if self.at_end(spent, step, middle).within(self.limit) else (low, middle - 1)
            )
        return low

    # ---- in words

    def why_ended(self, step: int) -> str:
        """What the last screen says."""
        return (
            f"at step {step} of {self.config.max_steps}: one step more, the last evaluation, saving and report did not "
            f"fit into {self.flags()}"
        )

    def flags(self) -> str:
        """The limits as they were given."""
        shown = {"budget": "{:g}", "max_minutes": "{:g}", "max_tokens": "{}"}
        given = {name: getattr(self.config, name) for name in BUDGET_FLAGS}
        return " and ".join(
            f"--{name.replace('_', '-')} {shown[name].format(v)}"
            for name, v in given.items()
            if v is not None
        )

    def warning(self, spent: Cost, step: int) -> str | None:
        """That the plan cannot be met, with what would fit; None if it can."""
        last = self.config.max_steps
        whole = self.at_end(spent, step, last)
        if whole.within(self.limit):
            return None
        fitting = self.last_step(spent, step)
        needed = []
        if self.config.budget is not None:
            needed.append(f"--budget {math.ceil(100 * whole.seconds / 3600 * self.price * 1.1) / 100:.2f}")
        if self.config.max_minutes is not None:
            needed.append(f"--max-minutes {math.ceil(whole.seconds / 60 * 1.1)}")
        if self.config.max_tokens is not None:
            needed.append(f"--max-tokens {math.ceil(whole.tokens * 1.1)}")
        return (
            f"{last} steps do not fit into {self.flags()}: at {self.mean.seconds:.3g} s a step about {fitting} do. For "
            f"an end by plan use --max-steps {fitting}, or for all of them {' and '.join(needed)}"
        )

    def describe(self, spent: Cost, step: int) -> list[str]:
        """Spent, of how much, at which rate, and the projection; nothing where neither a price nor a limit is there."""
        last = self.config.max_steps
        whole = self.at_end(spent, step, last)
        end = (
            "" if whole.within(self.limit) else f"ends at about step {self.last_step(spent, step)} of {last}"
        )
        dollars = self.price is not None and self._amount(
            lambda c: f"{c.seconds / 3600 * self.price:.2f}",
            self.config.budget,
            spent,
            whole,
            end,
            "${}",
            "{:.2f}",
        )
        minutes = self.config.max_minutes is not None and self._amount(
            lambda c: f"{c.seconds / 60:.1f}", self.config.max_minutes, spent, whole, end, "{}", "{:g} min"
        )
        tokens = self.config.max_tokens is not None and self._amount(
            lambda c: f"{c.tokens:,.0f}", self.config.max_tokens, spent, whole, end, "{}", "{:,} tokens"
        )
        return [words for words in (dollars, minutes, tokens) if words]

    def _amount(
        self, shown: Callable[[Cost], str], limit: float | None, spent: Cost, whole: Cost, end: str,
        unit: str, limit_unit: str,
    ) -> str:  # fmt: skip
        so_far = unit.format(shown(spent)) + ("" if limit is None else f" of {limit_unit.format(limit)}")
        if not self.steps:
            return so_far
        if end and limit is not None:
            return f"{so_far}, {end}"
        return f"{so_far}, {unit.format(shown(whole))} at the end"
