"""Custom data: formats, columns, answer types, the split for evaluation, prompts, and messages about mistakes."""

from __future__ import annotations

import csv
import json
import random

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading import grade_rollout
from r1rl.system.errors import UserError
from r1rl.tasks.custom import part_of
from r1rl.tasks.custom.rows import read_files, read_hub
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import load_task

ROWS = [{"frage": f"Bo has {i} nuts and finds 3 more. How many?", "loesung": str(i + 3)} for i in range(30)]
COLUMNS = {"question_column": "frage", "answer_column": "loesung"}


def write(path, rows):
    """Writes rows in the format of the path's suffix."""
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps({"version": 1, "data": rows}))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def task_of(path, **flags):
    return load_task(Config(dataset_path=str(path), **{**COLUMNS, **flags}))


def sides(path, **flags):
    task = task_of(path, **flags)
    return task.load("train"), task.load("test")


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_problems(tmp_path, suffix):
    train, test = sides(write(tmp_path / f"mine{suffix}", ROWS))
    assert (len(train), len(test)) == (27, 3)
    assert {(p.question, p.answer) for p in train + test} == {(r["frage"], r["loesung"]) for r in ROWS}
    assert {p.task for p in train} == {"own"}
    assert train[0].columns["loesung"] == train[0].answer
    assert not {p.question for p in train} & {p.question for p in test}


def test_what_is_cut_off_depends_on_seed_and_questions_not_on_their_order(tmp_path):
    first = {p.question for p in sides(write(tmp_path / "a.jsonl", ROWS))[1]}
    mixed = random.Random(0).sample(ROWS, len(ROWS))
    assert {p.question for p in sides(write(tmp_path / "b.csv", mixed))[1]} == first
    assert {p.question for p in sides(tmp_path / "a.jsonl", seed=1)[1]} != first


def test_a_question_that_occurs_twice_is_in_one_split(tmp_path):
    rows = ROWS + [{"frage": r["frage"].upper().replace(" ", "  "), "loesung": r["loesung"]} for r in ROWS]
    train, test = sides(write(tmp_path / "a.jsonl", rows))
    assert (len(train), len(test)) == (54, 3)
    assert not {p.question.lower().split()[2] for p in train} & {p.question.lower().split()[2] for p in test}


@pytest.mark.parametrize(
    ("names", "flags", "counts"),
    [
        (("train.csv", "test.csv"), {}, (30, 5)),
        (("train.jsonl", "validation.parquet"), {}, (30, 5)),
        (("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"), {}, (30, 5)),
        (("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"), {}, (30, 5)),
        (("learn.json", "ask.json"), {"train_split": "learn", "eval_split": "ask"}, (30, 5)),
        (("only.json",), {}, (27, 3)),
        (("train.jsonl",), {}, (27, 3)),
    ],
)
def test_files_of_a_folder(tmp_path, names, flags, counts):
    other = [{"frage": f"Ann has {i} pens. How many?", "loesung": i} for i in range(5)]
    for name, rows in zip(names, (ROWS, other)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, rows)
    train, test = sides(tmp_path, **flags)
    assert (len(train), len(test)) == counts


def test_training_problems_that_are_in_the_evaluation_are_left_out(tmp_path, capsys):
    write(tmp_path / "train.jsonl", ROWS)
    write(tmp_path / "test.jsonl", [{**ROWS[4], "frage": ROWS[4]["frage"].lower()}, ROWS[7]])
    train, test = sides(tmp_path)
    assert (len(train), len(test)) == (28, 2)
    assert "left out 2 train problems that are in the evaluation: train/4, train/7" in words_of(capsys)


def words_of(capsys) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_few_bad_rows_are_named_and_left_out(tmp_path, capsys):
    lines = [json.dumps(row) for row in ROWS]
    lines[2], lines[5] = "{oops", '{"frage": "", "loesung": 3}'
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    train, test = sides(tmp_path / "a.jsonl")
    assert len(train) + len(test) == 28
    assert [p.id for p in train + test if p.question == ROWS[29]["frage"]] == ["train/28"]  # ids are rows' places
    said = words_of(capsys).replace(" ", "")
    assert "leftout2trainrows:" in said and "line3:notJSON" in said and "line6:nothingincolumn'frage'" in said


