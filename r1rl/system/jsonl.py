"""The problems in a dataset's JSONL file, which must be there and not empty."""

from __future__ import annotations

from pathlib import Path

from r1rl.system.errors import UserError
from r1rl.system.files import read_jsonl


def rows_from_file(path: Path) -> list[tuple[str, dict]]:
    """(place, row) for each line of a JSONL file. Raises UserError."""
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.jsonl"))
        there = f"the folder has {', '.join(beside)}" if beside else "the folder has no .jsonl file"
        raise UserError(f"{path} is missing: a dataset folder needs train.jsonl and test.jsonl ({there}).")
    rows = read_jsonl(path, errors="surrogateescape")
    if not rows:
        raise UserError(f"{path} is empty: it must hold at least one problem.")
    return rows
