"""`python main.py completion bash`: a script with which the TAB key completes commands, flags and their choices."""

from __future__ import annotations

import argparse

from r1rl.config.flags import PATHS
from r1rl.config.parser import Parser
from r1rl.system.errors import UserError

FILES = (*PATHS, "config", "save_config", "adapter", "runs", "run", "file")

# shtab completes `main.py ...`; these pass it the words after `python` and leave other programs alone.
PYTHON = {
    "bash": """
_r1rl_python() {
  if [[ ${COMP_WORDS[1]##*/} == main.py && $COMP_CWORD -gt 1 ]]; then
    COMP_WORDS=("${COMP_WORDS[@]:1}"); COMP_CWORD=$((COMP_CWORD - 1)); NAME
  else
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
  fi
}
complete -o filenames -F _r1rl_python python python3
""",
    "zsh": """
_r1rl_python() {
  if [[ ${words[2]:t} == main.py && $CURRENT -gt 2 ]]; then
    shift words; (( CURRENT-- )); NAME
  else
    _files
  fi
}
compdef _r1rl_python python python3
""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("shell", choices=tuple(PYTHON), help="shell to write the script for")


def run(args: argparse.Namespace) -> int:
    """Prints the script. Raises UserError if shtab is not installed."""
    try:
        import shtab
    except ImportError:
        raise UserError(
            "completion needs the package shtab, which is not installed: run `pip install shtab`, then "
            f'`eval "$(python main.py completion {args.shell})"`.'
        ) from None
    name = "_shtab_main_py"
    print(shtab.complete(whole_parser(), args.shell, root_prefix="main_py"))
    print(PYTHON[args.shell].replace("NAME", name))
    return 0


def whole_parser() -> Parser:
    """Returns one parser of the training flags and all commands."""
    from r1rl.commands.dispatch import COMMANDS, load_command, train_parser

    parser = train_parser()
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for name, help in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=help)
        load_command(name).add_arguments(command)
        complete(command)
    complete(parser)
    return parser


def complete(parser: argparse.ArgumentParser) -> None:
    """Sets what shtab offers as a flag's value: its choices, or files."""
    import shtab

    for action in parser._actions:
        if isinstance(action.metavar, str) and "|" in action.metavar and action.choices is None:
            action.choices = action.metavar.split("|")
        if action.dest in FILES:
            action.complete = shtab.FILE
