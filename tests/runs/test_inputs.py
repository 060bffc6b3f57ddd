"""A run knows its inputs: what changes is noticed, what only moves is harmless, and a finished run can be extended."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.recipes import overrides
from r1rl.models.source import snapshot
from r1rl.runs import inputs, resume
from r1rl.runs.dump import read_run, write_json
from r1rl.runs.finished import config_of
from r1rl.runs.folder import check_folder, open_run
from r1rl.runs.schedule import rate_of
from r1rl.system.errors import UserError

REWARD = "def own(completions, **kwargs):\n    return [1.0 for _ in completions]\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """One input of each kind, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("question,answer\n1 + 1?,2\n2 + 2?,4\n")
    (tmp_path / "own.py").write_text(REWARD)
    (tmp_path / "system.txt").write_text("Answer in tags.")
    (tmp_path / "template.txt").write_text("Q: {question}")
    shutil.copytree(TINY_MODELS["tiny"], tmp_path / "base")
    return tmp_path


def config(**changes):
    """The flags of a run with one input of each kind, as relative paths."""
    settings = {
        **overrides("tiny"), "exp_name": "run", "dataset_name": "gsm8k", "dataset_path": "data.csv",
        "reward": "accuracy=2,./own.py:own", "system_prompt_file": "system.txt", "prompt_template": "template.txt",
        "model_name": "base",
    }  # fmt: skip
    return Config(**{**settings, **changes})


def opened(**changes):
    """The run as `main.py` opens it."""
    made = config(**changes)
    check_folder(made)
    return open_run(made, "tiny", {"gpu": None}).folder


def test_every_input_is_recorded_with_path_size_and_hash(files):
    described = read_run(opened())
    recorded = described["inputs"]
    data = recorded["dataset_path"]
    assert data["path"] == str((files / "data.csv").resolve())
    size = (files / "data.csv").stat().st_size
    assert data["files"] == {"data.csv": {"bytes": size, "sha256": sha256(files / "data.csv")}}
    assert set(recorded) == {"dataset_path", "reward", "system_prompt_file", "prompt_template", "model_name"}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(recorded["model_name"]["files"])
    settings = described["config"]
    assert settings["reward"] == f"accuracy=2,{files.resolve() / 'own.py'}:own"
    assert all(settings[name].startswith("/") for name in ("dataset_path", "model_name", "system_prompt_file"))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


CHANGES = [
    ("data.csv", "data", "--dataset-path: data.csv has"),
    ("own.py", "reward", "--reward: own.py has"),
    ("system.txt", "prompt", "--system-prompt-file: system.txt has"),
    ("template.txt", "prompt", "--prompt-template: template.txt has"),
    ("base/config.json", "model", "--model-name: config.json has"),
]


@pytest.mark.parametrize(("name", "kind", "words"), CHANGES)
def test_a_changed_input_is_refused_or_accepted_and_then_recorded(files, name, kind, words):
    folder = opened()
    before = read_run(folder)["inputs"]
    (files / name).write_text((files / name).read_text() + "\n")
    with pytest.raises(UserError) as refused:
        opened(resume=True)
    assert words in str(refused.value) and f"--accept-changed {kind}" in str(refused.value)
    other = "prompt" if kind != "prompt" else "data"
    with pytest.raises(UserError, match="changed since the run began"):
        opened(resume=True, accept_changed=other)
    assert read_run(folder)["inputs"] == before
    opened(resume=True, accept_changed=f"{other},{kind}")
    described = read_run(folder)
    (entry,) = described["history"]
    assert entry["accepted"] == [kind] and all(before[flag] == was for flag, was in entry["inputs"].items())
    opened(resume=True)  # what was accepted is the content from now on


def test_the_same_size_with_other_content_is_noticed(files):
    opened()
    (files / "data.csv").write_text((files / "data.csv").read_text().replace("2,4", "2,5").replace("1?,2", "1?,3"))
    with pytest.raises(UserError, match=r"data\.csv has other content"):
        opened(resume=True)


