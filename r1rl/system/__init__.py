"""What the program needs of the machine: errors, terminal, signals, processes, memory, files, requests, masking of secrets.

It imports only records; torch only inside functions. Start with errors.py (how errors are shown), then distributed.py
(several processes) and interrupt.py (Ctrl-C).
"""

from r1rl.system.errors import RunFailed, UserError, unknown_name
from r1rl.system.machine import Machine, look

__all__ = ["Machine", "RunFailed", "UserError", "look", "unknown_name"]
