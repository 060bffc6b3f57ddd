"""Suites: the flags of each task, data that is missing, before against after in one start, and what is made of the results."""

from __future__ import annotations

import contextlib
import json
from functools import partial
from types import SimpleNamespace

import pytest
from fake_run import make_run

from r1rl.commands import eval as command
from r1rl.commands import inspect
from r1rl.commands.export.card import Exported, model_card
from r1rl.config.flags import Config
from r1rl.config.parser import Parser
from r1rl.config.recipes import overrides
from r1rl.config.suites import SUITES, read_suite
from r1rl.pipeline import suite, suite_results
from r1rl.pipeline.suite_results import Measured, as_markdown, compare, corrected, read_results, results_of
from r1rl.pipeline.sweep import expanded
from r1rl.records import Rollout
from r1rl.runs import scores, stats
from r1rl.runs.dump import read_lines
from r1rl.runs.run_data import RunData
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import evaluation_subset
from r1rl.tasks.word_problems import WordProblems

RECIPES = ("default", "tiny", "laptop", "kk-tiny", "gsm8k-sft-rl-tiny", "cot-safety-tiny")


# ---- the flags of each task


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_suite_fits_the_model_of_every_recipe(tmp_path, name, recipe):
    settings = overrides(recipe)
    configs = suite.configs_of(name, read_suite(name), settings, {}, tmp_path)
    assert [c.exp_name for c in configs] == list(SUITES[name]) and {c.dumps for c in configs} == {str(tmp_path)}
    whole = suite.config_of_all(configs)
    for config in configs:
        assert config.max_prompt_length + config.max_completion_length <= whole.max_seq_length
        assert (config.model_name, config.is_chat) == (whole.model_name, settings.get("is_chat", False))
        assert config.lora_alpha == settings.get("lora_alpha") and config.mode is None and config.stages is None


def test_a_run_keeps_its_form_for_numbers_and_other_answers_have_tags(tmp_path):
    settings = overrides("laptop") | {"answer_tolerance": 0.1}
    configs = suite.configs_of("generated", read_suite("generated"), settings, {}, tmp_path)
    assert {c.exp_name: c.answer_tolerance for c in configs} == {
        "word-problems": 0.1, "chain-sum": 0.1, "countdown": 0, "knights-2": 0, "knights-3": 0,
    }  # fmt: skip
    forms = {c.exp_name: (c.prompt_style, c.answer_format, c.max_completion_length) for c in configs}
    assert forms["word-problems"] == forms["chain-sum"] == ("plain", "hash", 96)
    assert forms["countdown"] == forms["knights-2"] == ("tags", "tag", 256)


def test_the_command_line_overrides_the_suite_but_not_its_problems(tmp_path):
    settings, tasks = overrides("tiny"), read_suite("generated")
    given = {"eval_count": 5, "max_completion_length": 64}
    configs = suite.configs_of("generated", tasks, settings, given, tmp_path)
    assert {(c.eval_count, c.max_completion_length) for c in configs} == {(5, 64)}
    with pytest.raises(UserError, match="--dataset-name gsm8k with --suite generated, whose tasks have their own"):
        suite.configs_of("generated", tasks, settings, {"dataset_name": "gsm8k"}, tmp_path)
    with pytest.raises(UserError, match="--suite generated, task word-problems: --max-prompt-length 500"):
        suite.configs_of("generated", tasks, settings, {"max_seq_length": 600, "max_prompt_length": 500}, tmp_path)


# ---- before and after


MACHINE = {"gpu": None, "cores": 2}


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def __call__(self, text, add_special_tokens):
        return {"input_ids": self.encode(text, add_special_tokens)[:100]}

    def encode(self, text, add_special_tokens):
        return list(text.encode())

    def decode(self, ids, skip_special_tokens):
        return bytes(ids).decode(errors="replace")


class FakeEngine:
    """Answers every problem right, the base model only every second one, and chain sums never worse."""

    name = "fake"

    def __init__(self):
        self.as_base, self.calls = False, 0

    def generate(self, prompts, sampling):
        self.calls += 1
        return [self.rollout(p, i, s) for i, p in enumerate(prompts) for s in range(sampling.n)]

    def rollout(self, prompt, i, sample):
        right = not self.as_base or i % 2 == 0 or prompt.problem.task == "chain-sum"
        text = f"<answer>{prompt.problem.answer if right or sample == 1 else 'no'}</answer>"
        return Rollout(prompt.text, text, prompt.ids, tuple(range(4 + i % 2)), (0.0,) * (4 + i % 2), "stop")

    def close(self):
        pass


