"""Small random models of each family through the whole loop: prompt, engine, proof, GRPO, evaluation, export, reload."""

from __future__ import annotations

import json

import pytest
import torch
from cost import slow_except
from small_run import make_trainer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from r1rl.commands.export.forms import write_adapter, write_merged
from r1rl.commands.export.proof import compare, effect, greedy, live_answers
from r1rl.commands.export.reload import answers, load_export
from r1rl.config.flags import TINY_MODELS, Config
from r1rl.engines import proof
from r1rl.models.chat_template import end_of_turn, opened_tag, opening
from r1rl.models.policy import LORA_TARGETS, load_policy
from r1rl.records import Problem
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.runs.finished import checkpoint_of
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder

SHAPE = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 2048}  # fmt: skip
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# In the manner of Qwen3's: no thoughts in earlier turns, empty ones in the last, and a switch that puts them into the prompt.
QWEN3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA2 = (  # refuses a system turn
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GEMMA3 = (  # puts it at the beginning of the user's
    "{{ bos_token }}{% set ns = namespace(first='') %}{% for m in messages %}{% if m.role == 'system' %}"
    "{% set ns.first = m.content + '\n\n' %}{% else %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ ns.first }}{{ m.content | trim }}<end_of_turn>\n"
    "{% set ns.first = '' %}{% endif %}{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# name: (model type, more of its config, chat template, token that ends a turn, begin token)
FAMILIES = {
    "qwen2.5": ("qwen2", {"tie_word_embeddings": True}, None, None, None),
    "qwen2.5-instruct": ("qwen2", {"tie_word_embeddings": True}, CHATML, "<|im_end|>", None),
    "qwen3": ("qwen3", {"head_dim": 16}, None, None, None),
    "qwen3-instruct": ("qwen3", {"head_dim": 16}, QWEN3, "<|im_end|>", None),
    "llama-3.2-instruct": ("llama", {"tie_word_embeddings": True}, LLAMA3, "<|eot_id|>", "<|begin_of_text|>"),
    "gemma-3-it": ("gemma3_text", {"head_dim": 16, "sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"]},
                   GEMMA3, "<end_of_turn>", "<bos>"),
    "smollm2-instruct": ("llama", {}, CHATML, "<|im_end|>", None),
}  # fmt: skip


def make_family(folder, name):
    """A random model of a family, with the embedded model's tokens and a chat template in the family's manner."""
    kind, more, template, turn_end, begin = FAMILIES[name]
    tokenizer = AutoTokenizer.from_pretrained(TINY_MODELS["tiny"])
    tokenizer.chat_template = template
    extra = [t for t in (turn_end, begin, "<|start_header_id|>", "<|end_header_id|>") if t]
    tokenizer.add_special_tokens({"additional_special_tokens": extra})
    if begin:
        tokenizer.add_special_tokens({"bos_token": begin})
    if name.startswith("llama"):
        tokenizer.pad_token = None  # as Llama's
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **SHAPE, **more, vocab_size=len(tokenizer),
                                  eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id, pad_token_id=1)  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id]  # the end of a turn is not declared
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def turned(name):
    """Whether it is a chat model."""
    return FAMILIES[name][2] is not None


def on_family(tmp_path, name, run="run", **changes):
    """A trainer on a model of this family; rewards that something random can earn."""
    folder = make_family(tmp_path / "model", name)
    settings = {"model_name": str(folder), "is_chat": turned(name), "lora_rank": 8, "max_completion_length": 8,
                "learning_rate": 1e-2, "per_device_eval_batch_size": 8}  # fmt: skip
    return make_trainer(tmp_path, run, **{**settings, **changes})


@pytest.fixture
def rewarded(tmp_path):
    """A reward file; what a random model samples hardly ever earns the same twice."""
    path = tmp_path / "rewards.py"
    path.write_text("def token_sum(rollout, problem):\n    return sum(rollout.completion_ids) / 1000\n")
    return f"{path}:token_sum"


