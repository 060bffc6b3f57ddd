"""Ctrl-C and SIGTERM: the present step is finished and saved; a second Ctrl-C stops at once."""

from __future__ import annotations

import signal
from types import FrameType

from r1rl.console import console

INTERRUPTED = 130  # the exit code of what was stopped: 128 and the number of SIGINT, as shells have it


class Interrupt:
    """While entered during training, remembers that a stop was asked for instead of raising."""

    def __init__(self) -> None:
        self.asked = False
        self.deferred = False  # True while a step is under way that can be finished and saved

    def __enter__(self) -> Interrupt:
        self._before = {s: signal.signal(s, self._on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.deferred:
            raise KeyboardInterrupt
        self.asked = True
        console.print(
            "stopping after this step; once more to stop at once (steps since the last checkpoint are lost)"
        )
