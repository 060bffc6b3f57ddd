"""A run in verl's format: parquet files, a reward function and a launch script with the run's settings.

Names by verl 0.9.1. Its own readers load the files: tests/commands/test_export_readers.py.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from r1rl.commands.export.framework_files import REWARD, Framework, Setting, word, write_files
from r1rl.commands.export.other_frameworks import RunExport
from r1rl.config.flags import Config
from r1rl.config.names import trackers
from r1rl.records import Prompt

VERL = Framework(
    name="verl",
    version="verl 0.9.1 (September 2026)",
    sources="`verl/trainer/config/_generated_ppo_trainer.yaml`, `docs/preparation/`, `docs/algo/grpo.md`, `docs/advance/ppo_lora.rst`",
    signature='''def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """The reward of one completion. verl gives its text without special tokens, and the gold answer."""
    return reward_of(solution_str, ground_truth)
''',
    start="python3 -m verl.trainer.main_ppo",
    separator="=",
)

# verl applies the model's chat template to the messages; this one leaves the complete text as it is.
AS_IT_IS = "{% for message in messages %}{{ message.content }}{% endfor %}"
LOSS_MODES = {"grpo": "seq-mean-token-mean", "dr_grpo": "seq-mean-token-sum-norm", "dapo": "token-mean", "bnpo": "token-mean"}  # fmt: skip
NEAR = "near: it also averages over tokens where the run averages over completions"


def text(value: str) -> str:
    """Returns a text as one word of bash, in the quotes without which hydra reads 1e3 as a number and splits at commas.

    >>> text("1e3")
    '\'"1e3"\''
    """
    return word('"' + value.replace('"', r"\"") + '"')


def in_folder(name: str) -> str:
    """Returns a file next to launch.sh as one word of bash, quoted for hydra."""
    return rf'"\"$HERE/{name}\""'


def write(exported: RunExport, folder: Path) -> None:
    """Writes all files into `folder`, which is empty."""
    import pandas as pd

    for split, prompts in (("train", exported.train), ("test", exported.test)):
        rows = [row(exported, prompt, split, i) for i, prompt in enumerate(prompts)]
        pd.DataFrame(rows).to_parquet(folder / f"{split}.parquet", index=False)
    write_files(folder, exported, VERL, settings(exported), missing=())


def row(exported: RunExport, prompt: Prompt, split: str, index: int) -> dict[str, Any]:
    """Returns one problem by verl's columns, with the whole prompt in one message."""
    problem = prompt.problem
    return {
        "data_source": f"r1rl/{exported.source}",
        "prompt": [{"role": "user", "content": exported.text(prompt)}],
        "ability": problem.task,
        "reward_model": {"style": "rule", "ground_truth": problem.answer},
        "extra_info": {"split": split, "index": index, "id": problem.id, "question": problem.question},
    }


def settings(exported: RunExport) -> list[Setting]:
    """Returns the run's settings by verl's keys."""
    return [*data(exported), *model(exported.config), *actor(exported), *rollout(exported.config), *trainer(exported)]


def data(exported: RunExport) -> list[Setting]:
    """Returns the settings of files, lengths and batch."""
    config = exported.config
    return [
        Setting("", "data.train_files", in_folder("train.parquet")),
        Setting("", "data.val_files", in_folder("test.parquet")),
        Setting("--batch-size, --steps-per-generation", "data.train_batch_size", word(exported.prompts_a_rollout), "prompts"),
        Setting("--max-prompt-length", "data.max_prompt_length", word(config.max_prompt_length)),
        Setting("--max-completion-length", "data.max_response_length", word(config.max_completion_length)),
        Setting("", "data.filter_overlong_prompts", "False", "longer ones are left out already; its filter ignores the template below"),
        Setting("--seed", "data.seed", word(config.seed)),
        Setting("--reward", "reward.custom_reward_function.path", in_folder(REWARD)),
        Setting("", "reward.custom_reward_function.name", "compute_score"),
    ]  # fmt: skip


def model(config: Config) -> list[Setting]:
    """Returns the settings of the base model and the part of it that is trained."""
    found = [
        Setting("--model-name", "actor_rollout_ref.model.path", r'"\"$MODEL\""'),
        Setting("prompts", "actor_rollout_ref.model.custom_chat_template", f'''"'{AS_IT_IS}'"''', "the texts are complete"),
    ]  # fmt: skip
    if not config.lora_rank:
        return [*found, Setting("--lora-rank 0", "actor_rollout_ref.model.lora_rank", "0", "all weights, sharded by FSDP")]  # fmt: skip
    return [
        *found,
        Setting("--lora-rank", "actor_rollout_ref.model.lora_rank", word(config.lora_rank)),
        Setting("--lora-alpha", "actor_rollout_ref.model.lora_alpha", word(config.lora_alpha or config.lora_rank)),
        Setting("", "actor_rollout_ref.model.target_modules", "all-linear", "as in the run, all but the output layer"),
        Setting("", "actor_rollout_ref.rollout.load_format", "safetensors", "required by its LoRA"),
    ]  # fmt: skip


