"""The proof of an export: a fresh process loads it and must answer the same problems as the live model does."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from r1rl.config.flags import Config
from r1rl.engines.base import Engine, Sampling
from r1rl.records import Prompt, Rollout, visible_text
from r1rl.rewards.grading import grade_rollout
from r1rl.runs.stats import format_accuracy
from r1rl.system import subprocesses
from r1rl.system.errors import UserError

COMPARED = 8  # completions whose logprobs with and without the adapter are compared


@dataclass(frozen=True)
class Comparison:
    """The answers of the export and of the live model, one per problem."""

    live: list[bool]  # right or wrong
    export: list[bool]
    other_prompts: int  # prompts that have different tokens with the export's tokenizer
    other_completions: int
    largest_gap: float  # largest difference of a token's logprob, where the completions are equal

    @property
    def same(self) -> bool:
        """Whether all prompts and completions are equal."""
        return not self.other_prompts and not self.other_completions

    def describe(self) -> list[str]:
        """Returns both results and the difference, for the screen."""
        n, difference = len(self.live), sum(self.export) - sum(self.live)
        return [
            f"live     {format_accuracy(sum(self.live), n)}",
            f"export   {format_accuracy(sum(self.export), n)}, loaded in a fresh process",
            f"differs  in {difference:+d} correct answers and {self.other_completions} of {n} completions, by at most "
            f"{self.largest_gap:.2g} nats per token",
        ]


def greedy(config: Config) -> Sampling:
    """Returns the sampling of both sides."""
    return Sampling(n=1, max_tokens=config.max_completion_length, temperature=0.0, seed=config.seed,
                    batch_size=config.per_device_eval_batch_size)  # fmt: skip


def effect(policy: Any, rollouts: Sequence[Rollout]) -> float:
    """Returns how far training moved a token's logprob, in nats (mean over a few completions). Raises UserError for 0."""
    from r1rl.models.logprobs import completion_logprobs

    read = [r for r in rollouts if r.completion_ids][:COMPARED]
    if policy.base is policy.model:  # all weights were trained: the base model is loaded again
        before = completion_logprobs(replace(policy, model=policy.sampling_copy()), read, 1.0)
    else:
        before = completion_logprobs(policy, read, 1.0, with_adapter=False)
    rows = zip(completion_logprobs(policy, read, 1.0), before)
    moved = [abs(a - b) for with_it, without in rows for a, b in zip(with_it, without)]
    if not moved or max(moved) == 0:
        raise UserError(
            f"the adapter changes nothing: over {len(moved)} tokens the model with it and the base model "
            f"({policy.path}) give the same probabilities. It was not exported; choose a later --checkpoint."
        )
    return fmean(moved)


def live_answers(engine: Engine, prompts: Sequence[Prompt], config: Config) -> list[Rollout]:
    """Returns the answers of the trained model."""
    return engine.generate(prompts, greedy(config))


def quantization_of(policy: Any) -> dict[str, Any] | None:
    """Returns bitsandbytes' settings of a 4-bit base model: Unsloth's differ from those of transformers."""
    found = getattr(policy.base.config, "quantization_config", None)
    return found.to_dict() if hasattr(found, "to_dict") else found


def reloaded_answers(
    folder: Path, prompts: Sequence[Prompt], config: Config, on_gpu: bool, quantization: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Returns the answers of a fresh process that has only the exported folder. Raises UserError if it fails."""
    with tempfile.TemporaryDirectory() as place:
        job, found = Path(place) / "job.json", Path(place) / "answers.json"
        content = {"folder": str(folder.resolve()), "on_gpu": on_gpu, "quantization": quantization, "trusted": config.trust_remote_code,
                   "is_chat": config.is_chat, "texts": [p.text for p in prompts], "sampling": asdict(greedy(config)),
                   "answers": str(found)}  # fmt: skip
        job.write_text(json.dumps(content), encoding="utf-8")
        command = [sys.executable, "-m", "r1rl.commands.export.reload", str(job)]
        environment = subprocesses.environment()
        # In another working directory: a relative path in the export would lead elsewhere there, as for its users.
        done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, errors="replace")
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise UserError(f"the export cannot be loaded by a fresh process: {last[:300]} It was not kept.")
        return json.loads(found.read_text(encoding="utf-8"))


def compare(
    prompts: Sequence[Prompt], live: Sequence[Rollout], found: Sequence[dict[str, Any]], tokenizer: Any, config: Config
) -> Comparison:
    """Compares the answers token by token, and grades both."""
    again = [reread(p, answer, tokenizer) for p, answer in zip(prompts, found)]
    equal = [(a, b) for a, b in zip(live, again) if a.completion_ids == b.completion_ids]
    gaps = [abs(x - y) for a, b in equal for x, y in zip(a.sampler_logprobs, b.sampler_logprobs)]
    return Comparison(
        live=[grade_rollout(r, p.problem, config).correct for r, p in zip(live, prompts)],
        export=[grade_rollout(r, p.problem, config).correct for r, p in zip(again, prompts)],
        other_prompts=sum(tuple(a["prompt"]) != p.ids for a, p in zip(found, prompts)),
        other_completions=len(live) - len(equal),
        largest_gap=max(gaps, default=0.0),
    )


def reread(prompt: Prompt, answer: dict[str, Any], tokenizer: Any) -> Rollout:
    """Returns an answer of the fresh process as a rollout."""
    text = visible_text(prompt, tokenizer.decode(answer["completion"], skip_special_tokens=True))
    ids, logprobs = tuple(answer["completion"]), tuple(answer["logprobs"])
    return Rollout(prompt.text, text, prompt.ids, ids, logprobs, "stop")


def check_equal(comparison: Comparison, on_gpu: bool) -> None:
    """Raises UserError if prompts differ, or on a CPU the answers: there both models must answer exactly alike."""
    n = len(comparison.live)
    if comparison.other_prompts:
        raise UserError(
            f"{comparison.other_prompts} of {n} prompts have different tokens with the export's tokenizer than with the run's. "
            "It was not kept: has the base model's folder changed since the run?"
        )
    if not comparison.same and not on_gpu:
        raise UserError(
            f"the export answers {comparison.other_completions} of {n} problems differently from the live model, on a CPU, "
            "where both must be equal. It was not kept: has the base model changed since the run?"
        )
