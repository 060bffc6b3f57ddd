"""Checks of the environment before anything slow is loaded: secrets, models, hardware, hub, trackers, server."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import json
import netrc
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from r1rl.config.data_rules import is_hub_name
from r1rl.config.flags import SMOLLM2, TINY_MODELS, Config
from r1rl.config.names import SERVER, SMALL_TALK, option, trackers
from r1rl.engines.server_checks import check_server
from r1rl.models.source import (
    cached,
    hub_answers,
    hub_endpoint,
    is_gguf,
    is_local,
    is_merged_from_4bit,
    locate,
    shape_of,
    teacher_of,
)
from r1rl.models.tokenizer import check_same_tokens, numbered_tokens, tokenizer_file
from r1rl.models.weights import check_weights, not_again, was_in_4bit
from r1rl.runs.inputs import base_of, describe_changes, differences, model_record, place_of
from r1rl.system import distributed
from r1rl.system.errors import UserError
from r1rl.system.machine import Machine
from r1rl.system.redact import redact, secrets_of
from r1rl.tasks.base import task_class
from r1rl.tasks.prompts import load_custom_texts

HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")  # "gpt2", "Qwen/Qwen2.5-3B"


def check_surroundings(config: Config, machine: Machine) -> None:
    """Checks secrets, prompt texts, model folders, hardware, hub, chat template, trackers and server. Raises UserError."""
    check_secrets(config, os.environ)
    load_custom_texts(config)
    if config.model_name not in TINY_MODELS:
        check_model_name(config.model_name)
    for flag in ("model_name", "teacher_model", "student_model", "reward_model"):
        name = getattr(config, flag)
        if name is not None and name not in TINY_MODELS:
            folder = Path(name if flag == "reward_model" else locate(name, option(flag)))
            if folder.is_dir() and not (config.distills and flag == "teacher_model"):
                check_weights(folder, option(flag), config.trust_remote_code)
    check_4bit(config)
    check_hardware(config, machine)
    check_nucleus_with_unsloth(config, machine)
    check_hub(config)
    check_chat_template(config)
    check_vocabulary(config)
    check_tracker(config)
    check_allocator(config, os.environ)
    if config.engine == SERVER:
        check_server(config, machine.gpu is not None)


def check_secrets(config: Config, environment: Mapping[str, str]) -> None:
    """Checks that no flag holds a token or a password: flags are written to run.json. Raises UserError."""
    secrets = {value: name for value, name in secrets_of(environment).items() if has_both(value)}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name) if f.name != "notify" else None  # which is masked
        if isinstance(value, str) and (masked := redact(value, secrets)) != value:
            raise UserError(
                f"{option(f.name)} {masked!r}: the masked part looks like a token or a password, and flags are written to "
                "the run's folder. Set secrets in the environment: HF_TOKEN, WANDB_API_KEY."
            )


def has_both(value: str) -> bool:
    """Returns whether a text has letters and digits, as secrets do; so that no flag is refused for an ordinary word."""
    return len(value) > 7 and bool(re.search(r"\d", value)) and bool(re.search(r"[a-zA-Z]", value))


# ---- models and hardware


def check_model_name(name: str) -> None:
    """Checks that a local folder or GGUF file holds a model, and that any other name is like the hub's. Raises UserError."""
    path = Path(locate(name))
    if is_gguf(name) or name == SMOLLM2:
        return
    if path.is_dir():
        if not (path / "config.json").is_file():
            inside = ", ".join(sorted(p.name for p in path.iterdir())[:5]) or "nothing"
            file = " or GGUF file" if any(path.glob("*.gguf")) else ""
            raise UserError(
                f"--model-name {name!r} is a folder without config.json, so it holds no model (it holds {inside}): give the "
                f"folder{file} of a model."
            )
        return
    looks_local = name.startswith((".", "/", "~")) or (path.parent.is_dir() and str(path.parent) != ".")
    if looks_local or not HUB_NAME.fullmatch(name):
        folders = [str(p) for p in path.parent.glob("*/")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(name, folders, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "give a folder with config.json, or a hub name."
        raise UserError(f"--model-name {name!r} is not a folder on this machine: {hint}")
    if "/" not in name:
        near = difflib.get_close_matches(name, [*TINY_MODELS, SMOLLM2, *(str(p) for p in Path().glob("*/"))], n=1)
        hint = f"did you mean {near[0]!r}?" if near else "hub names look like 'Qwen/Qwen2.5-3B'."
        raise UserError(f"--model-name {name!r} is neither a folder nor a hub name: {hint}")


def check_4bit(config: Config) -> None:
    """Checks that no merged model of a 4-bit run is loaded in 4 bit, as policy or as teacher. Raises UserError.

    A run from before this check goes on as it began.
    """
    if config.load_in_4bit and not config.resume and is_merged_from_4bit(config.model_name):
        flag = "--student-model" if config.model_name == config.student_model else "--model-name"
        raise not_again(config.model_name, flag, "--load-in-4bit")
    if config.teacher_in_4bit and config.teacher_model is not None:
        place = teacher_of(config).place
        if was_in_4bit(Path(place)):
            raise not_again(place, "--teacher-model", "--teacher-in-4bit")


def check_hardware(config: Config, machine: Machine) -> None:
    """Checks that a hub model has a GPU, each process has one, and a local model fits into memory. Raises UserError."""
    with_gpu = distributed.all_gather(machine.gpu is not None)
    if any(with_gpu) and not all(with_gpu):
        raise UserError(
            f"{len(with_gpu)} processes were started, and only {sum(with_gpu)} of them found a GPU, but each needs one: "
            "start as many processes on a machine as it has GPUs (--nproc-per-node, --num_processes)."
        )
    if machine.gpu:
        return
    if not is_local(config.model_name):
        if config.model_name == SMOLLM2:  # the one hub model that is known to be small enough
            return
        raise UserError(
            f"{config.model_name} needs a CUDA GPU, and none was found ({machine.describe()}). To see a whole run on this "
            "machine, add --recipe tiny: its model ships in the package and trains on a CPU in minutes. A small model on "
            "this machine works, too: --model-name smollm2-135m, a folder or a GGUF file."
        )
    if config.model_name in TINY_MODELS:
        return
    size = sum(p.stat().st_size for p in Path(locate(config.model_name)).glob("*.safetensors"))
    if 4 * size > machine.memory_free:  # trainer and sampler in float32 from 16-bit weights
        raise UserError(
            f"--model-name {config.model_name!r} has {size / 2**30:.1f} GiB of weights; without a GPU it takes about "
            f"four times that in memory, and {machine.memory_free / 2**30:.1f} GiB are free. Use a smaller model, or "
            "--recipe tiny."
        )


def check_nucleus_with_unsloth(config: Config, machine: Machine) -> None:
    """Checks flags that compare with the nucleus of --top-p, where Unsloth's loss on a GPU reads all tokens. Raises UserError."""
    unsloth = config.wants_unsloth and importlib.util.find_spec("unsloth") is not None
    if config.top_p == 1 or machine.gpu is None or not unsloth:
        return
    names = [n for n, off in (("entropy_bonus", 0.0), ("top_entropy_share", 1.0)) if getattr(config, n) != off]
    if names:
        raise UserError(
            f"{option(names[0])} {getattr(config, names[0])} with --top-p {config.top_p}: Unsloth's loss takes the entropy of the "
            f"whole vocabulary, and the sampler draws from the nucleus. Add --no-unsloth, or --top-p 1."
        )
    again = f"--beta {config.beta}" if config.beta else None
    if config.updates_per_generation > 1:
        again = f"{config.updates_per_generation} optimizer steps per generation"
    if config.importance_correction and again:
        raise UserError(
            f"--importance-correction with --top-p {config.top_p} and {again}: Unsloth's loss then scores the whole vocabulary, and "
            f"the sampler the nucleus, so every weight would be wrong. Add --no-unsloth, or --top-p 1."
        )


def check_chat_template(config: Config) -> None:
    """Checks for --is-chat that a local model folder has a chat template. Raises UserError."""
    if not config.is_chat or not is_local(config.model_name):
        return
    folder = Path(locate(config.model_name))
    settings = folder / "tokenizer_config.json"
    content = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    if not content.get("chat_template") and not (folder / "chat_template.jinja").is_file():
        raise no_chat_template(config)


def check_vocabulary(config: Config) -> None:
    """Checks that each token of a model that lies here has a row in its embedding. Raises UserError."""
    file, shape = tokenizer_file(config.model_name), shape_of(config.model_name)
    if file is None or shape is None:
        return
    try:
        token, number = max(numbered_tokens(file).items(), key=lambda item: item[1])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} cannot be read as a tokenizer ({type(error).__name__}: {error}). Get a whole copy of the model."
        ) from None
    if number >= shape.vocab:
        raise UserError(
            f"--model-name {config.model_name!r} has {shape.vocab:,} rows in its embedding, and its tokenizer has token number "
            f"{number:,} ({token!r}). A token without a row cannot be read. Use the tokenizer that the model was trained with, "
            "or add the rows and save the model again (resize_token_embeddings of transformers)."
        )


