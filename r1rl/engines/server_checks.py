"""Checks of a vLLM server before anything slow is loaded; they take about a second.

Each failure is one message with what to change on the server; the checks leave nothing on it.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.training_rules import MAX_RANKS, tokens_of_one_chunk
from r1rl.engines.vllm_http import API_KEY, NoAnswer, Refused, VllmServer
from r1rl.system.errors import UserError

SECONDS = 10.0  # per answer; no check samples more than one token

LOAD, UNLOAD, COMPLETIONS = "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/completions"

LOW, HIGH, LIKELIEST = 0.5, 2.0, 5  # two temperatures, and the number of tokens compared


def server_of(config: Config) -> VllmServer:
    """Returns the server of the flags."""
    return VllmServer(config.vllm_server_host, config.vllm_server_port)


def serve_line(config: Config, on_gpu: bool) -> str:
    """Returns the command that starts a server for this run."""
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
    """Checks base model, context length, adapters and logprobs of the server. Raises UserError."""
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
            f"the vLLM server at {server.address} answers, but not the requests of a run: {error}. Look at its own output, or "
            f"restart it with: {line}"
        ) from None


def served_model(server: VllmServer, config: Config, line: str) -> dict[str, Any]:
    """Returns the server's entry for the run's base model. Raises UserError."""
    try:
        answer = server.ask("/v1/models", seconds=SECONDS)
    except NoAnswer as error:
        raise UserError(
            f"--engine vllm-server: nothing answers at {server.address} ({error}). Give its address with "
            f"--vllm-server-host and --vllm-server-port, or start one and wait until it is ready: {line}"
        ) from None
    except Refused as refusal:
        if refusal.status in (401, 403):
            raise UserError(
                f"the vLLM server at {server.address} requires its key ({refusal}): set {API_KEY} in the environment to the key "
                "that the server was started with (--api-key or the same variable)."
            ) from None
        raise not_vllm(server, str(refusal), line) from None
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) and "id" in e for e in entries):
        raise not_vllm(server, "its list of models is not one", line)
    bases = [e for e in entries if not e.get("parent")]
    found = next((e for e in bases if serves(e, config)), None)
    if found is None:
        others = ", ".join(repr(e.get("root") or e["id"]) for e in bases)
        raise UserError(
            f"the vLLM server at {server.address} serves {others}, and --model-name is {config.model_name!r}: an adapter "
            f"belongs to one base model. Start it with: {line} (if it is the same model in another folder, add "
            f"--served-model-name {shlex.quote(config.model_name)})"
        )
    return found


def model_of(config: Config) -> str:
    """Returns the base model for the server: the folder of an embedded model, or --model-name."""
    return str(TINY_MODELS.get(config.model_name, config.model_name))


def serves(entry: dict[str, Any], config: Config) -> bool:
    """Returns whether an entry of /v1/models is the run's base model, by its name or by the loaded folder."""
    model, root = model_of(config), str(entry.get("root") or "")
    if {entry["id"], root} & {config.model_name, model}:
        return True
    return Path(root).is_dir() and Path(model).is_dir() and Path(root).samefile(model)


def not_vllm(server: VllmServer, words: str, line: str) -> UserError:
    """Returns the error for another program at this address."""
    return UserError(
        f"what answers at {server.address} is not a vLLM server ({words}): give the right address with --vllm-server-host and "
        f"--vllm-server-port, or start one: {line}"
    )


def check_adapters(server: VllmServer, config: Config, line: str) -> None:
    """Asks the server to load an adapter of the run's rank that has settings but no weights. Raises UserError.

    vLLM checks its own settings first, then the folder, then the rank, and last the weights: only the missing weights may
    be the reason of its refusal.
    """
    with settings_of_adapter(config) as folder:
        if folder is None:
            return
        try:
            server.ask(LOAD, {"lora_name": f"r1rl-check-{folder.name}", "lora_path": str(folder)}, SECONDS)
        except Refused as refusal:
            if (why := why_not_loaded(server, config, refusal, folder, line)) is not None:
                raise UserError(why) from None


