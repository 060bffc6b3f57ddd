"""A run for another framework: its prompts, its settings, and what cannot be carried over."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.commands.data import by_characters
from r1rl.config.flags import DEFAULTS, DISTILL, Config, reward_weights, with_steps
from r1rl.config.names import is_task, option, parts_of
from r1rl.models.source import absolute_place
from r1rl.models.tokenizer import tokenizer_at, tokenizer_file
from r1rl.preflight import checks
from r1rl.records import VERDICT, Prompt
from r1rl.rewards.standalone import CARRIED
from r1rl.runs.finished import check_run, settings_of
from r1rl.system.errors import UserError
from r1rl.tasks import prompts, registry
from r1rl.tasks.base import owner

# The other losses change the ratio or its clipping, not how tokens are averaged.
LOSSES = ("grpo", "dr_grpo", "dapo", "bnpo")
NO_COUNTERPART = (
    "this has no counterpart in verl or OpenRLHF. Its model can be carried over: export with --to merged, and begin there "
    "with that folder."
)
NOT_CARRIED = (
    "clip_range", "epsilon_high", "delta", "importance_level", "mask_truncated", "num_iterations", "entropy_bonus",
    "top_entropy_share", "importance_mode", "importance_threshold", "multi_reward",
)  # fmt: skip
REWARD_FLAGS = ("dataset_name", "answer_format", "answer_tolerance", "not_remove_comma", "think_tag", "reward",
                "env_reward_scale")  # fmt: skip


@dataclass(frozen=True)
class RunExport:
    """A run, for writing in another framework's format."""

    run: Path
    config: Config
    source: str  # the task's name
    train: list[Prompt]
    test: list[Prompt]
    begin: str  # text of the tokens that the tokenizer adds before a prompt, which both frameworks do not
    special: tuple[str, ...]  # the tokenizer's special tokens
    notes: tuple[str, ...]  # what cannot be carried over

    @property
    def prompts_a_step(self) -> int:
        """Prompts of an optimizer step."""
        return self.config.generation_batch_size // self.config.num_generations

    @property
    def prompts_a_rollout(self) -> int:
        """Prompts of a batch of rollouts."""
        return self.prompts_a_step * self.config.steps_per_generation

    def rollouts(self, steps: int) -> int:
        """Returns optimizer steps as the frameworks count them, in batches of rollouts."""
        return math.ceil(steps / self.config.updates_per_generation)

    @property
    def tokens_a_pass(self) -> int:
        """Tokens of a forward and backward pass, at least those of the longest sample: the frameworks split none."""
        config = self.config
        return max(config.tokens_a_pass, config.max_prompt_length + config.max_completion_length)

    @property
    def steps(self) -> int:
        """Batches of rollouts in the run."""
        return self.rollouts(self.config.max_steps)

    @property
    def model(self) -> str:
        """The base model: a hub name, or a folder on this machine."""
        return absolute_place(self.config.model_name)

    @property
    def answer_type(self) -> str:
        """Problem.answer_type, the same for all of a run."""
        return self.train[0].problem.answer_type

    def text(self, prompt: Prompt) -> str:
        """Returns the prompt as it must be tokenized there, without further tokens."""
        return self.begin + prompt.text

    def reward_settings(self) -> dict[str, Any]:
        """Returns the flags of the rewards that differ from their defaults."""
        found = {name: getattr(self.config, name) for name in REWARD_FLAGS}
        if not is_task(found["dataset_name"]):  # a dataset of the hub, whose name no reward reads
            del found["dataset_name"]
        return {name: value for name, value in found.items() if value != DEFAULTS[name]}


def read_run_export(folder: Path, trust_remote_code: bool = False, **changes: Any) -> RunExport:
    """Reads a run and builds its prompts. Raises UserError if it is not a run or has no counterpart elsewhere."""
    check_run(folder)
    settings = settings_of(folder)
    check_counterpart(settings)
    kept, notes = carried_rewards(settings.get("reward") or Config.reward)
    fixed = {"resume": False, "trust_remote_code": trust_remote_code, "reward": kept, "reward_rules": None,
             "reward_model": None, "reward_words": None}  # fmt: skip
    config = Config(**{**settings, **fixed, **changes})
    checks.check_data_source(config)
    task = registry.load_task(config)
    problems = {"train": registry.training_problems(task, config), "test": registry.evaluation_problems(task, config)}
    notes += loss_notes(config)
    random.Random(config.seed).shuffle(problems["train"])  # OpenRLHF may take only the first ones
    file = tokenizer_file(config.model_name) or next((folder / "checkpoints").glob("*/tokenizer.json"), None)
    built, begin, more = build(config, problems, file)
    train, test = built["train"], built["test"]
    config = with_steps(config, len(train))
    special = () if file is None else special_tokens(file)
    return RunExport(folder, config, task.name, train, test, begin, special, (*notes, *more))


