"""The report in a real browser: it renders, filters and sorts, and hostile output is inert."""

from __future__ import annotations

import json
import re

import pytest
from browser import open_browser, open_page
from fake_run import PIECES, add_tokens, make_run, set_tasks

from r1rl.commands import report
from r1rl.config.parser import Parser
from r1rl.reports.charts import Point, point_text
from r1rl.reports.curves import charts
from r1rl.reports.highlights import CRITERIA, Sampler, within
from r1rl.reports.page import build
from r1rl.reports.selfcheck import OUTCOMES
from r1rl.reports.survey import survey
from r1rl.reports.tokens import for_page, with_tokens
from r1rl.runs.dump import METRICS, ROLLOUTS, append_lines, read_lines
from r1rl.runs.run_data import RunData
from r1rl.runs.tokens import Tokens, packed_halves
from r1rl.system.errors import UserError

HOSTILE = [
    "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 1'>",
    "<!--<script>\u2028\u0000\ud800\u202egnp.exe\x1b[2J {{SCRIPT}} ${window.owned = 1}",
    "x" * 100_000,
    "Let me check: 3 * 4 = 12. <b onclick=alert(1)>" * 50,
]
HOSTILE_TASK = "</script><img src=x onerror='window.owned = 1'>\u202e"
# Wilson's interval for 2 of 10: ((0.2 + 1.92 / 10) -+ 1.96 * sqrt(0.016 + 0.96 / 100)) / (1 + 3.84 / 10) = 0.057 and 0.510.
# McNemar's p for 6 gained and 0 lost is 2 / 2^6 = 0.031; for 1 and 1 it is 1.
BY_TASK = [
    ["task", "step 0 (95 % interval)", "step 8 (95 % interval)", "gained, lost"],
    [HOSTILE_TASK, "5 / 10, 50% (24% to 76%)", "5 / 10, 50% (24% to 76%)", "1, 1 (p = 1)"],
    ["gcd", "2 / 10, 20% (6% to 51%)", "8 / 10, 80% (49% to 94%)", "6, 0 (p = 0.031)"],
]


def data_of(page):
    """The data in a page."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text).group(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with a few hostile completions in it."""
    made = make_run(tmp_path_factory.mktemp("dumps") / "<b>one", steps=30, eval_steps=10, problems=40)
    first = next(read_lines(made / ROLLOUTS))
    lines = [
        {**first, "step": 31, "sample": i, "tokens": len(PIECES.findall(t)), "completion": t, "problem_id": t, "extracted": t, "answer": t}
        for i, t in enumerate(HOSTILE)
    ]  # fmt: skip
    append_lines(made / ROLLOUTS, lines)
    add_tokens(made)
    return made


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """A run on two tasks: 2 and 5 of 10 correct before, 8 and 5 of 10 after. The name of one is hostile."""
    made = make_run(tmp_path_factory.mktemp("dumps") / "mixed", steps=8, eval_steps=8, problems=20)
    before = {"reasoning-gym:gcd": "1100000000", HOSTILE_TASK: "1111100000"}
    after = {"reasoning-gym:gcd": "1111111100", HOSTILE_TASK: "0111110000"}
    set_tasks(made, {0: before, 8: after})
    return made


