"""`main.py runs`: one line per run, damaged ones included."""

from __future__ import annotations

from fake_run import make_run


def test_lists_runs_with_state_and_scores(tmp_path, program):
    make_run(tmp_path / "first", steps=4)
    make_run(tmp_path / "second", steps=2)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    done = program("runs", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {"run", "first", "second", "broken"} <= set(lines)
    assert "%" in lines["first"] and "damaged" in lines["broken"]


def test_a_folder_without_runs_is_refused(tmp_path, program):
    done = program("runs", tmp_path)
    assert done.returncode == 2 and "holds no run" in done.stderr
