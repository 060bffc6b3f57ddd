"""Writes docs/flags.md and docs/messages.md from the program itself.

usage: python docs/generate.py            (a test checks that what is there is what this would write)
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

from r1rl.config import Config

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "r1rl"


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
        "Made by `python docs/generate.py` from `r1rl/config.py`; `python main.py --help` says the same.",
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
    """Every error message, by the file that it comes from."""
    lines = ["# Messages", "",
             "Every message with which the program refuses or stops, made by `python docs/generate.py` from the code. Each says the",
             "value, the rule, the reason and the remedy; `…` stands for what is filled in. Search here for a part of yours.", ""]  # fmt: skip
    for path in [*sorted(PACKAGE.rglob("*.py")), HERE.parent / "main.py"]:
        found = list(dict.fromkeys(messages(path)))
        if found:
            lines += [
                f"## {path.relative_to(HERE.parent).as_posix()}",
                "",
                *(f"- {text}" for text in found),
                "",
            ]
    return "\n".join(lines)


def messages(path: Path) -> Iterator[str]:
    """The texts of UserErrors raised in a file, what is filled in as `…`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("UserError", "RunFailed"))):
            continue
        text = " ".join(template(node.args[0]).split()) if node.args else ""
        if len(text.replace("…", "")) > 12:
            yield text.replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")


def template(node: ast.expr) -> str:
    """A string expression with `…` for what is only known when it is raised."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(template(v) if isinstance(v, ast.Constant) else "…" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return "…"


if __name__ == "__main__":
    main()
