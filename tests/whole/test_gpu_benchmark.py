"""benchmarks/gpu.py: deadlines, what a killed check leaves, the list of checks and the table; with trivial commands."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import gpu
import gpu_checks
import schedule
from schedule import DONE, EXPECTED, FAILED, LATE, PARTLY, WAITING, Check, Outcome, run_all

from r1rl.commands.dispatch import train_parser
from r1rl.config.file import resolve_given


def shell(name: str, script: str, seconds: float = 100, least: float = 1, **more) -> Check:
    """A check that runs a shell script."""
    return Check(name, f"what {name} does", ("sh", "-c", script), seconds, least, **more)


class Clock:
    """A clock that runs a hundred times as fast, and stands still until `waits_for` exists."""

    def __init__(self, waits_for=None):
        self.now, self.waits_for = 0.0, waits_for

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 100)
        if self.waits_for is None or self.waits_for.exists():
            self.now += seconds


def test_a_killed_check_loses_only_the_row_in_progress(tmp_path, monkeypatch):
    marker = tmp_path / "marker"
    monkeypatch.setattr(schedule, "time", Clock(marker))
    slow = f"""echo '{{"kind": 1}}' >> "$ROWS"; printf '{{"kind": 2, "half' >> "$ROWS"; touch {marker}; sleep 60"""
    checks = [
        shell("first", f"""touch {marker}; echo '{{"kind": 0}}' >> "$ROWS" """),
        shell("slow", f"rm {marker}; {slow}", seconds=3),
        shell("last", """echo '{"kind": 3}' >> "$ROWS"; echo bye"""),
    ]
    said = []
    found = run_all(checks, tmp_path, 60, said.append)
    assert [(o.state, o.rows) for o in found] == [
        (DONE, [{"kind": 0}]), (PARTLY, [{"kind": 1}]), (DONE, [{"kind": 3}]),
    ]  # fmt: skip
    assert found[1].why == "took more than 3 s" and 3 <= found[1].seconds < 4 + schedule.GRACE
    assert said[2] == "slow: what slow does (at most 3 s)" and len(said) == 6
    assert (tmp_path / "last.log").read_text() == "bye\n"


def test_the_time_of_all_is_kept_also_with_a_check_that_ignores_signals(tmp_path, monkeypatch):
    marker, children = tmp_path / "marker", tmp_path / "children"
    clock = Clock(marker)
    monkeypatch.setattr(schedule, "time", clock)
    stubborn = f"trap '' TERM; sleep 600 & echo $! $$ > {children}; touch {marker}; while true; do sleep 1; done"
    checks = [shell(name, stubborn, seconds=1000, least=5) for name in ("first", "second", "third")]
    found = run_all(checks, tmp_path, 100, lambda text: None)
    assert [o.state for o in found] == [PARTLY, LATE, LATE]
    assert clock.now <= 100 * 1.1
    assert found[1].why.endswith("s left, needs 5") and not found[1].rows
    end = time.monotonic() + 60
    while (alive := [pid for pid in children.read_text().split() if runs(pid)]) and time.monotonic() < end:
        time.sleep(0.05)  # the kernel ends them when it gets to it
    assert alive == []


def runs(pid: str) -> bool:
    """Returns whether a process runs; a zombie that nobody has reaped does not."""
    try:
        return Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_failures_name_their_log_and_what_needs_them_waits(tmp_path):
    checks = [
        shell("model", "echo no such model; exit 3"),
        shell("run", "true", after="model"),
        shell("kernel", "echo Triton >&2; exit 1", expected=("a reason", "Triton")),
        shell("other", "echo disk full; exit 1", expected=("a reason", "Triton")),
    ]
    model, run, kernel, other = run_all(checks, tmp_path, 60, lambda text: None, simulated=True)
    assert (model.state, model.why) == (FAILED, "exit code 3, no such model")
    assert (run.state, run.why) == (WAITING, "model is not done")
    assert (kernel.state, kernel.why) == (EXPECTED, "a reason: exit code 1, Triton")
    assert (other.state, other.why) == (FAILED, "exit code 1, disk full")
    assert run_all(checks[2:3], tmp_path, 60, lambda text: None)[0].state == FAILED  # on a real GPU
    lines = gpu.table([model, run, kernel]).split("\n\n")[1].splitlines()
    assert lines[0] == f"- model failed: exit code 3, no such model (log: {tmp_path}/model.log)"
    assert lines[1] == "- run waits for another: model is not done"
    assert len(lines) == 3


def test_what_is_done_is_not_repeated(tmp_path):
    count = tmp_path / "count"
    script = f"""echo x >> {count}; echo '{{"kind": 1}}' >> "$ROWS"; test $(wc -l < {count}) -gt 1"""
    check = shell("once", script)
    states = [run_all([check], tmp_path, 60, lambda text: None)[0] for _ in range(3)]
    assert [o.state for o in states] == [FAILED, DONE, DONE]
    assert count.read_text() == "x\nx\n" and states[2].rows == [{"kind": 1}]  # failed ones are, done ones not


# ---- the list


@pytest.mark.parametrize(("rehearse", "real"), [(False, False), (True, False), (False, True)])
def test_every_run_of_the_list_has_flags_that_the_program_accepts(tmp_path, rehearse, real):
    sizes = gpu.REHEARSED if rehearse else gpu.Sizes()
    whole = gpu.checks(tmp_path, sizes, rehearse, real)
    names = [check.name for check in whole]
    assert set(gpu.EXPECTED) < set(names)
    assert len(set(names)) == len(names) and set(gpu.QUICK) - {"model"} <= set(names)
    assert ("model" in names) is not real and ("evaluation" in names) is real
    runs = 0
    for at, check in enumerate(whole):
        assert check.after is None or check.after in names[:at]
        kind, *arguments = check.command[2:]
        assert kind in gpu_checks.CHECKS
        if kind in ("row", "train", "stop"):
            assert arguments[:2] == [f"{tmp_path}/runs", check.name]  # each has a folder of its own
        if kind not in ("train", "stop", "plan"):
            continue
        runs += 1
        given = vars(train_parser().parse_args(arguments[2:]))
        given.pop("print_config")
        config, _, _ = resolve_given(given)
        assert config.model_name.endswith("3B") or rehearse
        if config.mode is None:
            assert (config.reward == "correctness") is real
            assert (config.guard == "sync=warn") is rehearse
    assert runs >= 9
    assert sum(check.least for check in whole if check.name in gpu.QUICK) <= 180


def test_only_names_bring_what_they_need(tmp_path):
    whole = gpu.checks(tmp_path, gpu.Sizes(), False, False)
    assert [c.name for c in gpu.choose(whole, ["plan"])] == ["model", "default", "plan"]
    assert gpu.choose(whole, None) == whole
    with pytest.raises(SystemExit, match="unknown check nothing: the checks are environment, model"):
        gpu.choose(whole, ["nothing"])


def test_the_table_has_medians_shares_and_ratios():
    steps = [
        {"kind": "step", "step_seconds": s, "completions": 16, "parts": {"generate": s / 2, "update": s / 4},
         "peak_memory_gib": 18.0 + i}
        for i, s in enumerate((90.0, 4.0, 2.0, 6.0))
    ]  # fmt: skip
    rows = [{"kind": "proof", "verdict": "proven"}, {"kind": "proof", "verdict": "open"}, *steps]
    words = gpu.measured(Outcome("default", "", DONE, rows=rows))
    assert words == (
        "proof: 1 proven, 1 open; 3 steps, 4 s (2 to 6), 4 completions/s, generate 50%, update 25%, peak 21.0 GiB"
    )
    plan = [{"kind": "plan", "what": "memory, GiB", "planned": 20.0, "measured": 18.0, "parts": {}},
            {"kind": "plan", "what": "s a step", "planned": None, "measured": 2.0}]  # fmt: skip
    assert gpu.measured(Outcome("plan", "", DONE, rows=plan)) == "memory, GiB: 20.0 by plan, 18.0 measured (0.90)"
    mixed = [{"kind": "step", "work": work, "seconds": 2.0, "tokens": 9} for work in ("fixed", "mix", "mix")]
    assert (
        gpu.measured(Outcome("bare", "", DONE, rows=mixed))
        == "fixed lengths: 1 steps, 2 s; mix lengths: 2 steps, 2 s (2 to 2)"
    )


def test_rows_are_copied_from_a_run_as_it_writes_them(tmp_path, monkeypatch):
    monkeypatch.setenv(schedule.ROWS, str(tmp_path / "rows.jsonl"))
    run = tmp_path / "runs" / "default"
    run.mkdir(parents=True)
    rows = gpu_checks.Rows(str(tmp_path / "runs"), "default")
    assert rows.take() == 0
    (run / "metrics.jsonl").write_text('{"step": 1, "step_seconds": 2.5, "reward": 0.5}\n{"step": 2, "st')
    assert rows.take() == 1 and rows.take() == 0
    (run / "metrics.jsonl").write_text('{"step": 1, "step_seconds": 2.5}\n{"step": 2, "step_seconds": 3.5}\n')
    (run / "proofs.jsonl").write_text('{"target": "q_proj", "verdict": "proven"}\n')
    assert rows.take() == 1
    found = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert found == [
        {"kind": "step", "step": 1, "step_seconds": 2.5},
        {"kind": "step", "step": 2, "step_seconds": 3.5},
        {"kind": "proof", "target": "q_proj", "verdict": "proven"},
    ]


def test_a_stopped_run_is_interrupted_while_it_samples_and_resumed(tmp_path, monkeypatch):
    """The program is replaced by one that writes steps, ends with 130 at an interrupt, and when resumed ends at step 4."""
    program = tmp_path / "main.py"
    program.write_text(
        "import json, signal, sys, time\n"
        "from pathlib import Path\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(130))\n"
        "run = Path(sys.argv[sys.argv.index('--dumps') + 1], 'stop'); run.mkdir(exist_ok=True, parents=True)\n"
        "first = 3 if '--resume' in sys.argv else 1\n"
        "for step in range(first, first + 2):\n"
        "    with (run / 'metrics.jsonl').open('a') as f:\n"
        "        f.write(json.dumps({'step': step, 'parts': {'generate': 0.1}}) + '\\n')\n"
        "time.sleep(0 if first == 3 else 60)\n"
    )
    monkeypatch.setattr(gpu_checks, "ROOT", tmp_path)
    (tmp_path / "runs" / "stop").mkdir(parents=True)
    (tmp_path / "runs" / "stop" / "metrics.jsonl").write_text('{"step": 9}\n')  # of an earlier call, which is forgotten
    monkeypatch.setenv(schedule.ROWS, str(tmp_path / "rows.jsonl"))
    assert gpu_checks.stop(str(tmp_path / "runs"), "stop") == 0
    found = schedule.read(tmp_path / "rows.jsonl")
    assert [row.get("step") for row in found if row["kind"] == "step"] == [1, 2, 3, 4]
    assert next(row["exit_code"] for row in found if row["kind"] == "stop") == 130
