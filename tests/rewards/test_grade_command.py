"""The command `grade` on JSONL, CSV and parquet: copies, agreement, and a clear message for each mistake."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from pathlib import Path

import pandas
import pytest
from conftest import ROOT

from r1rl.commands.grade import add_arguments, run
from r1rl.system.errors import UserError

DATA = Path(os.environ.get("R1RL_TEST_DATA", ROOT.parent / "shared" / "data"))
ROWS = [
    {"text": "8 * 9 = 72\n<answer>$72.0</answer>", "gold": "72", "ok": True},
    {"text": "I like turtles", "gold": "72", "ok": False},
    {"text": "It costs $1,080.", "gold": "#### 1080", "ok": True},
    {"text": "#### 7 or 8", "gold": "7", "ok": True},
]


def grade_file(file: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(file), "--completion", "text", "--answer", "gold", *options]))


def write_jsonl(file: Path, rows: list[dict]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def read_jsonl(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def write(file: Path, rows: list[dict]) -> Path:
    if file.suffix == ".jsonl":
        return write_jsonl(file, rows)
    table = pandas.DataFrame(rows)
    table.to_csv(file, index=False) if file.suffix == ".csv" else table.to_parquet(file)
    return file


def read(file: Path) -> pandas.DataFrame:
    if file.suffix == ".jsonl":
        return pandas.read_json(file, lines=True)
    return pandas.read_csv(file) if file.suffix == ".csv" else pandas.read_parquet(file)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_the_copy_has_grades_next_to_the_columns(tmp_path, capsys, suffix):
    file = write(tmp_path / f"made{suffix}", ROWS)
    before = file.read_bytes()
    assert grade_file(file, "--label", "ok") == 0
    table = read(tmp_path / f"made.graded{suffix}")
    assert list(table.columns) == ["text", "gold", "ok", "extracted", "correct", "reason"]
    assert table["correct"].tolist() == [True, False, True, False]
    assert table["text"].tolist() == [row["text"] for row in ROWS]
    assert table["extracted"].fillna("").tolist() == ["$72.0", "", "$1,080", "7 or 8"]
    assert file.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([file.name, f"made.graded{suffix}"])
    printed = capsys.readouterr().out
    assert "2 / 4, 50.0 %, 95 % interval 15.0 to 85.0 %" in printed
    assert "no answer: 2 of 4" in printed
    assert "3 / 4, 75.0 %, 95 % interval 30.1 to 95.4 %" in printed
    assert "graded wrong, labelled right: 1 (row 4)" in printed
    assert "graded right, labelled wrong" not in printed


@pytest.mark.parametrize(("answer_format", "right"), [("tag", [1]), ("hash", []), ("boxed", []), ("auto", [1, 3])])
def test_format(tmp_path, answer_format, right):
    file = write_jsonl(tmp_path / "made.jsonl", ROWS)
    grade_file(file, "--format", answer_format)
    graded = read_jsonl(tmp_path / "made.graded.jsonl")
    assert [i for i, row in enumerate(graded, 1) if row["correct"]] == right


def test_commas_can_be_kept(tmp_path):
    rows = [{"text": "1080", "gold": "1,080"}, {"text": "1,080", "gold": "1,080"}]
    file = write_jsonl(tmp_path / "made.jsonl", rows)
    grade_file(file)
    assert [row["correct"] for row in read_jsonl(tmp_path / "made.graded.jsonl")] == [True, True]
    grade_file(file, "--not-remove-comma")
    assert [row["correct"] for row in read_jsonl(tmp_path / "made.graded.jsonl")] == [False, True]
    with pytest.raises(UserError, match="--not-remove-comma would have no effect"):
        grade_file(file, "--not-remove-comma", "--answer-type", "text")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_columns_of_numbers(tmp_path, suffix):
    rows = [{"text": 72, "gold": 72.0}, {"text": None, "gold": 5}, {"text": 7.5, "gold": 7.5}, {"text": 1, "gold": -1}]
    grade_file(write(tmp_path / f"made{suffix}", rows))
    table = read(tmp_path / f"made.graded{suffix}")
    assert table["correct"].tolist() == [True, False, True, False]
    assert table["gold"].tolist() == [72, 5, 7.5, -1]


def test_jsonl_values_stay_as_they_are(tmp_path):
    row = {
        "text": "72 ☃ \ud800",
        "gold": "72",
        "id": 2**70,
        "x": 0.1 + 0.2,
        "nested": {"a": [1, None]},
        "when": "2024-01-02",
    }
    grade_file(write_jsonl(tmp_path / "made.jsonl", [row, {"gold": 1}]))
    first, second = read_jsonl(tmp_path / "made.graded.jsonl")
    assert first == row | {"extracted": "72", "correct": False, "reason": "unknown sign: ☃"}
    assert second == {"gold": 1, "extracted": None, "correct": False, "reason": "no answer"}
    assert "☃" in (tmp_path / "made.graded.jsonl").read_text(encoding="utf-8")


def test_csv_values_stay_as_they_are(tmp_path):
    file = tmp_path / "made.csv"
    file.write_text('text,gold,id\n"72, or\nso",72,007\nNA,72,1e5\n', encoding="utf-8-sig")
    grade_file(file)
    with (tmp_path / "made.graded.csv").open(newline="", encoding="utf-8") as lines:
        assert list(csv.reader(lines)) == [
            ["text", "gold", "id", "extracted", "correct", "reason"],
            ["72, or\nso", "72", "007", "72", "False", "unknown word: or"],
            ["NA", "72", "1e5", "", "False", "no answer"],
        ]


def test_csv_with_a_very_long_completion(tmp_path):
    file = write(tmp_path / "made.csv", [{"text": "so " * 100_000 + "\n72", "gold": 72}])
    grade_file(file)
    assert read(tmp_path / "made.graded.csv")["correct"].tolist() == [True]


def test_parquet_types_stay_as_they_are(tmp_path):
    table = pandas.DataFrame({"text": ["72", None], "gold": [72, 5], "id": pandas.array([1, None], dtype="Int32")})
    table["parts"] = [["a"], []]
    table.to_parquet(tmp_path / "made.parquet")
    grade_file(tmp_path / "made.parquet")
    import pyarrow.parquet

    old = pyarrow.parquet.read_schema(tmp_path / "made.parquet")
    new = pyarrow.parquet.read_schema(tmp_path / "made.graded.parquet")
    assert new.names == [*old.names, "extracted", "correct", "reason"]
    assert new.types[: len(old)] == old.types


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_an_earlier_grading_is_kept_and_can_be_the_label(tmp_path, capsys, suffix):
    rows = [{"text": "72", "gold": "72", "extracted": "x", "correct": False}]
    file = write(tmp_path / f"made{suffix}", rows)
    grade_file(file, "--label", "correct")
    table = read(tmp_path / f"made.graded{suffix}")
    assert list(table.columns) == [
        "text",
        "gold",
        "extracted_before",
        "correct_before",
        "extracted",
        "correct",
        "reason",
    ]
    assert table["extracted_before"].tolist() == ["x"]
    assert table["correct_before"].tolist() == [False]
    assert table["correct"].tolist() == [True]
    assert "graded right, labelled wrong: 1 (row 1)" in capsys.readouterr().out
    grade_file(tmp_path / f"made.graded{suffix}")
    again = read(tmp_path / f"made.graded.graded{suffix}")
    assert again["correct_before_before"].tolist() == [False]
    assert again["correct_before"].tolist() == [True]
    grade_file(tmp_path / f"made.graded.graded{suffix}")
    assert len(read(tmp_path / f"made.graded.graded.graded{suffix}").columns) == 13


@pytest.mark.parametrize("right", [True, 1, 1.0, "true", "TRUE", " True ", "1", "yes", "correct", "Right"])
@pytest.mark.parametrize("wrong", [False, 0, 0.0, "false", "no", "incorrect", "wrong"])
def test_labels_in_many_spellings(tmp_path, capsys, right, wrong):
    rows = [{"text": "72", "gold": 72, "ok": right}, {"text": "7", "gold": 72, "ok": wrong}]
    grade_file(write_jsonl(tmp_path / "made.jsonl", rows), "--label", "ok")
    assert "agreement: 2 / 2" in capsys.readouterr().out


def test_rows_without_a_label_are_left_out_of_the_agreement(tmp_path, capsys):
    rows = [{"text": "72", "gold": 72, "ok": label} for label in (True, None, "", float("nan"))]
    grade_file(write_jsonl(tmp_path / "made.jsonl", rows), "--label", "ok")
    assert "agreement: 1 / 1" in capsys.readouterr().out
    grade_file(write_jsonl(tmp_path / "made.jsonl", rows[1:]), "--label", "ok")
    assert "no label" in capsys.readouterr().out


def test_many_disagreements_are_counted_but_not_all_named(tmp_path, capsys):
    rows = [{"text": "72", "gold": 72, "ok": False}] * 30
    grade_file(write_jsonl(tmp_path / "made.jsonl", rows), "--label", "ok")
    assert "labelled wrong: 30 (row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)" in capsys.readouterr().out


def test_output_name(tmp_path):
    file = write_jsonl(tmp_path / "made.jsonl", ROWS)
    grade_file(file, "-o", str(tmp_path / "other.jsonl"))
    assert len(read_jsonl(tmp_path / "other.jsonl")) == 4


# Mistakes


def assert_mistake(file: Path, message: str, *options: str) -> None:
    """One line, and nothing written."""
    before = {p: p.read_bytes() for p in file.parent.iterdir() if p.is_file()} if file.parent.is_dir() else {}
    with pytest.raises(UserError, match=message) as caught:
        grade_file(file, *options)
    assert "\n" not in str(caught.value)
    if file.parent.is_dir():
        assert {p: p.read_bytes() for p in file.parent.iterdir() if p.is_file()} == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("made.jsonl", None, "is not an existing file.*check the path"),
        ("made.txt", "72", r"suffix '\.txt'.*\.jsonl, \.csv or \.parquet"),
        ("made", "72", "suffix ''"),
        ("made.jsonl", "", "is empty"),
        ("made.csv", "", "is empty"),
        ("made.parquet", "", "is empty"),
        ("made.jsonl", "\n\n", "no rows"),
        ("made.csv", "text,gold\n", "no rows"),
        ("made.jsonl", '{"text": "72", "gold": 72}\n{"text": ', "line 2 is not JSON.*one object"),
        ("made.jsonl", "[1, 2]\n", "line 1 is a JSON list"),
        ("made.csv", "text,gold\n1,080,1080\n", "row 1 has more fields than the header's 2.*double quotes"),
        ("made.csv", 'text,gold\n"72"x,1\n', "is not CSV after line 1"),
        ("made.parquet", "text,gold\n", "is not a parquet file"),
        ("made.jsonl", '{"Text": "72", "gold": 72}', r"'text'.*has Text, gold; did you mean 'Text'\?"),
        ("made.jsonl", '{"text": "72", "a": 72}', r"--answer 'gold'.*it has text, a\."),
        ("made.jsonl", '{"text": "72", "gold": 72}\n{"text": "72"}', "row 2, column 'gold'.*is missing"),
        ("made.jsonl", '{"text": "72", "gold": NaN}', "row 1, column 'gold'.*is missing"),
        ("made.csv", "text,gold\n72,72\n72,turtles\n", "row 2, column 'gold'.*'turtles'.*correct the row"),
        ("made.csv", "text,gold\n72,72 or 73\n", "row 1, column 'gold'.*'72 or 73'"),
        ("made.jsonl", '{"text": [{"role": "user"}], "gold": 72}', "row 1: column 'text' holds a list"),
        ("made.jsonl", '{"text": "72", "gold": {"a": 72}}', "row 1: column 'gold' holds a dict"),
    ],
)  # fmt: skip
def test_unusable_files(tmp_path, name, content, message):
    file = tmp_path / name
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert_mistake(file, message)


def test_file_that_is_not_utf8(tmp_path):
    file = tmp_path / "made.csv"
    file.write_bytes("text,gold\ncafé 72,72\n".encode("latin-1"))
    assert_mistake(file, "not UTF-8.*save it as UTF-8")


def test_unreadable_label(tmp_path):
    file = write_jsonl(tmp_path / "made.jsonl", [{"text": "72", "gold": 72, "ok": "maybe"}])
    assert_mistake(file, "row 1: the label 'maybe' in column 'ok'.*true.*wrong", "--label", "ok")
    assert_mistake(file, "--label 'okay'.*did you mean 'ok'", "--label", "okay")


def test_outputs_that_cannot_be(tmp_path):
    file = write_jsonl(tmp_path / "made.jsonl", ROWS)
    (tmp_path / "link.jsonl").symlink_to(file)
    (tmp_path / "folder.jsonl").mkdir()
    assert_mistake(file, "is the input itself", "-o", str(file))
    assert_mistake(file, "is the input itself", "-o", str(tmp_path / "link.jsonl"))
    assert_mistake(file, r"suffix must be '\.jsonl'", "-o", str(tmp_path / "made.csv"))
    assert_mistake(file, "there is no folder", "-o", str(tmp_path / "nowhere" / "made.jsonl"))
    assert_mistake(file, r"folder\.jsonl cannot be written", "-o", str(tmp_path / "folder.jsonl"))


def test_gsm8k_gold_agrees_with_itself(tmp_path, capsys):
    file = DATA / "gsm8k" / "test.jsonl"
    if not file.is_file():
        pytest.skip("needs GSM8K's test.jsonl in the folder gsm8k under $R1RL_TEST_DATA")
    rows = [{"text": row["answer"], "gold": row["answer"], "ok": True} for row in read_jsonl(file)]
    grade_file(write_jsonl(tmp_path / "gold.jsonl", rows), "--label", "ok")
    printed = capsys.readouterr().out
    assert "accuracy:  1319 / 1319, 100.0 %, 95 % interval 99.7 to 100.0 %" in printed
    assert "agreement: 1319 / 1319" in printed
    shifted = [row | {"gold": rows[i - 1]["gold"]} for i, row in enumerate(rows)]
    grade_file(write_jsonl(tmp_path / "shifted.jsonl", shifted))
    assert int(re.search(r"accuracy: +(\d+) /", capsys.readouterr().out)[1]) < 30  # neighbours rarely agree
