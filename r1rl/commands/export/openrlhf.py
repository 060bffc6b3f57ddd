"""A run in OpenRLHF's format: JSONL files, a reward function and a launch script with the run's settings.

Names by OpenRLHF 0.11.2. Its own readers load the files: tests/commands/test_export_readers.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from r1rl.commands.export.framework_files import REWARD, Framework, Setting, word, write_files
from r1rl.commands.export.other_frameworks import RunExport
from r1rl.config.names import trackers
from r1rl.records import Prompt
from r1rl.runs.dump import append_lines

OPENRLHF = Framework(
    name="OpenRLHF",
    version="OpenRLHF 0.11.2 (September 2026)",
    sources="`openrlhf/cli/train_ppo_ray.py`, `openrlhf/datasets/prompts_dataset.py`, `openrlhf/utils/agent.py`, `examples/python/reward_func.py`",
    signature='''def reward_func(queries, prompts, labels, **kwargs):
    """The rewards of completions. `queries`: prompt and completion as text, `labels`: the gold answers."""
    import torch

    found = [reward_of(completion_of(q, p), label) for q, p, label in zip(queries, prompts, labels)]
    rewards = torch.tensor(found)
    return {"rewards": rewards, "scores": rewards.clamp(0, 1), "extra_logs": {"right": (rewards > 0).float()}}
''',
    start="python3 -m openrlhf.cli.train_ppo_ray",
    separator=" ",
    guard="""case $HERE in
*[,@]*)
    echo "OpenRLHF splits paths at ',' and '@': move this folder to a path without them, it is $HERE" >&2
    exit 2
    ;;
esac
""",
)

ESTIMATORS = {
    "group": "group_norm",
    "none": "dr_grpo",
    "batch": "reinforce_baseline",
    "advantages": "reinforce_baseline",
}
LOSS_MODES = {"grpo": "seq-mean-token-mean", "dr_grpo": "token-mean", "dapo": "token-mean", "bnpo": "token-mean"}
LOSS_NOTES = {
    "dr_grpo": "differs: the mean over all tokens of the step, as dapo; it has no flag for a sum by a constant length",
    "bnpo": "near: the run divides by the tokens of each pass",
}
SCHEDULERS = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
NEAR = "near: it averages over tokens where the run averages over completions"


def write(exported: RunExport, folder: Path) -> None:
    """Writes all files into `folder`, which is empty."""
    for split, prompts in (("train", exported.train), ("test", exported.test)):
        append_lines(folder / f"{split}.jsonl", (row(exported, prompt) for prompt in prompts))
    write_files(folder, exported, OPENRLHF, settings(exported), missing(exported))


def row(exported: RunExport, prompt: Prompt) -> dict[str, Any]:
    """Returns one problem by OpenRLHF's keys. Without --data.apply_chat_template the input is tokenized as it is."""
    return {"input": exported.text(prompt), "label": prompt.problem.answer, "datasource": exported.source}