@contextlib.contextmanager
def settings_of_adapter(config: Config) -> Iterator[Path | None]:
    """Yields a temporary folder in the run's place with an adapter_config.json; None if it cannot be written.

    A later check of --dumps reports that case.
    """
    run = Path(config.dumps).resolve() / (config.exp_name or "")
    place = next(p for p in [run, *run.parents] if p.is_dir())
    try:
        made = tempfile.TemporaryDirectory(prefix=".server-check-", dir=place)
    except OSError:
        yield None
        return
    with made as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server may belong to another user
        settings = {"peft_type": "LORA", "r": config.lora_rank, "lora_alpha": config.lora_rank, "bias": "none",
                    "target_modules": ["q_proj"]}  # fmt: skip
        (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
        yield folder


def why_not_loaded(
    server: VllmServer, config: Config, refusal: Refused, folder: Path, line: str
) -> str | None:
    """Returns the fault of a server that refused the adapter, by its message; None if only the weights are missing."""
    start = f"Start it with: {line}"
    if refusal.status in (404, 405) and refusal.words in ("Not Found", "Method Not Allowed"):
        return (
            f"the vLLM server at {server.address} does not load adapters while it runs, and a run loads one at each step: set "
            f"VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment. {start}"
        )
    if "max_lora_rank" in refusal.words:
        return (
            f"the vLLM server at {server.address} takes only adapters of a smaller rank ({refusal.words}), and --lora-rank "
            f"is {config.lora_rank}. {start}"
        )
    if "LoRA is not enabled" in refusal.words:
        return f"the vLLM server at {server.address} was started without --enable-lora, and takes no adapter. {start}"
    if refusal.status == 404:
        return (
            f"the vLLM server at {server.address} does not see {folder.parent}, where the run writes its adapter: both must "
            "have that folder under the same path. Run them on one machine, mount the folder there under the same path, or "
            "choose a shared folder with --dumps."
        )
    if "contain tensors" in refusal.words:
        return None
    return f"the vLLM server at {server.address} does not take an adapter: {refusal}. {start}"


def check_logprobs(server: VllmServer, model: str, line: str) -> None:
    """Checks that the logprobs are those after temperature; by default vLLM returns the model's own.

    Temperature divides the distance between two tokens' logprobs: from 0.5 to 2 it shrinks to a quarter. Under
    "raw_logprobs", vLLM's default, it stays. The proof would not find that: raw logprobs are far from those of the policy
    and of the base model.
    """
    if distance(server, model, LOW, line) < 2 * distance(server, model, HIGH, line):
        raise UserError(
            f"the vLLM server at {server.address} returns logprobs before temperature (it was started without --logprobs-mode "
            "processed_logprobs), and a run needs those of the distribution that is sampled from. Start it with: "
            f"{line}"
        )


def distance(server: VllmServer, model: str, temperature: float, line: str) -> float:
    """Returns the nats between the likeliest next tokens of a prompt. Raises UserError if the answer is incomplete."""
    body = {"model": model, "prompt": [1, 2, 3, 4], "max_tokens": 1, "temperature": temperature, "top_p": 1.0, "top_k": 0,
            "min_p": 0.0, "repetition_penalty": 1.0, "logprobs": LIKELIEST, "return_token_ids": True}  # fmt: skip
    try:
        choice = server.ask(COMPLETIONS, body, SECONDS)["choices"][0]
        likeliest = sorted(choice["logprobs"]["top_logprobs"][0].values())[-LIKELIEST:]
        found = likeliest[-1] - likeliest[0]
    except Refused as refusal:
        raise UserError(
            f"the vLLM server at {server.address} does not complete a prompt: {refusal}. Start it with: {line}"
        ) from None
    except (LookupError, TypeError, AttributeError) as error:
        raise not_vllm(server, f"its completion has no logprobs: {error!r}", line) from None
    if not choice.get("token_ids"):
        raise UserError(
            f"the vLLM server at {server.address} does not return the token ids that it samples, which a run needs: it is "
            "too old. Use vllm 0.31.0, which the project installs."
        )
    return found
