"""--config, --save-config and completion: what beats what, types, names, secrets, and each mistake in one message."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from conftest import ROOT

from r1rl.commands.dispatch import train_parser
from r1rl.config.file import read_config, resolve_given
from r1rl.config.flags import Config
from r1rl.config.recipes import RECIPES, resolve
from r1rl.system.errors import UserError
from r1rl.system.redact import MASK


def parsed(*arguments):
    """The config, recipe and settings of a command line."""
    given = vars(train_parser().parse_args([str(a) for a in arguments]))
    given.pop("print_config")
    return resolve_given(given)


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def to(text: str, name: str = "run.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to


def run_json(write, recipe="tiny", **changes):
    """A run.json as the program writes it."""
    config = dataclasses.asdict(resolve(recipe, {})) | changes
    return write(json.dumps({"schema_version": 1, "recipe": recipe, "config": config}), "run.json")


def test_flags_beat_the_file_and_the_file_beats_the_recipe(write):
    path = write("recipe: tiny\nlearning-rate: 0.25\nmax_steps: 7\n")
    config, recipe, settings = parsed("--config", path, "--max-steps", 5)
    assert (config.learning_rate, config.max_steps, recipe) == (0.25, 5, "tiny")
    assert config.model_name == RECIPES["tiny"]["model_name"]
    assert settings == {"learning_rate": 0.25, "max_steps": 5}
    assert parsed("--config", path, "--recipe", "full")[0].eval_count == RECIPES["full"]["eval_count"]


def test_values_as_one_writes_them(write):
    path = write(
        "learning_rate: 1e-3\ntemperature: 1\nstages: [2, 3]\nsteps_per_stage: 4\nload_in_4bit: no\nlora_alpha: null\n"
        "dataset_name: knights_knaves\nexp_name: 2024\nreward: {answer-only: 1, format: 0.5}\n"
    )
    config, _, _ = parsed("--config", path)
    assert (config.learning_rate, config.temperature, config.stages) == (0.001, 1.0, "2,3")
    assert (config.load_in_4bit, config.lora_alpha, config.exp_name) == (False, None, "2024")
    assert config.reward_weights == {"answer-only": 1.0, "format": 0.5}


def test_a_values_type_is_its_flags_not_yamls(write):
    path = write(
        "guard: {kl: off, truncated: stop}\nexp_name: 007\nproject_name: 12:30\nreport_to: trackio\nlearning_rate: 1e-3\n"
        "max_steps: 0010\nis_chat: Off\neval_on_start: no\nlora_alpha: ~\ntemperature: 1_0.5\n"
    )
    config, _, _ = parsed("--config", path)
    assert (config.guard, config.exp_name, config.project_name) == ("kl=off,truncated=stop", "007", "12:30")
    assert (config.learning_rate, config.max_steps, config.temperature) == (0.001, 10, 10.5)
    assert (config.is_chat, config.eval_on_start, config.lora_alpha) == (False, False, None)
    for name in ("1.10", "on", "2024-01-01", "0x10", "1e3", "null_", "=", ".inf"):
        assert parsed("--config", write(f"exp_name: {name}\n"))[0].exp_name == name
    assert parsed("--config", write('exp_name: "null"\n'))[0].exp_name == "null"


def test_a_flag_replaces_what_the_file_says_in_another_way(write):
    path = write("num_epochs: 2\nbatch_size: 4\n")
    config, _, _ = parsed("--config", path, "--max-steps", 9, "-tbs", 8)
    assert (config.num_epochs, config.max_steps, config.per_device_train_batch_size) == (None, 9, 8)


def test_reward_may_be_given_several_times():
    config, _, _ = parsed("--reward", "accuracy=1", "--reward", "format=0.5", "--reward", "language=0.2")
    assert config.reward_weights == {"accuracy": 1.0, "format": 0.5, "language": 0.2}


@pytest.mark.parametrize(
    ("text", "name", "parts"),
    [
        ("lerning_rate: 1\n", "a.yaml", ("a.yaml", "'lerning_rate'", "did you mean 'learning_rate'")),
        ("recipe: tiney\n", "a.yaml", ("recipe in", "'tiney'", "did you mean 'tiny'")),
        ("max_steps: many\n", "a.yaml", ("max_steps is 'many' and must be a whole number",)),
        ("max_steps: 1.5\n", "a.yaml", ("max_steps is '1.5' and must be a whole number",)),
        ("max_steps: true\n", "a.yaml", ("max_steps is 'true' and must be a whole number",)),
        ("learning_rate: fast\n", "a.yaml", ("learning_rate is 'fast' and must be a number",)),
        ("is_chat: 1\n", "a.yaml", ("is_chat is '1' and must be true or false",)),
        ("seed:\n", "a.yaml", ("seed is None and must be a whole number",)),
        ("engine: vlm\n", "a.yaml", ("unknown --engine 'vlm'", "did you mean 'vllm'")),
        ("seed: 1\nseed: 2\n", "a.yaml", ("line 1: 'seed' occurs twice",)),
        ("max_steps: 3\nmax-steps: 4\n", "a.yaml", ("max_steps and max-steps are the same flag",)),
        ("learning_rate: .inf\n", "a.yaml", ("learning_rate is '.inf' and must be a number",)),
        ("learning_rate: inf\n", "a.yaml", ("--learning-rate inf must be a finite number",)),
        ('{"seed": 1, "seed": 2}', "a.json", ("'seed' occurs twice",)),
        ('{"seed": 1, "--seed": 2}', "a.json", ("seed and --seed are the same flag",)),
        ("a: [1\nb: 2\n", "a.yaml", ("cannot be read (line 2:", "YAML or JSON")),
        ("a: !!python/object/apply:os.getcwd []\n", "a.yaml", ("cannot be read (line 1:", "constructor")),
        ("- seed\n", "a.yaml", ("holds a list",)),
        ("", "a.yaml", ("holds nothing",)),
        ('{"seed": 1,}', "a.json", ("cannot be read",)),
        ('{"schema_version": 1, "recipe": "eval", "config": {}}', "run.json", ("describes an evaluation",)),
        (
            '{"schema_version": 1, "recipe": "tiny", "config": {"sede": 1}}',
            "run.json",
            ("'sede'", "did you mean 'seed'"),
        ),
    ],
)
def test_mistakes_are_reported(write, text, name, parts):
    with pytest.raises(UserError) as error:
        parsed("--config", write(text, name))
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot be read \\(No such file or directory\\)"):
        read_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("recipe", [name for name in RECIPES if not RECIPES[name].get("pipeline")])
def test_a_run_json_gives_the_config_of_its_run(write, recipe):
    was = resolve(recipe, {"exp_name": "was", "seed": 5})
    path = run_json(write, recipe, exp_name="was", seed=5)
    config, said, _ = parsed("--config", path, "--exp-name", "again")
    assert config == dataclasses.replace(was, exp_name="again") and said == recipe


def test_what_followed_from_another_flag_follows_from_its_new_value(write):
    path = run_json(write, "gsm8k-sft-rl-tiny", max_steps=30)  # of 3 epochs, as the run worked it out
    assert parsed("--config", path, "--batch-size", 8)[0].per_device_train_batch_size == 32
    assert parsed("--config", path, "--num-epochs", 1)[0].max_steps == Config().max_steps
    path = run_json(write, "kk-tiny")
    assert parsed("--config", path, "--steps-per-stage", 3)[0].max_steps == 6


def test_a_repeated_pipeline_has_its_stages_sizes(write):
    path = run_json(write, "r1-tiny", seed=5, exp_name="was")
    assert parsed("--config", path)[2] == {"seed": 5}


def test_the_second_run_of_a_mode_is_repeated_by_itself(write):
    path = run_json(
        write,
        "gsm8k-sft-rl-tiny",
        mode="rl",
        model_name="dumps/a-sft/model",
        rl_output="b",
        sft_samples=8,
        sft_epochs=2,
    )
    config, _, _ = parsed("--config", path)
    assert (config.mode, config.rl_output, config.model_name) == (None, None, "dumps/a-sft/model")
    assert (config.sft_samples, config.sft_epochs) == (None, None)


def test_a_masked_secret_is_asked_for(write):
    path = run_json(write, dataset_path=f"https://{MASK}@host/data")
    with pytest.raises(UserError, match="--dataset-path held a secret"):
        parsed("--config", path)
    assert parsed("--config", path, "--dataset-path", "here")[0].dataset_path == "here"


def test_programs_that_came_with_a_run_are_not_run_unasked(write, tmp_path):
    path = run_json(write, reward=f"{tmp_path / 'mine.py'}:score")
    (tmp_path / "mine.py").write_text("def score(rollout, problem):\n    return 1\n")
    with pytest.raises(UserError, match="a program that came with the run"):
        parsed("--config", path)
    assert parsed("--config", path, "--trust-remote-code")[0].reward.endswith("mine.py:score")
    assert parsed("--config", path, "--reward", "accuracy")[0].reward == "accuracy"
    path = run_json(write, trust_remote_code=True)
    with pytest.raises(UserError, match="was made with --trust-remote-code"):
        parsed("--config", path)
    assert parsed("--config", path, "--no-trust-remote-code")[0].trust_remote_code is False


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
@pytest.mark.parametrize(
    ("recipe", "flags"),
    [
        ("tiny", ("-lr", "1e-4", "--reward", "accuracy", "--no-eval-on-start")),
        ("kk-tiny", ("--people", 5)),
        ("tiny", ("--dataset-name", "knights_knaves", "--stages", "2,3", "--steps-per-stage", 3)),
        ("tiny", ("--dataset-name", "chain-sum=0.5,countdown", "--max-samples", 40)),
        ("gsm8k-sft-rl-tiny", ("--max-steps", 9, "-tbs", 8)),
        ("gsm8k-sft-rl-tiny", ("--num-epochs", 1)),
        ("r1-tiny", ("--seed", 5)),
        ("default", ("--seed", 5)),
    ],
)
def test_a_saved_config_gives_the_same_run(tmp_path, program, recipe, flags, name):
    from r1rl.config.file import save_config

    config, _, _ = parsed("--recipe", recipe, *flags)
    save_config(config, recipe, tmp_path / name)
    again, said, _ = parsed("--config", tmp_path / name)
    assert again == config and said == recipe
    save_config(config, recipe, tmp_path / name)  # the same once more


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.txt", "must end in"), ("old.yaml", "nothing is overwritten"), ("no/a.yaml", "cannot be written")],
)
def test_save_config_overwrites_nothing(tmp_path, program, name, message):
    (tmp_path / "old.yaml").write_text("seed: 1\n")
    done = program("--recipe", "tiny", "--save-config", name, "--print-config", cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "old.yaml").read_text() == "seed: 1\n"


def test_completion_completes_behind_python_too(tmp_path, program):
    pytest.importorskip("shtab")
    script = tmp_path / "complete.bash"
    script.write_text(program("completion", "bash").stdout)
    tries = {
        ("main.py", "--learning"): "--learning-rate",
        ("main.py", "--loss-type", "dr"): "dr_grpo",
        ("main.py", "insp"): "inspect",
        ("main.py", "plan", "--car"): "--card",
    }
    for words, expected in tries.items():
        code = (
            f"source {script}; COMP_WORDS=(python {' '.join(words)}); COMP_CWORD={len(words)}; "
            '_r1rl_python; echo "${COMPREPLY[*]}"'
        )
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr
    assert "compdef _r1rl_python python" in program("completion", "zsh").stdout


def test_completion_without_its_package(tmp_path):
    code = f"import sys; sys.modules['shtab'] = None; sys.argv = ['main.py', 'completion', 'bash']; import runpy; runpy.run_path({str(ROOT / 'main.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and "pip install shtab" in done.stderr