def check_tokenizer(config: Config, tokenizer) -> None:
    """Checks for --is-chat that the loaded tokenizer of a hub model has a chat template. Raises UserError."""
    if config.is_chat and not tokenizer.chat_template:
        raise no_chat_template(config)


def check_teachers_tokenizer(config: Config, tokenizer) -> None:
    """Checks the tokens of a teacher on the hub, whose tokenizer is loaded here, against the policy's. Raises UserError."""
    if config.student_layers is None:
        from transformers import AutoTokenizer

        place = teacher_of(config).place
        theirs = AutoTokenizer.from_pretrained(place, trust_remote_code=config.trust_remote_code)
        check_same_tokens(config, tokenizer.get_vocab(), theirs.get_vocab())


def no_chat_template(config: Config) -> UserError:
    """Returns the error for --is-chat with a base model."""
    return UserError(
        f"--is-chat: the tokenizer of {config.model_name!r} has no chat template, so there is no chat format to use. "
        "Leave --is-chat out for a base model, or choose an instruction-tuned one."
    )


# ---- the hub


def check_hub(config: Config) -> None:
    """Checks that model and data are in the hub's local cache, if not local, or the hub can be reached. Raises UserError."""
    needed = []
    if not is_local(config.model_name) and not in_cache("models", locate(config.model_name)):
        needed.append(f"the model {config.model_name} (or use --model-name DIR for a local folder)")
    require_hub(needed + needed_data(config))


