"""`python main.py export RUN --to FORM -o DIR`: the trained model for other programs, proven; or the run for other frameworks.

`forms` writes the model and `proof` compares it, loaded again by `reload`, with the live one; `card` and `hub` publish it.
`other_frameworks` reads a run for `verl` and `openrlhf`, whose files `framework_files` writes.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.commands.export import forms, hub, proof
from r1rl.commands.export.card import QUESTION, Exported, model_card
from r1rl.config.flags import Config
from r1rl.config.parser import user_path
from r1rl.models.source import is_local
from r1rl.pipeline.suite_results import as_markdown, results_of
from r1rl.records import Problem, Prompt, Rollout
from r1rl.runs import finished
from r1rl.runs.inputs import digest, model_record, write_base
from r1rl.session import Session
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.files import unfinished
from r1rl.system.out_of_memory import free_memory
from r1rl.tasks import registry
from r1rl.tasks.prompts import Builder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run", type=user_path, metavar="RUN", help="folder of a run, such as dumps/RUN")
    parser.add_argument("--to", required=True, metavar="|".join((*forms.FORMS, *forms.ELSEWHERE)),
                        help="the model: the adapter alone, base model and adapter in one, or llama.cpp's format; or the run "
                        "for another framework: its data, reward and settings, without a model or a GPU")  # fmt: skip
    parser.add_argument("-o", "--output", type=user_path, required=True, help="new folder for it")
    parser.add_argument("--checkpoint", metavar="best|last|STEP", help="default: best, if there is one")
    parser.add_argument("--model-name", metavar="NAME", help=finished.BASE_HELP)
    parser.add_argument("--eval-count", type=int, metavar="N",
                        help="problems that the export is proven on; 0: all (default: the run's)")  # fmt: skip
    parser.add_argument("--push-to-hub", metavar="NAME", help="upload it as user/model; needs HF_TOKEN")
    parser.add_argument("--private", action="store_true", help="make the hub's repository private")
    parser.add_argument("--dry-run", action="store_true", help="with --push-to-hub: list the files, no upload")
    parser.add_argument("--trust-remote-code", action="store_true", help="run code of the base model")


def run(args: argparse.Namespace) -> int:
    """Exports, proves, writes the card, and uploads with --push-to-hub. Leaves nothing behind on a UserError."""
    if args.to in forms.ELSEWHERE:
        return run_elsewhere(args)
    if args.to not in forms.FORMS:
        raise unknown_name("--to", args.to, (*forms.FORMS, *forms.ELSEWHERE))
    changes: dict[str, Any] = {} if args.eval_count is None else {"eval_count": args.eval_count}
    changes |= finished.base_given(args.model_name)
    config = finished.config_of(args.run, trust_remote_code=args.trust_remote_code, **changes)
    checkpoint = finished.checkpoint_of(args.run, args.checkpoint or finished.default_checkpoint(args.run))
    forms.check_form(args.to, config.lora_rank)
    if args.private and args.push_to_hub is None:
        raise UserError(
            "--private would have no effect, because nothing is uploaded: add --push-to-hub, or leave it out."
        )
    hub.check_push(args.push_to_hub, args.dry_run)
    if args.push_to_hub and args.to == "adapter":
        check_base_is_public(config)
    with unfinished(args.output) as new:
        comparison = make(args, config, checkpoint, new)
    for line in comparison.describe():
        console.print(line)
    console.print(
        f"export   {args.output}: {sum(size for _, size in hub.files_of(args.output)) / 1e6:,.1f} MB, card included",
        markup=False,
    )
    if args.push_to_hub and args.dry_run:
        hub.show_files(args.output, args.push_to_hub)
    elif args.push_to_hub:
        with Waiting(f"uploading to {args.push_to_hub}"):
            address = hub.upload(args.output, args.push_to_hub, args.private)
        console.print(f"hub      {address}", markup=False)
    return 0


def run_elsewhere(args: argparse.Namespace) -> int:
    """Writes the run in another framework's format; loads no model. Leaves nothing behind on a UserError."""
    from r1rl.commands.export import openrlhf, verl
    from r1rl.commands.export.other_frameworks import read_run_export

    given = {"--checkpoint": args.checkpoint, "--model-name": args.model_name, "--push-to-hub": args.push_to_hub, "--private": args.private or None,
             "--dry-run": args.dry_run or None}  # fmt: skip
    for flag, value in given.items():
        if value is not None:
            raise UserError(
                f"{flag} applies to a model, and --to {args.to} writes data, reward and settings: leave it out. Export the "
                "model with --to merged."
            )
    module = {"verl": verl, "openrlhf": openrlhf}[args.to]
    changes = {} if args.eval_count is None else {"eval_count": args.eval_count}
    with unfinished(args.output) as new:
        exported = read_run_export(args.run, args.trust_remote_code, **changes)
        module.write(exported, new)
    console.print(f"data     {len(exported.train)} problems to train on, {len(exported.test)} to evaluate", markup=False)  # fmt: skip
    for line in exported.notes:
        console.print(f"note     {line}", markup=False)
    console.print(f"export   {args.output}: README.md lists what was mapped and what was not; no run was trained there", markup=False)  # fmt: skip
    return 0


