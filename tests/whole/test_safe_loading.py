"""Nothing that is loaded or sampled is run: pickles, code beside a model, rewards beside an adapter, model output."""

from __future__ import annotations

import ast
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file
from small_run import SMALL, make_trainer

from r1rl.commands import dispatch, eval
from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.recipes import overrides
from r1rl.models.policy import load_policy
from r1rl.models.weights import check_weights
from r1rl.preflight.checks import check_surroundings
from r1rl.rewards.no_gold import load_classifier
from r1rl.system.errors import UserError
from r1rl.system.machine import Machine

HERE = Machine(None, 0, 0, 2**40, 2, "x")
LOADERS = {"from_pretrained"}


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def model_without_safetensors(folder):
    """The embedded model with its weights as a pickle."""
    shutil.copytree(TINY_MODELS["tiny"], folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def config_of(folder, **changes):
    return Config(**{**SMALL, "model_name": str(folder), "exp_name": "a", **changes})


def test_a_model_with_pickled_weights_is_refused_before_anything_is_loaded(tmp_path, program):
    folder = model_without_safetensors(tmp_path / "pickled")
    done = program("--recipe", "tiny", "-m", folder, "--dumps", tmp_path / "dumps")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    for part in (f"--model-name '{folder}'", "pytorch_model.bin", "save_pretrained", "--trust-remote-code"):
        assert part in done.stderr
    assert not (tmp_path / "dumps").exists()


@pytest.mark.parametrize("flag", ["model_name", "teacher_model", "student_model", "reward_model"])
def test_every_flag_that_names_a_model_is_checked(tmp_path, flag):
    folder = model_without_safetensors(tmp_path / "pickled")
    rewards = {"reward": "accuracy,reward-model"} if flag == "reward_model" else {}
    config = Config(**{**overrides("tiny"), flag: str(folder), **rewards})
    with pytest.raises(UserError, match=f"--{flag.replace('_', '-')} .*pytorch_model.bin"):
        check_surroundings(config, HERE)
    check_surroundings(Config(**{**vars(config), "trust_remote_code": True}), HERE)


def test_the_loaders_refuse_what_no_check_has_seen(tmp_path):
    folder = model_without_safetensors(tmp_path / "pickled")
    with pytest.raises(UserError, match=r"--model-name .* no weights as safetensors"):
        load_policy(config_of(folder, unsloth=False), has_gpu=False, shared_engine=False)
    with pytest.raises(UserError, match=r"--reward-model .* no weights as safetensors"):
        load_classifier(str(folder))
    assert load_policy(config_of(folder, unsloth=False, trust_remote_code=True), False, False).trusted


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter.pt"])
def test_an_adapter_as_a_pickle_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "training_args.bin").write_bytes(b"")
    with pytest.raises(UserError, match=name) as refused:
        eval.resolve(tmp_path, None, {})
    assert "training_args.bin" not in str(refused.value)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    check_weights(tmp_path, "--adapter")  # beside safetensors nobody reads it


CODE = "import pathlib\npathlib.Path({mark!r}).touch()\nfrom transformers import Qwen2ForCausalLM as Own, Qwen2Config as OwnConfig\n"


@pytest.mark.slow
def test_code_that_comes_with_a_model_is_run_only_on_request(tmp_path):
    folder, mark = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(TINY_MODELS["tiny"], folder)
    described = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}
    (folder / "config.json").write_text(json.dumps(described | {"model_type": "nobody-knows-it", "auto_map": own}))
    (folder / "own.py").write_text(CODE.format(mark=str(mark)))
    with pytest.raises(UserError, match=r"Python code of its own.*--trust-remote-code"):
        load_policy(config_of(folder, unsloth=False), has_gpu=False, shared_engine=False)
    assert not mark.exists()
    # In a process of its own: transformers remembers such code, and would save it beside other models of this one.
    trusting = (
        f"from transformers import AutoConfig; AutoConfig.from_pretrained({str(folder)!r}, trust_remote_code=True)"
    )
    subprocess.run([sys.executable, "-c", trusting], capture_output=True, timeout=300, check=False)
    assert mark.exists()  # so the file above is one that would have been run


def test_a_script_next_to_data_is_not_run(tmp_path):
    folder, mark = tmp_path / "data", tmp_path / "ran"
    folder.mkdir()
    (folder / "data.py").write_text(CODE.format(mark=str(mark)))
    with pytest.raises(Exception):  # noqa: B017 - datasets' own words
        datasets.load_dataset(str(folder), split="train")
    assert not mark.exists()


