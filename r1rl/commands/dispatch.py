"""The command line: which command, which flags over which recipe; one message and exit code 2 for a mistake."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import data_label
from r1rl.config.file import add_recipe, resolve_given, save_config
from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.config.parser import Parser, add_flags
from r1rl.runs import folder as runs_folder
from r1rl.runs.checkpoints import full, is_full
from r1rl.runs.folder import folder_of
from r1rl.system import distributed
from r1rl.system.errors import RunFailed, UserError, unknown_name
from r1rl.system.interrupt import INTERRUPTED, Interrupt
from r1rl.system.redact import redact

Run = Callable[[Config, str, dict[str, Any]], int]  # config, recipe, the flags that were given: main.run

COMMANDS = {
    "plan": "what a run would need and cost, also on a card that is not here",
    "eval": "evaluate a checkpoint or a base model",
    "export": "a run's model for other programs, proven; also for the hub; or the run for verl and OpenRLHF",
    "ask": "one question to a run's model",
    "chat": "questions to a run's model, one by one",
    "data": "check the data that a run would use",
    "inspect": "look at a run: its table, its completions",
    "report": "write a run's page, or several runs' together",
    "dump": "a dump as parquet, or a small part of it",
    "grade": "grade a file of completions",
    "completion": "a script for bash or zsh: the TAB key completes flags",
    "pretrain-tiny": "make the embedded base model anew",
}


def command_line(run: Run) -> int:
    """Runs what sys.argv asks for. Returns the exit code."""
    try:
        with Interrupt():  # SIGTERM, too, is told and leaves nothing half written
            distributed.start()
            return dispatch(sys.argv[1:], run)
    except UserError as error:
        tell(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt as stopped:
        tell("stopped at once; what was dumped and saved before stays as it is")
        return getattr(stopped, "exit_code", INTERRUPTED)
    except BrokenPipeError:  # `inspect ... | head`
        sys.stderr.close()
        return 0
    except OSError as error:
        if not is_full(error, Path()):
            raise
        tell(f"error: the disk is full: {error}. Free some space, then try again.")
        return UserError.exit_code
    finally:
        runs_folder.unlock_runs()
        distributed.leave()


def tell(words: str) -> None:
    """Says why the program ends; of several processes one does."""
    if distributed.reports_errors():
        print(words, file=terminal(), flush=True)


def terminal():
    """Where messages go, also after the libraries' output was diverted to a log."""
    console = sys.modules.get("r1rl.system.console")
    return console.console.file if console and console.diverted() else sys.stderr


def dispatch(arguments: Sequence[str], run: Run) -> int:
    """Finds the command; without one, trains."""
    command = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if command is None:
        return train_command(arguments, run)
    if command not in COMMANDS:
        raise unknown_name("command", command, COMMANDS)
    if distributed.size() > 1:
        raise UserError(
            f"main.py {command} is work for one process, and {distributed.size()} were started: run python main.py {command} "
            "without torchrun or accelerate launch."
        )
    module = load_command(command)
    parser = Parser(prog=f"main.py {command}", description=COMMANDS[command], allow_abbrev=False)
    module.add_arguments(parser)
    args = parser.parse_args(arguments[1:])
    try:
        return module.run(args)
    except Exception as error:
        if (
            isinstance(error, UserError | BrokenPipeError)
            or terminal() is sys.stderr
            or not hasattr(args, "run")
        ):
            raise
        raise broke_off(command, error, args.run) from error  # its traceback would go into the log, unseen


def load_command(name: str):
    """The module behind a command: r1rl/commands/<name>.py, up to a hyphen. It has add_arguments(parser) and run(args)."""
    return importlib.import_module(f"r1rl.commands.{name.partition('-')[0]}")


def train_command(arguments: Sequence[str], run: Run) -> int:
    """Resolves recipe and flags, then trains."""
    parser = train_parser()
    given = vars(parser.parse_args(arguments))
    print_only, save_to = given.pop("print_config"), given.pop("save_config", None)
    config, recipe, given = resolve_given(given)
    if save_to is not None:
        save_config(config, recipe, Path(save_to))
    if print_only:
        print(json.dumps(shown(config, recipe, given), indent=2))
        return 0
    if config.exp_name is None and config.mode is None:
        # R1RL's form: dataset and time.
        name = distributed.on_first(lambda: f"{data_label(config)}_{time.strftime('%Y%m%d_%H%M%S')}")
        config = dataclasses.replace(config, exp_name=name)
    check_processes(config)
    try:
        return run(config, recipe, given)
    except (UserError, KeyboardInterrupt):
        raise
    except pickle.UnpicklingError as error:
        unexpected(error, folder_of(config))  # for the log
        raise refused_checkpoint(folder_of(config)) from error
    except Exception as error:
        if is_full(error, folder_of(config)):
            raise full(folder_of(config)) from error
        raise unexpected(error, folder_of(config)) from error


