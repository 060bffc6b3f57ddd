"""The command line: finds the command, resolves flags and recipe; one message and exit code 2 for a mistake."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import importlib
import io
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
from r1rl.config.flags import Config, recorded
from r1rl.config.names import SERVER
from r1rl.config.parser import Help, Parser, add_flags, user_path
from r1rl.runs.checkpoints import full, is_full
from r1rl.runs.folder import folder_of, unlock_runs
from r1rl.system import distributed
from r1rl.system.errors import RunFailed, UserError, unknown_name
from r1rl.system.interrupt import INTERRUPTED, Interrupt
from r1rl.system.redact import hide, redact

Run = Callable[[Config, str, dict[str, Any]], int]  # main.run: config, recipe, given flags -> exit code
COMMANDS = {
    "doctor": "report what this machine can do and what prevents a run",
    "plan": "plan the memory, time and cost of a run, also for a GPU that is not in this machine",
    "sweep": "run a grid of settings one after the other and compare them",
    "eval": "evaluate a checkpoint or a base model",
    "export": "export a run's model for other programs and the hub, or the run for verl and OpenRLHF",
    "ask": "ask a run's model one question",
    "chat": "ask a run's model one question after another",
    "data": "check the data that a run would use",
    "runs": "list the runs in a folder",
    "inspect": "show a run: its table, its completions",
    "browse": "look at runs and their completions in the terminal, also while they run",
    "report": "write the page of a run, or one page of several runs",
    "dump": "write a dump as parquet, or a small part of it",
    "grade": "grade a file of completions",
    "completion": "print a script for bash or zsh with which the TAB key completes flags",
    "pretrain-tiny": "train an embedded base model again",
}

# Why the system refuses to work with a path, by the error's number.
UNUSABLE = {
    errno.EISDIR: "is a folder, and must be a file",
    errno.EEXIST: "is a file, and must be a folder",
    errno.ENOTDIR: "leads through a file, and only a folder has files in it",
    errno.EACCES: "may not be read or written by this user",
    errno.EPERM: "may not be read or written by this user",
    errno.EROFS: "is on a disk that may only be read",
    errno.ENAMETOOLONG: "is a longer name than this system allows",
    errno.ELOOP: "is a link that leads to itself",
}


def command_line(run: Run) -> int:
    """Runs the command in sys.argv. Returns the exit code."""
    print_any_text()
    try:
        with Interrupt():  # SIGTERM is reported, too, and leaves nothing half written
            distributed.start()
            return dispatch(sys.argv[1:], run)
    except UserError as error:
        report(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt as stopped:
        report("stopped at once; all that was dumped and saved before is kept")
        return getattr(stopped, "exit_code", INTERRUPTED)
    except BrokenPipeError:  # `inspect ... | head`
        sys.stderr.close()
        return 0
    except OSError as error:
        if not is_full(error, Path()):
            raise
        report(f"error: the disk is full: {error}. Free some space, then try again.")
        return UserError.exit_code
    finally:
        unlock_runs()
        distributed.leave()


def print_any_text() -> None:
    """Makes the output write what its encoding does not have as an escape, instead of failing: an umlaut in the locale C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (stream.errors == "strict" or stream.encoding.lower() != "utf-8"):
            stream.reconfigure(errors="backslashreplace")


def report(message: str) -> None:
    """Prints why the program ends, in one of several processes."""
    if distributed.reports_errors():
        print(message, file=terminal(), flush=True)


def terminal():
    """Returns the file for messages, also after the output of libraries was diverted to a log."""
    console = sys.modules.get("r1rl.system.console")
    return console.console.file if console and console.diverted() else sys.stderr