def test_spellings_places_and_names_change_nothing(files, monkeypatch):
    folder = opened()
    elsewhere = files / "elsewhere"
    for name in ("data.csv", "own.py", "system.txt", "template.txt"):
        elsewhere.mkdir(exist_ok=True)
        (files / name).rename(elsewhere / name)
    (files / "base").rename(elsewhere / "moved-base")
    folder.rename(elsewhere / "renamed")
    monkeypatch.chdir(elsewhere)
    moved = {
        "dumps": ".",
        "exp_name": "renamed",
        "dataset_path": str(elsewhere / "data.csv"),
        "model_name": "moved-base",
    }
    folder = opened(resume=True, **moved)
    described = read_run(folder)
    assert described["config"]["model_name"] == str((elsewhere / "moved-base").resolve())
    assert described["history"][0]["settings"]["exp_name"] == ["run", "renamed"]
    opened(resume=True, **{**moved, "dataset_path": "../elsewhere/data.csv"})
    assert read_run(folder) == described


def test_a_relative_base_model_is_the_same_from_every_folder(files, monkeypatch):
    folder = opened().resolve()
    other = files / "other"
    other.mkdir()
    shutil.copytree(files / "base", other / "base")
    monkeypatch.chdir(other)
    assert config_of(folder).model_name == str((files / "base").resolve())


def test_a_run_without_records_resumes(files):
    folder = opened()
    described = read_run(folder)
    del described["inputs"]
    described["config"] |= {"dataset_path": "data.csv", "model_name": "base", "reward": "accuracy=2,own.py:own",
                            "system_prompt_file": "system.txt", "prompt_template": "template.txt"}  # fmt: skip
    write_json(folder / "run.json", described)
    (files / "data.csv").write_text("question,answer\n3 + 3?,6\n")
    opened(resume=True)
    assert read_run(folder)["inputs"]["dataset_path"]["files"]["data.csv"]["sha256"] == sha256(files / "data.csv")


def test_other_versions_are_recorded(files):
    folder = opened()
    described = read_run(folder)
    write_json(folder / "run.json", described | {"versions": {**described["versions"], "torch": "1.0"}})
    opened(resume=True)
    assert read_run(folder)["history"][0]["versions"] == {"torch": ["1.0", described["versions"]["torch"]]}


def test_data_in_a_folder_next_to_runs(files):
    folder = files / "all"
    folder.mkdir()
    shutil.copy(files / "data.csv", folder / "train.csv")
    opened(dataset_path="all", dumps="all/dumps")
    (folder / "dumps" / "run" / "metrics.jsonl").write_text("{}\n")
    opened(dataset_path="all", dumps="all/dumps", resume=True)
    shutil.copy(files / "data.csv", folder / "test.csv")
    with pytest.raises(UserError, match=r"test\.csv is new"):
        opened(dataset_path="all", dumps="all/dumps", resume=True)


def test_a_large_weight_file_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "WHOLE", 2**20)
    monkeypatch.setattr(inputs, "HEAD", 2**10)
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(8 * 2**20))
    before = inputs.records({path.name: path})
    assert before[path.name]["hashed"] == "samples" and before[path.name]["bytes"] == 8 * 2**20
    path.write_bytes(bytes(2**12) + b"\1" * (8 * 2**20 - 2**12))  # retrained: all weights behind the header differ
    assert inputs.records({path.name: path})[path.name]["sha256"] != before[path.name]["sha256"]


def test_a_model_of_the_hub_has_its_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert inputs.model_record("me/model") == {"hub": "me/model", "files": {}}
    home = tmp_path / "models--me--model"
    for revision in ("aaa", "bbb"):
        (home / "snapshots" / revision).mkdir(parents=True)
        (home / "snapshots" / revision / "config.json").write_text(f'"{revision}"')
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("aaa")
    record = inputs.model_record("me/model")
    assert record["revision"] == "aaa" and snapshot("me/model").name == "aaa"
    (home / "snapshots" / "aaa" / "tokenizer.json").write_text("{}")
    assert inputs.differences(record, inputs.model_record("me/model")) == []  # the copy has grown
    (home / "refs" / "main").write_text("bbb")
    assert "config.json has other content" in inputs.differences(record, inputs.model_record("me/model"))[0]


