"""`inspect` on a generated run: one screen, filters, history, cherry-picking, exports, damage, hostile output."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from fake_run import make_run

from r1rl.commands import inspect as commands_inspect
from r1rl.config.parser import Parser
from r1rl.reports import survey as reports_survey
from r1rl.reports.completions import Filter, differences, read_completions, step_range
from r1rl.reports.highlights import CRITERIA, Picker
from r1rl.reports.screen import sparkline
from r1rl.reports.survey import accuracy, check_rate, phases, survey
from r1rl.runs.dump import EVALUATIONS, GUARDS, METRICS, ROLLOUTS, append_lines
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.system.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("dumps") / "one", steps=30, eval_steps=10, problems=40)


@pytest.fixture
def inspect(capsys):
    """Runs `inspect` and returns what it printed."""
    parser = Parser()
    commands_inspect.add_arguments(parser)

    def run(*arguments: object) -> str:
        console.file, console.width = None, 180
        assert commands_inspect.run(parser.parse_args([str(a) for a in arguments])) == 0
        return capsys.readouterr().out

    return run


def test_one_screen_shows_the_whole_run(folder, inspect):
    shown = inspect(folder)
    for words in (
        "one: recipe tiny, model tiny, task word-problems", "running or stopped: 30 of 30 steps", "before ", "after ", "accuracy ▁", "no signal",
        "exact McNemar", "slope ", "confirmed", "late: 21-30", "tokens",
    ):  # fmt: skip
        assert words in shown
    assert len(shown.splitlines()) < 45


def test_every_share_has_n_and_interval(folder, inspect):
    """A percentage has an interval in its line; shares of truncated completions are no scores and have none."""
    for line in inspect(folder).splitlines():
        if " % " in line or " %)" in line:
            assert "interval" in line or "(" in line, line


def test_several_runs_are_compared(folder, inspect, tmp_path):
    other = make_run(tmp_path / "two", steps=30, eval_steps=10, problems=40, seed=5, skill=0.3)
    shown = inspect(folder, other)
    assert "two against one: " in shown and "on the same 40 problems" in shown and "seed" in shown


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        (["--step", "3:5"], lambda line: 3 <= line["step"] <= 5),
        (["--step", "10", "--split", "eval"], lambda line: line["step"] == 10 and line["split"] == "eval"),
        (["--wrong"], lambda line: not line["correct"]),
        (["--correct", "--level", "2"], lambda line: line["correct"] and line["level"] == 2),
        (["--contains", "TO CHECK"], lambda line: "to check" in line["completion"].lower()),
        (["--selfcheck", "corrected"], lambda line: line["check_outcome"] == "corrected"),
        (["--selfcheck", "none"], lambda line: line["check_outcome"] is None),
    ],
)
def test_filters(folder, inspect, filters, fits):
    everything = [json.loads(line) for line in inspect(folder, "--show", "--json").splitlines()]
    assert len(everything) == 30 * 8 + 4 * 40
    chosen = [json.loads(line) for line in inspect(folder, *filters, "--json").splitlines()]
    assert chosen == [line for line in everything if fits(line)] and chosen
    assert f"2 of {len(chosen)} matching completions" in inspect(folder, *filters, "-n", 2)


def test_the_longest_come_first(folder, inspect):
    rows = [json.loads(line) for line in inspect(folder, "--longest", "-n", 7, "--json").splitlines()]
    tokens = sorted((c.line["tokens"] for c in read_completions(folder)), reverse=True)
    assert [row["tokens"] for row in rows] == tokens[:7]


def test_places_are_lines_of_the_dump(folder, inspect):
    for row in map(json.loads, inspect(folder, "--cherry-pick", "--json").splitlines()):
        name, _, number = row["place"].partition(":")
        assert json.loads((folder / name).read_text().splitlines()[int(number) - 1])["completion"] == row["completion"]


def test_csv_is_read_back(folder, inspect):
    rows = list(csv.DictReader(io.StringIO(inspect(folder, "--csv"))))
    assert len(rows) == 30 and float(rows[0]["reward"]) <= 1
    assert len(list(csv.DictReader(io.StringIO(inspect(folder, "--wrong", "--csv"))))) > 100


def test_history_of_a_problem(folder, inspect):
    shown = inspect(folder, "--problem", "test/0")
    assert [f"step {step}: " in shown for step in (0, 10, 20, 30)] == [True] * 4
    with pytest.raises(UserError, match="test/0"):
        inspect(folder, "--problem", "test/9999")


def test_differences_contain_both_texts():
    before, after = "3 * 4 = 13, so 13.", "3 * 4 = 12, so it is 12."
    parts = list(differences(before, after))
    assert "".join(text for kind, text in parts if kind != "gone") == after
    assert "".join(text for kind, text in parts if kind != "new") == before


def test_cherry_picking_takes_different_completions(folder):
    picker = Picker()
    survey(RunData(folder), picker)
    picked = picker.picked()
    assert 5 <= len(picked) <= len(CRITERIA) == 10
    assert len({c.place for _, c, _ in picked}) == len(picked)
    longest = max(c.line["tokens"] for c in read_completions(folder) if c.line["correct"])
    assert {title: c for title, c, _ in picked}["the longest correct completion"].line["tokens"] <= longest


def test_the_survey_agrees_with_a_plain_count(folder):
    found = survey(RunData(folder))
    lines = list(read_completions(folder, Filter(split="train")))
    groups = list(found.groups["train"].values())
    assert accuracy(groups).hits == sum(c.line["correct"] for c in lines) and accuracy(groups).n == len(lines)
    assert check_rate(groups).hits == sum(c.check is not None for c in lines)
    assert phases(found.steps("train")) == [("early", 1, 10), ("middle", 11, 20), ("late", 21, 30)]
    assert phases([4]) == [("all", 4, 4)] and phases([]) == []


def test_several_processes_find_the_same(folder, monkeypatch):
    alone = survey(RunData(folder))
    monkeypatch.setattr(reports_survey, "LARGE", 0)
    monkeypatch.setattr(reports_survey, "CHUNK", 50)
    together = survey(RunData(folder))
    assert together == alone


def test_damaged_lines_are_reported_and_the_rest_is_used(inspect, tmp_path):
    folder = make_run(tmp_path / "hurt", steps=3, eval_steps=3, problems=10)
    with (folder / ROLLOUTS).open("ab") as file:
        file.write(b"{broken\n\xff\xfe\n[1]\n" + b"[" * 100_000 + b"\n" + b'{"step": 3}\n' + b'{"step": 3, "torn')
    shown = inspect(folder)
    assert "damaged  5 lines could not be read and are left out: rollouts.jsonl:25, rollouts.jsonl:26" in shown
    assert "24 completions" in shown


def test_damaged_metrics_and_evaluations_are_reported_too(inspect, tmp_path):
    folder = make_run(tmp_path / "hurt", steps=3, eval_steps=3, problems=10)
    whole = inspect(folder)
    evaluation = json.loads((folder / EVALUATIONS).read_text().splitlines()[0])
    torn = {name: value for name, value in evaluation.items() if name != "low"}
    append_lines(folder / EVALUATIONS, [{}, {**evaluation, "accuracy": "high"}, torn, {**evaluation, "samples": 2}])
    append_lines(folder / METRICS, [{"step": 4}])
    append_lines(folder / GUARDS, [{"guard": "kl"}])
    shown = inspect(folder)
    places = [f"{EVALUATIONS}:{n}" for n in (3, 4, 5, 6)] + [f"{METRICS}:4", f"{GUARDS}:1"]
    (line,) = (line for line in shown.splitlines() if line.startswith("damaged"))
    assert line.startswith("damaged  6 lines could not be read") and all(place in line for place in places)
    assert shown.replace(f"{line}\n", "").replace(" ", "") == whole.replace(" ", "")


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--cherry-pick", "--wrong"], "a filter with --cherry-pick would have no effect"),
        (["--cherry-pick", "--longest"], "--longest with --cherry-pick would have no effect"),
        (["--cherry-pick", "--problem", "test/1"], "--problem with --cherry-pick would have no effect"),
        (["--problem", "test/1", "--step", "3"], "a filter with --problem would have no effect"),
        (["--problem", "test/1", "-n", "1"], "-n with --problem would have no effect"),
        (["-n", "-1"], "-n -1 must be from 0"),
        (["-n", "9" * 30, "--wrong"], "must be from 0 to"),
        (["--step", "5:1"], "--step '5:1' names no step"),
        (["--step", "-1"], "--step '-1' names no step"),
        (["--step", ":"], "--step ':' names no step"),
    ],
)
def test_flags_that_would_have_no_effect(folder, inspect, flags, words):
    with pytest.raises(UserError, match=re.escape(words)):
        inspect(folder, *flags)


def test_n_alone_shows_completions_and_limits_what_is_exported(folder, inspect):
    assert "2 of " in inspect(folder, "-n", 2).splitlines()[-1]
    assert len(inspect(folder, "--wrong", "-n", 2, "--json").splitlines()) == 2
    assert len(inspect(folder, "-n", 3, "--json").splitlines()) == 3


def test_the_place_of_a_completion_is_shown_at_any_width(folder, monkeypatch):
    monkeypatch.setattr(console, "_width", 60)
    words = " · ".join(["step 20"] * 9 + ["eval/step_20.jsonl:1"])
    with console.capture() as shown:
        console.print(commands_inspect.headline(words))
    assert "".join(shown.get().split()) == "".join(words.split())
    with console.capture() as shown:
        console.print(commands_inspect.headline("step 3"))
    assert shown.get().startswith("step 3 ───")


def test_hostile_output_is_inert(inspect, tmp_path):
    folder = make_run(tmp_path / "evil", steps=1, eval_steps=1, problems=5)
    line = json.loads((folder / ROLLOUTS).read_text().splitlines()[0])
    texts = ["\x1b[2J\x1b]0;owned\x07 [red]markup[/red] [/]", "\ud800\u202e\u0000", "x" * 100_000, "=" * 100_000]
    append_lines(folder / ROLLOUTS, [{**line, "step": 2, "completion": text, "problem_id": text} for text in texts])
    shown = inspect(folder, "--step", "2", "-n", 9)
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "\\x1b[2J" in shown and "[red]markup[/red]" in shown
    inspect(folder, "--step", "2", "--csv")


def test_a_run_without_any_lines(inspect, tmp_path):
    folder = make_run(tmp_path / "new", steps=1, eval_steps=1, problems=2)
    for path in (*folder.glob("*.jsonl"), *folder.glob("eval/*")):
        path.unlink()
    assert "running or stopped: 0 of " in inspect(folder)


def test_step_ranges():
    assert step_range("7") == (7, 7) and step_range("3:") == (3, float("inf")) and step_range(":4") == (0, 4)
    with pytest.raises(UserError, match="neither a step nor a range"):
        step_range("late")


def test_a_folder_that_is_no_run(folder, inspect):
    with pytest.raises(UserError, match="is not a run"):
        inspect(folder.parent / "none")
    with pytest.raises(UserError, match="is a file, and a run is a folder"):
        inspect(folder / "run.json")


def test_sparkline():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█" and sparkline([3, 3]) == "▁▁"
    assert len(sparkline(range(1000), width=40)) == 40


def test_an_encoding_without_the_characters_gets_escapes(folder, program):
    done = program("inspect", folder, "--contains", "a", "-n", 1, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "\\xb7 eval/step_0.jsonl:1" in done.stdout
