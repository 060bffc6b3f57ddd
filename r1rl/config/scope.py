"""Which flags apply to which runs: one table by task, data, algorithm, engine and mode; the source of docs/flags.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from r1rl.config.data_rules import DATA_FLAGS, PUZZLES, STAGE_ENDS, has_generators, has_levels, is_custom, is_hub_name
from r1rl.config.flags import CLIPPED_LOSSES, DEFAULTS, DISTILL, Config, reward_weights
from r1rl.config.names import HEURISTIC_REWARDS, SERVER, custom_function, is_task, load_task_class, option
from r1rl.config.reward_rules import JUDGE_FLAGS, all_rewards
from r1rl.config.run_rules import SAMPLING_STAGES
from r1rl.records import NUMBER, VERDICT
from r1rl.system.errors import UserError

FINE_TUNING_STAGES = ("sft-1", "sft-2", "distill")


@dataclass(frozen=True, slots=True)
class Scope:
    """Flags, and the runs that they apply to."""

    when: str  # completes "it applies only ..."
    holds: Callable[[Config], bool]
    flags: tuple[str, ...]
    dropped: bool = False  # Config refuses them elsewhere, so a recipe's own setting has to be removed


# ---- conditions. The pipeline as a whole has stages of every kind.


def is_whole_pipeline(c: Config) -> bool:
    """Returns whether the flags are those of all stages."""
    return c.pipeline and c.stage is None


def trains(c: Config) -> bool:
    """Returns whether anything is trained."""
    return c.mode != "eval" and c.stage not in SAMPLING_STAGES


def reinforces(c: Config) -> bool:
    """Returns whether there is reinforcement learning."""
    stages = (*SAMPLING_STAGES, *FINE_TUNING_STAGES)
    return c.mode in (None, "rl", "both") and (c.stage not in stages or is_on_policy_stage(c))


def samples(c: Config) -> bool:
    """Returns whether completions are sampled from the training problems."""
    return reinforces(c) or c.stage in SAMPLING_STAGES


def fine_tunes(c: Config) -> bool:
    """Returns whether there is supervised fine-tuning."""
    stage = c.pipeline and c.stage in (None, *FINE_TUNING_STAGES) and not is_on_policy_stage(c)
    return c.mode in ("sft", "both") or stage


def is_on_policy_stage(c: Config) -> bool:
    """Returns whether this is the pipeline's last stage, in which the student samples."""
    return c.stage == "distill" and distills(c)


def has_groups(c: Config) -> bool:
    """Returns whether advantages come from the rewards of a group."""
    return c.algorithm == "grpo"


def distills(c: Config) -> bool:
    """Returns Config.distills, also for settings that are not yet a Config, as a dropped scope reads them."""
    return c.algorithm == DISTILL


def is_off_policy(c: Config) -> bool:
    """Returns whether the loss has a probability ratio, and several optimizer steps: in the first one the ratio is 1."""
    return has_groups(c) and c.updates_per_generation > 1


def has_several_rewards(c: Config) -> bool:
    """Returns whether several rewards are summed."""
    return any(sum(map(bool, reward_weights(r).values())) > 1 for r in (c.reward, c.general_reward) if r)


def rewarded(c: Config, *names: str) -> bool:
    """Returns whether one of these rewards is used."""
    return any(name in names for name in all_rewards(c))


def has_numbers(c: Config) -> bool:
    """Returns whether answers are compared as numbers."""
    return (c.answer_type if is_custom(c) else load_task_class(c.dataset_name).answer_type) == NUMBER


def has_fixed_prompt(c: Config) -> bool:
    """Returns whether the task's prompt is the same in every style."""
    return not is_custom(c) and load_task_class(c.dataset_name).answer_type == VERDICT


def reads_path(c: Config) -> bool:
    """Returns whether the data or task reads --dataset-path."""
    return is_hub_name(c.dataset_name) or load_task_class(c.dataset_name).reads_path


