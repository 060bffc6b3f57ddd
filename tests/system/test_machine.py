"""What a process finds out about its machine and itself."""

from __future__ import annotations

import os
import subprocess
import sys

from r1rl.system.machine import peak_memory


def test_the_peak_is_that_of_this_process_alone():
    """A process that a large one starts begins small; getrusage would give it the large one's maximum."""
    large = bytearray(os.urandom(1)) * 400_000_000
    code = "from r1rl.system.machine import peak_memory; print(peak_memory())"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert peak_memory() >= len(large) > int(started.stdout) > 5_000_000