def actor(exported: RunExport) -> list[Setting]:
    """Returns the settings of advantages, loss and optimizer."""
    config, key = exported.config, "actor_rollout_ref.actor"
    batchwise = config.scale_rewards in ("batch", "advantages")
    estimator = "reinforce_plus_plus_baseline" if batchwise else "grpo"
    linear = config.lr_scheduler == "linear"
    found = [
        Setting("--algorithm, --scale-rewards", "algorithm.adv_estimator", estimator, NEAR if batchwise else ""),
        Setting("--scale-rewards", "algorithm.norm_adv_by_std_in_grpo", word(config.scale_rewards == "group")),
        Setting("--beta", "algorithm.use_kl_in_reward", "False"),
        Setting("--beta", f"{key}.use_kl_loss", word(config.beta > 0), "no reference model" if config.beta == 0 else ""),
        Setting("--loss-type", f"{key}.loss_agg_mode", LOSS_MODES[config.loss_type],
                "near: the run divides by the tokens of each pass" if config.loss_type == "bnpo" else ""),
        Setting("--batch-size", f"{key}.ppo_mini_batch_size", word(exported.prompts_a_step), "prompts of an optimizer step"),
        Setting("--tokens-per-micro-batch", f"{key}.use_dynamic_bsz", "True"),
        Setting("--tokens-per-micro-batch", f"{key}.ppo_max_token_len_per_gpu", word(exported.tokens_a_pass), "affects only memory"),
        Setting("", f"{key}.ppo_epochs", "1"),
        Setting("", f"{key}.clip_ratio", "0.2", "it also clips at 3 from above (clip_ratio_c), which a first pass never reaches"),
        Setting("", f"{key}.entropy_coeff", "0"),
        Setting("--learning-rate", f"{key}.optim.lr", word(config.learning_rate)),
        Setting("--weight-decay", f"{key}.optim.weight_decay", word(config.weight_decay)),
        Setting("", f"{key}.optim.betas", "'[0.9,0.99]'"),
        Setting("--max-grad-norm", f"{key}.optim.clip_grad", word(config.max_grad_norm)),
        Setting("--warmup-ratio", f"{key}.optim.lr_warmup_steps_ratio", word(config.warmup_ratio)),
        Setting("--lr-scheduler", f"{key}.optim.lr_scheduler_type", "cosine" if linear else config.lr_scheduler,
                "near: it has no linear schedule" if linear else ""),
        Setting("--seed", f"{key}.data_loader_seed", word(config.seed)),
    ]  # fmt: skip
    if config.loss_type == "dr_grpo":
        found.append(Setting("--loss-type dr_grpo", f"{key}.loss_scale_factor", word(config.max_completion_length)))  # fmt: skip
    if config.beta:
        found.append(Setting("--beta", f"{key}.kl_loss_coef", word(config.beta)))
        found.append(Setting("--beta", f"{key}.kl_loss_type", "low_var_kl", "the same estimator"))
    if config.importance_correction:
        found.append(Setting("--importance-correction", "algorithm.rollout_correction.rollout_is", "token"))
        found.append(Setting("--importance-correction", "algorithm.rollout_correction.rollout_is_threshold", "2.0"))  # fmt: skip
    return found


def rollout(config: Config) -> list[Setting]:
    """Returns the settings of sampling in training and evaluations."""
    key = "actor_rollout_ref.rollout"
    found = [
        Setting("--engine", f"{key}.name", "vllm"),
        Setting("--num-generations", f"{key}.n", word(config.num_generations)),
        Setting("--temperature", f"{key}.temperature", word(config.temperature)),
        Setting("--top-p", f"{key}.top_p", word(config.top_p)),
        Setting("", f"{key}.tensor_model_parallel_size", "1", "GPUs of one engine: more if the model does not fit on one"),
        Setting("--eval-temperature", f"{key}.val_kwargs.do_sample", word(config.eval_temperature > 0)),
        Setting("--eval-temperature", f"{key}.val_kwargs.temperature", word(config.eval_temperature)),
        Setting("--eval-samples", f"{key}.val_kwargs.n", word(config.eval_samples)),
    ]  # fmt: skip
    if config.gpu_memory_utilization is not None:
        found.append(Setting("--gpu-memory-utilization", f"{key}.gpu_memory_utilization", word(config.gpu_memory_utilization)))  # fmt: skip
    return found


def trainer(exported: RunExport) -> list[Setting]:
    """Returns the settings of steps, evaluations, checkpoints and logs."""
    config = exported.config
    epochs = math.ceil(exported.steps / max(1, len(exported.train) // exported.prompts_a_rollout))
    logs = ",".join(f'"{name}"' for name in ("console", *trackers(config.report_to)))
    return [
        Setting("--max-steps", "trainer.total_training_steps", word(exported.steps), "batches of rollouts"),
        Setting("--max-steps", "trainer.total_epochs", word(epochs), "enough for these steps"),
        Setting("--eval-on-start", "trainer.val_before_train", word(config.eval_on_start)),
        Setting("--eval-steps", "trainer.test_freq", word(exported.rollouts(config.eval_steps))),
        Setting("--save-steps", "trainer.save_freq", word(exported.rollouts(config.save_steps))),
        Setting("--save-total-limit", "trainer.max_actor_ckpt_to_keep", word(config.save_total_limit)),
        Setting("--report-to", "trainer.logger", word(f"[{logs}]")),
        Setting("--project-name", "trainer.project_name", text(config.project_name)),
        Setting("--exp-name", "trainer.experiment_name", text(exported.run.name)),
        Setting("", "trainer.n_gpus_per_node", '"$GPUS"'),
        Setting("", "trainer.nnodes", '"$NODES"'),
    ]  # fmt: skip