def test_many_bad_rows_are_a_mistake(tmp_path):
    rows = [{**row, "loesung": "some"} if i % 5 == 0 else row for i, row in enumerate(ROWS)]
    with pytest.raises(UserError) as error:
        task_of(write(tmp_path / "a.csv", rows)).load("train")
    for part in ("6 of 30 rows cannot become problems, more than 10%", "a.csv, line 2: the answer 'some'"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "flags", "parts"),
    [
        ("a.csv", "frage,loesung\nx,1\n", {"question_column": "frge"}, ("a.csv: it has frage, loesung", "did you mean 'frage'")),
        ("a.csv", "q,loesung\nx,1\n", {"question_column": None}, ("--question-column 'question' is not a column",)),
        ("a.csv", "frage,loesung\nx,1\n", {"answer_column": "l"}, ("give the right one with --answer-column",)),
        ("a.csv", "frage;loesung\nx;1\n", {}, ("semicolons instead of commas",)),
        ("a.csv", "frage,loesung\nx,1\n", {}, ("has only one question",)),
        ("a.csv", "frage,loesung\nx,1,2\ny\n", {}, ("no row can be read", "line 2, is more fields than the header's 2")),
        ("a.csv", 'frage,loesung\n"x,1\n', {}, ("is not CSV after line",)),
        ("a.csv", "", {}, ("a.csv is empty",)),
        ("a.txt", "x", {}, ("must end in .jsonl",)),
        ("a.json", '{"a": [1', {}, ("a.json, line 1 is not JSON",)),
        ("a.json", "3", {}, ("holds a JSON int",)),
        ("a.jsonl", "[1]\n", {}, ("a JSON list instead of an object",)),
        ("a.jsonl", b"\xff\xfe\n", {}, ("not UTF-8 (byte 0)",)),
        ("a.parquet", "x", {}, ("not a parquet file",)),
        ("a.csv", "frage,loesung\nx,1\n", {"eval_split": "test"}, ("is a file", "give the folder")),
    ],
)  # fmt: skip
def test_mistakes_in_files(tmp_path, name, text, flags, parts):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as error:
        task_of(tmp_path / name, **flags).load("train")
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


@given(
    data=st.binary(max_size=200) | st.text('{}[]",:;a1 \n\r\0', max_size=80).map(str.encode),
    suffix=st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet"]),
)
def test_whatever_is_in_a_file_is_rows_or_one_message(tmp_path_factory, data, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)
    try:
        rows = read_files([path])
        part_of(rows, "train", Config(dataset_path=str(path)))
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("names", "flags", "message"),
    [
        ((), {}, "holds no file that ends in"),
        (("a.csv", "b.csv"), {}, "which of a, b is for training"),
        (("train.csv", "test.csv"), {"train_split": "trian"}, "did you mean 'train'"),
        (("train.csv",), {"eval_split": "dev"}, "unknown --eval-split"),
    ],
)
def test_mistakes_in_folders(tmp_path, names, flags, message):
    for name in names:
        write(tmp_path / name, ROWS)
    with pytest.raises(UserError, match=message):
        task_of(tmp_path, **flags).load("train")


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write(tmp_path / "secret.csv", ROWS)
    (folder / "train.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(UserError, match="leads out of the folder"):
        task_of(folder).load("train")
    with pytest.raises(UserError, match=r"--train-split '\.\./secret' must be the name of a split"):
        Config(dataset_path=str(folder), train_split="../secret")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"question_column": "q"}, "--question-column q is for custom data"),
        ({"dataset_name": "math", "dataset_path": "x", "answer_type": "latex"}, "--answer-type latex is for custom data"),
        ({"dataset_name": "a/b", "answer_type": "letter"}, "unknown --answer-type 'letter'"),
        ({"dataset_name": "a/"}, "is not a hub name"),
        ({"dataset_name": "gsm9k"}, "did you mean 'gsm8k'"),
        ({"dataset_name": "a/b", "train_split": "x", "eval_split": "x"}, "are both 'x'"),
        ({"dataset_name": "a/b", "answer_type": "text", "answer_format": "hash"}, "--answer-format hash finds numbers"),
        ({"dataset_name": "a/b", "answer_type": "latex", "answer_format": "auto"}, "looks in the answer tag"),
        ({"dataset_name": "a/b", "answer_type": "choice", "answer_tolerance": 0.5}, "compare numbers"),
        ({"dataset_name": "countdown", "answer_format": "hash"}, "--dataset-name countdown has other answers"),
    ],
)  # fmt: skip
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(UserError, match=message):
        Config(**flags)


