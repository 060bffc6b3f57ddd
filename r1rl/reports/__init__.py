"""Reports: what the dump of a run shows, on the screen, as a page, and as pictures.

`survey` passes over the completions once, with `selfcheck` for each; `summary` and `tables` make lines and tables of the
run's numbers (`runs.run_data`), `curves` makes charts; `screen`, `page` and `run_end` put them together. It may import
all packages up to session, and reads files only: no model is loaded. Start with `run_end.finish`.
"""

from r1rl.reports.completions import Completion, Filter, read_completions
from r1rl.reports.page.build import write_report
from r1rl.reports.selfcheck import Check, find_check
from r1rl.reports.summary import summary_lines

__all__ = ["Check", "Completion", "Filter", "find_check", "read_completions", "summary_lines", "write_report"]
