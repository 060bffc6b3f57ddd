"""Packaging. Direct dependencies are pinned: these versions were seen to work together, others were seen to fail."""

from setuptools import find_packages, setup

REQUIRED = [
    "torch==2.13.0",  # what vllm 0.31.0 is built against; also has CPU wheels
    "transformers==5.17.0",  # the newest that unsloth (<= 5.17.0) and vllm (< 5.18) accept
    "trl==1.15.0",  # GRPOTrainer, the trainer that ours extends; the newest that unsloth accepts
    "peft==0.21.2",  # LoRA adapters
    "accelerate==1.15.0",  # devices and precision under transformers' Trainer
    "datasets==4.8.5",  # TRL's data type, and GSM8K from the hub; unsloth wants < 5
    "bitsandbytes==0.50.2",  # 4-bit weights (NF4), 8-bit AdamW
    "pandas==3.1.1",  # the documented way into a dump
    "pyarrow==26.0.1",  # parquet for `grade`; datasets brings it, this makes it ours to use
    "rich==15.0.0",  # progress bar, tables, colours
    "gguf==0.19.0",  # reads GGUF files as --model-name: a real model without the hub; 1.4 MB
    "safetensors==0.8.0",  # weights; no pickles
    "tokenizers>=0.22",  # makes the embedded model's tokenizer; transformers pins the exact version
    "vl-convert-python==1.9.0.post1",  # Vega in one script of 0.9 MB, for the report (plotly: 4 MB)
    "matplotlib==3.11.2",  # `report --plots`: pictures for READMEs and papers
    # Languages offline: 26 of 28 short sentences right with 5 MB; lingua 2.1.1 has 27 with 96 MB, and 1.1 GB in memory.
    "py3langid==0.4.0",
    "regex>=2024.5.15",  # patterns with a time limit, for rule files; transformers brings it
    "math-verify==0.9.0",  # grades LaTeX answers; brings latex2sympy2_extended 1.11.0 and sympy, 84 MB
    "PyYAML>=6.0",  # --config; transformers brings it, safe_load alone is used
    "shtab==1.13.0",  # `completion`: bash and zsh scripts from argparse; no dependencies, and a TAB starts no Python
    "packaging>=24.0",  # compares versions for `doctor`; transformers brings it
    "numpy>=2.0",  # bootstrap intervals; torch and vllm pin the exact version
]
GPU = [
    "vllm==0.31.0",  # samples; the newest that TRL 1.15 accepts
    "unsloth>=2026.10.7,<=2026.10.9",  # 4-bit training, and vLLM on the same weights
    "unsloth_zoo>=2026.10.7,<=2026.10.9",  # unsloth's other half, kept in step with it
]
# Generators of problems, for --dataset-name reasoning-gym:NAME; 44 MB with its packages, of which pycosat is compiled.
REASONING_GYM = ["reasoning-gym==0.1.25"]
BROWSE = ["textual==8.2.8"]  # the screens of `browse`
TRACKERS = ["tensorboard==2.21.0", "trackio==0.43.0", "wandb==0.31.0"]  # --report-to; any one of them will do
TEST = [
    "pytest==9.2.0",
    "pytest-xdist==3.8.0",  # two tests at once: most wait for programs that start
    "hypothesis==6.170.15",  # property tests of everything that parses model output
    "scipy==1.17.1",  # the reference that statistics are checked against
    "stable-baselines3==2.9.2",  # the reference that generalised advantage estimation is checked against
    "nbclient==0.11.0",  # runs the notebooks
    "ipykernel==7.4.0",  # what they run in
    "selenium==4.51.0",  # drives the Chromium that the report is tested in
    "ruff==0.17.5",  # format and lint
    "setuptools>=77",  # builds the wheel that a test installs
]

setup(
    name="r1rl",
    version="0.1.0",
    description="R1-Zero-like reinforcement learning that one person can run on one GPU in an afternoon",
    python_requires=">=3.11,<3.14",  # pandas 3.1 starts at 3.11; torch 2.13 wheels end at 3.13
    packages=find_packages(include=["r1rl", "r1rl.*"]),
    py_modules=["main"],
    entry_points={"console_scripts": ["r1rl = main:main"]},  # `r1rl ...` is `python main.py ...` without a checkout
    package_data={"r1rl": ["models/tiny/*/*", "reports/page/*", "rewards/*.json", "rewards/*.txt"]},
    install_requires=REQUIRED,
    extras_require={"gpu": GPU, "test": TEST, "trackers": TRACKERS, "browse": BROWSE, "reasoning-gym": REASONING_GYM},
    license="MIT",
)
