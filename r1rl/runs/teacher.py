"""The teacher of a distillation: the model and adapter that --teacher-model names, and the check of its tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.models.shape import Shape
from r1rl.models.source import locate, shape_of
from r1rl.models.weights import ADAPTER, check_weights, is_checkpoint
from r1rl.runs.finished import adapter_settings
from r1rl.runs.inputs import base_of, describe_changes, differences, model_record, place_of, saved_in
from r1rl.system.errors import UserError

FLAG = "--teacher-model"


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model by a name of --model-name, and the adapter on it, if there is one."""

    model: str
    adapter: Path | None = None

    @property
    def shape(self) -> Shape | None:
        """The shape of the model; None if it is not known."""
        return shape_of(self.model)


def teacher_of(config: Config) -> Teacher:
    """Returns the model that --teacher-model names: of a run its best one, else its newest. Raises UserError."""
    name = config.teacher_model
    if name is None:
        raise UserError(
            f"--algorithm distill learns the probabilities of a teacher, and none is named: add {FLAG} with the folder of a "
            "run (dumps/RUN), a model's folder, or a name of the hub."
        )
    folder = Path(name).expanduser()
    if name in TINY_MODELS or not folder.is_dir():
        if name.startswith((".", "/", "~")):
            raise UserError(f"{FLAG} {name!r} is no folder and no file on this machine. Check the path.")
        return Teacher(name)
    found = saved_in(folder, is_checkpoint)
    if found is None:
        if not (folder / "config.json").is_file():
            raise UserError(
                f"{FLAG} {name!r} holds neither a run with a checkpoint, nor an adapter, nor a model: name a run that has "
                "saved one, such as dumps/RUN, or a folder with config.json and model.safetensors."
            )
        check_weights(folder, FLAG, config.trust_remote_code)
        return Teacher(name)
    if not (found / ADAPTER).is_file():
        return Teacher(str(found))
    base = adapter_settings(found)["model_name"]
    was = base_of(found)
    if was is not None and (differing := differences(was, model_record(base))):
        raise UserError(
            f"{FLAG} {name!r} has an adapter for {place_of(was)} as it was then, and {base} has other content "
            f"({describe_changes({'teacher_model': differing})}): on other weights the adapter's answers mean nothing. "
            "Restore it, or export the run with `python main.py export --to merged` where it has its model, and name that "
            "folder."
        )
    return Teacher(base, found)


def numbered_tokens(file: Path) -> dict[str, int]:
    """Returns the number of each token in a tokenizer.json."""
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # Unigram: (token, score) in order
        vocabulary = {token: number for number, (token, _) in enumerate(vocabulary)}
    return vocabulary | {token["content"]: token["id"] for token in content.get("added_tokens", ())}


def check_same_tokens(config: Config, ours: Mapping[str, int], theirs: Mapping[str, int]) -> None:
    """Checks that both tokenizers have the same tokens with the same numbers. Raises UserError."""
    if ours == theirs:
        return
    token = next((t for t, number in ours.items() if theirs.get(t) != number), None)
    if token is None:
        example = f"{len(theirs) - len(ours)} of the teacher's tokens are unknown to the model"
    elif token in theirs:
        example = f"{token!r} is {ours[token]} in the model and {theirs[token]} in the teacher"
    else:
        example = f"{token!r} is unknown to the teacher"
    raise UserError(
        f"{FLAG} {config.teacher_model} has a tokenizer of {len(theirs):,} tokens that is not the one of --model-name "
        f"{config.model_name}, of {len(ours):,}: {example}. The two probabilities of a token are compared, so its number must "
        "be the same in both. Use a teacher of the model's own family, or learn its texts instead: --mode sft with "
        "--sft-data."
    )


def teacher_place(teacher: Teacher) -> str:
    """Returns the folder or hub name of the teacher's model, for from_pretrained."""
    return locate(teacher.model, FLAG)
