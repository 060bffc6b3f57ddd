"""`report --watch` and `runs --page`: the page follows the run, keeps the reader's place, and asks nobody for anything."""

from __future__ import annotations

import json
import re
import time

import pytest
from browser import open_browser, open_page
from fake_run import make_run

from r1rl.commands import report, runs
from r1rl.config.parser import Parser
from r1rl.reports.page import build
from r1rl.reports.page.list import list_page
from r1rl.runs.dump import METRICS, ROLLOUTS, append_lines, read_lines, write_json
from r1rl.system.errors import UserError


def arguments(*given):
    parser = Parser()
    report.add_arguments(parser)
    return parser.parse_args([str(g) for g in given])


def live(page):
    """What the page knows about its own reloading."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text).group(1))["live"]


def test_the_page_is_rewritten_when_the_run_goes_on_and_rests_at_its_end(tmp_path, monkeypatch, capsys):
    folder = make_run(tmp_path / "run", steps=2, eval_steps=2, problems=2)
    page, seen, slept = folder / "report.html", [], []

    def sleep(seconds):
        slept.append(seconds)
        seen.append((page.stat().st_mtime_ns, live(page)))
        if len(slept) == 2:
            append_lines(folder / METRICS, [{**list(read_lines(folder / METRICS))[-1], "step": 3}])
        if len(slept) == 3:
            write_json(folder / "summary.json", {"steps": 3})

    monkeypatch.setattr(report.time, "sleep", sleep)
    assert report.run(arguments(folder, "--watch", "--every", 7)) == 0
    (first, state), (second, _), (third, _) = seen
    assert state["every"] == 7 and first == second < third  # the second round found nothing new
    assert live(page) is None and min(slept) >= 7
    assert not list(folder.glob("*.new"))


def test_ctrl_c_ends_the_watching_with_a_page_that_rests(tmp_path, monkeypatch, capsys):
    folder = make_run(tmp_path / "run", steps=2, eval_steps=2, problems=2)

    def interrupted(seconds):
        assert live(folder / "report.html")["every"] == report.EVERY
        raise KeyboardInterrupt

    monkeypatch.setattr(report.time, "sleep", interrupted)
    assert report.run(arguments(folder, "--watch")) == 0
    assert live(folder / "report.html") is None


@pytest.mark.parametrize(
    ("given", "words"), [(("--every", 5), "would have no effect"), (("--watch", "--every", 0), "must be at least 1")]
)
def test_wrong_intervals(tmp_path, given, words):
    folder = make_run(tmp_path / "run", steps=1, eval_steps=1, problems=1)
    with pytest.raises(UserError, match=words):
        report.run(arguments(folder, *given))
    assert not (folder / "report.html").exists()


def test_the_list_page_links_the_runs_and_is_inert(tmp_path, capsys):
    make_run(tmp_path / "a b<i>\u202e", steps=2, eval_steps=1, problems=4)
    (tmp_path / "a b<i>\u202e" / "report.html").write_text("x")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("<script>")
    parser = Parser()
    runs.add_arguments(parser)
    assert runs.run(parser.parse_args([str(tmp_path), "--page"])) == 0
    assert "\u202e" not in capsys.readouterr().out
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<a href='a%20b%3Ci%3E%E2%80%AE/report.html'>a b&lt;i&gt;\\u202e</a>" in text
    assert "<script" not in text and "<i>" not in text and "\u202e" not in text
    assert re.search("<td>broken</td>.*damaged: ", text) and re.search("<td>[▁-█]{3}</td>", text)
    assert list_page(tmp_path, ("run",), [("\x1b[2J",)]).count("\\x1b[2J") == 1


@pytest.mark.slow
def test_the_open_page_updates_and_keeps_the_readers_place(tmp_path):
    folder = make_run(tmp_path / "run", steps=20, eval_steps=10, problems=20)
    page = folder / "report.html"
    build.write_report([folder], page, every=1)
    with open_browser() as browser:
        open_page(browser, page)
        browser.get_log("performance")

        def look():
            return browser.execute_script("""
                return [document.getElementById("f-right").value, document.getElementById("f-text").value,
                    document.querySelector("th[aria-sort=ascending]")?.textContent, document.querySelectorAll("tr.open").length,
                    document.getElementById("h-problem").value, document.querySelectorAll("figure details[open] table").length,
                    Math.round(document.getElementById("completions").getBoundingClientRect().top)]""")

        browser.execute_script("""
            const set = (id, value) => { const f = document.getElementById(id); f.value = value;
                f.dispatchEvent(new Event("input", {bubbles: true})); f.dispatchEvent(new Event("change", {bubbles: true})); };
            set("f-right", "correct"); set("f-text", "reasoning");
            document.querySelectorAll("#table thead button")[5].click();
            document.querySelector("tr.row button.open").click();
            set("h-problem", document.getElementById("h-problem").options[2].value);
            document.querySelector("figure details summary").click();
            document.getElementById("completions").scrollIntoView({behavior: "instant"});""")
        time.sleep(0.5)
        before = look()
        assert before[0] == "correct" and before[3] == 1 and before[5] == 1
        assert browser.execute_script("return document.getElementById('f-colour').parentElement.hidden")  # no tokens
        last = list(read_lines(folder / ROLLOUTS))[-1]
        append_lines(folder / METRICS, [{**list(read_lines(folder / METRICS))[-1], "step": 21}])
        append_lines(folder / ROLLOUTS, [{**last, "step": 21}])
        build.write_report([folder], page, every=1)
        end = time.monotonic() + 30
        while "21 of" not in browser.execute_script("return document.getElementById('state').textContent"):
            assert time.monotonic() < end
            time.sleep(0.2)
        while browser.execute_script("return document.body.dataset.ready") != "yes":
            time.sleep(0.1)
        assert look()[:6] == before[:6] and abs(look()[6] - before[6]) <= 2
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        urls = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
        assert {url for url in urls if not url.startswith("data:")} == {page.resolve().as_uri()}
        assert browser.get_log("browser") == []
        build.write_report([folder], page)  # the run's end
        end = time.monotonic() + 30
        while browser.execute_script("return document.getElementById('live') !== null"):
            assert time.monotonic() < end
            time.sleep(0.2)
        browser.execute_script("window.stays = 1")
        time.sleep(2.5)
        assert browser.execute_script("return window.stays") == 1 and look()[:5] == before[:5]


@pytest.mark.slow
def test_a_hidden_heading_is_not_the_readers_place(tmp_path):
    folder = make_run(tmp_path / "run", steps=30, eval_steps=40, problems=20)  # one evaluation: no pairs to show
    page = folder / "report.html"
    build.write_report([folder], page, every=1)
    with open_browser() as browser:
        open_page(browser, page)
        assert browser.execute_script("return document.getElementById('before-after').hidden")
        browser.execute_script("""
            document.getElementById("completions").scrollIntoView({behavior: "instant"});
            scrollBy({top: 1200, behavior: "instant"}); window.isFirst = true;""")
        place = "return [scrollY, Math.round(document.getElementById('completions').getBoundingClientRect().top)]"
        time.sleep(0.2)
        before = browser.execute_script(place)
        assert before[1] == -1200
        end = time.monotonic() + 30
        while browser.execute_script("return window.isFirst || document.body.dataset.ready !== 'yes'"):
            assert time.monotonic() < end
            time.sleep(0.1)
        after = browser.execute_script(place)
        assert after[0] > 1200 and abs(after[1] - before[1]) <= 2
