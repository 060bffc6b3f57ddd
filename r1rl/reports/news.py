"""The messages of a run to --notify: its start, evaluations, findings of guards, and its end with score and cost."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
from pathlib import Path
from types import TracebackType
from typing import Any

from r1rl.config.data_rules import data_label
from r1rl.config.flags import Config
from r1rl.reports.summary import before_and_after
from r1rl.runs.budget import Cost
from r1rl.runs.dump import GUARDS, METRICS, Dump, read_lines
from r1rl.runs.progress import spent
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_words, score_of
from r1rl.system import distributed
from r1rl.system.console import console, duration, printable
from r1rl.system.interrupt import Interrupt
from r1rl.system.redact import redact
from r1rl.system.webhook import Webhook

CLOSING = 5.0  # seconds that a run's end waits for its last message


class News(contextlib.AbstractContextManager):
    """While entered, sends a message for each event of a run. Does nothing without --notify.

    Messages have numbers, names of flags and the words of guards: no completions, no texts of errors.
    """

    def __init__(self, config: Config, recipe: str, dump: Dump, price: float | None, stop: Interrupt):
        """`price`: US dollars per hour, None if unknown."""
        self.config, self.recipe, self.dump, self.price, self.stop = config, recipe, dump, price, stop
        self.webhook: Webhook | None = None

    def __enter__(self) -> News:
        if self.config.notify is not None and distributed.is_first():
            self.webhook = Webhook(self.config.notify, report)
            self.dump.listener = self.dumped
            resumed = max((line["step"] for line in read_lines(self.dump.folder / METRICS)), default=0)
            begins = f"continues at step {resumed} of" if resumed else "starts:"
            model = Path(self.config.model_name).name
            words = (
                f"{begins} {self.config.max_steps} steps, recipe {self.recipe}, {model} on {data_label(self.config)}"
            )
            self.send("start", words, step=resumed)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self.webhook is None:
            return
        if error is not None:
            self.ended("stop", self.stopped_by() if self.stop.asked else f"failed with {kind.__name__}")
        self.webhook.close(min(CLOSING, self.stop.left() - 1))  # of --grace-seconds
        self.dump.listener = None

    def dumped(self, name: str, line: dict[str, Any]) -> None:
        """Sends an evaluation or a guard's finding, as it was dumped."""
        step = line["step"]
        if name == GUARDS:
            self.send("guard", f"guard {line['guard']} ({line['action']}) at step {step}: {line['words']}", step=step)
            return
        seconds = line["seconds"]  # meter.json is written later
        words = f"step {step}: {evaluation_words(line)}; {self.cost(seconds)}"
        self.send("evaluation", words, seconds, step=step, score=score_of(line))

    def finish(self, code: int, guard: str | None, budget: str | None) -> None:
        """Sends the end of a run with this exit code; why a guard or its budget ended it, if one did."""
        why = self.stopped_by() if self.stop.asked else f"stopped {guard}" if guard else budget or "complete"
        self.ended("stop" if code else "end", why)

    def ended(self, event: str, why: str) -> None:
        """Sends the last message: why, the first and last evaluation, and the cost."""
        if self.webhook is None:
            return
        data = RunData(self.dump.folder)
        scores = "; ".join(f"{name} {words}" for name, words in before_and_after(data).items())
        score = score_of(data.evaluations[-1]) if data.evaluations else None
        steps = data.metrics[-1]["step"] if data.metrics else 0
        words = [why, *([scores] if scores else []), f"{steps} steps, {self.cost()}"]
        self.send(event, "; ".join(words), step=steps, score=score)

    def stopped_by(self) -> str:
        """Returns the name of the signal that stopped the run."""
        return f"stopped by {signal.Signals(self.stop.signal).name}"

    def cost(self, seconds: float | None = None) -> str:
        """Returns time and money."""
        so_far = self.spent(seconds)
        dollars = so_far.dollars(self.price)
        return duration(so_far.seconds) + ("" if dollars is None else f", ${dollars:.2f}")

    def spent(self, seconds: float | None) -> Cost:
        """Returns the cost of the run as last written, with newer seconds if they are known."""
        written = spent(self.dump)
        return written if seconds is None else dataclasses.replace(written, seconds=seconds)

    def send(self, event: str, words: str, seconds: float | None = None, **fields: Any) -> None:
        """Hands one message over; a webhook of the user's own gets its parts as fields, too."""
        name = self.dump.folder.name
        so_far = self.spent(seconds)
        dollars = so_far.dollars(self.price)
        dollars = None if dollars is None else round(dollars, 4)
        known = {key: value for key, value in fields.items() if not (isinstance(value, float) and math.isnan(value))}
        parts = {
            "schema_version": 1,
            "event": event,
            "run": name,
            **known,
            "seconds": so_far.seconds,
            "dollars": dollars,
        }
        self.webhook.post(printable(redact(f"{name}: {words}")), parts)


def report(why: str) -> None:
    """Prints that a message was not delivered."""
    console.print(f"notify   a message was not delivered ({why}); the run continues", markup=False)