@pytest.fixture
def started(monkeypatch):
    """Instead of a model there is FakeEngine; returns the sessions that were started."""
    sessions = []

    class FakeSession:
        def __init__(self, config, adapter=None):
            self.config, self.engine, self.here = config, FakeEngine(), SimpleNamespace(to_dict=MACHINE.copy)
            sessions.append(self)

        def load_tokenizer(self):
            return Bytes()

        @contextlib.contextmanager
        def as_base(self):
            self.engine.as_base = True
            yield
            self.engine.as_base = False

        def start(self, prompts, status):
            self.longest = max(len(p.ids) for p in prompts)

        def prove(self, prompts, status):
            pass

        def write_log(self, place):
            pass

    monkeypatch.setattr(suite, "Session", FakeSession)
    for module, name in ((stats, "paired_bootstrap"), (scores, "bootstrap_interval"), (suite_results, "sign_flip")):
        monkeypatch.setattr(module, name, partial(getattr(module, name), resamples=1000))
    return sessions


@pytest.fixture
def checkpoint(tmp_path):
    """The last checkpoint of a run of two steps."""
    folder = make_run(tmp_path / "dumps" / "run", steps=2, eval_steps=2, problems=5) / "checkpoints" / "checkpoint-2"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return folder


TWO = "eval_count: 20\ntasks:\n  word-problems:\n  chain-sum:\n"


def evaluate(tmp_path, *given, text=TWO):
    """Runs `eval --suite` with a file, and returns the folder of the results."""
    (tmp_path / "mine.yaml").write_text(text)
    parser = Parser()
    command.add_arguments(parser)
    words = ("--suite", tmp_path / "mine.yaml", "--dumps", tmp_path / "dumps", *given)
    assert command.run(parser.parse_args([str(word) for word in words])) == 0


def test_before_and_after_in_one_start(tmp_path, started, checkpoint, capsys):
    evaluate(tmp_path, "--adapter", checkpoint, "--exp-name", "both")
    folder = tmp_path / "dumps" / "both"
    (session,) = started
    assert session.engine.calls == 4 and session.longest == 100
    about, (words, sums) = read_results(folder)
    assert (about["before"], about["adapter"], about["step"]) == ("the base model", str(checkpoint), 2)
    assert (words.before["correct"], words.after["correct"], words.after["problems"]) == (10, 20, 20)
    assert (words.difference, words.gained, words.lost, words.shared) == (0.5, 10, 0, 20)
    assert words.p == 2 / 2**10 and words.p_holm == 2 * words.p and words.low < 0.5 < words.high
    assert (sums.difference, sums.p, sums.p_holm, sums.test) == (0, 1, 1, "exact McNemar")
    assert [line["step"] for line in RunData(folder / "word-problems").evaluations] == [0, 2]
    shown = capsys.readouterr().out
    assert "word-problems  20    50 (30 to 70)  100 (84 to 100)  +50.0 (" in shown and "0.0039" in shown
    assert "p is corrected for 2 tests (Holm)" in shown and "better: word-problems; worse: none" in shown
    assert "before   chain-sum: 20 / 20, 100.0 %" in shown


def test_inspect_shows_the_table_and_the_tasks_are_runs(tmp_path, started, checkpoint, capsys):
    evaluate(tmp_path, "--adapter", checkpoint, "--exp-name", "both")
    folder = tmp_path / "dumps" / "both"
    table = capsys.readouterr().out.partition("suite    ")[2].partition("task ")[2]
    for given in ((folder,), (folder, "--wrong", "-n", "1"), (folder / "word-problems",)):
        parser = Parser()
        inspect.add_arguments(parser)
        assert inspect.run(parser.parse_args([str(g) for g in given])) == 0
    shown = capsys.readouterr().out
    assert table.split("results ")[0] in shown and "1 of 10 matching" in shown
    assert "+50.0 points on the same 20 problems" in shown and "evaluation only" in shown
    assert expanded([folder]) == [folder / "word-problems", folder / "chain-sum"]


