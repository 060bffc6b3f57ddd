"""The flags of a run: their definition, the recipes, config files, and the rules that every Config satisfies."""

from r1rl.config import rules  # noqa: F401 - every Config is checked
