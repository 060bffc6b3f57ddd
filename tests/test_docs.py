"""The pages: their commands are understood, their links lead somewhere, what is generated is up to date."""

from __future__ import annotations

import re
import runpy
import shlex
from itertools import takewhile

import pytest
from conftest import ROOT

from r1rl.cli import COMMANDS, load_command, train_parser
from r1rl.config import Parser
from r1rl.errors import UserError

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "dumps" / "README.md", *(ROOT / "benchmarks").glob("*.md")])  # fmt: skip
GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()


def commands(page):
    """Every `python main.py ...` in the page's code, without its comment and with lines that go on joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n.*?^```|(?:^    [^\n]*\n)+", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in whole_lines(block)]
    lines += [" ".join(span.split()) for span in re.findall(r"`(python main\.py[^`]*)`", text)]
    found = [re.search(r"python main\.py\b(.*)", line.split(" #")[0]) for line in lines]
    return list(dict.fromkeys(m[1].strip() for m in found if m and "..." not in m[0] and "…" not in m[0]))


def whole_lines(block):
    """Its lines, where a quoted text goes on in the next one as one."""
    lines = [""]
    for line in block.splitlines():
        lines = [*lines[:-1], f"{lines[-1]} {line}"] if lines[-1].count("'") % 2 else [*lines, line]
    return lines


CASES = [(page, command) for page in PAGES if page.name != "messages.md" for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), CASES, ids=lambda x: getattr(x, "name", x))
def test_commands_on_the_pages_are_understood(page, command):
    tokens = shlex.shlex(re.sub(r"\[[^\]]*\]", "", command), posix=True, punctuation_chars=True)
    tokens.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("();<>|&"), tokens))
    if words and words[0] in COMMANDS:
        parser = Parser(prog="main.py", allow_abbrev=False)
        load_command(words[0]).add_arguments(parser)
        words = words[1:]
    else:
        parser = train_parser()
    try:
        parser.parse_args(words)
    except SystemExit as done:  # --help
        assert done.code == 0, command
    except UserError as error:  # a command that is only named
        assert "the following arguments are required" in str(error)


def test_there_are_commands_to_look_at():
    assert len(CASES) > 60


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_up_to_date(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED[name], (
        "run python docs/generate.py"
    )


def test_the_table_of_trls_defaults_is_trls_own(tmp_path):
    from trl import GRPOConfig

    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8").split("## From TRL's defaults")[1]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", page, flags=re.MULTILINE)
    theirs = GRPOConfig(output_dir=str(tmp_path), use_cpu=True)
    assert len(rows) == 11
    for name, value in rows:
        own = getattr(theirs, name)
        assert value == str(getattr(own, "value", own)), name
    same = re.findall(r"`(\w+)` (\S+?)[,.](?:\s|$)", page.split("The same as TRL's:")[1].split("\n\n")[0])
    assert len(same) == 5
    for name, value in same:
        assert value == str(getattr(theirs, name)), name