def check_counterpart(settings: dict[str, Any]) -> None:
    """Raises UserError unless verl and OpenRLHF can do the run by their flags: GRPO on one set of problems."""
    found = DEFAULTS | settings
    if found["pipeline"] or found["stage"] is not None:
        raise UserError(f"the run is part of a pipeline, whose stages depend on each other: {NO_COUNTERPART}")
    if found["mode"] in ("sft", "both"):
        raise UserError(f"the run is a fine-tuning, not reinforcement learning: {NO_COUNTERPART}")
    if found["algorithm"] == DISTILL:
        raise UserError(
            f"--algorithm distill learns from a teacher's probabilities, not from rewards: {NO_COUNTERPART}"
        )
    if found["algorithm"] != "grpo":
        raise UserError(
            f"--algorithm {found['algorithm']} has a value head on the policy's states instead of a second model: "
            f"{NO_COUNTERPART}"
        )
    if owner(found["dataset_name"]).answer_type == VERDICT:
        raise UserError(
            f"the rewards of {found['dataset_name']} read lists of words and no gold answer: {NO_COUNTERPART}"
        )
    types = {owner(name).answer_type for name in parts_of(found["dataset_name"])}
    if len(types) > 1:
        raise UserError(
            f"--dataset-name {found['dataset_name']} has answers of several types ({', '.join(sorted(types))}), and "
            f"reward.py compares one: {NO_COUNTERPART}"
        )
    if found["stages"] is not None:
        raise UserError(f"--stages {found['stages']} is a curriculum, not one set of problems: {NO_COUNTERPART}")
    if found["general_data"] is not None:
        raise UserError(f"--general-data has its own rewards, not those of the problems: {NO_COUNTERPART}")
    if found["loss_type"] not in LOSSES:
        raise UserError(
            f"--loss-type {found['loss_type']} weights or clips the ratio differently ({', '.join(LOSSES)} are exported): "
            f"{NO_COUNTERPART}"
        )


def carried_rewards(reward: str) -> tuple[str, list[str]]:
    """Returns (--reward with the rewards that can be carried over, notes on the others). Raises UserError if none can."""
    weights = reward_weights(reward)
    kept = {name: weight for name, weight in weights.items() if name in CARRIED and weight}
    left = [name for name in weights if name not in CARRIED]
    if not kept:
        raise UserError(
            f"--reward {reward}: none of it can be exported, because verl and OpenRLHF give a reward only the completion's "
            f"text and the gold answer, and your files are not copied. These can: {', '.join(CARRIED)}. Write a reward "
            "function by their documentation, or train with one of these first."
        )
    notes = [
        f"The reward {name} (weight {weights[name]:g}) is not in reward.py: it is a custom file, or reads more than the "
        "completion's text. Add it there by hand; without it the training differs."
        for name in left
    ]
    return ",".join(name if weight == 1 else f"{name}={weight!r}" for name, weight in kept.items()), notes


def loss_notes(config: Config) -> list[str]:
    """Returns notes on the flags of loss and advantages that the launch script does not carry over."""
    changed = [(option(n), getattr(config, n)) for n in NOT_CARRIED if getattr(config, n) != DEFAULTS[n]]
    return [
        f"`{flag} {value}` is not in launch.sh: set its counterpart there by hand; without it the training differs."
        for flag, value in changed
    ]


def build(
    config: Config, problems: dict[str, list], file: Path | None
) -> tuple[dict[str, list[Prompt]], str, list[str]]:
    """Returns (the run's prompts by split without those over the limit, begin, notes). Raises UserError."""
    if file is None and config.is_chat:
        raise UserError(
            f"the run's prompts are made by the chat template of {config.model_name}, which is not on this machine: run "
            f"`hf download {config.model_name} --include 'token*'` first, or export where the run was."
        )
    if file is None:
        builder = prompts.Builder(by_characters, config)
        note = (
            f"The tokenizer of {config.model_name} was not on the machine of the export: no prompt was left out for its "
            "length, and a token that the tokenizer adds before texts is missing in the prompts."
        )
        return {split: [builder.prompt(p) for p in part] for split, part in problems.items()}, "", [note]
    tokenizer = tokenizer_at(file, config)
    if config.is_chat:
        checks.check_tokenizer(config, tokenizer)
    builder = prompts.Builder(tokenizer, config)
    built = {split: builder(part, split) for split, part in problems.items()}
    begin = "" if config.is_chat else beginning(tokenizer, built["train"][0], file)
    first = tokenizer(begin + built["train"][0].text, add_special_tokens=False)["input_ids"]
    if tuple(first) == built["train"][0].ids:
        return built, begin, []
    note = (
        "The first tokens of a prompt differ from the run's: its tokenizer treats the beginning of a text differently."
    )
    return built, begin, [note]


def beginning(tokenizer, prompt: Prompt, file: Path) -> str:
    """Returns the text of the tokens that the tokenizer adds before a text (Llama's begin token)."""
    bare = tokenizer(prompt.text, add_special_tokens=False)["input_ids"]
    added = prompt.ids[: len(prompt.ids) - len(bare)]
    texts = {token["id"]: token["content"] for token in added_tokens(file)}
    return "".join(texts.get(i, "") for i in added)


def added_tokens(file: Path) -> list[dict[str, Any]]:
    """Returns the tokens that a tokenizer.json adds to the vocabulary."""
    return json.loads(file.read_text(encoding="utf-8")).get("added_tokens", [])


def special_tokens(file: Path) -> tuple[str, ...]:
    """Returns the tokens that decoding skips, the longest first."""
    found = (token["content"] for token in added_tokens(file) if token.get("special"))
    return tuple(sorted(found, key=len, reverse=True))
