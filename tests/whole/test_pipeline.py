"""The staged pipeline: what each stage is given, where one may begin, one table, and a whole run."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from r1rl.config.flags import Config
from r1rl.config.names import GENERAL_TASK, STAGES
from r1rl.config.recipes import resolve
from r1rl.config.run_rules import stage_index
from r1rl.pipeline.stage_configs import STORY, is_done, read_settings, stage_config
from r1rl.pipeline.stages import check_start, prepare
from r1rl.records import Problem, Rollout
from r1rl.rewards.weighted import load_rewards
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError
from r1rl.trainers.step_metrics import step_metrics

RL = ("zero", "rl-reasoning", "rl-final")


def places_in(folder):
    return {name: folder / f"{i + 1}-{name}" for i, name in enumerate(STAGES)}


def all_stages(tmp_path, given=None, recipe="r1-tiny"):
    given = {"dumps": str(tmp_path), "exp_name": "x", **(given or {})}
    config = resolve(recipe, given)
    return {name: stage_config(config, recipe, name, given, places_in(tmp_path / "x")) for name in STAGES}


def make_done(folder, name):
    left = folder / STORY[name].leaves
    left.parent.mkdir(parents=True)
    left.write_text("{}")
    (folder / "summary.json").write_text("{}")


def test_4_bit_is_for_models_that_nothing_was_merged_into(tmp_path):
    def in_4bit(given):
        return [
            name
            for name, stage in all_stages(tmp_path, {"load_in_4bit": True, **given}, "r1").items()
            if stage.load_in_4bit
        ]

    base = ["zero", "cold-start", "sft-1", "sft-2"]
    assert in_4bit({"student_layers": 4, "student_model": None}) == base
    assert in_4bit({"student_model": "Qwen/Qwen2.5-0.5B", "student_layers": None}) == [*base, "distill"]
    settings = tmp_path / "settings.json"
    for stage, flags in (
        ("rl-reasoning", {"load_in_4bit": True}),
        ("distill", {"algorithm": "distill", "teacher_in_4bit": True}),
    ):
        settings.write_text(json.dumps({stage: flags}))
        with pytest.raises(UserError, match=f"in-4bit in the stage {stage}: its model is merged from 4-bit weights"):
            all_stages(tmp_path, {"load_in_4bit": True, "stage_settings": str(settings)}, "r1")
    # What counts is the fine-tuning that merged the model.
    settings.write_text(json.dumps({"sft-1": {"load_in_4bit": True}, "rl-reasoning": {"load_in_4bit": True}}))
    with pytest.raises(UserError, match="in the stage rl-reasoning"):
        all_stages(tmp_path, {"stage_settings": str(settings)}, "r1")
    settings.write_text(json.dumps({"sft-1": {"load_in_4bit": False}, "rl-reasoning": {"load_in_4bit": True}}))
    stages = all_stages(tmp_path, {"load_in_4bit": True, "stage_settings": str(settings)}, "r1")
    assert stages["rl-reasoning"].load_in_4bit
    # A run from before this rule goes on as it began.
    begun = tmp_path / "x" / "7-rl-final"
    begun.mkdir(parents=True)
    (begun / "run.json").write_text(json.dumps({"config": {"load_in_4bit": True}}))
    assert all_stages(tmp_path, {"load_in_4bit": True}, "r1")["rl-final"].load_in_4bit


@pytest.mark.parametrize("recipe", ["r1", "r1-tiny"])
def test_data_flows_from_each_stage_into_the_next(tmp_path, recipe):
    stages, x = all_stages(tmp_path, recipe=recipe), tmp_path / "x"
    base = resolve(recipe, {}).model_name
    assert [stages[name].model_name for name in STAGES] == [
        base, base, base, f"{x}/3-sft-1/model", f"{x}/4-rl-reasoning/model", base, f"{x}/6-sft-2/model", f"{x}/7-rl-final/model",
    ]  # fmt: skip
    assert stages["cold-start"].refine_run == f"{x}/1-zero"
    assert stages["sft-1"].sft_data == f"{x}/2-cold-start/sft.jsonl"
    assert stages["sft-2"].sft_data == stages["distill"].sft_data == f"{x}/5-rejection/sft.jsonl"
    assert stages["distill"].teacher_model == f"{x}/7-rl-final/model"
    assert set(stages["rl-reasoning"].reward_weights) == {"accuracy", "language"}
    assert set(stages["rl-final"].reward_weights) == {"accuracy", "general rules"}
    assert [n for n in STAGES if stages[n].general_data] == ["sft-2", "rl-final"]
    assert [n for n in STAGES if stages[n].save_merged] == list(RL)
    assert {stages[n].eval_count for n in STAGES} == {200} and len({stages[n].seed for n in STAGES}) == 1
    assert all(stages[n].num_epochs is None for n in RL)


def test_flags_beat_the_recipe_and_stage_settings_beat_both(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"rl-final": {"max_steps": 9, "reward": "accuracy=2"}, "sft-2": {"mix_ratio": 0.5}}')
    given = {
        "max_steps": 3,
        "num_epochs": 5,
        "reward": "cosine=1",
        "stage_settings": str(path),
        "sft_data": "own.jsonl",
    }
    stages = all_stages(tmp_path, given)
    assert [stages[n].max_steps for n in RL] == [3, 3, 9]
    assert [stages[n].num_epochs for n in STAGES] == [None, None, 5, None, None, 5, None, 5]
    assert stages["zero"].reward == "cosine=1" and stages["rl-reasoning"].reward_weights["language"] > 0
    assert stages["rl-final"].reward_weights["accuracy"] == 2
    assert (stages["sft-1"].sft_data, stages["sft-2"].mix_ratio, stages["rl-final"].mix_ratio) == (
        "own.jsonl",
        0.5,
        0.25,
    )
    assert "5-rejection" in stages["sft-2"].sft_data


@pytest.mark.parametrize(
    "content,words",
    [
        ("{]", "is not JSON"),
        ("[1]", "flags by stage"),
        ('{"sft": {}}', "did you mean"),
        ('{"zero": {"max_step": 3}}', "did you mean 'max_steps'"),
        ('{"zero": {"max_steps": "3"}}', "must be a int"),
        ('{"zero": {"max_steps": true}}', "must be a int"),
    ],
)
def test_wrong_stage_settings(tmp_path, content, words):
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read_settings(Config(pipeline=True, stage_settings=str(path)))


@pytest.mark.parametrize(
    ("stage", "flag", "value"),
    [
        ("sft-1", "learning_rate", 1),
        ("sft-2", "max_steps", 3),
        ("zero", "packing", True),
        ("rejection", "save_steps", 5),
    ],
)
def test_a_stages_setting_without_effect_is_refused(tmp_path, stage, flag, value):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({stage: {flag: value}}))
    with pytest.raises(UserError, match=f"in the stage {stage}, --{flag.replace('_', '-')}.* would have no effect"):
        all_stages(tmp_path, {"stage_settings": str(path)})


def test_a_stage_is_named_or_numbered():
    assert [stage_index(name) for name in STAGES] == [stage_index(str(n)) for n in range(1, 9)] == list(range(8))
    with pytest.raises(UserError, match="1 to 8"):
        stage_index("9")
    with pytest.raises(UserError, match="did you mean 'rejection'"):
        stage_index("rejections")


def test_to_begin_at_a_stage_those_before_must_be_done_and_it_must_not(tmp_path):
    places = places_in(tmp_path)
    config = Config(pipeline=True, from_stage="sft-1")
    with pytest.raises(UserError, match=r"zero, cold-start in .* are not done"):
        check_start(config, 2, places)
    make_done(places["zero"], "zero")
    with pytest.raises(UserError, match="--from-stage cold-start"):
        check_start(config, 2, places)
    make_done(places["cold-start"], "cold-start")
    check_start(config, 2, places)
    make_done(places["sft-1"], "sft-1")
    with pytest.raises(UserError, match=f"--earlier-run {tmp_path}"):
        check_start(config, 2, places)
    check_start(Config(pipeline=True, from_stage="sft-1", resume=True, exp_name="x"), 2, places)  # goes on after it
    (places["zero"] / "summary.json").unlink()  # it was killed
    assert not is_done(places["zero"], "zero")


def test_a_new_run_takes_the_earlier_stages_of_another(tmp_path):
    old = places_in(tmp_path / "x")
    for name in STAGES[:6]:
        make_done(old[name], name)
    given = {"dumps": str(tmp_path), "exp_name": "y", "from_stage": "rl-final", "earlier_run": str(tmp_path / "x")}
    config, places = prepare(resolve("r1-tiny", given), "r1-tiny", given)
    assert config.from_stage == "rl-final"  # a continuation must name the same
    assert [places[name].parent.name for name in STAGES] == ["x"] * 6 + ["y"] * 2
    assert [p.name for p in (tmp_path / "y").iterdir() if p.is_dir()] == ["logs"]
    stages = {name: stage_config(config, "r1-tiny", name, given, places) for name in STAGES}
    assert stages["rl-final"].model_name == f"{tmp_path}/x/6-sft-2/model"
    assert stages["distill"].sft_data == f"{tmp_path}/x/5-rejection/sft.jsonl"
    assert stages["distill"].teacher_model == f"{tmp_path}/y/7-rl-final/model"


def test_each_source_has_its_own_rewards(tmp_path):
    rules = tmp_path / "rules.json"
    rules.write_text('[{"pattern": "welcome", "score": 0.5}]')
    config = Config(reward="accuracy=2", general_data="small-talk", general_reward="rules=3", reward_rules=str(rules))
    rewards = load_rewards(config)
    rollout = Rollout("", "You are welcome. <answer>5</answer>", (), (1,), (), "stop")
    problem, prompt = (Problem("a", "2 + 3?", "5"), Problem("b", "Thanks!", "", task=GENERAL_TASK, answer_type="none"))
    earned = {p.id: {name: reward(rollout, p) for name, reward in rewards.items()} for p in (problem, prompt)}
    assert earned == {"a": {"accuracy": 1.0, "general rules": None}, "b": {"accuracy": None, "general rules": 0.5}}
    assert config.reward_weights == {"accuracy": 2.0, "general rules": 3.0}


def test_general_prompts_do_not_count_as_wrong():
    from r1rl.records import Scored

    rollout = Rollout("", "x", (), (1, 2), (), "stop")
    right = Scored(rollout, Problem("a", "?", "5"), "5", True, {}, 1.0)
    general = Scored(rollout, Problem("b", "?", "", task=GENERAL_TASK, answer_type="none"), None, False, {}, 0.5)
    assert step_metrics([rollout] * 2, [right, general], 1)["accuracy"] == 1.0
    assert step_metrics([rollout] * 2, [general, general], 1)["accuracy"] is None


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--from-stage", "rejections"], "did you mean 'rejection'"),
        (["--from-stage", "sft-2"], "zero, cold-start, sft-1, rl-reasoning, rejection in"),
        (["--earlier-run", "nowhere"], "add --from-stage"),
        (["--mode", "both"], "--pipeline"),
        (["--reward", "acuracy=1"], "did you mean 'accuracy'"),
        (["--general-reward", "helpful"], "unknown --reward 'helpful'"),
        (["--general-data", "nowhere.jsonl"], "does not exist"),
        (["--sft-data", "nowhere.jsonl"], "does not exist"),
        (["--dataset-name", "math", "--dataset-path", "nowhere"], "does not exist"),
        (["--student-model", "x/y", "--student-layers", "2"], "two students"),
        (["--mix-ratio", "1"], "at most 0.9"),
    ],
)
def test_wrong_flags_are_reported_before_anything_runs(program, tmp_path, arguments, words):
    done = program("--recipe", "r1-tiny", "--dumps", tmp_path / "dumps", "--exp-name", "x", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "dumps").exists()


def test_the_pipelines_flags_alone_are_refused(program):
    done = program("--recipe", "tiny", "--from-stage", "2")
    assert done.returncode == 2 and "add --recipe r1" in done.stderr
    done = program("--recipe", "r1-tiny", "--stage", "zero")
    assert done.returncode == 2 and "Use --from-stage zero" in done.stderr


def test_print_config_shows_what_is_different_in_each_stage(program):
    done = program("--recipe", "r1-tiny", "--print-config")
    shown = json.loads(done.stdout)
    assert list(shown["pipeline_stages"]) == list(STAGES)
    assert shown["pipeline_stages"]["rl-reasoning"]["reward"].startswith("accuracy=1,language=")


@pytest.mark.slow
def test_all_eight_stages_from_one_command(program, tmp_path):
    """A run of the smallest sizes; then the last stage goes on as after a kill."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"cold-start": {"max_samples": 12}, "rejection": {"max_samples": 24}}))
    flags = ("--recipe", "r1-tiny", "--dumps", tmp_path, "--max-steps", 1, "--num-epochs", 1, "--eval-count", 8, "--num-generations", 4,
             "--per-device-train-batch-size", 24, "--max-completion-length", 48, "--no-unsloth", "--engine", "transformers", "--packing",
             "--stage-settings", settings)  # fmt: skip
    done = program(*flags, "--exp-name", "x")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "x" / "pipeline.json").read_text())
    rows = {row["stage"]: row for row in result["stages"]}
    assert list(rows) == ["base", *STAGES[:-1], "student", "distill"]
    assert all(row["n"] == 8 for name, row in rows.items() if name not in ("cold-start", "rejection"))
    assert set(result["seconds"]) == set(STAGES)
    for name, folder in places_in(tmp_path / "x").items():
        assert is_done(folder, name)
        assert any(
            read_lines(folder / (ROLLOUTS if name not in ("sft-1", "sft-2", "distill") else "fine_tuning.jsonl"))
        )
    ways = json.loads((tmp_path / "x" / "2-cold-start" / "summary.json").read_text())["ways"]
    kept = Counter(line["way"] for line in read_lines(tmp_path / "x" / "2-cold-start" / "sft.jsonl"))
    for way, found in ways.items():
        assert found["given"] == found["kept"] + sum(found["fallen"].values())
        assert found["kept"] == kept[way]
    found = json.loads((tmp_path / "x" / "5-rejection" / "summary.json").read_text())
    assert found["given"] == 24 * 4 == found["kept"] + sum(found["fallen"].values())
    general = [x for x in read_lines(tmp_path / "x" / "7-rl-final" / ROLLOUTS) if x["task"] == GENERAL_TASK]
    assert all(x["rewards"]["accuracy"] is None and x["rewards"]["general rules"] is not None for x in general)

    last = tmp_path / "x" / "8-distill"
    (last / "summary.json").unlink()  # as after a kill just before the end
    untouched = {p: p.stat().st_mtime_ns for p in (tmp_path / "x" / "7-rl-final").rglob("*")}
    done = program(*flags, "--exp-name", "x", "--from-stage", 8)
    assert done.returncode == 0 and done.stdout.count("stage 8 of 8") == 1, done.stdout + done.stderr
    assert "stage 7 of 8" not in done.stdout
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "x" / "7-rl-final").rglob("*")} == untouched
    again = {row["stage"]: row for row in json.loads((tmp_path / "x" / "pipeline.json").read_text())["stages"]}
    assert again["distill"]["correct"] == rows["distill"]["correct"]

    settings.write_text(json.dumps({"distill": {"algorithm": "distill", "steps_per_generation": 1}}))
    done = program(*flags, "--exp-name", "y", "--from-stage", 8, "--earlier-run", tmp_path / "x")
    assert done.returncode == 0, done.stdout + done.stderr
    table = {row["stage"]: row for row in json.loads((tmp_path / "y" / "pipeline.json").read_text())["stages"]}
    assert table["student"]["correct"] == rows["student"]["correct"]  # the same student before the stage
    steps = list(read_lines(tmp_path / "y" / "8-distill" / METRICS))
    assert len(steps) == 1 and steps[0]["reverse_kl"] > 0
