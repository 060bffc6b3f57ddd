"""Checks before a run that the vLLM server is there and fits the run; all of them take about a second.

Each error says what to change on the server. The checks leave nothing behind on it.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.config.training_rules import MAX_RANKS, tokens_of_one_chunk
from r1rl.models.source import locate
from r1rl.system.errors import UserError
from r1rl.system.json_http import NoAnswer, Refused, Server

API_KEY = "VLLM_API_KEY"  # the environment variable of vLLM's own key
SECONDS = 10.0  # for the answer to a check: none of them samples more than a token
LOAD, UNLOAD, COMPLETIONS = "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/completions"
LOW, HIGH = 0.5, 2.0  # temperatures
LIKELIEST = 5  # tokens of the distribution that are compared


def server_of(config: Config) -> Server:
    """Returns the server of --vllm-server-host and --vllm-server-port."""
    return Server(config.vllm_server_host, config.vllm_server_port, API_KEY)


def serve_line(config: Config, on_gpu: bool) -> str:
    """Returns the shell command that starts a server for this run."""
    rank = next(r for r in MAX_RANKS if r >= config.lora_rank)
    words = ["vllm", "serve", model_of(config), "--host", config.vllm_server_host, "--port", str(config.vllm_server_port),
             "--enable-lora", "--max-lora-rank", str(rank), "--max-loras", "2", "--max-model-len", str(config.max_seq_length),
             "--logprobs-mode", "processed_logprobs", "--dtype", "bfloat16" if on_gpu else "float32"]  # fmt: skip
    if not on_gpu:
        words += ["--enforce-eager", "--no-enable-chunked-prefill", "--max-num-batched-tokens",
                  str(tokens_of_one_chunk(config))]  # fmt: skip
    if config.trust_remote_code:
        words += ["--trust-remote-code"]
    return f"VLLM_ALLOW_RUNTIME_LORA_UPDATING=True {shlex.join(words)}"


def check_server(config: Config, on_gpu: bool) -> None:
    """Raises UserError unless the server has the base model, its length, adapters of this rank and the right logprobs."""
    server = server_of(config)
    line = serve_line(config, on_gpu)
    base = served_model(server, config, line)
    longest = config.max_prompt_length + config.max_completion_length
    if (base.get("max_model_len") or longest) < longest:
        raise UserError(
            f"the vLLM server at {server.address} has --max-model-len {base['max_model_len']}, and --max-prompt-length "
            f"{config.max_prompt_length} plus --max-completion-length {config.max_completion_length} is {longest}: it would "
            f"cut completions. Start it with: {line}"
        )
    try:
        check_adapters(server, config, line)
        check_logprobs(server, base["id"], line)
    except NoAnswer as error:
        raise UserError(
            f"the vLLM server at {server.address} lists its model, but does not answer the other requests of a run: {error}. "
            f"Look at its log, or restart it with: {line}"
        ) from None


def served_model(server: Server, config: Config, line: str) -> dict[str, Any]:
    """Returns the server's entry for the run's base model. Raises UserError."""
    try:
        answer = server.request("/v1/models", seconds=SECONDS)
    except NoAnswer as error:
        raise UserError(
            f"--engine vllm-server: no server answers at {server.address} ({error}). Set --vllm-server-host and "
            f"--vllm-server-port, or start a server and wait until it is up: {line}"
        ) from None
    except Refused as refusal:
        if refusal.status in (401, 403):
            raise UserError(
                f"the vLLM server at {server.address} needs its key ({refusal}): set {API_KEY} in the environment to the key "
                "that the server was started with (--api-key or the same variable)."
            ) from None
        raise not_vllm(server, str(refusal), line) from None
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) and "id" in e for e in entries):
        raise not_vllm(server, "it does not list its models", line)
    bases = [e for e in entries if not e.get("parent")]
    entry = next((e for e in bases if serves(e, config)), None)
    if entry is None:
        others = ", ".join(repr(e.get("root") or e["id"]) for e in bases)
        raise UserError(
            f"the vLLM server at {server.address} serves {others}, and --model-name is {config.model_name!r}: an adapter "
            f"belongs to one base model. Start it with: {line} (if it is the same model in another folder, add "
            f"--served-model-name {shlex.quote(config.model_name)})"
        )
    return entry


def model_of(config: Config) -> str:
    """Returns the base model for the server: the folder of a model on this machine such as "tiny", else its hub name."""
    return locate(config.model_name)


def serves(entry: dict[str, Any], config: Config) -> bool:
    """Whether an entry of /v1/models is the run's base model, by its served name or by the path that was loaded."""
    model, root = model_of(config), str(entry.get("root") or "")
    if {entry["id"], root} & {config.model_name, model}:
        return True
    return Path(root).is_dir() and Path(model).is_dir() and Path(root).samefile(model)


