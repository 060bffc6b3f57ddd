"""The last screen, `inspect` and `report` open each file of a dump once; completions of training are streamed."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_run import make_run

from r1rl.commands import inspect as commands_inspect
from r1rl.config.flags import Config
from r1rl.config.parser import Parser
from r1rl.reports import highlights
from r1rl.reports import survey as reports_survey
from r1rl.reports.page.build import pass_over, write_report
from r1rl.reports.run_end import finish
from r1rl.reports.summary import summary_lines
from r1rl.reports.survey import survey
from r1rl.runs.dump import EVALUATIONS, GUARDS, METRICS, ROLLOUTS, Dump, append_lines, read_lines
from r1rl.runs.run_data import RunData
from r1rl.system.interrupt import Interrupt

READ = {"run.json", ROLLOUTS, METRICS, EVALUATIONS, GUARDS, *(f"eval/step_{i}.jsonl" for i in (0, 10, 20, 30))}
counted: list[Counter] = []  # audit hooks cannot be removed: this one counts while a counter is in the list


def count(event: str, arguments: tuple) -> None:
    if event == "open" and counted and isinstance(arguments[0], str | Path):
        counted[-1][str(arguments[0])] += 1


sys.addaudithook(count)


@contextmanager
def opens(folder):
    """How often each file of the folder is opened inside, by its path in the folder."""
    counted.append(Counter())
    found: Counter = Counter()
    try:
        yield found
    finally:
        names = {str(p): str(p.relative_to(folder)) for p in folder.rglob("*")}
        found.update({names[path]: n for path, n in counted.pop().items() if path in names})


@pytest.fixture
def folder(tmp_path):
    made = make_run(tmp_path / "one", steps=30, eval_steps=10, problems=40)
    finding = {"step": 3, "guard": "gap", "action": "warn", "words": "the gap is large"}
    append_lines(made / GUARDS, [finding])
    return made


def test_the_last_screen_opens_each_file_once(folder):
    dump = Dump(folder)
    with opens(folder) as found:
        assert finish(dump, Config(exp_name="one"), Interrupt()) == 0
    assert {name: found[name] for name in READ} == dict.fromkeys(READ, 1)
    assert (folder / "report.html").stat().st_size > 500_000


def test_inspect_opens_each_file_once(folder):
    parser = Parser()
    commands_inspect.add_arguments(parser)
    with opens(folder) as found:
        assert commands_inspect.run(parser.parse_args([str(folder)])) == 0
    assert found == Counter(READ)


def test_comparing_runs_opens_each_file_once(folder, tmp_path):
    other = make_run(tmp_path / "two", steps=30, eval_steps=10, problems=40, seed=1)
    parser = Parser()
    commands_inspect.add_arguments(parser)
    with opens(tmp_path) as found:
        assert commands_inspect.run(parser.parse_args([str(folder), str(other)])) == 0
    assert set(found.values()) == {1}


def test_the_page_opens_each_file_once(folder):
    with opens(folder) as found:
        write_report([folder], folder / "report.html")
    assert {name: found[name] for name in READ} == dict.fromkeys(READ, 1)


def test_a_summary_without_a_survey_reads_only_what_it_needs(folder):
    data = RunData(folder)
    with opens(folder) as found:
        assert summary_lines(data) == summary_lines(data)
    assert found == Counter(READ - {ROLLOUTS})


def test_grades_are_the_same_with_and_without_a_survey(folder):
    surveyed, read = RunData(folder), RunData(folder)
    survey(surveyed)
    assert set(surveyed.graded) == {0, 10, 20, 30}
    assert all(surveyed.evaluation(step) == read.evaluation(step) for step in surveyed.graded)
    assert len(read.evaluation(10)) == 40 and read.evaluation(7) == []


def test_completions_of_training_are_not_held(folder, monkeypatch):
    """Nine times the completions need no more memory."""
    monkeypatch.setattr(highlights, "RANDOM", 20)
    monkeypatch.setattr(reports_survey, "CHUNK", 20)
    lines = list(read_lines(folder / ROLLOUTS))
    peaks = []
    for copies in (0, 8):
        append_lines(folder / ROLLOUTS, lines * copies)
        tracemalloc.start()
        run = pass_over(RunData(folder))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sum(group.n for group in run.found.groups["train"].values()) == (copies + 1) * len(lines)
    assert peaks[1] < 1.2 * peaks[0]
