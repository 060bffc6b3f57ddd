"""All completions of a run with their checks; a large dump is examined by several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from r1rl.reports.completions import Completion, files, is_whole
from r1rl.reports.selfcheck import Check
from r1rl.runs.dump import parsed, raw_lines

LARGE = 100 * 2**20  # bytes of a dump for which starting processes pays

CHUNK = 300  # lines handed over at once

MOST_PROCESSES = 8  # more than the reader keeps busy

Chunk = tuple[Path, list[tuple[int, bytes]]]

Examined = tuple[list[tuple[Completion, Check | None]], list[str]]


def read_checked(folder: Path, damaged: list[str]) -> Iterator[tuple[Completion, Check | None]]:
    """Each completion and its check, in the order of the files; lines that cannot be read are named."""
    size = sum(path.stat().st_size for path in files(folder, None) if path.exists())
    workers = min(MOST_PROCESSES, os.cpu_count() or 1) if size >= LARGE else 1
    results = in_parallel(folder, workers) if workers > 1 else map(examine, chunks(folder))
    for found, unreadable in results:
        damaged.extend(unreadable)
        yield from found


def in_parallel(folder: Path, workers: int) -> Iterator[Examined]:
    """The chunks' results in order; only a few chunks are on their way, so that memory stays small.

    Processes are spawned, not forked: the caller may be a training run with threads and a GPU.
    """
    waiting: deque = deque()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for chunk in chunks(folder):
            waiting.append(pool.apply_async(examine, (chunk,)))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


def chunks(folder: Path) -> Iterator[Chunk]:
    """The lines of all files, some at a time."""
    for path in files(folder, None):
        lines = raw_lines(path)
        while part := list(islice(lines, CHUNK)):
            yield path, part


def examine(chunk: Chunk) -> Examined:
    """The completions of a chunk with their checks, and the places of lines that hold none."""
    path, lines = chunk
    found, unreadable = [], []
    for number, raw in lines:
        completion = Completion(path, number, parsed(raw) or {})
        if is_whole(completion.line):
            found.append((completion, completion.check))
        else:
            unreadable.append(completion.place)
    return found, unreadable
