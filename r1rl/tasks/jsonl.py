"""Reads a dataset's JSONL file: one object a line, each with the place that error messages name."""

from __future__ import annotations

import json
from pathlib import Path

from r1rl.errors import UserError


def rows_from_file(path: Path) -> list[tuple[str, dict]]:
    """(place, row) for each line of a JSONL file. Raises UserError."""
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.jsonl"))
        there = f"the folder has {', '.join(beside)}" if beside else "the folder has no .jsonl file"
        raise UserError(f"{path} is missing: a dataset folder needs train.jsonl and test.jsonl ({there}).")
    rows = []
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(
                    f"{path}, line {number} is not JSON: {error.msg}. Each line must be one object."
                ) from None
            if not isinstance(row, dict):
                raise UserError(
                    f"{path}, line {number} is a {type(row).__name__}: each line must be one object."
                )
            rows.append((f"{path}, line {number}", row))
    if not rows:
        raise UserError(f"{path} is empty: it must hold at least one problem.")
    return rows