def test_every_loader_knows_whom_to_trust():
    found = 0
    for path in sorted((ROOT / "r1rl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in LOADERS:
                told = {k.arg or ast.unparse(k.value).split("(")[0] for k in node.keywords}
                assert told & {"trust_remote_code", "load_options"}, f"{path}:{node.lineno}"
                found += 1
    assert found >= 8


RUNS_TEXT = {"eval", "exec", "compile", "__import__", "system", "popen", "literal_eval", "load_module", "exec_module",
             "unpickle", "loads", "Popen", "run", "check_output", "call"}  # fmt: skip
# file and call -> why it runs nothing that a model or a data set has written
ALLOWED = {
    ("tasks/knights_knaves/logic", "literal_eval"): "Python literals, read and not run; of at most 20,000 characters",
    ("rewards/custom_worker", "exec_module"): "the file that --reward names",
    ("system/subprocesses", "Popen"): "a module of this package, as a list; texts reach it as messages",
    ("pipeline/modes", "Popen"): "this program with its own flags, as a list",
    ("system/console", "Popen"): "the log's filter",
    ("system/distributed", "loads"): "what the processes of one run send each other, over connections of their own",
    ("runs/folder", "run"): "git, for the commit",
    ("commands/export/forms", "run"): "llama.cpp's converter, which the user has put there, with paths as a list",
    ("commands/export/proof", "run"): "this program, for the fresh process, with a file's name",
    ("system/machine", "run"): "nvidia-smi, for what others hold of a GPU",
    ("preflight/probes", "run"): "nvidia-smi, and fixed code of this package in its own process",
    ("preflight/probes", "literal_eval"): "the lists of this project's setup.py",
    ("commands/browse", "run"): "the user's own $PAGER, with a file's name",
}


def test_no_text_of_a_model_is_run():
    found = set()
    for path in [*sorted((ROOT / "r1rl").rglob("*.py")), ROOT / "main.py"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.relative_to(ROOT / "r1rl").with_suffix("").as_posix() if path.name != "main.py" else "main"
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            assert not any(
                k.arg == "shell" and not (isinstance(k.value, ast.Constant) and k.value.value is False)
                for k in node.keywords
            ), f"{path}:{node.lineno}"
            called = ast.unparse(node.func)
            module, _, last = called.rpartition(".")
            plain = last in ("eval", "exec", "compile", "__import__") and not module
            through = module in ("os", "subprocess", "pickle", "marshal", "shelve", "ast", "importlib", "builtins")
            if plain or (through and last in RUNS_TEXT | {"load"}) or last in ("exec_module", "load_module"):
                found.add((name, last))
            assert called not in ("torch.load", "pickle.load", "joblib.load", "yaml.load", "numpy.load"), path
    assert found == set(ALLOWED)


def test_a_reward_that_came_with_an_adapter_is_run_only_on_request(tmp_path):
    run, adapter = tmp_path / "run", tmp_path / "run" / "checkpoints" / "best"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    for file in (run / "mine.py", tmp_path / "mine.py"):
        file.write_text("def score(rollout, problem):\n    return 1.0\n")
    settings = {**overrides("tiny"), "trust_remote_code": True, "dumps": str(tmp_path)}
    settings["reward"] = f"{run / 'mine.py'}:score"
    (run / "run.json").write_text(json.dumps({"config": settings}))
    with pytest.raises(UserError, match=r"mine.py:score, a program that came with the run.*--trust-remote-code"):
        eval.resolve(adapter, None, {})
    assert eval.resolve(adapter, None, {"trust_remote_code": True}).trust_remote_code
    settings["reward"] = f"{tmp_path / 'mine.py'}:score"  # a file of one's own, elsewhere
    (run / "run.json").write_text(json.dumps({"config": settings}))
    assert not eval.resolve(adapter, None, {}).trust_remote_code  # the run does not say whom to trust


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint after the first of two steps."""
    trainer = make_trainer(tmp_path_factory.mktemp("run"), name="first", save_steps=1, max_completion_length=16)
    trainer.fit(None, [])
    return trainer.dump.folder / "checkpoints" / "checkpoint-1"


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "adapter_model.bin", "raw pickle", "training_args.bin"]
)
def test_resuming_runs_nothing_that_a_checkpoint_holds(tmp_path, checkpoint, name):
    folder, mark = tmp_path / "checkpoint-1", tmp_path / "ran"
    shutil.copytree(checkpoint, folder)
    if name == "adapter_model.bin":
        (folder / "adapter_model.safetensors").unlink()
    if name == "raw pickle":
        (folder / "optimizer.pt").write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save(Bomb(mark), folder / name)
    trainer = make_trainer(tmp_path, name="again", max_completion_length=16)
    if name == "training_args.bin":  # written for people, read by nobody
        trainer.fit(folder, [])
        assert trainer.state.global_step == 2
    else:
        with pytest.raises(pickle.UnpicklingError):
            trainer.fit(folder, [])
    assert not mark.exists()
    with pytest.raises(Exception):  # noqa: B017 - what was in it is no state
        torch.load(folder / ("optimizer.pt" if name == "raw pickle" else name), weights_only=False)
        raise RuntimeError
    assert mark.exists()  # so the file is one that would have been run


def test_a_refused_checkpoint_is_reported_in_one_sentence(tmp_path, monkeypatch):
    newest = tmp_path / "a" / "checkpoints" / "checkpoint-7"
    newest.mkdir(parents=True)

    def run(config, recipe, given):
        raise pickle.UnpicklingError("Weights only load failed. GLOBAL posix.system")

    flags = ["--recipe", "tiny", "--dumps", str(tmp_path), "--exp-name", "a"]
    with pytest.raises(UserError) as told:
        dispatch.train_command(flags, run)
    assert told.value.exit_code == 2
    for part in ("checkpoint-7", "was not read", "could run any program", "--resume", "error.log"):
        assert part in str(told.value)
    assert "posix.system" in (tmp_path / "a" / "logs" / "error.log").read_text()
