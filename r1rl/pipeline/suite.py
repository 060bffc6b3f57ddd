"""`eval --suite`: evaluates a model, and the model before training, on several tasks in one start of the engine."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.config.names import is_task, load_task_class, option
from r1rl.config.scope import check_given
from r1rl.config.suites import PROBLEM_FLAGS, SuiteTask, read_suite
from r1rl.pipeline import suite_results
from r1rl.pipeline.suite_results import BASE, Measured
from r1rl.preflight.checks import check_data_source
from r1rl.records import Problem, Prompt
from r1rl.rewards.weighted import load_rewards
from r1rl.runs import folder as run_folder
from r1rl.runs.dump import Dump
from r1rl.runs.evaluation import EVAL_FLAGS, dump_evaluation, evaluate
from r1rl.runs.run_data import RunData
from r1rl.runs.tokens import TokenTexts
from r1rl.session import Session
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError
from r1rl.tasks import registry
from r1rl.tasks.custom.evaluation import evaluation_task
from r1rl.tasks.prompts import Builder

# The flags that come from the model's run: not those of its problems, of its training, or of its rewards.
KEPT = ("model_name", "lora_alpha", "guard", *(name for name in EVAL_FLAGS if name not in PROBLEM_FLAGS))
REFUSED = (*PROBLEM_FLAGS, "people")


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a suite with all its flags, its problems, and where they come from."""

    name: str
    config: Config
    problems: list[Problem]
    source: str


@dataclass(frozen=True, slots=True)
class Model:
    """The model to evaluate: the flags of its run, its checkpoint (None: the base model) and that one's step."""

    settings: dict[str, Any]
    adapter: Path | None
    step: int | None


def run_suite(suite: str, model: Model, given: dict[str, Any], before: Path | None) -> int:
    """Evaluates, prints the table and writes suite.json. Returns the exit code. Raises UserError before anything is loaded.

    `given`: flags of the command line, which override those of the suite. `before`: folder of an earlier evaluation to
    compare with; None: the base model, if there is an adapter.
    """
    started, tasks = time.strftime("%Y-%m-%dT%H:%M:%S%z"), read_suite(suite)
    dumps = given.get("dumps", model.settings.get("dumps", Config.dumps))
    place = Path(dumps) / (given.get("exp_name") or model.settings["exp_name"])
    configs = configs_of(suite, tasks, model.settings, given, place)
    check_new(place)
    parts = load_parts(suite, tasks, configs, model.settings)
    earlier = {} if before is None else read_before(before, parts)
    session = Session(config_of_all(configs), adapter=model.adapter)
    opened = open_parts(session, parts, place)
    count = sum(len(part.problems) for part in parts)
    console.print(f"suite    {suite}: {len(parts)} tasks, {count:,} problems", markup=False)
    with_base = model.adapter is not None and before is None
    last = 0 if model.adapter is None else model.step or 1  # an evaluation's step: 0 is that of the base model
    sample(session, suite, parts, opened, {"before": 0, "after": last} if with_base else {"model": last})
    rows = []
    for part, data in ((part, RunData(dump.folder)) for part, dump in zip(parts, opened)):
        first = Measured.read(data, 0) if with_base else earlier.get(part.name)
        rows.append(suite_results.compare(part.name, part.source, first, Measured.read(data, last)))
    suite_results.write_results(place, about(suite, started, model, configs, before), suite_results.corrected(rows))
    suite_results.show_suite(place)
    return 0


def sample(session: Session, suite: str, parts: Sequence[Part], dumps: Sequence[Dump], steps: dict[str, int]) -> None:
    """Starts the engine, and evaluates and dumps all tasks at each of `steps`, by name; "before" is the base model."""
    with Waiting("loading the libraries") as status:
        tokenizer = session.load_tokenizer()
        prompts = [prompts_of(suite, part, tokenizer) for part in parts]
        session.start([p for of_part in prompts for p in of_part], status)
        session.prove(prompts[0], status)
        for what, step in steps.items():
            with session.as_base() if what == "before" else contextlib.nullcontext():
                for i, (part, dump, of_part) in enumerate(zip(parts, dumps, prompts), 1):
                    status.update(f"{what}: {part.name}, {i} of {len(parts)}")
                    result = evaluate(session.engine, of_part, load_rewards(part.config), part.config, step)
                    dump_evaluation(dump, of_part, result, result.seconds, TokenTexts.of(part.config, tokenizer))
                    console.print(f"{what:<8} {part.name}: {result.describe()}", markup=False)
    session.engine.close()


def about(suite: str, started: str, model: Model, configs: Sequence[Config], before: Path | None) -> dict[str, Any]:
    """Returns the head of suite.json; `before` in it is null if one model alone was evaluated."""
    adapter, config = model.adapter, configs[0]
    temperatures = dict.fromkeys(c.eval_temperature for c in configs)
    compared = BASE if adapter is not None and before is None else before and str(before)
    return {
        "suite": suite, "started": started, "model": config.model_name, "adapter": adapter and str(adapter),
        "weights": adapter and suite_results.weights_hash(adapter), "step": model.step, "before": compared, "seed": config.seed,
        "decoding": " and ".join(f"temperature {t:g}" if t else "greedy" for t in temperatures),
    }  # fmt: skip


