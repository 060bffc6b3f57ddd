"""Conversations: their forms and errors, what of them is learnt, after which prompt, and packing without a leak."""

from __future__ import annotations

import json

import pytest
import torch

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.names import GENERAL_TASK, SMALL_TALK
from r1rl.config.recipes import overrides
from r1rl.records import Problem
from r1rl.system.errors import UserError
from r1rl.tasks.conversations import general_problems, lessons, read_conversations, share_of
from r1rl.tasks.prompts import Builder
from r1rl.trainers.sft import Collator, Packer, packed
from r1rl.trainers.sft_examples import IGNORED, conversation_examples

TINY = overrides("tiny")
SYSTEM = {"role": "system", "content": "Be brief."}
QUESTION = "Tom has 2 pens and buys 3. How many has he?"
ANSWER = "<reasoning>\n2 + 3 = 5\n</reasoning>\n<answer>\n5\n</answer>"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def turns(*contents):
    roles = ("user", "assistant") * len(contents)
    return [{"role": role, "content": content} for role, content in zip(roles, contents)]


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_each_form_becomes_the_same(tmp_path):
    stratos = "<|begin_of_thought|>\n\n2+2\n\n<|end_of_thought|>\n\n<|begin_of_solution|>4<|end_of_solution|>"
    rows = read_conversations(
        write(
            tmp_path / "a.jsonl",
            {"messages": turns("Hi", "Hello"), "task": "math", "more": 1},
            {"system": "be brief", "conversations": [{"from": "user", "value": "2+2?"}, {"from": "gpt", "value": stratos}]},
            {"prompt": "Hi"},
            {"prompt": "Hi", "completion": "Hello"},
            {"prompt": [SYSTEM, *turns("Hi")], "completion": [{"role": "assistant", "content": "Hello"}]},
        ),
        "think",
    )  # fmt: skip
    assert rows[0] == {"messages": turns("Hi", "Hello"), "task": "math"}
    assert rows[1] == {"messages": turns("2+2?", "<think>\n\n2+2\n\n</think>\n\n<answer>4</answer>")}
    assert rows[2] == {"messages": turns("Hi")}
    assert rows[3] == {"messages": turns("Hi", "Hello")}
    assert rows[4] == {"messages": [SYSTEM, *turns("Hi", "Hello")]}


@pytest.mark.parametrize("name", ["a.json", "a.parquet", "folder", "disk"])
def test_conversations_are_read_from_any_file(tmp_path, name):
    import datasets

    rows, path = [{"messages": turns("Hi", "Hello")}, {"messages": turns("2?", "3")}], tmp_path / name
    if name == "a.json":
        path.write_text(json.dumps(rows))
    elif name == "a.parquet":
        datasets.Dataset.from_list(rows).to_parquet(path)
    elif name == "folder":
        (path / "data").mkdir(parents=True)
        datasets.Dataset.from_list(rows).to_parquet(path / "data" / "train_sft-00000-of-00001.parquet")
    else:
        datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(path)
    assert read_conversations(str(path), "think") == rows


@pytest.mark.parametrize(
    "line,words",
    [
        ("", "is empty"),
        ("{]", 'line 1 is not JSON .* must be one conversation, an object with a list "messages"'),
        (
            "3",
            'line 1 is a JSON int instead of an object: it must be one conversation, an object with a list "messages"',
        ),
        ("{}", "line 1 is not a conversation"),
        ('{"messages": [{"role": "user"}]}', 'a list "messages"'),
        ('{"messages": [{"role": "assistant", "content": "x"}]}', "with a user's turn"),
    ],
)
def test_wrong_lines_are_named(tmp_path, line, words):
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match=words):
        read_conversations(str(path), "think")


def test_a_missing_file_and_a_lesson_without_an_answer(tmp_path):
    with pytest.raises(UserError, match="the file does not exist"):
        read_conversations(str(tmp_path / "nowhere.jsonl"), "think")
    with pytest.raises(UserError, match="nothing to learn"):
        lessons(Config(sft_data=write(tmp_path / "a.jsonl", {"prompt": "Hi"})))


def test_general_data_is_mixed_in_at_its_ratio(tmp_path):
    assert share_of(0.2, 80) == 20 and share_of(0, 80) == 0
    rows = [{"messages": turns(f"{i}?", "!"), "task": "word-problems"} for i in range(80)]
    config = Config(sft_data=write(tmp_path / "a.jsonl", *rows), general_data=SMALL_TALK, mix_ratio=0.2)
    mixed = lessons(config)
    general = [row["messages"][0]["content"] for row in mixed if row["task"] == GENERAL_TASK]
    assert (len(mixed), len(general), len(set(general))) == (100, 20, 20)
    assert mixed != sorted(mixed, key=str) and lessons(config) == mixed
    problems = general_problems(config, count=70)  # more than there are: each comes twice before any three times
    assert len(problems) == 70 and max(problems.count(p) for p in problems) == 3
    assert {p.task for p in problems} == {GENERAL_TASK}


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("is_chat", [False, True])
def test_an_example_is_the_prompt_of_training_and_the_answer(tokenizer, monkeypatch, prefix, is_chat):
    monkeypatch.setattr(tokenizer, "chat_template", CHATML)
    config = Config(**TINY, add_reasoning_prefix=prefix, is_chat=is_chat)
    row = {"messages": turns(QUESTION, ANSWER), "task": "word-problems"}
    (example,) = conversation_examples([row], tokenizer, config)
    prompt = Builder(tokenizer, config).prompt(Problem("", QUESTION, "5", task="word-problems"))
    asked = len(prompt.ids)
    assert tuple(example["input_ids"][:asked]) == prompt.ids
    assert example["labels"] == [IGNORED] * asked + example["input_ids"][asked:]
    said = tokenizer.decode(example["input_ids"][asked:])
    answer = ANSWER.removeprefix("<reasoning>") if prefix else ANSWER if is_chat else f"\n{ANSWER}"
    assert said == answer + ("<|im_end|>" if is_chat else "<|endoftext|>")


