"""The core of `browse`: its index is right, follows a running run and survives damage; its texts are inert."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fake_run import add_tokens, make_run

from r1rl.reports import browse
from r1rl.reports.completions import Completion, Filter, read_completions
from r1rl.reports.index import NAME, in_order, load, matching, open_index, save, search, siblings, through_time
from r1rl.reports.tokens import SCALES, tokens_of
from r1rl.runs.dump import ROLLOUTS, TOKENS, Dump, append_lines, read_lines
from r1rl.system.errors import UserError

HOSTILE = "\x1b[2J\u202egnp.exe\u2066 [red]</script>\u0000" + "x" * 100_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("dumps") / "one", steps=12, eval_steps=6, problems=20)


def places(index, rows):
    return [index.read(int(row)).place for row in rows]


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(), Filter(split="eval"), Filter(split="train", correct=False), Filter(3, 7), Filter(selfcheck="any"),
        Filter(selfcheck="corrected"), Filter(selfcheck="none", correct=True), Filter(level=2), Filter(problem="test/3"),
        Filter(problem="no such problem"),
    ],
)  # fmt: skip
def test_the_index_finds_what_reading_everything_finds(folder, wanted):
    index = open_index(folder)
    assert places(index, matching(index, wanted)) == [c.place for c in read_completions(folder, wanted)]


def test_the_index_is_built_once_and_follows_the_run(tmp_path):
    folder = make_run(tmp_path / "run", steps=4, eval_steps=2, problems=5)
    first = open_index(folder)
    written = (folder / NAME).stat().st_mtime_ns
    again = open_index(folder)
    assert (folder / NAME).stat().st_mtime_ns == written and (again.rows == first.rows).sum() >= len(first.rows) - 1
    line = next(read_lines(folder / ROLLOUTS))
    append_lines(folder / ROLLOUTS, [{**line, "step": 5}, {"damaged": 1}, {**line, "step": 6, "problem_id": "new"}])
    with (folder / ROLLOUTS).open("a") as file:
        file.write('{"torn')
    grown = open_index(folder)
    assert len(grown.rows) == len(first.rows) + 2 and places(grown, [-1]) == ["rollouts.jsonl:35"]
    Dump(folder).cut_after(3)  # as --resume does
    cut = open_index(folder)
    assert places(cut, range(len(cut.rows))) == [c.place for c in read_completions(folder)]
    with pytest.raises(LookupError):
        grown.read(len(grown.rows) - 1)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", None])
def test_a_damaged_or_missing_index_is_made_again(tmp_path, content):
    folder = make_run(tmp_path / "run", steps=2, eval_steps=2, problems=2)
    whole = open_index(folder)
    (folder / NAME).unlink() if content is None else (folder / NAME).write_bytes(content)
    assert len(load(folder).rows) == 0
    assert (open_index(folder).rows["start"] == whole.rows["start"]).all()


def test_an_empty_run_has_an_empty_index(tmp_path):
    (tmp_path / "run").mkdir()
    index = open_index(tmp_path / "run")
    assert len(index.rows) == 0 and browse.chosen(index, "wrong words") == []
    save(index)
    assert browse.run_cells(tmp_path / "run")[2].startswith("damaged: ")


def test_siblings_and_the_same_problem_through_time(folder):
    index = open_index(folder)
    evaluated, trained = matching(index, Filter(split="eval"))[0], matching(index, Filter(split="train"))[5]
    steps = [index.read(int(row)).line["step"] for row in through_time(index, evaluated)]
    assert (
        steps == [0, 6, 12]
        and len({index.read(int(r)).line["problem_id"] for r in through_time(index, evaluated)}) == 1
    )
    group = [index.read(int(row)).line for row in siblings(index, trained)]
    assert [line["sample"] for line in group] == [0, 1, 2, 3] and len({(x["step"], x["group"]) for x in group}) == 1


def test_a_line_of_filters(folder):
    index = open_index(folder)
    lines = [
        index.read(row).line
        for row in browse.chosen(index, "wrong split:train step:2:9 tokens:10: I think", "tokens", True)
    ]
    expected = [
        c.line for c in read_completions(folder, Filter(2, 9, "train", False, "I think")) if c.line["tokens"] >= 10
    ]  # fmt: skip
    assert sorted(map(str, lines)) == sorted(map(str, expected)) and lines
    assert [line["tokens"] for line in lines] == sorted((line["tokens"] for line in expected), reverse=True)
    assert {index.read(r).line["reward"] for r in browse.chosen(index, "reward:1")} == {1.0}
    assert browse.chosen(index, "check:empty-talk") == list(matching(index, Filter(selfcheck="empty talk")))
    for wrong in ("step:a", "reward:x", "check:x", "split:x", "level:1.5"):
        with pytest.raises(UserError):
            browse.chosen(index, wrong)
    by_name = in_order(index, matching(index, Filter(split="eval")), "problem")
    names = [index.problems[index.rows["problem"][row]] for row in by_name]
    assert names == sorted(names)
    assert list(search(index, np.arange(3), "question")) == [0, 1, 2]  # of the prompts


def test_a_text_is_found_however_the_file_writes_it(tmp_path):
    folder = make_run(tmp_path / "run", steps=1, eval_steps=1, problems=1)
    line = next(read_lines(folder / ROLLOUTS))
    texts = ['She says "Grüße"\nand ÉCOLE', "a \\boxed{7}\tand more", "completion"]
    rows = [json.dumps({**line, "completion": text}, ensure_ascii=i == 0) for i, text in enumerate(texts)]
    (folder / ROLLOUTS).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    index = open_index(folder)
    trained = matching(index, Filter(split="train"))
    for text, found in (
        ("GRÜSSE", []), ("grüße", [0]), ("école", [0]), ('"g', [0]), ("\nAND", [0]), ("\\Boxed{7}", [1]), ("\tand", [1]),
        ("completion", [2]),
    ):  # fmt: skip
        assert list(search(index, trained, text)) == [int(trained[i]) for i in found], text


def test_hostile_text_is_inert_and_cut(tmp_path):
    folder = make_run(tmp_path / "run", steps=1, eval_steps=1, problems=1)
    line = next(read_lines(folder / ROLLOUTS))
    texts = dict.fromkeys(("completion", "problem_id", "prompt", "answer", "extracted", "reason", "finish"), HOSTILE)
    append_lines(folder / ROLLOUTS, [{**line, **texts}])
    index = open_index(folder)
    last = len(index.rows) - 1
    completion = index.read(last)
    shown = [*browse.cells(index, last), browse.full(completion).plain, browse.full(completion, index.read(0)).plain]
    shown += [browse.full(completion, whole=True).plain]
    for text in shown:
        assert not set(text) & {"\x1b", "\u202e", "\u2066", "\x00"}
    assert "\\x1b[2J\\u202egnp.exe\\u2066 [red]</script>\\x00" in shown[-2] and "more characters" in shown[-2]
    assert max(map(len, browse.cells(index, last))) <= 40
    assert shown[-1].count("x" * 100_000) >= 2  # the prompt, and the completion in full


def test_tokens_are_coloured_by_surprise_and_gap(tmp_path):
    folder = make_run(tmp_path / "run", steps=2, eval_steps=1, problems=2)
    line = list(read_lines(folder / ROLLOUTS))[-1]
    append_lines(folder / ROLLOUTS, [{**line, "group": 2, "completion": "a \x1b[b\u202e", "tokens": 6}])
    add_tokens(folder)
    index = open_index(folder)
    evaluated, last = index.read(0), index.read(len(index.rows) - 1)
    shown = browse.full(last, by="surprise")
    colours = [(shown.plain[s.start : s.end], str(s.style)) for s in shown.spans if str(s.style) in browse.HEAT[1:]]
    legend = list(zip((f" {label} " for label in SCALES["surprise"].labels[1:]), browse.HEAT[1:]))
    tokens = [(" ", browse.HEAT[2]), ("\\x1b", browse.HEAT[3]), ("[", browse.HEAT[4]), ("b", browse.HEAT[4]),
              ("\\u202e", browse.HEAT[5])]  # fmt: skip
    assert colours == legend + tokens and shown.plain.endswith("\n\na \\x1b[b\\u202e")
    plain = browse.full(last, colours=False, by="surprise").plain
    assert plain.endswith("in braces: 5 to 20 % and beyond, in nats\n\na {\\x1b 2}{[ 3}{b 4}{\\u202e 5}")
    assert browse.full(last, colours=False, by="gap").plain.endswith("{[ 0.25}{b 0.25}{\\u202e 0.25}")
    unknown = browse.full(evaluated, by="gap").plain
    assert browse.missing_words("gap", evaluated.place) in unknown and unknown.endswith(evaluated.line["completion"])
    (folder / TOKENS).unlink()
    assert browse.missing_words("surprise", last.place) in browse.full(last, by="surprise").plain
    changed = Completion(evaluated.file, 1, {**evaluated.line, "tokens": 1})
    assert tokens_of(evaluated) is not None and tokens_of(changed) is None  # not the tokens of this text


def test_what_changed_is_marked_also_without_colours(folder):
    index = open_index(folder)
    rows = through_time(index, matching(index, Filter(split="eval"))[0])
    before, after = index.read(int(rows[0])), index.read(int(rows[-1]))
    changed = {**after.line, "completion": before.line["completion"] + " changed"}
    text = browse.full(type(after)(after.file, after.number, changed), before, colours=False).plain
    assert text.endswith("{+ changed+}")
    assert browse.curve_lines(folder, 80)[0].startswith("accuracy    ")
