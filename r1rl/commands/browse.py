"""`python main.py browse [RUN...]`: runs, their curves and their completions in the terminal, also while they run.

The screens are thin: what they show and find is in r1rl/reports/browse.py and index.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text

from r1rl.config.parser import user_path
from r1rl.pipeline.sweep import expanded
from r1rl.reports.browse import COLUMNS, FORM, RUN_COLUMNS, cells, chosen, curve_lines, full, run_cells
from r1rl.reports.index import SORTS, Index, open_index, refreshed, siblings, through_time
from r1rl.reports.tokens import SCALES
from r1rl.runs.finished import check_run
from r1rl.system.errors import UserError

REFRESH = 3.0  # seconds between looks at a run that may still write
PAGE = 500  # rows of the table at once; filters narrow it
TYPING = 0.3  # seconds without a key after which the filter is applied
PAGER = "less -R"
COLOURS = (None, *SCALES)  # of tokens; `t` goes through them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "runs", nargs="*", type=user_path, metavar="RUN", help="folder of a run or a sweep (default: all in dumps)"
    )


def run(args: argparse.Namespace) -> int:
    """Shows the runs until the user quits; returns the exit code. Raises UserError without textual or a run."""
    folders = run_folders(args.runs)
    if importlib.util.find_spec("textual") is None:
        raise UserError(
            "browse needs the package textual, which is not installed: run `pip install -e '.[browse]'`. `python main.py "
            "inspect RUN` and `python main.py report RUN` show the same without it."
        )
    check_terminal()
    make_app(folders).run()
    return 0


def check_terminal() -> None:
    """Raises UserError where there are no keys to read or no screen to draw on."""
    for name, stream in (("input", sys.stdin), ("output", sys.stdout)):
        if stream is None or not stream.isatty():
            raise UserError(
                f"browse draws screens and reads keys, and its {name} is not a terminal: give the command without a pipe or a "
                "redirection. `python main.py inspect RUN` prints text."
            )


def run_folders(given: list[Path]) -> list[Path]:
    """Returns the folders to show: those given, or all runs in dumps, the newest first. Raises UserError."""
    if not given:
        found = sorted(Path("dumps").glob("*/run.json"), key=lambda path: -path.stat().st_mtime)
        if not found:
            raise UserError("dumps holds no run (a folder with a run.json): name the folder of a run.")
        return [path.parent for path in found]
    folders = expanded(given)
    for folder in folders:
        check_run(folder)
    return folders


def show_in_pager(text: str) -> None:
    """Opens a text in $PAGER and waits for its end."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="backslashreplace", suffix=".txt") as file:
        file.write(text)
        file.flush()
        subprocess.run([*shlex.split(os.environ.get("PAGER") or PAGER), file.name], check=False)


