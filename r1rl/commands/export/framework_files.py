"""What the exports to verl and OpenRLHF have in common: the reward file, the launch script and the page beside them."""

from __future__ import annotations

import json
import pprint
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import r1rl
from r1rl.commands.export.other_frameworks import RunExport

REWARD = "reward.py"

LAUNCH = "launch.sh"

PAGE = "README.md"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the run in the words of the other framework."""

    ours: str  # flag or flags of this program; "" where it has none
    theirs: str  # key or flag
    value: str  # as the shell reads it; "" for a flag without a value
    note: str = ""


@dataclass(frozen=True, slots=True)
class Framework:
    """What is said of it in the files."""

    name: str
    version: str  # whose names are used, with its commit
    sources: str  # where they were read
    signature: str  # of its reward function, with the function's inside, in Python


def word(value: Any) -> str:
    """A value as one word of bash; numbers and true and false as Python writes them."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return shlex.quote(str(value))


def reward_file(exported: RunExport, framework: Framework) -> str:
    """The reward function in the framework's documented signature."""
    told = "".join(f"#\n# NOT IN HERE: {line}\n" for line in exported.told if line.startswith("The reward"))
    prefix = exported.train[0].prefix
    settings = pprint.pformat(exported.reward_settings(), sort_dicts=False)
    return f'''"""The reward of the run {exported.run.name} for {framework.name}, by the run's own rules."""

# It imports r1rl, which must be installed where this runs: how an answer is found and compared is some 400 lines with
# tests, and a copy of them here would be another grader after the next change. They need neither torch nor a GPU:
#     pip install --no-deps PATH-OR-ADDRESS-OF-R1RL && pip install rich regex math-verify==0.9.0
# Made by r1rl {r1rl.__version__}; not run in {framework.name} itself.
{told}
from r1rl.rewards.standalone import OutsideReward, completion_of  # noqa: F401

PREFIX = {prefix!r}  # the end of each prompt, and for the grader the beginning of the completion
SPECIAL = {exported.special!r}  # no text
SETTINGS = {settings}
reward_of = OutsideReward({exported.answer_type!r}, PREFIX, SPECIAL, SETTINGS)


{framework.signature}'''


def script(exported: RunExport, framework: Framework, start: str, lines: Iterable[str]) -> str:
    """launch.sh: `start` is the program, `lines` its arguments."""
    completions = exported.prompts_a_step * exported.config.num_generations
    arguments = " \\\n    ".join([start, *lines, '"$@"'])
    return f"""#!/usr/bin/env bash
# The run {exported.run.name} in {framework.name}. Names by {framework.version}; not run there yet.
# {PAGE} beside this file has the table of what was mapped, and what has no counterpart.
#     MODEL=... GPUS=8 NODES=1 ./{LAUNCH} [more arguments, which win]
set -euo pipefail
HERE=$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)
MODEL=${{MODEL:-{shlex.quote(exported.model)}}}
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
    """README.md: what was mapped and what was not."""
    rows = "\n".join(
        f"| {cell(s.ours) or 'none'} | `{cell(s.theirs)}` | {f'`{cell(s.value)}`' if s.value else 'set'} | {cell(s.note)} |"
        for s in settings
    )
    gone = "\n".join(f"- {line}" for line in (*exported.told, *missing))
    text = exported.text(exported.train[0])
    return f"""# The run {exported.run.name} in {framework.name}

Written by r1rl {r1rl.__version__} from `run.json`. Names by **{framework.version}**, read in {framework.sources}.
**It was not run there**: before a long run try ten steps, and see that rewards of the first steps are near the run's own
(`rollouts.jsonl`), for the same model and prompts.

| file | what |
| --- | --- |
| `train.*`, `test.*` | {len(exported.train):,} and {len(exported.test):,} problems: those the run trains on, and those it evaluates |
| `{REWARD}` | the run's reward; imports r1rl, which must be installed there (its first lines say how) |
| `{LAUNCH}` | starts {framework.name} with the run's settings; `MODEL`, `GPUS` and `NODES` from the environment |

The training begins with the base model, `{exported.model}`. To go on from the run's weights: `python main.py export
{exported.run} --to merged -o DIR`, and `MODEL=DIR`.

Prompts are finished texts{", made by the model's chat template" if exported.config.is_chat else ""}, so no template may be
put around them. The first one:

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


# What is told with either framework.
MISSING = (
    "Sampling ends at `</answer>` in the run. There it goes on to the end token or the limit: the reward reads nothing after the "
    "first closed answer, but those tokens are sampled, paid for and learned from. A base model that runs on needs more of "
    "`--max-completion-length`.",
    "Groups whose completions all earn the same are left out of the run's denominators. There they count, so a step with few groups "
    "of use is smaller by that share.",
    "The base model is in 16 bit there, also where the run had 4 bit (`--load-in-4bit`), and Unsloth is not used.",
    "Completions end at the tokens that the model's `generation_config.json` names; the run also ends them at the turn's end of a chat "
    "template.",
    "Order of problems, sampling and start of the adapter are other ones with the same seed.",
    "Dumps, report, guards, budget, proof at step 1 and the intervals of evaluations stay here: log there what you need.",
)


def more_missing(exported: RunExport) -> list[str]:
    """Of this run's flags, those without a counterpart."""
    config = exported.config
    found = {
        "--refill": config.refill > 0,
        "--skip-solved": config.skip_solved,
        "--guard": config.guard is not None,
        "--budget, --max-minutes, --max-tokens": any((config.budget, config.max_minutes, config.max_tokens)),
    }
    return [f"`{name}` of the run is not mapped." for name, given in found.items() if given]


def write_files(folder: Path, texts: dict[str, str]) -> None:
    """Writes them into the folder; the launch script can be started."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / LAUNCH).chmod(0o755)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def cell(text: str) -> str:
    """As it can stand in a table's cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