def check_processes(config: Config) -> None:
    """What several processes can do together is GRPO. Raises UserError."""
    if distributed.size() == 1:
        return
    started = f"{distributed.size()} processes were started, and"
    if config.pipeline or config.mode is not None:
        what = f"--mode {config.mode}" if config.mode is not None else "a pipeline"
        raise UserError(
            f"{started} {what} is made of parts for one process: run it without torchrun or accelerate launch. Training "
            "with GRPO alone is what several processes share."
        )
    if config.algorithm != "grpo":
        raise UserError(
            f"{started} --algorithm {config.algorithm} learns in one: its value head goes through several optimizer "
            "steps on a batch of its own. Use --algorithm grpo, or run it without torchrun or accelerate launch."
        )
    if config.engine == SERVER:
        raise UserError(
            f"{started} --engine vllm-server takes the adapter of one: each of several has an engine of its own. Use "
            "another --engine, or run it without torchrun or accelerate launch."
        )
    if (groups := config.generation_batch_size // config.num_generations) < distributed.size():
        raise UserError(
            f"{started} a step has {groups} groups of {config.num_generations} completions: a group is not torn, so some "
            "would have nothing to do. Use a larger --gradient-accumulation-steps, or fewer processes."
        )


def shown(config: Config, recipe: str, given: dict[str, Any]) -> dict[str, Any]:
    """The resolved run, for a pipeline with what is different in each stage."""
    whole = {"recipe": recipe, **dataclasses.asdict(config)}
    if not config.pipeline or config.stage is not None:
        return whole
    from r1rl.pipeline.stage_configs import differences

    return whole | {"pipeline_stages": differences(config, recipe, given)}


def broke_off(command: str, error: Exception, folder: Path) -> RunFailed:
    """A fault of the program in a command that works on a run."""
    first = redact(str(error)).strip().splitlines()[:1]
    return RunFailed(
        f"{command} broke off with {type(error).__name__}: {''.join(first)[:300]}. The details are in "
        f"{write_traceback(error, folder)}; the run itself is as it was."
    )


def write_traceback(error: Exception, folder: Path) -> Path:
    """Appends the traceback to the run's error.log. Returns that file."""
    log = folder / "logs" / "error.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(redact("".join(traceback.format_exception(error))))
    return log


def unexpected(error: Exception, folder: Path) -> RunFailed:
    """A fault of the program: the traceback goes to a file, the user gets a sentence."""
    log = write_traceback(error, folder)
    first = redact(str(error)).strip().splitlines()[:1]
    return RunFailed(
        f"the run broke off with {type(error).__name__}: {''.join(first)[:300]}. The details are in {log}, what the "
        f"libraries said in {log.with_name('libraries.log')}. What was dumped and saved so far is in {folder}; "
        "--resume continues from the last checkpoint."
    )


def refused_checkpoint(folder: Path) -> UserError:
    """The error for a checkpoint with something else in it than numbers: torch has refused to read it."""
    newest = max(folder.glob("checkpoints/checkpoint-*"), key=lambda p: p.stat().st_mtime, default=folder)
    return UserError(
        f"a file in {newest} holds more than numbers, or is damaged, and was not read: unpickling it could run any "
        f"program. Remove {newest}: --resume then continues from the checkpoint before it, or from the start. "
        f"{folder / 'logs' / 'error.log'} names what was found."
    )


def train_parser() -> Parser:
    """The parser of `python main.py`."""
    commands = "\n".join(f"  {name:<14} {help}" for name, help in COMMANDS.items())
    parser = Parser(
        prog="main.py",
        usage="python main.py [--recipe NAME] [flags]",
        description="R1-Zero-like reinforcement learning on one GPU.",
        epilog=f"other commands (python main.py COMMAND --help):\n{commands}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_recipe(parser)
    parser.add_argument(
        "--save-config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="write the flags that differ from the recipe as YAML or JSON, for --config",
    )
    parser.add_argument("--print-config", action="store_true", help="show the resolved run and stop")
    add_flags(parser)
    return parser
