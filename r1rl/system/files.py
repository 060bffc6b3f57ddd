"""Reads a JSONL file of the user's: one object a line, each with the place that error messages name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError


def read_jsonl(
    path: Path, form: str = "one object", errors: str = "strict"
) -> list[tuple[str, dict[str, Any]]]:
    """(place, object) of each line that is not blank. Raises UserError for a line that is something else.

    `form` is what the message says that a line must be, `errors` what becomes of bytes that are no UTF-8, as in open().
    """
    rows = []
    with path.open(encoding="utf-8-sig", errors=errors) as lines:
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line:
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except (
                ValueError,
                RecursionError,
            ) as error:  # a number of thousands of digits is no JSONDecodeError
                place = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
                reason = getattr(error, "msg", error)
                raise UserError(
                    f"{where} is not JSON ({reason}{place}): {line[:40]!r}; each line must be {form}."
                ) from None
            if not isinstance(row, dict):
                raise UserError(f"{where} is a JSON {type(row).__name__}: each line must be {form}.")
            rows.append((where, row))
    return rows
