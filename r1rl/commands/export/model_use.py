"""How an exported model is asked: with the run's own prompt, in transformers, vLLM and llama.cpp."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.preflight.checks import is_local
from r1rl.tasks.prompts import STOP_TEXT

QUESTION = "{question}"  # stands for it in the prompt


@dataclass(frozen=True)
class Exported:
    """What the card tells of the export itself."""

    form: str  # adapter, merged or gguf
    base: str  # the base model's name, or its folder
    step: int | None
    prompt: str  # of the run, with QUESTION in the question's place
    correct: int  # answers of the reloaded export that are right
    problems: int
    other_completions: int  # where it answers otherwise than the live model
    quantization: dict[str, Any] | None = (
        None  # of the base model that an adapter was trained on, by bitsandbytes
    )


def base_name(base: str) -> str:
    """The base model's name without the folders of the machine that trained it."""
    known = {str(path): f"the embedded model {name} of r1rl" for name, path in TINY_MODELS.items()}
    return known.get(base, known.get(str(TINY_MODELS.get(base)), Path(base).name if is_local(base) else base))


def use(config: Config, exported: Exported, name: str) -> str:
    """How to ask it, in transformers, vLLM and llama.cpp; always with the prompt that it was trained with."""
    prompt = json.dumps(exported.prompt)
    serve = f"vllm serve {name} --max-model-len {config.max_seq_length}"
    served, load = name, f'AutoModelForCausalLM.from_pretrained("{name}")'
    convert, options = f"python convert_hf_to_gguf.py {name} --outfile model.gguf", "-m model.gguf"
    importing = "AutoModelForCausalLM, AutoTokenizer"
    library = f"from transformers import {importing}"
    if exported.form == "adapter":
        base = base_name(exported.base) if is_local(exported.base) else exported.base
        serve = (
            f"vllm serve {base} --enable-lora --max-lora-rank {config.lora_rank} --lora-modules trained={name} "
            f"--max-model-len {config.max_seq_length}"
        )
        quantized = four_bit(exported.quantization)
        served, load = "trained", f'AutoPeftModelForCausalLM.from_pretrained("{name}"{quantized})'
        more = ", BitsAndBytesConfig" if quantized else ""
        library = f"from peft import AutoPeftModelForCausalLM\nfrom transformers import AutoTokenizer{more}"
        convert = f"python convert_lora_to_gguf.py {name} --outfile adapter.gguf"
        options = "-m base.gguf --lora adapter.gguf"
    elif exported.form == "gguf":
        load = f'AutoModelForCausalLM.from_pretrained("{name}", gguf_file="model.gguf")'
        serve, convert = (
            f"vllm serve {name}/model.gguf --tokenizer {name} --max-model-len {config.max_seq_length}",
            "",
        )
    special = not config.is_chat  # a chat template writes its own begin token
    return f"""\
It was trained with one form of prompt, and answers best to it; `{QUESTION}` is the question. Generation ends at
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
    """The argument that loads an adapter's base model as it was in training."""
    if not quantization:
        return ""
    names = ("load_in_4bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant")
    settings = ", ".join(f"{name}={quantization.get(name)!r}" for name in names)
    return f", quantization_config=BitsAndBytesConfig({settings})"
