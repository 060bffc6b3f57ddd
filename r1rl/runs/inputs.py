"""The inputs of a run: path, size and SHA-256 of every file that it reads, for run.json, --resume and exported models."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import SUFFIXES, is_hub_name
from r1rl.config.flags import SMOLLM2, TINY_MODELS, Config, named_weight, recorded
from r1rl.config.names import INPUTS, SMALL_TALK, custom_function, is_task, option
from r1rl.models.gguf import source_of
from r1rl.models.source import in_hub_cache, installed_smollm2, is_gguf, locate, saved_in, snapshot
from r1rl.models.weights import ADAPTER, NOT_WEIGHTS, PICKLES, is_checkpoint
from r1rl.runs.dump import ROLLOUTS, read_json, read_run
from r1rl.system.errors import UserError
from r1rl.tasks.base import task_class

BASE_MODEL = "base_model.json"  # next to an adapter and in an export: the base model's record
DATA_SUFFIXES = (*SUFFIXES, ".arrow")
WEIGHT_SUFFIXES = (".safetensors", ".gguf", *PICKLES)
MODEL_SUFFIXES = (*WEIGHT_SUFFIXES, ".json", ".jinja", ".model", ".txt", ".py")
# A weight file up to WHOLE bytes is hashed whole; of a larger one its size, its head and SAMPLES blocks at equal
# distances. Training changes all weights, so the samples differ, too.
WHOLE, HEAD, SAMPLES, SAMPLE = 64 * 2**20, 2**20, 64, 2**16

PATHS = (
    *(name for names in INPUTS.values() for name in names if name != "dataset_name"),
    "stage_settings",
    "earlier_run",
)
MODELS = (*INPUTS["model"], "reward_model")
REWARDS = ("reward", "general_reward")

Record = dict[str, Any]  # {"path" or "hub": text, "files": {name: {"bytes": int, "sha256": text}}}


# ---- paths


def resolved(config: Config) -> dict[str, Any]:
    """Returns the flags with absolute paths, so that they mean the same in every working directory."""
    settings = recorded(config)
    for name in PATHS:
        value = settings[name]
        if value is not None:
            settings[name] = absolute_reward(value) if name in REWARDS else absolute(name, value)
    return settings


def absolute(name: str, value: str) -> str:
    """Returns the absolute path that a flag names; a text that names no file or folder as it is."""
    path = file_named(name, value)
    return value if path is None else str(path)


def file_named(name: str, value: str) -> Path | None:
    """Returns the absolute path of the file or folder that a flag names; None for a name of the hub or a text."""
    known = value in TINY_MODELS or value in (SMOLLM2, SMALL_TALK)
    text = name == "prompt_template" and "{" in value
    try:
        path = Path(value).expanduser()
        return path.resolve() if not known and not text and path.exists() else None
    except (OSError, RuntimeError):  # too long for a name, or no such home
        return None


def absolute_reward(text: str) -> str:
    """Returns --reward with absolute paths of the files that it names."""
    return ",".join(with_file(part.strip(), lambda path: str(path.resolve())) for part in text.split(","))


def reward_without_folders(text: str) -> str:
    """Returns --reward with the names of its files alone: where a file is changes nothing."""
    return ",".join(with_file(part.strip(), lambda path: path.name) for part in text.split(","))


def with_file(part: str, change: Callable[[Path], str]) -> str:
    """Returns one part of --reward, as own.py:fun=0.5, with the path of its file changed."""
    name = named_weight(part, part)[0]
    custom, written = custom_function(name), name.rpartition(":")[0]  # as ./own.py, which Path shortens
    return part if custom is None else part.replace(f"{written}:", f"{change(custom[0])}:", 1)


# ---- records


def inputs_of(config: Config) -> dict[str, Record]:
    """Returns the record of every input by its flag; without files where a hub's are not on this machine yet."""
    found = {name: record for name in PATHS if (record := input_of(name, config)) is not None}
    if (data := hub_data(config)) is not None:
        found["dataset_name"] = data
    return found


