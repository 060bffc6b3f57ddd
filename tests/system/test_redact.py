"""Secrets never reach a run's folder: masking by value and by shape, the log's filter, and a real run with planted ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1rl.commands import dispatch
from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.preflight.checks import check_secrets
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import write_json
from r1rl.system import redact
from r1rl.system.errors import UserError
from r1rl.system.redact import MASK, redact_all, secrets_of

# Made up, in the shape of real ones; put together here so that no scanner takes this file for a leak.
SHAPED = {
    "Hugging Face": "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f",
    "GitHub": "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fGh",
    "GitHub, fine": "github_pat_" + "11ABCDEFG0abcdefghij_KLMNOPQRSTUVWXYZ",
    "GitLab": "glpat-" + "aB3dE5gH7jK9mN1pQ3sT",
    "OpenAI": "sk-" + "proj-aB3dE5gH7jK9mN1pQ3sT5vW7yZ",
    "AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "Slack": "xoxb-" + "123456789012-abcdefghijkl",
    "web token": "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0.abc-DEF_123",
}
HEXADECIMAL = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", SHAPED)
@pytest.mark.parametrize("around", ["{}", "x={} y", "'{}',", '{{"a": "{}"}}', "https://host/{}/", "ä{}ö"])
def test_known_shapes_are_masked_wherever_they_stand(name, around):
    text = redact.redact(around.format(SHAPED[name]), {})
    assert text == around.format(MASK)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("git clone https://me:pa55@host/x.git", f"git clone https://{MASK}@host/x.git"),
        ("https://onlytoken@host:80/", f"https://{MASK}@host:80/"),
        ("s3://id:p@ss@bucket/file", f"s3://{MASK}@bucket/file"),
        (f"wandb: logging in with {HEXADECIMAL}", None),
        (f"WANDB_API_KEY={HEXADECIMAL}", f"WANDB_API_KEY={MASK}"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MASK}"),
        ('{"api_key": "Zx81abcdef"}', f'{{"api_key": "{MASK}"}}'),
    ],
)
def test_what_a_word_next_to_it_reveals(text, masked):
    found = redact.redact(text, {})
    assert MASK in found and found == (masked or found)
    assert HEXADECIMAL not in found


@pytest.mark.parametrize(
    "text",
    [
        f'"commit": "{HEXADECIMAL}+changes"',
        "tokenizer loaded, pad_token = '<|endoftext|>', eos_token_id=151643",
        "task-generation-of-long-names-1 hf_transfer hf_hub_download",
        "mail me@example.org, see https://example.org/a@b",
        "KeyError: 'reasoning_tokens'",
        "the key is under the mat, the token is a word",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact.redact(text, {}) == text


def test_values_of_the_environment(tmp_path):
    environment = {
        "HF_TOKEN": "not-in-any-shape",
        "MY_SECRET_THING": "two\nlonger lines",
        "db_password": "hunter2",
        "TOKENIZERS_PARALLELISM": "falsehood",
        "MAX_TOKENS": "100000",
        "SSH_KEY_FILE": str(tmp_path),
        "API_KEY": "true",
        "HOME": "/home/somebody",
    }
    found = secrets_of(environment)
    assert found == {"not-in-any-shape": "HF_TOKEN", "longer lines": "MY_SECRET_THING", "hunter2": "db_password"}
    text = "a not-in-any-shape b hunter2hunter2 longer lines /home/somebody"
    assert redact.redact(text, found) == f"a {MASK} b {MASK}{MASK} {MASK} /home/somebody"


def test_lists_and_what_follows_a_flag():
    command = ["main.py", "--hf-token", "short", "--max-steps", "5", "-m", "https://u:p@h/m"]
    assert redact_all({"command": command, "n": 1, "none": None}, {}) == {
        "command": ["main.py", "--hf-token", MASK, "--max-steps", "5", "-m", f"https://{MASK}@h/m"],
        "n": 1,
        "none": None,
    }


@given(st.text(max_size=200), st.text(max_size=50))
def test_a_secret_is_gone_from_any_text(before, after):
    token = SHAPED["Hugging Face"]
    assert token not in redact.redact(f"{before} {token} {after}", {})
    assert "plain-value-7" not in redact.redact(before + "plain-value-7" + after, {"plain-value-7": "X"})


@pytest.mark.parametrize(
    "piece", ["x", "://", "://a@", "key=", "token: ", "sk-", "eyJ.", "bearer ", "0123456789abcdef", "hf_a1"]
)
def test_a_line_of_a_million_characters_takes_a_moment(piece):
    start = time.process_time()
    redact.redact(piece * (1_000_000 // len(piece)), {})
    assert time.process_time() - start < 20  # measured: under 2; a quadratic pattern would take hours


def filtered(data: bytes, **environment: str) -> bytes:
    """What the log's filter makes of some output."""
    command = [sys.executable, "-I", "-S", redact.__file__]
    return subprocess.run(
        command, input=data, capture_output=True, env={**os.environ, **environment}, check=True, timeout=60
    ).stdout


