"""Tasks: where problems come from. One file a task; `load_task` finds one by name."""
