"""Whether the real Unsloth and the real vLLM are installed, for the tests that need them; Unsloth's GRPO trainer."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile

import pytest


def missing(*names: str) -> list[str]:
    """Those of these packages that are not installed."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def needs(*names: str) -> pytest.MarkDecorator:
    """Skips where a package is missing. With R1RL_FULL_STACK=1, as in CI, nothing is skipped and the test fails."""
    absent = missing(*names)
    return pytest.mark.skipif(
        bool(absent) and os.environ.get("R1RL_FULL_STACK") != "1",
        reason=f"{' and '.join(absent)} not installed: requirements/install-cpu-stack.sh does that",
    )


def make_unsloths_trainer() -> None:
    """Has Unsloth replace TRL's GRPOTrainer in this process, as on a GPU; where that cannot be, skips the file, or fails as `needs`.

    Unsloth must be imported before TRL. Without a GPU it generates its trainer only if it is asked to.
    """
    why = ""
    if missing("unsloth"):
        why = "unsloth not installed: requirements/install-cpu-stack.sh does that"
    elif "trl" in sys.modules:
        why = "Unsloth must be imported before TRL: run this file alone"
    if why:
        assert os.environ.get("R1RL_FULL_STACK") != "1", why
        pytest.skip(why, allow_module_level=True)
    os.environ["UNSLOTH_COMPILE_LOCATION"] = tempfile.mkdtemp(prefix="r1rl-test-unsloth-")
    os.environ |= {"TORCHDYNAMO_DISABLE": "1", "UNSLOTH_BLOCK_COMPILE": "0"}  # compiling takes longer than the tests
    import torch

    if not torch.cuda.is_available():
        os.environ["UNSLOTH_ALLOW_CPU"] = "1"  # imports what belongs to GPUs, and leaves TRL as it is
    import unsloth  # noqa: F401

    if not torch.cuda.is_available():
        from unsloth.models.rl import _patch_trl_rl_trainers

        _patch_trl_rl_trainers("grpo_trainer")
