"""The budget of a run: its limit, what steps, evaluations and savings cost so far, and whether one more step fits."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, fields

from r1rl.config.flags import Config
from r1rl.config.names import option
from r1rl.config.run_rules import BUDGET_FLAGS, check_price
from r1rl.system.errors import UserError

MARGIN = 1.25  # the next step, evaluation or saving may take longer than any before
WINDOW = 20  # generations over whose steps maximum and mean are taken: the first step of a process is slow
# The last screen and the report: seconds, and seconds per completion. Source: benchmarks/RESULTS.md, 200,000 completions
# in 30 s for the page and 27 s for the screen.
CLOSING, CLOSING_A_COMPLETION = 6.0, 3e-4
WARN_AT_STEP = 5  # step of a process at which it warns if --max-steps cannot be reached


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, sampled tokens, and fees of a judge in US dollars; money is seconds times a price, plus fees."""

    seconds: float = 0.0
    tokens: float = 0.0
    fees: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.tokens + other.tokens, self.fees + other.fees)

    def __mul__(self, factor: float) -> Cost:
        return Cost(self.seconds * factor, self.tokens * factor, self.fees * factor)

    def dollars(self, price: float | None) -> float | None:
        """Returns the US dollars at a price of an hour; None if neither a price nor fees are known."""
        return None if price is None and not self.fees else self.seconds / 3600 * (price or 0.0) + self.fees

    def within(self, limit: Cost) -> bool:
        """Returns whether neither seconds nor tokens exceed the limit."""
        return self.seconds <= limit.seconds and self.tokens <= limit.tokens


def limit_of(config: Config, price: float | None) -> Cost:
    """Returns the flags as seconds and tokens, infinite where not given; `price`: US dollars per hour."""
    seconds = math.inf if config.max_minutes is None else 60 * config.max_minutes
    if config.budget is not None and price:
        seconds = min(seconds, config.budget / price * 3600)
    return Cost(seconds, math.inf if config.max_tokens is None else config.max_tokens)


