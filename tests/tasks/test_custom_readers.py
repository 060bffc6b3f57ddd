"""The reader of user files: binary and float32 columns, duplicate names, folders' layouts, placeholders, options' numbers."""

from __future__ import annotations

import datasets
import pyarrow
import pyarrow.parquet
import pytest
from test_custom_data import ROWS, checked, sides, task_of, words_of, write

from r1rl.config.data_rules import is_custom
from r1rl.config.flags import Config
from r1rl.system.errors import UserError
from r1rl.system.files import table_rows
from r1rl.tasks.custom.answers import as_letter, first_number
from r1rl.tasks.custom.rows import read_files, read_hub

OTHERS = [{"frage": f"Ann has {i} pens. How many?", "loesung": str(i)} for i in range(5)]


def parquet(path, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def answers(path, **flags):
    train, test = sides(path, **flags)
    return [p.answer for p in sorted(train + test, key=lambda p: p.question)]


def test_binary_text_is_text_and_other_binary_is_refused(tmp_path):
    golds = pyarrow.array([b"yes", "né".encode()], pyarrow.binary())
    path = parquet(tmp_path / "a.parquet", frage=["x", "y"], loesung=golds)
    assert answers(path, answer_type="text") == ["yes", "né"]
    parquet(path, frage=["x", "y"], loesung=[b"\xff\x00", b"\x89PNG"])
    with pytest.raises(UserError, match="binary data instead of text in column 'loesung'"):
        task_of(path, answer_type="text").load("train")


@pytest.mark.parametrize("kind", [pyarrow.float32(), pyarrow.float16(), pyarrow.float64()])
def test_a_narrow_float_is_its_shortest_decimal(tmp_path, kind):
    import numpy

    narrow = {"float": numpy.float32, "halffloat": numpy.float16, "double": float}[str(kind)]
    path = parquet(tmp_path / "a.parquet", frage=["x", "y"], loesung=pyarrow.array([narrow(0.1), narrow(2.5)], kind))
    assert answers(path) == ["0.1", "2.5"]


def test_also_inside_of_lists_and_objects():
    kind = pyarrow.struct({"a": pyarrow.list_(pyarrow.float32()), "b": pyarrow.binary(), "c": pyarrow.int8()})
    value = {"a": [0.1, None], "b": b"x", "c": 3}
    (row, none) = table_rows(pyarrow.table({"v": pyarrow.array([value, None], kind)}), "t")
    assert row == {"v": {"a": [0.1, None], "b": "x", "c": 3}} and none == {"v": None}


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "frage,loesung,loesung\nx,1,2\ny,3,4\n"), ("a.tsv", "frage\tloesung\tloesung\nx\t1\t2\n")],
)
def test_two_columns_of_one_name_are_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=f"{name} has two columns 'loesung'.*rename or remove"):
        task_of(tmp_path / name).load("train")