@pytest.mark.parametrize("name", slow_except(["qwen2.5", "llama-3.2-instruct"], FAMILIES))
def test_the_whole_loop(tmp_path, name, rewarded):
    trainer = on_family(tmp_path, name, reward=rewarded)
    policy, config = trainer.policy, trainer.run
    assert policy.targets == list(LORA_TARGETS)
    proofs = proof.prove_adapter(policy, trainer.engine, trainer.train_prompts, seed=0)
    assert [p.verdict for p in proofs] == ["proven"] * 7, proofs
    trainer.fit(None, proofs)
    lines = list(read_lines(trainer.dump.folder / METRICS))
    assert len(lines) == 2 and all(line["sampler_gap"] < 1e-2 for line in lines)
    assert lines[0]["grad_norm"] > 0  # in the second step all may have earned the same
    assert [e["step"] for e in read_lines(trainer.dump.folder / EVALUATIONS)] == [2]

    trainer.engine.sync()
    live = live_answers(trainer.engine, trainer.eval_prompts, config)
    assert effect(policy, live) > 0
    for write, folder in ((write_adapter, tmp_path / "adapter"), (write_merged, tmp_path / "merged")):
        folder.mkdir()
        write(*((policy, checkpoint_of(trainer.dump.folder, "best")) if write is write_adapter else (policy,)), folder)
        again = load_export(folder, False, None, config.is_chat)
        assert again.end_ids == policy.end_ids
        texts = [p.text for p in trainer.eval_prompts]
        found = answers(again, texts, greedy(config), config.is_chat)
        result = compare(trainer.eval_prompts, live, found, policy.tokenizer, config)
        assert result.same and result.largest_gap == 0


@pytest.mark.parametrize("name", [n for n in FAMILIES if turned(n)])
def test_the_turns_end_is_found_in_the_template(tmp_path, name):
    folder = make_family(tmp_path / "model", name)
    settings = {"model_name": str(folder), "load_in_4bit": False, "unsloth": False, "lora_rank": 8}
    chat = load_policy(Config(**settings, is_chat=True), has_gpu=False, shared_engine=False)
    plain = load_policy(Config(**settings), has_gpu=False, shared_engine=False)
    token = chat.tokenizer.convert_tokens_to_ids(FAMILIES[name][3])
    assert chat.end_ids == plain.end_ids | {token} and token not in plain.end_ids
    assert end_of_turn(chat.tokenizer, is_chat=True) == FAMILIES[name][3]
    assert chat.tokenizer.pad_token_id is not None
    (prompt,) = Builder(chat.tokenizer, Config(**settings, is_chat=True))([Problem("", "2 + 2?", "4")], "test")
    begin = chat.tokenizer.bos_token_id
    assert begin is None or (prompt.ids[0] == begin and prompt.ids.count(begin) == 1)
    assert "2 + 2?" in prompt.text and "Solve the problem" in prompt.text


def with_template(template):
    tokenizer = AutoTokenizer.from_pretrained(TINY_MODELS["tiny"])
    tokenizer.chat_template = template
    return tokenizer


def test_thinking_is_off_unless_the_runs_reasoning_is_it():
    tokenizer, turns = with_template(QWEN3), [{"role": "user", "content": "2 + 2?"}]
    assert opening(tokenizer, turns, "reasoning").endswith("<think>\n\n</think>\n\n")
    assert opening(tokenizer, turns, "think").endswith("<|im_start|>assistant\n")
    assert opening(with_template(CHATML), turns, "reasoning").endswith("<|im_start|>assistant\n")


@pytest.mark.parametrize(
    "template",
    [GEMMA2, CHATML.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}")],
    ids=["refused", "dropped"],
)
def test_a_system_text_that_the_template_has_no_place_for_goes_into_the_users_turn(template):
    turns = [{"role": "system", "content": "Answer in tags."}, {"role": "user", "content": "2 + 2?"}]
    text = opening(with_template(template), turns, "reasoning")
    assert "user\nAnswer in tags.\n\n2 + 2?" in text
    with_place = opening(with_template(CHATML), turns, "reasoning")
    assert "<|im_start|>system\nAnswer in tags.<|im_end|>" in with_place


def test_a_template_that_opens_the_thoughts_itself_gets_no_second_tag():
    tokenizer = with_template(CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}"))
    settings = {"is_chat": True, "think_tag": "think", "load_in_4bit": False}
    for added in (True, False):
        prompt = Builder(tokenizer, Config(**settings, add_reasoning_prefix=added)).prompt(Problem("", "2 + 2?", "4"))
        assert (
            prompt.text.endswith("assistant\n<think>\n") and prompt.text.count("<think>\n") == 2
        )  # one in the system text
        assert prompt.prefix == "<think>\n" == opened_tag(prompt.text, "think")


