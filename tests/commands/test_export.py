"""Export: what is written is what was trained, proven in a fresh process; and what is not is refused and not kept."""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT
from fake_hub import hub
from safetensors.torch import load_file, save_file
from small_run import CHECKSUM, SMALL, make_trainer

from r1rl import session
from r1rl.commands import ask, export
from r1rl.commands.chat import run as chat
from r1rl.commands.export import forms
from r1rl.commands.export.card import QUESTION
from r1rl.commands.export.hub import check_push, files_of
from r1rl.config.flags import Config
from r1rl.config.parser import Parser
from r1rl.engines.base import Sampling
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.runs import finished
from r1rl.runs.dump import EVALUATIONS, read_lines
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import evaluation_subset
from r1rl.tasks.word_problems import WordProblems

TOKEN = "hf_" + "a1B2" * 8


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps whose adapter does something."""
    trainer = make_trainer(tmp_path_factory.mktemp("dumps"), "run", CHECKSUM)
    problems = evaluation_subset(WordProblems(trainer.run.seed).load("test"), 8, trainer.run.seed)
    trainer.eval_prompts = Builder(trainer.policy.tokenizer, trainer.run)(problems, "test")
    trainer.fit(None, [])
    return trainer.dump.folder


@pytest.fixture
def here(monkeypatch):
    """The command runs in this process, its output where pytest looks for it."""
    monkeypatch.setattr(session, "divert", lambda log: None)


def arguments(*given):
    """The command line of `export` as `run` gets it."""
    parser = Parser()
    export.add_arguments(parser)
    return parser.parse_args([str(g) for g in given])


def copied(run, target):
    """The same run, to be spoiled."""
    shutil.copytree(run, target)
    return target


def test_adapter_and_fresh_process_agree(run, tmp_path, here, capsys):
    assert export.run(arguments(run, "--to", "adapter", "-o", tmp_path / "out")) == 0
    shown = capsys.readouterr().out
    during = list(read_lines(run / EVALUATIONS))[-1]
    assert f"live     {during['correct']} / 8" in shown
    assert "differs  in +0 correct answers and 0 of 8 completions, by at most 0 nats" in shown
    assert float(re.search(r"logprob by ([\d.]+) nats", shown).group(1)) > 0
    saved = load_file(run / "checkpoints" / "best" / "adapter_model.safetensors")
    assert all((saved[k] == w).all() for k, w in load_file(tmp_path / "out" / "adapter_model.safetensors").items())
    assert not {name for name, _ in files_of(tmp_path / "out")} & {"optimizer.pt", "training_args.bin"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_merged_model_goes_to_the_hub_with_its_card(program, run, tmp_path):
    with hub() as (state, address):
        done = program(
            "export", run, "--to", "merged", "-o", tmp_path / "out", "--push-to-hub", "me/tiny", "--private",
            HF_ENDPOINT=address, HF_HUB_DISABLE_XET="1", HF_TOKEN=TOKEN, HF_HUB_OFFLINE="0", HF_HOME=str(tmp_path / "home"),
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Loading weights" not in done.stdout + done.stderr
    assert "differs  in +0 correct answers and 0 of 8 completions, by at most 0 nats" in done.stdout
    assert state.repositories == {"me/tiny": True}
    sent = {name: (tmp_path / "out" / name).read_bytes() for name, _ in files_of(tmp_path / "out")}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= sent.keys()
    assert state.files == sent
    assert state.authorization == {f"Bearer {TOKEN}"}
    logs = b"".join(p.read_bytes() for p in (run / "logs").iterdir())
    assert TOKEN not in done.stdout + done.stderr
    assert not any(TOKEN.encode() in data for data in (*sent.values(), logs, (run / "run.json").read_bytes()))


@pytest.mark.slow
def test_dry_run_and_its_card_whose_code_answers_as_the_run_does(run, tmp_path, here, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    given = ("--to", "merged", "-o", tmp_path / "out", "--push-to-hub", "me/out", "--dry-run")
    assert export.run(arguments(run, *given)) == 0
    shown = capsys.readouterr().out
    for name, size in files_of(tmp_path / "out"):
        assert re.search(rf"{size:,}  {re.escape(name)}$", shown, re.MULTILINE)
    assert "nothing was sent" in shown
    card = (tmp_path / "out" / "README.md").read_text()
    evaluations = list(read_lines(run / EVALUATIONS))
    assert all(f"| {e['step']} | {e['correct']} / {e['problems']}, " in card for e in evaluations)
    assert "95 % interval" in card and "| `learning_rate` | 0.001 |" in card and "## Limits" in card
    assert "vllm serve me/out --max-model-len 1024" in card and "llama-cli" in card
    assert str(run.parent) not in card and "tiny_base" not in card

    code = re.search(r"```python\n(.*?)```", card, re.DOTALL).group(1)
    code = code.replace("me/out", "out")
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    args = SimpleNamespace(
        run=run, checkpoint=None, temperature=0.0, max_completion_length=None, trust_remote_code=False, model_name=None,
        both=False,
    )  # fmt: skip
    expected = ask.load_answerer(args)("What is 3 times 4?")[ask.TRAINED]
    assert "<reasoning>" + printed.getvalue().removesuffix("\n") == expected.completion
    assert QUESTION not in expected.prompt


def test_an_adapter_that_does_nothing_is_refused(run, tmp_path, here, capsys):
    spoiled = copied(run, tmp_path / "spoiled")
    file = spoiled / "checkpoints" / "best" / "adapter_model.safetensors"
    save_file({k: w * (0 if "lora_B" in k else 1) for k, w in load_file(file).items()}, file)
    with pytest.raises(UserError, match="the adapter changes nothing"):
        export.run(arguments(spoiled, "--to", "adapter", "-o", tmp_path / "out"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spoiled"]


@pytest.mark.slow
def test_an_export_that_answers_otherwise_is_not_kept(run, tmp_path, here, monkeypatch, capsys):
    write = forms.write

    def spoil(form, policy, checkpoint, folder):
        write(form, policy, checkpoint, folder)
        weights = load_file(folder / "model.safetensors")
        weights["model.layers.0.mlp.down_proj.weight"].zero_()
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr(forms, "write", spoil)
    with pytest.raises(UserError, match=r"answers \d of 8 problems differently from the live model"):
        export.run(arguments(run, "--to", "merged", "-o", tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_export_that_cannot_be_loaded_is_not_kept(run, tmp_path, here, monkeypatch, capsys):
    monkeypatch.setattr(forms, "write", lambda form, policy, checkpoint, folder: None)
    with pytest.raises(UserError, match="cannot be loaded by a fresh process"):
        export.run(arguments(run, "--to", "merged", "-o", tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--to", "onnx"], ["unknown --to 'onnx'"]),
        (["--to", "adapter", "--checkpoint", "7"], ["no such checkpoint", "best"]),
        (["--to", "gguf"], ["lacks llama.cpp's convert_hf_to_gguf.py", "--to merged"]),
        (["--to", "merged", "--dry-run"], ["--push-to-hub"]),
        (["--to", "merged", "--private"], ["--private would have no effect", "--push-to-hub"]),
        (["--to", "merged", "--push-to-hub", "tiny"], ["'user/model'"]),
        (["--to", "adapter", "--push-to-hub", "me/tiny", "--dry-run"], ["folder on this machine", "--to merged"]),
        (["--to", "merged", "-o", "full"], ["not empty", "nothing was changed"]),
    ],
)
def test_mistakes_are_reported_before_anything_is_loaded(run, tmp_path, here, monkeypatch, given, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    given = [str(tmp_path / g) if g == "full" else g for g in given]
    monkeypatch.setattr(session.Session, "start", None)
    monkeypatch.setattr(forms, "converter", lambda: None)
    with pytest.raises(UserError) as told:
        export.run(arguments(run, "-o", tmp_path / "out", *given))
    assert all(word in str(told.value) for word in words), told.value
    assert [p.name for p in tmp_path.iterdir()] == ["full"] and len(list((tmp_path / "full").iterdir())) == 1


def test_no_run_no_export(tmp_path):
    with pytest.raises(UserError, match="is not a run"):
        export.run(arguments(tmp_path, "--to", "merged", "-o", tmp_path / "out"))


def test_a_push_needs_a_token_and_a_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="HF_TOKEN"):
        check_push("me/tiny", dry_run=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: TOKEN)
    with pytest.raises(UserError, match="cannot be reached"):
        check_push("me/tiny", dry_run=False)


def test_checkpoints_by_name(run):
    assert finished.checkpoint_of(run, "best").name == "best"
    assert finished.checkpoint_of(run, "last").name == "checkpoint-2" == finished.checkpoint_of(run, "2").name
    assert finished.step_of(run / "checkpoints" / "best", run) == 2
    with pytest.raises(UserError, match=r"use one of: best, 2\."):
        finished.checkpoint_of(run, "../../etc")


# ---- ask and chat


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<reasoning>\n2+2\n</reasoning>\n<answer>\n4\n</answer>", ("2+2", "4", "")),
        ("<reasoning>cut", ("cut", "", "")),
        ("no tags", ("", "", "no tags")),
        ("so <answer>4", ("", "4", "so")),
    ],
)
def test_reasoning_and_answer_apart(text, parts):
    assert ask.split_answer(text, "reasoning") == parts


def test_ask_answers_as_the_evaluation_did(run, here, capsys):
    line = next(x for x in read_lines(run / "eval" / "step_2.jsonl") if "</answer>" in x["completion"])
    question = line["prompt"].rpartition("Question: ")[2].strip()
    parser = Parser()
    ask.add_arguments(parser)
    capsys.readouterr()
    assert ask.run(parser.parse_args([str(run), question])) == 0
    reasoning, answer, _ = ask.split_answer(line["completion"], "reasoning")
    shown = [x.strip() for x in capsys.readouterr().out.splitlines()]
    assert shown[0].startswith("proof") and shown[1] == "reasoning" and shown[shown.index("answer") + 1] == answer
    assert reasoning.splitlines()[0].strip() in shown


@pytest.mark.slow
@pytest.mark.parametrize("rank", [8, 0])
def test_both_models_answer_with_their_own_weights(rank):
    """The base's completion is that of transformers' own generate; the trained one is the same before and after."""
    config = Config(**{**SMALL, "lora_rank": rank})
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    for name, weight in policy.model.named_parameters():
        if "lora_B" in name or (not rank and name.endswith("down_proj.weight")):
            weight.data += (1.0 if rank else 0.5) * torch.randn(
                weight.shape, generator=torch.Generator().manual_seed(1)
            )
    prompt = Builder(policy.tokenizer, config)(WordProblems(1).load("test")[:1], "test")[0]
    engine, greedy = TransformersEngine(policy), Sampling(1, 12, 0.0, seed=1)
    started = SimpleNamespace(policy=policy, engine=engine, config=config)
    before = engine.generate([prompt], greedy)[0].completion_ids
    with session.Session.as_base(started):
        base = engine.generate([prompt], greedy)[0].completion_ids
    ids = torch.tensor([prompt.ids])
    expected = policy.sampling_copy().generate(ids, max_new_tokens=12, do_sample=False)[0, len(prompt.ids) :]
    assert list(base) == expected.tolist() != list(before)
    assert engine.generate([prompt], greedy)[0].completion_ids == before


def test_ask_shows_both_answers_side_by_side_and_only_the_trained_one_alone(run, here, capsys):
    parser = Parser()
    ask.add_arguments(parser)
    args = parser.parse_args([str(run), "What is 3 times 4?", "--both", "--temperature", "0.7"])
    answer = ask.load_answerer(args)
    both = answer("What is 3 times 4?")
    assert list(both) == [ask.BASE, ask.TRAINED]
    noisy = {
        name: SimpleNamespace(completion="[red]\x1b[2J\u202e" + "x" * 100_000, completion_ids=(1,), finish="stop")
        for name in both
    }
    capsys.readouterr()
    ask.show(both, args)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "base model" and lines[0].rstrip().endswith("trained model")
    ask.show(noisy, args)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown and "[red]\\x1b[2J\\u202e" in shown.splitlines()[1]
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_chat_answers_line_by_line_until_the_end_and_prints_no_escapes(run, here, monkeypatch, capsys, end):
    lines = iter(["What is 2 plus 3?", "  ", "What is 4 plus 4?"])

    def next_line(*_):
        try:
            return next(lines)
        except StopIteration:
            raise end from None

    asked = []

    def load_answerer(args):
        args.config = SimpleNamespace(think_tag="reasoning")

        def answer(question):
            asked.append(question)
            text = f"<reasoning>[red]\x1b[2J{question}</reasoning><answer>5</answer>"
            rollout = SimpleNamespace(completion=text, completion_ids=(1, 2), finish="stop")
            return {ask.TRAINED: rollout}

        return answer

    monkeypatch.setattr("builtins.input", next_line)
    monkeypatch.setattr("r1rl.commands.chat.load_answerer", load_answerer)
    assert chat(SimpleNamespace(run=run)) == 0
    assert asked == ["What is 2 plus 3?", "What is 4 plus 4?"]
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown and "[red]\\x1b[2JWhat is 2 plus 3?" in shown and shown.count("answer") == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["", "--temperature", "0"], "the question is empty"),
        (["why?", "--temperature", "-1"], "--temperature -1.0 must be at least 0"),
        (["why?", "--max-completion-length", "0"], "must be at least 1"),
    ],
)
def test_wrong_questions(run, given, words):
    parser = Parser()
    ask.add_arguments(parser)
    with pytest.raises(UserError, match=words):
        ask.run(parser.parse_args([str(run), *given]))


def test_run_json_of_the_run_is_not_changed(run):
    assert json.loads((run / "run.json").read_text())["config"]["exp_name"] == "run"


@pytest.mark.slow
def test_gguf_is_converted_loaded_again_and_compared(run, tmp_path, here, monkeypatch, capsys):
    """With a stand-in for llama.cpp's converter, which is not here."""
    pytest.importorskip("gguf")
    llama_cpp = tmp_path / "llama.cpp"
    llama_cpp.mkdir()
    shutil.copy(ROOT / "tests" / "helpers" / "gguf_writer.py", llama_cpp / forms.CONVERTER)
    monkeypatch.setenv("LLAMA_CPP", str(llama_cpp))
    assert export.run(arguments(run, "--to", "gguf", "-o", tmp_path / "out")) == 0
    assert "0 of 8 completions" in capsys.readouterr().out
    names = {name for name, _ in files_of(tmp_path / "out")}
    assert names == {"README.md", "base_model.json", "model.gguf", "tokenizer.json", "tokenizer_config.json"}

    (llama_cpp / forms.CONVERTER).write_text("raise SystemExit('Model Qwen9 is not supported')")
    with pytest.raises(UserError, match="converter failed: Model Qwen9 is not supported"):
        export.run(arguments(run, "--to", "gguf", "-o", tmp_path / "again"))
    assert not (tmp_path / "again").exists()
