"""Converts a GGUF file, once, into a plain model folder in the user's cache: safetensors, config, tokenizer, licence.

It needs neither torch nor transformers, whose import must wait for Unsloth's. transformers' own reader takes longer, and its
models cannot be saved.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import json
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from r1rl.models.chat_template import ending_token
from r1rl.models.gguf_tokenizer import CONTROL, SpecialTokens, write_tokenizer
from r1rl.models.gguf_weights import check_tensors, config_of, save_json, wanted_tensors, write_weights
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError

MAGIC = b"GGUF"
SOURCE = "source.json"  # in the converted folder: the file and what was done
TAGS = "general.tags"  # llama.cpp keeps them when it quantizes a file
MARK = "r1rl_"  # begins the tags that are marks in config.json, such as weights.MERGED_FROM_4BIT
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
FLOAT32_UP_TO = 2**30  # weights; larger models are stored in bfloat16, in which a GPU loads them in any case
MOST_VALUES = 10_000_000  # read one by one; Gemma 3's file has about 2 million


def folder_of(file: Path) -> Path:
    """Returns the folder in the cache for a GGUF file, by its name and content; it may not exist yet.

    Not by its time of change, which differs each time a package is installed.
    """
    about = file.stat()
    version = digest(file, about.st_size, about.st_mtime_ns)[:12]
    return Path.home() / ".cache" / "r1rl" / "gguf" / f"{file.stem}-{version}"


@functools.lru_cache
def digest(file: Path, size: int, changed: int) -> str:
    """Returns the SHA-256 of a file's content, read once while size and time of change are the same."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def source_of(folder: Path) -> Path | None:
    """Returns the GGUF file that a folder was converted from; None for another folder, or if the file is gone."""
    about = folder / SOURCE
    file = Path(json.loads(about.read_text(encoding="utf-8"))["file"]) if about.is_file() else None
    return file if file is not None and file.is_file() and folder == folder_of(file) else None


def converted(file: Path, flag: str = "--model-name") -> Path:
    """Returns the folder with the model of a GGUF file; converts it if that was not done before. Raises UserError.

    The folder appears once it is complete. A second process waits for the first.
    """
    if not file.is_file():
        near = sorted(p.name for p in file.parent.glob("*.gguf")) if file.parent.is_dir() else []
        hint = f"{file.parent} has {', '.join(near[:5])}" if near else "no GGUF file is there"
        raise UserError(f"{flag} {str(file)!r} is not a file ({hint}): give the path of a GGUF file.")
    check_file(file, flag)
    folder = folder_of(file)
    if folder.is_dir():
        return folder
    if importlib.util.find_spec("gguf") is None:
        raise UserError(f"{flag} {str(file)!r}: reading GGUF files needs the package gguf. Run `pip install gguf`.")
    try:
        return convert_once(file, folder)
    except UserError as error:
        raise UserError(f"{flag} {str(file)!r}: {error}") from None
    except OSError as error:
        raise UserError(
            f"{flag} {str(file)!r}: the converted model cannot be written to {folder.parent} ({error.strerror or error}): "
            "make room there, or set HOME to a folder on another disk."
        ) from None


