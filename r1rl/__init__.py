"""R1-Zero-like reinforcement learning that one person can run on one GPU in an afternoon."""

import time

__version__ = "0.1.0"
BEGAN = time.perf_counter()  # of the program, nearly: what starting up takes is paid for, too
