"""Twelve popular data sets: rows of our own in their columns are read with the flags of the table in docs/data.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import load_task

TABLE = (Path(__file__).parents[2] / "docs" / "data.md").read_text().partition("## Popular data sets")[2]
FLAGS = dict(re.findall(r"^\| \[`([^`]+)`\]\([^)]*\) \| `([^`]+)` ", TABLE, re.MULTILINE))

Q, R = "How many legs have {} dogs?", "A dog has 4 legs, so $4 \\cdot {} = \\boxed{{{}}}$."
NUMINA = {"problem_type": "Algebra", "question_type": "math-word-problem", "source": "own", "synthetic": False}
CHAT = "Solve this step by step. " + Q
# repository on the hub: (a row of the number n, the gold answer of n)
ROWS = {
    "openai/gsm8k": (lambda n: {"question": Q.format(n), "answer": f"4 * {n} = <<4*{n}={4 * n}>>{4 * n}\n#### {4 * n}"}, "{}"),
    "EleutherAI/hendrycks_math": (
        lambda n: {"problem": Q.format(n), "level": "Level 1", "type": "Algebra", "solution": R.format(n, 4 * n)},
        "{}",
    ),
    "AI-MO/NuminaMath-1.5": (
        lambda n: {"problem": Q.format(n), "solution": R.format(n, 4 * n), "answer": str(4 * n), **NUMINA,
                   "problem_is_valid": "Yes", "solution_is_valid": "Yes"},
        "{}",
    ),
    "BytedTsinghua-SIA/DAPO-Math-17k": (
        lambda n: {"data_source": "own", "prompt": [{"content": CHAT.format(n), "role": "user"}], "ability": "MATH",
                   "reward_model": {"ground_truth": str(4 * n), "style": "rule"}, "extra_info": {"index": str(n)}},
        "{}",
    ),
    "SynthLabsAI/Big-Math-RL-Verified": (
        lambda n: {"problem": Q.format(n), "answer": str(4 * n), "source": "own", "domain": ["Arithmetic"],
                   "llama8b_solve_rate": 0.5},
        "{}",
    ),
    "open-r1/OpenR1-Math-220k": (
        lambda n: {"problem": Q.format(n), "solution": R.format(n, 4 * n), "answer": str(4 * n), **NUMINA, "uuid": str(n),
                   "generations": [f"<think>\n4 * {n}\n</think>\n{4 * n}"], "correctness_math_verify": [True]},
        "{}",
    ),
    "agentica-org/DeepScaleR-Preview-Dataset": (
        lambda n: {"problem": Q.format(n), "answer": str(4 * n), "solution": R.format(n, 4 * n)},
        "{}",
    ),
    "nvidia/AceReason-Math": (lambda n: {"problem": Q.format(n), "answer": str(4 * n)}, "{}"),
    "ChilleD/SVAMP": (
        lambda n: {"ID": f"own-{n}", "Body": f"There are {n} dogs.", "Question": "How many legs have they?",
                   "Equation": f"( 4.0 * {n}.0 )", "Answer": f"{4 * n}.0", "Type": "Multiplication",
                   "question_concat": Q.format(n)},
        "{}.0",
    ),
    "allenai/ai2_arc": (
        lambda n: {"id": f"own_{n}", "question": Q.format(n), "answerKey": "2" if n % 2 else "B",
                   "choices": {"text": ["none", str(4 * n)], "label": ["1", "2"] if n % 2 else ["A", "B"]}},
        "B",
    ),
    "Jiayi-Pan/Countdown-Tasks-3to4": (lambda n: {"target": 4 * n, "nums": [n, 3, n]}, None),
    "nvidia/Aegis-AI-Content-Safety-Dataset-2.0": (
        lambda n: {"id": str(n), "reconstruction_id_if_redacted": None, "prompt": Q.format(n), "response": "Four each.",
                   "prompt_label": "safe", "response_label": "safe", "violated_categories": ""},
        "safe",
    ),
}  # fmt: skip


def config_of(name, path):
    """The Config of the table's flags, with the data at a path."""
    words = shlex.split(FLAGS[name])
    flags = {flag.removeprefix("--").replace("-", "_"): value for flag, value in zip(words[::2], words[1::2])}
    if flags.get("dataset_name") == name:  # the flags of the hub
        del flags["dataset_name"]
        flags.pop("dataset_config", None)
    return Config(**{**overrides("tiny"), **flags, "dataset_path": str(path)})


