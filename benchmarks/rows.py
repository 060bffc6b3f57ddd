"""The rows of the step benchmark: separate processes that do one thing per request.

They are separate because Unsloth patches TRL for a whole process and vLLM changes its threads. An idle row waits on a pipe
and costs nothing.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOREVER = 10**6  # steps: a row is terminated by its parent
CYCLE = 4  # steps after which the prompts repeat
UNSLOTH_ON_CPU = "TRL's own trainer runs on a CPU only with Unsloth imported"


@dataclass(frozen=True)
class Setup:
    """Settings that all rows of a table share."""

    folder: str  # temporary
    model: str = "tiny"  # a name that Config knows, or a folder
    prompts: int = 8
    group: int = 8  # completions per prompt
    tokens: int = 128  # the longest completion
    gpu: bool = False
    passes: int = 1  # forward and backward passes per step
    memory_share: float = 0.5  # share of the GPU memory for an engine
    flags: dict[str, Any] = field(default_factory=dict)  # other fields of Config, for our rows

    @property
    def completions(self) -> int:
        """Completions per step."""
        return self.prompts * self.group


class RowFailed(Exception):
    """A row's process ended or failed to answer a request."""


class Row:
    """The parent's side of a row: starts its process, sends requests and reads answers."""

    def __init__(self, role: str, setup: Setup, timeout: float = 900.0):
        self.role, self.timeout = role, timeout
        self.log = Path(setup.folder) / f"{role.replace(' ', '-')}.log"
        self.pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=run_row, args=(role, setup, theirs, str(self.log))
        )
        start = time.perf_counter()
        self.process.start()
        theirs.close()
        self.about = self.read()  # the row's description, sent when it is ready
        self.seconds_to_start = time.perf_counter() - start

    def ask(self, what: str, *arguments: Any) -> Any:
        """Sends a request to the row's process and returns its numbers."""
        self.pipe.send((what, *arguments))
        return self.read()

    def read(self) -> Any:
        """Returns the next answer. Raises RowFailed with the end of the row's log."""
        try:
            if not self.pipe.poll(self.timeout):
                raise EOFError(f"no answer in {self.timeout:.0f} s")
            kind, value = self.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            kind, value = "error", f"its process ended {error}"
        if kind == "error":
            tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
            self.close()
            raise RowFailed(f"row {self.role!r}: {value}\n--- end of its log\n{tail}")
        return value

    def close(self) -> None:
        """Terminates the process."""
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def run_row(role: str, setup: Setup, pipe, log: str) -> None:
    """Runs in the row's process, with the output of libraries in a file."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout.reconfigure(line_buffering=True)
    os.chdir(setup.folder)  # Unsloth and TRL write into the current folder
    try:
        ROLES[role](setup, pipe)
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone
    except BaseException as error:
        traceback.print_exc()
        pipe.send(("error", f"{type(error).__name__}: {error}"))
    os._exit(0)  # an engine's own threads would keep the process alive


def serve(pipe, about: dict[str, Any], actions: dict[str, Any]) -> None:
    """Answers requests until the pipe closes."""
    pipe.send(("ready", about))
    while True:
        what, *arguments = pipe.recv()
        pipe.send(("done", actions[what](*arguments)))


def missing(packages: Sequence[str]) -> str:
    """Returns which packages a row lacks, as text; empty if none."""
    lacking = [p for p in packages if importlib.util.find_spec(p) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else ""


# ---- shared by all rows


def our_config(setup: Setup, name: str, **flags: Any):
    """Returns our Config for this table; `flags` override the table's settings."""
    from r1rl.config.flags import Config
    from r1rl.config.recipes import overrides

    own = {
        "add_reasoning_prefix": True,
        "model_name": setup.model,
        "unsloth": setup.gpu,
        "per_device_train_batch_size": setup.completions // setup.passes,
        "gradient_accumulation_steps": setup.passes,
        "num_generations": setup.group,
        "max_completion_length": setup.tokens,
        "max_seq_length": max(1024, 512 + setup.tokens),
        "gpu_memory_utilization": setup.memory_share,
        "learning_rate": 1e-6,  # the rewards are fake, and random weights are sensitive
        "eval_on_start": False,
        "eval_steps": FOREVER,
        "save_steps": FOREVER,
        "max_steps": FOREVER,
        "dumps": setup.folder,
        "exp_name": name,
    }
    return Config(**{**overrides("tiny"), **own, **setup.flags, **flags})


def prompts_of_one_length(config, tokenizer, count: int):
    """Returns training prompts of the most frequent length, so that every draw is the same amount of work."""
    from collections import Counter

    from r1rl.tasks.prompts import Builder
    from r1rl.tasks.word_problems import WordProblems

    build = Builder(tokenizer, config)
    prompts = build(WordProblems(config.seed).load("train"), "train")
    usual = Counter(len(p.ids) for p in prompts).most_common(1)[0][0]
    chosen = [p for p in prompts if len(p.ids) == usual][:count]
    if len(chosen) < count:
        raise RuntimeError(f"only {len(chosen)} of {count} prompts have {usual} tokens")
    return chosen


