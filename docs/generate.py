"""Writes docs/flags.md and docs/messages.md from the program itself.

usage: python docs/generate.py            (a test checks that what is there is what this would write)
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_type_hints

from r1rl.config.flags import Config

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "r1rl"
TELLING = (
    "console.print",
    ".tell",
    ".report_engine",
    "Finding",
    "CannotGoOn",
)  # calls that take a text for people


def main() -> None:
    """Writes both pages."""
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Each generated page by its file's name."""
    return {"flags.md": flags_page(), "messages.md": messages_page()}


def flags_page() -> str:
    """Every flag with its default and its line of help, by the groups of --help."""
    lines = [
        "# Flags",
        "",
        "Made by `python docs/generate.py` from `r1rl/config/flags.py`; `python main.py --help` says the same.",
        "",
    ]
    types, group = get_type_hints(Config), None
    fields = sorted(
        dataclasses.fields(Config), key=lambda f: list(groups()).index(f.metadata["group"])
    )  # stable: the order within a group stays
    for f in fields:
        meta = f.metadata
        if meta["group"] != group:
            group = meta["group"]
            lines += [f"\n## {group}\n", "| flag | default | |", "| --- | --- | --- |"]
        names = [f"`--{f.name.replace('_', '-')}`", *(f"`{s}`" for s in meta["short"])]
        if types[f.name] is bool:
            names[0] += f" / `--no-{f.name.replace('_', '-')}`"
        default = "none" if f.default is None else f"`{f.default}`" if f.default != "" else "empty"
        text = meta["help"] + (f": {', '.join(meta['choices'])}" if meta["choices"] else "")
        lines.append(f"| {', '.join(names)} | {cell(default)} | {cell(text)} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def groups() -> dict[str, None]:
    """The groups of flags, in the order in which they first come."""
    return dict.fromkeys(f.metadata["group"] for f in dataclasses.fields(Config))


def cell(text: str) -> str:
    """As it can stand in a table's cell."""
    return text.replace("|", "\\|").replace("%%", "%").replace("<", "&lt;")


def messages_page() -> str:
    """Every error message, by the file that it comes from, and what is said while a run goes on."""
    lines = ["# Messages", "",
             "Every message with which the program refuses or stops, made by `python docs/generate.py` from the code. Each says the",
             "value, the rule, the reason and the remedy; `…` stands for what is filled in. Search here for a part of yours. What to do",
             "about the frequent ones: [troubleshooting](troubleshooting.md). What a run says while it goes on stands",
             "[below](#while-a-run-goes-on).", ""]  # fmt: skip
    files = [*sorted(PACKAGE.rglob("*.py")), HERE.parent / "main.py"]
    lines += by_file(files, refusals)
    lines += ["## While a run goes on", "",
              "Findings of the guards, and the lines of the first and the last screen and between them.", ""]  # fmt: skip
    return "\n".join(lines + by_file(files, remarks))


def by_file(files: list[Path], find: Callable[[ast.Module], Iterator[str]]) -> list[str]:
    """A heading for each file that has such messages, and these as a list."""
    lines = []
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = list(dict.fromkeys(plain(text) for text in find(tree) if count_letters(text) > 5))
        if found:
            name = path.relative_to(HERE.parent).as_posix()
            lines += [f"## {name}", "", *(f"- {text}" for text in found), ""]
    return lines


def refusals(tree: ast.Module) -> Iterator[str]:
    """The texts of UserErrors raised in a file, and of the ValueErrors that some of them quote."""
    functions = functions_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("UserError", "RunFailed", "ValueError", "Failed")
        ):
            yield template(node.args[0], functions) if node.args else ""


def remarks(tree: ast.Module) -> Iterator[str]:
    """What is printed and told, and what functions and variables hold whose name says that they are words."""
    functions, known = functions_of(tree), set(refusals(tree))
    texts: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(TELLING):
            texts += [template(argument, functions) for argument in node.args[:2]]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("words", "message"):
            texts.append(template(node.value, functions))
        elif isinstance(node, ast.FunctionDef) and node.name.endswith(("words", "advice", "_lines", "_text", "describe_price")):
            texts += [template(found, {}) for found in ast.walk(node) if is_text(found, node)]
    yield from (text for text in texts if text not in known and count_letters(text) > 12)


def is_text(inner: ast.AST, function: ast.FunctionDef) -> bool:
    """Whether a node is a text with something filled in, or a sum, and no part of a longer one in the function."""
    kinds = ast.JoinedStr | ast.BinOp
    longer = (n for n in ast.walk(function) if isinstance(n, kinds) and n is not inner)
    return isinstance(inner, kinds) and not any(inner in ast.walk(n) for n in longer)


def functions_of(tree: ast.Module) -> dict[str, ast.expr]:
    """What each function that only gives a text gives, by the function's name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            returned = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
            if len(returned) == 1 and isinstance(returned[0], ast.JoinedStr | ast.BinOp):
                found[node.name] = returned[0]
    return found


def template(node: ast.expr, functions: dict[str, ast.expr]) -> str:
    """A string expression with `…` for what is only known when it is raised."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(template(v, {}) if isinstance(v, ast.Constant) else "…" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left, {}) + template(node.right, {})
    if isinstance(node, ast.Call) and (given := functions.get(ast.unparse(node.func).rpartition(".")[2])):
        return template(given, {})
    return "…"


def count_letters(text: str) -> int:
    """Letters in what is not filled in."""
    return sum(character.isalpha() for character in text)


def plain(text: str) -> str:
    """In one line, without what Rich and Markdown would take for markup."""
    text = re.sub(r"\[/?(?:bold|red|yellow|green|dim)\]", "", " ".join(text.split()))
    return text.replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")


if __name__ == "__main__":
    main()
