"""Files that version 0.1 wrote: adapters that name an embedded model by its old folder, and exported rewards."""

from __future__ import annotations

import importlib.util
import json
import shutil

import pytest
from small_run import CHECKSUM, make_trainer, tokens_and_lines

from r1rl import session
from r1rl.commands import eval, export
from r1rl.config.flags import TINY_MODELS
from r1rl.config.parser import Parser
from r1rl.models.weights import current_base
from r1rl.runs.dump import EVALUATIONS, read_lines

OLD_REWARD = """
from r1rl.outside_reward import OutsideReward, completion_of  # noqa: F401

PREFIX = '<reasoning>'  # the end of each prompt, and for the grader the beginning of the completion
SPECIAL = ('<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|pad|>')  # no text
SETTINGS = {'dataset_name': 'word-problems'}
reward_of = OutsideReward('word-problems', PREFIX, SPECIAL, SETTINGS)


def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return reward_of(solution_str, ground_truth)
"""


@pytest.fixture(scope="module")
def old_run(tmp_path_factory):
    """A run of two steps that learn, with the base model that version 0.1 wrote into its adapters."""
    trainer = make_trainer(tmp_path_factory.mktemp("dumps"), "run", CHECKSUM)
    trainer.fit(None, [])
    for path in trainer.dump.folder.glob("checkpoints/*/adapter_config.json"):
        settings = json.loads(path.read_text()) | {"base_model_name_or_path": "/gone/r1rl/tiny_base"}
        path.write_text(json.dumps(settings))
    return trainer.dump.folder


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """The commands run in this process, their output where pytest looks for it."""
    monkeypatch.setattr(session, "divert", lambda log: None)


def called(command, *given):
    parser = Parser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(g) for g in given]))


@pytest.mark.parametrize(
    ("base", "now"),
    [
        ("/gone/r1rl/tiny_base", "tiny"),
        ("/gone/r1rl/tiny_kk", "tiny-kk"),
        ("/gone/r1rl/tiny_safety", "tiny-safety"),
        ("/gone/r1rl/models/tiny/safety", "tiny-safety"),
        ("/gone/tiny_base", "/gone/tiny_base"),  # somebody's own folder
        ("Qwen/Qwen2.5-3B", "Qwen/Qwen2.5-3B"),
        (str(TINY_MODELS["tiny"]), str(TINY_MODELS["tiny"])),
    ],
)
def test_embedded_models_are_found_by_their_old_folders(base, now):
    assert current_base(base) == now


def test_a_folder_that_exists_is_used(tmp_path):
    folder = tmp_path / "r1rl" / "tiny_base"
    folder.mkdir(parents=True)
    assert current_base(str(folder)) == str(folder)


def test_a_single_old_adapter_is_evaluated_and_proven(old_run, tmp_path, capsys):
    adapter = shutil.copytree(old_run / "checkpoints" / "best", tmp_path / "adapter")
    given = ("--dataset-name", "word-problems", "--eval-count", 4, "--max-completion-length", 16, "--no-load-in-4bit")
    where = ("--dumps", tmp_path, "--exp-name", "e")
    assert called(eval, "--adapter", adapter, *given, *where) == 0
    shown = capsys.readouterr().out
    assert "model    tiny, transformers" in shown and "proof    the engine follows the adapter in all 7" in shown
    assert next(read_lines(tmp_path / "e" / EVALUATIONS))["problems"] == 4
    assert len(tokens_and_lines(tmp_path / "e")) == 4


@pytest.mark.slow
def test_an_old_run_exports_an_adapter_that_names_the_model_where_it_is_now(old_run, tmp_path):
    out = tmp_path / "out"
    assert called(export, old_run, "--to", "adapter", "-o", out, "--eval-count", 4) == 0
    base = json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert base == str(TINY_MODELS["tiny"])


def test_an_old_exported_reward_loads_and_rates(tmp_path):
    (tmp_path / "reward.py").write_text(OLD_REWARD)
    spec = importlib.util.spec_from_file_location("reward", tmp_path / "reward.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    completion = "\n1 + 1 = 2\n</reasoning>\n<answer>\n{}\n</answer>"
    assert module.compute_score("", completion.format(2), "2") == 1.0
    assert module.compute_score("", completion.format(3), "2") == 0.0
