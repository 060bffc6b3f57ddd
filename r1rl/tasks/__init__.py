"""Tasks: sources of problems with gold answers, and the prompts that are built from the problems.

A task is a class that owns everything particular to it (see Task in base.py): a new task is one file here and one
line in the table TASKS of config/names.py. registry.py gives a run its task and problems, prompts.py turns problems
into prompts, custom/ reads the user's own data and conversations.py what is learned from or asked without a gold
answer. The package imports records, system, config, models (chat templates) and rewards (what a gold answer is).
Start with word_problems/ or gsm8k.py.
"""
