"""R1-Zero-style reinforcement learning (GRPO) for one GPU or a laptop.

The packages in the order in which data flows; each imports only those before it: records, system, config, models,
rewards, tasks, engines, runs, preflight, trainers, session, reports, pipeline, commands. Start reading in main.py.
"""

import time

__version__ = "0.1.0"
BEGAN = time.perf_counter()  # the start of the program, as nearly as possible: a budget also pays for starting up