def check_teacher(config: Config) -> None:
    """Checks the teacher: its place, its weights, and its tokens if both tokenizers are on this machine. Raises UserError."""
    teacher = teacher_of(config)
    if (place := Path(teacher.place)).is_dir():
        check_weights(place, "--teacher-model", config.trust_remote_code)
    was = None if teacher.adapter is None else base_of(teacher.adapter)
    if was is not None and (differing := differences(was, model_record(teacher.model))):
        raise UserError(
            f"--teacher-model {config.teacher_model!r} has an adapter for {place_of(was)} as it was in training, and {teacher.model} has "
            f"other content ({describe_changes({'teacher_model': differing})}): on other weights the adapter's answers mean "
            "nothing. Restore it, or export the run with `python main.py export --to merged` where it has its model, and name "
            "that folder."
        )
    if config.student_layers is None:  # else the student has the teacher's tokenizer
        ours, theirs = tokenizer_file(config.model_name), tokenizer_file(teacher.model)
        if ours is not None and theirs is not None:
            check_same_tokens(config, numbered_tokens(ours), numbered_tokens(theirs))
    if not is_local(teacher.model) and not in_cache("models", locate(teacher.model)):
        require_hub([f"the teacher {teacher.model} (or name a local folder or a run by --teacher-model)"])


def check_data_source(config: Config) -> None:
    """Checks the same for the data alone. Raises UserError."""
    require_hub(needed_data(config))


def needed_data(config: Config) -> list[str]:
    """Returns the datasets that must come from the hub and are not in its cache."""
    if config.dataset_path is not None:
        return []
    if is_hub_name(config.dataset_name):
        names = (config.dataset_name,)
        local = "--dataset-path FILE for a local copy: .jsonl, .json, .csv or .parquet"
    else:
        task = task_class(config.dataset_name)
        names, local = task.hub, task.local
    return [f"the dataset {name} (or use {local})" for name in names if not in_cache("datasets", name)]


def require_hub(needed: list[str]) -> None:
    """Raises UserError if something is needed from a hub that cannot be reached."""
    if needed and not hub_answers():
        raise UserError(
            f"the hub at {hub_endpoint()} cannot be reached, and this is needed from it: {'; '.join(needed)}."
        )


def check_conversations(source: str) -> None:
    """Checks that conversations are a file or can be had from the hub. Raises UserError."""
    if source == SMALL_TALK or Path(source).exists() or in_cache("datasets", source) or hub_answers():
        return
    raise UserError(
        f"the dataset {source} is neither a file nor in the hub's cache, and the hub cannot be reached: name a JSONL "
        'file with {"messages": [...]} in each line.'
    )


def in_cache(kind: str, name: str) -> bool:
    """Returns whether the hub's local cache has a snapshot of the repository, of a model with weights."""
    files = ("*.safetensors", "*.bin") if kind == "models" else ("*",)
    return any(any(cached(name, file, kind)) for file in files)


# ---- trackers


def check_tracker(config: Config) -> None:
    """Checks that the packages of the trackers are installed, and that wandb has a key. Raises UserError."""
    missing = [name for name in trackers(config.report_to) if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--report-to {config.report_to}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed. "
            f"Run `pip install {' '.join(missing)}`, or leave --report-to out: the dump has all numbers."
        )
    if "wandb" in trackers(config.report_to) and not wandb_knows_key(os.environ):
        raise UserError(
            "--report-to wandb: there is no key, and wandb's prompt for one would be hidden during a run. Run `wandb login`, "
            "set WANDB_API_KEY in the environment, or set WANDB_MODE=offline to keep everything on this machine."
        )


def wandb_knows_key(environment: Mapping[str, str]) -> bool:
    """Returns whether wandb can start without asking: offline, or with a key in the environment or in netrc."""
    if environment.get("WANDB_MODE", "online") != "online":
        return True
    if environment.get("WANDB_API_KEY") or environment.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(environment.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(environment.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


# ---- memory


def check_allocator(config: Config, environment: Mapping[str, str]) -> None:
    """Checks that torch's allocator leaves --engine-sleep possible. Raises UserError."""
    for name in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        if config.engine_sleep and "expandable_segments:true" in environment.get(name, "").lower():
            raise UserError(
                f"--engine-sleep and expandable_segments:True in {name} exclude each other, because vLLM maps the memory of its "
                f"cache itself: unset {name}, or leave the flag out."
            )
