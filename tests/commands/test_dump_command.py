"""The dump for other programs: parquet, datasets, the pandas example of dumps/README.md, and excerpts."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pandas
import pytest
from conftest import ROOT
from fake_run import add_tokens, make_run

from r1rl.commands import dump, inspect
from r1rl.config.parser import Parser
from r1rl.reports.completions import read_completions
from r1rl.reports.tokens import tokens_of
from r1rl.runs.dump import ROLLOUTS, append_lines, read_lines
from r1rl.system.errors import UserError

PAGE = (ROOT / "dumps" / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("dumps") / "one", steps=30, eval_steps=10, problems=40)
    first = next(read_lines(made / ROLLOUTS))
    silent = {**first, "completion": "2 + 2 = 4. To verify: 4 - 2 = 2.", "extracted": None, "correct": False}
    append_lines(made / ROLLOUTS, [silent, {**first, "completion": "\ud800 = 3", "reward": None, "level": None}])
    return made


def run_command(*arguments: object) -> int:
    parser = Parser()
    dump.add_arguments(parser)
    return dump.run(parser.parse_args([str(a) for a in arguments]))


def test_parquet_holds_every_completion(folder):
    assert run_command("to-parquet", folder) == 0
    table = pandas.read_parquet(folder / "parquet" / "completions.parquet")
    lines = [c.line for c in read_completions(folder)]
    assert len(table) == len(lines) and list(table.tokens) == [line["tokens"] for line in lines]
    assert set(table.check_outcome.dropna()) <= {"confirmed", "corrected", "broke", "missed", "empty talk"}
    assert table.completion.iloc[-1] == "\ufffd = 3" and table.reward_correctness.notna().all()
    assert len(pandas.read_parquet(folder / "parquet" / "metrics.parquet")) == 30


def test_datasets_loads_it(folder, tmp_path):
    datasets = pytest.importorskip("datasets")
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset("json", data_files=str(folder / ROLLOUTS), cache_dir=cache, split="train")
    assert len(loaded) == 242 and loaded[0]["step"] == 1 and loaded[0]["rewards"]["correctness"] in (0, 1)


def test_the_example_with_pandas(folder, tmp_path):
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 20
    code = code.replace("dumps/example", str(folder))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "selfcheck.png").stat().st_size > 5000 and "confirmed" in done.stdout


def test_the_page_describes_every_field(folder):
    described = set(re.findall(r"`([a-z0-9_]+)`", PAGE))
    files = ("rollouts.jsonl", "metrics.jsonl", "evaluations.jsonl")
    for name in files:
        assert set(next(read_lines(folder / name))) <= described
    example = ROOT / "dumps" / "example"
    for name in files if example.is_dir() else ():
        assert set(next(read_lines(example / name))) <= described
    for name in ("run.json", "summary.json") if example.is_dir() else ():
        assert set(json.loads((example / name).read_text())) <= described


def test_an_excerpt_reads_like_a_run(folder, tmp_path):
    assert run_command("excerpt", folder, "-o", tmp_path / "part") == 0
    assert sum(p.stat().st_size for p in (tmp_path / "part").rglob("*") if p.is_file()) <= 300_000
    parser = Parser()
    inspect.add_arguments(parser)
    assert inspect.run(parser.parse_args([str(tmp_path / "part")])) == 0
    assert "inputs" not in json.loads((tmp_path / "part" / "run.json").read_text())  # it is made to be shared
    with pytest.raises(UserError, match="does not exist yet"):
        run_command("excerpt", folder, "-o", tmp_path / "part")


def test_damaged_lines_are_left_out_and_reported(tmp_path, capsys):
    folder = make_run(tmp_path / "hurt", steps=2, eval_steps=2, problems=4)
    append_lines(folder / ROLLOUTS, [{"completion": "no step"}])
    with (folder / "metrics.jsonl").open("a") as file:
        file.write("{broken\n")
    for action in ("to-parquet", "excerpt"):
        assert run_command(action, folder, "-o", tmp_path / action) == 0
        shown = "".join(capsys.readouterr().out.split())
        assert "damaged2lines" in shown and "rollouts.jsonl:17" in shown and "metrics.jsonl:3" in shown


def test_a_failed_excerpt_leaves_no_folder(tmp_path):
    folder = make_run(tmp_path / "hurt", steps=1, eval_steps=1, problems=2)
    (folder / "run.json").write_text("{")
    for _ in range(2):
        with pytest.raises(UserError, match="cannot be read"):
            run_command("excerpt", folder, "-o", tmp_path / "part")
    assert [path.name for path in tmp_path.iterdir()] == ["hurt"]


def test_an_excerpt_has_the_tokens_of_its_completions(tmp_path, monkeypatch, capsys):
    folder = make_run(tmp_path / "run", steps=6, eval_steps=3, problems=10)
    add_tokens(folder)
    monkeypatch.setattr(dump, "EXCERPT", 10_000)
    monkeypatch.setattr(dump, "write_overview", lambda charts, path: None)
    assert run_command("excerpt", folder, "-o", tmp_path / "part") == 0
    kept = list(read_completions(tmp_path / "part"))
    assert len(kept) < len(list(read_completions(folder)))
    assert all((tokens_of(c).gaps is None) == (c.split == "eval") for c in kept)
    (example,) = re.findall(r"```python\n(import base64\n.*?)```", PAGE, re.DOTALL)
    exec(example.replace("dumps/RUN", str(folder)), {})
    means = re.findall(r"^\d+ +([\d.]+)$", capsys.readouterr().out, re.MULTILINE)
    assert len(means) == 6 and all(2 < float(mean) < 3 for mean in means)  # of 0 to 5 in turn
    written = sum(1 for path in (tmp_path / "part" / "tokens").glob("*[!s].jsonl") for _ in read_lines(path))
    assert written == len(kept)


def test_the_example_in_the_repository():
    example = ROOT / "dumps" / "example"
    files = [p for p in example.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 300_000
    assert {"run.json", "rollouts.jsonl", "report.png"} <= {p.name for p in files}
    damaged: list[str] = []
    assert len(list(read_completions(example, damaged=damaged))) > 50 and damaged == []


def test_a_reader_that_leaves_does_not_end_the_work(folder, tmp_path):
    """The pipe of `| head -1` closes after the first line; all tables are written, and the exit code is 0."""
    command = [sys.executable, str(ROOT / "main.py"), "dump", "to-parquet", str(folder), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 3
