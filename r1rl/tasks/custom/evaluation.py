"""Custom data for an evaluation without a training: the evaluation split, or all rows where there is one split only."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import eval_split_in, is_custom
from r1rl.config.flags import Config
from r1rl.system.errors import UserError, unknown_name
from r1rl.tasks import registry
from r1rl.tasks.base import Task
from r1rl.tasks.custom import CustomData, Part, first_option, part_of
from r1rl.tasks.custom.layouts import files_by_split, files_of
from r1rl.tasks.custom.rows import Rows, hub_split, load_hub, read_files


class EvaluationData(CustomData):
    """Rows of --dataset-path or of --dataset-name OWNER/NAME, none of which is held out for training."""

    def _read(self) -> dict[str, Part]:
        rows = self._tested()
        first = first_option((rows, None), self.config)
        return {"train": Part(), "test": part_of(rows, "test", self.config, first)}

    def _tested(self) -> Rows:
        c = self.config
        if c.dataset_path is None:
            splits = load_hub(c.dataset_name, c.dataset_config)
            return hub_split(splits, self._split_of(splits), c.dataset_name)
        if (path := Path(c.dataset_path)).is_file():
            return read_files(files_of(path, c.train_split, c.eval_split, c.dataset_config)[0])
        files = files_by_split(path, c.dataset_config)
        return read_files(files[self._split_of(files)])

    def _split_of(self, splits: Collection[str]) -> str:
        """Returns the split to evaluate on. Raises UserError if that is not clear."""
        given = self.config.eval_split
        if given is not None and given not in splits:
            raise unknown_name(f"--eval-split of {self.source}:", given, splits)
        chosen = given or eval_split_in(splits, self.config.train_split or "")
        if chosen is None and len(splits) > 1:
            raise UserError(
                f"{self.source}: which of {', '.join(splits)} is for the evaluation? Name it with --eval-split."
            )
        return chosen or next(iter(splits))


def evaluation_task(config: Config, trained: dict[str, Any]) -> Task:
    """Returns the task of an evaluation without a training; `trained`: the flags of the run that trained the model.

    Custom data are evaluated whole, as nothing is trained, unless the model was trained on them. Raises UserError.
    """
    return (
        EvaluationData(config) if is_custom(config) and not same_data(config, trained) else registry.load_task(config)
    )


def same_data(config: Config, trained: dict[str, Any]) -> bool:
    """Returns whether a task has the data that the model was trained on: then only what was held out is evaluated."""
    path, other = config.dataset_path, trained.get("dataset_path")
    if path is None or other is None:
        return path == other and config.dataset_name == trained.get("dataset_name")
    return Path(path).resolve() == Path(other).resolve()
