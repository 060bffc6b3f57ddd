"""vLLM in the trainer's process: with its own copy of the weights, or sharing them with the trainer through Unsloth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.training_rules import tokens_of_one_chunk
from r1rl.engines.base import Sampling
from r1rl.models.merge import merged_weights
from r1rl.models.policy import Policy
from r1rl.records import STOP_TEXT, Prompt, Rollout, visible_text
from r1rl.system import distributed
from r1rl.system.errors import UserError
from r1rl.system.out_of_memory import free_memory


class VllmEngine:
    """vLLM with a copy of the weights: on a CPU, and on a GPU without Unsloth for weights that are not quantized."""

    @classmethod
    def start(cls, config: Config, policy: Policy, folder: Path) -> VllmEngine:
        """Starts it; it writes nothing to the run's folder."""
        return cls(config, policy)

    def __init__(self, config: Config, policy: Policy):
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the weights are copied in memory
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        from vllm import LLM

        self.name = "vllm"
        self.config, self.policy = config, policy
        self.ends = stop_tokens(policy)
        self.seeded = not policy.on_gpu  # on a GPU each seed costs a kernel per request and token
        if policy.on_gpu:
            device = {"gpu_memory_utilization": config.gpu_memory_utilization}
        else:
            device = {"enable_chunked_prefill": False, "max_num_batched_tokens": tokens_of_one_chunk(config)}
        self.llm = LLM(
            model=policy.path,
            dtype="bfloat16" if policy.on_gpu else "float32",
            trust_remote_code=policy.trusted,
            load_format="auto" if policy.trusted else "safetensors",  # a pickle only with --trust-remote-code
            max_model_len=config.max_seq_length,
            enforce_eager=not policy.on_gpu,
            enable_prefix_caching=True,
            logprobs_mode="processed_logprobs",
            seed=config.seed + distributed.rank(),  # of requests without a seed
            disable_log_stats=True,
            **device,
        )

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine."""
        outputs = self.llm.generate(
            [{"prompt_token_ids": list(p.ids)} for p in prompts],
            sampling_params(sampling, self.seeded, len(prompts), self.ends),
            use_tqdm=False,
        )
        return rollouts_from_outputs(prompts, outputs)

    def sync(self) -> None:
        """Merges the adapter into the base weights and reloads them in place: tens of milliseconds for small models."""
        pairs = merged_weights(self.policy)
        self.llm.collective_rpc("reload_weights", kwargs={"weights_iterator": pairs})
        self.llm.reset_prefix_cache()  # it belongs to the old weights

    def restart(self) -> None:
        """Rebuilds the engine; being in-process, a hung call leaves nothing behind."""
        self.close()
        del self.llm
        free_memory()
        self.__init__(self.config, self.policy)
        self.sync()

    def close(self) -> None:
        """See Engine."""
        self.llm.llm_engine.engine_core.shutdown()


def stop_tokens(policy: Policy) -> list[int]:
    """Returns the tokens that end a completion in addition to those of the model's files, which vLLM reads itself."""
    return [] if policy.turn_end is None else [policy.turn_end]


def sampling_params(sampling: Sampling, seeded: bool, count: int, ends: Sequence[int] = ()):
    """Returns vLLM's SamplingParams, one per prompt if seeded; vLLM itself varies the seed within a group."""
    from vllm import SamplingParams

    def params(seed: int | None):
        return SamplingParams(
            n=sampling.n,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=[STOP_TEXT],
            stop_token_ids=list(ends),
            include_stop_str_in_output=True,
            logprobs=0,  # the sampled token's
            seed=seed,
        )

    if not seeded or prompt_seed(sampling, 0) is None:
        return params(None)
    return [params(prompt_seed(sampling, i)) for i in range(count)]


def prompt_seed(sampling: Sampling, place: int) -> int | None:
    """Returns the seed of the prompt at this position of a call; None for greedy sampling and without a seed."""
    if sampling.seed is None or sampling.temperature == 0:
        return None
    return (sampling.seed * 1_000_003 + (sampling.first + place) * sampling.n) % 2**31


def rollouts_from_outputs(prompts: Sequence[Prompt], outputs) -> list[Rollout]:
    """Returns vLLM's RequestOutputs as Rollouts."""
    rollouts = []
    for prompt, output in zip(prompts, outputs):
        for sample in output.outputs:
            ids = tuple(sample.token_ids)
            logprobs = tuple(step[i].logprob for step, i in zip(sample.logprobs, ids))
            text = visible_text(prompt, sample.text)
            finish = "length" if sample.finish_reason == "length" else "stop"
            rollouts.append(Rollout(prompt.text, text, prompt.ids, ids, logprobs, finish))
    return rollouts


class SharedEngine:
    """Unsloth's vLLM: the base weights exist once in GPU memory; the adapter is copied in memory at each step."""

    name = "vllm (weights shared by Unsloth)"

    @classmethod
    def start(cls, config: Config, policy: Policy, folder: Path) -> SharedEngine:
        """Starts it with a folder among the run's checkpoints, one for each process: Unsloth writes and reads it at once."""
        check_settings(config, policy)
        own = folder / "checkpoints" / f"engine{distributed.rank_suffix()}"
        return cls(policy, own, config.engine_sleep)

    def __init__(self, policy: Policy, folder: Path, sleeps: bool = False):
        self.policy, self.sleeps = policy, sleeps
        self.folder = folder  # for a small adapter_config.json; the weights stay in memory
        self.lora_request = None
        self.ends = stop_tokens(policy)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Without a lora_request vLLM would sample from the base model, without an error."""
        if self.lora_request is None:
            self.sync()
        outputs = self.policy.model.fast_generate(
            [{"prompt_token_ids": list(p.ids)} for p in prompts],
            sampling_params=sampling_params(sampling, False, len(prompts), self.ends),
            lora_request=self.lora_request,
            use_tqdm=False,
        )
        if self.sleeps:  # Unsloth wakes it in the next call
            self.policy.model.vllm_engine.sleep(1)
        return rollouts_from_outputs(prompts, outputs)

    def sync(self) -> None:
        """Makes a request with a new id: vLLM loads an id once, so an old id would keep the old adapter."""
        self.lora_request = self.policy.model.load_lora(str(self.folder), load_tensors=True)

    def close(self) -> None:
        """The engine is part of the model and goes with it."""


def check_settings(config: Config, policy: Policy) -> None:
    """Checks that Unsloth gave its engine what the flags ask for: other releases may not know a switch. Raises UserError."""
    if not (config.engine_sleep or config.suffix_decoding):
        return
    engine = policy.model.vllm_engine.llm_engine.vllm_config
    ignored = {
        "--engine-sleep": config.engine_sleep and not engine.model_config.enable_sleep_mode,
        "--suffix-decoding": config.suffix_decoding and engine.speculative_config is None,
    }
    if flags := [name for name, is_ignored in ignored.items() if is_ignored]:
        raise UserError(
            f"{' and '.join(flags)} had no effect on Unsloth's engine: this release of Unsloth does not do it for this model. "
            "Leave it out, or install the release that setup.py names."
        )
