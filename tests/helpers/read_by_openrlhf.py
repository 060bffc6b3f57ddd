"""Reads exports with OpenRLHF's own code, in its own process: `python read_by_openrlhf.py FOLDER...`; prints JSON lines.

Its program runs as `__main__` up to the start of Ray: its argument parser and its checks. Then its datasets and its agent
read data and reward. The program imports vLLM, DeepSpeed and flash-attn at its top; where they are not installed, empty
modules take their place, and none of them is called.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.machinery
import json
import runpy
import sys
import types
from pathlib import Path

import ray
from elsewhere import launched


class Empty(types.ModuleType):
    """A module in which every name is an empty class."""

    __version__ = "0.29.0"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the libraries of a GPU that are not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("vllm", "deepspeed", "flash_attn"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass


class Parsed(Exception):
    """The program has parsed and checked its arguments."""


def arguments(folder: Path):
    """The arguments of the launch script as OpenRLHF's program parses them."""

    def start(**_):
        raise Parsed(sys._getframe(1).f_locals["args"])

    ray.init = start
    sys.argv = ["train_ppo_ray", *launched(folder)[2:]]
    try:
        runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__")
    except Parsed as parsed:
        return parsed.args[0]
    raise AssertionError("it ended before Ray")


class Engine:
    """Answers with a fixed text, in the form of vLLM's answers."""

    def __init__(self, tokenizer, text: str):
        self.tokenizer, self.text = tokenizer, text

    async def generate(self, *_, **__):
        ids = [*self.tokenizer(self.text)["input_ids"], self.tokenizer.eos_token_id]
        output = types.SimpleNamespace(token_ids=ids, text=self.text, finish_reason="stop", logprobs=None)
        return types.SimpleNamespace(outputs=[output])


def rewards(args, tokenizer) -> list[float]:
    """The rewards of a right and of a wrong completion."""
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    agent = SingleTurnAgentExecutor(args.reward.remote_url)
    row = json.loads(Path(args.eval.dataset).read_text(encoding="utf-8").splitlines()[0])
    sampling = types.SimpleNamespace(max_tokens=args.rollout.max_new_tokens, logprobs=None)
    found = []
    for answer in (row["label"], "-999"):
        engine = Engine(tokenizer, f"so\n</reasoning>\n<answer>\n{answer}\n</answer>")
        done = asyncio.run(agent.execute(row["input"], row["label"], sampling, args.data.max_len, tokenizer, engine))
        found.append(float(done["reward"]))
    return found


def read(folder: Path) -> dict:
    """What OpenRLHF reads of an export."""
    args = arguments(folder)
    from openrlhf.trainer.ppo_trainer import prepare_datasets
    from openrlhf.utils import get_strategy, get_tokenizer

    strategy = get_strategy(args)
    tokenizer = get_tokenizer(args.actor.model_name_or_path, None, "left", strategy)
    train, test, steps = prepare_datasets(strategy, tokenizer)
    advantage = args.algo.advantage
    correction = [advantage.is_correction_level, advantage.is_correction_mode, advantage.is_correction_threshold]
    found = {
        "steps": steps,
        "loss": args.actor.loss_agg_mode,
        "estimator": advantage.estimator,
        "correction": correction,
    }
    for split, loader in (("train", train), ("test", test)):
        texts = [loader.dataset[i][1] for i in range(len(loader.dataset))]
        found[split] = [tokenizer(text=t, add_special_tokens=False)["input_ids"] for t in texts]
    return {**found, "rewards": rewards(args, tokenizer)}


if __name__ == "__main__":
    sys.meta_path.append(Absent())
    for place in sys.argv[1:]:
        print("\n" + json.dumps(read(Path(place))))
