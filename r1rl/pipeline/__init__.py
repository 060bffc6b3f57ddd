"""The pipeline: several trainings in a row, each in its own process and folder.

`stages` runs the eight stages of DeepSeek-R1 (--pipeline), `modes` fine-tuning before reinforcement learning (--mode). The
stages are `sft` (fine-tuning), `cold_start`, `sampling` (with rejection sampling) and `distill`; GRPO is train() in main.py.
It may import everything except commands and main. Start reading in `stages`.
"""