def dispatch(arguments: Sequence[str], run: Run) -> int:
    """Runs the command, or a training without one. Returns the exit code."""
    command = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if command is None:
        return train_command(arguments, run)
    if command not in COMMANDS:
        raise unknown_name("command", command, COMMANDS)
    if distributed.size() > 1:
        raise UserError(
            f"main.py {command} runs in one process, and {distributed.size()} were started: run python main.py {command} "
            "without torchrun or accelerate launch."
        )
    module = load_command(command)
    parser = Parser(prog=f"main.py {command}", description=COMMANDS[command], allow_abbrev=False)
    module.add_arguments(parser)
    args = parser.parse_args(arguments[1:])
    try:
        return module.run(args)
    except (UserError, BrokenPipeError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNUSABLE and error.filename is not None:
            raise unusable(error) from error
        if terminal() is sys.stderr or not hasattr(args, "run"):
            raise
        raise command_failed(command, error, args.run) from error  # its traceback would only be in the log


def unusable(error: OSError) -> UserError:
    """Returns the error for a path with which the system refuses to work."""
    return UserError(f"{error.filename} {UNUSABLE[error.errno]}: move it away or repair it, or name another path.")


def load_command(name: str):
    """Returns the module of a command, r1rl/commands/<name up to a hyphen>.py: it has add_arguments(parser) and run(args)."""
    return importlib.import_module(f"r1rl.commands.{name.partition('-')[0]}")


def train_command(arguments: Sequence[str], run: Run) -> int:
    """Resolves recipe and flags, then trains. Returns the exit code."""
    parser = train_parser()
    given = vars(parser.parse_args(arguments))
    print_only, save_to = given.pop("print_config"), given.pop("save_config", None)
    config, recipe, given = resolve_given(given)
    if config.notify is not None:
        hide(config.notify)
    if save_to is not None:
        save_config(config, recipe, user_path(save_to))
    if print_only:
        print(json.dumps(shown(config, recipe, given), indent=2))
        return 0
    if config.exp_name is None and config.mode is None:
        name = distributed.on_first(lambda: f"{data_label(config)}_{time.strftime('%Y%m%d_%H%M%S')}")
        config = dataclasses.replace(config, exp_name=name)
    check_processes(config)
    folder = folder_of(config)
    try:
        return run(config, recipe, given)
    except (UserError, KeyboardInterrupt):
        raise
    except pickle.UnpicklingError as error:
        write_traceback(error, folder)
        raise refused_checkpoint(folder) from error
    except Exception as error:
        raise (full(folder) if is_full(error, folder) else run_failed(error, folder)) from error


def check_processes(config: Config) -> None:
    """Raises UserError for anything but GRPO in several processes."""
    if distributed.size() == 1:
        return
    started = f"{distributed.size()} processes were started, and"
    if config.pipeline or config.mode is not None:
        what = f"--mode {config.mode}" if config.mode is not None else "a pipeline"
        raise UserError(
            f"{started} {what} consists of parts for one process: run it without torchrun or accelerate launch. Only "
            "training with GRPO is shared between processes."
        )
    if config.distills:
        raise UserError(
            f"{started} --algorithm distill runs in one process: only it would have the teacher's states of all completions. Run it "
            "without torchrun or accelerate launch."
        )
    if config.has_value_head:
        raise UserError(
            f"{started} --algorithm {config.algorithm} runs in one process: its value head takes several optimizer steps on one "
            "batch. Use --algorithm grpo, or run it without torchrun or accelerate launch."
        )
    if config.top_entropy_share < 1:
        raise UserError(
            f"{started} --top-entropy-share {config.top_entropy_share} compares all tokens of a step in one process: leave it out, or "
            "run it without torchrun or accelerate launch."
        )
    if config.engine == SERVER:
        raise UserError(
            f"{started} --engine vllm-server takes the adapter of one process: each process needs its own engine. Use another "
            "--engine, or run it without torchrun or accelerate launch."
        )
    if (groups := config.generation_batch_size // config.num_generations) < distributed.size():
        raise UserError(
            f"{started} a step has {groups} groups of {config.num_generations} completions: groups are not split, so some "
            "processes would have no work. Use a larger --gradient-accumulation-steps, or fewer processes."
        )


def shown(config: Config, recipe: str, given: dict[str, Any]) -> dict[str, Any]:
    """Returns the resolved run for --print-config; for a pipeline with the differences of each stage."""
    whole = {"recipe": recipe, **recorded(config)}
    if config.mode == "rl":
        from r1rl.pipeline.modes import loaded_in_4bit

        return whole | loaded_in_4bit(config)
    if not config.pipeline or config.stage is not None:
        return whole
    from r1rl.pipeline.stage_configs import differences

    return whole | {"pipeline_stages": differences(config, recipe, given)}


def first_line(error: Exception) -> str:
    """Returns the type and the first line of an error, without secrets."""
    lines = redact(str(error)).strip().splitlines()[:1]
    return f"{type(error).__name__}: {''.join(lines)[:300]}"


def command_failed(command: str, error: Exception, folder: Path) -> RunFailed:
    """Returns the error for a fault of the program in a command that reads a run."""
    return RunFailed(
        f"{command} failed with {first_line(error)}. The traceback is in {write_traceback(error, folder)}; the run is "
        "unchanged."
    )


def write_traceback(error: Exception, folder: Path) -> Path:
    """Appends the traceback to the run's error.log and returns the file."""
    log = folder / "logs" / "error.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(redact("".join(traceback.format_exception(error))))
    return log


def run_failed(error: Exception, folder: Path) -> RunFailed:
    """Returns the error for a fault of the program in a run, and writes its traceback to the log."""
    log = write_traceback(error, folder)
    return RunFailed(
        f"the run failed with {first_line(error)}. The traceback is in {log}, the output of libraries in "
        f"{log.with_name('libraries.log')}. All that was dumped and saved is in {folder}; --resume continues from the last "
        "checkpoint."
    )


def refused_checkpoint(folder: Path) -> UserError:
    """Returns the error for a checkpoint that torch refused to read, because it holds more than numbers."""
    newest = max(folder.glob("checkpoints/checkpoint-*"), key=lambda p: p.stat().st_mtime, default=folder)
    return UserError(
        f"a file in {newest} holds more than numbers, or is damaged, and was not read: unpickling it could run any "
        f"program. Remove {newest}: --resume then continues from the checkpoint before it, or from the start. "
        f"{folder / 'logs' / 'error.log'} has the details."
    )


def train_parser() -> Parser:
    """Returns the parser of `python main.py`."""
    commands = "\n".join(f"  {name:<14} {help}" for name, help in COMMANDS.items())
    parser = Parser(
        prog="main.py",
        usage="python main.py [--recipe NAME] [flags]",
        description="R1-Zero-like reinforcement learning on one GPU.",
        epilog=f"other commands (python main.py COMMAND --help):\n{commands}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action=Help, help="print the common flags and stop")
    parser.add_argument("--help-all", action=Help, help="print all flags and stop")
    add_recipe(parser)
    parser.add_argument(
        "--save-config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="write the flags that differ from the recipe as YAML or JSON, for --config",
    )
    parser.add_argument("--print-config", action="store_true", help="print the resolved run and stop")
    add_flags(parser)
    return parser
