"""Sweeps: which runs a file means, one budget for all, continuing, and the paired tests against the first setting."""

from __future__ import annotations

import json
from statistics import fmean
from types import SimpleNamespace

import pytest
from fake_run import make_run

from r1rl.commands import inspect, report
from r1rl.commands.dispatch import train_parser
from r1rl.commands.sweep import run as command
from r1rl.config.file import resolve_given
from r1rl.config.parser import Parser, as_arguments
from r1rl.pipeline import sweep
from r1rl.reports.summary import describe_difference
from r1rl.runs.dump import write_json
from r1rl.runs.run_data import RunData
from r1rl.system.errors import UserError

RATES = """
recipe: tiny
dumps: {dumps}
add_reasoning_prefix: true
max_steps: 2
{more}
grid:
  learning_rate: [1e-4, 3e-4, 1e-3]
  seed: [1, 2]
"""
NAMES = [f"{i + 1:02d}-learning_rate-{rate}-seed-{seed}"
         for i, (rate, seed) in enumerate((r, s) for r in ("0.0001", "0.0003", "0.001") for s in (1, 2))]  # fmt: skip


@pytest.fixture
def rates(tmp_path):
    """Writes the file of the sweep, with further lines."""

    def write(more=""):
        path = tmp_path / "rates.yaml"
        path.write_text(RATES.format(dumps=tmp_path / "dumps", more=more))
        return path

    return write


@pytest.fixture
def started(monkeypatch):
    """Instead of training, a run writes a dump and the cost of two minutes; returns the configs in their order."""
    configs, codes = [], {}

    def run(config, recipe):
        given = vars(train_parser().parse_args(["--resolved", "--recipe", recipe, *as_arguments(config)]))
        given.pop("print_config")
        assert resolve_given(given)[0] == config  # what the child process would do
        configs.append(config)
        place = sweep.Path(config.dumps) / config.exp_name
        if not place.exists():
            make_run(
                place, steps=2, eval_steps=2, problems=30, seed=config.seed, skill=min(0.9, 900 * config.learning_rate)
            )
        minutes = min(2.0, config.max_minutes or 2.0)
        write_json(place / "meter.json", {"seconds": 60 * minutes, "sampled": 1000, "dollars": None})
        described = json.loads((place / "run.json").read_text())
        described["config"]["max_minutes"] = config.max_minutes
        write_json(place / "run.json", described)
        code = codes.get(config.exp_name, 0)
        if code == 0:
            write_json(place / "summary.json", {"ended": None if minutes == 2 else "after step 1, for --max-minutes"})
        return code

    monkeypatch.setattr(sweep, "in_own_process", run)
    return SimpleNamespace(configs=configs, codes=codes)


def arguments(path, dry_run=False):
    return SimpleNamespace(file=path, dry_run=dry_run)


def test_a_grid_is_every_combination_with_the_flags_of_all(rates):
    found = sweep.read_sweep(rates())
    assert [row.name for row in found.rows] == NAMES
    assert {row.config.max_steps for row in found.rows} == {2} and found.recipe == "tiny"
    assert [row.config.learning_rate for row in found.rows] == [1e-4, 1e-4, 3e-4, 3e-4, 1e-3, 1e-3]
    assert all(row.config.add_reasoning_prefix and row.config.exp_name == row.name for row in found.rows)
    assert found.folder.name == "rates"


