"""What the environment decides about flags: ~ and variables in paths, and the encoding of file names."""

from __future__ import annotations

import pytest

from r1rl.commands.dispatch import train_parser
from r1rl.config.file import resolve_given
from r1rl.config.flags import PATHS, Config
from r1rl.config.parser import user_path
from r1rl.system.errors import UserError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, also as $PLACE."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("start", ["~", "$PLACE", "${PLACE}"])
def test_home_and_variables_are_expanded_in_every_path(home, start, monkeypatch):
    monkeypatch.setattr("r1rl.config.flags.CHECKS", [])  # no run has all of them
    config = Config(**dict.fromkeys(PATHS, f"{start}/x"))
    assert [getattr(config, name) for name in PATHS] == [f"{home}/x"] * len(PATHS)
    reward = f"accuracy=1,{start}/mine.py:score=0.5,{start}/b.py:c"
    assert Config(reward=reward).reward == f"accuracy=1,{home}/mine.py:score=0.5,{home}/b.py:c"


@pytest.mark.parametrize("file", ["run.yaml", "run.json"])
def test_they_are_expanded_in_files_and_arguments(home, file):
    text = '{"recipe": "tiny", "dataset_path": "~/data.csv", "dumps": "$PLACE/runs"}'
    (home / file).write_text(text)
    given = vars(train_parser().parse_args([f"--config=~/{file}", "--system-prompt-file=~/system.txt"]))
    given.pop("print_config")
    config, _, _ = resolve_given(given)
    assert (config.dataset_path, config.dumps) == (f"{home}/data.csv", f"{home}/runs")
    assert config.system_prompt_file == f"{home}/system.txt"
    assert user_path("~/a") == home / "a"


def test_other_text_stays_as_it_is(home, monkeypatch):
    template = "What is {question}? It costs $5 ~ $PLACE"
    assert Config(prompt_template=template).prompt_template == template
    assert Config(dumps="./a//b").dumps == "./a//b"
    monkeypatch.chdir(home)
    (home / "$odd").mkdir()
    assert Config(dumps="$odd").dumps == "$odd"
    with pytest.raises(UserError, match="the environment has no variable NO_SUCH_VARIABLE"):
        Config(dataset_path="$NO_SUCH_VARIABLE/data.csv")


@pytest.mark.parametrize("flag", ["--exp-name", "--dumps"])
def test_a_name_that_the_file_system_cannot_encode(program, tmp_path, flag):
    ascii_only = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": ""}
    done = program("--recipe", "tiny", flag, "größe", "--print-config", cwd=tmp_path, **ascii_only)
    assert done.returncode == 2 and f"{flag} 'gr" in done.stderr and "PYTHONUTF8=1" in done.stderr
    (tmp_path / "run.yaml").write_text(f"{flag}: größe\n", encoding="utf-8")
    done = program("--config", tmp_path / "run.yaml", "--print-config", cwd=tmp_path, **ascii_only)
    assert done.returncode == 2 and f"{flag} 'gr\\xf6\\xdfe' cannot be the name of a file here" in done.stderr
    assert not list(tmp_path.glob("[!r]*"))
