"""Is there a vLLM server that this run can sample from? Asked before anything slow is loaded, a second in all.

Each failure is one message with what is to be changed on the server; nothing is left behind on it.
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

SECONDS = 10.0  # that an answer to a check may take: none of them samples more than a token

LOAD, UNLOAD, COMPLETIONS = "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/completions"

LOW, HIGH, LIKELIEST = 0.5, 2.0, 5  # two temperatures, and so many tokens of the distribution


def server_of(config: Config) -> VllmServer:
    """The server that the flags name."""
    return VllmServer(config.vllm_server_host, config.vllm_server_port)


def serve_line(config: Config, on_gpu: bool) -> str:
    """The command that starts a server for this run, with as much as it needs."""
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
    """Is it there, with this base model, long enough, taking adapters of this rank, telling the right logprobs?

    Raises UserError.
    """
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
            f"the vLLM server at {server.address} answers, but not to what a run asks of it: {error}. Look at what it says "
            f"itself, or start it anew with: {line}"
        ) from None


def served_model(server: VllmServer, config: Config, line: str) -> dict[str, Any]:
    """The server's own entry for the run's base model. Raises UserError."""
    try:
        answer = server.ask("/v1/models", seconds=SECONDS)
    except NoAnswer as error:
        raise UserError(
            f"--engine vllm-server: nothing answers at {server.address} ({error}). Name the server's place with "
            f"--vllm-server-host and --vllm-server-port, or start one and wait until it is up: {line}"
        ) from None
    except Refused as refusal:
        if refusal.status in (401, 403):
            raise UserError(
                f"the vLLM server at {server.address} wants its key ({refusal}): set {API_KEY} in the environment to what "
                "the server was started with, --api-key or the same variable."
            ) from None
        raise not_vllm(server, str(refusal), line) from None
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) and "id" in e for e in entries):
        raise not_vllm(server, "its list of models is none", line)
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
    """The base model as the server must be told: a folder of the package for "tiny" and the like, else as given."""
    return str(TINY_MODELS.get(config.model_name, config.model_name))


def serves(entry: dict[str, Any], config: Config) -> bool:
    """Whether an entry of /v1/models is the run's base model: by the name it is served under, or by what was loaded."""
    model, root = model_of(config), str(entry.get("root") or "")
    if {entry["id"], root} & {config.model_name, model}:
        return True
    return Path(root).is_dir() and Path(model).is_dir() and Path(root).samefile(model)


def not_vllm(server: VllmServer, words: str, line: str) -> UserError:
    """The error for another program at this place."""
    return UserError(
        f"what answers at {server.address} is no vLLM server ({words}): name the right place with --vllm-server-host and "
        f"--vllm-server-port, or start one: {line}"
    )


def check_adapters(server: VllmServer, config: Config, line: str) -> None:
    """Asks for an adapter of the run's rank from where the run's will lie, of which only the settings are there.

    vLLM looks at its own settings first, then for the folder, then at the rank, and last for the weights: only their lack
    may be what it refuses. Raises UserError.
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
    """A folder beside the run's with an adapter_config.json, for a moment; None where nothing can be written.

    The check of --dumps, which comes later, tells that better.
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
        folder.chmod(0o755)  # the server may be another user's
        settings = {"peft_type": "LORA", "r": config.lora_rank, "lora_alpha": config.lora_rank, "bias": "none",
                    "target_modules": ["q_proj"]}  # fmt: skip
        (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
        yield folder


def why_not_loaded(
    server: VllmServer, config: Config, refusal: Refused, folder: Path, line: str
) -> str | None:
    """What is wrong with a server that does not take an adapter, by its words; None where it lacks the weights alone."""
    start = f"Start it with: {line}"
    if refusal.status in (404, 405) and refusal.words in ("Not Found", "Method Not Allowed"):
        return (
            f"the vLLM server at {server.address} lets nobody load adapters while it runs, and a run hands its own over at "
            f"each step: that takes VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment. {start}"
        )
    if "max_lora_rank" in refusal.words:
        return (
            f"the vLLM server at {server.address} takes adapters of a smaller rank only ({refusal.words}), and --lora-rank "
            f"is {config.lora_rank}. {start}"
        )
    if "LoRA is not enabled" in refusal.words:
        return f"the vLLM server at {server.address} was started without --enable-lora, and takes no adapter. {start}"
    if refusal.status == 404:
        return (
            f"the vLLM server at {server.address} does not see {folder.parent}, where the run hands its adapter over: both "
            "must have that folder under the same path. Run them on one machine, mount it there as it is called here, or "
            "choose a folder that both share with --dumps."
        )
    if "contain tensors" in refusal.words:
        return None
    return f"the vLLM server at {server.address} does not take an adapter: {refusal}. {start}"


def check_logprobs(server: VllmServer, model: str, line: str) -> None:
    """Are the logprobs those of what is sampled, after temperature? vLLM tells the model's own unless asked.

    Temperature divides the distance between two tokens' logprobs: from 0.5 to 2 it shrinks to a quarter. Under
    "raw_logprobs", vLLM's default, it stays. The proof at step 1 would not find that: raw ones are far from the policy's,
    and from the base model's as well.
    """
    if distance(server, model, LOW, line) < 2 * distance(server, model, HIGH, line):
        raise UserError(
            f"the vLLM server at {server.address} tells logprobs before temperature (it was started without --logprobs-mode "
            "processed_logprobs), and a run needs those of the distribution that is sampled from. Start it with: "
            f"{line}"
        )


def distance(server: VllmServer, model: str, temperature: float, line: str) -> float:
    """Nats between the likeliest next tokens of one prompt. Raises UserError where the answer lacks what a run needs."""
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
            f"the vLLM server at {server.address} does not tell the token ids that it samples, which a run learns from: "
            "it is too old. Use vllm 0.31.0, which the project installs."
        )
    return found
