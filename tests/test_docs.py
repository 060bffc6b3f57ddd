"""The pages: their commands are understood, their links lead somewhere, what is generated is up to date."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from itertools import takewhile

import pytest
from conftest import ROOT

from r1rl.commands.dispatch import COMMANDS, load_command, train_parser
from r1rl.config.parser import Parser
from r1rl.config.recipes import RECIPES
from r1rl.system.errors import UserError

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "dumps" / "README.md", *(ROOT / "benchmarks").glob("*.md")])  # fmt: skip
GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()


def commands(page):
    """Every `python main.py ...` in the page's code, without its comment and with lines that go on joined.

    Also by a launcher: `torchrun ... main.py ...`.
    """
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n.*?^```|(?:^    [^\n]*\n)+", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in whole_lines(block)]
    lines += [" ".join(span.split()) for span in re.findall(r"`(python main\.py[^`]*)`", text)]
    started = r"(?:python|torchrun --[^`]*|accelerate launch --[^`]*) main\.py\b(.*)"
    found = [re.search(started, line.split(" #")[0]) for line in lines]
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
    for target, place in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text):
        if not target.startswith(("http://", "https://")):
            other = page.parent / target if target else page
            assert other.exists(), f"{page.name}: {target}"
            assert not place or place in headings(other), f"{page.name}: {target}#{place}"


def headings(page):
    """The names by which a page's headings are linked to: small letters and hyphens, as Markdown's renderers make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_readme_is_one_page_and_leads_to_all_others():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60
    linked = set(re.findall(r"\]\(([^)#\s]+)", text))
    assert {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")} <= linked
    installs = [
        line for line in text.splitlines() if line.startswith("pip install -e ")
    ]  # as .ci/run finds them
    assert installs[:2] == [
        "pip install -e . && python main.py --recipe tiny --add-reasoning-prefix",
        "pip install -e '.[test]' && pytest -n 2 --dist loadfile",
    ]


def test_every_recipe_is_in_the_table_and_its_scores_in_the_results():
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \| ", page, flags=re.MULTILINE)) == set(RECIPES)
    measured = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    for text in (page, (ROOT / "README.md").read_text(encoding="utf-8")):
        scores = re.findall(r"\b\d+ / \d+\b|\b\d+ % of \d+ \(\d+ to \d+\)", text)
        assert scores and [score for score in scores if score not in measured] == []


def test_messages_that_troubleshooting_quotes_are_the_programs():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    said = [
        re.sub(r"\\([_*])", r"\1", line).replace("&lt;", "<")
        for line in GENERATED["messages.md"].splitlines()
    ]
    quoted = re.findall(r"^> (.+)$", page, flags=re.MULTILINE)
    assert len(quoted) > 50
    for words in quoted:
        parts = [re.escape(part.strip(" .,:;")) for part in words.split("…")]
        assert any(re.search(".*".join(parts), line) for line in said), words


WRITERS = {  # functions whose result goes into a file of the run
    "dump.py": ["completion_line"], "evaluate.py": ["summary"], "run.py": ["describe"], "summary.py": ["numbers"],
    "rejection.py": ["counts", "conversation"], "progress.py": ["step_done"],
    "trainers/step_numbers.py": ["step_numbers"], "trainers/grpo.py": ["_record", "_stage_numbers", "log"],
    "trainers/sft.py": ["log"], "trainers/guarding.py": ["step"],
}  # fmt: skip
RECORDS = {"proof.py": "Proof", "pipeline_table.py": "Row"}


def test_no_field_is_written_that_the_dumps_page_lacks():
    described = set(re.findall(r"`([a-z0-9_]+)`", (ROOT / "dumps" / "README.md").read_text(encoding="utf-8")))
    package, written = ROOT / "r1rl", set()
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        for node in nodes:
            if isinstance(node, ast.Call) and re.search(
                r"^write_json$|\bdump\.append$", ast.unparse(node.func)
            ):
                written |= keys_in(node)
            elif isinstance(node, ast.FunctionDef) and node.name in WRITERS.get(name, []):
                assert keys_in(node), node.name
                written |= keys_in(node)
            elif isinstance(node, ast.ClassDef) and node.name == RECORDS.get(name):
                written |= {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    assert {"verdict", "in_form", "action", "fallen", "low", "groups_refilled", "sampled"} <= written
    assert written - described == set()


def keys_in(node):
    """The names of fields that an expression or a function sets: keys of dicts, and of places that are assigned to."""
    found = [key for n in ast.walk(node) if isinstance(n, ast.Dict) for key in n.keys]
    found += [
        n.slice for n in ast.walk(node) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)
    ]
    return {k.value for k in found if isinstance(k, ast.Constant) and isinstance(k.value, str)}


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
