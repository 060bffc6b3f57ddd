"""Export to verl and OpenRLHF: their columns, the run's prompts, the run's reward, the run's numbers; else nothing."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shlex
import shutil
import subprocess
import sys
from types import SimpleNamespace

import jinja2
import pandas as pd
import pytest
from conftest import ROOT
from elsewhere import export, launched, make_run

from r1rl.commands.export import openrlhf as export_openrlhf
from r1rl.commands.export import verl as export_verl
from r1rl.commands.export.other_frameworks import read_run_export
from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.recipes import overrides
from r1rl.models.tokenizer import encoder
from r1rl.records import Problem, Rollout
from r1rl.rewards.correctness import correctness_reward
from r1rl.rewards.standalone import completion_of
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import evaluation_subset, training_problems
from r1rl.tasks.word_problems import WordProblems

RUN = {"add_reasoning_prefix": True, "learning_rate": 3e-4, "temperature": 0.9, "max_steps": 30, "max_samples": 100,
       "eval_count": 12, "env_reward_scale": 2.0}  # fmt: skip


def imported(path):
    """The reward file as both frameworks load it: by its path."""
    spec = importlib.util.spec_from_file_location("reward", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The same run in both formats."""
    here = tmp_path_factory.mktemp("elsewhere")
    run = make_run(here / "dumps" / "run", **RUN)
    for form in ("verl", "openrlhf"):
        assert export(run, "--to", form, "-o", here / form) == 0
    config = Config(**{**overrides("tiny"), **RUN})
    build = Builder(encoder(TINY_MODELS["tiny"] / "tokenizer.json"), config)
    task = WordProblems(config.seed)
    test = evaluation_subset(task.load("test"), config.eval_count, config.seed)
    prompts = {"train": build(training_problems(task, config), "train"), "test": build(test, "test")}
    return SimpleNamespace(run=run, verl=here / "verl", openrlhf=here / "openrlhf", prompts=prompts, config=config)


@pytest.mark.parametrize("split", ["train", "test"])
def test_verl_reads_the_runs_prompts_and_answers(exported, split):
    table = pd.read_parquet(exported.verl / f"{split}.parquet")
    assert list(table.columns) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    wanted = {p.problem.id: p for p in exported.prompts[split]}
    assert sorted(info["id"] for info in table.extra_info) == sorted(wanted)
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(export_verl.AS_IT_IS)
    for place, row in enumerate(table.itertuples()):
        prompt = wanted[row.extra_info["id"]]
        assert [set(message) for message in row.prompt] == [{"role", "content"}]
        assert template.render(messages=list(row.prompt), add_generation_prompt=True) == prompt.text
        assert row.reward_model == {"style": "rule", "ground_truth": prompt.problem.answer}
        assert row.extra_info["index"] == place and row.extra_info["split"] == split
    assert (table.data_source == "r1rl/word-problems").all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_openrlhf_reads_the_runs_prompts_and_answers(exported, split):
    lines = (exported.openrlhf / f"{split}.jsonl").read_text().splitlines()
    found = {(row["input"], row["label"]) for row in map(json.loads, lines)}
    assert found == {(p.text, p.problem.answer) for p in exported.prompts[split]}
    assert len(lines) == len(exported.prompts[split])


