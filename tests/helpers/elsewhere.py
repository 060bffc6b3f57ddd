"""A run that has just begun, its export to another framework, and the arguments of the exported launch script."""

from __future__ import annotations

import subprocess

from r1rl.commands import export as commands_export
from r1rl.config.flags import Config
from r1rl.config.parser import Parser
from r1rl.config.recipes import overrides
from r1rl.runs.dump import write_json


def make_run(folder, recipe="tiny", **changes):
    """A run that has just begun: nothing but its run.json."""
    folder.mkdir(parents=True)
    settings = {**vars(Config()), **overrides(recipe), "exp_name": folder.name, **changes}
    write_json(folder / "run.json", {"schema_version": 1, "recipe": recipe, "config": settings})
    return folder


def export(*given):
    """The command, in this process; returns its exit code."""
    parser = Parser()
    commands_export.add_arguments(parser)
    return commands_export.run(parser.parse_args([str(g) for g in given]))


def launched(folder, *more):
    """The arguments of launch.sh after the program, as bash reads them: it is run with a python3 that prints them."""
    assert subprocess.run(["bash", "-n", folder / "launch.sh"]).returncode == 0
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "bin" / "python3").chmod(0o755)
    done = subprocess.run([folder / "launch.sh", *more], capture_output=True, text=True, check=True,
                          env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "GPUS": "4", "WANDB_API_KEY": "none"})  # fmt: skip
    return done.stdout.splitlines()
