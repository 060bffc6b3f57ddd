"""--notify: which messages a run sends, in which form; nothing waits for them, and nothing secret is in them."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time

import pytest
from fake_run import write_run_json
from webhook_server import webhook

from r1rl.commands import dispatch
from r1rl.config.file import read_config
from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.preflight.checks import check_secrets
from r1rl.reports import news
from r1rl.runs import folder as run_folder
from r1rl.runs.dump import GUARDS, Dump, write_json
from r1rl.runs.finished import config_of
from r1rl.system import webhook as module
from r1rl.system.errors import UserError
from r1rl.system.interrupt import Interrupt
from r1rl.system.redact import HIDDEN, MASK
from r1rl.system.webhook import Webhook, message

SLACK = "https://hooks.slack.com/services/T0AAAA/B0BBBB/x1y2z3x1y2z3"
DISCORD = "https://discord.com/api/webhooks/123456789/a-B_c1d2e3"
NTFY = "https://ntfy.sh/my-secret-topic-7"
SUMMARY = {
    "step": 20, "problems": 200, "samples": 1, "correct": 31, "accuracy": 0.155, "mean_tokens": 30.0, "low": 0.11,
    "high": 0.21, "evaluation_seconds": 1.0, "seconds": 120.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("url", "address", "content"),
    [
        (SLACK, SLACK, {"text": "a &lt;!channel&gt; &amp;"}),
        (DISCORD, DISCORD, {"content": "a <!channel> &", "allowed_mentions": {"parse": []}}),
        (DISCORD.replace("//", "//ptb."), None, {"content": "a <!channel> &", "allowed_mentions": {"parse": []}}),
        (NTFY, "https://ntfy.sh/", {"topic": "my-secret-topic-7", "title": "r1rl: end", "message": "a <!channel> &"}),
        ("https://ntfy.me.org:8/t?auth=x", "https://ntfy.me.org:8/?auth=x", None),
        ("https://me.org/hook", "https://me.org/hook", {"event": "end", "step": 3, "text": "a <!channel> &"}),
    ],
)
def test_the_form_follows_from_the_address(url, address, content):
    to, body = message(url, "a <!channel> &", {"event": "end", "step": 3})
    assert to == (address or url) and body == (content or body)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("hooks.slack.com/services/T0/s3cret", "does not begin with https:// and a host"),
        ("file:///etc/s3cret", "does not begin"),
        ("https://me:s3cret@host/x", "has a user's name"),
        ("https://host:s3cret/x", "cannot be read"),
        ("https://host/s3cret\n", "has characters"),
        ("https://ntfy.sh/", "lacks its topic"),
        ("https://ntfy.sh/s3cret/json", "lacks its topic"),
    ],
)
def test_an_unusable_address_is_refused_and_not_shown(url, why):
    with pytest.raises(UserError, match=why) as error:
        Config(notify=url)
    assert "s3cret" not in str(error.value)


def test_the_messages_of_a_run(tmp_path, monkeypatch):
    """Start, evaluation, guard and end, in this order, with score and cost; completions and secrets are not in them."""
    monkeypatch.setenv("MY_API_KEY", "planted-key-123")
    config = write_run_json(tmp_path / "run", max_steps=40)
    dump = Dump(tmp_path / "run")
    with webhook() as (messages, url):
        config = Config(**{**vars(config), "notify": url})
        with news.News(config, "tiny", dump, 1.5, Interrupt()) as reporter:
            dump.evaluation(20, [{"step": 20, "completion": "what the model wrote"}], SUMMARY)
            words = "\x1b[2J\u202eplanted-key-123 " + "x" * 100_000
            dump.append(GUARDS, [{"step": 21, "guard": "kl", "action": "warn", "words": words}])
            write_json(dump.folder / "meter.json", {"seconds": 240.0, "sampled": 5})
            reporter.finish(0, None, None)
        assert dump.listener is None
    assert [m["event"] for m in messages] == ["start", "evaluation", "guard", "end"]
    start, evaluation, guard, end = messages
    assert start["text"] == "run: starts: 40 steps, recipe tiny, tiny on word-problems"
    assert "run: step 20: 31 / 200" in evaluation["text"] and evaluation["text"].endswith("; 2 min 00 s, $0.05")
    assert evaluation["score"] == 0.155 and evaluation["step"] == 20
    assert (evaluation["seconds"], evaluation["dollars"]) == (120, 0.05)
    assert guard["text"].startswith(f"run: guard kl (warn) at step 21: \\x1b[2J\\u202e{MASK} xxx")
    assert len(guard["text"]) == module.LONGEST
    assert end["text"].startswith("run: complete; before 31 / 200") and end["text"].endswith("4 min 00 s, $0.10")
    assert end["dollars"] == 0.1 and end["score"] == 0.155 and end["schema_version"] == 1
    sent = json.dumps(messages)
    assert "what the model wrote" not in sent and "planted-key" not in sent and "s3cret" not in sent


def test_a_stop_and_a_failure_are_reported_without_the_errors_text(tmp_path):
    config = write_run_json(tmp_path / "run")
    with webhook() as (messages, url):
        config = Config(**{**vars(config), "notify": url})
        stop = Interrupt()
        with pytest.raises(ValueError), news.News(config, "tiny", Dump(tmp_path / "run"), None, stop):
            raise ValueError("a text with private data")
        stop.asked, stop.signal = True, signal.SIGTERM
        with news.News(config, "tiny", Dump(tmp_path / "run"), None, stop) as reporter:
            reporter.finish(143, None, None)
        with news.News(config, "tiny", Dump(tmp_path / "run"), None, Interrupt()) as reporter:
            reporter.finish(3, "at step 7 by guard kl: far", None)
    stops = [m for m in messages if m["event"] == "stop"]
    texts = ["failed with ValueError", "stopped by SIGTERM", "stopped at step 7 by guard kl: far"]
    assert [m["text"] for m in stops] == [f"run: {text}; 0 steps, 0 min 00 s" for text in texts]


def test_a_webhook_that_never_answers_delays_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        hook = Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/x", lambda reason: None)
        for i in range(2 * module.MOST_WAITING):
            hook.post("word", {"step": i})
        hook.close(0.2)
        assert time.monotonic() - start < module.SECONDS / 2 and hook.thread.is_alive()


def test_a_refused_message_is_reported_once_and_later_ones_are_still_sent(capsys):
    with webhook(status=404) as (messages, url):
        hook = Webhook(url, news.report)
        hook.post("one", {})
        hook.post("two", {})
        hook.close(30)
    assert [m["text"] for m in messages] == ["one", "two"]
    shown = capsys.readouterr().out
    assert shown == "notify   a message was not delivered (HTTP status 404); the run continues\n"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    why = []
    hook = Webhook(f"http://127.0.0.1:{port}/s3cret", why.append)
    hook.post("one", {})
    hook.close(30)
    assert why == ["Connection refused"]


@pytest.mark.parametrize("url", [SLACK, DISCORD, NTFY, "https://me.org/hooks/s3cret-word"])
def test_the_address_is_masked_in_all_files_and_is_not_repeated(url, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(HIDDEN, "")  # is restored afterwards
    arguments = ["--recipe", "tiny", "--notify", url, "--dumps", str(tmp_path), "--exp-name", "run"]
    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    made = []

    def run(config, recipe, given):
        made.append(config)
        raise ValueError(f"no answer from {url}")

    with pytest.raises(UserError) as error:
        dispatch.train_command(arguments, run)
    assert made[0].notify == url and url not in str(error.value)
    check_secrets(made[0], {})
    dump = run_folder.open_run(made[0], "tiny", {"gpu": None})
    run_folder.unlock_runs()
    assert dispatch.train_command([*arguments, "--print-config"], run) == 0
    assert (
        dispatch.train_command([*arguments, "--save-config", str(tmp_path / "flags.yaml"), "--print-config"], run) == 0
    )
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"run.json", "error.log", "flags.yaml"}
    texts = [path.read_text() for path in files] + [capsys.readouterr().out]
    assert not any(part in text for text in texts for part in (url, url.rpartition("/")[2]))
    assert json.loads((dump.folder / "run.json").read_text())["config"]["notify"] == MASK
    assert config_of(dump.folder).notify is None
    repeated = read_config(dump.folder / "run.json")
    assert "notify" not in repeated.settings and repeated.masked == ()
    Config(**overrides("tiny"))
