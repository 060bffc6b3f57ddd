"""Evaluation: all problems in one engine call, graded, with intervals."""

from __future__ import annotations

import time
from collections.abc import Sequence

from r1rl.config.flags import Config
from r1rl.engines.base import Engine, Sampling
from r1rl.records import Prompt, Rollout, Scored
from r1rl.rewards.grading import grade_rollout
from r1rl.rewards.weighted import Reward, rate
from r1rl.runs.dump import Dump, completion_line
from r1rl.runs.scores import Evaluation
from r1rl.system import distributed


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


def dump_evaluation(dump: Dump, prompts: Sequence[Prompt], result: Evaluation, seconds: float) -> None:
    """Writes an evaluation's completions and then its summary; `seconds` is when it ended."""
    owners = [p for p in prompts for _ in range(result.samples)]
    lines = [
        completion_line(result.step, "eval", *divmod(i, result.samples), prompt, scored, None, seconds)
        for i, (prompt, scored) in enumerate(zip(owners, result.scored))
    ]
    dump.evaluation(result.step, lines, result.summary | {"seconds": round(seconds, 3)})


def score(rollout: Rollout, prompt: Prompt, rewards: dict[str, Reward], config: Config) -> Scored:
    """Grades one rollout and gives it its rewards."""
    return score_all([rollout], [prompt], rewards, config)[0]


def score_all(
    rollouts: Sequence[Rollout],
    prompts: Sequence[Prompt],
    rewards: dict[str, Reward],
    config: Config,
    group: int = 1,
) -> list[Scored]:
    """Grades rollouts and gives them their rewards. Several processes share the work; `group` of them stay together."""
    return distributed.map_sharded(
        lambda own: score_own(rollouts[own], prompts[own], rewards, config), len(rollouts), group
    )


def score_own(
    rollouts: Sequence[Rollout], prompts: Sequence[Prompt], rewards: dict[str, Reward], config: Config
) -> list[Scored]:
    """Grades rollouts and gives them their rewards; the total is the weighted sum of those that apply."""
    problems = [p.problem for p in prompts]
    earned = {name: rate(reward, rollouts, problems) for name, reward in rewards.items()}
    weights = config.reward_weights
    scored = []
    for i, (rollout, problem) in enumerate(zip(rollouts, problems)):
        graded = grade_rollout(rollout, problem, config)
        own = {name: values[i] for name, values in earned.items()}
        known = [weights.get(name, 1.0) * r for name, r in own.items() if r is not None]
        total = sum(known) if known else None
        scored.append(Scored(rollout, problem, graded.value, graded.correct, own, total, graded.reason))
    return scored