def test_small_talk_has_neither_system_text_nor_reasoning(tokenizer):
    config = Config(**TINY, add_reasoning_prefix=True)
    row = {"messages": turns("Thank you!", "You are welcome."), "task": GENERAL_TASK}
    (example,) = conversation_examples([row], tokenizer, config)
    whole = tokenizer.decode(example["input_ids"])
    assert whole == "Question: Thank you!\nAnswer: You are welcome.<|endoftext|>"


@pytest.mark.parametrize("is_chat", [False, True])
def test_of_several_turns_all_of_the_assistants_are_learnt(tokenizer, monkeypatch, is_chat):
    monkeypatch.setattr(tokenizer, "chat_template", CHATML)
    row = {"messages": [{"role": "system", "content": "Be brief."}, *turns("One?", "Two.", "Three?", "Four.")]}
    (example,) = conversation_examples([row], tokenizer, Config(**TINY, is_chat=is_chat))
    pairs = list(zip(example["input_ids"], example["labels"]))
    assert all(label in (IGNORED, i) for i, label in pairs)
    learnt = tokenizer.decode([label for _, label in pairs if label != IGNORED])
    end = "<|im_end|>" if is_chat else "<|endoftext|>"
    assert [part.strip() for part in learnt.split(end)] == ["Two.", "Four.", ""]
    whole = tokenizer.decode(example["input_ids"])
    assert whole.rstrip() == (
        tokenizer.apply_chat_template(row["messages"], tokenize=False).rstrip()
        if is_chat
        else f"Be brief.\nQuestion: One?\nAnswer: Two.{end}\n\nQuestion: Three?\nAnswer: Four.{end}"
    )


def test_conversations_that_are_too_long_are_left_out_whole(tokenizer):
    rows = [{"messages": turns("Hi", word * 30), "task": GENERAL_TASK} for word in ("a ", "many long words ")]
    config = Config(**{**TINY, "max_seq_length": 60, "max_prompt_length": 10, "max_completion_length": 50})
    assert len(conversation_examples(rows, tokenizer, config)) == 1
    with pytest.raises(UserError, match="every conversation is longer"):
        conversation_examples(rows[1:], tokenizer, config)


def test_packed_examples_do_not_see_each_other(tokenizer):
    """Sum of the losses of the learnt tokens: packed in one row, and one by one."""
    from transformers import AutoModelForCausalLM

    rows = [{"messages": turns(q, a), "task": GENERAL_TASK} for q, a in
            [("How are you?", "I am fine."), (QUESTION, "5 pens."), ("Hello!", "Hello, how can I help you?"), ("No?", "Yes.")]]  # fmt: skip
    examples = conversation_examples(rows, tokenizer, Config(**TINY))
    lengths = [len(e["input_ids"]) for e in examples]
    one_row = packed(examples, sum(lengths))
    assert [row["lengths"] for row in one_row] == [sorted(lengths, reverse=True)]
    several = packed(examples, max(lengths) + 5)
    assert sorted(n for row in several for n in row["lengths"]) == sorted(lengths)
    assert all(sum(row["lengths"]) == len(row["input_ids"]) <= max(lengths) + 5 for row in several)

    model = AutoModelForCausalLM.from_pretrained(TINY_MODELS["tiny"], dtype=torch.float32, attn_implementation="eager")

    def total(batch):
        labels = batch.pop("labels")[:, 1:]
        with torch.no_grad():
            logprobs = model(**batch).logits[:, :-1].log_softmax(-1)
        learnt = labels != IGNORED
        return -logprobs[learnt].gather(1, labels[learnt][:, None]).sum().item(), int(learnt.sum())

    alone = [total(Collator(tokenizer.pad_token_id)([e])) for e in examples]
    loss, count = total(Packer(tokenizer.pad_token_id)(one_row))
    assert count == sum(n for _, n in alone)
    assert loss == pytest.approx(sum(x for x, _ in alone), rel=1e-4)
    batch = Packer(tokenizer.pad_token_id)(one_row)
    batch["position_ids"] = torch.arange(batch["input_ids"].shape[1])[None]  # as if it were one text
    assert abs(total(batch)[0] - loss) > 0.5