def test_the_filter_keeps_all_but_secrets():
    other = bytes(range(256)) * 3 + "é\u2028\n".encode() * 30_000 + b"no line end \x00 \xff"
    assert filtered(other) == other
    data = b"a plain-value-7 b\r" + b"y" * 70_000 + b" plain-value-7"
    assert filtered(data, A_TOKEN="plain-value-7") == data.replace(b"plain-value-7", MASK.encode())


def test_a_secret_across_two_writes_and_a_line_without_end():
    reading, writing = os.pipe()
    process = subprocess.Popen([sys.executable, "-I", "-S", redact.__file__], stdin=reading, stdout=subprocess.PIPE)
    os.close(reading)
    token = SHAPED["Hugging Face"].encode()
    for part in (b"x " + token[:10], token[10:] + b"\nlast ", token):
        os.write(writing, part)
        time.sleep(0.05)
    os.close(writing)
    assert process.communicate(timeout=60)[0] == f"x {MASK}\nlast {MASK}".encode()


def test_run_json_and_error_log_are_masked(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "plain-value-7")
    monkeypatch.setattr(sys, "argv", ["main.py", "--project-name", "plain-value-7", SHAPED["GitHub"]])
    config = Config(**overrides("tiny"), exp_name="a", dumps=str(tmp_path), project_name="plain-value-7")
    dump = runs_folder.open_run(config, "tiny", {"gpu": None})
    dispatch.run_failed(RuntimeError(f"cannot use {SHAPED['OpenAI']} nor plain-value-7"), dump.folder)
    written = (dump.folder / "run.json").read_text() + (dump.folder / "logs" / "error.log").read_text()
    assert MASK in written and "RuntimeError" in written
    for secret in ("plain-value-7", SHAPED["GitHub"], SHAPED["OpenAI"]):
        assert secret not in written
    with pytest.raises(UserError, match="add --resume"):  # a masked setting is no other setting
        runs_folder.check_settings(config, dump.folder)


@pytest.mark.parametrize("value", [SHAPED["Hugging Face"], "https://me:word@host/x", "plain-value-7"])
def test_a_flag_with_a_secret_is_refused(value):
    config = Config(**overrides("tiny"), project_name=value)
    with pytest.raises(UserError, match="--project-name") as refused:
        check_secrets(config, {"MY_TOKEN": "plain-value-7"})
    assert value not in str(refused.value) and "HF_TOKEN" in str(refused.value)
    check_secrets(Config(**overrides("tiny")), {"KEY_OF_NOTHING": "word-problems"})  # a word is no secret


def test_the_page_of_an_older_run_is_masked(tmp_path, program):
    from fake_run import make_run

    folder = make_run(tmp_path / "old", steps=4, eval_steps=2, problems=8)
    described = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", described | {"command": ["main.py", SHAPED["Hugging Face"]]})
    assert program("report", folder).returncode == 0
    page = (folder / "report.html").read_text()
    assert SHAPED["Hugging Face"] not in page and MASK in page


TALKATIVE = """
import logging, os, subprocess, sys

def score(rollout, problem):
    secrets = " ".join(os.environ[n] for n in ("HF_TOKEN", "WANDB_API_KEY", "MY_PASSWORD"))
    print("printed", secrets)
    logging.getLogger("x").warning("logged %s", secrets)
    os.write(1, b"written " + secrets.encode() + b"\\n")
    subprocess.run(["sh", "-c", "echo child $HF_TOKEN $WANDB_API_KEY $MY_PASSWORD >&2"])
    sys.stderr.write("url https://me:" + os.environ["MY_PASSWORD"] + "@host/ " + "\\x00" * 3 + "\\n")
    return float(len(rollout.completion) % 7)
"""


@pytest.mark.slow
def test_planted_secrets_are_nowhere_in_the_folder_of_a_real_run(tmp_path, program):
    (tmp_path / "mine.py").write_text(TALKATIVE)
    secrets = {"HF_TOKEN": SHAPED["Hugging Face"], "WANDB_API_KEY": HEXADECIMAL, "MY_PASSWORD": "no-shape-7"}
    done = program(
        "--recipe", "tiny", "--no-unsloth", "--engine", "transformers", "--dumps", tmp_path / "dumps",
        "--exp-name", "planted", "--reward", f"{tmp_path / 'mine.py'}:score", "--max-steps", 1, "-tbs", 8,
        "-mclen", 24, "--eval-count", 4, "--eval-steps", 1,
        **secrets,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "dumps" / "planted"
    log = (folder / "logs" / "libraries.log").read_text()
    for line in ("printed", "logged", "written", "child"):
        assert f"{line} {MASK} {MASK} {MASK}\n" in log
    assert f"url https://{MASK}@host/ \x00" in log
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert {"run.json", "rollouts.jsonl", "report.html", "training_args.bin"} <= {p.name for p in files}
    for path in files:
        for secret in secrets.values():
            assert secret.encode() not in path.read_bytes(), path
