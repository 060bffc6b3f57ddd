"""A program for test_out_of_memory.py: an update and a generation with less and less memory, until a guard has to act.

Prints a line of JSON. Memory is limited for real (RLIMIT_AS), and from the start, as by `ulimit -v`. MALLOC_MMAP_THRESHOLD_ and MALLOC_ARENA_MAX=1 must be set, so that
what is freed goes back to the system, nothing is kept in reserve, and the limit leaves the headroom that is wanted.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import sys
from pathlib import Path

from small_run import inputs_of, make_trainer

from r1rl.engines.base import Sampling
from r1rl.runs.dump import GUARDS, read_lines

MIB = 2**20
AMPLE = 2**40  # bytes


@contextlib.contextmanager
def headroom(size):
    """No more than so many bytes beside those in use."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + int(size), resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (AMPLE, resource.RLIM_INFINITY))


def less_and_less(attempt, acted):
    """Repeats an attempt until `acted()`. Returns the last one's result."""
    size = 128 * MIB
    while not acted() and size > MIB:
        print(f"{size / MIB:.0f} MiB", file=sys.stderr, flush=True)
        with headroom(size):
            result = attempt()
        size *= 0.8
    return result


def update(trainer):
    """Loss and gradients of the first step's update."""
    trainer.model.zero_grad()
    loss = trainer.training_step(trainer.model, inputs_of(trainer))
    gradients = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    return loss.item(), gradients


def main():
    """Both, in a folder given on the command line."""
    resource.setrlimit(resource.RLIMIT_AS, (AMPLE, resource.RLIM_INFINITY))
    trainer = make_trainer(Path(sys.argv[1]), **json.loads(sys.argv[2]))
    trainer.current_gradient_accumulation_steps = 1
    engine, sampling = trainer.engine, Sampling(n=8, max_tokens=128, seed=1)
    prompts = trainer.train_prompts[:8]
    expected = engine.generate(prompts, sampling)
    generated = less_and_less(lambda: engine.generate(prompts, sampling), lambda: engine.at_most)
    at_most, engine.at_most = engine.at_most, None
    for _ in range(2):  # kernels are made at the first
        loss, gradients = update(trainer)
    guarding = trainer.guarding
    again, halved = less_and_less(lambda: update(trainer), lambda: guarding.divisor > 1)
    largest = max(g.abs().max().item() for g in gradients.values())
    apart = max((halved[n] - g).abs().max().item() for n, g in gradients.items()) if halved else None
    print(
        json.dumps(
            {
                "same_completions": [r.completion_ids for r in generated] == [r.completion_ids for r in expected],
                "at_most": at_most,
                "divisor": guarding.divisor,
                "skipped": guarding.skipped,
                "losses": [loss, again],
                "largest_gradient": largest,
                "apart": apart,
                "guards": [[x["guard"], x["words"]] for x in read_lines(trainer.dump.folder / GUARDS)],
            }
        )
    )


if __name__ == "__main__":
    main()
