"""The card of an exported model (README.md): all its content comes from the run's dump."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import SMOLLM2, TINY_MODELS, Config
from r1rl.models.source import SMOLLM2_HUB, absolute_place, hub_name, is_local
from r1rl.records import STOP_TEXT
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_words
from r1rl.runs.stats import format_accuracy
from r1rl.system.redact import redact
from r1rl.tasks.base import owner

CURVE_ROWS = 20  # of the learning curve, at most
QUESTION = "{question}"  # the place of the question in the prompt
SHOWN = ("seed", "reward", "algorithm", "loss_type", "beta", "lora_rank", "learning_rate", "lr_scheduler", "max_steps",
         "num_generations", "per_device_train_batch_size", "gradient_accumulation_steps", "temperature",
         "max_prompt_length", "max_completion_length", "load_in_4bit")  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What the card says about the export itself."""

    form: str  # adapter, merged or gguf
    base: str  # name or folder of the base model
    step: int | None
    prompt: str  # of the run, with QUESTION in the place of the question
    correct: int  # correct answers of the export, loaded again
    problems: int
    other_completions: int  # completions that differ from the live model's
    quantization: dict[str, Any] | None = None  # bitsandbytes' settings of an adapter's base model
    base_hash: str = ""  # of the base model's files, see runs/inputs.py
    suite: str = ""  # the table of the newest suite that evaluated this checkpoint


def model_card(folder: Path, config: Config, exported: Exported, name: str) -> str:
    """Returns the card's text, with secrets masked; the model is loaded by `name`."""
    data = RunData(folder)
    parts = [
        front_matter(config, exported),
        f"# {name.rpartition('/')[2]}\n",
        introduction(data, config, exported),
        "## Evaluation\n",
        evaluation(exported),
        *(["## Evaluation suite\n", exported.suite] if exported.suite else []),
        "## Learning curve\n",
        learning_curve(data),
        "## Recipe\n",
        recipe(data),
        "## Use\n",
        use(config, exported, name),
        "## Limits\n",
        limits(config, exported),
    ]
    return redact("\n".join(parts))


def rewards(config: Config) -> str:
    """Returns the names of the rewards, without the folders of custom files."""
    return ", ".join(config.reward_weights)


def data_name(config: Config) -> str:
    """Returns the name of the data, without the folder of custom files."""
    file = f" (from {Path(config.dataset_path).name})" if config.dataset_path else ""
    return f"{config.dataset_name}{file}"


def front_matter(config: Config, exported: Exported) -> str:
    """Returns the YAML header for the hub; JSON scalars are valid YAML."""
    fields: dict[str, Any] = {"library_name": "peft" if exported.form == "adapter" else "transformers",
                              "pipeline_tag": "text-generation", "tags": ["r1rl", "reinforcement-learning", config.algorithm]}  # fmt: skip
    if exported.base == SMOLLM2 or not is_local(exported.base):
        fields["base_model"] = hub_name(exported.base)
    if config.dataset_path is None and (hub := owner(config.dataset_name).hub):
        fields["datasets"] = list(hub)
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in fields.items()), "---\n"])


def introduction(data: RunData, config: Config, exported: Exported) -> str:
    """Returns a sentence on model, training and machine."""
    run = data.run
    kind = {"adapter": "A LoRA adapter for", "merged": "A fine-tuned copy of", "gguf": "A fine-tuned copy (GGUF) of"}
    state = "" if exported.step is None else f" after {exported.step} steps"
    method = (
        "supervised fine-tuning"
        if run["config"].get("mode") == "sft"
        else f"on-policy distillation from {Path(run['config']['teacher_model'] or '').name}"
        if config.distills
        else f"reinforcement learning ({config.algorithm}, reward `{rewards(config)}`)"
    )
    machine = run["machine"]
    on = machine.get("gpu") or f"{machine.get('cores')} CPU cores"
    return (
        f"{kind[exported.form]} {base_name(exported.base)}, trained by {method} on {data_name(config)}{state}, with "
        f"r1rl {run.get('r1rl', '')} on {on}, started {run['started']}. The base model's files have the SHA-256 "
        f"`{exported.base_hash}`; `base_model.json` lists them.\n"
    )


def evaluation(exported: Exported) -> str:
    """Returns the result of the export, loaded again, with n and interval."""
    differs = (
        "equal, token by token, to the trained model's"
        if not exported.other_completions
        else f"different from the trained model's in {exported.other_completions} cases"
    )
    return (
        f"{format_accuracy(exported.correct, exported.problems)} (Wilson), greedy decoding, by this export loaded again in a "
        f"fresh process; its completions are {differs}.\n"
    )