def convert_once(file: Path, folder: Path) -> Path:
    """Returns the folder after converting the file into it, unless another process does so first. Raises UserError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock, Waiting(f"converting {file.name}") as status:
        with contextlib.suppress(OSError):  # a file system without locks: then both convert, and one is kept
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        console.print(f"gguf     converting {file.name}, {file.stat().st_size / 2**30:.2f} GiB", markup=False)
        start, unfinished = time.monotonic(), Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
        try:
            words = convert(file, unfinished, status)
            unfinished.chmod(0o755)
            try:
                unfinished.replace(folder)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    console.print(f"gguf     {words}; {time.monotonic() - start:.0f} s, once; {folder}", markup=False)
    return folder


def check_file(file: Path, flag: str) -> None:
    """Checks that a file is one whole GGUF file by its name and first bytes. Raises UserError."""
    if shard := SHARD.search(file.name):
        part, parts = map(int, shard.groups())
        first = file.name.replace(shard.group(), f"-00001-of-{parts:05d}.gguf")
        raise UserError(
            f"{flag} {str(file)!r} is part {part} of {parts}, and a model is read from one file. Join the parts with "
            f"llama.cpp's `llama-gguf-split --merge {first} WHOLE.gguf`, and give WHOLE.gguf."
        )
    with file.open("rb") as content:
        begin = content.read(len(MAGIC))
    if begin != MAGIC:
        pointer = " (a Git LFS pointer: the file itself was not downloaded)" if begin == b"vers" else ""
        raise UserError(
            f"{flag} {str(file)!r} is not a GGUF file: it begins with {begin!r}{pointer}, not with {MAGIC!r}. Download it again."
        )


def convert(file: Path, folder: Path, status: Waiting) -> str:
    """Writes the model folder. Returns a line for the user. Raises UserError, before weights are converted.

    Weights are stored in float32 up to FLOAT32_UP_TO weights, so that nothing is rounded, and in bfloat16 above.
    """
    fields, tensors = read(file)
    config = config_of(fields, tensors)
    wanted = wanted_tensors(fields["general.architecture"], config)
    check_tensors(tensors, wanted)
    special, ids = tokenizer_of(fields, folder, config["max_position_embeddings"])
    numbers = {"bos_token_id": ids.get(special.begin or ""), "eos_token_id": ids[special.end],
               "pad_token_id": ids.get(special.padding or "")}  # fmt: skip
    count = sum(int(t.n_elements) for name, t in tensors.items() if name in wanted)
    dtype = "float32" if count <= FLOAT32_UP_TO else "bfloat16"
    check_space(folder, count * (4 if dtype == "float32" else 2))
    config = {**config, **numbers, "dtype": dtype}
    tags = fields.get(TAGS)
    config |= {tag: True for tag in (tags if isinstance(tags, list) else ()) if str(tag).startswith(MARK)}
    save_json(folder / "config.json", config)
    ends = [ids[token] for token in special.ends]
    save_json(folder / "generation_config.json", {**numbers, "eos_token_id": ends if len(ends) > 1 else ends[0]})
    write_weights(fields["general.architecture"], config, tensors, wanted, folder, status.update)
    licences = copy_licences(file, folder)
    kinds = sorted({t.tensor_type.name for t in tensors.values()} - {"F32"}) or ["F32"]
    licence = ", ".join(licences) or fields.get("general.license") or "none with the file"
    words = f"{file.name} ({'/'.join(kinds)}) is stored as {count:,} weights in {dtype}; {special.words}; licence: {licence}"
    save_json(folder / SOURCE, {"file": str(file.resolve()), "general.license": fields.get("general.license"),
                                        "general.name": fields.get("general.name"), "words": words})  # fmt: skip
    return words


def tokenizer_of(fields: dict[str, Any], folder: Path, length: int) -> tuple[SpecialTokens, dict[str, int]]:
    """Writes the tokenizer's files. Returns (special tokens, token ids). Raises UserError."""
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields.get("tokenizer.ggml.token_type", ())
    control = [t for t, kind in zip(tokens, kinds, strict=False) if kind == CONTROL]
    begin = fields.get("tokenizer.ggml.bos_token_id")
    begin = tokens[begin] if isinstance(begin, int) and begin < len(tokens) else None
    end = ending_token(fields.get("tokenizer.chat_template"), begin, control)
    try:
        return write_tokenizer(fields, folder, length, end)
    except UserError:
        raise
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise UserError(
            f"its tokenizer is damaged ({' '.join(str(error).split())[:100]}): download it again."
        ) from None


def read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (metadata, tensors by name) of a GGUF file; the tensors' data stay on the disk. Raises UserError."""
    from gguf import GGUFReader

    class Reader(GGUFReader):
        """gguf's reader, which otherwise reads nothing, without an end, beyond the end of a file."""

        values = 0

        def _get(self, offset: Any, dtype: Any, count: Any = 1, override_order: Any = None) -> Any:
            self.values += 1
            if self.values > MOST_VALUES:
                raise ValueError(f"it has more than {MOST_VALUES:,} settings and tokens")
            found = super()._get(offset, dtype, count, override_order)
            if len(found) < int(count):
                raise ValueError(f"byte {int(offset)} is beyond its end")
            return found

    try:
        reader = Reader(file)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, TypeError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(
            f"the file is damaged or its end is missing ({reason}): download it again, and compare its size with the source's."
        ) from None
    if fields.get("split.count", 1) > 1:
        raise UserError(
            f"it is one of {fields['split.count']} parts. Join them with llama.cpp's `llama-gguf-split --merge`, and give "
            "the whole file."
        )
    needed = ("general.architecture", "tokenizer.ggml.tokens")
    if missing := [name for name in needed if name not in fields]:
        raise UserError(f"it has no {' and no '.join(missing)}, so it holds no whole language model: use another file.")
    return fields, {t.name: t for t in reader.tensors}


def check_space(folder: Path, needed: int) -> None:
    """Checks that the disk has room for the model. Raises UserError."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"its weights take {needed / 2**30:.1f} GiB in {folder.parent}, and {free / 2**30:.1f} GiB are free: free some space."
        )


def copy_licences(file: Path, folder: Path) -> list[str]:
    """Copies the licence files next to a GGUF file, or of the package that holds it. Returns their names."""
    places = [file.parent]
    if (file.parent / "__init__.py").is_file():
        infos = sorted(file.parent.parent.glob(f"{file.parent.name}-*.dist-info"))
        places += [place for info in infos for place in (info, info / "licenses")]
    found = [p for place in places for p in sorted(place.glob("LICEN[CS]E*")) if p.is_file()]
    for path in found:
        shutil.copyfile(path, folder / path.name)
    return [path.name for path in found]
