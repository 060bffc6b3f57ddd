"""--report-to: transformers' own callbacks for trackers, fed with the names and numbers of the dump."""

from __future__ import annotations

import dataclasses
import html
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import get_reporting_integration_callbacks

from r1rl.config.flags import Config
from r1rl.config.tracker_flags import trackers
from r1rl.runs.evaluation import Evaluation
from r1rl.runs.metric_names import numbers
from r1rl.system import distributed
from r1rl.system.printable import printable
from r1rl.system.redact import redact, redact_all

ROWS = 8  # completions of an evaluation that are shown
TABLES = ("wandb", "trackio")  # trackers with tables and a config of their own; both have the same functions


class Trackers(TrainerCallback):
    """Passes the run on to each tracker. The base class's own log, with other names, is kept from them.

    Of several processes one speaks.
    """

    def __init__(self, config: Config, folder: Path):
        self.config = config
        self.inner = {
            name: get_reporting_integration_callbacks([name])[0]()
            for name in (trackers(config.report_to) if distributed.is_first() else ())
        }
        board = self.inner.get("tensorboard")
        if board is not None and board.logging_dir is None:  # no TENSORBOARD_LOGGING_DIR
            board.logging_dir = str(folder / "logs" / "tensorboard")

    def on_train_begin(self, args, state, control, **kwargs):
        """Called by transformers: the trackers open their runs."""
        for name, callback in self.inner.items():
            callback.on_train_begin(args, state, control, **kwargs)
            if name in TABLES:
                settings = {"r1rl": redact_all(dataclasses.asdict(self.config))}
                importlib.import_module(name).config.update(settings, allow_val_change=True)

    def on_save(self, args, state, control, **kwargs):
        """Called by transformers: some trackers keep checkpoints, if their environment variables say so."""
        for callback in self.inner.values():
            callback.on_save(args, state, control, **kwargs)

    def step(self, trainer: Any, line: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""
        self._log(trainer, dict(numbers(line)))

    def evaluated(self, trainer: Any, result: Evaluation) -> None:
        """A line of evaluations.jsonl, and a few of its completions."""
        self._log(trainer, {f"eval_{name}": value for name, value in numbers(result.summary)})
        rows = completion_rows(result)
        for name, callback in self.inner.items():
            if name in TABLES:
                send_table(importlib.import_module(name), rows, result.step)
            else:
                callback.tb_writer.add_text("completions", markdown(rows), result.step)
                callback.tb_writer.flush()

    def close(self, trainer: Any) -> None:
        """After the last evaluation, which comes when transformers has already ended training."""
        for callback in self.inner.values():
            callback.on_train_end(trainer.args, trainer.state, trainer.control, model=trainer.model)

    def _log(self, trainer: Any, logs: dict[str, float]) -> None:
        for callback in self.inner.values():
            callback.on_log(trainer.args, trainer.state, trainer.control, model=trainer.model, logs=logs)


def completion_rows(result: Evaluation) -> list[dict[str, Any]]:
    """The first completions of an evaluation, the same problems each time; secrets masked, control characters shown."""
    return [
        {
            "step": result.step,
            "problem": s.problem.id,
            "question": safe(s.problem.question),
            "completion": safe(s.rollout.completion),
            "extracted": safe(s.extracted or ""),
            "answer": safe(s.problem.answer),
            "correct": s.correct,
            "reward": s.reward,
        }
        for s in result.scored[:: result.samples][:ROWS]
    ]


def safe(text: str) -> str:
    """Text of a model or a data set for a page that others look at."""
    return printable(redact(text))


def send_table(tracker: Any, rows: Sequence[dict[str, Any]], step: int) -> None:
    """The completions as a table of wandb or trackio."""
    import pandas

    table = tracker.Table(dataframe=pandas.DataFrame(list(rows)))
    tracker.log({"completions": table, "train/global_step": step})


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The same as text for TensorBoard, whose page reads Markdown and HTML: so both are escaped, in <pre>."""
    parts = []
    for row in rows:
        head = f"{row['problem']}: {'right' if row['correct'] else 'wrong'}, {row['extracted']} for {row['answer']}"
        parts.append(f"{head}\n{row['question']}\n{row['completion']}")
    return "\n\n".join(f"<pre>{html.escape(part)}</pre>".replace("\n", "&#10;") for part in parts)
