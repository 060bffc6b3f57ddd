"""GPU cards that can be planned for without having one: their memory, and how fast they are assumed to be."""

from __future__ import annotations

from dataclasses import dataclass

from r1rl.system.errors import unknown_name
from r1rl.system.machine import usual_price


@dataclass(frozen=True, slots=True)
class Card:
    """One kind of card."""

    name: str
    memory: int  # bytes that CUDA reports as its total, rounded down
    sampled: float  # tokens/s of each of 16 sequences sampled at once, Qwen2.5-3B in 4 bit
    learned: float  # tokens/s in an update, forward and backward, same model

    @property
    def price(self) -> float | None:
        """US dollars an hour, usual ones."""
        return usual_price(self.name.split("-")[0])


GIB = 2**30

# Memory: what CUDA reports on such cards in public logs; it is less than the name says.
# Speeds: an assumption of 2026-11-21. No card was measured here. The A10's row is made to fit the one published figure,
# two hours for 200 steps of the default recipe (dhh1995/R1RL @ 36c196c, README), the others follow from memory bandwidth
# (sampling) and 16-bit arithmetic (learning) beside it, held back where kernels of 4-bit weights are the limit.
SPEEDS_OF = "an assumption of 2026-11-21, no card was measured"

CARDS = (
    Card("T4", int(14.5 * GIB), 12, 900),
    Card("A10", int(22.0 * GIB), 25, 3000),
    Card("L4", int(22.0 * GIB), 14, 2500),
    Card("A100-40", int(39.3 * GIB), 45, 8000),
    Card("H100-80", int(79.0 * GIB), 70, 18000),
    Card("H200-141", int(139.0 * GIB), 80, 18000),
)

DEFAULT_CARD = "A10"


def card_named(name: str) -> Card:
    """The card of this name; A100 is enough for A100-40. Raises UserError."""
    wanted = name.upper()
    found = [c for c in CARDS if wanted in (c.name, c.name.split("-")[0])]
    if not found:
        raise unknown_name("--card", name, [c.name for c in CARDS])
    return found[0]


def card_like(gpu: str) -> Card | None:
    """The card in the table that a GPU's own name speaks of, for its speed; None for any other."""
    price = {c.name.split("-")[0]: c for c in CARDS}
    words = gpu.upper().replace("-", " ").split()
    return next((card for name, card in price.items() if name in words or f"{name}G" in words), None)
