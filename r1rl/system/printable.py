"""Text of a model made fit to be printed: nothing in it commands a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Control characters but line breaks and tabs made visible, so that no text commands the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else escape(c) for c in text)


def escape(character: str) -> str:
    """The character's code, as in a Python string."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
