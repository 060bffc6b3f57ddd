"""The packages are in the order in which data flows; a package imports only packages before it, without cycles."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGE = ROOT / "r1rl"
ORDER = (
    "records", "system", "config", "models", "rewards", "tasks", "engines", "runs", "preflight", "trainers", "session",
    "reports", "pipeline", "commands", "outside_reward", "main",
)  # fmt: skip
HEAVY = {"torch", "transformers", "trl", "peft", "unsloth", "vllm", "accelerate", "bitsandbytes", "datasets"}
# Modules that may import a model library at load; all others open on any laptop in a fraction of a second.
MAY_BE_HEAVY = (
    "models.fused_adapter", "models.logprobs", "models.shared_prompts", "engines.decoder", "engines.draw", "engines.proof", "engines.transformers",
    "trainers.arguments", "trainers.base", "trainers.batches", "trainers.callbacks", "trainers.distillation.divergence", "trainers.distillation.teacher",
    "trainers.distillation.trainer", "trainers.grpo", "trainers.guards.callback",
    "trainers.ppo", "trainers.saving", "trainers.sft", "trainers.trial", "trainers.update",
)  # fmt: skip
DEEPEST_CHAIN = 12
MOST_ENTRIES = 16


def name_of(path) -> str:
    """ "engines.vllm" for r1rl/engines/vllm.py, "engines" for its __init__.py, "main" for main.py."""
    parts = path.relative_to(PACKAGE if path != ROOT / "main.py" else ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").removesuffix(".")


FILES = {name_of(p): p for p in [*PACKAGE.rglob("*.py"), ROOT / "main.py"]}


@functools.cache
def imports(name: str, only_at_load: bool = False) -> frozenset[str]:
    """Modules of the project and libraries that a file imports, anywhere in it or when it is loaded."""
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if only_at_load else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports name the whole path"
            whole = [f"{node.module}.{alias.name}".removeprefix("r1rl.") for alias in node.names]
            found |= {w if w in FILES else node.module for w in whole}
    return frozenset(m.removeprefix("r1rl.") for m in found)


def inside(name: str) -> list[str]:
    """Modules of the project that a module imports; the package itself (its version) does not count."""
    return sorted(m for m in imports(name) if m in FILES and m not in (name, ""))


def test_every_entry_of_the_package_has_its_place():
    entries = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.name != "__pycache__"}
    assert entries - {"__init__"} == set(ORDER) - {"main"}
    assert len(entries) <= MOST_ENTRIES


def test_no_folder_has_more_modules_than_a_reader_can_hold():
    folders = {p.parent for p in PACKAGE.rglob("*.py")}
    crowded = {str(f): n for f in folders if (n := len(list(f.glob("*.py")))) > MOST_ENTRIES}
    assert not crowded


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_package_imports_only_packages_before_it(name):
    place = {package: i for i, package in enumerate(ORDER)}
    own = place.get(name.split(".")[0], -1)
    later = [m for m in inside(name) if place[m.split(".")[0]] > own]
    assert not later, f"{name} imports {', '.join(later)}, which come after it"


def test_no_import_cycles_and_no_long_chains():
    """Also without imports inside functions there is none; the longest chain is what a reader has to follow."""
    chains: dict[str, tuple[str, ...]] = {}

    def chain(name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        assert name not in above, f"import cycle: {' -> '.join((*above[above.index(name) :], name))}"
        if name not in chains:
            below = [chain(m, (*above, name)) for m in inside(name)]
            chains[name] = (name, *max(below, key=len, default=()))
        return chains[name]

    longest = max((chain(name, ()) for name in FILES), key=len)
    assert len(longest) <= DEEPEST_CHAIN, f"{len(longest)}: {' -> '.join(longest)}"


def test_light_modules_load_no_model_library():
    light = [name for name in FILES if name not in (*MAY_BE_HEAVY, "main", "")]
    code = f"""
import importlib, sys
for name in {light!r}:
    importlib.import_module(f"r1rl.{{name}}")
    assert not (heavy := {HEAVY!r} & set(sys.modules)), f"{{name}} loads {{heavy}}"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_heavy_modules_are_heavy():
    """A name in the list that does not need its place there would hide a mistake."""
    heavy = HEAVY | set(MAY_BE_HEAVY)
    loaded = {
        name: {m if m in FILES else m.split(".")[0] for m in imports(name, only_at_load=True)} for name in MAY_BE_HEAVY
    }
    assert not [name for name, modules in loaded.items() if not modules & heavy]


def test_only_models_imports_unsloth():
    users = {n.split(".")[0] for n in FILES if "unsloth" in {m.split(".")[0] for m in imports(n)}}
    assert users == {"models"}


def test_programs_in_the_tests_import_what_exists():
    """Also those that are written as text and run in another process."""
    known = {"r1rl", *(f"r1rl.{name}" for name in FILES)}
    for path in (ROOT / "tests").rglob("*.py"):
        named = re.findall(r"\b(?:from|import) (r1rl(?:\.\w+)*)", path.read_text(encoding="utf-8"))
        assert set(named) <= known, f"{path.relative_to(ROOT)}: {sorted(set(named) - known)}"