# ---- another base model


def test_an_adapter_refuses_another_base_model(files):
    adapter = files / "adapter"
    adapter.mkdir()
    inputs.write_base(adapter, inputs.model_record("base"))
    assert json.loads((adapter / inputs.BASE_MODEL).read_text())["path"] == str((files / "base").resolve())
    inputs.check_base(adapter, config())
    shutil.copytree(files / "base", files / "copy")
    inputs.check_base(adapter, config(model_name="copy"))
    (files / "copy" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="is not the base model of"):
        inputs.check_base(adapter, config(model_name="copy"))
    (adapter / inputs.BASE_MODEL).unlink()  # of an older version
    inputs.check_base(adapter, config(model_name="copy"))


# ---- longer runs


def with_history(folder, *steps):
    """Writes checkpoints' steps into the history, as extensions at these steps to 10 more each."""
    described = read_run(folder)
    first = described["config"]["max_steps"]
    ends = [first, *(step + 10 for step in steps)]
    described["history"] = [{"step": s, "settings": {"max_steps": [a, b]}} for s, a, b in zip(steps, ends, ends[1:])]
    write_json(folder / "run.json", described)


def test_more_steps_may_be_asked_for_and_not_fewer(files):
    folder = opened(max_steps=5)
    (folder / "summary.json").write_text("{}")
    with pytest.raises(UserError, match="--max-steps was 5 and is 4"):
        opened(max_steps=4, resume=True)
    with pytest.raises(UserError, match="add --resume"):
        opened(max_steps=9)
    opened(max_steps=9, eval_steps=3, max_minutes=5.0, resume=True)
    described = read_run(folder)
    changed = {"max_steps": [5, 9], "eval_steps": [10, 3], "max_minutes": [None, 5.0]}
    assert described["history"][0]["settings"] == changed and described["config"]["max_steps"] == 9
    assert not (folder / "summary.json").exists()
    assert resume.extensions_of(folder) == (9, [])  # without a checkpoint it begins anew, planned for 9 steps


def test_the_history_gives_the_extensions(files):
    folder = opened(max_steps=5)
    assert resume.extensions_of(folder) == (0, [])
    with_history(folder, 5, 12)
    assert resume.extensions_of(folder) == (5, [(5, 15), (12, 22)])


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
def test_the_schedule_is_transformers_before_an_extension(kind):
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    name = "constant_with_warmup" if kind == "constant" else kind
    theirs = get_scheduler(name, optimizer, num_warmup_steps=4, num_training_steps=40)
    rate = rate_of(kind, 0.1, 40, [(30, 60)])
    for step in range(30):
        assert rate(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_a_tail_begins_at_the_present_rate_and_ends_at_zero():
    linear = rate_of("linear", 0.0, 10, [(5, 15)])
    assert linear(4) == linear(5) == pytest.approx(0.6) and linear(10) == pytest.approx(0.3) and linear(15) == 0
    cosine = rate_of("cosine", 0.0, 10, [(5, 15)])
    assert cosine(4) == cosine(5) and cosine(10) == pytest.approx(cosine(4) / 2) and cosine(15) == pytest.approx(0)
    twice = rate_of("linear", 0.0, 10, [(5, 15), (10, 20)])
    assert twice(9) == twice(10) == pytest.approx(0.36) and twice(20) == 0
    constant = rate_of("constant", 0.5, 10, [(10, 20)])
    assert [constant(0), constant(4), constant(5), constant(19)] == [0, 0.8, 1, 1]
    early = rate_of("linear", 0.5, 10, [(2, 20)])  # extended within the warm-up, which comes to its end
    assert early(3) == pytest.approx(0.6) and early(5) == pytest.approx(0.8) and early(20) == 0


def test_the_flag_needs_a_resume_and_a_kind():
    with pytest.raises(UserError, match="add --resume"):
        Config(accept_changed="data")
    with pytest.raises(UserError, match="did you mean 'data'"):
        Config(accept_changed="dat", resume=True, exp_name="run")