def input_of(name: str, config: Config) -> Record | None:
    """Returns the record of what a flag names; None if it names no file, folder or model."""
    value = getattr(config, name)
    if value is None:
        return None
    if name in REWARDS:
        parts = [custom_function(named_weight(part.strip(), part)[0]) for part in value.split(",")]
        files = dict.fromkeys(custom[0].resolve() for custom in parts if custom is not None)
        short = {path.name: path for path in files}
        named = short if len(short) == len(files) else {str(path): path for path in files}
        return {"path": absolute_reward(value), "files": records(named)} if files else None
    if name == "init_from":
        adapter = start_adapter(value)
        return {"path": str(adapter), "files": records({f: adapter / f for f in (ADAPTER, "adapter_config.json")})}
    if name in MODELS:
        found = saved_in(Path(value), is_checkpoint) if name == "teacher_model" and value not in TINY_MODELS else None
        return model_record(str(found or value))
    if name in ("stage_settings", "earlier_run"):  # the stages have inputs of their own
        return None
    path = file_named(name, value)
    if path is None:
        copy = snapshot(value, "datasets") if name in ("sft_data", "general_data") else None
        return None if copy is None else {"hub": value, "files": records(dict(data_files(copy)))}
    files = {ROLLOUTS: path / ROLLOUTS} if name == "refine_run" else dict(data_files(path))
    return {"path": str(path), "files": records(files)}


def model_record(name: str) -> Record:
    """Returns the record of a model by a name of --model-name: a folder, a GGUF file, or a snapshot of the hub's."""
    if is_gguf(name) or (name == SMOLLM2 and not in_hub_cache()):
        file = Path(name) if is_gguf(name) else installed_smollm2()
        if file is not None and file.is_file():
            return {"path": str(file.resolve()), "files": records({file.name: file})}
    place = name if name not in TINY_MODELS and name != SMOLLM2 else locate(name)
    folder = Path(place).expanduser()
    if (file := source_of(folder)) is not None:
        return {"path": str(file), "files": records({file.name: file})}
    if folder.is_dir():
        return {"path": str(folder.resolve()), "files": records(model_files(folder))}
    copy = snapshot(place)
    if copy is None:
        return {"hub": place, "files": {}}
    return {"hub": place, "revision": copy.name, "files": records(model_files(copy))}


def hub_data(config: Config) -> Record | None:
    """Returns the record of the hub's data of a run; None if it reads none."""
    if config.dataset_path is not None:
        return None
    named = is_hub_name(config.dataset_name)
    names = (
        (config.dataset_name,) if named else task_class(config.dataset_name).hub if is_task(config.dataset_name) else ()
    )
    copies = [(name, copy) for name in names if (copy := snapshot(name, "datasets")) is not None]
    files = {f"{name}/{inside}": path for name, copy in copies for inside, path in data_files(copy)}
    return {"hub": ", ".join(names), "files": records(files)} if names else None


def data_files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yields (name, path) of a file, or of the data files in a folder; those of runs in it do not count."""
    if path.is_file():
        yield path.name, path
    for place, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if f[0] != "." and not Path(place, f, "run.json").is_file())
        for file in (Path(place, name) for name in sorted(names) if name[0] != "."):
            if file.suffix.lower() in DATA_SUFFIXES and file.is_file():
                yield str(file.relative_to(path)), file


def model_files(folder: Path) -> dict[str, Path]:
    """Returns config, tokenizer, weights and code of a model, by name."""
    files = (p for p in sorted(folder.iterdir()) if p.suffix in MODEL_SUFFIXES and p.is_file())
    return {p.name: p for p in files if p.name not in (BASE_MODEL, *NOT_WEIGHTS)}


def records(files: dict[str, Path]) -> dict[str, Record]:
    """Returns size and SHA-256 of files, by the same names; a file that is missing is left out."""
    found = {}
    for name, path in files.items():
        if path.is_file():
            stat = path.stat()
            found[name] = file_record(str(path), stat.st_size, stat.st_mtime_ns)
    return found


@functools.lru_cache(maxsize=4096)  # a run asks for its base model several times
def file_record(path: str, size: int, changed: int) -> Record:
    """Returns {"bytes", "sha256"}, with "hashed": "samples" for a large weight file. `changed`: for the cache."""
    with Path(path).open("rb") as file:
        if size <= WHOLE or not path.endswith(WEIGHT_SUFFIXES):
            return {"bytes": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
        digest = hashlib.sha256(file.read(HEAD))
        for i in range(SAMPLES):
            file.seek((size - SAMPLE) * i // (SAMPLES - 1))
            digest.update(file.read(SAMPLE))
    return {"bytes": size, "sha256": digest.hexdigest(), "hashed": "samples"}


def digest(record: Record) -> str:
    """Returns one SHA-256 for all files of a record."""
    lines = (f"{name} {x['bytes']} {x['sha256']}\n" for name, x in sorted(record["files"].items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def place_of(record: Record) -> str:
    """Returns the absolute path or the hub name of an input."""
    return record.get("path") or record.get("hub", "")


# ---- comparison


def differences(old: Record, new: Record) -> list[str]:
    """Returns how the files of an input differ from their record; [] if either has none, so that nothing is known.

    A single file may have another name. Of a hub's copy, which grows, only the recorded files count.
    """
    before, now = old["files"], new["files"]
    if not before or not now:
        return []
    if len(before) == len(now) == 1:
        now = dict(zip(before, now.values()))
    found = []
    for name, was in before.items():
        shown, is_now = Path(name).name, now.get(name)
        if is_now is None:
            found.append(f"{shown} is missing")
        elif is_now["bytes"] != was["bytes"]:
            found.append(f"{shown} has {is_now['bytes']:,} bytes instead of {was['bytes']:,}")
        elif is_now["sha256"] != was["sha256"]:
            found.append(f"{shown} has other content (SHA-256 {is_now['sha256'][:8]} instead of {was['sha256'][:8]})")
    return found + [f"{name} is new" for name in now if name not in before and "hub" not in old]


def changed_inputs(old: dict[str, Record], new: dict[str, Record]) -> dict[str, dict[str, list[str]]]:
    """Returns {kind: {flag: differences}} of the inputs that both runs have."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind, names in INPUTS.items():
        for name in names:
            if name in old and name in new and (differing := differences(old[name], new[name])):
                found.setdefault(kind, {})[name] = differing
    return found


