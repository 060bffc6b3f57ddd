"""Rejection sampling as a run: N completions of each problem, sifted, written as data for fine-tuning."""

from __future__ import annotations

from r1rl.config.flags import Config
from r1rl.pipeline.rejection import SFT_FILE, counts, sift, write_sft_jsonl
from r1rl.pipeline.sampling import Way, sample_ways, seconds_so_far
from r1rl.records import Problem
from r1rl.runs.dump import write_json
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder


def rejection(config: Config, recipe: str) -> int:
    """Samples, keeps what is right, readable and different, writes sft.jsonl. Returns the exit code."""

    def build_ways(problems: list[Problem], tokenizer) -> list[Way]:
        return [Way("sampled", Builder(tokenizer, config)(problems, "train"), config)]

    done = sample_ways(config, recipe, build_ways)
    if isinstance(done, int):
        return done
    dump, found = done
    candidates = [scored for _, scored in found]
    sifted = sift(candidates, config.kept_per_problem, config.think_tag)
    if not sifted.kept:
        raise UserError(
            f"rejection sampling {sifted.words()}, so there is nothing to fine-tune on: give it more problems with "
            "--max-samples, or more completions with --num-generations."
        )
    write_sft_jsonl(dump.folder / SFT_FILE, sifted.kept)
    summary = {"schema_version": 1, "seconds": seconds_so_far(dump), **counts(candidates, sifted)}
    write_json(dump.folder / "summary.json", summary)
    console.print(f"\nsifted   {sifted.words()}")
    console.print(f"data     {dump.folder / SFT_FILE}: {len(sifted.kept)} conversations")
    return 0