def not_vllm(server: Server, reason: str, line: str) -> UserError:
    """Returns the error for another program at this address."""
    return UserError(
        f"the program at {server.address} is not a vLLM server ({reason}): set --vllm-server-host and --vllm-server-port to "
        f"a vLLM server, or start one: {line}"
    )


def check_adapters(server: Server, config: Config, line: str) -> None:
    """Asks the server to load an adapter of the run's rank that has settings but no weights. Raises UserError.

    vLLM checks its own settings first, then the folder, then the rank, and last the weights: only their lack may be the
    reason for its refusal.
    """
    with settings_of_adapter(config) as folder:
        if folder is None:
            return
        try:
            server.request(LOAD, {"lora_name": f"r1rl-check-{folder.name}", "lora_path": str(folder)}, SECONDS)
        except Refused as refusal:
            if (why := why_not_loaded(server, config, refusal, folder, line)) is not None:
                raise UserError(why) from None


@contextlib.contextmanager
def settings_of_adapter(config: Config) -> Iterator[Path | None]:
    """A temporary folder next to the run's with an adapter_config.json; None if it cannot be written.

    The check of --dumps, which comes later, reports that better.
    """
    run = Path(config.dumps).resolve() / (config.exp_name or "")
    parent = next(p for p in [run, *run.parents] if p.is_dir())
    try:
        temporary = tempfile.TemporaryDirectory(prefix=".server-check-", dir=parent)
    except OSError:
        yield None
        return
    with temporary as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server may run as another user
        settings = {"peft_type": "LORA", "r": config.lora_rank, "lora_alpha": config.lora_rank, "bias": "none",
                    "target_modules": ["q_proj"]}  # fmt: skip
        (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
        yield folder


def why_not_loaded(server: Server, config: Config, refusal: Refused, folder: Path, line: str) -> str | None:
    """Returns why the server did not load an adapter, from its message; None if only the weights are missing."""
    start = f"Start it with: {line}"
    if refusal.status in (404, 405) and refusal.message in ("Not Found", "Method Not Allowed"):
        return (
            f"the vLLM server at {server.address} does not load adapters while it runs, and a run sends its adapter at each "
            f"step: the server needs VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment. {start}"
        )
    if "max_lora_rank" in refusal.message:
        return (
            f"the vLLM server at {server.address} accepts only adapters of a smaller rank ({refusal.message}), and "
            f"--lora-rank is {config.lora_rank}. {start}"
        )
    if "LoRA is not enabled" in refusal.message:
        return f"the vLLM server at {server.address} was started without --enable-lora, and accepts no adapter. {start}"
    if refusal.status == 404:
        return (
            f"the vLLM server at {server.address} does not see {folder.parent}, where the run writes its adapter: both must "
            "have this folder under the same path. Run both on one machine, mount the folder under this path on the other, "
            "or set --dumps to a shared folder."
        )
    if "contain tensors" in refusal.message:
        return None
    return f"the vLLM server at {server.address} does not accept an adapter: {refusal}. {start}"


def check_logprobs(server: Server, model: str, line: str) -> None:
    """Raises UserError unless the logprobs are those after temperature.

    Temperature divides the distance between two tokens' logprobs: from 0.5 to 2 it shrinks to a quarter. With
    "raw_logprobs", vLLM's default, it does not change. The proof at step 1 would not find that: raw logprobs are far from
    the policy's and from the base model's.
    """
    if distance(server, model, LOW, line) < 2 * distance(server, model, HIGH, line):
        raise UserError(
            f"the vLLM server at {server.address} returns logprobs before temperature (it was started without --logprobs-mode "
            f"processed_logprobs), and a run needs those of the sampled distribution. Start it with: {line}"
        )


def distance(server: Server, model: str, temperature: float, line: str) -> float:
    """Returns the nats between the first and last of the likeliest next tokens. Raises UserError for a wrong answer."""
    body = {"model": model, "prompt": [1, 2, 3, 4], "max_tokens": 1, "temperature": temperature, "top_p": 1.0, "top_k": 0,
            "min_p": 0.0, "repetition_penalty": 1.0, "logprobs": LIKELIEST, "return_token_ids": True}  # fmt: skip
    try:
        choice = server.request(COMPLETIONS, body, SECONDS)["choices"][0]
        likeliest = sorted(choice["logprobs"]["top_logprobs"][0].values())[-LIKELIEST:]
        nats = likeliest[-1] - likeliest[0]
    except Refused as refusal:
        raise UserError(
            f"the vLLM server at {server.address} does not complete a prompt: {refusal}. Start it with: {line}"
        ) from None
    except (LookupError, TypeError, AttributeError) as error:
        raise not_vllm(server, f"its completion has no logprobs: {error!r}", line) from None
    if not choice.get("token_ids"):
        raise UserError(
            f"the vLLM server at {server.address} does not return the sampled token ids, which a run learns from: it is too "
            "old. Use vllm 0.31.0, which the project installs."
        )
    return nats
