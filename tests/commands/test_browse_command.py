"""`main.py browse`: which runs it shows, what is missing, and its keys, driven by textual's pilot where that is installed."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest
from fake_run import add_tokens, make_run

from r1rl.commands import browse
from r1rl.config.parser import Parser
from r1rl.system.errors import UserError


def arguments(*given):
    parser = Parser()
    browse.add_arguments(parser)
    return parser.parse_args([str(g) for g in given])


def test_without_textual_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "dumps" / "run", steps=1, eval_steps=1, problems=1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[browse\]'"):
        browse.run(arguments(folder))
    with pytest.raises(UserError, match="is not a run"):
        browse.run(arguments(tmp_path))


def test_without_a_terminal_nothing_is_drawn(tmp_path, monkeypatch, capsys):
    folder = make_run(tmp_path / "dumps" / "run", steps=1, eval_steps=1, problems=1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(browse, "make_app", lambda folders: pytest.fail("the screens were begun"))
    with pytest.raises(UserError, match="is not a terminal"):
        browse.run(arguments(folder))
    assert capsys.readouterr().out == ""


def test_without_names_all_runs_in_dumps_are_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="dumps holds no run"):
        browse.run_folders([])
    for name in ("one", "two"):
        make_run(tmp_path / "dumps" / name, steps=1, eval_steps=1, problems=1)
    assert {folder.name for folder in browse.run_folders([])} == {"one", "two"}


def test_the_pager_gets_the_whole_text(tmp_path, monkeypatch):
    target = tmp_path / "shown.txt"
    (tmp_path / "pager").write_text(f'#!/bin/sh\ncat "$2" > {target}\n')
    (tmp_path / "pager").chmod(0o755)
    monkeypatch.setenv("PAGER", f"{tmp_path / 'pager'} -x")
    browse.show_in_pager("all of it\n")
    assert target.read_text() == "all of it\n"


@pytest.mark.slow
def test_the_keys_lead_from_runs_to_one_completion(tmp_path):
    pytest.importorskip("textual")
    from textual.widgets import DataTable, Input, Static

    folder = make_run(tmp_path / "run", steps=4, eval_steps=2, problems=6)
    add_tokens(folder)

    async def drive():
        app = browse.make_app([folder])
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await pilot.press("enter")
            await app.workers.wait_for_complete()
            await pilot.pause()
            everything = app.screen.query_one(DataTable).row_count
            await pilot.press("slash", *"wrong")
            await pilot.pause(browse.TYPING * 3)
            await app.workers.wait_for_complete()
            await pilot.pause()
            wrong = app.screen.query_one(DataTable).row_count
            assert 0 < wrong < everything and app.screen.query_one(Input).value == "wrong"
            await pilot.press("enter", "enter")
            await pilot.pause()
            first = app.screen.row
            await pilot.press("right_square_bracket", "full_stop", "d", "t")
            assert app.screen.row != first and app.screen.query_one("#text", Static) is not None
            assert browse.COLOURS[app.screen.by] == "surprise" and "above 90 %" in app.screen.text().plain
            await pilot.press("t")
            assert browse.COLOURS[app.screen.by] == "gap"
            await pilot.press("t", "d")
            assert browse.COLOURS[app.screen.by] is None and not app.screen.marked
            await pilot.press("escape", "escape", "q")

    asyncio.run(drive())
