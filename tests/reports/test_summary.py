"""The summary of a run and `inspect`, on a dump written by hand."""

from __future__ import annotations

import dataclasses
import json

import pytest

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.reports.summary import against_first, describe_difference, numbers, paired_test, summary_lines
from r1rl.reports.survey import survey
from r1rl.reports.tables import check_lines
from r1rl.runs.dump import METRICS, ROLLOUTS, Dump
from r1rl.runs.run_data import RunData
from r1rl.runs.stats import wilson


def step_line(step, reward):
    return {
        "schema_version": 1, "step": step, "completions": 4, "reward": reward, "accuracy": reward, "tokens": 40,
        "mean_tokens": 10.0, "truncated": 0.0, "groups": 1, "groups_without_signal": int(reward in (0, 1)),
        "tokens_per_second": 20.0, "seconds": 2.0 * step, "dollars": None,
    }  # fmt: skip


def completion(step, problem, correct, split="eval", text="<reasoning>\n2 + 2 = 4\n</reasoning>"):
    return {
        "schema_version": 1, "step": step, "split": split, "problem_id": problem, "level": None, "group": 0,
        "sample": 0, "prompt": "Do.\nQuestion: 2 + 2?\n", "completion": text, "tokens": 10, "finish": "stop",
        "extracted": "4", "answer": "4", "correct": correct, "reward": float(correct), "advantage": None,
    }  # fmt: skip


def evaluation(step, correct, n):
    low, high = wilson(correct, n)
    return {"step": step, "problems": n, "samples": 1, "correct": correct, "accuracy": correct / n, "low": low, "high": high,
            "mean_tokens": 10.0 + step, "seconds": 1.0}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """10 problems: 2 correct before; after, 1 of them is lost and 8 others are gained."""
    dump = Dump(tmp_path)
    dump.append(METRICS, [step_line(1, 0.0), step_line(2, 0.5)])
    dump.append(ROLLOUTS, [completion(1, "train/3", True, "train", "To VERIFY, 2 + 2 = 4. \x1b[31m[bold]")])
    dump.evaluation(0, [completion(0, f"test/{i}", i < 2) for i in range(10)], evaluation(0, 2, 10))
    dump.evaluation(2, [completion(2, f"test/{i}", i != 1) for i in range(10)],
                    evaluation(2, 9, 10))  # fmt: skip
    config = dataclasses.asdict(Config(**overrides("tiny")))
    machine = {"gpu": None, "cores": 2}
    run = {"recipe": "tiny", "config": config, "machine": machine, "started": "now"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    return tmp_path


def test_numbers(run):
    found = numbers(RunData(run))
    assert (found["steps"], found["completions"], found["tokens"]) == (2, 8, 80)
    assert (found["groups"], found["groups_without_signal"]) == (2, 1)


def test_before_and_after_with_a_paired_test(run):
    text = "\n".join(summary_lines(RunData(run)))
    assert "before   2 / 10, 20.0 %, 95 % interval" in text
    assert "after    9 / 10, 90.0 %, 95 % interval" in text
    # 8 gained, 1 lost of 9 that changed: p = 2 * (1 + 9) / 2^9
    assert "+70.0 points on the same 10 problems" in text
    assert "8 gained, 1 lost; significant (p = 0.039, exact McNemar" in text
    assert "length   10 -> 12 tokens per completion" in text


def test_what_checks_changed(tmp_path):
    """Of 4 evaluated completions none, then 3 check: one corrects, one confirms, one is empty talk and does not count."""
    corrected = "4 * 8 - 5 = 25. Let me check: 4 * 8 = 32, 32 - 5 = 27, not 25. So it is 27."
    confirmed, empty = "2 + 5 = 7. Let me check: 7 - 5 = 2. It fits.", "2 + 5 = 7. Let me check. That is right."
    dump = Dump(tmp_path)
    plain = [completion(0, f"test/{i}", True, text="2 + 5 = 7.") for i in range(4)]
    dump.evaluation(0, plain, evaluation(0, 4, 4))
    last = [{**line, "step": 1} for line in plain]
    for line, text, answer in zip(last, (corrected, confirmed, empty), ("27", "7", "7")):
        line.update(completion=text, extracted=answer, answer=answer)
    dump.evaluation(1, last, evaluation(1, 4, 4))
    trained = {**last[0], "split": "train", "step": 1}
    broke = {**trained, "extracted": "27", "answer": "25", "correct": False, "sample": 1}
    missed = {**trained, "extracted": "27", "answer": "28", "correct": False, "sample": 2}
    dump.append(ROLLOUTS, [trained, broke, missed])
    assert check_lines(survey(RunData(tmp_path))) == [
        "checks   0 / 4, 0% -> 2 / 4, 50% of evaluated completions check their result; in training 1 wrong "
        "results corrected, 1 right ones broken, 1 wrong ones changed to another wrong one"
    ]


def test_problems_of_another_seed_are_not_paired_by_their_names(run, tmp_path):
    lines = [completion(2, f"test/{i}", i != 1) for i in range(10)]
    runs = [RunData(run)]
    for name, gold in (("same", "4"), ("other", "5")):
        (tmp_path / name).mkdir()
        dump = Dump(tmp_path / name)
        dump.evaluation(2, [{**line, "answer": gold} for line in lines], evaluation(2, 9, 10))
        runs.append(RunData(tmp_path / name))
    same, other = against_first(runs)
    assert same.startswith(f"same against {run.name}: +0.0 points on the same 10 problems")
    assert other == f"other against {run.name}: other problems with the same names (another --seed), nothing to compare"


def test_no_difference_is_not_significant(run):
    line = evaluation(0, 2, 10)
    assert "not significant (p = 1" in paired_test(RunData(run), line, line)


@pytest.mark.parametrize(
    ("gained", "lost", "words"),
    [
        (0, 0, "not significant (p = 1, exact McNemar; fewer than 6 changed verdicts cannot be significant)"),
        (5, 0, "not significant (p = 0.062, exact McNemar; fewer than 6 changed verdicts cannot be significant)"),
        (6, 0, "significant (p = 0.031, exact McNemar)"),
        (5, 1, "not significant (p = 0.22, exact McNemar; 80 % power needs a true difference of"),
    ],
)
def test_how_many_changes_are_significant(gained, lost, words):
    before = {f"test/{i}": float(i < lost) for i in range(50)}
    after = {f"test/{i}": float(lost <= i < lost + gained) for i in range(50)}
    assert f"{gained} gained, {lost} lost; {words}" in describe_difference(before, after, greedy=True)


def test_inspect_prints_the_table(run, program):
    done = program("inspect", run)
    assert done.returncode == 0
    assert "2 / 10, 20.0 %" in done.stdout
    assert "8 gained, 1 lost" in done.stdout


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--split", "train"), 1),
        (("--step", "2", "--wrong"), 1),
        (("--step", "0", "--correct"), 2),
        (("--step", "1:"), 11),
        (("--contains", "to verify"), 1),
        (("--contains", "to verify", "--wrong"), 0),
    ],
)
def test_inspect_filters(run, program, filters, count):
    assert f"of {count} matching completions" in program("inspect", run, *filters, "-n", 1).stdout


def test_inspect_shows_text_as_text(run, program):
    shown = program("inspect", run, "--split", "train").stdout
    assert "[bold]" in shown  # no markup
    assert "\x1b" not in shown  # no terminal escape
    assert "\\x1b[31m" in shown


def test_inspect_wrong_range(run, program):
    done = program("inspect", run, "--step", "a:b")
    assert (done.returncode, "--step 'a:b' is neither a step nor a range" in done.stderr) == (2, True)