def test_one_model_alone_and_then_as_the_one_before(tmp_path, started, checkpoint, capsys):
    evaluate(tmp_path, "--recipe", "tiny", "--exp-name", "one")
    assert "before" not in (shown := capsys.readouterr().out) and "model    tiny" in shown
    assert started[0].engine.calls == 2
    about, rows = read_results(tmp_path / "dumps" / "one")
    assert about["before"] is None and {row.p for row in rows} == {None}
    evaluate(
        tmp_path, "--adapter", checkpoint, "--exp-name", "two", "--seed", 3407, "--before", tmp_path / "dumps" / "one"
    )
    assert started[1].engine.calls == 2  # the base model is not sampled
    about, rows = read_results(tmp_path / "dumps" / "two")
    assert about["before"] == str(tmp_path / "dumps" / "one") and {row.shared for row in rows} == {20}


def test_an_earlier_evaluation_of_other_problems_or_tasks_is_refused(tmp_path, started):
    evaluate(tmp_path, "--recipe", "tiny", "--exp-name", "one")
    before = ("--before", tmp_path / "dumps" / "one")
    with pytest.raises(UserError, match="its problems of word-problems are not those of this evaluation"):
        evaluate(tmp_path, "--recipe", "tiny", "--exp-name", "two", "--seed", 5, *before)
    with pytest.raises(UserError, match="has not evaluated countdown, but word-problems, chain-sum"):
        evaluate(tmp_path, "--recipe", "tiny", "--exp-name", "two", *before, text="tasks: {countdown: {}}")
    with pytest.raises(UserError, match="is not empty"):
        evaluate(tmp_path, "--recipe", "tiny", "--exp-name", "one")
    with pytest.raises(UserError, match="applies only with --suite"):
        command.run(SimpleNamespace(adapter=None, recipe="tiny", suite=None, before=tmp_path))
    assert len(started) == 1 and not (tmp_path / "dumps" / "two").exists()


def test_several_samples_are_compared_by_random_signs(tmp_path, started, checkpoint):
    evaluate(tmp_path, "--adapter", checkpoint, "--exp-name", "s", "--eval-samples", 2, "--eval-temperature", 1)
    about, (words, sums) = read_results(tmp_path / "dumps" / "s")
    assert (words.test, words.difference, about["decoding"]) == ("random signs", 0.25, "temperature 1")
    assert words.p < 0.01 and sums.p == 1
    assert suite_results.share(words.after) == "100 (100 to 100)"


# ---- data


def test_all_missing_data_is_reported_at_once_before_anything_is_loaded(tmp_path, started):
    text = """tasks:
  chain-sum: {}
  own: {dataset_path: nowhere.csv}
  gsm8k: {}
  svamp: {dataset_name: ChilleD/SVAMP}
  puzzles: {dataset_name: knights_knaves, levels: 9}
"""
    with pytest.raises(UserError) as error:
        evaluate(tmp_path, "--recipe", "tiny", "--exp-name", "no", text=text)
    message = str(error.value)
    assert "4 of 5 tasks cannot be evaluated, and nothing was loaded" in message
    for part in ("own: --dataset-path 'nowhere.csv' does not exist", "gsm8k: the hub", "openai/gsm8k", "ChilleD/SVAMP",
                 "--dataset-path FILE", "puzzles: no problem has the level 9", "docs/evaluation.md"):  # fmt: skip
        assert part in message
    assert started == [] and not (tmp_path / "dumps").exists()


def test_of_the_data_that_was_trained_on_only_the_held_out_part_is_evaluated(tmp_path):
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps({"question": f"{n} + 1?", "answer": n + 1}) + "\n" for n in range(40)))
    (tmp_path / "mine.yaml").write_text(f"tasks: {{sums: {{dataset_path: {path}}}}}")
    tasks = read_suite(str(tmp_path / "mine.yaml"))
    for trained_on, count in ((None, 40), (str(path), 4)):
        settings = overrides("tiny") | {"dataset_path": trained_on}
        configs = suite.configs_of("mine", tasks, settings, {}, tmp_path)
        (part,) = suite.load_parts("mine", tasks, configs, settings)
        assert len(part.problems) == count


# ---- results


