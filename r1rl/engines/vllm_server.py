"""A vLLM server as the engine: on other GPUs, or on another machine that sees the run's folder.

It is vLLM's own server, `vllm serve`, started by the user. At each sync the adapter is written to the run's folder and
the server loads it under a new name: cached prompts belong to a name, so the same name would mix old and new weights.
Each prompt is one request, and all requests of a step are sent at once, from threads: a request has one seed, so several
prompts in it would share their random numbers; and a request that fails is repeated alone.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.engines.base import Sampling
from r1rl.engines.server_checks import COMPLETIONS, LOAD, UNLOAD, server_of
from r1rl.engines.vllm import prompt_seed, stop_tokens
from r1rl.models.policy import Policy
from r1rl.records import STOP_TEXT, Prompt, Rollout, visible_text
from r1rl.system.errors import UserError
from r1rl.system.files import SAVING
from r1rl.system.json_http import AWAY, RETRY_SECONDS, NoAnswer, Refused
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.system.threads import in_threads

AT_ONCE = 256  # requests, each with all completions of a prompt; vLLM runs 256 to 1,024 completions at once
LOAD_SECONDS = 120.0  # to load an adapter: up to a gigabyte, perhaps over a network
UNLOAD_SECONDS = 5.0


class ServerGone(CannotGoOn, UserError):
    """The server went away during the run: a trainer saves its last step, other commands end with the message."""


class VllmServerEngine:
    """Samples from the adapter of the last sync."""

    @classmethod
    def start(cls, config: Config, policy: Policy, folder: Path) -> VllmServerEngine:
        """Starts it; the adapter is sent through the run's folder."""
        return cls(config, policy, folder)

    def __init__(self, config: Config, policy: Policy, folder: Path):
        """`folder`: the run's, which the server must see under the same path; adapters of an earlier process are removed."""
        self.server = server_of(config)
        self.name = f"vllm-server at {self.server.address}"
        self.policy = policy
        self.folder = folder.resolve() / "checkpoints" / "engine"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.ends = stop_tokens(policy)
        self.seeded = not policy.on_gpu  # on a GPU each seed costs a kernel per request and token
        self.names = f"r1rl-{folder.name}-{uuid.uuid4().hex[:8]}"  # no other run on the server has this
        self.count = 0
        self.adapter: Path | None = None  # the one in use; its folder has its name on the server

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Raises ServerGone, and UserError if the server refuses a prompt."""
        if self.adapter is None:
            self.sync()
        try:
            return self._sample(prompts, sampling)
        except Refused as refusal:
            if refusal.status != 404:
                raise self._refused("sample", refusal) from None
        self._load(self.adapter)  # a restarted server has no adapter
        try:
            return self._sample(prompts, sampling)
        except Refused as refusal:
            raise self._refused("sample", refusal) from None

    def _sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        stopped = threading.Event()

        def sample(place: int) -> list[Rollout]:
            body = self._request(prompts[place], sampling, place)
            answer = self.server.request_patiently(COMPLETIONS, body, stopped=stopped)
            return rollouts_from_answer(prompts[place], answer)

        try:
            groups = in_threads(sample, range(len(prompts)), min(AT_ONCE, len(prompts)), stopped)
        except NoAnswer as error:
            raise self._gone(error) from None
        return [rollout for group in groups for rollout in group]

    def _request(self, prompt: Prompt, sampling: Sampling, place: int) -> dict[str, Any]:
        """Returns the request's body. It sets all that shapes the distribution: else the model's generation_config would."""
        return {
            "model": self.adapter.name,
            "prompt": list(prompt.ids),
            "n": sampling.n,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "stop": [STOP_TEXT],
            "stop_token_ids": self.ends,
            "include_stop_str_in_output": True,
            "logprobs": 0,  # the sampled token's
            "return_token_ids": True,
            "seed": prompt_seed(sampling, place) if self.seeded else None,
        }

    def sync(self) -> None:
        """Sends the current adapter. Raises ServerGone, and UserError if the server does not accept it."""
        self.count += 1
        older, newer = self.adapter, self.folder / f"{self.names}-{self.count}"
        write_adapter(self.policy, newer)
        self._load(newer)
        self.adapter = newer
        if older is not None:
            self._drop(older)

    def restart(self) -> None:
        """Sends the adapter again: the connections of a call that hung are closed, and the server has dropped it."""
        self.sync()

    def close(self) -> None:
        """See Engine. Unloads the adapter; the user's server keeps running."""
        if self.adapter is not None:
            self._drop(self.adapter)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _load(self, adapter: Path) -> None:
        """Loads an adapter. Safe to repeat: if its name is loaded already, only an earlier answer was lost."""
        body = {"lora_name": adapter.name, "lora_path": str(adapter)}
        try:
            self.server.request_patiently(LOAD, body, LOAD_SECONDS, [s for s in AWAY if s != 500])
        except NoAnswer as error:
            raise self._gone(error) from None
        except Refused as refusal:
            if "already been loaded" not in refusal.message:
                raise self._refused("load the adapter", refusal) from None

    def _drop(self, adapter: Path) -> None:
        """Unloads and deletes an adapter; a server that is away has lost it anyway."""
        with contextlib.suppress(NoAnswer, Refused):
            self.server.request(UNLOAD, {"lora_name": adapter.name}, UNLOAD_SECONDS)
        shutil.rmtree(adapter, ignore_errors=True)

    def _gone(self, error: NoAnswer) -> ServerGone:
        return ServerGone(
            "engine",
            f"the vLLM server at {self.server.address} has not answered for {RETRY_SECONDS:.0f} s ({error}). Start it again; "
            "--resume continues from the last checkpoint, also with another --vllm-server-host and --vllm-server-port",
        )

    def _refused(self, action: str, refusal: Refused) -> UserError:
        return UserError(
            f"the vLLM server at {self.server.address} refuses to {action}: {refusal}. Look at its log; "
            "--resume continues from the last checkpoint."
        )


def write_adapter(policy: Policy, folder: Path) -> None:
    """Writes the adapter as PEFT does, completely or not at all; from a GPU in bfloat16, the server's type.

    Not with save_pretrained: it asks the hub each time whether the base model's vocabulary has changed.
    """
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    written = folder.with_name(f"{SAVING}{folder.name}")
    written.mkdir(parents=True)
    dtype = torch.bfloat16 if policy.on_gpu else torch.float32
    weights = get_peft_model_state_dict(policy.model, adapter_name="default", save_embedding_layers=False)
    weights = {name: w.detach().to("cpu", dtype).contiguous() for name, w in weights.items()}
    save_file(weights, written / "adapter_model.safetensors", metadata={"format": "pt"})
    policy.model.peft_config["default"].save_pretrained(str(written))
    written.replace(folder)


def rollouts_from_answer(prompt: Prompt, answer: dict[str, Any]) -> list[Rollout]:
    """Returns the Rollouts of an answer of /v1/completions to one prompt, in the order of its samples."""
    rollouts = []
    for choice in sorted(answer["choices"], key=lambda c: c["index"]):
        ids, logprobs = tuple(choice["token_ids"]), tuple(choice["logprobs"]["token_logprobs"])
        finish = "length" if choice["finish_reason"] == "length" else "stop"
        text = visible_text(prompt, choice["text"])
        rollouts.append(Rollout(prompt.text, text, prompt.ids, ids, logprobs, finish))
    return rollouts
