"""Checks and plans before anything slow is loaded: environment, memory, time and price of a run.

It imports records, system, config, models, rewards, tasks, engines and runs, and no model library. Start with checks.py
(does the environment suffice?) and prepare.py (the plan on the first screen).
"""

from r1rl.preflight.checks import check_surroundings
from r1rl.preflight.memory_plan import MemoryPlan, plan_memory
from r1rl.preflight.prepare import prepared
from r1rl.preflight.suggestions import Suggestion, suggest
from r1rl.preflight.time_plan import TimePlan, plan_time

__all__ = [
    "MemoryPlan", "Suggestion", "TimePlan", "check_surroundings", "plan_memory", "plan_time", "prepared", "suggest",
]  # fmt: skip
