"""Data flows one way: the light layers never import a model library, and no layer imports a later one."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGE = ROOT / "r1rl"
HEAVY = {"torch", "transformers", "trl", "peft", "unsloth", "vllm", "accelerate", "bitsandbytes"}
# Layer by layer; a file may import its own layer and those above it in this list.
LAYERS = [
    [
        "errors",
        "ranks",
        "redact",
        "weights",
        "jsonl",
        "tables",
        "child",
        "model_flags",
        "server_flags",
        "vllm_http",
        "tracker_flags",
        "templates",
        "metric_names",
        "printable",
        "records",
        "config",
        "budget",
        "guard_flags",
        "guards",
        "deadline",
        "out_of_memory",
        "puzzle_flags",
        "safety_flags",
        "value_flags",
        "reward_flags",
        "reward_file",
        "reward_worker",
        "data_flags",
        "expressions",
        "pipeline_flags",
        "small_talk",
        "words",
        "language",
        "math_grading",
        "math_worker",
        "parsing",
        "stats",
        "evaluation_words",
        "recipes",
        "config_values",
        "config_file",
        "console",
        "arithmetic",
        "check_words",
        "selfcheck",
        "logic",
        "roles",
        "verdict",
    ],
    [
        "machine",
        "server_checks",
        "shapes",
        "light_tokenizer",
        "cards",
        "memory_parts",
        "memory_plan",
        "remedies",
        "time_plan",
        "prompts",
        "prompt_words",
        "tasks",
        "rewards",
        "advantages",
        "dump",
        "disk",
        "file_checks",
        "checkpoints",
        "run",
        "grade",
        "interrupt",
        "base_habits",
        "kk_habits",
        "cot_habits",
        "role_reader",
        "grading",
        "curriculum",
        "collapse",
        "rejection",
        "conversations",
        "chat",
    ],
    ["checks", "families", "models", "shared_prompts", "engines", "preflight", "pretrain"],
    ["evaluate", "progress", "proof", "trainers"],
    [
        "by_level",
        "completions",
        "checked",
        "survey",
        "samples",
        "cherry",
        "history",
        "summary",
        "curves",
        "charts",
        "plots",
    ],
    [
        "report",
        "last_screen",
        "fine_tuning",
        "modes",
        "sampling",
        "cold_start",
        "rejection_stage",
        "student",
        "distill",
        "pipeline",
        "pipeline_table",
        "plots",
        "inspect_screen",
        "inspect_command",
        "eval_command",
        "trained",
        "export",
        "outside_reward",
        "handover",
        "handover_files",
        "export_verl",
        "export_openrlhf",
        "reload",
        "export_proof",
        "model_card",
        "model_use",
        "hub",
        "export_command",
        "ask_command",
        "chat_command",
        "plan_command",
        "pretrain_command",
        "dump_command",
        "data_command",
    ],
    ["cli", "completion_command"],
]
LIGHT = [
    "guard_flags", "guards", "deadline", "out_of_memory", "redact", "weights", "records", "config",
    "config_file", "reward_worker", "parsing", "stats", "recipes", "tasks", "rewards", "prompts", "verdict",
    "advantages", "dump", "disk", "file_checks", "checkpoints", "run", "grade", "checks", "grading",
    "curriculum", "collapse", "math_grading", "math_worker", "rejection", "conversations", "chat",
    "pipeline", "by_level", "summary", "inspect_command", "cli", "completion_command", "budget", "shapes",
    "memory_parts", "memory_plan", "remedies", "time_plan", "preflight", "plan_command", "data_command",
    "data_flags", "expressions", "prompt_words", "metric_names", "tracker_flags", "model_flags",
    "templates", "trained", "export_command", "ask_command", "chat_command", "model_card", "model_use",
    "hub", "server_flags", "vllm_http", "server_checks",
]  # fmt: skip


def module_files():
    return [p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py" or p.parent != PACKAGE]


def top(path) -> str:
    """ "engines" for r1rl/engines/vllm.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path, whole_file: bool) -> set[str]:
    """Modules imported at the top of a file, or anywhere in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if whole_file else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", module_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_file_imports_a_later_layer(path):
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    name = top(path)
    if name == "cli":  # dispatches to every command
        return
    own = rank.get(name, next((rank[known] for known in rank if name.startswith(known)), None))
    assert own is not None, f"{name} belongs to no layer: add it to LAYERS"
    for module in imports(path, whole_file=True):
        if module.startswith("r1rl."):
            other = module.split(".")[1]
            assert rank.get(other, 0) <= own, f"{name} imports {other}, a later layer"


@pytest.mark.parametrize("name", LIGHT)
def test_light_modules_load_no_model_library(name):
    code = f"import sys, r1rl.{name}; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_only_models_imports_unsloth():
    users = {top(p) for p in module_files() if any(m.split(".")[0] == "unsloth" for m in imports(p, True))}
    assert users == {"models"}