# ---- what is checked before anything is loaded


def configs_of(
    suite: str, tasks: Sequence[SuiteTask], settings: dict[str, Any], given: dict[str, Any], place: Path
) -> list[Config]:
    """Returns the flags of each task: the command line overrides the suite, which overrides the model's run. Raises UserError.

    --max-seq-length grows with the lengths of a task, unless it is given.
    """
    if wrong := next((name for name in REFUSED if name in given), None):
        raise UserError(
            f"{option(wrong)} {given[wrong]} with --suite {suite}, whose tasks have their own problems: leave it out, or write "
            "the task into a suite file of your own (docs/evaluation.md)."
        )
    configs, kept = [], {name: settings[name] for name in KEPT if name in settings}
    for task in tasks:
        merged = {**kept, **task.settings, **given, "dumps": str(place), "exp_name": task.name}
        merged["trust_remote_code"] = given.get("trust_remote_code", False)
        name = merged.get("dataset_name", Config.dataset_name)
        merged["reward"] = load_task_class(name).reward if is_task(name) else Config.reward
        lengths = [merged.get(f, getattr(Config, f)) for f in ("max_prompt_length", "max_completion_length")]
        if "max_seq_length" not in given:
            merged["max_seq_length"] = max(merged.get("max_seq_length", Config.max_seq_length), sum(lengths))
        try:
            config = Config(**merged)
            check_given(config, {**task.settings, **given})
        except UserError as error:
            raise UserError(f"--suite {suite}, task {task.name}: {error}") from None
        configs.append(config)
    return configs


def config_of_all(configs: Sequence[Config]) -> Config:
    """Returns the flags that the model is loaded with: the longest sequences of all tasks."""
    widest = max(configs, key=lambda config: config.max_prompt_length + config.max_completion_length)
    return dataclasses.replace(widest, max_seq_length=max(config.max_seq_length for config in configs))


def check_new(place: Path) -> None:
    """Checks that the folder of the suite is new or empty. Raises UserError."""
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise UserError(f"{place} exists and is not empty. Nothing was changed; choose another --exp-name.")


def load_parts(
    suite: str, tasks: Sequence[SuiteTask], configs: Sequence[Config], trained: dict[str, Any]
) -> list[Part]:
    """Returns the tasks with their problems. Raises one UserError for all tasks whose data is missing or unreadable."""
    parts, faults = [], []
    for task, config in zip(tasks, configs):
        try:
            check_data_source(config)
            source = evaluation_task(config, trained)
            problems = [p for p in source.load("test") if not task.levels or p.level in task.levels]
            if not problems:
                raise UserError(f"no problem has the level {' or '.join(map(str, task.levels))}: change levels.")
            chosen = registry.evaluation_subset(problems, config.eval_count, config.seed)
            parts.append(Part(task.name, config, chosen, source.source))
        except UserError as error:
            faults.append(f"{task.name}: {error}")
    if faults:
        raise UserError(
            f"--suite {suite}: {len(faults)} of {len(tasks)} tasks cannot be evaluated, and nothing was loaded. "
            f"{' '.join(faults)} A flag is written into a suite file of your own, as dataset_path: FILE "
            "(docs/evaluation.md)."
        )
    return parts


def read_before(folder: Path, parts: Sequence[Part]) -> dict[str, Measured]:
    """Returns an earlier evaluation of the same tasks, by name. Raises UserError if it has other tasks or problems."""
    _, rows = suite_results.read_results(folder)
    steps = {row.task: row.after["step"] for row in rows}
    if missing := [part.name for part in parts if part.name not in steps]:
        raise UserError(
            f"--before {folder} has not evaluated {', '.join(missing)}, but {', '.join(steps)}: name the folder of an "
            "evaluation of the same suite."
        )
    found = {}
    for part in parts:
        data, step = RunData(folder / part.name), steps[part.name]
        answers = data.answers(step)
        shared = [p for p in part.problems if p.id in answers]
        if not shared or any(answers[p.id] != p.answer for p in shared):
            raise UserError(
                f"--before {folder}: its problems of {part.name} are not those of this evaluation, so no pairs can be "
                "compared. Use the same --seed, --eval-count and data for both."
            )
        found[part.name] = Measured.read(data, step)
    return found


def open_parts(session: Session, parts: Sequence[Part], place: Path) -> list[Dump]:
    """Makes a folder with run.json for each task, in that of the suite. Raises UserError."""
    for part in parts:
        run_folder.check_folder(part.config)
    dumps = [run_folder.open_run(part.config, "eval", session.here.to_dict()) for part in parts]
    session.write_log(place)
    return dumps


def prompts_of(suite: str, part: Part, tokenizer: Any) -> list[Prompt]:
    """Returns the prompts of a task. Raises UserError if all are too long."""
    try:
        return Builder(tokenizer, part.config)(part.problems, f"{part.name} test")
    except UserError as error:
        raise UserError(f"--suite {suite}, task {part.name}: {error}") from None
