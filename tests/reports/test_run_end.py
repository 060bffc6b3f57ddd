"""The commands that a run prints at its end work in a shell, whatever its folder is called."""

from __future__ import annotations

import re
import shlex

import pytest
from fake_checkpoint import whole_checkpoint
from fake_run import make_run

from r1rl.config.flags import Config
from r1rl.reports.run_end import after_guard, finish
from r1rl.runs.dump import Dump
from r1rl.system.interrupt import Interrupt

NAMES = ("run ä 1", "it's", "a;b $HOME", "[bold]x")


@pytest.mark.parametrize("name", NAMES)
def test_printed_commands_are_quoted_for_the_shell(tmp_path, capsys, name):
    folder = make_run(tmp_path / name, steps=2, eval_steps=2, problems=4)
    finish(Dump(folder), Config(exp_name=name), Interrupt())
    commands = re.findall(r"(?:look|measure): +(.*)", capsys.readouterr().out)
    look, measure = map(shlex.split, commands)
    assert look[:4] == ["python", "main.py", "inspect", str(folder)]
    assert measure[:5] == ["python", "main.py", "eval", "--adapter", str(folder / "checkpoints" / "best")]


@pytest.mark.parametrize("name", NAMES)
def test_how_to_resume_is_quoted_too(tmp_path, capsys, name):
    folder = make_run(tmp_path / name, steps=2, eval_steps=2, problems=4)
    stop = Interrupt()
    stop.asked = True
    finish(Dump(folder), Config(exp_name=name), stop)
    assert f"--exp-name {shlex.quote(name)} --resume" in capsys.readouterr().out
    whole_checkpoint(folder / "checkpoints", 2)
    assert f"--exp-name {shlex.quote(name)} " in after_guard(folder, Config(exp_name=name))
