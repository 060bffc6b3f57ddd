"""--pipeline: runs the eight stages of DeepSeek-R1 (arXiv:2501.12948, section 2), each in its own process and folder."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.config.names import STAGES
from r1rl.config.run_rules import stage_index
from r1rl.pipeline.cold_start import cold_start
from r1rl.pipeline.distill import distill
from r1rl.pipeline.modes import in_own_process, say_4bit
from r1rl.pipeline.sampling import rejection
from r1rl.pipeline.sft import check_unsloth, fine_tune
from r1rl.pipeline.stage_configs import STORY, is_done, stage_config
from r1rl.pipeline.table import RESULT, Row, show_table, stage_rows
from r1rl.preflight import checks
from r1rl.rewards.weighted import check_rewards
from r1rl.runs.dump import read_json, write_json
from r1rl.runs.folder import MERGED, check_folder, open_run, run_folder
from r1rl.system import machine
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks import registry
from r1rl.tasks.conversations import check_source

Train = Callable[[Config, str], int]


def run_pipeline(config: Config, recipe: str, given: dict[str, Any], train: Train) -> int:
    """Runs the unfinished stages in order, or one with --stage. Returns the exit code."""
    if config.stage is not None:
        return run_stage(config, recipe, train)
    config, places = prepare(config, recipe, given)
    folder = run_folder(config)
    for index, name in enumerate(STAGES):
        if is_done(places[name], name):
            continue
        console.print(f"\n[bold]stage {index + 1} of {len(STAGES)}: {name}[/bold], in {places[name]}")
        stage = stage_config(config, recipe, name, given, places)
        started = time.perf_counter()
        code = in_own_process(stage, recipe)
        add_seconds(folder, name, time.perf_counter() - started)
        if code:
            console.print(
                f"stage {name} did not finish (exit code {code}); to continue: the same command with --exp-name "
                f"{shlex.quote(config.exp_name)} --resume",
                markup=False,
            )
            return code if code > 0 else 128 - code
    return finish(folder, places, config.think_tag)


def run_stage(config: Config, recipe: str, train: Train) -> int:
    """Runs one stage in this process. Returns the exit code."""
    if config.stage == "cold-start":
        return cold_start(config, recipe)
    if config.stage == "rejection":
        return rejection(config, recipe)
    if config.stage == "distill":
        return distill(config, recipe, train)
    return (fine_tune if config.stage in ("sft-1", "sft-2") else train)(config, recipe)


def prepare(config: Config, recipe: str, given: dict[str, Any]) -> tuple[Config, dict[str, Path]]:
    """Checks what all stages need before the first one begins, and prints them. Raises UserError."""
    first = 0 if config.from_stage is None else stage_index(config.from_stage)
    folder = run_folder(config)
    old = Path(config.earlier_run) if config.earlier_run is not None else folder
    places = {name: (old if i < first else folder) / f"{i + 1}-{name}" for i, name in enumerate(STAGES)}
    check_start(config, first, places)
    exists = (folder / "run.json").is_file()
    if config.earlier_run is None:  # --from-stage then says where to continue, and may differ
        config = dataclasses.replace(config, from_stage=None, resume=config.resume or (first > 0 and exists))
    stages = {name: stage_config(config, recipe, name, given, places) for name in STAGES}  # which checks their flags
    here = machine.look()
    check_data(config, stages, here)
    check_folder(config)
    open_run(config, recipe, here.to_dict())
    console.print(f"[bold]r1rl {config.exp_name}[/bold]: {recipe}, eight stages on {here.describe()}")
    for i, name in enumerate(STAGES):
        state = "done" if is_done(places[name], name) else "to do"
        console.print(f"{i + 1} {name:<13}{state:<6} {STORY[name].does}")
    say_4bit(config)
    return config, places


def check_start(config: Config, first: int, places: dict[str, Path]) -> None:
    """Checks that the stages before --from-stage are done and that it is not done itself. Raises UserError."""
    missing = [name for name in STAGES[:first] if not is_done(places[name], name)]
    if missing:
        where = places[missing[0]].parent
        raise UserError(
            f"--from-stage {config.from_stage} needs the stages before it, and {', '.join(missing)} in {where} "
            f"{'is' if len(missing) == 1 else 'are'} not done. Begin with --from-stage {missing[0]}, or name a run in which "
            "they are done with --earlier-run."
        )
    if config.from_stage is not None and not config.resume and is_done(places[STAGES[first]], STAGES[first]):
        raise UserError(
            f"--from-stage {config.from_stage}: this stage is done in {places[STAGES[first]]}, and nothing is "
            f"overwritten. To run it again: another --exp-name, with --earlier-run {shlex.quote(str(places[STAGES[first]].parent))}."
        )


def check_data(config: Config, stages: dict[str, Config], here: machine.Machine) -> None:
    """Checks models, data and hub of all stages before anything slow. Raises UserError."""
    checks.check_surroundings(stages["zero"], here)
    if config.student_model is not None:
        # The teacher is still to be trained, and has the tokens of the base model.
        names = {"model_name": config.student_model, "teacher_model": config.model_name}
        student = dataclasses.replace(stages["distill"], **names)
        checks.check_surroundings(student, here)
        if student.distills:
            checks.check_teacher(student)
    for name in ("sft-1", "sft-2", "distill"):
        check_unsloth(stages[name])
    problems = registry.load_task(stages["zero"]).load("train")
    for name in ("zero", "rl-reasoning", "rl-final"):
        check_rewards(stages[name], problems)
    for source in (stages["sft-2"].general_data, config.sft_data):
        if source is not None:
            check_source(source)
            checks.check_conversations(source)


def add_seconds(folder: Path, name: str, seconds: float) -> None:
    """Adds to the time of a stage, over all its starts."""
    result = read_result(folder)
    times = result.setdefault("seconds", {})
    times[name] = round(times.get(name, 0.0) + seconds, 1)
    write_json(folder / RESULT, result)


def read_result(folder: Path) -> dict[str, Any]:
    """Returns the content of pipeline.json, without results for a new run."""
    path = folder / RESULT
    if not path.is_file():
        return {"schema_version": 1}
    return read_json(path, "it holds the table of the stages. Remove it: it will be written again.")


def finish(folder: Path, places: dict[str, Path], tag: str) -> int:
    """Prints the table of all stages and writes it to pipeline.json. Returns the exit code."""
    times: dict[str, float] = {}
    for root in {place.parent for place in places.values()}:  # an earlier run keeps the times of its stages
        times |= {k: v for k, v in read_result(root).get("seconds", {}).items() if places[k].parent == root}
    rows: list[Row] = stage_rows(places, times, tag)
    write_json(folder / RESULT, read_result(folder) | {"stages": [dataclasses.asdict(row) for row in rows]})
    show_table(rows)
    console.print(f"\ntotal    {sum(times.values()) / 60:.0f} minutes; all numbers: {folder / RESULT}")
    console.print(f"model    {places['rl-final'] / MERGED}; student {places['distill'] / MERGED}")
    return 0
