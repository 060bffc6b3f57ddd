"""`python main.py export RUN --to FORM -o DIR`: the trained model for other programs, proven; or the run for other frameworks."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl import session
from r1rl.commands.export import forms, hub
from r1rl.commands.export.card import QUESTION, Exported, model_card
from r1rl.commands.export.proof import Comparison
from r1rl.config.flags import Config
from r1rl.records import Problem, Prompt, Rollout
from r1rl.runs import finished
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.out_of_memory import free_memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, such as dumps/RUN")
    parser.add_argument("--to", required=True, metavar="|".join((*forms.FORMS, *forms.ELSEWHERE)),
                        help="the model: the adapter alone, base model and adapter in one, or llama.cpp's format; or the run "
                        "for another framework: its data, reward and settings, without a model or a GPU")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, help="new folder for it")
    parser.add_argument("--checkpoint", metavar="best|last|STEP", help="default: best, where there is one")
    parser.add_argument("--eval-count", type=int, metavar="N",
                        help="problems that the export is proven on; 0: all (default: the run's)")  # fmt: skip
    parser.add_argument(
        "--push-to-hub", metavar="NAME", help="upload it afterwards, as user/model; needs HF_TOKEN"
    )
    parser.add_argument("--private", action="store_true", help="make the hub's repository a private one")
    parser.add_argument(
        "--dry-run", action="store_true", help="with --push-to-hub: card and list of files, no upload"
    )
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run code that comes with the base model"
    )


def run(args: argparse.Namespace) -> int:
    """Exports, proves, writes the card; uploads where asked. Raises UserError, and then nothing is left behind."""
    if args.to in forms.ELSEWHERE:
        return run_elsewhere(args)
    if args.to not in forms.FORMS:
        raise unknown_name("--to", args.to, (*forms.FORMS, *forms.ELSEWHERE))
    changes = {} if args.eval_count is None else {"eval_count": args.eval_count}
    config = finished.config_of(args.run, trust_remote_code=args.trust_remote_code, **changes)
    checkpoint = finished.checkpoint_of(args.run, args.checkpoint or finished.default_checkpoint(args.run))
    forms.check_form(args.to, config.lora_rank)
    hub.check_push(args.push_to_hub, args.dry_run)
    if args.push_to_hub and args.to == "adapter":
        check_base_is_public(config)
    with forms.unfinished(args.output) as new:
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
    """Writes the run in another framework's format; loads no model. Raises UserError, and then nothing is left behind."""
    from r1rl.commands.export import openrlhf, verl
    from r1rl.commands.export.other_frameworks import read_run_export

    given = {"--checkpoint": args.checkpoint, "--push-to-hub": args.push_to_hub, "--private": args.private or None,
             "--dry-run": args.dry_run or None}  # fmt: skip
    for flag, value in given.items():
        if value is not None:
            raise UserError(
                f"{flag} is about a model, and --to {args.to} writes data, reward and settings: leave it out. The model "
                "goes over with --to merged."
            )
    module = {"verl": verl, "openrlhf": openrlhf}[args.to]
    changes = {} if args.eval_count is None else {"eval_count": args.eval_count}
    with forms.unfinished(args.output) as new:
        handed = read_run_export(args.run, args.trust_remote_code, **changes)
        module.write(handed, new)
    console.print(f"data     {len(handed.train)} problems to train on, {len(handed.test)} to evaluate", markup=False)  # fmt: skip
    for line in handed.told:
        console.print(f"told     {line}", markup=False)
    console.print(f"export   {args.output}: README.md tells what was mapped and what was not; it was not run there", markup=False)  # fmt: skip
    return 0


@dataclass(frozen=True)
class Live:
    """What the live model leaves behind: it is gone before the fresh process loads the export."""

    prompts: list[Prompt]
    answers: list[Rollout]
    moved: float  # nats, see export_proof.effect
    quantization: dict[str, Any] | None
    tokenizer: Any
    question: str  # the form of the run's prompts
    backend: str


def make(args: argparse.Namespace, config: Config, checkpoint: Path, folder: Path) -> Comparison:
    """Writes the export into `folder`, proves it there, and writes its card. Raises UserError where it fails."""
    from r1rl.commands.export import proof
    from r1rl.tasks import registry

    here = session.surroundings(config, args.run)
    task = registry.load_task(config)
    problems = registry.evaluation_subset(task.load("test"), config.eval_count, config.seed)
    on_gpu = here.gpu is not None
    with Waiting("loading the model") as status:
        live = write_from_live(args.to, config, checkpoint, folder, problems, on_gpu, status)
        free_memory()  # the fresh process needs the GPU that the live model had
        status.update("asking the export in a fresh process")
        found = proof.reloaded_answers(folder, live.prompts, config, on_gpu, live.quantization)
    comparison = proof.compare(live.prompts, live.answers, found, live.tokenizer, config)
    proof.check_equal(comparison, on_gpu)
    about = Exported(args.to, config.model_name, finished.step_of(checkpoint, args.run), live.question,
                     sum(comparison.export), len(found), comparison.other_completions, live.quantization)  # fmt: skip
    card = model_card(args.run, config, about, args.push_to_hub or args.output.name)
    (folder / "README.md").write_text(card, encoding="utf-8")
    console.print(f"model    {config.model_name} with {checkpoint}, {live.backend}", markup=False)
    console.print(
        f"trained  it moves a token's logprob by {live.moved:.3f} nats from the base model's (mean)"
    )
    return comparison


def write_from_live(
    form: str,
    config: Config,
    checkpoint: Path,
    folder: Path,
    problems: Sequence[Problem],
    on_gpu: bool,
    status: Waiting,
) -> Live:
    """Loads the trained model, asks it, and writes the export."""
    from r1rl.commands.export import proof
    from r1rl.models import policy as models_policy
    from r1rl.preflight import checks
    from r1rl.tasks import prompts

    models_policy.import_backend(config)
    checks.check_tokenizer(config, models_policy.load_tokenizer(config))
    policy, engine = finished.load(config, checkpoint, on_gpu)
    build = prompts.Builder(policy.tokenizer, config)
    asked = build(problems, "test")
    status.update(f"asking the live model {len(asked)} problems")
    answers = proof.live_answers(engine, asked, config)
    moved = proof.effect(policy, answers)
    status.update(f"writing {form}")
    forms.write(form, policy, checkpoint, folder)
    engine.close()
    question = build.prompt(dataclasses.replace(asked[0].problem, question=QUESTION)).text
    quantization = proof.quantization_of(policy)
    return Live(asked, answers, moved, quantization, policy.tokenizer, question, policy.backend)


def check_base_is_public(config: Config) -> None:
    """An adapter on the hub must name a base model that others have. Raises UserError."""
    from r1rl.preflight.checks import is_local

    if is_local(config.model_name):
        raise UserError(
            f"--to adapter with --push-to-hub: its base model, {config.model_name!r}, is a folder on this machine, so "
            "nobody else could load it. Use --to merged."
        )