@pytest.fixture(scope="module")
def page(folder):
    build.write_report([folder], folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    with open_browser() as driver:
        yield driver


def visible_rows(browser) -> int:
    return browser.execute_script("return document.querySelectorAll('tr.row').length")


def count(browser) -> str:
    return browser.execute_script("return document.getElementById('count').textContent")


def choose(browser, name: str, value: str) -> None:
    browser.execute_script(
        "const f = document.getElementById(arguments[0]); f.value = arguments[1];"
        "f.dispatchEvent(new Event('input', {bubbles: true}));"
        "f.dispatchEvent(new Event('change', {bubbles: true}))",
        name,
        value,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_renders_without_an_error_or_a_request(browser, page, width, scheme):
    browser.get_log("browser"), browser.get_log("performance")  # what came before
    open_page(browser, page, width, scheme)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    by_page = {r["request"]["url"] for r in requests if not r["documentURL"].startswith("chrome:")}
    assert {url for url in by_page if not url.startswith("data:")} == {page.resolve().as_uri()}
    drawn = browser.execute_script("return document.querySelectorAll('figure svg path').length")
    assert drawn > 50
    assert browser.execute_script("return document.querySelectorAll('figure').length") >= 11
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width  # nothing sticks out sideways
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(20, 23, 27)") == (scheme == "dark")


def test_hostile_output_is_inert(browser, page):
    open_page(browser, page)
    assert browser.execute_script("return window.owned") is None
    choose(browser, "f-from", "31")
    assert count(browser).startswith("4 of ")
    browser.execute_script("document.querySelectorAll('button.open').forEach((b) => b.click())")
    choose(browser, "f-colour", "surprise")
    assert browser.execute_script("return document.querySelectorAll('td.full pre:has(span.t5)').length") == 3
    text = browser.execute_script("return document.getElementById('table').textContent")
    assert "onerror='window.owned = 1'" in text and "more characters in the dump" in text
    assert "\\u001b[2J" in text and "\\u202e" in text and "\ufffd" in text
    assert browser.execute_script("return document.querySelectorAll('#table img, #table script, #table b').length") == 0
    assert browser.execute_script("return window.owned") is None
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280
    assert browser.execute_script("return document.getElementById('title').textContent") == "<b>one"


def test_tokens_are_coloured_and_say_their_numbers(browser, page):
    open_page(browser, page, width=390)
    choose(browser, "f-to", "30")
    choose(browser, "f-split", "train")
    browser.execute_script("document.querySelector('tr.row button.open').click()")
    plain = browser.execute_script("return document.querySelector('td.full pre').textContent")
    for by, wanted in (("surprise", ["t0", "t2", "t3", "t4", "t4", "t5", "t0"]), ("gap", ["t4"] * 7)):
        choose(browser, "f-colour", by)
        shown = browser.execute_script(
            "return [...document.querySelectorAll('td.full pre span')].map((s) => [s.className, s.textContent, s.title])"
        )
        assert [kind for kind, _, _ in shown[:7]] == wanted
        assert [text for _, text, _ in shown] == PIECES.findall(plain)
        assert shown[1][2] == "token 2: probability 36.8 %, logprob -1.000, gap -0.25"
        assert browser.execute_script("return document.querySelectorAll('.legend:not([hidden]) span').length") == 6
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    choose(browser, "f-split", "eval")  # where the trainer computes nothing
    browser.execute_script("document.querySelector('tr.row button.open').click()")
    assert browser.execute_script("return document.querySelectorAll('td.full pre span').length") == 0
    browser.execute_script("document.querySelector('#filters button[type=reset]').click()")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert browser.execute_script("return document.querySelector('.legend').hidden") is True
    assert browser.get_log("browser") == []


def test_a_long_completion_has_the_tokens_of_what_is_shown():
    tokens = Tokens((-1.0, -2.0, -4.0), (2, 3, 4), (0.5, 0.25, 0.125))
    numbers = for_page(tokens, shown=4, cut=6)  # 10 characters, of which the first belongs to no token
    assert numbers == {
        "start": 1,
        "lengths": "AgM=",
        "logprobs": packed_halves([-1, -2]),
        "gaps": packed_halves([0.5, 0.25]),
    }


def test_the_numbers_of_tokens_stay_within_their_budget(folder):
    rows = Sampler()
    survey(RunData(folder), rows)
    rows = rows.chosen(2_600_000)
    sizes = [len(json.dumps(row["numbers"])) for row in with_tokens(folder, rows, 10_000) if "numbers" in row]
    assert 9_000 < sum(sizes) < 14_000 and len(sizes) < len(rows)
    assert with_tokens(folder, rows, 0) == rows


def test_filters_search_and_sorting(browser, page):
    open_page(browser, page)
    everything = int(count(browser).split()[0].replace(",", ""))
    assert everything > 300 and visible_rows(browser) == 50
    choose(browser, "f-right", "wrong")
    wrong = int(count(browser).split()[0])
    choose(browser, "f-right", "correct")
    assert wrong + int(count(browser).split()[0]) == everything
    choices = browser.execute_script("return [...document.getElementById('f-check').options].map((o) => o.textContent)")
    assert choices == ["all", "any", *OUTCOMES, "none"]
    choose(browser, "f-check", "corrected")
    assert "corrected" in browser.execute_script("return document.querySelector('tr.row').textContent")
    choose(browser, "f-text", "no completion says this")
    assert count(browser).startswith("0 of") and visible_rows(browser) == 0
    browser.execute_script("document.querySelector('#filters button[type=reset]').click()")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert int(count(browser).split()[0].replace(",", "")) == everything
    for _ in range(2):
        browser.execute_script("document.querySelectorAll('#table thead button')[6].click()")  # tokens, descending
    tokens = browser.execute_script(
        "return [...document.querySelectorAll('tr.row')].map((r) => Number(r.children[6].textContent))"
    )
    assert tokens == sorted(tokens, reverse=True) and tokens[0] > tokens[-1]
    browser.execute_script("document.getElementById('more').click()")
    assert visible_rows(browser) == 100


def test_it_works_from_the_keyboard(browser, page):
    from selenium.webdriver.common.keys import Keys

    open_page(browser, page)
    opener = browser.find_element("css selector", "tr.row button.open")
    opener.send_keys(Keys.ENTER)
    assert opener.get_attribute("aria-expanded") == "true"
    assert browser.execute_script("return document.querySelectorAll('tr.open mark').length") == 1  # the check
    opener.send_keys(Keys.ENTER)
    assert opener.get_attribute("aria-expanded") == "false"
    head = browser.find_elements("css selector", "#table thead button")[0]
    head.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.text.startswith("step")
    reachable = browser.execute_script(
        "return [...document.querySelectorAll('a, button, input, select, summary')].every((e) => e.tabIndex >= 0)"
    )
    assert reachable


def test_a_problem_through_training(browser, page):
    open_page(browser, page)
    steps = browser.execute_script("return [...document.querySelectorAll('#h-steps h3')].map((h) => h.textContent)")
    assert [s.split(":")[0] for s in steps] == ["step 0", "step 10", "step 20", "step 30"]
    pairs = browser.execute_script("return [...document.querySelectorAll('.pair h3')].map((h) => h.textContent)")
    assert [words.split(":")[0] for words in pairs] == ["step 0", "step 30"] * 3
    assert all("✗" in first and "✓" in last for first, last in zip(pairs[::2], pairs[1::2]))
    choose(browser, "h-problem", browser.execute_script("return document.getElementById('h-problem').options[3].value"))
    assert browser.execute_script("return document.querySelectorAll('#h-steps ins').length") > 0


def test_several_runs_are_overlaid_with_a_paired_test(browser, folder, tmp_path):
    other = make_run(tmp_path / "two", steps=30, eval_steps=10, problems=40, seed=4, skill=0.3)
    build.write_report([folder, other], tmp_path / "both.html")
    open_page(browser, tmp_path / "both.html")
    assert browser.get_log("browser") == []
    shown = browser.execute_script("return document.getElementById('learned').textContent")
    assert "two against <b>one: " in shown and "exact McNemar" in shown
    choose(browser, "f-run", "two")
    assert "two" in browser.execute_script("return document.querySelector('tr.row').textContent")


def tables_by_task(browser) -> list[list[list[str]]]:
    return browser.execute_script(
        "return [...document.querySelectorAll('#by-task table')].map((t) => [...t.rows].map((r) => [...r.cells].map((c) => c.textContent)))"
    )


def test_the_data_of_the_page_have_accuracy_by_task(folder, mixture):
    assert build.describe("mixed", build.pass_over(RunData(mixture)), 1)["tasks"] == BY_TASK
    assert build.describe("one", build.pass_over(RunData(folder)), 1)["tasks"] == []


def test_a_mixture_has_a_table_by_task(browser, folder, mixture, page, tmp_path):
    shown = [BY_TASK[0], [BY_TASK[1][0].replace("\u202e", "\\u202e"), *BY_TASK[1][1:]], BY_TASK[2]]
    build.write_report([mixture], tmp_path / "mixed.html")
    for width in (1280, 390):
        open_page(browser, tmp_path / "mixed.html", width)
        assert tables_by_task(browser) == [shown] and browser.get_log("browser") == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return window.owned") is None
    assert browser.execute_script("return document.querySelectorAll('#by-task img').length") == 0
    build.write_report([folder, mixture], tmp_path / "both.html")  # the first has one task
    open_page(browser, tmp_path / "both.html")
    assert tables_by_task(browser) == [shown]
    names = browser.execute_script("return [...document.querySelectorAll('#by-task h3')].map((h) => h.textContent)")
    assert names == ["mixed"]
    open_page(browser, page)
    assert browser.execute_script("return document.getElementById('by-task')") is None
    assert "Accuracy by task" not in browser.execute_script("return document.body.innerText")


def test_a_task_that_is_no_text_is_unnamed(tmp_path):
    made = make_run(tmp_path / "damaged", steps=1, eval_steps=1, problems=2)
    set_tasks(made, {step: {"a": "1", "b": "0"} for step in (0, 1)})
    for path in (made / "eval").iterdir():
        lines = [line | {"task": ["a"] if line["task"] == "a" else "b"} for line in read_lines(path)]
        path.unlink()
        append_lines(path, lines)
    _, *rows = build.describe("damaged", build.pass_over(RunData(made)), 1)["tasks"]
    assert [row[0] for row in rows] == ["", "b"]


def test_it_prints(browser, page):
    open_page(browser, page, scheme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.execute_script("return getComputedStyle(document.getElementById('filters')).display") == "none"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_page_stays_small():
    """Rows that do not fit are left out, however long the texts are; the most instructive ones are kept longest."""
    rows = [{"text": "\ud800" * 6000, "question": "q"}] * 2000
    assert 0 < len(within(rows, 2_600_000)) * 36_000 < 2_600_000 * 1.05


def test_the_outcomes_of_checks_are_those_of_selfcheck(page):
    assert data_of(page)["outcomes"] == list(OUTCOMES)
    scripts = "".join((build.PAGE / name).read_text(encoding="utf-8") for name in build.SCRIPTS)
    assert not [name for name in OUTCOMES if f'"{name}"' in scripts]


def test_samples_follow_the_rule(folder):
    sampler = Sampler()
    found = survey(RunData(folder), sampler)
    rows = sampler.chosen(2_600_000)
    assert sum("why" in row for row in rows) <= len(CRITERIA) and "why" in rows[0]
    for problem in sampler.problems():
        assert {0, 10, 20, 30} <= {row["step"] for row in rows if row["id"] == problem}
    assert len({row["place"] for row in rows}) == len(rows) and found.damaged == []
    pairs = sampler.pairs()
    assert len(pairs) == 3 and all(first["id"] == last["id"] for first, last in pairs)
    assert {(first["step"], first["right"], last["step"], last["right"]) for first, last in pairs} == {
        (0, False, 30, True)
    }


def test_charts_have_n_and_interval_where_they_show_scores(folder):
    found = {chart.key: chart for chart in charts([("one", RunData(folder), survey(RunData(folder)))])}
    for key in ("accuracy", "reward", "selfcheck", "checked"):
        points = [p for line in found[key].lines for p in line.points]
        assert points and all(p.n and p.low <= p.y <= p.high for p in points)
    assert len(found["length"].lines) == 4 and "money" not in found  # no price is known
    assert point_text(Point(5, 0.305, 0.245, 0.372, 200), True) == "30.5 % (95 % interval 24.5 to 37.2 %, n = 200)"


def test_pictures(folder, tmp_path):
    from r1rl.reports.charts import write_plots

    paths = write_plots(charts([("one", RunData(folder), survey(RunData(folder)))]), tmp_path / "plots")
    assert {"accuracy.png", "run.png"} <= {p.name for p in paths}
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in paths)


def test_report_of_a_run_without_any_lines(tmp_path):
    folder = make_run(tmp_path / "new", steps=1, eval_steps=1, problems=2)
    for path in (folder / METRICS, folder / ROLLOUTS, *folder.glob("eval/*"), folder / "evaluations.jsonl"):
        path.unlink()
    assert build.write_report([folder], tmp_path / "new.html") == []


def test_wrong_arguments(folder, tmp_path):
    parser = Parser()
    report.add_arguments(parser)
    with pytest.raises(UserError, match="is not a run"):
        report.run(parser.parse_args([str(tmp_path)]))
    with pytest.raises(UserError, match="named twice"):
        report.run(parser.parse_args([str(folder), str(folder)]))
    for place in (str(tmp_path), ""):
        with pytest.raises(UserError, match="is a folder, and the page is a file"):
            report.run(parser.parse_args([str(folder), "-o", place]))


def test_a_page_replaces_nothing_but_a_page(tmp_path):
    folder = make_run(tmp_path / "run", steps=1, eval_steps=1, problems=2)
    before = (folder / "run.json").read_bytes()
    parser = Parser()
    report.add_arguments(parser)
    with pytest.raises(UserError, match="exists and is no page, so it is not overwritten"):
        report.run(parser.parse_args([str(folder), "-o", str(folder / "run.json")]))
    assert (folder / "run.json").read_bytes() == before
    for _ in range(2):
        assert report.run(parser.parse_args([str(folder), "-o", str(tmp_path / "page.html")])) == 0
