"""What a run says of the wrong server, and what it does while the right one is away.

A stand-in answers in vLLM 0.31.0's own words; the right server itself is in test_vllm_server.py.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from vllm_server import free_port

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.recipes import overrides
from r1rl.engines.server_checks import API_KEY, check_server, serve_line
from r1rl.pipeline.modes import reinforcement
from r1rl.system import json_http
from r1rl.system.errors import UserError
from r1rl.system.json_http import NoAnswer, Refused, Server
from r1rl.system.out_of_memory import CannotGoOn

TINY = str(TINY_MODELS["tiny"])
NO_WEIGHTS = "Call to add_lora method failed: Worker failed with error '/x doesn't contain tensors', please check"
RIGHT = {
    "/v1/models": (200, {"data": [{"id": TINY, "root": TINY, "parent": None, "max_model_len": 1024},
                                  {"id": "other-run", "root": "/somewhere", "parent": TINY, "max_model_len": None}]}),
    "/v1/load_lora_adapter": (500, {"error": {"message": NO_WEIGHTS, "type": "InternalServerError", "code": 500}}),
}  # fmt: skip


class StandIn(BaseHTTPRequestHandler):
    """Answers by path: (status, body), or a list of such, one a request, of which the last stays."""

    answers: dict
    seen: list
    raw = False  # logprobs before temperature

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(sent) if sent else None
        self.seen.append((self.path, body, self.headers.get("Authorization")))
        found = self.answers.get(self.path, (404, {"detail": "Not Found"}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if self.path == "/v1/completions" and self.path not in self.answers:
            found = (200, completion(1.0 if self.raw else body["temperature"]))
        data = json.dumps(found[1]).encode()
        self.send_response(found[0])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *words) -> None:
        """Quiet."""


def completion(temperature):
    top = {f"token {i}": -0.5 - i / temperature for i in range(6)}
    return {"choices": [{"logprobs": {"top_logprobs": [top]}, "token_ids": [7]}]}


@pytest.fixture
def stand_in() -> Iterator[type[StandIn]]:
    """The class whose `answers` say what the server at `port` answers."""

    class Own(StandIn):
        answers, seen = dict(RIGHT), []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Own.port = server.server_port
    yield Own
    server.shutdown()
    server.server_close()


def config_at(port, folder, **changes):
    return Config(**{**overrides("tiny"), "engine": "vllm-server", "vllm_server_port": port, "dumps": str(folder), **changes})  # fmt: skip


def message(config):
    with pytest.raises(UserError) as error:
        check_server(config, on_gpu=False)
    assert "\n" not in str(error.value)
    return str(error.value)


def refusal(status, words, kind="InternalServerError"):
    return status, {"error": {"message": words, "type": kind, "param": None, "code": status}}


def test_the_right_server_passes_and_is_left_as_it_was(stand_in, tmp_path):
    check_server(config_at(stand_in.port, tmp_path), on_gpu=False)
    asked = [body for path, body, _ in stand_in.seen if path == "/v1/load_lora_adapter"]
    assert len(asked) == 1
    assert asked[0]["lora_path"].startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "answer", "parts"),
    [
        ("/v1/models", (404, {"detail": "Not Found"}), ("is not a vLLM server (Not Found (HTTP 404))",)),
        ("/v1/models", (200, "hello"), ("is not a vLLM server",)),
        ("/v1/models", (401, {"error": "Unauthorized"}), ("needs its key", "set VLLM_API_KEY")),
        ("/v1/models", (200, {"data": [{"id": "Qwen/Qwen3-8B", "root": "Qwen/Qwen3-8B", "max_model_len": 4096}]}),
         ("serves 'Qwen/Qwen3-8B', and --model-name is 'tiny'", "--served-model-name tiny")),
        ("/v1/models", (200, {"data": [{"id": TINY, "root": TINY, "max_model_len": 600}]}),
         ("--max-model-len 600", "is 640", "--max-model-len 1024")),
        ("/v1/load_lora_adapter", (404, {"detail": "Not Found"}), ("VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment",)),
        ("/v1/load_lora_adapter", refusal(500, "Call to add_lora method failed: LoRA is not enabled. Use --enable-lora to enable LoRA."),
         ("without --enable-lora",)),
        ("/v1/load_lora_adapter", refusal(500, "Call to add_lora method failed: LoRA rank 64 is greater than max_lora_rank 16."),
         ("only adapters of a smaller rank", "--lora-rank is 64", "--max-lora-rank 64")),
        ("/v1/load_lora_adapter", refusal(404, "Loading lora r1rl-check failed: No adapter found for /data/x", "NotFoundError"),
         ("does not see", "under the same path", "--dumps")),
        ("/v1/load_lora_adapter", refusal(500, "the disk is on fire"), ("does not accept an adapter: the disk is on fire",)),
        ("/v1/completions", refusal(400, "no logprobs today"), ("does not complete a prompt: no logprobs today",)),
        ("/v1/completions", (200, {"choices": [{"logprobs": None}]}), ("its completion has no logprobs",)),
        ("/v1/completions", (200, {"choices": [completion(1.0)["choices"][0] | {"token_ids": None}]}), ("does not return the sampled token ids",)),
    ],
)  # fmt: skip
def test_each_fault_of_a_server_has_its_message(stand_in, tmp_path, path, answer, parts):
    stand_in.answers[path] = answer
    text = message(config_at(stand_in.port, tmp_path))
    for part in (f"127.0.0.1:{stand_in.port}", *parts):
        assert part in text
    assert list(tmp_path.iterdir()) == []


def test_logprobs_before_temperature_are_found(stand_in, tmp_path):
    stand_in.raw = True
    text = message(config_at(stand_in.port, tmp_path))
    assert "logprobs before temperature" in text
    assert "--logprobs-mode processed_logprobs" in text


def test_a_model_served_under_its_name_is_the_same_in_another_folder(stand_in, tmp_path):
    entry = {"id": "tiny", "root": "/data/tiny-base", "parent": None, "max_model_len": 1024}
    stand_in.answers["/v1/models"] = (200, {"data": [entry]})
    check_server(config_at(stand_in.port, tmp_path), on_gpu=False)


def test_no_server_at_the_address(tmp_path):
    text = message(config_at(free_port(), tmp_path))
    assert "no server answers at 127.0.0.1:" in text
    assert f"VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve {TINY}" in text


def test_the_command_has_the_next_rank_that_vllm_supports(tmp_path):
    assert "--max-lora-rank 32 " in serve_line(config_at(1, tmp_path, lora_rank=24), on_gpu=False)
    on_gpu = serve_line(config_at(1, tmp_path), on_gpu=True)
    assert "--dtype bfloat16" in on_gpu
    assert "--enforce-eager" not in on_gpu


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"lora_rank": 0}, ("--lora-rank 0", "--lora-rank 64")),
        ({"lora_rank": 1024}, ("--lora-rank 1024", "up to rank 512")),
        ({"load_in_4bit": True}, ("--load-in-4bit", "--no-load-in-4bit")),
        ({"temperature": 2.5}, ("--temperature 2.5", "at most 2.0")),
        ({"vllm_server_host": "http://gpu-2"}, ("--vllm-server-host 'http://gpu-2'", "alone")),
        ({"vllm_server_host": "gpu-2:8000"}, ("--vllm-server-host 'gpu-2:8000'", "--vllm-server-port")),
        ({"vllm_server_port": 70000}, ("--vllm-server-port 70000", "at most 65535")),
    ],
)
def test_flags_that_do_not_go_with_a_server(tmp_path, changes, parts):
    with pytest.raises(UserError) as error:
        config_at(8000, tmp_path, **changes)
    for part in parts:
        assert part in str(error.value)


def test_4_bit_goes_with_a_server_where_the_run_is_not_in_4_bit(tmp_path):
    """--mode rl begins with a merged model in 16 or 32 bit; the command of the server names this model."""
    config = config_at(8000, tmp_path, load_in_4bit=True, mode="rl", exp_name="x")
    folder = tmp_path / "x-sft"
    (folder / "model").mkdir(parents=True)
    for name in ("summary.json", "model/config.json"):
        (folder / name).write_text("{}")
    run = reinforcement(config, "tiny")
    assert (run.engine, run.load_in_4bit) == ("vllm-server", False)
    assert f"vllm serve {folder / 'model'} " in serve_line(run, on_gpu=True)
    for mode in (None, "sft", "both", "eval"):
        with pytest.raises(UserError, match=r"--engine vllm-server with --load-in-4bit"):
            dataclasses.replace(config, mode=mode)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(json_http, "RETRY_PAUSE", 0.01)
    monkeypatch.setattr(json_http, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(json_http, "POLL_SECONDS", 0.02)


def test_requests_are_repeated_while_a_server_is_away_and_not_when_it_refuses(stand_in, soon):
    server = Server("127.0.0.1", stand_in.port, API_KEY)
    stand_in.answers["/away"] = [(503, {}), (500, {}), (200, {"answer": 42})]
    assert server.request_patiently("/away", {}) == {"answer": 42}
    stand_in.answers["/wrong"] = [refusal(400, "no such thing"), (200, {})]
    with pytest.raises(Refused, match=r"no such thing \(HTTP 400\)"):
        server.request_patiently("/wrong", {})
    assert [path for path, *_ in stand_in.seen].count("/wrong") == 1
    with pytest.raises(NoAnswer, match="refused"):
        Server("127.0.0.1", free_port(), API_KEY).request_patiently("/", {})


def test_the_key_is_sent_and_masked_in_messages(stand_in, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "a-key-of-mine-123")
    stand_in.answers["/x"] = refusal(400, "bad key a-key-of-mine-123")
    with pytest.raises(Refused, match=r"bad key \[masked\]"):
        Server("127.0.0.1", stand_in.port, API_KEY).request("/x")
    assert stand_in.seen[-1][2] == "Bearer a-key-of-mine-123"


def test_a_request_ends_when_its_answer_is_not_needed_any_more(soon):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        stopped = threading.Event()
        threading.Timer(0.1, stopped.set).start()
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="not needed any more"):
            Server("127.0.0.1", silent.getsockname()[1], API_KEY).request_patiently("/", {}, stopped=stopped)
        assert time.monotonic() - begun < 30  # it would be minutes
        with pytest.raises(NoAnswer, match="no answer within"):
            Server("127.0.0.1", silent.getsockname()[1], API_KEY).request("/", {}, seconds=0.1)


def test_a_server_that_is_gone_ends_the_run_as_a_guard_does(tmp_path, soon):
    from small_run import SMALL

    from r1rl.engines.vllm_server import VllmServerEngine
    from r1rl.models.policy import load_policy

    config = Config(**{**SMALL, "engine": "vllm-server", "vllm_server_port": free_port()})
    engine = VllmServerEngine(config, load_policy(config, has_gpu=False, shared_engine=False), tmp_path)
    with pytest.raises(CannotGoOn, match=r"has not answered .*--resume continues") as gone:
        engine.sync()
    assert gone.value.guard == "engine"
    assert isinstance(gone.value, UserError)  # what a command without a trainer ends with
    engine.close()
    assert not engine.folder.exists()
