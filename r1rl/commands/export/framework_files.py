"""The files that the exports to verl and OpenRLHF share: reward.py, launch.sh and README.md."""

from __future__ import annotations

import pprint
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import r1rl
from r1rl.commands.export.other_frameworks import RunExport

REWARD, LAUNCH, PAGE = "reward.py", "launch.sh", "README.md"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the run by its name in the other framework."""

    ours: str  # flag or flags of this program; "" if it has none
    theirs: str  # key or flag
    value: str  # as the shell reads it; "" for a flag without a value
    note: str = ""


@dataclass(frozen=True, slots=True)
class Framework:
    """The other framework, as the files describe it."""

    name: str
    version: str  # whose names are used, with the commit
    sources: str  # the files in which the names were looked up
    signature: str  # the Python code of its reward function
    start: str  # its program
    separator: str  # between a key and its value
    guard: str = ""  # lines of bash that refuse what it cannot read


def word(value: Any) -> str:
    """Returns a value as one word of bash; numbers and booleans as in Python."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return shlex.quote(str(value))


def reward_file(exported: RunExport, framework: Framework) -> str:
    """Returns reward.py: the reward function with the framework's documented signature."""
    notes = "".join(f"#\n# NOT IN HERE: {line}\n" for line in exported.notes if line.startswith("The reward"))
    prefix = exported.train[0].prefix
    settings = pprint.pformat(exported.reward_settings(), sort_dicts=False)
    return f'''"""The reward of the run {exported.run.name} for {framework.name}, by the run's rules."""

# It imports r1rl, which must be installed where this runs: a copy of the grader's 400 tested lines would differ from it
# after the next change. They need neither torch nor a GPU:
#     pip install --no-deps PATH-OR-ADDRESS-OF-R1RL && pip install rich regex math-verify==0.9.0
# Written by r1rl {r1rl.__version__}.
{notes}
from r1rl.rewards.standalone import OutsideReward, completion_of  # noqa: F401

PREFIX = {prefix!r}  # the end of each prompt, and for the grader the beginning of the completion
SPECIAL = {exported.special!r}  # tokens to remove from completions
SETTINGS = {settings}
reward_of = OutsideReward({exported.answer_type!r}, PREFIX, SPECIAL, SETTINGS)


{framework.signature}'''


def script(exported: RunExport, framework: Framework, settings: Sequence[Setting]) -> str:
    """Returns launch.sh, which starts the framework with these settings."""
    completions = exported.prompts_a_step * exported.config.num_generations
    lines = [f"{s.theirs}{framework.separator}{s.value}" if s.value else s.theirs for s in settings]
    arguments = " \\\n    ".join([framework.start, *lines, '"$@"'])
    return f"""#!/usr/bin/env bash
# The run {exported.run.name} in {framework.name}. Names by {framework.version}; not trained there.
# {PAGE} in this folder lists what was mapped, and what has no counterpart.
#     MODEL=... GPUS=8 NODES=1 ./{LAUNCH} [more arguments, which win]
set -euo pipefail
HERE=$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)
{framework.guard}MODEL=${{MODEL:-{shlex.quote(exported.model)}}}
GPUS=${{GPUS:-8}} # of each node
NODES=${{NODES:-1}}
COMPLETIONS={completions} # of an optimizer step
if ((COMPLETIONS % (GPUS * NODES))); then
    echo "GPUS=$GPUS times NODES=$NODES must divide the $COMPLETIONS completions of a step: take fewer, or a larger batch" >&2
    exit 2
fi
exec {arguments}
"""


def page(exported: RunExport, framework: Framework, settings: Sequence[Setting], missing: Sequence[str]) -> str:
    """Returns README.md: what was mapped and what was not."""
    rows = "\n".join(
        f"| {cell(s.ours) or 'none'} | `{cell(s.theirs)}` | {f'`{cell(s.value)}`' if s.value else 'set'} | {cell(s.note)} |"
        for s in settings
    )
    gone = "\n".join(f"- {line}" for line in (*exported.notes, *missing))
    text = exported.text(exported.train[0])
    return f"""# The run {exported.run.name} in {framework.name}

Written by r1rl {r1rl.__version__} from `run.json`. Names by **{framework.version}**, from {framework.sources}.
Its own readers load such files, but **no run was trained there**: before a long run try ten steps, and check that the
rewards of the first steps are near those of the run (`rollouts.jsonl`), for the same model and prompts.

| file | content |
| --- | --- |
| `train.*`, `test.*` | {len(exported.train):,} and {len(exported.test):,} problems: those of the training and those of the evaluations |
| `{REWARD}` | the run's reward; imports r1rl, which must be installed there (see its first lines) |
| `{LAUNCH}` | starts {framework.name} with the run's settings; `MODEL`, `GPUS` and `NODES` from the environment |

The training begins with the base model, `{exported.model}`. To continue from the run's weights: `python main.py export
{shlex.quote(str(exported.run))} --to merged -o DIR`, and `MODEL=DIR`.

Prompts are complete texts{", made by the model's chat template" if exported.config.is_chat else ""}, so no template may be
applied to them. The first one:

```text
{text.replace("```", "'''")}
```

## What was mapped

| r1rl | {framework.name} | value | |
| --- | --- | --- | --- |
{rows}

## What has no counterpart

{gone}
"""


# What neither framework has a counterpart for.
MISSING = (
    "Sampling ends at `</answer>` in the run. There it continues to the end token or the limit: the reward ignores everything "
    "after the first closed answer, but those tokens are sampled and trained on. A base model that does not stop needs a larger "
    "`--max-completion-length`.",
    "Groups with equal rewards are left out of the run's denominators. There they count, so a step in which few groups have "
    "different rewards is smaller by that share.",
    "The base model is in 16 bit there, even if the run had 4 bit (`--load-in-4bit`), and Unsloth is not used.",
    "Completions end at the tokens that the model's `generation_config.json` names; the run also ends them at the end-of-turn token of a "
    "chat template.",
    "The same seed gives another order of problems, other samples and another initial adapter.",
    "There are no dumps, report, guards, budget, proof at step 1 and intervals of evaluations: log there what you need.",
)


def more_missing(exported: RunExport) -> list[str]:
    """Returns the flags of this run without a counterpart."""
    config = exported.config
    found = {
        "--refill": config.refill > 0,
        "--skip-solved": config.skip_solved,
        "--difficulty-pool": config.difficulty_pool is not None,
        "--learn-from": config.learn_from is not None,
        "--prune": config.prune,
        "--guard": config.guard is not None,
        "--budget, --max-minutes, --max-tokens": any((config.budget, config.max_minutes, config.max_tokens)),
    }
    return [f"`{name}` of the run is not mapped." for name, given in found.items() if given]


def write_files(
    folder: Path, exported: RunExport, framework: Framework, settings: Sequence[Setting], missing: Sequence[str]
) -> None:
    """Writes reward.py, launch.sh and README.md into the folder; the launch script is executable."""
    missing = (*missing, *MISSING, *more_missing(exported))
    (folder / REWARD).write_text(reward_file(exported, framework), encoding="utf-8")
    (folder / LAUNCH).write_text(script(exported, framework, settings), encoding="utf-8")
    (folder / LAUNCH).chmod(0o755)
    (folder / PAGE).write_text(page(exported, framework, settings, missing), encoding="utf-8")


def cell(text: str) -> str:
    """Returns the text as a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
