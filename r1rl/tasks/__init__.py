"""Tasks: sources of problems with gold answers, and the prompts that are built from the problems.

A task is a class that owns everything particular to it (see Task in base.py): a new task is one file here and one
line in the table TASKS of config/names.py. registry.py gives a run its task and problems, prompts.py turns problems
into prompts, mixture.py mixes tasks, custom/ reads the user's data, and conversations.py reads conversations for
fine-tuning and general prompts. The package imports records, system, config, models (chat templates) and rewards (the
form of gold answers).
Start with chain_sum.py, the shortest task, then base.py.
"""

from r1rl.tasks.base import GeneratedTask, Task, task_class, task_counts

__all__ = ["GeneratedTask", "Task", "task_class", "task_counts"]
