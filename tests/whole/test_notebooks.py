"""The notebooks, run from beginning to end on the embedded models, and as they are stored."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

from r1rl.runs.dump import EVALUATIONS, ROLLOUTS, read_lines

NAMES = ("cot_safety", "quickstart")
SCARY = ("Traceback", "Warning", "warning", "Error", "deprecated")


def stored(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def code_cells(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def execute(name: str, cwd: Path, work: Path, flags: str) -> tuple[dict, Path]:
    """Runs a notebook in `cwd`. Returns its code cells by id, and the folder of its run."""
    notebook = stored(name)
    flags = f"{flags} --no-unsloth --engine transformers --dumps '{work}'"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("R1RL_NOTEBOOK_FLAGS", flags)
        patch.setenv("IPYTHONDIR", str(work / "ipython"))
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(cwd)}}).execute()
    return code_cells(notebook), next(work.glob(f"{name}_*"))


def said(cell: nbformat.NotebookNode) -> str:
    """What a cell printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def pictures(cell: nbformat.NotebookNode) -> list[str]:
    return [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]


def check_quiet(cells: dict[str, nbformat.NotebookNode]) -> None:
    """Nothing alarms, and nothing but text and pictures is shown."""
    for id, cell in cells.items():
        for output in cell.outputs:
            assert output.output_type in ("stream", "display_data"), (id, output)
            assert output.get("name", "stdout") == "stdout", (id, output.text)
            assert set(output.get("data", {})) <= {"image/png", "text/plain"}, id
        assert not [word for word in SCARY if word in said(cell)], (id, said(cell))


@pytest.fixture(scope="module")
def safety(tmp_path_factory):
    """Started in the notebooks' folder; so many steps that the reward rises."""
    flags = "--recipe cot-safety-tiny --max-steps 8 --eval-steps 4 --learning-rate 2e-3"
    return execute("cot_safety", ROOT / "notebooks", tmp_path_factory.mktemp("safety"), flags)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """Started in the repository's root."""
    flags = "--recipe tiny --max-steps 3 --eval-count 40"
    return execute("quickstart", ROOT, tmp_path_factory.mktemp("quickstart"), flags)


@pytest.mark.slow
def test_the_safety_notebook_says_reward_and_agreement(safety):
    cells, run = safety
    check_quiet(cells)
    first, *_, last = read_lines(run / EVALUATIONS)
    lines = said(cells["before-after"]).splitlines()
    for line, e in zip(lines, (first, last)):
        assert f"reward {e['mean_reward']:.2f} ({e['reward_low']:.2f} to {e['reward_high']:.2f})" in line
        assert f"label agreement {e['accuracy']:.1%} ({e['low']:.1%} to {e['high']:.1%}), n = 200" in line
    assert last["mean_reward"] > first["mean_reward"]
    assert "step    8  label agreement" in said(cells["train"])
    assert len(pictures(cells["curves"])) == 1
    assert said(cells["push"]).startswith("Nothing was pushed. Set PUSH_TO")


@pytest.mark.slow
def test_its_three_answers_are_those_of_the_evaluation(safety):
    """transformers and peft load what the engine sampled from, so greedy answers are the same."""
    cells, run = safety
    best = max(read_lines(run / EVALUATIONS), key=lambda e: e["mean_reward"])
    assert best["step"] > 0 and f"step {best['step']} " in said(cells["before-after"])
    lines = list(read_lines(run / "eval" / f"step_{best['step']}.jsonl"))
    answers = said(cells["answers"]).strip().split("\n\n")
    assert len(answers) == 3
    for answer in answers:
        query = re.match("query +(.*)", answer)[1]
        line = next(x for x in lines if f"Query: {query}\n" in x["prompt"])
        assert f"answer   {line['completion'].strip()}\n" in answer
        assert f"reward   {line['reward']:.1f}: markers " in answer
        assert f"verdict  {line['extracted'] or 'none'}; label {line['answer']}" in answer


@pytest.mark.slow
def test_the_quickstart_says_what_was_learned(quickstart):
    cells, run = quickstart
    check_quiet(cells)
    first, *_, last = read_lines(run / EVALUATIONS)
    words = said(cells["before-after"])
    for when, e in (("before", first), ("after", last)):
        assert re.search(rf"{when} +{e['correct']} / 40, .* 95 % interval .* \(step {e['step']}\)", words)
    assert "exact McNemar" in words and words.splitlines()[1] in said(cells["train"])
    assert len(pictures(cells["curves"])) == len(pictures(cells["checks"])) == 1
    assert Path(said(cells["report"]).strip()) == run / "report.html" and (run / "report.html").is_file()


@pytest.mark.slow
def test_it_shows_the_same_problems_before_and_after(quickstart):
    cells, run = quickstart
    shown = said(cells["completions"])
    for step in (0, 3):
        for line in list(read_lines(run / "eval" / f"step_{step}.jsonl"))[:3]:
            assert line["prompt"].partition("Question: ")[2].strip() + f" [{line['answer']}]" in shown
            assert line["completion"].splitlines()[1][:50] in shown
    assert shown.count("STEP 0: ") == shown.count("| STEP 3: ") == 3


@pytest.mark.slow
def test_it_counts_every_completion_by_its_check(quickstart):
    cells, run = quickstart
    table = said(cells["checks"]).partition("\n\n")[2]
    counts = [int(line.split()[-1]) for line in table.splitlines()[2:]]
    assert sum(counts) == len(list(read_lines(run / ROLLOUTS))) == 3 * 64


@pytest.mark.parametrize("name", NAMES)
def test_stored_notebooks_are_clean(name):
    notebook = stored(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_cells(notebook).values():
        assert cell.outputs == [] and cell.execution_count is None
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds == ["markdown"] + ["markdown", "code"] * (len(kinds) // 2)  # words before each cell


@pytest.mark.parametrize("command", (["format", "--check"], ["check"]))
def test_ruff_reads_every_cell(command):
    paths = [f"notebooks/{name}.ipynb" for name in NAMES]
    done = subprocess.run([sys.executable, "-m", "ruff", *command, *paths], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--show-files", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert all(path in listed.stdout for path in paths)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gpu", (True, False))
def test_colab_clones_installs_and_asks_for_a_restart(name, gpu, monkeypatch):
    """The cell with a stand-in for Colab: what it would run, and that a placeholder is refused first."""
    source = code_cells(stored(name))["install"].source
    commands = []
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}" if gpu else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    monkeypatch.setattr("subprocess.run", lambda command, **options: commands.append([*map(str, command)]))
    with pytest.raises(SystemExit, match="placeholder"):
        exec(source, {})
    assert commands == []
    with pytest.raises(SystemExit, match="Restart session"):
        exec(source.replace("/OWNER/", "/someone/", 1), {})
    clone, install = commands
    assert clone == ["git", "clone", "--depth=1", "https://github.com/someone/r1rl", "/content/clone"]
    assert install[1:] == ["-m", "pip", "install", "--quiet", "-e", ".[gpu]" if gpu else "."]


def test_elsewhere_nothing_is_installed(monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *arguments, **options: pytest.fail("something was run"))
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.chdir(ROOT / "notebooks")
    for name in NAMES:
        found: dict = {}
        exec(code_cells(stored(name))["install"].source, found)
        assert found["ROOT"] == ROOT and Path.cwd() == ROOT / "notebooks"
