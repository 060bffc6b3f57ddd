"""A finished run's model: its settings, its checkpoints, and the policy with an engine, ready to answer."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.system.console import divert


def surroundings(config: Config, folder: Path) -> Any:
    """Looks at the machine and checks all that can go wrong before anything slow is loaded. Raises UserError.

    From then on what libraries print goes into the run's log.
    """
    from r1rl.preflight import checks
    from r1rl.system import machine

    here = machine.look()
    checks.check_surroundings(dataclasses.replace(config, report_to="none"), here)
    with contextlib.suppress(OSError):  # a run that may only be read: then they print here
        (folder / "logs").mkdir(exist_ok=True)
        divert(folder / "logs" / "libraries.log")
    return here
