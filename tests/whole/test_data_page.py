"""docs/data.md, rewards.md and config.md: their commands run, or are parsed where they would train, on their own files."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from conftest import ROOT

from r1rl.commands.dispatch import train_parser
from r1rl.config.file import resolve_given
from r1rl.rewards.weighted import check_rewards, load_rewards
from r1rl.tasks.registry import load_task

DOCS = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("data", "rewards", "config")}
# A sweep is tested with its command.
without_sweep = re.sub(
    r"## Compare settings.*?(?=## )", "", DOCS["config"].partition("## A config file")[2], flags=re.DOTALL
)
PAGE = "\n".join([DOCS["data"], DOCS["rewards"], without_sweep])


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


COMMANDS = [
    shlex.split(line)
    for block in blocks("bash")
    for line in re.sub(r"\n(?!python|eval)", "\x00", block).replace("\x00", "\n").strip().split("\npython")
]
COMMANDS = [c[1:] if c[0] == "python" else c for c in COMMANDS]
# Without those that need a run, or a server.
HERE = [c for c in COMMANDS if c[0] == "main.py" and "RUN" not in " ".join(c) and "--judge-url" not in c]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the page's files."""
    folder = tmp_path_factory.mktemp("page")
    rows = "".join(f"Bo has {i} nuts and finds 4 more. How many?,{i + 4}\n" for i in range(20))
    (folder / "sums.csv").write_text("aufgabe,ergebnis\n" + rows)
    quiz = [{"question": f"Which comes {i}th?", "choices": ["red", "blue"], "answer": "B"} for i in range(12)]
    (folder / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in quiz))
    (folder / "my_rewards.py").write_text("\n".join(blocks("python")))
    (folder / "run.yaml").write_text(blocks("yaml")[0])
    return folder


def skip_without_package(command):
    """Skips a command whose task is an extra that is not installed."""
    if any("reasoning-gym:" in word for word in command):
        pytest.importorskip("reasoning_gym")


def test_the_page_has_commands():
    assert len(HERE) == 12 and [c[0] for c in COMMANDS].count("eval") == 1


@pytest.mark.parametrize("command", [c for c in HERE if c[1:3] == ["data", "check"]], ids=" ".join)
def test_data_checks_run(place, program, command):
    skip_without_package(command)
    done = program(*command[1:], cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    if "quiz.jsonl" in command:
        assert "Which comes 0th?\n(A) red\n(B) blue" in done.stdout


@pytest.mark.parametrize("command", [c for c in HERE if c[1:3] != ["data", "check"]], ids=" ".join)
def test_trainings_would_begin(place, monkeypatch, command):
    """All that is looked at before a model is loaded."""
    skip_without_package(command)
    monkeypatch.chdir(place)
    given = vars(train_parser().parse_args(command[1:]))
    given.pop("print_config"), given.pop("save_config", None)
    config, _, _ = resolve_given(given)
    problems = load_task(config).load("train")
    check_rewards(config, problems)
    assert load_rewards(config) and load_task(config).load("test")


def test_save_config_as_the_page_has_it(place, program):
    (command,) = [c for c in HERE if "--save-config" in c]
    assert program(*command[1:], cwd=place).returncode == 0
    assert "my_rewards.py:brevity" in (place / "mine.yaml").read_text()