@pytest.mark.parametrize(
    ("kind", "raw", "gold", "solution"),
    [
        ("number", "1,080", "1,080", ""),
        ("number", 7, "7", ""),
        ("number", "3 + 4 = 7\n#### 7", "7", "3 + 4 = 7\n#### 7"),
        ("number", "#### 7", "7", ""),
        ("number", r"So \boxed{7}.", "7", r"So \boxed{7}."),
        ("latex", r"\frac{1}{2}", r"\frac{1}{2}", ""),
        ("latex", r"Halve it: $\boxed{\frac{1}{2}}$", r"\frac{1}{2}", r"Halve it: $\boxed{\frac{1}{2}}$"),
        ("text", "New  York", "New  York", ""),
        ("text", "It is big.\n#### New York", "New York", "It is big.\n#### New York"),
        ("choice", "(b)", "B", ""),
        ("choice", "C. blue", "C", ""),
    ],
)
def test_types_of_answers(tmp_path, kind, raw, gold, solution):
    path = write(tmp_path / "a.jsonl", [{"frage": q, "loesung": raw} for q in ("x", "y")])
    train, test = sides(path, answer_type=kind)
    assert [(p.answer, p.solution) for p in train + test] == [(gold, solution)] * 2


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        ("number", "seven", "is not one number \\(see --answer-type\\)"),
        ("number", [7, 8], "a list instead of text"),
        ("latex", r"\frac{1", "is not an expression"),
        ("text", "so ####", "nothing after the ####"),
        ("choice", 99, "is not the letter of an option"),
        ("choice", "A or B", "is not the letter"),
        ("text", None, "nothing in column 'loesung'"),
    ],
)
def test_answers_that_do_not_parse(tmp_path, kind, raw, reason):
    path = write(tmp_path / "a.jsonl", [{"frage": q, "loesung": raw} for q in ("x", "y")])
    with pytest.raises(UserError, match=reason):
        task_of(path, answer_type=kind).load("train")


@pytest.mark.parametrize(
    ("kind", "gold", "completion", "flags", "correct"),
    [
        ("text", "New York", "<answer>\nnew  york.\n</answer>", {}, True),
        ("text", "New York", '<answer>"New York"</answer>', {}, True),
        ("text", "New York", "<answer>York</answer>", {}, False),
        ("text", "New York", "New York", {}, False),
        ("text", "New York", r"It is \boxed{New York}.", {"answer_format": "boxed"}, True),
        ("text", "New York", r"It is \boxed{New York}.", {"answer_format": "auto"}, True),
        ("text", "New York", "<answer>.</answer>", {}, False),
        ("choice", "B", "<answer>(b)</answer>", {}, True),
        ("choice", "B", "<answer>**B**</answer>", {}, True),
        ("choice", "B", "<answer>B) blue</answer>", {}, True),
        ("choice", "B", "<answer>A or B</answer>", {}, False),
        ("choice", "B", "<answer>Blue</answer>", {}, False),
        ("choice", "B", "B", {}, False),
        ("number", "7", "<answer>7 apples</answer>", {}, True),
    ],
)
def test_grades(kind, gold, completion, flags, correct):
    grade = grade_rollout(
        Rollout("?", completion, (), (), (), "stop"), Problem("", "?", gold, answer_type=kind), Config(**flags)
    )
    assert grade.correct is correct


# Prompts


def prompt_of(problem, **flags):
    def encode(text, add_special_tokens):
        return {"input_ids": list(text.encode())}

    return Builder(encode, Config(**flags)).prompt(problem).text


ROW = Problem(
    "train/0", "Which one?", "B", task="choice", answer_type="choice", columns={"choices": ["red", "blue"], "n": 3}
)


def test_each_type_asks_for_its_answer():
    for kind, words in (
        ("choice", "the letter of"),
        ("text", "as few words"),
        ("latex", "in LaTeX"),
        ("number", "one number"),
    ):
        assert words in prompt_of(Problem("", "?", "", answer_type=kind))  # fmt: skip


def test_words_of_ones_own(tmp_path):
    (tmp_path / "system.txt").write_text("Be brief.\n")
    system = {"system_prompt_file": str(tmp_path / "system.txt")}
    template = "Q: {question}\n{choices}\n{n} points. \\boxed{} {other}"
    filled = "Q: Which one?\n(A) red\n(B) blue\n3 points. \\boxed{} {other}"
    assert prompt_of(ROW, prompt_template=template, prompt_style="plain") == filled
    assert prompt_of(ROW, **system, prompt_template=template) == f"Be brief.\n{filled}"
    assert prompt_of(ROW, **system) == "Be brief.\nQuestion: Which one?"
    assert prompt_of(ROW, **system, add_reasoning_prefix=True).endswith("Which one?\n<reasoning>")
    (tmp_path / "template.txt").write_text(template + "\n")
    file = str(tmp_path / "template.txt")
    assert prompt_of(ROW, **system, prompt_template=file) == f"Be brief.\n{filled}"


