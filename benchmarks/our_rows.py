"""Our rows of the step benchmark: whole steps, and fine-tuning, through the program's entry points."""

from __future__ import annotations

import itertools
import random
import time
import types
from typing import Any

from rows import CYCLE, Setup, every_other, our_config, prompts_of_one_length, seconds

TAUGHT = 600  # token ids of the completions that fine-tuning learns are below this


def ours(setup: Setup, pipe, name: str, **flags: Any) -> None:
    """Runs whole steps of our trainer through the program's entry points."""
    config = our_config(setup, name, **flags)
    from r1rl.engines import choice
    from r1rl.models import policy as models_policy
    from r1rl.preflight import checks
    from r1rl.runs import folder as runs_folder
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

    meter = timed.KeptMeter(config, None, {})
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
        """Returns the meter's parts of the last step without update and other, which the gate measures."""
        return {k: v for k, v in meter.kept["parts"].items() if k not in ("update", "other")}

    def released():
        meter.step_began = time.perf_counter()  # waiting at the gate is not part of a step

    about = {"engine": f"{engine.name} ({why})", "backend": policy.backend, "mixed": policy.mixed,
             "sampler": getattr(engine, "note", ""), "lora_rank": config.lora_rank,
             "prompt_tokens": len(trainer.train_prompts[0].ids)}  # fmt: skip
    gate = timed.Gate(pipe, trainer, forced, setup.gpu, about, parts, released, {"evaluate": evaluate})
    trainer.add_callback(gate)
    trainer.fit(None, [])


def fine_tuning(setup: Setup, pipe) -> None:
    """Runs fine-tuning on completions of the forced lengths after the same prompts; a step is all of them once.

    The batches are the recipe's. No engine is loaded: nothing is evaluated.
    """
    config = our_config(setup, "fine-tuning", mode="sft", engine="transformers", unsloth=False, sft_learning_rate=1e-6)
    from r1rl.models import policy as models_policy
    from r1rl.runs import folder as runs_folder
    from r1rl.system import machine

    machine.keep_memory()
    models_policy.import_backend(config)
    import timed

    from r1rl.config.flags import DEFAULT_SFT_BATCH_SIZE
    from r1rl.system.interrupt import Interrupt
    from r1rl.trainers.sft import FineTuner
    from r1rl.trainers.sft_examples import IGNORED

    policy = models_policy.load_policy(config, False, False)
    prompts = prompts_of_one_length(config, policy.tokenizer, CYCLE * setup.prompts)
    prompt_tokens = len(prompts[0].ids)
    draw, completion = random.Random(0), setup.tokens
    examples = []
    for prompt in itertools.islice(itertools.cycle(prompts), setup.completions):
        taught = draw.choices(range(2, TAUGHT), k=completion)
        examples.append({"input_ids": [*prompt.ids, *taught], "labels": [IGNORED] * prompt_tokens + taught})
    meter = timed.KeptMeter(config, None, {})

    class Learned(timed.Forced):
        """Checks that the requested lengths are those of the examples, and that all their tokens were learned."""

        def set(self, lengths):
            if list(lengths) != [completion] * len(examples):
                raise RuntimeError(f"the {len(examples)} examples have completions of {completion} tokens")
            super().set(lengths)
            meter.tokens_seen = 0

        def check_step(self, logged):
            if meter.tokens_seen != sum(self.lengths):
                raise RuntimeError(f"{meter.tokens_seen} tokens were learned instead of {sum(self.lengths)}")

    dump = runs_folder.open_run(config, "benchmark", machine.look().to_dict())
    no_engine = types.SimpleNamespace(name="none")
    trainer = timed.timed(FineTuner)(config, policy, no_engine, {}, examples, [], dump, meter, Interrupt())
    batch = config.batch_size or DEFAULT_SFT_BATCH_SIZE
    about = {"backend": policy.backend, "mixed": policy.mixed, "batch": batch, "prompt_tokens": prompt_tokens}
    updates = len(examples) // batch
    trainer.add_callback(timed.Gate(pipe, trainer, Learned(), False, about, dict, lambda: None, {}, updates))
    trainer.fit(None)