def test_a_list_of_settings(tmp_path):
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"recipe": "tiny", "exp_name": "mine", "runs": [{}, {"loss-type": "dapo", "seed": 7}]}))
    first, second = sweep.read_sweep(path).rows
    assert (first.name, second.name) == ("01", "02-loss_type-dapo-seed-7")
    assert (second.config.loss_type, second.config.seed) == ("dapo", 7) and first.config.loss_type == "dr_grpo"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recipe: tiny", "must have either grid"),
        ("grid: {seed: [1]}\nruns: [{seed: 1}]", "must have either grid"),
        ("grid: {seed: 1}", "must have either grid"),
        ("grid: {}", "must have either grid"),
        ("runs: [1]", "must have either grid"),
        ("grid: {max_minutes: [1, 2]}", "--max-minutes is one for the whole sweep"),
        ("grid: {learning_rat: [1]}", "learning_rat"),
        ("grid: {learning_rate: [1e-4, fast]}", "learning_rate is 'fast'"),
        ("recipe: tiny\ngrid: {clip_range: [0.1]}", "--clip-range 0.1 would have no effect"),
        ("recipe: tiny\nmode: sft\ngrid: {seed: [1]}", "a sweep compares single runs"),
        ("recipe: r1-tiny\ngrid: {seed: [1]}", "a sweep compares single runs"),
        ("recipe: tiny\nexp_name: a/b\ngrid: {seed: [1]}", "--exp-name 'a/b' must be one folder name"),
        ("recipe: tiny\ngrid: {seed: [1, 2, 1]}", "01-seed-1 and 03-seed-1 have the same settings"),
        ("recipe: tiny\nruns: [{}, {seed: 3407}]", "01 and 02-seed-3407 have the same settings"),
        ("- 1", "sweep .* holds a list"),
    ],
)
def test_mistakes_are_reported_before_the_first_run(tmp_path, started, text, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        command(arguments(path))
    assert started.configs == []


def test_a_sweep_runs_once_and_ends_in_its_table(rates, started, capsys, tmp_path):
    assert command(arguments(rates())) == 0
    assert [config.exp_name for config in started.configs] == NAMES
    shown = capsys.readouterr().out
    assert "6 of 6: 06-learning_rate-0.001-seed-2" in shown and shown.count("complete") == 6
    folder = tmp_path / "dumps" / "rates"
    runs = [RunData(folder / name) for name in NAMES]

    def mean(one, other):
        first, second = one.verdicts(2), other.verdicts(2)
        return {problem: fmean((first[problem], second[problem])) for problem in first}

    expected = describe_difference(mean(*runs[:2]), mean(*runs[4:]), greedy=False)
    line = f"test     --learning-rate 0.001 against --learning-rate 0.0001, means over 2 seeds: {expected}"
    assert line in shown.splitlines() and "on the same 30 problems" in line
    assert command(arguments(rates())) == 0
    assert len(started.configs) == 6 and capsys.readouterr().out.count("is done") == 6


def test_one_budget_for_all_and_more_of_it_continues(rates, started, capsys):
    assert command(arguments(rates("max_minutes: 5"))) == 0
    assert [config.max_minutes for config in started.configs] == [5, 3]  # 1 is left, and a run took 2
    shown = capsys.readouterr().out
    assert "ended    --max-minutes 5 of the sweep: 1 is left, and a run took 2; raise it" in shown
    assert shown.count("not begun") == 4 and "not both are complete with one seed" in shown
    assert command(arguments(rates("max_minutes: 9"))) == 0
    assert [config.max_minutes for config in started.configs[2:]] == [5, 3]
    assert not any(config.resume for config in started.configs)


def test_a_stopped_sweep_resumes_its_run_and_a_guard_stops_only_one(rates, started, capsys):
    started.codes |= {NAMES[0]: 3, NAMES[2]: 130}
    assert command(arguments(rates())) == 130
    assert [config.exp_name for config in started.configs] == NAMES[:3]
    assert "stopped  the sweep; give the same command to continue" in capsys.readouterr().out
    started.codes.clear()
    assert command(arguments(rates())) == 0
    again = started.configs[3:]
    assert [(c.exp_name, c.resume) for c in again[:2]] == [(NAMES[0], True), (NAMES[2], True)]
    assert [c.exp_name for c in again[2:]] == NAMES[3:] and not any(c.resume for c in again[2:])


def test_rows_may_be_added_at_the_end_only(rates, started, tmp_path, capsys):
    path = rates()
    command(arguments(path))
    path.write_text(path.read_text().replace("1e-3]", "1e-3, 3e-3]"))
    command(arguments(path))
    assert len(started.configs) == 8
    path.write_text(path.read_text().replace("1e-4", "2e-4"))
    with pytest.raises(UserError, match="holds a sweep with other rows"):
        command(arguments(path))
    (tmp_path / "dumps" / "other").mkdir()
    (tmp_path / "dumps" / "other" / "mine.txt").write_text("mine")
    for dry_run in (False, True):
        with pytest.raises(UserError, match="is not empty and holds no sweep"):
            command(arguments(rates("exp_name: other"), dry_run))


def test_a_dry_run_starts_nothing(rates, started, capsys, tmp_path):
    assert command(arguments(rates(), dry_run=True)) == 0
    assert [line.rpartition("/")[2] for line in capsys.readouterr().out.split()] == NAMES
    assert started.configs == [] and not (tmp_path / "dumps").exists()


def test_inspect_and_report_take_the_folder(rates, started, capsys, tmp_path):
    started.codes[NAMES[2]] = 130
    command(arguments(rates()))
    folder = tmp_path / "dumps" / "rates"
    capsys.readouterr()
    for module, given in ((inspect, [folder]), (inspect, [folder, "--wrong", "-n", 1]), (report, [folder])):
        parser = Parser()
        module.add_arguments(parser)
        assert module.run(parser.parse_args([str(g) for g in given])) == 0
    shown = capsys.readouterr().out
    assert "not begun" in shown and "1 of " in shown and (folder / "report.html").is_file()
    assert sweep.expanded([folder]) == [folder / name for name in NAMES[:3]]
