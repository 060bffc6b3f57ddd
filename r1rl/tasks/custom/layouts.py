"""The files of custom data by split: a file, a folder of files, a clone from the hub, or what `save_to_disk` wrote."""

from __future__ import annotations

from pathlib import Path

from r1rl.config.data_rules import ARROW, EVAL_SPLITS, SUFFIXES, eval_split_in
from r1rl.system.errors import UserError, unknown_name

DATA_FOLDER = "data"  # of a dataset that was cloned from the hub
NOTES = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")  # about the data, not data


def files_of(
    path: Path, train: str | None, evaluation: str | None, config: str | None = None
) -> tuple[list[Path], list[Path]]:
    """Returns the files of the training split and of the evaluation split, which may be none. Raises UserError.

    `config`: the folder of a clone's configuration, as on the hub (--dataset-config).
    """
    if path.is_file():
        if (evaluation, train, config) != (None, None, None):
            raise UserError(
                f"--train-split, --eval-split and --dataset-config name parts of a folder, and --dataset-path "
                f"{str(path)!r} is a file: leave them out (a part is used for evaluation), or give the folder."
            )
        return [path], []
    by_split = files_by_split(path, config)
    chosen = train or ("train" if "train" in by_split else None)
    if chosen is None:
        others = [name for name in by_split if name not in EVAL_SPLITS and name != evaluation]
        if len(others) != 1:
            raise UserError(
                f"--dataset-path {str(path)!r}: which of {', '.join(by_split)} is for training? Add --train-split NAME."
            )
        chosen = others[0]
    for flag, name in (("--train-split", chosen), ("--eval-split", evaluation)):
        if name is not None and name not in by_split:
            raise unknown_name(f"{flag} in {path}:", name, by_split)
    return by_split[chosen], by_split.get(evaluation or eval_split_in(by_split, chosen), [])


def files_by_split(path: Path, config: str | None) -> dict[str, list[Path]]:
    """Returns the files of each split of a folder, at least one. Raises UserError."""
    if not path.is_dir():
        raise UserError(
            f"--dataset-path {str(path)!r} does not exist: it must be a file ({', '.join(SUFFIXES)}) or a folder of such files."
        )
    by_split = splits_in(configured(path, config))
    if not by_split:
        raise UserError(f"--dataset-path {str(path)!r} holds no file that ends in {', '.join(SUFFIXES)}.")
    return by_split


def configured(folder: Path, config: str | None) -> Path:
    """Returns the folder of a configuration; the folder itself if its files are in none. Raises UserError."""
    inside = {} if config is None and splits_in(folder) else {
        place.name: place for place in sorted(folder.iterdir()) if place.is_dir() and splits_in(place)
    }  # fmt: skip
    if config is not None and config not in inside:
        raise unknown_name(f"--dataset-config in {folder}:", config, inside)
    if config is None and len(inside) > 1:
        raise UserError(
            f"--dataset-path {str(folder)!r} has the configurations {', '.join(inside)}: add --dataset-config NAME."
        )
    return inside[config] if config is not None else next(iter(inside.values()), folder)


def splits_in(folder: Path) -> dict[str, list[Path]]:
    """Returns a folder's data files by split, also those in its folder `data` and in folders with a split's name.

    Such are train.csv, train-00000-of-00002.parquet, train/0000.parquet and `save_to_disk`'s
    train/data-00000-of-00001.arrow. Raises UserError for a link that leads out of the folder.
    """
    places = [folder, folder / DATA_FOLDER]
    by_split: dict[str, list[Path]] = {}
    for place in places:
        inside = sorted(place.iterdir()) if place.is_dir() else []
        for file in [*inside, *(file for sub in inside if sub.is_dir() for file in sorted(sub.iterdir()))]:
            if file.suffix.lower() not in (*SUFFIXES, ARROW) or file.name in NOTES:
                continue
            name = file.stem.partition("-0")[0] if "-of-" in file.stem else file.stem
            if file.parent != place:
                if not name.isdigit() and (name, file.suffix) != ("data", ARROW):
                    continue  # in a configuration's folder
                name = file.parent.name
            if not file.resolve().is_relative_to(folder.resolve()):
                raise UserError(
                    f"{file} leads out of the folder, to {file.resolve()}: nothing outside of --dataset-path {folder} "
                    "is read. Copy the file into it."
                )
            by_split.setdefault(name, []).append(file)
    return by_split
