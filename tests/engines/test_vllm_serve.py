"""A merged export behind `vllm serve`, asked by the OpenAI client as the model card says; on the CPU build.

Skipped where vLLM or the client is missing; with R1RL_FULL_STACK=1, as in CI, it may not be.
"""

from __future__ import annotations

import re

import torch
from full_stack import missing, needs
from small_run import SMALL
from vllm_server import CPU, free_port, served

from r1rl.commands.export.card import QUESTION, Exported, use
from r1rl.commands.export.forms import write_merged
from r1rl.commands.export.proof import live_answers
from r1rl.config.flags import Config
from r1rl.engines import proof
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.records import Problem
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems

pytestmark = needs("vllm", "openai")


def test_the_stack_is_there_in_ci():
    assert missing("vllm", "openai") == []


def test_the_merged_model_answers_through_vllm_and_the_openai_client(tmp_path, monkeypatch):
    config = Config(**SMALL)
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    for i, w in enumerate(proof.lora_b(policy)):
        w.data.normal_(std=0.02, generator=torch.Generator().manual_seed(i))
    (tmp_path / "out").mkdir()
    write_merged(policy, tmp_path / "out")
    build = Builder(policy.tokenizer, config)
    prompts = build(WordProblems(0).load("test")[:8], "test")
    live = live_answers(TransformersEngine(policy), prompts, config)
    assert len({r.completion for r in live}) > 4

    shown = build.prompt(Problem("", QUESTION, "", task="word-problems")).text
    card = use(config, Exported("merged", "tiny", 2, shown, 0, 8, 0), "out")
    command = re.search(r"^vllm serve .*$", card, re.MULTILINE).group().split()
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[1]
    port = free_port()
    with served([*command, *CPU, "--port", str(port), "--host", "127.0.0.1"], port, tmp_path):
        code = code.replace("http://localhost:8000", f"http://127.0.0.1:{port}").replace(
            '"What is 3 times 4?"', "asked"
        )
        for prompt, rollout in zip(prompts, live):
            there: dict = {"asked": prompt.problem.question}
            exec(code, there)
            choice = there["answer"].choices[0]
            assert "<reasoning>" + choice.text == rollout.completion
            assert choice.finish_reason == rollout.finish


def test_a_4_bit_run_of_unsloth_is_proven_as_adapter_and_merged(program, tmp_path):
    """Unsloth quantizes the scales, too: the fresh process must do the same, or the adapter answers otherwise."""
    done = program(
        "--recipe", "tiny", "--add-reasoning-prefix", "--max-steps", 2, "--eval-count", 8, "--no-eval-on-start",
        "--load-in-4bit", "--dumps", tmp_path, "--exp-name", "run", "--engine", "transformers", "-tbs", 64,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Unsloth, 4 bit (NF4)" in done.stdout
    for form in ("adapter", "merged"):
        out = program("export", tmp_path / "run", "--to", form, "-o", tmp_path / form)
        assert out.returncode == 0, out.stdout + out.stderr
        assert "0 of 8 completions" in out.stdout
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "bnb_4bit_quant_type='nf4', bnb_4bit_use_double_quant=True" in card
