"""TRL's rows of the step benchmark: its stock trainer on the same work, and R1RL's published configuration."""

from __future__ import annotations

from typing import Any

from rows import CYCLE, FOREVER, Setup, every_other, our_config, prompts_of_one_length, seconds


def trl_stock(setup: Setup, pipe, checkpointing: bool = True) -> None:
    """Runs TRL's GRPOTrainer with its own generation and defaults on the same model, prompts, lengths, batch and optimizer."""
    if not setup.gpu:
        import unsloth  # noqa: F401 - see UNSLOTH_ON_CPU
    import timed
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from r1rl.models.policy import LORA_TARGETS, model_path

    config = our_config(setup, "trl", engine="transformers", unsloth=False)
    tokenizer = AutoTokenizer.from_pretrained(model_path(config), padding_side="left")
    import torch

    model = AutoModelForCausalLM.from_pretrained(model_path(config), dtype=getattr(torch, setup.dtype))
    where = {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": setup.memory_share,
             "vllm_max_model_length": config.max_seq_length} if setup.gpu else {"use_cpu": True}  # fmt: skip
    rank = config.lora_rank
    lora = LoraConfig(
        r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=list(LORA_TARGETS), task_type="CAUSAL_LM"
    )
    serve_trainer(
        setup,
        pipe,
        config,
        timed.timed(GRPOTrainer),
        {"model": model, "peft_config": lora, "processing_class": tokenizer},
        GRPOConfig(
            output_dir=f"{setup.folder}/trl",
            gradient_checkpointing=checkpointing,
            **equal_arguments(config, setup),
            **where,
        ),
    )


def equal_arguments(config, setup: Setup) -> dict[str, Any]:
    """Returns the settings with which TRL does the same work; it keeps its defaults for everything else."""
    return {
        "per_device_train_batch_size": config.per_device_train_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "num_generations": config.num_generations,
        "max_completion_length": config.max_completion_length,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "beta": 0.0,
        "loss_type": config.loss_type,
        "scale_rewards": config.scale_rewards,
        "temperature": 1.0,
        "seed": config.seed,
        "max_steps": FOREVER,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": "none",
    }


def published(setup: Setup, pipe) -> None:
    """Runs R1RL's published configuration: stock Unsloth GRPO in 4 bit, 2 prompts x 8, evaluation in batches of 32.

    The settings are those of our recipe default, whose source is in recipes.py; lengths and shape are the table's.
    """
    from unsloth import FastLanguageModel

    from r1rl.models.policy import LORA_TARGETS, model_path

    config = our_config(setup, "published")
    model, tokenizer = FastLanguageModel.from_pretrained(
        model_path(config),
        max_seq_length=config.max_seq_length,
        load_in_4bit=True,
        fast_inference=True,
        max_lora_rank=64,
        gpu_memory_utilization=setup.memory_share,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=64,
        lora_alpha=64,
        target_modules=list(LORA_TARGETS),
        use_gradient_checkpointing="unsloth",
        random_state=config.seed,
    )
    import timed
    from trl import GRPOConfig, GRPOTrainer

    equal = equal_arguments(config, setup) | {
        "per_device_train_batch_size": 16,
        "gradient_accumulation_steps": 1,
        "num_generations": 8,
        "weight_decay": 0.1,
        "max_grad_norm": 0.1,
    }
    arguments = GRPOConfig(output_dir=f"{setup.folder}/published", use_vllm=True, optim="adamw_8bit", **equal)

    def evaluate_in(batch: int):
        """Returns an evaluation in engine calls of `batch` prompts, one after the other."""

        def evaluate(lengths, trainer, forced, prompts):
            from vllm import SamplingParams

            generate = forced.vllm(model.fast_generate)
            lora = model.load_lora(f"{setup.folder}/published_lora", load_tensors=True)
            forced.set(lengths)
            start = seconds(True)
            for i in range(0, len(lengths), batch):
                texts = [prompts[j % len(prompts)].text for j in range(i, min(i + batch, len(lengths)))]
                params = SamplingParams(temperature=0.0, max_tokens=setup.tokens)
                generate(texts, sampling_params=params, lora_request=lora, use_tqdm=False)
            calls = -(-len(lengths) // batch)
            return {"seconds": seconds(True) - start, "engine_calls": calls, "problems": len(lengths)}

        return evaluate

    trainer_type = timed.timed(GRPOTrainer)
    parts = {"model": model, "processing_class": tokenizer}
    serve_trainer(setup, pipe, config, trainer_type, parts, arguments, {"evaluate": evaluate_in(32)})


def serve_trainer(setup, pipe, config, trainer_type, pieces, arguments, actions=None) -> None:
    """Runs a TRL trainer on our prompts with our reward, in steps of forced lengths."""
    import timed
    from datasets import Dataset

    from r1rl.records import Rollout
    from r1rl.rewards.correctness import correctness_reward

    tokenizer = pieces["processing_class"]
    prompts = prompts_of_one_length(config, tokenizer, CYCLE * setup.prompts)
    reward = every_other(correctness_reward(config))

    def correctness(prompts_given, completions, index, **_):
        made = (Rollout(p, f"<reasoning>{c}", (), (), (), "stop") for p, c in zip(prompts_given, completions))
        return [reward(r, prompts[i].problem) for r, i in zip(made, index)]

    trainer = trainer_type(
        args=arguments,
        reward_funcs=lambda prompts, completions, **rest: correctness(prompts, completions, **rest),
        train_dataset=Dataset.from_list([{"prompt": p.text, "index": i} for i, p in enumerate(prompts)]),
        **pieces,
    )
    forced = timed.Forced()
    engine = getattr(trainer, "vllm_generation", None)
    if engine is not None:
        engine.llm.generate = forced.vllm(engine.llm.generate)
    else:
        trainer.model.generate = forced.transformers(trainer.model.generate, trainer.eos_token_ids)

    def parts():
        return {"generate": forced.seconds}

    bound = {name: lambda lengths, f=f: f(lengths, trainer, forced, prompts) for name, f in (actions or {}).items()}
    about = {"prompt_tokens": len(prompts[0].ids), "completions": arguments.generation_batch_size,
             "mixed": bool(arguments.bf16), "checkpointing": bool(arguments.gradient_checkpointing)}  # fmt: skip
    trainer.add_callback(timed.Gate(pipe, trainer, forced, setup.gpu, about, parts, lambda: None, bound))
    trainer.train()
