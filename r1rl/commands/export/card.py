"""The card of an exported model (README.md), filled from its run: nothing in it that the run's dump does not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from r1rl.commands.export.model_use import Exported, base_name, use
from r1rl.config.flags import Config
from r1rl.preflight.checks import is_local
from r1rl.reports.summary import load_run
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.runs.evaluation_words import evaluation_words
from r1rl.runs.stats import format_accuracy
from r1rl.system.redact import redact

CURVE_ROWS = 20  # of the learning curve, at most

HUB_DATA = {"gsm8k": "openai/gsm8k", "aegis": "nvidia/Aegis-AI-Content-Safety-Dataset-2.0"}

SHOWN = ("seed", "reward", "algorithm", "loss_type", "beta", "lora_rank", "learning_rate", "lr_scheduler", "max_steps",
         "num_generations", "per_device_train_batch_size", "gradient_accumulation_steps", "temperature",
         "max_prompt_length", "max_completion_length", "load_in_4bit")  # fmt: skip


def model_card(folder: Path, config: Config, exported: Exported, name: str) -> str:
    """The card's text; `name` is what the model is loaded by. Secrets are masked."""
    parts = [
        front_matter(config, exported),
        f"# {name.rpartition('/')[2]}\n",
        introduction(folder, config, exported),
        "## Evaluation\n",
        evaluation(exported),
        "## Learning curve\n",
        learning_curve(folder),
        "## Recipe\n",
        recipe(folder),
        "## Use\n",
        use(config, exported, name),
        "## Limits\n",
        limits(config, exported),
    ]
    return redact("\n".join(parts))


def rewards(config: Config) -> str:
    """The rewards' names; of the user's own the file's, without its folder."""
    return ", ".join(config.reward_weights)


def data_name(config: Config) -> str:
    """The data's name, likewise."""
    own = f" (from {Path(config.dataset_path).name})" if config.dataset_path else ""
    return f"{config.dataset_name}{own}"


def front_matter(config: Config, exported: Exported) -> str:
    """What the hub reads; JSON's scalars are YAML's."""
    fields: dict[str, Any] = {"library_name": "peft" if exported.form == "adapter" else "transformers",
                              "pipeline_tag": "text-generation", "tags": ["r1rl", "reinforcement-learning", config.algorithm]}  # fmt: skip
    if not is_local(exported.base):
        fields["base_model"] = exported.base
    if config.dataset_path is None and config.dataset_name in HUB_DATA:
        fields["datasets"] = [HUB_DATA[config.dataset_name]]
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in fields.items()), "---\n"])


def introduction(folder: Path, config: Config, exported: Exported) -> str:
    """What it is, in a few sentences."""
    run = load_run(folder)
    what = {
        "adapter": "A LoRA adapter for",
        "merged": "A fine-tuned copy of",
        "gguf": "A fine-tuned copy (GGUF) of",
    }
    state = "" if exported.step is None else f" after {exported.step} steps"
    taught = (
        "supervised fine-tuning"
        if run["config"].get("mode") == "sft"
        else f"reinforcement learning ({config.algorithm}, reward `{rewards(config)}`)"
    )
    machine = run["machine"]
    on = machine.get("gpu") or f"{machine.get('cores')} CPU cores"
    return (
        f"{what[exported.form]} {base_name(exported.base)}, trained by {taught} on {data_name(config)}{state}, with "
        f"r1rl {run.get('r1rl', '')} on {on}, started {run['started']}.\n"
    )


def evaluation(exported: Exported) -> str:
    """The reloaded export's own result, with n and interval."""
    differs = (
        "the same, token by token, as the trained model's"
        if not exported.other_completions
        else f"{exported.other_completions} of them other than the trained model's"
    )
    return (
        f"{format_accuracy(exported.correct, exported.problems)} (Wilson), greedy decoding, by this export loaded again in a "
        f"fresh process; its completions are {differs}.\n"
    )


def learning_curve(folder: Path) -> str:
    """Every evaluation of the run, or about CURVE_ROWS of them, first and last among these."""
    lines = list(read_lines(folder / EVALUATIONS))
    every = max(1, -(-len(lines) // CURVE_ROWS))
    shown = lines[::every] + ([] if not lines or (len(lines) - 1) % every == 0 else lines[-1:])
    rows = [f"| {e['step']} | {evaluation_words(e)} | {e['mean_tokens']:.0f} |" for e in shown]
    if not rows:
        return "The run has no evaluation.\n"
    steps = list(read_lines(folder / METRICS))
    sampled = (
        f"\n{sum(m['completions'] for m in steps):,} completions in {len(steps)} steps.\n" if steps else ""
    )
    return "\n".join(["| step | evaluation | tokens a completion |", "| --- | --- | --- |", *rows, sampled])


def recipe(folder: Path) -> str:
    """The settings that matter; run.json of the run has all."""
    run = load_run(folder)
    settings = [f"| `{name}` | {cell(run['config'].get(name))} |" for name in SHOWN]
    versions = ", ".join(f"{k} {v}" for k, v in run.get("versions", {}).items())
    return "\n".join([f"`{run['recipe']}`, commit {run.get('commit') or 'unknown'}; {versions}.\n",
                      "| setting | value |", "| --- | --- |", *settings, ""])  # fmt: skip


def cell(value: Any) -> str:
    """A value in a table: names of folders only, and nothing that ends the cell."""
    text = Path(value).name if isinstance(value, str) and "/" in value else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def limits(config: Config, exported: Exported) -> str:
    """What the figures do not say."""
    return (
        quantized_words(exported)
        + f"""\
- The {exported.problems} problems of the evaluation are of the same kind as those of the training ({data_name(config)}); nothing
  is known about other tasks, other languages, or other forms of prompt.
- Completions longer than {config.max_completion_length} tokens were cut in training and evaluation.
- The training paid for what the reward measures (`{rewards(config)}`) and for nothing else; what the base model
  ({base_name(exported.base)}) does wrong in other respects, this one does, too. Its licence and its limits go on to hold.
- The written reasoning is what was rewarded along with the answer; it need not be how the answer was found.
"""
    )


def quantized_words(exported: Exported) -> str:
    """What an adapter for a 4-bit base model must say."""
    if exported.form != "adapter" or not exported.quantization:
        return ""
    return (
        "- The adapter was trained on the base model in 4 bit (NF4), and the figures above are of that; on the base model in "
        "16 bit it answers a little otherwise. A merged export has the 4-bit values in it.\n"
    )