@dataclass(frozen=True)
class Live:
    """What is kept of the live model: it is unloaded before the fresh process loads the export."""

    prompts: list[Prompt]
    answers: list[Rollout]
    moved: float  # nats, see proof.effect
    quantization: dict[str, Any] | None
    tokenizer: Any
    question: str  # the form of the run's prompts
    backend: str


def make(args: argparse.Namespace, config: Config, checkpoint: Path, folder: Path) -> proof.Comparison:
    """Writes the export into `folder`, proves it there, and writes its card. Raises UserError if the proof fails."""
    session = Session.of_run(config, args.run, checkpoint)
    task = registry.load_task(config)
    problems = registry.evaluation_problems(task, config)
    with Waiting("loading the libraries") as status:
        live = write_from_live(args.to, session, problems, folder, status)
        del session.policy, session.engine
        free_memory()  # the fresh process needs the GPU memory of the live model
        status.update("asking the export in a fresh process")
        answers = proof.reloaded_answers(folder, live.prompts, config, session.has_gpu, live.quantization)
    record = model_record(config.model_name)
    write_base(folder, record)
    comparison = proof.compare(live.prompts, live.answers, answers, live.tokenizer, config)
    proof.check_equal(comparison, session.has_gpu)
    suite = results_of(args.run, checkpoint)
    about = Exported(args.to, config.model_name, finished.step_of(checkpoint, args.run), live.question,
                     sum(comparison.export), len(answers), comparison.other_completions, live.quantization, digest(record),
                     "" if suite is None else as_markdown(*suite))  # fmt: skip
    card = model_card(args.run, config, about, args.push_to_hub or args.output.name)
    (folder / "README.md").write_text(card, encoding="utf-8")
    console.print(f"model    {config.model_name} with {checkpoint}, {live.backend}", markup=False)
    console.print(f"trained  it moves a token's logprob by {live.moved:.3f} nats on average")
    return comparison


def write_from_live(form: str, session: Session, problems: Sequence[Problem], folder: Path, status: Waiting) -> Live:
    """Loads the trained model, samples its answers, and writes the export."""
    build = Builder(session.load_tokenizer(), session.config)
    prompts = build(problems, "test")
    session.start(prompts, status)
    session.prove(prompts, status, quick=True)
    policy, engine = session.policy, session.engine
    status.update(f"asking the live model {len(prompts)} problems")
    answers = proof.live_answers(engine, prompts, session.config)
    moved = proof.effect(policy, answers)
    status.update(f"writing {form}")
    forms.write(form, policy, session.adapter, folder)
    engine.close()
    question = build.prompt(dataclasses.replace(prompts[0].problem, question=QUESTION)).text
    quantization = proof.quantization_of(policy)
    return Live(prompts, answers, moved, quantization, policy.tokenizer, question, policy.backend)


def check_base_is_public(config: Config) -> None:
    """Raises UserError if the base model of an adapter is not on the hub: nobody else could load it."""
    if is_local(config.model_name):
        raise UserError(
            f"--to adapter with --push-to-hub: its base model, {config.model_name!r}, is a folder on this machine, so "
            "nobody else could load it. Use --to merged."
        )