def measured(right, samples=1):
    line = {
        "samples": samples,
        "problems": len(right),
        "accuracy": sum(right) / max(1, len(right)),
        "low": 0.1,
        "high": 0.9,
    }
    return Measured({**line, "mean_tokens": 7.0}, {f"test/{i}": float(r) for i, r in enumerate(right)})


def test_only_problems_of_both_evaluations_are_compared():
    row = compare("t", "", measured([0, 0, 1, 0]), measured([1, 1, 1]))
    assert (row.shared, row.gained, row.lost, row.difference, row.p) == (3, 2, 0, pytest.approx(2 / 3), 0.5)
    alone = compare("t", "", measured([]), measured([1]))
    assert alone.p is None and suite_results.cells(alone, suite_results.columns([row])) == [
        "t",
        "1",
        "",
        "100 (10 to 90)",
        "",
        "",
    ]


def test_the_correction_counts_the_tests_not_the_rows():
    rows = [compare("a", "", measured([0] * 8), measured([1] * 8)), compare("b", "", None, measured([1])),
            compare("c", "", measured([0] * 7), measured([1] * 7))]  # fmt: skip
    assert [row.p_holm for row in corrected(rows)] == [2 * 2 / 2**8, None, 2 / 2**7]


def test_the_card_has_the_table_of_the_newest_suite_of_its_checkpoint(tmp_path, started, checkpoint):
    run = checkpoint.parents[1]
    assert results_of(run, checkpoint) is None
    evaluate(tmp_path, "--adapter", checkpoint, "--exp-name", "both")
    (tmp_path / "dumps" / "torn").mkdir()
    (tmp_path / "dumps" / "torn" / "suite.json").write_text('{"weights":')
    table = as_markdown(*results_of(run, checkpoint))
    assert "| word-problems | 20 | 50 (30 to 70) | 100 (84 to 100) | +50.0 (" in table and "| 0.0039 |" in table
    assert "Suite `mine.yaml`, greedy, seed 0" in table and str(tmp_path) not in table
    config = Config(**overrides("tiny"))
    about = ("merged", "tiny", 2, "{question}", 4, 5, 0)
    card = model_card(run, config, Exported(*about, suite=table), "mine")
    assert card.count("## Evaluation suite") == 1 and table in card and "tasks than those of the suite" in card
    assert "Evaluation suite" not in model_card(run, config, Exported(*about), "mine")
    (checkpoint / "adapter_model.safetensors").write_bytes(b"trained further")
    assert results_of(run, checkpoint) is None


def test_damaged_results(tmp_path):
    (tmp_path / "suite.json").write_text('{"tasks": [{"task": "a"}]}')
    with pytest.raises(UserError, match="has no tasks with results"):
        read_results(tmp_path)


@pytest.mark.slow
def test_a_trained_adapter_in_the_program_and_in_the_card_of_its_export(program, tmp_path):
    from small_run import CHECKSUM, make_trainer  # which imports torch

    trainer = make_trainer(tmp_path, "run", CHECKSUM, learning_rate=1e-2)  # so large that the answers change
    problems = evaluation_subset(WordProblems(trainer.run.seed).load("test"), 8, trainer.run.seed)
    trainer.eval_prompts = Builder(trainer.policy.tokenizer, trainer.run)(problems, "test")
    trainer.fit(None, [])
    (tmp_path / "mine.yaml").write_text("tasks: {word-problems: {}, countdown: {max_completion_length: 16}}")
    last = tmp_path / "run" / "checkpoints" / "checkpoint-2"
    done = program("eval", "--adapter", last, "--suite", tmp_path / "mine.yaml", "--dumps", tmp_path, "--exp-name", "s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("engine   ") == 1 and "corrected for 2 tests (Holm)" in done.stdout

    def completions(folder, step):
        return [line["completion"] for line in read_lines(folder / "eval" / f"step_{step}.jsonl")]

    during = completions(tmp_path / "run", 2)
    assert (
        completions(tmp_path / "s" / "word-problems", 2) == during != completions(tmp_path / "s" / "word-problems", 0)
    )
    assert len(completions(tmp_path / "s" / "countdown", 2)) == 8
    given = ("--to", "adapter", "-o", tmp_path / "out", "--checkpoint", "last", "--eval-count", 2)
    assert program("export", tmp_path / "run", *given).returncode == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "## Evaluation suite\n\nSuite `mine.yaml`, greedy" in card and "| countdown | 8 |" in card