def test_a_begin_token_of_the_tokenizer_is_written_out(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    described = json.loads((TINY_MODELS["tiny"] / "tokenizer.json").read_text())
    begin = {"id": "<|im_start|>", "type_id": 0}  # as Llama's: put before a text by the tokenizer itself
    [number] = [t["id"] for t in described["added_tokens"] if t["content"] == begin["id"]]
    described["post_processor"] = {
        "type": "TemplateProcessing", "single": [{"SpecialToken": begin}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {begin["id"]: {"id": begin["id"], "ids": [number], "tokens": [begin["id"]]}},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(described))
    run_export = read_run_export(make_run(tmp_path / "run", model_name=str(folder), max_samples=5))
    encode = encoder(folder / "tokenizer.json")
    for prompt in run_export.train:
        assert prompt.ids[0] == number
        assert tuple(encode(run_export.text(prompt), add_special_tokens=False)["input_ids"]) == prompt.ids
    assert run_export.begin == "<|im_start|>" and not run_export.notes


def test_a_chat_models_template_is_in_the_text_once(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(TINY_MODELS["tiny"], folder)
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    template = turns + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    (folder / "chat_template.jinja").write_text(template)
    run = make_run(tmp_path / "run", model_name=str(folder), is_chat=True, add_reasoning_prefix=True, max_samples=3)
    run_export = read_run_export(run)
    encode = encoder(folder / "tokenizer.json")
    for prompt in run_export.train:
        text = run_export.text(prompt)
        assert text.startswith("<|im_start|>system\nSolve") and text.endswith("<|im_start|>assistant\n<reasoning>")
        assert text.count("assistant") == 1 and prompt.prefix == "<reasoning>"
        assert tuple(encode(text, add_special_tokens=False)["input_ids"]) == prompt.ids
    assert run_export.begin == "" and not run_export.notes
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="chat template"):
        read_run_export(run)


COMPLETIONS = (  # after the prefix, gold, whether right
    ("3 + 4 = 7\n</reasoning>\n<answer>\n7\n</answer>", "7", True),
    ("</reasoning><answer>8</answer>", "7", False),
    ("</reasoning><answer>1,080</answer>", "1080", True),
    ("</reasoning><answer>1080</answer>", "1,080", True),
    ("</reasoning><answer>10,80</answer>", "1080", False),
    ("the answer is 7", "7", False),
    ("</reasoning><answer>7", "7", False),  # cut at the limit
    ("</reasoning><answer>7</answer>\nQuestion: And 1 more?<answer>8</answer>", "7", True),  # ours ends at the first
    ("</reasoning><answer>8</answer> no, <answer>7</answer>", "7", False),
)


def test_the_reward_file_pays_what_the_run_pays(exported):
    ours = correctness_reward(exported.config)
    verl, openrlhf = imported(exported.verl / "reward.py"), imported(exported.openrlhf / "reward.py")
    question = exported.prompts["test"][0].text
    for completion, gold, right in COMPLETIONS:
        seen = "<reasoning>" + completion.partition("</answer>")[0] + "</answer>" * ("</answer>" in completion)
        wanted = ours(Rollout("", seen, (), (), (), "stop"), Problem("", "", gold, task="word-problems"))
        assert wanted == (2.0 if right else 0.0)
        paid = verl.compute_score(
            data_source="r1rl/word-problems", solution_str=completion, ground_truth=gold, extra_info={"num_turns": 2}
        )
        assert paid == wanted, completion
        found = openrlhf.reward_func([question + completion + "<|endoftext|>"], [question], [gold])
        assert set(found) == {"rewards", "scores", "extra_logs"}
        assert found["rewards"].tolist() == [wanted] and found["scores"].tolist() == [float(right)]
    sent = pickle.loads(pickle.dumps(verl.reward_of))  # to Ray's workers
    assert sent("</reasoning><answer>7</answer>", "7") == 2.0


def test_several_rewards_are_exported_with_their_weights_and_a_users_file_is_reported(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def brevity(completion, **_):\n    return 1.0\n")
    rewards = f"correctness=1,format=0.5,{tmp_path / 'mine.py'}:brevity=0.25"
    run = make_run(tmp_path / "run", reward=rewards, max_samples=20)
    assert export(run, "--to", "verl", "-o", tmp_path / "out") == 0
    assert "mine.py:brevity (weight 0.25) is not in reward.py" in " ".join(capsys.readouterr().out.split())
    for name in ("reward.py", "README.md"):
        assert "brevity (weight 0.25)" in (tmp_path / "out" / name).read_text()
    paid = imported(tmp_path / "out" / "reward.py").compute_score
    form = "<reasoning>\nwell\n</reasoning>\n<answer>\n{}\n</answer>"
    assert paid("", form.format(7), "7") == 1.5 and paid("", form.format(8), "7") == 0.5
    with pytest.raises(UserError, match="none of it can be exported"):
        export(make_run(tmp_path / "own", reward=f"{tmp_path / 'mine.py'}:brevity"), "--to", "verl", "-o", tmp_path / "no")  # fmt: skip
    assert not (tmp_path / "no").exists()


def test_verl_gets_the_runs_numbers(exported):
    module, program, *arguments = launched(exported.verl, "more=1")
    assert (module, program, arguments[-1]) == ("-m", "verl.trainer.main_ppo", "more=1")
    found = dict(a.split("=", 1) for a in arguments)
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    wanted = {
        "data.train_batch_size": "8", f"{actor}.ppo_mini_batch_size": "8", f"{rollout}.n": "8",
        "data.max_prompt_length": "512", "data.max_response_length": "128", f"{rollout}.temperature": "0.9",
        f"{actor}.optim.lr": "0.0003", f"{actor}.optim.lr_scheduler_type": "constant", f"{actor}.use_kl_loss": "False",
        "actor_rollout_ref.model.lora_rank": "64", f"{actor}.loss_agg_mode": "seq-mean-token-sum-norm",
        f"{actor}.loss_scale_factor": "128", "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": "False", "trainer.total_training_steps": "30", "trainer.total_epochs": "3",
        "data.train_files": f'"{exported.verl}/train.parquet"', "trainer.n_gpus_per_node": "4",
        "actor_rollout_ref.model.path": f'"{TINY_MODELS["tiny"].resolve()}"', "trainer.logger": '["console"]',
        "actor_rollout_ref.model.custom_chat_template": f"'{export_verl.AS_IT_IS}'",  # quoted for hydra, too
    }  # fmt: skip
    assert {key: found.get(key) for key in wanted} == wanted
    page = (exported.verl / "README.md").read_text()
    assert all(f"`{key}`" in page for key in found if key != "more") and "no run was trained there" in page


def test_hydra_reads_names_and_paths_as_texts(tmp_path):
    run = make_run(tmp_path / "dumps" / "1e3", max_samples=9, project_name='the "old", a=b')
    folder = tmp_path / "x=(1),ü"  # without quotes hydra splits at the comma and refuses the rest
    assert export(run, "--to", "verl", "-o", folder) == 0
    found = dict(a.split("=", 1) for a in launched(folder)[2:])
    assert found["trainer.experiment_name"] == '"1e3"'  # without quotes it is the number 1000
    assert found["trainer.project_name"] == r'''"the \"old\", a=b"'''
    for key, name in (("data.train_files", "train.parquet"), ("data.val_files", "test.parquet"),
                      ("reward.custom_reward_function.path", "reward.py")):  # fmt: skip
        assert found[key] == f'"{folder / name}"'


def test_openrlhf_refuses_a_folder_that_it_would_split(tmp_path):
    run = make_run(tmp_path / "run", max_samples=9)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to("/bin/true")
    folder = tmp_path / "out"
    assert export(run, "--to", "openrlhf", "-o", folder) == 0
    for name, code in (("a,b", 2), ("me@there", 2), ("a=b (c)", 0)):
        folder = folder.rename(tmp_path / name)
        done = subprocess.run([folder / "launch.sh"], capture_output=True, text=True,
                              env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})  # fmt: skip
        assert done.returncode == code and ("splits paths at" in done.stderr) == (code == 2)


def test_openrlhf_gets_its_own_flags_of_loss_and_correction(tmp_path):
    run = make_run(tmp_path / "run", loss_type="grpo", importance_correction=True, max_samples=9)
    assert export(run, "--to", "openrlhf", "-o", tmp_path / "out") == 0
    text = shlex.join(launched(tmp_path / "out"))
    assert "--actor.loss_agg_mode seq-mean-token-mean" in text  # since 0.11.1 it is not only the mean over tokens
    # 0.11.2 has no is_correction_enable; min(ratio, 2) is its clip mode with these bounds
    for flag in ("level token", "mode clip", "threshold 0.0 2.0"):
        assert f"--algo.advantage.is_correction_{flag}" in text
    assert "is_correction_enable" not in text


def test_openrlhf_gets_the_runs_numbers(exported):
    module, program, *arguments = launched(exported.openrlhf, "more=1")
    assert (module, program) == ("-m", "openrlhf.cli.train_ppo_ray")
    text = shlex.join(arguments)
    for part in ("--rollout.batch_size 8", "--rollout.n_samples_per_prompt 8", "--train.batch_size 64", "--data.max_len 640",
                 "--rollout.max_new_tokens 128", "--rollout.temperature 0.9", "--actor.adam.lr 0.0003",
                 "--algo.advantage.estimator dr_grpo", "--algo.kl.init_coef 0.0", "--train.num_episodes 3",
                 "--data.max_samples 80", "--vllm.num_engines 4", "--actor.lr_scheduler constant_with_warmup",
                 f"--data.prompt_dataset {exported.openrlhf / 'train.jsonl'}", "--reward.clip_range -20.0 20.0"):  # fmt: skip
        assert part in text
    assert "--data.apply_chat_template" not in text and "lora" not in text
    assert "LoRA of rank 64" in (exported.openrlhf / "README.md").read_text()
    run_export = read_run_export(exported.run)
    episodes, prompts = export_openrlhf.length(run_export)
    assert episodes * prompts // 8 == 30 and prompts <= len(run_export.train)


def test_gpus_that_would_tear_a_step_are_refused_by_the_script(exported):
    done = subprocess.run([exported.verl / "launch.sh"], env={"PATH": "/usr/bin:/bin", "GPUS": "3"}, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 2 and "must divide the 64 completions" in done.stderr


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"algorithm": "ppo"}, "value head"),
        ({"recipe": "cot-safety-tiny"}, "--algorithm reward-weighted"),
        ({"mode": "sft"}, "fine-tuning"),
        ({"stage": "zero"}, "pipeline"),
        ({"pipeline": True}, "pipeline"),
        ({"loss_type": "cispo"}, "--loss-type cispo"),
        ({"recipe": "kk-tiny", "stages": "2,3"}, "curriculum"),
        ({"is_chat": True, "model_name": "nobody/nothing"}, "chat template of nobody/nothing"),
    ],
)
def test_what_has_no_counterpart_is_refused_and_leaves_nothing(tmp_path, changes, told):
    run = make_run(tmp_path / "run", **changes)
    with pytest.raises(UserError, match=told):
        export(run, "--to", "openrlhf", "-o", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_wrong_folders_and_flags_are_refused(tmp_path, program):
    run = make_run(tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    done = program("export", tmp_path / "full", "--to", "verl", "-o", tmp_path / "out")
    assert done.returncode == 2 and "is not a run, because it has no run.json" in done.stderr
    assert not (tmp_path / "out").exists() and "Traceback" not in done.stderr
    with pytest.raises(UserError, match="not empty"):
        export(run, "--to", "verl", "-o", tmp_path / "full")
    with pytest.raises(UserError, match="--checkpoint applies to a model"):
        export(run, "--to", "verl", "-o", tmp_path / "out", "--checkpoint", "best")
    with pytest.raises(UserError, match="did you mean 'openrlhf'"):
        export(run, "--to", "openrhlf", "-o", tmp_path / "out")


def test_a_missing_model_is_reported_and_torch_is_not_loaded(tmp_path):
    run = make_run(tmp_path / "run", model_name="nobody/nothing", max_samples=10, reward="correctness")
    code = (
        "import sys; from r1rl.commands.dispatch import command_line; code = command_line(None); "
        "print(code, [m for m in ('torch', 'transformers', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "export", run, "--to", "verl", "-o", tmp_path / "out"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert "The tokenizer of nobody/nothing was not on the machine" in (tmp_path / "out" / "README.md").read_text()
    assert "MODEL=${MODEL:-nobody/nothing}" in (tmp_path / "out" / "launch.sh").read_text()


@pytest.mark.parametrize(
    ("query", "prompt", "wanted"), [("ab cd", "ab", " cd"), ("a, b?c", "a , b ?", "c"), ("a  b c", "a b", " c")]
)
def test_a_completion_is_found_behind_its_prompt(query, prompt, wanted):
    assert completion_of(query, prompt) == wanted
    with pytest.raises(ValueError, match="does not begin with its prompt"):
        completion_of("x" + query, prompt)
