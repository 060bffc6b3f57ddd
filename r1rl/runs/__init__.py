"""A run on disk: its folder and lock, dump, checkpoints, evaluations, budget and meter, and the numbers it reports.

It imports records, system, config, models, rewards, tasks and engines. Start with folder.py (how a run is opened and
continued) and dump.py (the files that it writes).
"""

from r1rl.runs.budget import Budget, Cost
from r1rl.runs.dump import Dump, read_lines, read_run
from r1rl.runs.folder import check_folder, continue_from, open_run, run_folder
from r1rl.runs.progress import Meter, meter_of_run
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import Evaluation

__all__ = [
    "Budget", "Cost", "Dump", "Evaluation", "Meter", "RunData", "check_folder", "continue_from", "meter_of_run", "open_run",
    "read_lines", "read_run", "run_folder",
]  # fmt: skip