def length(exported: RunExport) -> tuple[int, int]:
    """Returns (episodes, prompts of each) nearest to the run's steps: OpenRLHF has no flag for steps."""
    batch = exported.prompts_a_rollout
    most = max(1, len(exported.train) // batch)  # batches of an episode
    episodes = math.ceil(exported.steps / most)
    return episodes, math.ceil(exported.steps / episodes) * batch


def settings(exported: RunExport) -> list[Setting]:
    """Returns the run's settings by OpenRLHF's flags."""
    return [*data(exported), *rollout(exported), *training(exported), *machines(exported), *logs(exported)]


def data(exported: RunExport) -> list[Setting]:
    """Returns the settings of files, lengths and number of prompts."""
    config = exported.config
    episodes, prompts = length(exported)
    steps = episodes * prompts // exported.prompts_a_rollout
    note = "" if steps == exported.steps else f"makes {steps} steps, the run has {exported.steps}"
    cut = f"; of the evaluation: {prompts} of {len(exported.test)}" if prompts < len(exported.test) else ""
    return [
        Setting("", "--data.prompt_dataset", '"$HERE/train.jsonl"', "without --data.apply_chat_template: the texts are complete"),
        Setting("", "--data.input_key", "input"),
        Setting("", "--data.label_key", "label"),
        Setting("--max-prompt-length, --max-completion-length", "--data.max_len",
                word(config.max_prompt_length + config.max_completion_length)),
        Setting("--max-steps", "--data.max_samples", word(prompts), f"the first of train.jsonl, which is shuffled{cut}"),
        Setting("--max-steps", "--train.num_episodes", word(episodes), note),
        Setting("--reward", "--reward.remote_url", f'"$HERE/{REWARD}"'),
        Setting("--reward", "--reward.clip_range", f"{word(-reach(exported))} {word(reach(exported))}", "wide enough for the run's"),
    ]  # fmt: skip


def reach(exported: RunExport) -> float:
    """Returns a bound on the run's rewards: each exported one is at most 3, or the scale of correctness."""
    config = exported.config
    return 10.0 * max(1.0, config.env_reward_scale) * max(1.0, sum(map(abs, config.reward_weights.values())))


def rollout(exported: RunExport) -> list[Setting]:
    """Returns the settings of sampling in training and evaluations."""
    config = exported.config
    return [
        Setting("--batch-size, --steps-per-generation", "--rollout.batch_size", word(exported.prompts_a_rollout), "prompts"),
        Setting("--num-generations", "--rollout.n_samples_per_prompt", word(config.num_generations)),
        Setting("--max-completion-length", "--rollout.max_new_tokens", word(config.max_completion_length)),
        Setting("--temperature", "--rollout.temperature", word(config.temperature)),
        Setting("--top-p", "--rollout.top_p", word(config.top_p)),
        Setting("--eval-count", "--eval.dataset", '"$HERE/test.jsonl"'),
        Setting("--eval-steps", "--eval.steps", word(exported.rollouts(config.eval_steps)), "none before the first step"),
        Setting("--eval-temperature", "--eval.temperature", word(config.eval_temperature)),
        Setting("--eval-samples", "--eval.n_samples_per_prompt", word(config.eval_samples)),
    ]  # fmt: skip


def training(exported: RunExport) -> list[Setting]:
    """Returns the settings of advantages, loss and optimizer."""
    config = exported.config
    found = [
        Setting("--batch-size", "--train.batch_size", word(config.generation_batch_size), "completions of an optimizer step"),
        Setting("--tokens-per-micro-batch", "--train.dynamic_batch_enable", ""),
        Setting("--tokens-per-micro-batch", "--train.max_tokens_per_gpu", word(exported.tokens_a_pass), "affects only memory"),
        Setting("", "--ds.packing_samples", "", "required by the setting above; needs flash-attn"),
        Setting("", "--train.max_epochs", "1"),
        Setting("--scale-rewards", "--algo.advantage.estimator", ESTIMATORS[config.scale_rewards],
                NEAR if config.scale_rewards in ("batch", "advantages") else ""),
        Setting("--beta", "--algo.kl.init_coef", word(config.beta), "no reference model" if config.beta == 0 else ""),
        Setting("", "--actor.policy_loss_type", "ppo"),
        Setting("--loss-type", "--actor.loss_agg_mode", LOSS_MODES[config.loss_type], LOSS_NOTES.get(config.loss_type, "")),
        Setting("", "--actor.eps_clip", "0.2"),
        Setting("--learning-rate", "--actor.adam.lr", word(config.learning_rate), learning_rate_note(config.lora_rank)),
        Setting("--weight-decay", "--actor.adam.weight_decay", word(config.weight_decay)),
        Setting("", "--actor.adam.betas", "0.9 0.99"),
        Setting("--max-grad-norm", "--actor.max_norm", word(config.max_grad_norm)),
        Setting("--warmup-ratio", "--actor.lr_warmup_ratio", word(config.warmup_ratio)),
        Setting("--lr-scheduler", "--actor.lr_scheduler", SCHEDULERS[config.lr_scheduler]),
        Setting("--seed", "--train.seed", word(config.seed)),
    ]  # fmt: skip
    if config.beta:
        found += [Setting("--beta", "--algo.kl.use_loss", ""), Setting("--beta", "--algo.kl.estimator", "k3")]
    if config.importance_correction:
        name = "--algo.advantage.is_correction"
        found += [Setting("--importance-correction", f"{name}_level", "token"),
                  Setting("--importance-correction", f"{name}_mode", "clip"),
                  Setting("--importance-correction", f"{name}_threshold", "0.0 2.0", "truncated at 2")]  # fmt: skip
    return found


def learning_rate_note(lora_rank: int) -> str:
    """Returns the note on a learning rate that was chosen for an adapter."""
    return "the run's, for an adapter: all weights usually need a tenth of it or less" if lora_rank else ""


def machines(exported: RunExport) -> list[Setting]:
    """Returns the settings of model, GPUs and engines: all on the same GPUs, as in the run."""
    found = [
        Setting("--model-name", "--actor.model_name_or_path", '"$MODEL"'),
        Setting("", "--actor.num_nodes", '"$NODES"'),
        Setting("", "--actor.num_gpus_per_node", '"$GPUS"'),
        Setting("", "--actor.gradient_checkpointing_enable", ""),
        Setting("", "--ds.zero_stage", "3", "weights, gradients and optimizer sharded"),
        Setting("", "--ds.param_dtype", "bf16"),
        Setting("--engine", "--vllm.num_engines", '"$((GPUS * NODES))"'),
        Setting("", "--vllm.tensor_parallel_size", "1", "GPUs of one engine: then fewer engines"),
        Setting("", "--vllm.gpu_memory_utilization", word(exported.config.gpu_memory_utilization or 0.5)),
        Setting("", "--vllm.enable_sleep", ""),
        Setting("", "--ds.enable_sleep", ""),
        Setting("", "--train.colocate_all", ""),
    ]
    if exported.config.beta:
        found += [Setting("--beta", "--ref.num_nodes", '"$NODES"'), Setting("--beta", "--ref.num_gpus_per_node", '"$GPUS"')]  # fmt: skip
    return found


def logs(exported: RunExport) -> Iterable[Setting]:
    """Yields the settings of checkpoints and trackers."""
    config = exported.config
    yield Setting("", "--ckpt.output_dir", '"$HERE/model"')
    yield Setting("", "--ckpt.path", '"$HERE/checkpoints"')
    yield Setting("--save-steps", "--ckpt.save_steps", word(exported.rollouts(config.save_steps)))
    yield Setting("--save-total-limit", "--ckpt.max_num", word(config.save_total_limit))
    if "tensorboard" in trackers(config.report_to):
        yield Setting("--report-to tensorboard", "--logger.tensorboard_dir", '"$HERE/logs"')
    if "wandb" in trackers(config.report_to):
        yield Setting("--report-to wandb", "--logger.wandb.key", '"${WANDB_API_KEY:?}"')
        yield Setting("--project-name", "--logger.wandb.project", word(config.project_name))
        yield Setting("--exp-name", "--logger.wandb.run_name", word(exported.run.name))


def missing(exported: RunExport) -> list[str]:
    """Returns what OpenRLHF has no counterpart for."""
    config, found = exported.config, []
    if config.lora_rank:
        found.append(
            f"The run trains LoRA of rank {config.lora_rank} (`--lora-rank`). OpenRLHF 0.11.2 does not send adapters to vLLM "
            "(OpenRLHF/OpenRLHF#1349, open in September 2026), so all weights are trained; verl trains adapters."
        )
    if config.loss_type == "dr_grpo":
        found.append("`--loss-type dr_grpo`: its loss is the mean over all tokens, as with `dapo`.")
    if "trackio" in trackers(config.report_to):
        found.append("`--report-to trackio`: it supports TensorBoard and wandb.")
    return found
