"""Python imports this at its start where tests/helpers/startup is on PYTHONPATH: see tests/helpers/rounding.py."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from rounding import on_import

sys.path.pop()
on_import()