def writes_system_text(c: Config) -> bool:
    """Returns whether --prompt-style decides on any part of a prompt: not if the user's texts make up all of it."""
    return not (c.system_prompt_file is not None and (c.is_chat or c.prompt_template is not None))


READS_PATH = "to tasks that read files (gsm8k, math, knights_knaves, countdown, aegis, safety-queries) or that your own data can replace"
REINFORCEMENT = (
    "to reinforcement learning, so not with --mode sft or eval, and in the pipeline not to fine-tuning or sampling"
)
TABLE = (
    # tasks and data
    Scope("with --dataset-name knights_knaves", lambda c: c.dataset_name == PUZZLES, ("people",), dropped=True),
    Scope("with --dataset-name knights_knaves or reasoning-gym:NAME", lambda c: has_levels(c.dataset_name), ("stages",), dropped=True),
    Scope("with --stages", lambda c: c.stages is not None, STAGE_ENDS, dropped=True),
    Scope("without --stages, whose prompts are those of a level", lambda c: c.stages is None, ("difficulty_pool",)),
    Scope("with --advance-at", lambda c: c.advance_at is not None, ("advance_window",)),
    Scope(
        "to puzzles that --dataset-name knights_knaves generates",
        lambda c: c.dataset_name == PUZZLES and c.dataset_path is None,
        ("claim_depth",),
    ),
    Scope("with --dataset-name reasoning-gym:NAME, alone or mixed", lambda c: has_generators(c.dataset_name), ("dataset_options",)),
    Scope(READS_PATH, reads_path, ("dataset_path",)),
    Scope(
        "without --dataset-path, which takes the place of a hub name",
        lambda c: c.dataset_path is None or not is_hub_name(c.dataset_name),
        ("dataset_name",),
    ),
    Scope("to custom data", is_custom, DATA_FLAGS),
    Scope("to data from the hub", lambda c: c.dataset_path is None, ("dataset_config",)),
    Scope("to answers that are numbers", has_numbers, ("answer_tolerance", "not_remove_comma")),
    Scope(
        "to tasks without a fixed prompt (aegis and safety-queries have one), unless your own texts make up all of it",
        lambda c: not has_fixed_prompt(c) and writes_system_text(c),
        ("prompt_style",),
    ),
    # what is run
    Scope("with --mode", lambda c: c.mode is not None, ("sft_output", "rl_output")),
    Scope(
        "without --mode eval, which only compares finished models",
        lambda c: c.mode != "eval",
        (
            "resume", "report_to", "project_name", "gpu_price", "max_samples", "reward", "reward_words", "reward_rules",
            "reward_model", "reward_timeout", "reward_workers", *JUDGE_FLAGS, "env_reward_scale", "grace_seconds",
        ),
    ),
    Scope(
        "to training, so not with --mode eval or in the stages cold-start and rejection",
        trains,
        (
            "lora_alpha", "num_epochs", "batch_size", "warmup_ratio", "eval_on_start", "eval_steps", "guard", "guard_steps",
            "trial", "save_steps", "save_total_limit", "notify",
        ),
    ),
    Scope(
        "to sampling from the training problems, so not with --mode sft or eval, and not in the pipeline's fine-tuning",
        samples,
        ("num_generations", "temperature", "top_p", "generation_chunk", "people"),
    ),
    Scope(
        REINFORCEMENT,
        reinforces,
        (
            "algorithm", "method", "refill", "skip_solved", "difficulty_pool", "steps_per_generation", "num_iterations", "learn_from", "prune", "max_steps", "train_every",
            "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate", "lr_scheduler", "weight_decay",
            "max_grad_norm", "beta", "profile", "save_merged", "stages", *STAGE_ENDS, "advance_window", "general_reward",
        ),
    ),
    Scope(
        "to fine-tuning: with --mode sft or both, or in the pipeline",
        fine_tunes,
        ("sft_learning_rate", "keep_calculator_notes", "sft_data", "packing"),
    ),
    Scope(
        "to fine-tuning with --mode",
        lambda c: c.mode is not None,
        ("sft_samples", "sft_epochs"),
        dropped=True,
    ),
    Scope("to fine-tuning", lambda c: c.mode != "rl", ("sft_samples", "sft_epochs")),
    Scope(
        "to fine-tuning on worked solutions: with --mode sft or both, and without --sft-data",
        lambda c: c.mode in ("sft", "both") and c.sft_data is None,
        ("sft_direct",),
    ),
    Scope(
        "in the pipeline: with --recipe r1 or r1-tiny",
        lambda c: c.pipeline,
        (
            "stage", "from_stage", "earlier_run", "stage_settings", "refine_run", "kept_per_problem", "student_model",
            "distill_kl",
        ),
    ),
    Scope("in the pipeline, or with --algorithm distill", lambda c: c.pipeline or distills(c), ("teacher_model",)),
    Scope(
        "in the pipeline, or with --algorithm distill and without --mode",
        lambda c: c.pipeline or (distills(c) and c.mode is None),
        ("student_layers",),
        dropped=True,
    ),
    Scope(
        "without --student-layers, which makes the model of the teacher's layers",
        lambda c: c.pipeline or c.student_layers is None,
        ("model_name",),
    ),
    Scope(
        "to reinforcement learning, or to fine-tuning with --sft-data",
        lambda c: reinforces(c) or c.sft_data is not None,
        ("general_data",),
    ),
    Scope("with --general-data", lambda c: c.general_data is not None, ("mix_ratio", "general_reward"), dropped=True),
    Scope(
        "without --num-epochs, which sets the number of steps",
        lambda c: c.num_epochs is None or is_whole_pipeline(c),
        ("max_steps",),
    ),
    Scope(
        "without --batch-size, which sets it",
        lambda c: c.batch_size is None or is_whole_pipeline(c),
        ("per_device_train_batch_size",),
    ),
    Scope("with --num-epochs", lambda c: c.num_epochs is not None, ("train_every",)),
    # models and engines
    Scope("with an adapter: with --lora-rank above 0", lambda c: c.lora_rank != 0, ("lora_alpha", "unsloth"), dropped=True),
    Scope("with --engine vllm-server", lambda c: c.engine == SERVER, ("vllm_server_host", "vllm_server_port")),
    Scope("with --engine vllm or auto", lambda c: c.engine in ("vllm", "auto"), ("gpu_memory_utilization", "engine_sleep", "suffix_decoding")),
    Scope("with Unsloth: with --unsloth and --lora-rank above 0", lambda c: c.wants_unsloth, ("engine_sleep", "suffix_decoding")),
    Scope(
        "with --engine transformers or auto",
        lambda c: c.engine in ("transformers", "auto"),
        ("sampler_dtype", "generation_chunk", "per_device_eval_batch_size", "prune"),
    ),
    # rewards
    Scope("with --reward cot-heuristics or cot-concise", lambda c: rewarded(c, *HEURISTIC_REWARDS), ("reward_words",), True),
    Scope("with --reward rules", lambda c: rewarded(c, "rules"), ("reward_rules",), True),
    Scope("with --reward reward-model", lambda c: rewarded(c, "reward-model"), ("reward_model",), True),
    Scope("with --reward correctness", lambda c: rewarded(c, "correctness"), ("env_reward_scale",)),
    Scope(
        "with a custom reward: with --reward FILE.py:FUNCTION",
        lambda c: any(map(custom_function, all_rewards(c))),
        ("reward_workers",),
    ),
    Scope(
        "with a custom reward, or with --reward judge",
        lambda c: any(map(custom_function, all_rewards(c))) or rewarded(c, "judge"),
        ("reward_timeout",),
    ),
    Scope("with --reward judge", lambda c: rewarded(c, "judge"), JUDGE_FLAGS),
    # algorithms
    Scope(
        "with --algorithm grpo",
        has_groups,
        (
            "method", "scale_rewards", "multi_reward", "loss_type", "epsilon_high", "delta", "importance_level",
            "mask_truncated", "entropy_bonus", "top_entropy_share", "importance_correction", "importance_mode",
            "importance_threshold", "refill", "skip_solved", "difficulty_pool", "num_iterations", "learn_from",
        ),
    ),
    Scope(
        "with --algorithm grpo or distill",
        lambda c: not c.has_value_head,
        ("tokens_per_micro_batch", "gradient_accumulation_steps", "steps_per_generation"),
    ),
    Scope("with --algorithm distill", distills, ("teacher_in_4bit", "distill_beta", "teacher_steps")),
    Scope("without --algorithm distill, which measures the distance from the teacher", lambda c: not distills(c), ("beta",)),
    Scope("with --learn-from", lambda c: c.learn_from is not None, ("learn_rule",)),
    Scope(
        "with --steps-per-generation or --num-iterations above 1: in the first step on a completion the ratio is 1",
        is_off_policy,
        ("epsilon_high", "delta", "importance_level"),
    ),
    Scope("with --loss-type grpo, dr_grpo, dapo, bnpo or luspo", lambda c: c.loss_type in CLIPPED_LOSSES, ("delta",)),
    Scope(
        "without --loss-type sapo or vespo, which do not clip",
        lambda c: c.loss_type not in ("sapo", "vespo"),
        ("epsilon_high",),
    ),
    Scope("with --importance-correction", lambda c: c.importance_correction, ("importance_mode", "importance_threshold")),
    Scope("with several rewards", has_several_rewards, ("multi_reward",)),
    Scope(
        "without --multi-reward gdpo, which scales each reward in its group",
        lambda c: c.multi_reward != "gdpo",
        ("scale_rewards",),
    ),
    Scope(
        "with --algorithm ppo or reward-weighted",
        lambda c: c.has_value_head,
        (
            "ppo_epochs", "minibatches", "gamma", "gae_lambda", "value_clip_range", "value_coef", "value_learning_rate",
            "whiten_advantages", "target_kl", "update_chunk", "cleanup_steps",
        ),
    ),
    Scope(
        "with --algorithm ppo, or with --steps-per-generation or --num-iterations above 1 and a loss that clips",
        lambda c: c.algorithm == "ppo" or (is_off_policy(c) and c.loss_type in CLIPPED_LOSSES),
        ("clip_range",),
    ),
)  # fmt: skip


