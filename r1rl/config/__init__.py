"""The flags of a run: their definition and parser, the recipes, config files, and the rules that every Config satisfies.

It imports records and system. Start with flags.py (all flags with their defaults), then recipes.py; rules.py checks a
Config through the rules by subject (data, rewards, training, runs).
"""

from r1rl.config import rules  # noqa: F401 - registers the checks of every Config
from r1rl.config.file import read_config, resolve_given, save_config
from r1rl.config.flags import Config
from r1rl.config.parser import Parser, add_flags, as_arguments
from r1rl.config.recipes import RECIPES, resolve

__all__ = [
    "RECIPES", "Config", "Parser", "add_flags", "as_arguments", "read_config", "resolve", "resolve_given", "save_config",
]  # fmt: skip
