"""The wheel in a fresh environment: the command `r1rl` trains, and shows the run, where there is no checkout."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines

pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path) -> str:
    """Runs a command without PYTHONPATH and returns what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built of a copy of the sources and without network."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    shutil.copytree(ROOT / "r1rl", sources / "r1rl", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "main.py", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, sources)
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    run(sys.executable, "-m", *build, sources, cwd=folder)
    (built,) = folder.glob("r1rl-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The folder of programs of a fresh environment, into which the wheel was installed.

    The packages that it requires are those of the environment of these tests: on the path, but without its .pth files,
    so that an editable install of the checkout is not found.
    """
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)  # fmt: skip
    paths = {"base": str(folder), "platbase": str(folder)}
    required = [*site.getsitepackages(), site.getusersitepackages()]
    (Path(sysconfig.get_path("purelib", "venv", paths)) / "required.pth").write_text("\n".join(required))
    return folder / "bin"


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    files = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in files} == {"r1rl", "main.py"}
    sources = [p for p in (ROOT / "r1rl").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sorted(files) == sorted(["main.py", *(p.relative_to(ROOT).as_posix() for p in sources)])


def test_the_checkout_is_not_imported(programs, tmp_path):
    code = "import main, r1rl; print(main.__file__, r1rl.__file__, sep='\\n')"
    found = run(programs / "python", "-c", code, cwd=tmp_path).splitlines()
    assert len(found) == 2 and all(Path(f).is_relative_to(programs.parent) for f in found), found


def test_a_run_trains_and_is_shown(programs, tmp_path):
    flags = ["--max-steps", 2, "--eval-count", 8, "--no-unsloth", "--engine", "transformers", "--exp-name", "run"]
    screen = run(programs / "r1rl", "--recipe", "tiny", *flags, cwd=tmp_path)
    folder = tmp_path / "dumps" / "run"
    assert "before " in screen and "after " in screen
    assert [line["step"] for line in read_lines(folder / METRICS)] == [1, 2]
    assert [line["step"] for line in read_lines(folder / EVALUATIONS)] == [0, 2]
    assert "2 steps" in run(programs / "r1rl", "inspect", "dumps/run", cwd=tmp_path)
    (folder / "report.html").unlink()
    run(programs / "r1rl", "report", "dumps/run", cwd=tmp_path)
    assert "vegaEmbed" in (folder / "report.html").read_text(encoding="utf-8")
