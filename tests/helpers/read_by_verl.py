"""Reads exports with verl's own code, in its own process: `python read_by_verl.py FOLDER...`; prints a line of JSON each.

Of verl it calls what `verl.trainer.main_ppo` calls before it starts Ray: hydra with its configuration, validate_config,
its dataset, the tokens of its agent loop, and its reward manager. vLLM is not needed: verl imports it only to round the
rank of an adapter up.
"""

from __future__ import annotations

import asyncio
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
import verl.trainer
from elsewhere import launched
from hydra import compose, initialize_config_dir
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config
from verl.utils.dataset.rl_dataset import get_dataset_class
from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

ROUNDED = types.ModuleType("verl.workers.rollout.vllm_rollout.utils")
ROUNDED.get_vllm_max_lora_rank = lambda rank: rank


def configuration(folder: Path):
    """verl's configuration from the arguments of the launch script, checked by verl."""
    with initialize_config_dir(str(Path(verl.trainer.__file__).parent / "config"), version_base=None):
        config = compose("ppo_trainer", overrides=launched(folder)[2:])
    validate_config(config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    return config


async def rate(manager, data: DataProto) -> float:
    """The reward of one completion."""
    manager.loop = asyncio.get_running_loop()
    return (await manager.run_single(data))["reward_score"]


def rewards(manager, tokenizer, row) -> list[float]:
    """The rewards of a right and of a wrong completion."""
    found = []
    for answer in (row["reward_model"]["ground_truth"], "-999"):
        ids = tokenizer(f"so\n</reasoning>\n<answer>\n{answer}\n</answer>")["input_ids"] + [tokenizer.eos_token_id]
        tensors = {"responses": torch.tensor([[*ids, 0, 0]]), "attention_mask": torch.tensor([[1] * len(ids) + [0, 0]])}
        others = {key: np.array([row[key]], dtype=object) for key in ("data_source", "reward_model", "extra_info")}
        found.append(asyncio.run(rate(manager, DataProto.from_dict(tensors=tensors, non_tensors=others))))
    return found


def read(folder: Path) -> dict:
    """What verl reads of an export."""
    config = configuration(folder)
    model = omega_conf_to_dataclass(config.actor_rollout_ref.model)
    builder = create_continuous_token_builder(model.tokenizer, hf_model_type=model.hf_config.model_type)
    found = {"experiment": config.trainer.experiment_name, "project": config.trainer.project_name,
             "steps": config.trainer.total_training_steps, "rank": config.actor_rollout_ref.model.lora_rank,
             "loss": config.actor_rollout_ref.actor.loss_agg_mode, "logger": list(config.trainer.logger)}  # fmt: skip
    for split, files in (("train", config.data.train_files), ("test", config.data.val_files)):
        dataset = get_dataset_class(config.data)(files, model.tokenizer, config.data)
        rows = [dataset[i] for i in range(len(dataset))]
        found[split] = [builder.build_initial_tokens(list(row["raw_prompt"])) for row in rows]
    found["rewards"] = rewards(load_reward_manager(config, model.tokenizer), model.tokenizer, rows[0])
    return found


if __name__ == "__main__":
    sys.modules.setdefault(ROUNDED.__name__, ROUNDED)
    for place in sys.argv[1:]:
        print("\n" + json.dumps(read(Path(place))))
