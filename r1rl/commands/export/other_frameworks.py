"""What a run is, for another framework: its prompts as they were, its settings, and what cannot go with it."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.commands.data import by_characters
from r1rl.config.flags import DEFAULTS, TINY_MODELS, Config, reward_weights, with_steps
from r1rl.config.names import DATASETS
from r1rl.models.tokenizer import tokenizer_at, tokenizer_file
from r1rl.preflight import checks
from r1rl.records import VERDICT, Prompt
from r1rl.rewards.standalone import CARRIED
from r1rl.runs.finished import check_run, settings_of
from r1rl.system.errors import UserError
from r1rl.tasks import prompts, registry
from r1rl.tasks.base import owner

LOSSES = (
    "grpo",
    "dr_grpo",
    "dapo",
    "bnpo",
)  # the others change the ratio or its clipping, not how tokens are averaged

NOT_THERE = (
    "it has no counterpart in verl or OpenRLHF. Its model goes over all the same: export with --to merged, and begin there "
    "with that folder."
)

REWARD_FLAGS = ("dataset_name", "answer_format", "answer_tolerance", "not_remove_comma", "think_tag", "reward",
                "env_reward_scale")  # fmt: skip


@dataclass(frozen=True)
class RunExport:
    """A run, ready to be written in another framework's format."""

    run: Path
    config: Config
    source: str  # the task's name
    train: list[Prompt]
    test: list[Prompt]
    begin: str  # text of the tokens that the run's tokenizer puts before a prompt by itself; both frameworks do not
    special: tuple[str, ...]  # the tokenizer's tokens that are no text
    told: tuple[str, ...]  # what does not go over, of this run

    @property
    def prompts_a_step(self) -> int:
        """Prompts of an optimizer step."""
        return self.config.generation_batch_size // self.config.num_generations

    @property
    def prompts_a_rollout(self) -> int:
        """Prompts sampled at once."""
        return self.prompts_a_step * self.config.steps_per_generation

    def rollouts(self, steps: int) -> int:
        """Optimizer steps as the frameworks count them: by batches of rollouts."""
        return math.ceil(steps / self.config.steps_per_generation)

    @property
    def tokens_a_pass(self) -> int:
        """As the run's, and never less than the longest sample has: the frameworks tear none."""
        config = self.config
        return max(config.tokens_a_pass, config.max_prompt_length + config.max_completion_length)

    @property
    def steps(self) -> int:
        """Batches of rollouts in the run."""
        return self.rollouts(self.config.max_steps)

    @property
    def model(self) -> str:
        """The base model: a hub name, or a folder of this machine."""
        name = str(TINY_MODELS.get(self.config.model_name, self.config.model_name))
        return str(Path(name).resolve()) if checks.is_local(name) else name

    @property
    def answer_type(self) -> str:
        """Problem.answer_type, the same for all of a run."""
        return self.train[0].problem.answer_type

    def text(self, prompt: Prompt) -> str:
        """The prompt as it must be tokenized there: as it stands, without adding anything."""
        return self.begin + prompt.text

    def reward_settings(self) -> dict[str, Any]:
        """The flags that the rewards read, where they are not at their defaults."""
        found = {name: getattr(self.config, name) for name in REWARD_FLAGS}
        if (
            found["dataset_name"] not in DATASETS
        ):  # a hub's dataset of the user's own: no reward asks for its name
            del found["dataset_name"]
        return {name: value for name, value in found.items() if value != DEFAULTS[name]}


def read_run_export(folder: Path, trust_remote_code: bool = False, **changes: Any) -> RunExport:
    """Reads the run and builds its prompts. Raises UserError for what is no run or has no counterpart elsewhere."""
    check_run(folder)
    settings = settings_of(folder)
    check_counterpart(settings)
    kept, told = carried_rewards(settings.get("reward") or Config.reward)
    asked = {
        "resume": False,
        "trust_remote_code": trust_remote_code,
        "report_to": settings.get("report_to", "none"),
    }
    alone = {"reward": kept, "reward_rules": None, "reward_model": None, "reward_words": None}
    config = Config(**{**settings, **asked, **alone, **changes})
    checks.check_data_source(config)
    task = registry.load_task(config)
    problems = {
        "train": registry.training_problems(task, config),
        "test": registry.evaluation_subset(task.load("test"), config.eval_count, config.seed),
    }
    random.Random(config.seed).shuffle(
        problems["train"]
    )  # OpenRLHF takes the first ones, where it takes not all
    file = tokenizer_file(config.model_name) or next((folder / "checkpoints").glob("*/tokenizer.json"), None)
    built, begin, more = build(config, problems, file)
    config = with_steps(config, len(built["train"]))
    special = () if file is None else special_tokens(file)
    return RunExport(folder, config, task.name, built["train"], built["test"], begin, special, (*told, *more))