def every_other(reward):
    """Returns a reward that calls the given one but pays 1 for every other completion and 0 for the rest.

    Random weights solve nothing, and groups with equal rewards may be left out of an update, which would change the work.
    """
    turns = itertools.cycle((1.0, 0.0))

    @functools.wraps(reward)
    def made_up(rollout, problem):
        reward(rollout, problem)
        return next(turns)

    return made_up


def seconds(on_gpu: bool) -> float:
    """Returns the time after the GPU has finished its work."""
    if on_gpu:
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()


def memory(on_gpu: bool) -> dict[str, float]:
    """Returns the peak memory so far in GiB."""
    from r1rl.system import machine

    found = {"process_gib": machine.peak_memory() / 2**30}
    if on_gpu:
        import torch

        found["gpu_gib"] = torch.cuda.max_memory_reserved() / 2**30
    return found


# ---- our rows


def ours(setup: Setup, pipe, name: str, **flags: Any) -> None:
    """Runs whole steps of our trainer through the program's entry points."""
    config = our_config(setup, name, **flags)
    from r1rl.engines import choice
    from r1rl.models import policy as models_policy
    from r1rl.preflight import checks
    from r1rl.runs import folder as runs_folder
    from r1rl.runs import progress
    from r1rl.system import machine

    machine.keep_memory()
    models_policy.import_backend(config)
    import timed

    kind, why = choice.choose(config, setup.gpu)
    runs_folder.check_folder(config)
    dump = runs_folder.open_run(config, "benchmark", machine.look().to_dict())
    policy = models_policy.load_policy(config, setup.gpu, kind == "shared")
    checks.check_tokenizer(config, policy.tokenizer)
    forced = timed.Forced()
    if kind == "transformers":
        engine = timed.forced_engine(policy, forced)
    else:
        engine = choice.start_engine(kind, config, policy, dump.folder)
        if kind == "vllm":
            engine.llm.generate = forced.vllm(engine.llm.generate)
        else:
            policy.model.fast_generate = forced.vllm(policy.model.fast_generate)
    from r1rl.rewards.weighted import load_rewards
    from r1rl.system.interrupt import Interrupt
    from r1rl.tasks.prompts import Builder
    from r1rl.tasks.word_problems import WordProblems
    from r1rl.trainers import trainer_class

    class KeptMeter(progress.Meter):
        """A Meter that keeps the line of the last step."""

        def step_done(self, line):
            self.kept = super().step_done(line)
            return self.kept

    meter = KeptMeter(config, None, {})
    trainer = timed.timed(trainer_class(config))(
        config,
        policy,
        engine,
        {name: every_other(reward) for name, reward in load_rewards(config).items()},
        prompts_of_one_length(config, policy.tokenizer, CYCLE * setup.prompts),
        Builder(policy.tokenizer, config)(WordProblems(config.seed).load("test"), "test"),
        dump,
        meter,
        Interrupt(),
    )

    def evaluate(lengths):
        """Evaluates as a run does: weights, one engine call, grading, dump."""
        calls, generate = [], engine.generate
        engine.generate = lambda *given: calls.append(1) or generate(*given)
        forced.set(lengths)
        start = seconds(setup.gpu)
        trainer.evaluate()
        taken = seconds(setup.gpu) - start
        del engine.generate
        return {"seconds": taken, "engine_calls": len(calls), "problems": len(trainer.eval_prompts)}

    def parts():
        """Returns the meter's parts of the last step without update, which the gate measures."""
        return {k: v for k, v in meter.kept["parts"].items() if k != "update"}

    def released():
        meter.step_began = time.perf_counter()  # waiting at the gate is not part of a step

    about = {"engine": f"{engine.name} ({why})", "backend": policy.backend, "mixed": policy.mixed,
             "prompt_tokens": len(trainer.train_prompts[0].ids)}  # fmt: skip
    gate = timed.Gate(pipe, trainer, forced, setup.gpu, about, parts, released, {"evaluate": evaluate})
    trainer.add_callback(gate)
    trainer.fit(None, [])


# ---- TRL's rows


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

    model = AutoModelForCausalLM.from_pretrained(
        model_path(config), dtype=torch.bfloat16 if setup.gpu else torch.float32
    )
    where = {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": setup.memory_share,
             "vllm_max_model_length": config.max_seq_length} if setup.gpu else {"use_cpu": True}  # fmt: skip
    lora = LoraConfig(r=64, lora_alpha=64, lora_dropout=0.0, target_modules=list(LORA_TARGETS), task_type="CAUSAL_LM")
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


# ---- the bare rows