def test_the_table_has_all_of_them():
    assert FLAGS.keys() == ROWS.keys() and len(ROWS) == 12


@pytest.mark.parametrize("name", ROWS)
def test_rows_become_problems(tmp_path, name):
    row, gold = ROWS[name]
    made = {n: row(n) for n in range(3, 43)}
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(list(made.values())), tmp_path / "train-00000-of-00001.parquet"
    )
    single = name.startswith("nvidia/Aegis")
    config = config_of(name, tmp_path / "train-00000-of-00001.parquet" if single else tmp_path)
    task = load_task(config)
    problems = task.load("train") + task.load("test")
    assert len(problems) == 40
    if gold is None:
        assert {p.answer_type for p in problems} == {"countdown"}
        assert any("Use the numbers 3, 7, 7 to make 28." in p.question for p in problems)
        return
    for n in made:
        (problem,) = [p for p in problems if f"have {n} dogs" in p.question]
        assert problem.answer == gold.format(4 * n)
    if name == "allenai/ai2_arc":
        (text,) = [encoded(config, p) for p in problems if "have 9 dogs" in p.question]
        assert text.endswith("How many legs have 9 dogs? (A) none\n(B) 36")


def encoded(config, problem):
    def encode(text, add_special_tokens):
        return {"input_ids": list(text.encode())}

    return Builder(encode, config).prompt(problem).text.partition("\nAnswer")[0]


def games(path):
    task = load_task(Config(**{**overrides("tiny"), "dataset_name": "countdown", "dataset_path": str(path)}))
    return task.load("train"), task.load("test")


def test_games_of_files_share_none_between_splits(tmp_path):
    lines = [f'{{"nums": [{n}, 3], "target": {n + 3}}}' for n in range(1, 61)]
    (tmp_path / "all.jsonl").write_text("\n".join([*lines, lines[0]]))
    train, test = games(tmp_path / "all.jsonl")
    assert len(train) + len(test) == 60 and train and test
    assert not {p.answer for p in train} & {p.answer for p in test}
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "train.jsonl").write_text("\n".join(lines))
    (tmp_path / "split" / "test.jsonl").write_text("\n".join(lines[:5]))
    train, test = games(tmp_path / "split")
    assert (len(train), len(test)) == (55, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "missing.jsonl' does not exist"),
        ('{"nums": [1, 2]}', "line 1 is not a game of countdown.*it has nums"),
        ('{"nums": [1, 2.5], "target": 3}', "not a game of countdown"),
        ('{"nums": [1], "target": 1}', "a list of 2 to 6 whole numbers"),
        ("[1]", "line 1 is a JSON list instead of an object"),
        ('{"nums": [1, 2], "target": 3}', "has no game for the"),
    ],
)
def test_what_is_no_game_is_an_error(tmp_path, text, message):
    path = tmp_path / "missing.jsonl"
    if text is not None:
        path.write_text(text + "\n")
    with pytest.raises(UserError, match=message):
        games(path)


def test_prompts_of_aegis_are_read_from_other_files_too(tmp_path):
    import json

    rows = [{"prompt": f"Is {n} even?", "prompt_label": "safe"} for n in range(10)]
    (tmp_path / "train.json").write_text(json.dumps(rows))
    (tmp_path / "test.json").write_text(json.dumps(rows[:2]))
    task = load_task(Config(**{**overrides("tiny"), "dataset_name": "aegis", "dataset_path": str(tmp_path)}))
    assert (len(task.load("train")), len(task.load("test"))) == (10, 2)