class Budget:
    """Keeps the costs of steps, evaluations and savings; decides when the next step no longer fits."""

    def __init__(self, config: Config, price: float | None = None, evaluated: int | None = None, between: bool = True):
        """`evaluated`: completions per evaluation, if not --eval-count. `between`: whether training evaluates in between."""
        check_price(config, price)
        self.config, self.price = config, price
        self.eval_steps = config.eval_steps if between else math.inf
        self.limit = limit_of(config, price)
        evaluated = evaluated or config.eval_count * config.eval_samples or config.generation_batch_size
        # An evaluation in steps, as long as none was measured.
        self.share = max(1.0, evaluated / config.generation_batch_size)
        # The first step of a generation samples for all of its steps, so the window has whole generations.
        self.steps: deque[Cost] = deque(maxlen=WINDOW * config.updates_per_generation)
        self.expected = Cost()  # of a step, as long as none was measured
        self.completions = 0
        self.length = 0.0  # mean tokens of the completions sampled last
        self.last_evaluation: Cost | None = None
        self.evaluated_length = 0.0  # the same before the last evaluation
        self.longest_saving = 0.0
        self.ended: str | None = None  # why the run ended, if the budget ended it

    def check_left(self, spent: Cost) -> None:
        """Checks that the limit leaves something for training in addition to the end. Raises UserError."""
        if not self.fits(spent + self.reserve):
            end = self.reserve
            raise UserError(
                f"{self.flags()} leaves nothing for training: {spent.seconds:.0f} s and {spent.tokens:,.0f} tokens are "
                "spent, including those before a resume, and last evaluation, saving and report may take "
                f"{end.seconds:.0f} s and {end.tokens:,.0f} tokens more. Use a larger one, or a smaller --eval-count."
            )

    def dollars(self, cost: Cost) -> float:
        """Returns the US dollars of a cost."""
        return cost.dollars(self.price) or 0.0

    def fits(self, cost: Cost) -> bool:
        """Returns whether a cost is within all limits; without fees that of --budget is one of seconds."""
        affordable = not cost.fees or self.dollars(cost) <= (self.config.budget or math.inf)
        return affordable and cost.within(self.limit)

    # ---- measured costs

    def expect(self, step: Cost) -> None:
        """Takes the cost of a step by the trial, until the first one is measured."""
        self.expected = step

    def step(self, cost: Cost, completions: int) -> None:
        """Records one training step."""
        self.steps.append(cost)
        self.completions += completions
        if completions:  # a step may learn from earlier ones alone
            self.length = cost.tokens / completions

    def evaluation(self, cost: Cost) -> None:
        """Records one evaluation, including what it saved."""
        self.last_evaluation = cost
        self.evaluated_length = self.length

    def saving(self, seconds: float) -> None:
        """Records one checkpoint."""
        self.longest_saving = max(self.longest_saving, seconds)

    # ---- expected costs

    @property
    def longest(self) -> Cost:
        """The maximum over the newest steps."""
        known = self.steps or [self.expected]
        return Cost(*(max(getattr(c, f.name) for c in known) for f in fields(Cost)))

    @property
    def mean(self) -> Cost:
        """The mean over the newest steps."""
        known = self.steps or [self.expected]
        return sum(known, Cost()) * (1 / len(known))

    @property
    def next_evaluation(self) -> Cost:
        """The last evaluation, scaled as completions have grown since; before the first one estimated in steps."""
        if self.last_evaluation is None:
            return self.longest * self.share
        growth = self.length / self.evaluated_length if self.evaluated_length else 1.0
        known = self.last_evaluation
        if not known.fees:  # those of an evaluation before a resume are not known
            known += Cost(fees=self.longest.fees * self.share)
        return known * max(1.0, growth)

    @property
    def closing(self) -> Cost:
        """The last screen and the report."""
        return Cost(CLOSING + CLOSING_A_COMPLETION * self.completions)

    @property
    def reserve(self) -> Cost:
        """What must be left when training ends: for the last evaluation, saving and report."""
        return (self.next_evaluation + Cost(self.longest_saving)) * MARGIN + self.closing

    def due(self, step: int) -> Cost:
        """Returns the cost of what --eval-steps and --save-steps demand at the end of this step."""
        cost = Cost()
        if step % self.eval_steps == 0:
            cost += self.next_evaluation * MARGIN
        if step % self.config.save_steps == 0:
            cost += Cost(self.longest_saving * MARGIN)
        return cost

    def fits_another(self, spent: Cost, step: int) -> bool:
        """Returns whether the limit allows what is due after `step`, the next step, and the end."""
        return self.fits(spent + self.due(step) + self.longest * MARGIN + self.reserve)

    def projected(self, spent: Cost, step: int, last: int) -> Cost:
        """Returns the expected cost of the run if it continues from `step` to step `last`."""
        evaluations = max(0, (last - 1) // self.eval_steps - step // self.eval_steps) + 1
        savings = max(0, (last - 1) // self.config.save_steps - step // self.config.save_steps) + 1
        rest = self.mean * (last - step) + self.next_evaluation * evaluations
        return spent + rest + Cost(savings * self.longest_saving) + self.closing

    def last_step(self, spent: Cost, step: int) -> int:
        """Returns the step at which the run is expected to end."""
        low, high = step, self.config.max_steps  # `projected` grows with the last step
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.fits(self.projected(spent, step, middle))
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    # ---- for display

    def why_ended(self, step: int) -> str:
        """Returns the reason that the last screen shows."""
        return (
            f"at step {step} of {self.config.max_steps}: another step, the last evaluation, saving and report did not fit "
            f"into {self.flags()}"
        )

    def flags(self) -> str:
        """Returns the limits as they were given."""
        form = {"budget": "{:g}", "max_minutes": "{:g}", "max_tokens": "{}"}
        given = {name: getattr(self.config, name) for name in BUDGET_FLAGS}
        return " and ".join(f"{option(n)} {form[n].format(v)}" for n, v in given.items() if v is not None)

    def warning(self, spent: Cost, step: int) -> str | None:
        """Returns a warning that --max-steps cannot be reached, with what would fit; None if it can."""
        last = self.config.max_steps
        whole = self.projected(spent, step, last)
        if self.fits(whole):
            return None
        fitting = self.last_step(spent, step)
        needed = []
        if self.config.budget is not None:
            needed.append(f"--budget {math.ceil(100 * self.dollars(whole) * 1.1) / 100:.2f}")
        if self.config.max_minutes is not None:
            needed.append(f"--max-minutes {math.ceil(whole.seconds / 60 * 1.1)}")
        if self.config.max_tokens is not None:
            needed.append(f"--max-tokens {math.ceil(whole.tokens * 1.1)}")
        return (
            f"{last} steps do not fit into {self.flags()}: at {self.mean.seconds:.3g} s a step about {fitting} do. To end "
            f"as planned use --max-steps {fitting}, or for all steps {' and '.join(needed)}"
        )

    def describe(self, spent: Cost, step: int) -> list[str]:
        """Returns spent, limit and projection for dollars, minutes and tokens, where a price or a limit is known."""
        config, whole = self.config, self.projected(spent, step, self.config.max_steps)
        ends = not self.fits(whole)
        end = f"ends at about step {self.last_step(spent, step)} of {config.max_steps}" if ends else ""

        def amount(now: str, limit: str | None, projected: str) -> str:
            so_far = now if limit is None else f"{now} of {limit}"
            if not self.steps:
                return so_far
            return f"{so_far}, {end}" if end and limit is not None else f"{so_far}, {projected} at the end"

        lines = []
        if self.price is not None or spent.fees:
            now, later = (f"${self.dollars(c):.2f}" for c in (spent, whole))
            lines.append(amount(now, None if config.budget is None else f"{config.budget:.2f}", later))
        if config.max_minutes is not None:
            now, later = (f"{c.seconds / 60:.1f}" for c in (spent, whole))
            lines.append(amount(now, f"{config.max_minutes:g} min", later))
        if config.max_tokens is not None:
            now, later = (f"{c.tokens:,.0f}" for c in (spent, whole))
            lines.append(amount(now, f"{config.max_tokens:,} tokens", later))
        return lines