def bare_engine(setup: Setup, pipe) -> None:
    """Runs `vllm.LLM.generate` alone, on the same prompts, with the sampled tokens' logprobs."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    import timed
    from vllm import LLM, SamplingParams

    from r1rl.models import policy as models_policy

    config = our_config(setup, "bare-engine", unsloth=False)
    prompts = prompts_of_one_length(config, models_policy.load_tokenizer(config), CYCLE * setup.prompts)
    on_gpu = {"gpu_memory_utilization": setup.memory_share}
    llm = LLM(
        model=models_policy.model_path(config),
        dtype="bfloat16" if setup.gpu else "float32",  # as our engines
        max_model_len=config.max_seq_length,
        enforce_eager=not setup.gpu,
        disable_log_stats=True,
        **(on_gpu if setup.gpu else {}),
    )
    forced = timed.Forced()
    generate = forced.vllm(llm.generate)
    calls = iter(range(10**9))

    def step(lengths):
        forced.set(lengths)
        llm.reset_prefix_cache()  # a training step has new weights, so nothing of the last one's cache is of use
        first = next(calls) % CYCLE * setup.prompts
        batch = [{"prompt_token_ids": list(p.ids)} for p in prompts[first : first + setup.prompts]]
        params = SamplingParams(n=setup.group, temperature=1.0, max_tokens=setup.tokens, logprobs=0)
        start = seconds(setup.gpu)
        generate(batch, params, use_tqdm=False)
        return {"seconds": seconds(setup.gpu) - start, "tokens": sum(lengths), **memory(setup.gpu)}

    serve(pipe, {"prompt_tokens": len(prompts[0].ids)}, {"step": step})


def bare_update(setup: Setup, pipe) -> None:
    """Forward, backward, clipping and AdamW of the same model on as many tokens, without padding or a trainer."""
    from r1rl.system import machine

    machine.keep_memory()
    import torch

    from r1rl.models import policy as models_policy

    config = our_config(setup, "bare-update", unsloth=False, load_in_4bit=False)
    policy = models_policy.load_policy(config, setup.gpu, False)
    model = policy.model
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    for weight in weights:
        weight.data = weight.data.float()
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=0.0)
    prompt_tokens = len(prompts_of_one_length(config, policy.tokenizer, 1)[0].ids)
    device = model.device
    at_once: dict[int, int] = {}  # by row length: rows in one pass, the fastest that was tried

    def update(rows: int, completion: int) -> None:
        whole = torch.randint(2, 600, (setup.completions, prompt_tokens + completion), device=device)
        for ids in whole.split(rows):
            with policy.autocast():
                logits = model(input_ids=ids, use_cache=False, logits_to_keep=completion + 1).logits[:, :-1]
            logprobs = logits.float().log_softmax(-1).gather(-1, ids[:, -completion:, None])[..., 0]
            (-logprobs.sum() / (setup.completions * completion)).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    def timed_update(rows: int, completion: int) -> float:
        start = seconds(setup.gpu)
        update(rows, completion)
        return seconds(setup.gpu) - start

    def step(lengths):
        completion = round(sum(lengths) / len(lengths))
        if completion not in at_once:  # the first call, which is not timed, finds the fastest division
            sizes = [n for n in (64, 32, 16, 8, 4) if n <= setup.completions and (n <= 8 or not setup.gpu)]
            update(sizes[-1], completion)
            tried = {n: min(timed_update(n, completion) for _ in range(2)) for n in sizes}
            at_once[completion] = min(tried, key=tried.get)
        taken = timed_update(at_once[completion], completion)
        tokens = setup.completions * (prompt_tokens + completion)
        return {"seconds": taken, "tokens": tokens, "rows_at_once": at_once[completion], **memory(setup.gpu)}

    def matrix_peak():
        """Returns the multiplications and additions per second of one large bfloat16 product, the hardware's peak."""
        size = 8192 if setup.gpu and "tiny" not in setup.model else 512
        a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
        best = float("inf")
        for _ in range(5):
            start = seconds(setup.gpu)
            for _ in range(10):
                a @ a
            best = min(best, (seconds(setup.gpu) - start) / 10)
        return {"flops": 2 * size**3 / best, "size": size}

    about = {"prompt_tokens": prompt_tokens, "mixed": policy.mixed}
    serve(pipe, about, {"step": step, "matrix peak": matrix_peak})


ROLES = {
    "ours": lambda setup, pipe: ours(setup, pipe, "ours", engine="transformers", unsloth=False),
    "ours vllm": lambda setup, pipe: ours(setup, pipe, "ours-vllm", engine="vllm", unsloth=False),
    "ours 4 bit": lambda setup, pipe: ours(setup, pipe, "ours-4bit", load_in_4bit=True),
    "ours bf16": lambda setup, pipe: ours(setup, pipe, "ours-bf16", load_in_4bit=False),
    "trl": trl_stock,
    "trl plain": lambda setup, pipe: trl_stock(setup, pipe, checkpointing=False),
    "published": published,
    "bare engine": bare_engine,
    "bare update": bare_update,
}
NEEDS = {
    "ours vllm": ["vllm"],
    "ours 4 bit": ["unsloth", "vllm"],
    "ours bf16": ["unsloth", "vllm"],
    "trl": ["unsloth"],
    "trl plain": ["unsloth"],
    "published": ["unsloth", "vllm"],
    "bare engine": ["vllm"],
}
