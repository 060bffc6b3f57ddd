"""What a chat template does is found by rendering, in RL and in SFT alike: thoughts, system roles, parts, ends."""

from __future__ import annotations

import copy

import pytest
from tokenizers import processors

from r1rl.config.flags import Config
from r1rl.models.chat_template import appended, by_template, end_of_turn, ending_token, opening, prompt_ids, turn_end
from r1rl.records import Problem
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.trainers.sft_examples import IGNORED, conversation_examples

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKS = (  # in the manner of DeepSeek-R1's: cuts the assistant's thoughts, and opens those of the next turn
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ (m.content.split('</think>')[-1] if m.role == 'assistant' else m.content) | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
DROPS = CHATML.replace("for m in messages", "for m in messages if m.role != 'system'")
PARTS = CHATML.replace(
    "{{ m.content }}", "{% for part in m.content if part.type == 'text' %}{{ part.text }}{% endfor %}"
)
PARTS_WITHOUT_SYSTEM = PARTS.replace("for m in messages", "for m in messages if m.role != 'system'")
ENDLESS = CHATML.replace("<|im_end|>", "")
NOTHING = "{% for m in messages %}<|im_start|>{{ m.role }}<|im_end|>\n{% endfor %}"
BROKEN = "{{ raise_exception('tools only') }}"
SYSTEM = {"role": "system", "content": "Be brief."}


def turns(*contents):
    return [{"role": r, "content": c} for r, c in zip(("user", "assistant") * len(contents), contents)]


@pytest.fixture
def templated(tokenizer, monkeypatch):
    """The embedded model's tokenizer with a template."""

    def with_template(template):
        monkeypatch.setattr(tokenizer, "chat_template", template)
        return tokenizer

    return with_template


def prompt_of(tokenizer, **flags):
    return Builder(tokenizer, Config(is_chat=True, **flags)).prompt(Problem("", "2 + 2?", "4"))


@pytest.mark.parametrize("template", [CHATML, REFUSES, DROPS, PARTS, PARTS_WITHOUT_SYSTEM, ENDLESS])
def test_every_prompt_has_question_and_system_text(templated, template):
    text = prompt_of(templated(template)).text
    assert text.count("2 + 2?") == 1 and text.count("Solve the problem.") == 1


@pytest.mark.parametrize(("template", "reason"), [(NOTHING, r"it drops '2 \+ 2\?'"), (BROKEN, "tools only")])
def test_a_prompt_without_the_question_is_an_error(templated, template, reason):
    with pytest.raises(UserError, match=f"does not render the conversation \\({reason}") as error:
        prompt_of(templated(template))
    assert "choose a model" in str(error.value)
    with pytest.raises(UserError, match="does not render the conversation"):
        by_template(turns("2 + 2?", "4"), templated(template))


@pytest.mark.parametrize("added", [True, False])
def test_thoughts_that_the_template_opens_are_closed_before_other_reasoning(templated, added):
    prompt = prompt_of(templated(THINKS), add_reasoning_prefix=added)
    end = "<reasoning>" if added else ""
    assert prompt.text.endswith(f"assistant\n<think>\n\n</think>\n\n{end}") and prompt.prefix == end
    ours = prompt_of(templated(THINKS), add_reasoning_prefix=added, think_tag="think")
    assert ours.text.endswith("assistant\n<think>\n") and ours.prefix == "<think>\n"


def learned(messages, tokenizer):
    (example,) = conversation_examples([{"messages": messages}], tokenizer, Config(is_chat=True))
    first = next(i for i, label in enumerate(example["labels"]) if label != IGNORED)
    return [tokenizer.decode(part) for part in (example["input_ids"][:first], example["input_ids"][first:])]


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("<think>\n2 and 2\n</think>\n4", "2 and 2\n</think>\n4"),
        ("<think>2 and 2</think>4", "2 and 2</think>4"),
        ("2 and 2</think>4", "2 and 2</think>4"),
        ("4", "\n</think>\n\n4"),
    ],
)
def test_fine_tuning_learns_what_follows_the_opened_thoughts(templated, answer, rest):
    tokenizer = templated(THINKS)
    prompt, taught = learned(turns("2 + 2?", answer), tokenizer)
    assert prompt == opening(tokenizer, turns("2 + 2?"), "think") and taught == rest + "<|im_end|>"
    _, taught = learned(turns("1 + 1?", "<think>\n1</think>2", "2 + 2?", answer), tokenizer)
    assert taught == rest + "<|im_end|>"  # the template cuts the first turn's thoughts


@pytest.mark.parametrize("template", [REFUSES, DROPS, PARTS_WITHOUT_SYSTEM])
def test_fine_tuning_puts_the_system_text_where_sampling_does(templated, template):
    tokenizer = templated(template)
    prompt, taught = learned([SYSTEM, *turns("2 + 2?", "4")], tokenizer)
    assert prompt == opening(tokenizer, [SYSTEM, *turns("2 + 2?")], "think")
    assert "user\nBe brief.\n\n2 + 2?" in prompt and taught.rstrip() == "4<|im_end|>"


def test_a_turn_without_an_end_is_taught_the_end_of_text(templated):
    tokenizer = templated(ENDLESS)
    assert end_of_turn(tokenizer, is_chat=True) == tokenizer.eos_token
    assert turn_end(tokenizer) == tokenizer.eos_token_id
    assert [t for t, yes in by_template(turns("1?", "2", "3?", "4"), tokenizer) if yes] == [
        "2<|endoftext|>",
        "4<|endoftext|>",
    ]


@pytest.mark.parametrize("template", [CHATML, REFUSES, PARTS, THINKS])
def test_the_end_of_a_turn_is_what_follows_the_text(templated, template):
    assert end_of_turn(templated(template), is_chat=True) == "<|im_end|>"
    assert ending_token(template, None, ["<|im_start|>", "<|im_end|>"]) == "<|im_end|>"
    assert ending_token(ENDLESS, None, ["<|im_end|>"]) is None


@pytest.mark.parametrize(("form", "begin"), [("$A <|endoftext|>", 0), ("<|endoftext|> $A <|endoftext|>", 1)])
def test_no_prompt_ends_in_a_token_that_the_tokenizer_appends(tokenizer, form, begin):
    ending = copy.deepcopy(tokenizer)
    ending.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=form, special_tokens=[("<|endoftext|>", ending.eos_token_id)]
    )
    assert ending("Hi")["input_ids"][-1] == ending.eos_token_id and (appended(ending), appended(tokenizer)) == (1, 0)
    bare = tokenizer("Hi", add_special_tokens=False)["input_ids"]
    assert prompt_ids(ending, "Hi", is_chat=False) == [ending.eos_token_id] * begin + bare
    assert prompt_ids(ending, "Hi", is_chat=True) == bare
    (example,) = conversation_examples([{"messages": turns("Hi", "Yes")}], ending, Config())
    (usual,) = conversation_examples([{"messages": turns("Hi", "Yes")}], tokenizer, Config())
    assert example["input_ids"] == [ending.eos_token_id] * begin + usual["input_ids"]
