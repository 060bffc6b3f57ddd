"""Masks tokens, keys and passwords in run.json, logs and reports.

Run as a program it filters the output of libraries on the way to the run's log. It needs the standard library alone.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

MASK = "[masked]"
SECRET_NAME = re.compile(r"TOKEN(?!IZER)|KEY|SECRET|PASSW|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
SHORTEST = 6  # characters of a value that counts as a secret: "1" or "true" would be masked everywhere
HIDDEN = "R1RL_HIDDEN_SECRET"  # variable with a secret that was given as a flag
CHUNK = 65536  # bytes
LONGEST_LINE = 2**20  # characters that are kept back until their line ends

# (pattern of a secret, replacement). All repetitions are bounded or consume what they read, so a line of a million
# characters takes milliseconds.
SHAPES = (
    (r"(?<=://)[^/\s\"'<>]{1,500}@", f"{MASK}@"),  # https://user:password@host
    # Hugging Face, GitHub, GitLab, OpenAI and similar ones, AWS, Slack, Google, Weights & Biases, JSON web tokens
    (r"(?<![A-Za-z0-9])(?:hf|api_org)_[A-Za-z0-9]{16,}", MASK),
    (r"(?<![A-Za-z0-9])(?:gh[opusr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,})", MASK),
    (r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}", MASK),
    (r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", MASK),
    (r"((?:hooks\.slack(?:-gov)?\.com|discord(?:app)?\.com/api/webhooks)/)[\w/-]{8,200}", rf"\g<1>{MASK}"),
    (r"(?<![A-Za-z0-9])(?:xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{35}|wandb_v\d_[A-Za-z0-9_]{16,})", MASK),
    (r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", MASK),
    # 40 hexadecimal digits may be a commit: they are a key only after a word such as "key"
    (r"(?i)((?:wandb|key|token|secret|login|password)[^\n]{0,40}?[\W_])[0-9a-f]{40}(?![0-9a-f])", rf"\g<1>{MASK}"),
    # api_key=..., "token": "...", Authorization: Bearer ...: values with letters and digits, so that no word is masked
    (
        r"(?i)((?:token|key|secret|passw(?:or)?d|authorization)[\"']?\s{0,2}[=:]\s{0,2}[\"']?(?:bearer |basic )?|bearer )"
        r"(?=[\w+/~-]{0,200}\d)(?=[\w+/~-]{0,200}[a-z])[\w+/~-]{8,200}={0,2}",
        rf"\g<1>{MASK}",
    ),
)  # fmt: skip
PATTERNS = [(re.compile(shape), replacement) for shape, replacement in SHAPES]


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns {secret: name of its variable} for an environment, the longest secret first.

    Short numbers and paths that exist are not secrets: MAX_TOKENS=100000, SSH_KEY=/home/me/.ssh/id.
    """
    found = {}
    for name, value in environment.items():
        if not SECRET_NAME.search(name) or (value.isdecimal() and len(value) < 10):
            continue
        if "/" in value and os.path.exists(value):  # noqa: PTH110 - pathlib raises for a name that is too long
            continue
        for line in value.splitlines():  # a private key has several
            if len(line.strip()) >= SHORTEST:
                found[line.strip()] = name
    return {value: found[value] for value in sorted(found, key=len, reverse=True)}


def hide(secret: str) -> None:
    """Makes a text a secret of this process, its log and the processes that it starts: all know it by the environment."""
    os.environ[HIDDEN] = secret


def redact(text: str, secrets: Mapping[str, str] | None = None) -> str:
    """Returns the text with its secrets masked: those of the environment, and whatever looks like one.

    >>> redact("https://me:word@example.org/data with hf_abcdefghijklmnopqrstuvwx", {})
    'https://[masked]@example.org/data with [masked]'
    """
    for value in secrets_of(os.environ) if secrets is None else secrets:
        text = text.replace(value, MASK)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_all(value: Any, secrets: Mapping[str, str] | None = None) -> Any:
    """Returns the value with every text in lists and dicts masked; in a list also the value after a flag like --api-key."""
    secrets = secrets_of(os.environ) if secrets is None else secrets
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {name: redact_all(item, secrets) for name, item in value.items()}
    if not isinstance(value, list | tuple):
        return value
    items = [redact_all(item, secrets) for item in value]
    for i, flag in enumerate(value[:-1]):
        if isinstance(flag, str) and re.fullmatch(r"--?[\w-]*(?:token|key|secret|password)", flag):
            items[i + 1] = MASK
    return items


def main() -> None:
    """Copies stdin to stdout line by line, masked, until every writer has closed it."""
    secrets = secrets_of(os.environ)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")  # a chunk may end inside a character
    held = ""
    while chunk := os.read(0, CHUNK):
        held += decoder.decode(chunk)
        end = max(held.rfind("\n"), held.rfind("\r")) + 1  # progress bars of libraries end in \r
        if not end and len(held) > LONGEST_LINE:
            end = held.rfind(" ") + 1 or len(held)
        write(redact(held[:end], secrets))
        held = held[end:]
    write(redact(held + decoder.decode(b"", final=True), secrets))


def write(text: str) -> None:
    """Writes a whole text to stdout, unbuffered."""
    data = text.encode("utf-8", "surrogateescape")
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    try:
        main()
    except OSError as error:  # a full disk: the run continues without this log
        while os.read(0, CHUNK):
            pass
        sys.exit(str(error))
