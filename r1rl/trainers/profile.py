"""`--profile N`: where the time of N steps goes, as a table and as a trace for a browser's trace viewer."""

from __future__ import annotations

from pathlib import Path

from transformers import TrainerCallback

from r1rl.system.console import console

FIRST = 2  # the first step builds kernels and caches, it is not like the others
ROWS = 40  # operations in the table


class Profile(TrainerCallback):
    """Records from the second step of this process on; slows these steps down somewhat."""

    def __init__(self, steps: int, folder: Path):
        self.steps, self.folder = steps, folder
        self.begun = 0  # steps of this process
        self.profiler = None

    def on_step_begin(self, args, state, control, **kwargs):
        """Called by transformers before each step."""
        from torch.profiler import profile

        self.begun += 1
        if self.begun == FIRST:
            self.profiler = profile().__enter__()

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step."""
        if self.profiler is not None and self.begun == FIRST + self.steps - 1:
            self.finish(state.global_step)

    def on_train_end(self, args, state, control, **kwargs):
        """A run may be shorter than what was to be profiled."""
        if self.profiler is not None:
            self.finish(state.global_step)

    def finish(self, step: int) -> None:
        """Writes profile/steps_<a>-<b>.txt and .json.gz."""
        profiler, self.profiler = self.profiler, None
        profiler.__exit__(None, None, None)
        self.folder.mkdir(exist_ok=True)
        name = f"steps_{step - (self.begun - FIRST)}-{step}"
        by = "self_cuda_time_total" if any(e.self_device_time_total for e in profiler.key_averages()) else ""
        table = profiler.key_averages().table(sort_by=by or "self_cpu_time_total", row_limit=ROWS)
        (self.folder / f"{name}.txt").write_text(table, encoding="utf-8")
        profiler.export_chrome_trace(str(self.folder / f"{name}.json.gz"))
        console.print(
            f"step {step:>4}  profile: {self.folder / name}.txt, and .json.gz for https://ui.perfetto.dev"
        )