def test_two_columns_of_one_name_in_parquet_and_json(tmp_path):
    table = pyarrow.table([["x"], ["1"], ["2"]], names=["frage", "loesung", "loesung"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="two columns 'loesung'"):
        read_files([tmp_path / "a.parquet"])
    (tmp_path / "a.jsonl").write_text('{"frage": "x", "loesung": 1, "loesung": 2}\n{"frage": "y"}\n')
    rows = read_files([tmp_path / "a.jsonl"])
    assert len(rows.good) == 1 and "'loesung' occurs twice" in rows.bad[0][1]
    (tmp_path / "a.json").write_text('[{"loesung": 1, "loesung": 2}]')
    with pytest.raises(UserError, match="'loesung' occurs twice"):
        read_files([tmp_path / "a.json"])


@pytest.mark.parametrize(
    ("names", "flags"),
    [
        (("main/train-00000-of-00001.parquet", "main/test-00000-of-00001.parquet"), {}),
        (("main/train-00000-of-00001.parquet", "main/test-00000-of-00001.parquet"), {"dataset_config": "main"}),
        (("train/0000.parquet", "test/0000.parquet"), {}),
        (("default/train/0000.parquet", "default/test/0000.parquet"), {}),
        (("data/train/0000.parquet", "data/validation/0000.parquet"), {}),
    ],
)
def test_layouts_of_hub_clones(tmp_path, names, flags):
    for name, rows in zip(names, (ROWS, OTHERS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, rows)
    (tmp_path / "dataset_infos.json").write_text("{}")
    assert [len(side) for side in sides(tmp_path, **flags)] == [30, 5]


def test_one_of_several_configurations_is_named(tmp_path):
    for config in ("main", "socratic"):
        (tmp_path / config).mkdir()
        write(tmp_path / config / "train-00000-of-00001.parquet", ROWS if config == "main" else OTHERS)
    with pytest.raises(UserError, match="has the configurations main, socratic: add --dataset-config NAME"):
        task_of(tmp_path).load("train")
    assert [len(side) for side in sides(tmp_path, dataset_config="main")] == [27, 3]
    with pytest.raises(UserError, match=r"unknown --dataset-config in .*'mian'.*did you mean 'main'"):
        task_of(tmp_path, dataset_config="mian").load("train")
    with pytest.raises(UserError, match="--dataset-config name parts of a folder"):
        task_of(write(tmp_path / "a.jsonl", ROWS), dataset_config="main").load("train")


def test_what_save_to_disk_wrote(tmp_path):
    whole = datasets.DatasetDict(
        {"train": datasets.Dataset.from_list(ROWS), "test": datasets.Dataset.from_list(OTHERS)}
    )
    whole.save_to_disk(tmp_path / "both")
    whole["train"].save_to_disk(tmp_path / "one")
    assert is_custom(Config(dataset_path=str(tmp_path / "both")))
    assert [len(side) for side in sides(tmp_path / "both")] == [30, 5]
    assert [len(side) for side in sides(tmp_path / "one")] == [27, 3]
    (tmp_path / "one" / "data-00000-of-00001.arrow").write_bytes(b"no arrow")
    with pytest.raises(UserError, match="is not an Arrow stream"):
        task_of(tmp_path / "one").load("train")


def test_a_pointer_in_place_of_a_file_is_named(tmp_path):
    (tmp_path / "train.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(UserError, match="is a pointer of Git LFS, not the data: run `git lfs pull`"):
        task_of(tmp_path).load("train")


def test_the_hub_is_read_as_files_are(tmp_path, monkeypatch):
    (tmp_path / "me" / "sums").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    narrow = pyarrow.array([0.1], pyarrow.float32())
    parquet(tmp_path / "me" / "sums" / "train.parquet", frage=["x"], loesung=narrow)
    train, _ = read_hub("me/sums", None, None, None)
    assert train.good == [("me/sums train, row 0", {"frage": "x", "loesung": 0.1})]


def test_an_answer_alone_in_a_list_and_deep_in_a_row(tmp_path):
    rows = [{"frage": q, "loesung": ["7"], "a": {"b": {"c": [8]}}} for q in ("x", "y")]
    path = write(tmp_path / "a.jsonl", rows)
    assert answers(path) == ["7", "7"]
    assert answers(path, answer_column="a.b.c") == ["8", "8"]


def test_placeholders_are_reported_and_left_out(tmp_path, capsys, program):
    rows = [*ROWS, *({"frage": f"Show {i}.", "loesung": kind} for i, kind in enumerate(["proof", "notfound"] * 5))]
    train, test = sides(write(tmp_path / "a.jsonl", rows), answer_type="latex")
    assert len(train) + len(test) == 30 and not {"proof", "notfound"} & {p.answer for p in train + test}
    assert "left out 10 train rows with 'notfound', 'proof' in place of an answer" in words_of(capsys)
    done = checked(program, tmp_path, rows, "--answer-type", "latex")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out 10 train rows with 'notfound', 'proof' in place of an answer" in " ".join(done.stdout.split())
    only = write(tmp_path / "b.jsonl", [{"frage": "x", "loesung": "Proof"}])
    with pytest.raises(UserError, match=r"1 of 1 rows cannot become problems.*'Proof' in place of an answer"):
        task_of(only, answer_type="latex").load("train")


@pytest.mark.parametrize(
    ("raws", "letters"), [([0, 1, 3], "ABD"), ([1, 2, 4], "ABD"), (["1", "2", "C"], "ABC"), ([1.0, 2.0, 3.0], "ABC")]
)
def test_numbers_of_options_become_letters(tmp_path, raws, letters):
    rows = [{"frage": f"q{i}", "loesung": raw} for i, raw in enumerate(raws)]
    assert answers(write(tmp_path / "a.jsonl", rows), answer_type="choice") == list(letters)


def test_both_splits_count_options_alike(tmp_path):
    write(tmp_path / "train.jsonl", [{"frage": "q0", "loesung": 1}, {"frage": "q1", "loesung": 2}])
    write(tmp_path / "test.jsonl", [{"frage": "q2", "loesung": 0}])
    assert answers(tmp_path, answer_type="choice") == ["B", "C", "A"]
    assert first_number(["A", "B"]) == 1 and as_letter("30", 0) == "30"