def describe_changes(changed: dict[str, list[str]]) -> str:
    """Returns the differences of some flags, for a message."""
    texts = []
    for name, differing in changed.items():
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        texts.append(f"{option(name)}: {', '.join(differing[:3])}{more}")
    return "; ".join(texts)


# ---- the adapter that a run begins with, and the base model of an adapter


def start_adapter(init_from: str) -> Path:
    """Returns the folder of the adapter that --init-from names: of a run its best, else its newest. Raises UserError."""
    found = saved_in(Path(init_from), lambda place: (place / ADAPTER).is_file())
    if found is None:
        raise UserError(
            f"--init-from {init_from!r} holds no adapter: it must be the folder of a run with a checkpoint, such as "
            f"dumps/RUN, or a folder with {ADAPTER}."
        )
    return found


def check_start(config: Config) -> Path | None:
    """Returns the adapter that a run begins with, None for a new one. Raises UserError if it does not fit the run."""
    if config.init_from is None:
        return None
    adapter = start_adapter(config.init_from)
    has = read_json(adapter / "adapter_config.json", "it describes the adapter. Get a whole copy of it.")
    for flag, wanted in (("lora_rank", config.lora_rank), ("lora_alpha", config.lora_alpha or config.lora_rank)):
        if (value := has.get("r" if flag == "lora_rank" else flag)) != wanted:
            raise UserError(
                f"--init-from {config.init_from!r} has an adapter with {option(flag)} {value}, and this run has {wanted}, so "
                f"its weights do not fit: add {option(flag)} {value}."
            )
    check_base(adapter, config)
    return adapter


def write_base(folder: Path, record: Record) -> None:
    """Writes the record of the base model next to an adapter or into an export."""
    content = {"schema_version": 1, **record, "sha256": digest(record)}
    (folder / BASE_MODEL).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def base_of(adapter: Path) -> Record | None:
    """Returns the record of the base model of a checkpoint or adapter, or of its run; None for an older one."""
    path = adapter / BASE_MODEL
    if path.is_file():
        return read_json(path, "it describes the adapter's base model. Get a whole copy of the adapter.")
    run = next((p for p in adapter.resolve().parents if (p / "run.json").is_file()), None)
    return None if run is None else read_run(run).get("inputs", {}).get("model_name")


def check_base(adapter: Path, config: Config) -> None:
    """Checks that --model-name has the content of the adapter's base model, wherever it is. Raises UserError."""
    was = base_of(adapter)
    if was is None:
        return
    differing = differences(was, model_record(config.model_name))
    if differing:
        raise UserError(
            f"--model-name {config.model_name!r} is not the base model of {adapter}, which is {place_of(was)} as it was "
            f"in training ({describe_changes({'model_name': differing})}): on other weights the adapter's answers mean nothing. "
            "Name a folder with the same files by --model-name."
        )