def when(name: str) -> list[str]:
    """Returns the conditions under which a flag applies; none if it always does."""
    return [scope.when for scope in TABLE if name in scope.flags]


def missing(config: Config, name: str) -> str | None:
    """Returns the first condition of a flag that does not hold in this run, or None."""
    return next((s.when for s in TABLE if name in s.flags and not s.holds(config)), None)


def check_given(config: Config, given: Mapping[str, Any], place: str = "") -> None:
    """Checks that each flag that the user gave, in a file in `place`, applies to the run. Raises UserError.

    A value that turns nothing on, such as --no-packing, --refill 0 or null in a file, may be given anywhere.
    """
    for name, value in given.items():
        if value is None or (not value and value == DEFAULTS[name]):
            continue
        if (condition := missing(config, name)) is not None:
            shown = (
                option(name) if value is True else option(f"no_{name}") if value is False else f"{option(name)} {value}"
            )
            raise UserError(f"{place}{shown} would have no effect, because it applies only {condition}: leave it out.")


def without_inapplicable(settings: Mapping[str, Any], own: Iterable[str]) -> dict[str, Any]:
    """Returns the settings of a run without those of `own` that Config would refuse, because they do not apply."""
    kept, own = dict(settings), set(own)
    task = kept.get("dataset_name", Config.dataset_name)
    if not (is_task(task) or is_hub_name(task)):  # which is refused with its name
        return kept
    for scope in TABLE:
        flags = own & kept.keys() & {*scope.flags}
        if scope.dropped and flags and not scope.holds(SimpleNamespace(**(DEFAULTS | kept))):
            kept = {name: value for name, value in kept.items() if name not in flags}
    return kept
