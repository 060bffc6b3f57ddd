"""A vLLM server as the engine: on GPUs of its own, or on another machine that sees the run's folder.

It is vLLM's own server, `vllm serve`, started by the user. At each sync the adapter is written into the run's folder and
the server loads it under a new name: a name's cached prompts belong to its weights, so an old one would mix the two.
One request for each prompt, all of a step at once, in threads that do nothing but wait: a request has one seed, so
several prompts in it would share their random numbers, and what fails is asked again alone. The standard library does.
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
from r1rl.engines.threads import in_threads
from r1rl.engines.vllm import prompt_seed, stop_tokens
from r1rl.engines.vllm_http import AWAY, PATIENCE, NoAnswer, Refused
from r1rl.models.policy import Policy
from r1rl.records import STOP_TEXT, Prompt, Rollout, visible_text
from r1rl.system.errors import UserError
from r1rl.system.files import SAVING
from r1rl.system.out_of_memory import CannotGoOn

AT_ONCE = 256  # requests, each with all completions of a prompt; vLLM runs 256 to 1,024 of these at once
LOADING = 120.0  # seconds for loading an adapter of up to a gigabyte, possibly over a network
CLOSING = 5.0  # seconds


class ServerGone(CannotGoOn, UserError):
    """The server became unavailable: a trainer saves what was learned, other commands end with the message."""


class VllmServerEngine:
    """Samples from the adapter that was loaded last."""

    @classmethod
    def start(cls, config: Config, policy: Policy, folder: Path) -> VllmServerEngine:
        """Returns the engine; the adapter is passed through the run's folder."""
        return cls(config, policy, folder)

    def __init__(self, config: Config, policy: Policy, folder: Path):
        """`folder`: the run's, which the server must see under the same path; leftovers of an earlier process are removed."""
        self.server = server_of(config)
        self.name = f"vllm-server at {self.server.address}"
        self.policy = policy
        self.folder = folder.resolve() / "checkpoints" / "engine"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.ends = stop_tokens(policy)
        self.seeded = not policy.on_gpu  # as in-process: on a GPU seeds cost a kernel per request and token
        self.names = f"r1rl-{folder.name}-{uuid.uuid4().hex[:8]}"  # unique among the runs of a server
        self.count = 0
        self.adapter: Path | None = None  # the loaded one; its folder's name is its name on the server

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Raises ServerGone, and UserError where the server refuses a prompt."""
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
            answer = self.server.insist(COMPLETIONS, body, stopped=stopped)
            return rollouts_from_answer(prompts[place], answer)

        try:
            groups = in_threads(sample, range(len(prompts)), min(AT_ONCE, len(prompts)), stopped)
        except NoAnswer as error:
            raise self._gone(error) from None
        return [rollout for group in groups for rollout in group]

    def _request(self, prompt: Prompt, sampling: Sampling, place: int) -> dict[str, Any]:
        """Returns a request with all sampling settings: for omitted ones the server uses the model's generation_config."""
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
        """Loads the present adapter into the server. Raises ServerGone, and UserError if the server refuses it."""
        self.count += 1
        older, newer = self.adapter, self.folder / f"{self.names}-{self.count}"
        write_adapter(self.policy, newer)
        self._load(newer)
        self.adapter = newer
        if older is not None:
            self._drop(older)

    def restart(self) -> None:
        """Does nothing after a hung call: its connections are closed, and the server has dropped its requests."""
        self.sync()

    def close(self) -> None:
        """See Engine. The server keeps running without the adapter."""
        if self.adapter is not None:
            self._drop(self.adapter)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _load(self, adapter: Path) -> None:
        """Loads an adapter. Safe to repeat: names are unique, so a loaded one was loaded by a request whose answer was lost."""
        body = {"lora_name": adapter.name, "lora_path": str(adapter)}
        try:
            self.server.insist(LOAD, body, LOADING, [s for s in AWAY if s != 500])
        except NoAnswer as error:
            raise self._gone(error) from None
        except Refused as refusal:
            if "already been loaded" not in refusal.words:
                raise self._refused("load the adapter", refusal) from None

    def _drop(self, adapter: Path) -> None:
        """Unloads an adapter; a stopped server forgets it anyway."""
        with contextlib.suppress(NoAnswer, Refused):
            self.server.ask(UNLOAD, {"lora_name": adapter.name}, CLOSING)
        shutil.rmtree(adapter, ignore_errors=True)

    def _gone(self, error: NoAnswer) -> ServerGone:
        return ServerGone(
            "engine",
            f"the vLLM server at {self.server.address} has not answered for {PATIENCE:.0f} s ({error}). Start it again; "
            "--resume continues from the last checkpoint, also with another --vllm-server-host and --vllm-server-port",
        )

    def _refused(self, what: str, refusal: Refused) -> UserError:
        return UserError(
            f"the vLLM server at {self.server.address} refuses to {what}: {refusal}. Look at what it says itself; "
            "--resume continues from the last checkpoint."
        )


def write_adapter(policy: Policy, folder: Path) -> None:
    """Writes the adapter in PEFT's format, atomically; from a GPU in bfloat16, in which the server computes.

    Not by save_pretrained, which asks the hub each time whether the vocabulary of the base model has changed.
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
    """Returns an answer of /v1/completions to one prompt as rollouts, in the order of its samples."""
    rollouts = []
    for choice in sorted(answer["choices"], key=lambda c: c["index"]):
        ids, logprobs = tuple(choice["token_ids"]), tuple(choice["logprobs"]["token_logprobs"])
        finish = "length" if choice["finish_reason"] == "length" else "stop"
        text = visible_text(prompt, choice["text"])
        rollouts.append(Rollout(prompt.text, text, prompt.ids, ids, logprobs, finish))
    return rollouts
