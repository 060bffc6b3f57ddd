"""The list page: all runs in a folder, with state, scores and links to their pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from r1rl.reports.page.build import PAGE, save
from r1rl.system.console import printable

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write_list(target: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes the page. The first cell of a row is the run's folder in that of the page. Raises UserError."""
    save(target, list_page(target.parent, columns, rows), "choose a folder that can be written")


def list_page(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns the page. All cells are escaped: names of folders and texts in a damaged run.json may hold anything."""
    title = f"r1rl: runs in {folder.resolve().name}"
    head = "".join(f"<th scope='col'>{shown(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{''.join(cells(folder, row))}</tr>" for row in rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{shown(title)}</title>
<style>{(PAGE / "page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<header><h1>{shown(title)}</h1></header>
<main><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></div></main>
</body>
</html>
"""


def cells(folder: Path, row: Sequence[str]) -> list[str]:
    """Returns the cells of one run; its name links its page, if it has one."""
    name, *others = row
    linked = shown(name)
    if (folder / name / "report.html").is_file():
        linked = f"<a href='{escape(quote(name))}/report.html'>{linked}</a>"
    return [f"<td>{linked}</td>", *(f"<td>{shown(cell)}</td>" for cell in others)]


def shown(text: str) -> str:
    """Returns a text for HTML, with control and direction characters as visible escapes."""
    return escape(printable(text.replace("\n", " ")))
