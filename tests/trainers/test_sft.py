"""Supervised fine-tuning: the learned tokens of a solution, stop and resume, the merged model, the four modes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path
from statistics import fmean

import pytest
import torch
from conftest import ROOT
from small_run import AskToStop, without_times
from small_sft import RECIPE, SMALL, make_fine_tuner

from r1rl.config.flags import Config
from r1rl.config.parser import as_arguments
from r1rl.config.recipes import resolve
from r1rl.models.merge import merge_into, save_merged
from r1rl.pipeline.modes import reinforcement
from r1rl.pipeline.sft import MERGED, with_epochs
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, read_lines
from r1rl.runs.stats import mcnemar_exact
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems
from r1rl.trainers.sft import IGNORED, Collator, solution_examples, solution_text

DATA = Path(os.environ.get("R1RL_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="module")
def fine_tuner(tmp_path_factory):
    return make_fine_tuner(tmp_path_factory.mktemp("dumps"))


def test_calculator_notes_are_removed_unless_wanted():
    solution = "He has 48/2=<<48/2=24>>24 clips.\nThat is <<24>>24.\n#### 24"
    assert solution_text(solution, keep_notes=False) == "He has 48/2=24 clips.\nThat is 24.\n#### 24"
    assert solution_text(solution, keep_notes=True) == solution
    assert solution_text("a << b and <<\n>> c", keep_notes=False) == "a << b and <<\n>> c"


def test_the_loss_is_on_the_solution_alone(fine_tuner):
    tokenizer = fine_tuner.policy.tokenizer
    task = WordProblems(fine_tuner.run.seed)
    for problem, row in zip(task.load("train"), fine_tuner.train_dataset):
        learned = [i for i in row["labels"] if i != IGNORED]
        assert learned[-1] == tokenizer.eos_token_id
        text = tokenizer.decode(learned[:-1])
        assert text == " " + solution_text(problem.solution, keep_notes=False)
        prompt = tokenizer.decode(row["input_ids"][: len(row["input_ids"]) - len(learned)])
        assert prompt == f"Question: {problem.question}\nAnswer:"


def test_the_loss_equals_cross_entropy_of_the_solutions_tokens(fine_tuner, monkeypatch):
    rows = [fine_tuner.train_dataset[i] for i in (0, 5, 9)]
    batch = Collator(fine_tuner.policy.tokenizer.pad_token_id)(rows)
    monkeypatch.setattr(fine_tuner, "policy", dataclasses.replace(fine_tuner.policy, mixed=False))  # float32
    loss = fine_tuner.compute_loss(fine_tuner.model, batch)
    each = []
    for row in rows:  # one by one, without padding
        ids = torch.tensor([row["input_ids"]])
        logprobs = fine_tuner.model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        chosen = logprobs.gather(1, ids[0, 1:, None])[:, 0]
        each.append(-chosen[torch.tensor(row["labels"][1:]) != IGNORED])
    assert loss.item() == pytest.approx(torch.cat(each).mean().item(), rel=1e-4)


def test_solutions_that_are_too_long_are_left_out_whole(fine_tuner):
    config, tokenizer = fine_tuner.run, fine_tuner.policy.tokenizer
    build = Builder(tokenizer, config)
    prompts = build(WordProblems(config.seed).load("train")[:40], "train")
    lengths = sorted(len(r["input_ids"]) for r in solution_examples(prompts, tokenizer, config))
    limit = lengths[20]
    tight = Config(**{**SMALL, "max_seq_length": limit, "max_prompt_length": limit - 48})
    kept = solution_examples(prompts, tokenizer, tight)
    assert sorted(len(r["input_ids"]) for r in kept) == [n for n in lengths if n <= limit]
    with pytest.raises(UserError, match=f"{lengths[0]} or more"):
        none = {"max_seq_length": lengths[0] - 1, "max_prompt_length": 2, "max_completion_length": 2}
        solution_examples(prompts, tokenizer, Config(**{**SMALL, **none}))


def test_a_share_of_the_solutions_is_the_final_answer_alone(fine_tuner):
    tokenizer, build = fine_tuner.policy.tokenizer, Builder(fine_tuner.policy.tokenizer, fine_tuner.run)
    prompts = build(WordProblems(fine_tuner.run.seed).load("train")[:200], "train")

    def learned(share: float, seed: int = 1) -> list[str]:
        examples = solution_examples(prompts, tokenizer, Config(**{**SMALL, "sft_direct": share, "seed": seed}))
        return [tokenizer.decode([i for i in e["labels"] if i != IGNORED][:-1]) for e in examples]

    whole, answers = learned(0), learned(1)
    assert answers == [f" #### {p.problem.answer}" for p in prompts]
    mixed = learned(0.7)
    assert all(text in pair for text, pair in zip(mixed, zip(whole, answers)))
    assert 120 <= sum(text == answer for text, answer in zip(mixed, answers)) <= 160  # 140, give or take 3 deviations
    assert mixed == learned(0.7) != learned(0.7, seed=2)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "gsm8k").is_dir(), reason="needs GSM8K's files")
def test_real_gsm8k_is_learned(program, tmp_path):
    done = program(
        "--recipe", RECIPE, "--mode", "sft", "--dataset-name", "gsm8k", "--dataset-path", DATA / "gsm8k",
        "--max-samples", 32, "--eval-count", 4, "--no-unsloth", "--engine", "transformers", "--dumps", tmp_path,
        "--sft-output", tmp_path / "sft", "--num-epochs", 4, "--sft-learning-rate", 2e-3,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    losses = [x["loss"] for x in read_lines(tmp_path / "sft" / FINE_TUNING)]
    assert len(losses) == 8 and fmean(losses[-2:]) < fmean(losses[:2]) - 0.5
    assert (tmp_path / "sft" / MERGED / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_resumed_run_equals_the_unbroken_one(tmp_path):
    whole = make_fine_tuner(tmp_path, "whole")
    whole.fit(None)
    stopped = make_fine_tuner(tmp_path, "parts")
    stopped.add_callback(AskToStop(stopped.interrupt, after=3))
    stopped.fit(None)
    assert [x["step"] for x in read_lines(tmp_path / "parts" / FINE_TUNING)] == [1, 2, 3]

    dump = runs_folder.open_run(stopped.run, "test", {"gpu": None})
    checkpoint = runs_folder.continue_from(dump)
    assert checkpoint.name == "checkpoint-3"
    resumed = make_fine_tuner(tmp_path, "parts", resume=True)
    resumed.fit(checkpoint)
    for name in (FINE_TUNING, EVALUATIONS, "eval/step_5.jsonl"):
        assert without_times(tmp_path / "parts" / name) == without_times(tmp_path / "whole" / name)


def test_the_merged_model_is_the_policy(fine_tuner, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with torch.no_grad():
        for name, parameter in fine_tuner.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    save_merged(fine_tuner.policy, tmp_path / "model")
    save_merged(fine_tuner.policy, tmp_path / "model")  # a second end of the same run
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model", attn_implementation="eager")
    assert AutoTokenizer.from_pretrained(tmp_path / "model").eos_token == "<|endoftext|>"
    ids = torch.tensor([fine_tuner.train_dataset[0]["input_ids"]])
    with torch.no_grad():
        torch.testing.assert_close(merged(ids).logits, fine_tuner.model(ids).logits, rtol=1e-3, atol=1e-3)
        base = fine_tuner.policy.sampling_copy()
        difference = (base(ids).logits - merged(ids).logits).abs().max()
        merge_into(fine_tuner.policy, base)
        assert difference > 0.1 and torch.equal(base(ids).logits, merged(ids).logits)


def test_flags_survive_the_command_line():
    """as_arguments gives flags from which the same config comes out."""
    from r1rl.commands.dispatch import train_parser

    config = resolve(RECIPE, {"seed": 5, "mode": "rl", "keep_calculator_notes": True, "gpu_price": 1.5})
    given = vars(train_parser().parse_args(["--recipe", RECIPE, *as_arguments(config)]))
    assert given.pop("recipe") == RECIPE and not given.pop("print_config")
    assert Config(**given) == config


def test_use_4bit_and_steps_take_the_recipes_place():
    from r1rl.commands.dispatch import train_parser

    given = vars(train_parser().parse_args(["--use-4bit", "--max-steps", "7"]))
    assert given["load_in_4bit"] is True
    assert resolve(RECIPE, {"max_steps": 7}).num_epochs is None
    assert resolve("gsm8k-sft-rl", {}).generation_batch_size == 4 * 4


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--mode", "rl"], ["does not exist", f"--recipe {RECIPE} --mode sft", "--sft-output"]),
        (["--mode", "eval"], ["there are none in", "--mode both"]),
        (["--mode", "sfd"], ["did you mean 'sft'"]),
        (
            ["--mode", "sft", "--dataset-name", "knights_knaves", "--answer-format", "tag", "--prompt-style", "tags"],
            ["worked solutions"],
        ),
        (["--mode", "sft", "--dataset-path", "nowhere"], ["not a folder"]),
    ],
)
def test_wrong_modes(program, tmp_path, arguments, words):
    done = program("--recipe", RECIPE, *arguments, "--dumps", tmp_path / "dumps")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "dumps").exists()


def test_rl_needs_a_fine_tuning_that_came_to_its_end(tmp_path):
    config = resolve(RECIPE, {"mode": "rl", "dumps": str(tmp_path)})
    (tmp_path / "word-problems-sft").mkdir()
    with pytest.raises(UserError, match="is not complete"):
        reinforcement(config, RECIPE)


def test_what_fine_tuning_learned_is_not_quantized_again(tmp_path):
    config = resolve(RECIPE, {"mode": "rl", "dumps": str(tmp_path), "load_in_4bit": True})
    folder = tmp_path / "word-problems-sft"
    (folder / MERGED).mkdir(parents=True)
    for name in ("summary.json", f"{MERGED}/config.json"):
        (folder / name).write_text("{}")
    begun = reinforcement(config, RECIPE)
    assert (begun.model_name, begun.load_in_4bit) == (str(folder / MERGED), False)
    (tmp_path / "word-problems-rl").mkdir()  # a run from before this rule goes on as it began
    (tmp_path / "word-problems-rl" / "run.json").write_text('{"config": {"load_in_4bit": true}}')
    assert reinforcement(dataclasses.replace(config, resume=True), RECIPE).load_in_4bit


def test_print_config_shows_whether_the_run_is_in_4_bit(tmp_path, capsys):
    """As `reinforcement` decides it, also before there is a merged model, without which no run starts."""
    from r1rl.commands.dispatch import train_command

    def in_4bit(*flags):
        arguments = ["--recipe", RECIPE, "--dumps", str(tmp_path), "--load-in-4bit", *flags, "--print-config"]
        assert train_command(arguments, None) == 0
        return json.loads(capsys.readouterr().out)["load_in_4bit"]

    assert in_4bit("--mode", "sft") and in_4bit("--mode", "both")
    assert not in_4bit("--mode", "rl")
    (tmp_path / "word-problems-rl").mkdir()
    for begun in (True, False):
        (tmp_path / "word-problems-rl" / "run.json").write_text(json.dumps({"config": {"load_in_4bit": begun}}))
        assert in_4bit("--mode", "rl", "--resume") == begun


@pytest.mark.slow
def test_all_four_modes_from_the_command_line(program, tmp_path):
    """sft, rl and eval one by one, as a user types them; both with --resume finds the first two done."""
    flags = ("--recipe", RECIPE, "--dumps", tmp_path, "--exp-name", "x", "--no-unsloth", "--engine", "transformers",
             "--max-samples", 48, "--eval-count", 20, "--per-device-eval-batch-size", 20, "--max-completion-length", 64)  # fmt: skip
    for mode in ("sft", "rl"):
        done = program(*flags, "--mode", mode)
        assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "x-rl"
    described = json.loads((folder / "run.json").read_text())["config"]
    assert described["model_name"] == str(tmp_path / "x-sft" / MERGED)
    after_sft = list(read_lines(tmp_path / "x-sft" / EVALUATIONS))[-1]
    before_rl = next(read_lines(folder / EVALUATIONS))
    assert (after_sft["correct"], after_sft["mean_tokens"]) == (before_rl["correct"], before_rl["mean_tokens"])

    done = program(*flags, "--mode", "both", "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 2: sft is done" in done.stdout
    found = re.findall(r"^(base|after sft|after rl) +(\d+) / 20", done.stdout, re.MULTILINE)
    assert [name for name, _ in found] == ["base", "after sft", "after rl"]
    assert int(found[1][1]) == after_sft["correct"]
    assert "exact McNemar" in done.stdout


@pytest.mark.slow
def test_fine_tuning_raises_accuracy_over_the_base(program, tmp_path):
    done = program(
        "--recipe", RECIPE, "--mode", "sft", "--sft-samples", 160, "--no-unsloth", "--engine", "transformers", "--eval-count", 100,
        "--dumps", tmp_path, "--sft-output", tmp_path / "sft",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    before, after = (
        {x["problem_id"]: x["correct"] for x in read_lines(tmp_path / "sft" / "eval" / f"step_{step}.jsonl")}
        for step in (0, 30)
    )
    assert before.keys() == after.keys() and len(before) == 100
    assert mcnemar_exact(list(before.values()), list(after.values())) < 0.05
    assert sum(after.values()) > sum(before.values())
    assert "significant" in done.stdout and "nats per token" in done.stdout


@pytest.mark.slow
def test_a_step_that_is_not_finite_is_left_out_and_counted(tmp_path):
    tuner = make_fine_tuner(tmp_path, eval_on_start=False)
    weight = next(p for n, p in tuner.model.named_parameters() if "lora_B" in n)
    weight.register_hook(lambda g: g * float("inf") if tuner.state.global_step == 1 else g)
    tuner.fit(None)
    lines = list(read_lines(tmp_path / "run" / FINE_TUNING))
    assert [x["step"] for x in lines if x["skipped"] == "gradient"] == [2]
    assert [x["step"] for x in lines if x["guards"] == ["non-finite"]] == [2]
    assert [x["step"] for x in lines if x["loss"] is None] == [2]
    assert all(torch.isfinite(p).all() for p in tuner.model.parameters())


def test_the_warm_start_has_its_own_number_of_passes():
    """3 passes over 8 solutions, 4 a step: 6 steps; without --sft-epochs as many passes as --num-epochs."""
    config = Config(mode="both", num_epochs=1, batch_size=4, sft_epochs=3, num_generations=8)
    assert with_epochs(config, 8).max_steps == 6
    assert with_epochs(dataclasses.replace(config, sft_epochs=None), 8).max_steps == 2
