"""Every wrong input gives one clear message and exit code 2, before any model library is imported."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest
from conftest import ROOT

from r1rl.config.flags import TINY_MODELS

HEAVY = ("torch", "transformers", "trl", "peft", "unsloth", "vllm", "datasets")
# Runs main.py and tells on its last line which heavy libraries it had imported when it stopped.
PROBE = f"""
import runpy, sys
sys.argv[0] = "main.py"
try:
    runpy.run_path({str(ROOT / "main.py")!r}, run_name="__main__")
except SystemExit as end:
    code = end.code
print("CODE", code)
print("HEAVY", [m for m in {HEAVY!r} if m in sys.modules])
"""


@pytest.fixture
def wrong(tmp_path):
    """Runs the program with arguments that are wrong; returns its message."""

    def run(*arguments: object, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", PROBE, *map(str, arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "HF_HOME": str(tmp_path / "hub"),
                "HF_HUB_OFFLINE": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr + done.stdout
        assert "CODE 2" in done.stdout, done.stdout + done.stderr
        if not has_driver():
            assert "HEAVY []" in done.stdout
        message = done.stderr.strip()
        assert message.startswith("error: ")
        assert len(message.splitlines()) == 1
        return message

    return run


def has_driver() -> bool:
    """With a CUDA driver torch is asked for the free memory, without one it is not imported."""
    from r1rl.system.machine import has_driver

    return has_driver()


def write_data(folder, train, test='{"question": "1 + 1?", "answer": "#### 2"}\n'):
    folder.mkdir(exist_ok=True)
    (folder / "train.jsonl").write_text(train)
    (folder / "test.jsonl").write_text(test)
    return folder


TINY = ("--recipe", "tiny")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--recipe", "tiney"), ("unknown recipe 'tiney'", "did you mean 'tiny'")),
        (
            ("--recipe", "tiny", "--engine", "vllm-server", "--vllm-server-port", "1"),
            ("no server answers at 127.0.0.1:1 (", "vllm serve"),
        ),
        (("--dataset-name", "gsm8"), ("unknown --dataset-name 'gsm8'", "did you mean 'gsm8k'")),
        (("--reward", "correctnes"), ("unknown --reward 'correctnes'", "did you mean 'correctness'")),
        (("--reward", "accuracy=much"), ("the weight of 'accuracy' is 'much'", "accuracy=1,format=0.5")),
        (
            (*TINY, "-dn", "math", "--dataset-path", "no"),
            ("--dataset-path 'no' does not exist", "train and test files"),
        ),
        ((*TINY, "-dn", "math"), ("AI-MO/NuminaMath-TIR", "HuggingFaceH4/MATH-500", "--dataset-path DIR")),
        (("--engine", "vlllm"), ("unknown --engine 'vlllm'", "did you mean 'vllm'")),
        (("--loss-type", "drgrpo"), ("unknown --loss-type 'drgrpo'", "did you mean 'dr_grpo'")),
        (("--report-to", "wandbb"), ("unknown --report-to 'wandbb'", "did you mean 'wandb'")),
        (("--lerning-rate", "1e-5"), ("unknown argument '--lerning-rate'", "did you mean --learning-rate")),
        (("--max-steps", "many"), ("--max-steps", "invalid int value: 'many'")),
        (("insepct",), ("unknown command 'insepct'", "did you mean 'inspect'")),
        (("-tbs", "12"), ("--per-device-train-batch-size 12", "8 and 16")),
        (("-mclen", "1000"), ("--max-seq-length 1024", "--max-seq-length 1256", "--max-completion-length 768")),
        ((*TINY, "--model-name", "./nowhere"), ("--model-name './nowhere' is not a folder", "config.json")),
        ((*TINY, "--model-name", "tinny"), ("'tinny' is neither a folder nor a hub name", "did you mean 'tiny'")),
        ((*TINY, "--dataset-path", "nodata"), ("--dataset-path 'nodata' is not a folder", "train.jsonl")),
        ((*TINY, "--is-chat"), ("--is-chat", "no chat template", "Leave --is-chat out")),
        ((*TINY, "--resume", "--exp-name", "never"), ("there is no run in dumps/never", "check --exp-name")),
        ((*TINY, "--dumps", "/dev/null/x"), ("--dumps '/dev/null/x' cannot be written", "another folder")),
        pytest.param(
            (*TINY, "--report-to", "trackio"),
            ("--report-to trackio", "pip install trackio"),
            marks=pytest.mark.skipif(find_spec("trackio") is not None, reason="trackio is installed"),
        ),
        (("inspect", "dumps/none"), ("dumps/none is not a run",)),
        ((*TINY, "--reward", "mine.py:score"), ("--reward mine.py:score", "no file 'mine.py'")),
        (
            (*TINY, "--reward", "cot-concise", "--reward-words", "mine.json"),
            ("--reward-words mine.json", "the file does not exist"),
        ),
        (
            (*TINY, "--dataset-name", "safety-queries", "--add-reasoning-prefix"),
            ("--add-reasoning-prefix", "leave it out"),
        ),
        (
            (*TINY, "--dataset-name", "aegis", "--dataset-path", "nodata"),
            ("--dataset-path 'nodata' does not exist", "prompt_label"),
        ),
        ((*TINY, "--budget", "0"), ("--budget 0.0 must be more than 0",)),
        ((*TINY, "--mode", "both", "--max-minutes", "5"), ("--mode both is several runs", "--mode sft")),
        (("plan", "--card", "A11"), ("unknown --card 'A11'", "did you mean 'A10'")),
        (("eval",), ("--adapter DIR, --model-name DIR or --recipe",)),
        (("eval", "--adapter", "dumps"), ("holds no adapter_model.safetensors",)),
    ],
)
def test_wrong_flags(wrong, arguments, parts):
    message = wrong(*arguments)
    for part in parts:
        assert part in message


OWN = {
    "mine.csv": "frage,loesung\n" + "".join(f"{i} + 1?,{i + 1}\n" for i in range(12)),
    "words.csv": "frage,loesung\n" + "".join(f"{i} + 1?,some\n" for i in range(12)),
    "mine.yaml": "recipe: tiny\ndataset_path: mine.csv\nquestion_column: frage\nanswer_column: loesung\n",
    "typo.yaml": "recipe: tiny\nmax_stepps: 3\n",
    "text.yaml": "recipe: tiny\nmax_steps: three\n",
    "broken.yaml": "recipe: [tiny\n",
    "mine.py": "import time\n\ndef brief(rollout, problem):\n    return 1\n\ndef wrong(rollout, problem):\n"
    "    return rollout.text\n\ndef short(completions, **columns):\n    return [1]\n\n"
    "def needs(completions, hinweis):\n    return [0] * len(completions)\n\n"
    "async def slow(rollout, problem):\n    time.sleep(30)\n",
    "system.txt": "Be brief.",
}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--config", "no.yaml"), ("--config 'no.yaml' cannot be read (No such file", "YAML or JSON")),
        (("--config", "typo.yaml"), ("'max_stepps'", "did you mean 'max_steps'")),
        (("--config", "text.yaml"), ("max_steps is 'three' and must be a whole number",)),
        (("--config", "broken.yaml"), ("broken.yaml", "line 2:")),
        (("--config", "mine.py"), ("mine.py", "must be a YAML or JSON file")),
        (("--question-column", "frge"), ("is not a column of mine.csv: it has frage, loesung", "did you mean 'frage'")),
        (("--answer-column", "antwort"), ("--answer-column 'antwort'", "it has frage, loesung")),
        (("--dataset-path", "mein.csv"), ("--dataset-path 'mein.csv' does not exist", ".parquet")),
        (("--dataset-path", "words.csv"), ("12 of 12 rows cannot become problems", "words.csv, line 2", "--answer-type")),
        (("--eval-split", "test"), ("--eval-split", "is a file")),
        (("--answer-type", "words"), ("unknown --answer-type 'words'",)),
        (("--dataset-path", "mine.py"), ("must end in .jsonl",)),
        (("--system-prompt-file", "sistem.txt"), ("--system-prompt-file 'sistem.txt' cannot be read",)),
        (("--prompt-template", "Q: {qestion}"), ("did you mean {question}",)),
        (("--reward", "mine.py:breif"), ("'breif'", "did you mean 'brief'")),
        (("--reward", "mine.py:brief=lots"), ("the weight of 'mine.py:brief' is 'lots'",)),
        (("--reward", "mine.py"), ("which function of the file",)),
        (("--reward", "correctness", "--reward", "mine.py:wrong"), ("mine.py:wrong failed on problem train/", "line 7 of")),
        (("--reward", "mine.py:short"), ("returned 1 values for 5 completions",)),
        (("--reward", "mine.py:needs"), ("needs hinweis", "question, answer")),
        (("--reward", "mine.py:slow", "--reward-timeout", "0.1"), ("within --reward-timeout 0.1 seconds on 5 of 5",)),
        (("--reward-workers", "0"), ("--reward-workers 0 must be at least 1",)),
    ],
)  # fmt: skip
def test_mistakes_in_data_reward_and_config_of_ones_own(wrong, tmp_path, arguments, parts):
    for name, text in OWN.items():
        (tmp_path / name).write_text(text)
    given = () if "--config" in arguments else ("--config", "mine.yaml")
    message = wrong(*given, *arguments)
    for part in parts:
        assert part in message, message
    assert not (tmp_path / "dumps").exists()


def test_a_dataset_of_a_hub_that_does_not_answer(wrong):
    message = wrong(*TINY, "--dataset-name", "me/sums", "--question-column", "q")
    assert "cannot be reached" in message and "the dataset me/sums (or use --dataset-path FILE" in message


@pytest.mark.parametrize(
    ("train", "parts"),
    [
        (None, ("train.jsonl is missing", "the folder has no .jsonl file")),
        ("", ("train.jsonl is empty",)),
        ('{"question": "a", "answer": "#### 1"}\n{"question"\n', ("train.jsonl, line 2 is not JSON",)),
        ('["a"]\n', ("line 1 is a JSON list",)),
        ('{"question": "a", "solution": "#### 1"}\n', ('no text column "answer"', "it has question, solution")),
        ('{"question": "a", "answer": "#### one"}\n', ("train.jsonl, line 1", "one")),
        ('{"question": "a", "answer": ""}\n', ("train.jsonl, line 1",)),
    ],
)
def test_wrong_data(wrong, tmp_path, train, parts):
    folder = tmp_path / "data"
    folder.mkdir()
    if train is not None:
        write_data(folder, train)
    message = wrong(*TINY, "--dataset-path", folder)
    for part in parts:
        assert part in message
    assert not (tmp_path / "dumps").exists()  # a refused run leaves nothing behind


def test_a_reward_of_ones_own_that_fails(wrong, tmp_path):
    (tmp_path / "mine.py").write_text("def score(rollout, problem):\n    return rollout.lenght\n")
    message = wrong(*TINY, "--reward", tmp_path / "mine.py:score")
    for part in ("mine.py:score failed on problem train/0: line 2 of", "AttributeError", "lenght"):
        assert part in message
    assert not (tmp_path / "dumps").exists()


@pytest.mark.skipif(has_driver(), reason="this machine has a CUDA driver")
def test_the_default_recipe_without_a_gpu(wrong):
    message = wrong("--add-reasoning-prefix")
    assert "needs a CUDA GPU" in message
    assert "GiB of memory free" in message
    assert "--recipe tiny" in message


@pytest.mark.skipif(has_driver(), reason="this machine has a CUDA driver")
def test_a_budget_without_a_price(wrong, tmp_path):
    message = wrong(*TINY, "--budget", "2")
    assert "--budget 2.0 is in US dollars" in message and "add --gpu-price" in message
    assert not (tmp_path / "dumps").exists()


def test_a_hub_that_does_not_answer(wrong):
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    message = wrong(*TINY, "--dataset-name", "gsm8k", HF_HUB_OFFLINE="0", HF_ENDPOINT=endpoint, HTTPS_PROXY="")
    assert f"the hub at {endpoint} cannot be reached" in message
    assert "openai/gsm8k" in message
    assert "--dataset-path DIR" in message


def existing_run(tmp_path, **changes):
    """A run.json as the program writes it."""
    import dataclasses

    from r1rl.config.flags import Config
    from r1rl.config.recipes import overrides

    config = dataclasses.asdict(Config(**overrides("tiny"), exp_name="old")) | changes
    folder = tmp_path / "dumps" / "old"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"config": config}))
    return folder


def test_a_name_in_use_with_other_settings(wrong, tmp_path):
    folder = existing_run(tmp_path, learning_rate=0.25)
    for resume in ((), ("--resume",)):
        message = wrong(*TINY, "--exp-name", "old", *resume)
        assert "--exp-name 'old' exists with other settings: --learning-rate was 0.25 and is 0.001" in message
    assert [p.name for p in folder.iterdir()] == ["run.json"]


def test_a_name_in_use_with_the_same_settings(wrong, tmp_path):
    existing_run(tmp_path)
    assert "add --resume to continue it, or choose another --exp-name" in wrong(*TINY, "--exp-name", "old")


def test_too_little_room(tmp_path, monkeypatch):
    import collections
    import shutil

    from r1rl.config.flags import Config
    from r1rl.runs import folder as runs_folder
    from r1rl.system.errors import UserError

    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 2**20))
    with pytest.raises(UserError, match="has 1 MiB free, a run needs at least 200 MiB"):
        runs_folder.check_folder(Config(exp_name="a", dumps=str(tmp_path / "dumps")))
    assert not (tmp_path / "dumps").exists()


@pytest.fixture
def tiny_copy(tmp_path):
    """Returns a copy of the embedded model, whose files a test damages."""
    return shutil.copytree(TINY_MODELS["tiny"], tmp_path / "copy")


def test_a_token_without_a_row(wrong, tiny_copy):
    settings = json.loads((tiny_copy / "config.json").read_text())
    tokens = json.loads((tiny_copy / "tokenizer.json").read_text())
    last = max([*tokens["model"]["vocab"].values(), *(t["id"] for t in tokens["added_tokens"])])
    (tiny_copy / "config.json").write_text(json.dumps(settings | {"vocab_size": last}))
    message = wrong(*TINY, "--model-name", tiny_copy)
    assert f"{last:,} rows" in message and f"token number {last:,}" in message and "resize_token_embeddings" in message


def test_a_damaged_tokenizer(wrong, tiny_copy):
    (tiny_copy / "tokenizer.json").write_text('{"model": {')
    message = wrong(*TINY, "--model-name", tiny_copy)
    assert "tokenizer.json cannot be read" in message and "whole copy" in message


def test_a_file_in_place_of_a_folder_and_the_reverse(wrong, tmp_path):
    """Where the system refuses to work with a path, the message names it."""
    run = tmp_path / "run"
    shutil.copytree(ROOT / "dumps" / "example", run)
    assert "run.json is a file, and must be a folder" in wrong("dump", "to-parquet", run, "-o", run / "run.json")
    (run / "metrics.jsonl").unlink()
    (run / "metrics.jsonl").mkdir()
    for command in ("inspect", "report"):
        assert "metrics.jsonl is a folder, and must be a file" in wrong(command, run)
    assert "allows" in wrong("dump", "to-parquet", ROOT / "dumps" / "example", "-o", tmp_path / ("x" * 300))