def test_words_of_ones_own_in_a_chat(tmp_path):
    from r1rl.tasks.prompts import CustomTexts, chat_messages

    messages = chat_messages(ROW, "tags", texts=CustomTexts("Be brief.", "{question} {n}"))
    assert messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which one? 3"}]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"system_prompt_file": "no.txt"}, "--system-prompt-file 'no.txt' cannot be read"),
        ({"prompt_template": "no.txt"}, "a text with {question} in it, or a file"),
        ({"prompt_template": "Q: {qestion}"}, "did you mean {question} where it has {qestion}"),
        ({"prompt_template": "Q: {n}"}, "every prompt would be the same"),
    ],
)
def test_mistakes_in_words_of_ones_own(flags, message):
    with pytest.raises(UserError) as error:
        prompt_of(ROW, **flags)
    assert message in str(error.value)


def test_a_list_of_messages_is_a_question(tmp_path):
    asked = [{"role": "system", "content": "s"}, {"role": "user", "content": "x?"}]
    rows = [{"frage": asked, "loesung": 1}, {"frage": "y?", "loesung": 2}]
    train, test = sides(write(tmp_path / "a.jsonl", rows))
    assert {p.question for p in train + test} == {"x?", "y?"}


def test_a_field_inside_of_a_column(tmp_path):
    rows = [{"frage": q, "check": {"gold": 7, "style": "rule"}} for q in ("x", "y")]
    path = write(tmp_path / "a.parquet", rows)
    train, test = sides(path, answer_column="check.gold")
    assert [p.answer for p in train + test] == ["7", "7"]
    with pytest.raises(UserError, match=r"it has frage, check, check\.gold, check\.style; did you mean"):
        task_of(path, answer_column="check.golt").load("train")


# The hub, through the datasets library itself, which takes a folder of this name as well


def test_a_dataset_of_the_hub(tmp_path, monkeypatch):
    (tmp_path / "me" / "sums").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "me" / "sums" / "train.jsonl", ROWS)
    write(tmp_path / "me" / "sums" / "validation.jsonl", ROWS[:3])
    train, test = read_hub("me/sums", None, None, None)
    assert [len(rows.good) for rows in (train, test)] == [30, 3]
    assert train.good[1] == ("me/sums train, row 1", ROWS[1])
    task = load_task(Config(dataset_name="me/sums", **COLUMNS))
    assert (len(task.load("train")), len(task.load("test"))) == (27, 3)
    with pytest.raises(UserError, match="unknown --eval-split of me/sums: 'tset'"):
        read_hub("me/sums", None, None, "tset")
    with pytest.raises(UserError, match="the hub did not return it"):
        read_hub("me/nothing", None, None, None)


# python main.py data check


def checked(program, tmp_path, rows, *flags):
    write(tmp_path / "a.jsonl", rows)
    return program(
        "data", "check", "--recipe", "tiny", "--dataset-path", "a.jsonl", "--question-column", "frage",
        "--answer-column", "loesung", *flags, cwd=tmp_path,
    )  # fmt: skip


def test_data_check_of_good_data(program, tmp_path):
    done = checked(program, tmp_path, ROWS)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        "train    27 problems",
        "eval     3 problems, split off",
        "overlap  no train problem",
        "--max-prompt-length 512",
        "the data is fine",
    ):
        assert part in done.stdout
    assert done.stdout.count("Question: Bo has") == 5
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_data_check_finds_what_is_wrong(program, tmp_path):
    rows = [*ROWS, {**ROWS[3]}, {**ROWS[5], "loesung": "99"}, {"frage": "why?", "loesung": "[/b]"}]
    rows += [{"frage": "long [/b] " * 300, "loesung": 1}]
    done = checked(program, tmp_path, rows, "--seed", "1")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    said = " ".join(done.stdout.split())
    for part in (
        "1 of 34 train rows are unusable, 1 because of their answer: a.jsonl, line 33: the answer '[/b]'",
        "2 train problems repeat the question of another one",
        "2 train problems repeat a question with a different answer: train/5 (8), train/31 (99)",
        "1 of 29 train prompts are over --max-prompt-length 512",
    ):
        assert part in said, said
