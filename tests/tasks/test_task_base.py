"""What a task owns: its class is found by the table, and its attributes reach prompts, flags and evaluation."""

from __future__ import annotations

import pytest

from r1rl.config.data_rules import is_custom
from r1rl.config.flags import Config
from r1rl.config.names import TASKS
from r1rl.config.recipes import resolve
from r1rl.records import Problem
from r1rl.system.errors import UserError
from r1rl.tasks.base import GeneratedTask, Task, first_names, level_name, owner, split_of, task_class
from r1rl.tasks.prompts import SYSTEM_TEXT, plain_prompt
from r1rl.tasks.registry import answer_type_of, asked_problem, load_task


class Demo(GeneratedTask):
    """A task with everything of its own."""

    name = "demo"
    system_text = "Count, in <reasoning> tags."
    reward = "accuracy"
    level_name = "rounds"
    train_count, test_count = 3, 1

    def load(self, split: str) -> list[Problem]:
        return [Problem(f"{split}/{i}", f"{i} + 1?", str(i + 1), task=self.name) for i in range(self.counts[split])]


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.setitem(TASKS, "demo", "test_task_base:Demo")
    fields = {f.name: f for f in Config.__dataclass_fields__.values()}
    metadata = {**fields["dataset_name"].metadata, "choices": tuple(TASKS)}
    monkeypatch.setattr(fields["dataset_name"], "metadata", metadata)
    return task_class("demo")


@pytest.mark.parametrize("name", TASKS)
def test_the_table_names_each_class_by_its_own_name(name):
    task = task_class(name)
    assert issubclass(task, Task) and task.name == name
    assert answer_type_of(name) == task.answer_type and level_name(name) == task.level_name
    task.check_flags(Config(dataset_name=name))


def test_other_names_belong_to_no_class():
    assert owner("own") is owner("cot-safety") is owner("") is Task
    with pytest.raises(UserError, match="did you mean 'countdown'"):
        task_class("countdwn")


def test_a_class_alone_makes_a_task(demo):
    config = resolve("tiny", {"dataset_name": "demo"})
    assert config.reward == "accuracy"
    assert resolve("tiny", {"dataset_name": "demo", "reward": "correctness"}).reward == "correctness"
    assert resolve("tiny", {}).reward == "correctness"
    problems = load_task(config).load("train")
    assert [p.answer for p in problems] == ["1", "2", "3"]
    assert plain_prompt(problems[0], False, tag="think") == "Count, in <think> tags.\nQuestion: 0 + 1?"
    assert plain_prompt(asked_problem("Why?", config), False).startswith(demo.system_text)
    assert plain_prompt(asked_problem("Why?", Config()), False).startswith(SYSTEM_TEXT)
    assert demo(1, test_count=0).load("test") == []


def test_fine_tuning_needs_solutions(demo):
    with pytest.raises(UserError, match=r"--mode sft .*--dataset-name demo has none: use gsm8k or word-problems"):
        Config(dataset_name="demo", mode="sft")
    assert Config(dataset_name="demo", mode="rl").mode == "rl"


@pytest.mark.parametrize("name", TASKS)
def test_a_file_replaces_the_problems_of_some_tasks(name):
    config = Config(dataset_name=name, dataset_path="rows.csv", reward="correctness")
    assert is_custom(config) == task_class(name).replaceable


@pytest.mark.parametrize("name", [name for name in TASKS if task_class(name).replaceable])
def test_a_folder_in_the_format_of_gsm8k_replaces_them_too(name, tmp_path):
    row = '{"question": "1 + 1?", "answer": "It is 2.\\n#### 2"}\n'
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text(row)
    task = load_task(Config(dataset_name=name, dataset_path=str(tmp_path)))
    assert [(p.question, p.answer, p.task) for p in task.load("train")] == [("1 + 1?", "2", "gsm8k")]
    with pytest.raises(UserError, match=r"train\.jsonl is missing"):
        (tmp_path / "train.jsonl").unlink()
        task.load("train")


@pytest.mark.parametrize("share", [2, 5, 8])
def test_the_split_is_a_share_of_the_contents(share):
    tests = sum(split_of(f"problem {i}", share) == "test" for i in range(8000))
    assert abs(tests - 8000 / share) < 4 * (8000 / share * (1 - 1 / share)) ** 0.5  # four standard deviations


def test_the_names_in_a_message_are_few():
    assert first_names([]) == "" and first_names(["a", "b"]) == "a, b"
    assert first_names(list("abcdef")) == "a, b, c, d, e, ..."
