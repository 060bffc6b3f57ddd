"""The docs: their commands parse, their links resolve, their quotes and fields exist, generated pages are up to date."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from itertools import takewhile

import pytest
from conftest import ROOT
from test_layers import ORDER

from r1rl.commands.dispatch import COMMANDS, load_command, train_parser
from r1rl.config.parser import Parser
from r1rl.config.recipes import RECIPES
from r1rl.system.errors import UserError

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "dumps" / "README.md", *(ROOT / "benchmarks").glob("*.md")])  # fmt: skip
GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()


def commands(page):
    """Returns every `python main.py ...` in the page's code, without comment and with continued lines joined.

    Commands started by a launcher (`torchrun ... main.py ...`) are included.
    """
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n.*?^```|(?:^    [^\n]*\n)+", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in whole_lines(block)]
    lines += [" ".join(span.split()) for span in re.findall(r"`(python main\.py[^`]*)`", text)]
    started = r"(?:python|torchrun --[^`]*|accelerate launch --[^`]*) main\.py\b(.*)"
    found = [re.search(started, line.split(" #")[0]) for line in lines]
    return list(dict.fromkeys(m[1].strip() for m in found if m and "..." not in m[0] and "…" not in m[0]))


def whole_lines(block):
    """Returns the lines of a block; a quoted text that continues on the next line makes one line."""
    lines = [""]
    for line in block.splitlines():
        lines = [*lines[:-1], f"{lines[-1]} {line}"] if lines[-1].count("'") % 2 else [*lines, line]
    return lines


CASES = [(page, command) for page in PAGES if page.name != "messages.md" for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), CASES, ids=lambda x: getattr(x, "name", x))
def test_commands_in_the_docs_parse(page, command):
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
    except UserError as error:  # a command that the text only mentions
        assert "the following arguments are required" in str(error)


def test_there_are_commands():
    assert len(CASES) > 60


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, place in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text):
        if not target.startswith(("http://", "https://")):
            other = page.parent / target if target else page
            assert other.exists(), f"{page.name}: {target}"
            assert not place or place in headings(other), f"{page.name}: {target}#{place}"


def headings(page):
    """Returns the anchors of a page's headings: lower case with hyphens, as Markdown renderers make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_readme_is_one_page_and_links_to_all_others():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60
    linked = set(re.findall(r"\]\(([^)#\s]+)", text))
    assert {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")} <= linked
    installs = [
        line for line in text.splitlines() if line.startswith("pip install -e ")
    ]  # found the same way by .ci/run
    assert installs[:2] == [
        "pip install -e . && python main.py --recipe tiny --add-reasoning-prefix",
        "pip install -e '.[test]' && pytest -n 2 --dist loadfile",
    ]


def test_the_table_has_every_recipe_and_its_scores_are_in_the_results():
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \| ", page, flags=re.MULTILINE)) == set(RECIPES)
    measured = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    for text in (page, (ROOT / "README.md").read_text(encoding="utf-8")):
        scores = re.findall(r"\b\d+ / \d+\b|\b\d+ % of \d+ \(\d+ to \d+\)", text)
        assert scores and [score for score in scores if score not in measured] == []


def test_troubleshooting_quotes_messages_of_the_program():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    said = [re.sub(r"\\([_*])", r"\1", line).replace("&lt;", "<") for line in GENERATED["messages.md"].splitlines()]
    quoted = re.findall(r"^> (.+)$", page, flags=re.MULTILINE)
    assert len(quoted) > 50
    for words in quoted:
        parts = [re.escape(part.strip(" .,:;")) for part in words.split("…")]
        assert any(re.search(".*".join(parts), line) for line in said), words


WRITERS = {  # functions whose result is written to a file of the run
    "runs/dump.py": ["completion_line"], "runs/scores.py": ["summary"], "runs/folder.py": ["describe"],
    "runs/progress.py": ["step_done"], "reports/summary.py": ["numbers"],
    "pipeline/filtering.py": ["counts", "conversation"],
    "trainers/step_metrics.py": ["step_metrics"], "trainers/grpo.py": ["metrics_line", "log"],
    "trainers/update.py": ["record_gap"], "trainers/distillation/trainer.py": ["part_loss"],
    "runs/tokens.py": ["token_line", "gap_lines"], "pipeline/suite.py": ["about"],
    "trainers/sft.py": ["log"], "trainers/guards/callback.py": ["step"],
}  # fmt: skip
RECORDS = {"engines/proof.py": "Proof", "pipeline/table.py": "Row", "pipeline/suite_results.py": "Row"}


def test_the_dumps_page_describes_every_written_field():
    described = set(re.findall(r"`([a-z0-9_]+)`", (ROOT / "dumps" / "README.md").read_text(encoding="utf-8")))
    package, written, found = ROOT / "r1rl", set(), set()
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        for node in nodes:
            if isinstance(node, ast.Call) and re.search(r"^write_json$|\bdump\.append$", ast.unparse(node.func)):
                written |= keys_in(node)
            elif isinstance(node, ast.FunctionDef) and node.name in WRITERS.get(name, []):
                assert keys_in(node), node.name
                written |= keys_in(node)
                found.add(node.name)
            elif isinstance(node, ast.ClassDef) and node.name == RECORDS.get(name):
                found.add(node.name)
                written |= {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    assert found == {name for names in WRITERS.values() for name in names} | set(RECORDS.values())
    assert {"verdict", "in_form", "action", "fallen", "low", "groups_refilled", "sampled"} <= written
    assert written - described == set()


def keys_in(node):
    """Returns the field names that a node sets: keys of dicts and of subscript assignments."""
    found = [key for n in ast.walk(node) if isinstance(n, ast.Dict) for key in n.keys]
    found += [n.slice for n in ast.walk(node) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)]
    return {k.value for k in found if isinstance(k, ast.Constant) and isinstance(k.value, str)}


def test_one_grpo_step_is_at_most_twenty_files():
    page = (ROOT / "docs" / "grpo.md").read_text(encoding="utf-8").split("## Read one step")[1]
    files = re.findall(r"^\d+\. `([\w/.]+)`: ", page.split("\n## ")[0], flags=re.MULTILINE)
    assert 10 < len(files) <= 20 and [f for f in files if not (ROOT / f).is_file()] == []


def test_grpo_lists_the_packages_in_order():
    page = (ROOT / "docs" / "grpo.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", page, flags=re.MULTILINE)
    assert listed == [name for name in ORDER if name not in ("outside_reward", "main")]


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_up_to_date(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED[name], "run python docs/generate.py"


def test_the_table_of_trls_defaults_is_correct(tmp_path):
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
