"""vLLM sharing the trainer's weights: Unsloth's engine on a GPU, the adapter sent along with each request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r1rl.engines.base import Sampling
from r1rl.engines.vllm import rollouts_from_outputs, sampling_params, stop_tokens
from r1rl.models.policy import Policy
from r1rl.records import Rollout
from r1rl.tasks.prompts import Prompt


class SharedEngine:
    """The base weights exist once in GPU memory; the adapter goes over in memory at each step."""

    name = "vllm (weights shared by Unsloth)"

    def __init__(self, policy: Policy, folder: Path):
        self.policy = policy
        self.folder = folder  # gets a small adapter_config.json; the weights stay in memory
        self.lora_request = None
        self.ends = stop_tokens(policy)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Without a lora_request vLLM would sample the base model, with no error."""
        if self.lora_request is None:
            self.sync()
        outputs = self.policy.model.fast_generate(
            [{"prompt_token_ids": list(p.ids)} for p in prompts],
            sampling_params=sampling_params(sampling, False, len(prompts), self.ends),
            lora_request=self.lora_request,
            use_tqdm=False,
        )
        return rollouts_from_outputs(prompts, outputs)

    def sync(self) -> None:
        """A new request id: vLLM loads an id once, so an old id would keep the older adapter."""
        self.lora_request = self.policy.model.load_lora(str(self.folder), load_tensors=True)

    def close(self) -> None:
        """The engine is part of the model and goes with it."""
