"""Evaluation of all problems in one engine call; grades and rewards of rollouts, also in training."""

from __future__ import annotations

import time
from collections.abc import Sequence

from r1rl.config.data_rules import DATA_FLAGS
from r1rl.config.flags import Config
from r1rl.engines.base import Engine, Sampling
from r1rl.records import Prompt, Rollout, Scored
from r1rl.rewards.grading import grade_rollout
from r1rl.rewards.weighted import Reward, rate, take_notes
from r1rl.runs.dump import Dump, completion_line
from r1rl.runs.scores import Evaluation
from r1rl.runs.tokens import TokenTexts, token_lines
from r1rl.system import distributed

# The flags that change an evaluation.
EVAL_FLAGS = (
    "dataset_name", "dataset_options", "dataset_path", *DATA_FLAGS, "system_prompt_file", "prompt_template",
    "answer_format", "answer_tolerance", "not_remove_comma", "prompt_style", "think_tag", "sampler_dtype", "is_chat", "add_reasoning_prefix", "max_prompt_length",
    "max_completion_length", "max_seq_length", "load_in_4bit", "lora_rank", "unsloth", "engine", "vllm_server_host",
    "vllm_server_port", "gpu_memory_utilization", "eval_count", "eval_samples", "eval_temperature",
    "per_device_eval_batch_size", "seed", "dumps", "trust_remote_code", "token_logprobs",
)  # fmt: skip


def evaluate(
    engine: Engine, prompts: Sequence[Prompt], rewards: dict[str, Reward], config: Config, step: int
) -> Evaluation:
    """Samples every prompt in one call and grades the completions."""
    start = time.perf_counter()
    sampling = Sampling(
        n=config.eval_samples,
        max_tokens=config.max_completion_length,
        temperature=config.eval_temperature,
        seed=config.seed,  # the same in every evaluation of a run
        batch_size=config.per_device_eval_batch_size,
    )
    rollouts = engine.generate(prompts, sampling)
    owners = [p for p in prompts for _ in range(config.eval_samples)]
    scored = score_all(rollouts, owners, rewards, config, config.eval_samples)
    return Evaluation(step, config.eval_samples, scored, time.perf_counter() - start)


def dump_evaluation(
    dump: Dump, prompts: Sequence[Prompt], result: Evaluation, seconds: float, texts: TokenTexts | None
) -> None:
    """Writes an evaluation's completions and then its summary; `seconds`: when it ended, since the run began."""
    owners = [p for p in prompts for _ in range(result.samples)]
    lines = [
        completion_line(result.step, "eval", *divmod(i, result.samples), prompt, scored, None, seconds)
        for i, (prompt, scored) in enumerate(zip(owners, result.scored))
    ]
    tokens = token_lines(texts, lines, owners, [scored.rollout for scored in result.scored])
    dump.evaluation(result.step, lines, result.summary | {"seconds": round(seconds, 3)}, tokens)


def score(rollout: Rollout, prompt: Prompt, rewards: dict[str, Reward], config: Config) -> Scored:
    """Returns one rollout with its grade and rewards."""
    return score_all([rollout], [prompt], rewards, config)[0]


def score_all(
    rollouts: Sequence[Rollout], prompts: Sequence[Prompt], rewards: dict[str, Reward], config: Config, group: int = 1
) -> list[Scored]:
    """Returns rollouts with grade and rewards. Several processes share the work, where `group` rollouts stay together."""
    return distributed.map_sharded(
        lambda part: score_part(rollouts[part], prompts[part], rewards, config), len(rollouts), group
    )


def score_part(
    rollouts: Sequence[Rollout], prompts: Sequence[Prompt], rewards: dict[str, Reward], config: Config
) -> list[Scored]:
    """Returns rollouts with grade and rewards; the total is the weighted sum of the rewards that apply."""
    problems = [p.problem for p in prompts]
    earned = {name: rate(reward, rollouts, problems) for name, reward in rewards.items()}
    weights = config.reward_weights
    scored = []
    for i, (rollout, problem) in enumerate(zip(rollouts, problems)):
        graded = grade_rollout(rollout, problem, config)
        named = {name: values[i] for name, values in earned.items()}
        weighted = [weights.get(name, 1.0) * r for name, r in named.items() if r is not None]
        total = sum(weighted) if weighted else None
        notes = take_notes(rewards, rollout)
        scored.append(Scored(rollout, problem, graded.value, graded.correct, named, total, graded.reason, notes))
    return scored