def check_counterpart(settings: dict[str, Any]) -> None:
    """Whether the run is one that verl and OpenRLHF can do by their flags: GRPO on one set of problems. Raises UserError."""
    found = DEFAULTS | settings
    if found["pipeline"] or found["stage"] is not None:
        raise UserError(
            f"the run is a part of the pipeline, whose stages hand models and data to one another: {NOT_THERE}"
        )
    if found["mode"] in ("sft", "both"):
        raise UserError(
            f"the run is a fine-tuning, and what is written here is for reinforcement learning: {NOT_THERE}"
        )
    if found["algorithm"] != "grpo":
        raise UserError(
            f"--algorithm {found['algorithm']} has a value head on the policy's own states, and they have a second model: "
            f"{NOT_THERE}"
        )
    if owner(found["dataset_name"]).answer_type == VERDICT:
        raise UserError(
            f"the rewards of {found['dataset_name']} read lists of words, and no gold answer: {NOT_THERE}"
        )
    if found["stages"] is not None:
        raise UserError(
            f"--stages {found['stages']} is a curriculum, and they have one set of problems: {NOT_THERE}"
        )
    if found["general_data"] is not None:
        raise UserError(
            f"--general-data has rewards of its own, and they have one reward function: {NOT_THERE}"
        )
    if found["loss_type"] not in LOSSES:
        raise UserError(
            f"--loss-type {found['loss_type']} weighs or clips the ratio otherwise than they do; {', '.join(LOSSES)} go over: "
            f"{NOT_THERE}"
        )


def carried_rewards(reward: str) -> tuple[str, list[str]]:
    """(--reward without what only this program can compute, what is told of the rest). Raises UserError if none is left."""
    weights = reward_weights(reward)
    kept = {name: weight for name, weight in weights.items() if name in CARRIED and weight}
    left = [name for name in weights if name not in CARRIED]
    if not kept:
        raise UserError(
            f"--reward {reward}: nothing of it goes over, because verl and OpenRLHF tell a reward the completion's text and "
            f"the gold answer alone, and your own files are not copied. These go over: {', '.join(CARRIED)}. Write a reward "
            "function by their documentation, or train on one of these first."
        )
    told = [
        f"The reward {name} (weight {weights[name]:g}) is not in reward.py: it is a file of your own, or reads more than a "
        "completion's text. Add it there by hand, or the training is another one."
        for name in left
    ]
    return ",".join(name if weight == 1 else f"{name}={weight!r}" for name, weight in kept.items()), told


def build(
    config: Config, problems: dict[str, list], file: Path | None
) -> tuple[dict[str, list[Prompt]], str, list[str]]:
    """(prompts by split, begin, what is told): exactly the run's, those over the limit left out. Raises UserError."""
    if file is None and config.is_chat:
        raise UserError(
            f"the run's prompts are made by the chat template of {config.model_name}, which is not on this machine: run "
            f"`hf download {config.model_name} --include 'token*'` first, or export where the run was."
        )
    if file is None:
        builder = prompts.Builder(by_characters, config)
        told = [
            f"The tokenizer of {config.model_name} was not on the machine that made this: no prompt was left out for its "
            "length, and if the tokenizer begins texts with a token of its own, it is missing in the prompts."
        ]
        return {split: [builder.prompt(p) for p in part] for split, part in problems.items()}, "", told
    tokenizer = tokenizer_at(file, config)
    if config.is_chat:
        checks.check_tokenizer(config, tokenizer)
    builder = prompts.Builder(tokenizer, config)
    built = {split: builder(part, split) for split, part in problems.items()}
    begin = "" if config.is_chat else beginning(tokenizer, built["train"][0], file)
    first = tokenizer(begin + built["train"][0].text, add_special_tokens=False)["input_ids"]
    if tuple(first) == built["train"][0].ids:
        return built, begin, []
    return (
        built,
        begin,
        [
            "The first tokens of a prompt are not those of the run: its tokenizer reads a text's begin otherwise."
        ],
    )


def beginning(tokenizer, prompt: Prompt, file: Path) -> str:
    """Text of the tokens that the tokenizer puts before a text by itself (Llama's begin token)."""
    bare = tokenizer(prompt.text, add_special_tokens=False)["input_ids"]
    added = prompt.ids[: len(prompt.ids) - len(bare)]
    texts = {token["id"]: token["content"] for token in added_tokens(file)}
    return "".join(texts.get(i, "") for i in added)


def added_tokens(file: Path) -> list[dict[str, Any]]:
    """What a tokenizer.json says of its tokens beside the vocabulary."""
    return json.loads(file.read_text(encoding="utf-8")).get("added_tokens", [])


def special_tokens(file: Path) -> tuple[str, ...]:
    """Those that are left out when text is made of tokens; the longest first."""
    found = (token["content"] for token in added_tokens(file) if token.get("special"))
    return tuple(sorted(found, key=len, reverse=True))
