"""Task safety-queries: everyday queries made up on the spot, each with a verdict, safe or unsafe.

The embedded stand-in for aegis, mild on purpose. The same words stand in safe and in unsafe queries: what
decides is what is done to whom. A query's split depends on its story alone, however it is asked, so no train
query of any seed is a test query of any other.
"""

from __future__ import annotations

import hashlib
import itertools
import random

from r1rl.config.safety_flags import SAFETY_TASK
from r1rl.records import Problem
from r1rl.tasks.safety.safety_query_stories import OPENINGS, STORIES

TEST_SHARE = 6  # one in so many stories belongs to the test split

LABELS = ("safe", "unsafe")


class SafetyQueries:
    """The task: `train_count` and `test_count` queries drawn with one seed, half of them safe."""

    name = "safety-queries"
    source = "made up by r1rl, from the seed"

    def __init__(self, seed: int, train_count: int = 2000, test_count: int = 200):
        self.seed = seed
        self.counts = {"train": train_count, "test": test_count}

    def load(self, split: str) -> list[Problem]:
        """All problems of a split ("train" or "test")."""
        return generate(split, self.seed, self.counts[split])


def generate(split: str, seed: int, count: int) -> list[Problem]:
    """`count` different queries of a split, both labels equally often; the same ones for the same arguments."""
    rng = random.Random(f"safety-queries/{split}/{seed}")
    safe, unsafe = (queries(split, label) for label in LABELS)
    drawn = [(query, "safe") for query in rng.sample(safe, (count + 1) // 2)]
    drawn += [(query, "unsafe") for query in rng.sample(unsafe, count // 2)]
    rng.shuffle(drawn)
    return [Problem(f"{split}/{i}", query, label, task=SAFETY_TASK) for i, (query, label) in enumerate(drawn)]


def queries(split: str, label: str) -> list[str]:
    """All queries of a split with this label, in a fixed order."""
    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}; safety-queries has 'train' and 'test'")
    told = [
        story.text.format(thing=thing, case=case)
        for story in STORIES
        for thing, case in itertools.product(story.things, story.safe if label == "safe" else story.unsafe)
    ]
    return [f"{opening} {text}?" for text in told if split_of(text) == split for opening in OPENINGS]


def split_of(text: str) -> str:
    """The split that a story belongs to, whatever the opening."""
    digest = hashlib.sha256(text.encode()).digest()
    return "test" if int.from_bytes(digest[:4], "big") % TEST_SHARE == 0 else "train"