def learning_curve(data: RunData) -> str:
    """Returns a table of the run's evaluations, or of about CURVE_ROWS of them with the first and the last."""
    lines = data.evaluations
    every = max(1, -(-len(lines) // CURVE_ROWS))
    shown = lines[::every] + ([] if not lines or (len(lines) - 1) % every == 0 else lines[-1:])
    rows = [f"| {e['step']} | {evaluation_words(e)} | {e['mean_tokens']:.0f} |" for e in shown]
    if not rows:
        return "The run has no evaluation.\n"
    steps = data.metrics
    sampled = f"\n{sum(m['completions'] for m in steps):,} completions in {len(steps)} steps.\n" if steps else ""
    return "\n".join(["| step | evaluation | tokens per completion |", "| --- | --- | --- |", *rows, sampled])


def recipe(data: RunData) -> str:
    """Returns a table of the main settings; the run's run.json has all."""
    run = data.run
    settings = [f"| `{name}` | {cell(run['config'].get(name))} |" for name in SHOWN]
    versions = ", ".join(f"{k} {v}" for k, v in run.get("versions", {}).items())
    return "\n".join([f"`{run['recipe']}`, commit {run.get('commit') or 'unknown'}; {versions}.\n",
                      "| setting | value |", "| --- | --- |", *settings, ""])  # fmt: skip


def cell(value: Any) -> str:
    """Returns a value for a table: paths without folders, and no character that ends the cell."""
    text = Path(value).name if isinstance(value, str) and "/" in value else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def limits(config: Config, exported: Exported) -> str:
    """Returns the section on what the evaluation does not show."""
    return (
        quantized_words(exported)
        + f"""\
- The {exported.problems} problems of the evaluation are of the same kind as those of the training ({data_name(config)}); other
  tasks{" than those of the suite" if exported.suite else ""}, languages and forms of prompt were not tested.
- Completions longer than {config.max_completion_length} tokens were cut in training and evaluation.
- The training optimized the reward (`{rewards(config)}`) and nothing else; other faults of the base model
  ({base_name(exported.base)}) remain. Its licence and its limits still apply.
- The written reasoning was rewarded together with the answer; it need not be how the answer was found.
"""
    )


def quantized_words(exported: Exported) -> str:
    """Returns the limit of an adapter for a 4-bit base model; empty for other exports."""
    if exported.form != "adapter" or not exported.quantization:
        return ""
    return (
        "- The adapter was trained and evaluated on the base model in 4 bit (NF4); on the base model in 16 bit its answers "
        "differ slightly. A merged export contains the 4-bit values.\n"
    )


def base_name(base: str) -> str:
    """Returns the base model's name without the folders of this machine."""
    known = {str(path): f"the embedded model {name} of r1rl" for name, path in TINY_MODELS.items()}
    known[SMOLLM2] = SMOLLM2_HUB.rpartition("/")[2]
    return known.get(base, known.get(str(TINY_MODELS.get(base)), Path(base).name if is_local(base) else base))


def use(config: Config, exported: Exported, name: str) -> str:
    """Returns how to use the model in transformers, vLLM and llama.cpp, with the prompt of its training."""
    prompt, quoted = json.dumps(exported.prompt), shlex.quote(name)
    serve = f"vllm serve {quoted} --max-model-len {config.max_seq_length}"
    served, load = name, f'AutoModelForCausalLM.from_pretrained("{name}")'
    convert, options = f"python convert_hf_to_gguf.py {quoted} --outfile model.gguf", "-m model.gguf"
    importing = "AutoModelForCausalLM, AutoTokenizer"
    library = f"from transformers import {importing}"
    if exported.form == "adapter":
        base = shlex.quote(absolute_place(exported.base))
        serve = (
            f"vllm serve {base} --enable-lora --max-lora-rank {config.lora_rank} --lora-modules "
            f"{shlex.quote(f'trained={name}')} "
            f"--max-model-len {config.max_seq_length}"
        )
        quantized = four_bit(exported.quantization)
        served, load = "trained", f'AutoPeftModelForCausalLM.from_pretrained("{name}"{quantized})'
        more = ", BitsAndBytesConfig" if quantized else ""
        library = f"from peft import AutoPeftModelForCausalLM\nfrom transformers import AutoTokenizer{more}"
        convert = f"python convert_lora_to_gguf.py {quoted} --outfile adapter.gguf"
        options = "-m base.gguf --lora adapter.gguf"
    elif exported.form == "gguf":
        load = f'AutoModelForCausalLM.from_pretrained("{name}", gguf_file="model.gguf")'
        serve, convert = (
            f"vllm serve {shlex.quote(f'{name}/model.gguf')} --tokenizer {quoted} --max-model-len {config.max_seq_length}",
            "",
        )
    special = not config.is_chat  # a chat template contains the begin token
    return f"""\
The model was trained with one form of prompt, and answers best to it; `{QUESTION}` is the question. Generation ends at
`{STOP_TEXT}`.

transformers:

```python
{library}

prompt = {prompt}
tokenizer = AutoTokenizer.from_pretrained("{name}")
model = {load}
text = prompt.replace("{QUESTION}", "What is 3 times 4?")
inputs = tokenizer(text, return_tensors="pt", add_special_tokens={special})
out = model.generate(**inputs, max_new_tokens={config.max_completion_length}, do_sample=False,
                     stop_strings=["{STOP_TEXT}"], tokenizer=tokenizer)
print(tokenizer.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

vLLM, and the OpenAI client:

```bash
{serve}
```

```python
from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key="none")
text = {prompt}.replace("{QUESTION}", "What is 3 times 4?")
answer = client.completions.create(
    model="{served}", prompt=text, max_tokens={config.max_completion_length}, temperature=0, stop=["{STOP_TEXT}"],
    extra_body={{"include_stop_str_in_output": True, "add_special_tokens": {special}}},
)
print(answer.choices[0].text)
```

llama.cpp:

```bash
{convert}
llama-cli {options} --temp 0 -n {config.max_completion_length} -r "{STOP_TEXT}" -no-cnv -p "..."
```
"""


def four_bit(quantization: dict[str, Any] | None) -> str:
    """Returns the argument that loads an adapter's base model as in training; empty without quantization."""
    if not quantization:
        return ""
    names = ("load_in_4bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant")
    settings = ", ".join(f"{name}={quantization.get(name)!r}" for name in names)
    return f", quantization_config=BitsAndBytesConfig({settings})"