def make_app(folders: list[Path]) -> Any:
    """Returns the textual App; its classes are made here because textual is an extra."""
    from textual.app import App
    from textual.binding import Binding
    from textual.containers import VerticalScroll
    from textual.screen import Screen
    from textual.widgets import DataTable, Footer, Input, Static

    class Runs(Screen):
        """The list of runs, and the curves of the one under the cursor."""

        BINDINGS: ClassVar = [("q", "app.quit", "quit")]  # the table itself has Enter

        def compose(self):
            yield DataTable(cursor_type="row", id="runs")
            yield Static(id="curves")
            yield Footer()

        def on_mount(self):
            self.query_one(DataTable).add_columns(*RUN_COLUMNS)
            self.fill()
            self.set_interval(REFRESH, self.fill)

        def fill(self):
            table = self.query_one(DataTable)
            row = table.cursor_row
            table.clear()
            for folder in folders:
                table.add_row(*map(Text, run_cells(folder)))
            table.move_cursor(row=row)

        def on_data_table_row_highlighted(self, event):
            lines = curve_lines(folders[event.cursor_row], self.size.width)
            self.query_one("#curves", Static).update(Text("\n".join(lines)))

        def on_data_table_row_selected(self, event):
            self.app.push_screen(Completions(folders[event.cursor_row]))

    class Completions(Screen):
        """The table of a run's completions with a line of filters."""

        BINDINGS: ClassVar = [
            ("slash", "filter", "filter"), ("s", "sort", "sort by"), ("r", "reverse", "reverse"), ("m", "more", "more rows"),
            ("escape", "app.pop_screen", "runs"), ("q", "app.quit", "quit"),
        ]  # fmt: skip

        def __init__(self, folder: Path):
            super().__init__()
            self.folder, self.index = folder, None
            self.rows, self.shown, self.by, self.descending, self.timer = [], PAGE, 0, False, None

        def compose(self):
            yield Input(placeholder=FORM)
            yield Static("reading the dump", id="count")
            yield DataTable(cursor_type="row", id="completions")
            yield Footer()

        def on_mount(self):
            self.query_one(DataTable).add_columns(*COLUMNS)
            self.query_one(DataTable).focus()
            self.find()
            self.set_interval(REFRESH, self.follow)

        def on_input_changed(self, event):
            if self.timer is not None:
                self.timer.stop()
            self.timer = self.set_timer(TYPING, self.find)

        def on_input_submitted(self, event):
            self.query_one(DataTable).focus()

        def find(self):
            words = self.query_one(Input).value
            self.run_worker(lambda: self.look(words), thread=True, exclusive=True)

        def follow(self):
            """Looks again if the run has written something."""
            if self.index is not None and refreshed(self.index) is not self.index:
                self.find()

        def look(self, words: str):
            """Reads and searches in a thread: a first index or a text in a large dump takes seconds."""
            index = open_index(self.folder) if self.index is None else refreshed(self.index)
            try:
                rows = chosen(index, words, SORTS[self.by], self.descending)
            except UserError as error:
                self.app.call_from_thread(self.say, str(error))
                return
            self.app.call_from_thread(self.fill, index, rows)

        def say(self, words: str):
            if self.is_attached:  # the user may have left while the thread was reading
                self.query_one("#count", Static).update(Text(words))

        def fill(self, index: Index, rows: list[int]):
            if not self.is_attached:
                return
            self.index, self.rows = index, rows
            table = self.query_one(DataTable)
            row = table.cursor_row
            table.clear()
            for number in rows[: self.shown]:
                table.add_row(*map(Text, cells(index, number)))
            table.move_cursor(row=min(row, max(0, len(rows) - 1)))
            order = f"by {SORTS[self.by]}{', reversed' if self.descending else ''}"
            words = f"{len(rows):,} of {len(index.rows):,} completions, {order}; {min(self.shown, len(rows)):,} in the table"
            self.say(words)

        def on_data_table_row_selected(self, event):
            self.app.push_screen(Full(self.index, self.rows, event.cursor_row))

        def action_filter(self):
            self.query_one(Input).focus()

        def action_sort(self):
            self.by = (self.by + 1) % len(SORTS)
            self.find()

        def action_reverse(self):
            self.descending = not self.descending
            self.find()

        def action_more(self):
            self.shown += PAGE
            if self.index is not None:
                self.fill(self.index, self.rows)

    class Full(Screen):
        """One completion; its siblings and the same problem at other steps are one key away."""

        BINDINGS: ClassVar = [
            Binding("left_square_bracket", "sibling(-1)", "group", key_display="[ ]"),
            Binding("right_square_bracket", "sibling(1)", show=False),
            Binding("comma", "at(-1)", "step", key_display=", ."), Binding("full_stop", "at(1)", show=False),
            Binding("n", "next(1)", "next", key_display="n b"), Binding("b", "next(-1)", show=False),
            ("d", "differences", "changes"), ("t", "tokens", "tokens"), ("c", "copy", "copy"), ("p", "pager", "pager"),
            ("escape", "app.pop_screen", "list"), Binding("q", "app.quit", show=False),
        ]  # fmt: skip

        def __init__(self, index: Index, rows: list[int], place: int):
            super().__init__()
            self.index, self.rows, self.place, self.row = index, rows, place, rows[place]
            self.marked, self.by = False, 0

        def compose(self):
            yield VerticalScroll(Static(id="text"))
            yield Footer()

        def on_mount(self):
            self.fill()

        def text(self, whole: bool = False) -> Text:
            """The completion, with the differences from the step before if they are asked for."""
            try:
                before = None
                if self.marked:
                    history = [int(row) for row in through_time(self.index, self.row)]
                    position = history.index(self.row)
                    before = self.index.read(history[position - 1]) if position else None
                colours = "NO_COLOR" not in os.environ and not whole
                return full(self.index.read(self.row), before, colours, whole, None if whole else COLOURS[self.by])
            except LookupError as error:
                return Text(f"{error}: go back to the list")

        def fill(self):
            self.query_one("#text", Static).update(self.text())
            self.query_one(VerticalScroll).scroll_home(animate=False)

        def move(self, rows, by: int):
            """Shows the completion before or after this one among the rows."""
            places = [int(row) for row in rows]
            self.row = places[max(0, min(len(places) - 1, places.index(self.row) + by))]
            self.fill()

        def action_sibling(self, by: int):
            self.move(siblings(self.index, self.row), by)

        def action_at(self, by: int):
            self.move(through_time(self.index, self.row), by)

        def action_next(self, by: int):
            self.place = max(0, min(len(self.rows) - 1, self.place + by))
            self.row = self.rows[self.place]
            self.fill()

        def action_differences(self):
            self.marked, self.by = not self.marked, 0
            self.fill()

        def action_tokens(self):
            self.by = (self.by + 1) % len(COLOURS)
            self.fill()

        def action_copy(self):
            self.app.copy_to_clipboard(self.text(whole=True).plain)

        def action_pager(self):
            with self.app.suspend():
                show_in_pager(f"{self.text(whole=True).plain}\n")

    class Browse(App):
        """The program: a stack of the three screens."""

        ENABLE_COMMAND_PALETTE = False  # its key takes the place of others in 80 columns
        CSS = "#runs { height: 1fr; } #curves, #count { height: auto; } #completions { height: 1fr; }"

        def on_mount(self):
            self.push_screen(Runs())

    return Browse()