# ---- all weights


@pytest.mark.slow
def test_all_weights_train_resume_and_export(tmp_path, rewarded):
    """--lora-rank 0: the engine follows, a resumed run equals the unbroken one, and the merged export is the policy."""
    from small_run import AskToStop, without_times

    from r1rl.runs import folder as runs_folder

    changes = {
        "lora_rank": 0,
        "learning_rate": 1e-3,
        "reward": rewarded,
        "eval_steps": 2,
        "max_steps": 3,
        "save_steps": 3,
    }
    whole = on_family(tmp_path, "qwen2.5", "whole", **changes)
    assert [p.verdict for p in proof.prove_adapter(whole.policy, whole.engine, whole.train_prompts, seed=0)] == [
        "proven"
    ] * 7
    base = {k: v.clone() for k, v in whole.policy.sampling_copy().state_dict().items()}
    whole.fit(None, [])
    moved = [k for k, v in whole.policy.model.state_dict().items() if not torch.equal(v, base[k])]
    assert set(moved) == set(base)  # embeddings and norms, too
    assert all(line["sampler_gap"] < 1e-2 for line in read_lines(whole.dump.folder / METRICS))

    stopped = on_family(tmp_path, "qwen2.5", "parts", **changes)
    stopped.add_callback(AskToStop(stopped.interrupt, after=2))
    stopped.fit(None, [])
    checkpoint = runs_folder.continue_from(runs_folder.open_run(stopped.run, "test", {"gpu": None}))
    resumed = on_family(tmp_path, "qwen2.5", "parts", **changes, resume=True)
    resumed.fit(checkpoint, [])
    for name in (METRICS, EVALUATIONS):
        assert without_times(tmp_path / "parts" / name) == without_times(tmp_path / "whole" / name)

    whole.engine.sync()
    live = live_answers(whole.engine, whole.eval_prompts, whole.run)
    assert effect(whole.policy, live) > 0
    saved = load_policy(whole.run, False, False, str(checkpoint_of(whole.dump.folder, "last")))
    (tmp_path / "merged").mkdir()
    write_merged(saved, tmp_path / "merged")
    again = load_export(tmp_path / "merged", False, None, False)
    found = answers(again, [p.text for p in whole.eval_prompts], greedy(whole.run), False)
    assert compare(whole.eval_prompts, live, found, saved.tokenizer, whole.run).same


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "add --no-load-in-4bit"),
        ({"load_in_4bit": False, "beta": 0.1}, "--beta 0"),
        ({"load_in_4bit": False, "algorithm": "ppo"}, "--algorithm grpo"),
        ({"load_in_4bit": False, "lora_alpha": 8}, "--lora-alpha 8"),
    ],
)
def test_what_does_not_go_with_all_weights(changes, words):
    with pytest.raises(UserError, match=words):
        Config(lora_rank=0, **changes)


def test_the_plan_counts_all_weights():
    from r1rl.models.shape import KNOWN
    from r1rl.preflight.memory_parts import Place, standing

    shape = KNOWN["Qwen2.5-0.5B"]
    place = Place("card", 2**35, 2**35, True, "vllm", "", False)
    parts = {p.name: p.size for p in standing(Config(lora_rank=0, load_in_4bit=False), shape, place)}
    assert parts["weights"] == parts["their gradients"] == 4 * shape.weights
    assert parts["their optimizer"] == int((2 + 8 / 256) * shape.weights)
    assert "adapter" not in parts and parts["engine's copy"] == 2 * shape.weights


def test_an_adapter_of_another_family_is_no_secret(tmp_path):
    """Names of linear layers differ elsewhere (GPT-NeoX): they are found, not assumed."""
    config = AutoConfig.for_model("gpt_neox", hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                  num_attention_heads=4, vocab_size=640)  # fmt: skip
    from r1rl.models.policy import lora_targets

    model = AutoModelForCausalLM.from_config(config)
    assert lora_targets(model) == ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
    assert json.loads(config.to_json_string())["model_type"] == "gpt_neox"
