"""--difficulty-pool: weights, rests, the resumed run, and what the run says of its pool."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pytest

from r1rl.config.flags import Config
from r1rl.config.recipes import resolve
from r1rl.config.scope import check_given
from r1rl.reports.curves import PER_STEP, per_step
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError
from r1rl.trainers.prompt_order import Pool

G = 4
NAMES = [f"train/{i}" for i in range(10)]


def visited(visits: int, *groups: tuple[str, int], names=NAMES) -> Pool:
    """A pool after steps of one group each."""
    pool = Pool(names, G, visits, seed=1)
    for group in groups:
        pool.sampled = [group]
        pool.step_ended()
    return pool


def test_the_weight_is_the_expected_variance_of_a_completion():
    pool = visited(2, ("train/0", 2), ("train/1", 0), ("train/2", 4), ("train/3", 4), ("train/3", 1), ("train/3", 1))
    assert pool.weight("train/9") == pytest.approx(1 / 6)  # of a uniform p
    assert pool.weight("train/0") == pytest.approx(3 * 3 / (6 * 7))
    assert pool.weight("train/1") == pool.weight("train/2") == pytest.approx(1 * 5 / (6 * 7))
    assert pool.weight("train/3") == pytest.approx(3 * 7 / (10 * 11))  # 2 of 8 in its latest two visits


def test_the_weight_is_that_of_an_integral():
    """E[p (1 - p)] by sums over the posterior p^k (1 - p)^(n - k)."""
    pool = visited(2, ("train/0", 1), ("train/0", 4))
    grid = [(i + 0.5) / 10_000 for i in range(10_000)]
    posterior = [p**5 * (1 - p) ** 3 for p in grid]
    expected = sum(w * p * (1 - p) for w, p in zip(posterior, grid)) / sum(posterior)
    assert pool.weight("train/0") == pytest.approx(expected, rel=1e-6)


def test_prompts_are_drawn_by_weight():
    names = NAMES[:3]
    counts = dict.fromkeys(range(3), 0)
    for seed in range(3000):
        pool = Pool(names, G, 2, seed)
        pool.sampled = [("train/0", 2), ("train/1", 0)]
        pool.step_ended()
        counts[pool.draw(1)[0]] += 1
    weights = [9 / 42, 5 / 42, 1 / 6]
    for i, weight in enumerate(weights):
        assert counts[i] / 3000 == pytest.approx(weight / sum(weights), abs=0.03)


@pytest.mark.parametrize(("correct", "other"), [(0, 3), (G, 1)])
def test_a_prompt_rests_for_one_pass_after_its_visits_and_comes_back(correct, other):
    first = NAMES[0]
    pool = visited(2, (first, correct))
    assert not pool.rests(first)  # one visit is not two
    pool = visited(2, (first, other), (first, correct))
    assert not pool.rests(first)
    pool = visited(2, (first, other), (first, correct), (first, correct))
    for _ in range(len(NAMES)):  # as many groups as there are prompts
        assert pool.rests(first) and 0 not in pool.draw_more(len(NAMES), ())
        pool.sampled = [(NAMES[1], 2)]
        pool.step_ended()
    assert not pool.rests(first) and 0 in pool.draw_more(len(NAMES), ())
    pool.sampled = [(first, correct)]
    pool.step_ended()
    assert pool.rests(first)  # one more such visit, and it rests again
    for _ in NAMES:
        pool.sampled = [(first, other)]
        pool.step_ended()
        assert not pool.rests(first)


def test_a_step_is_always_full_and_a_refill_takes_no_resting_prompt():
    pool = visited(1, *((name, G) for name in NAMES[:9]))
    assert sorted(pool.draw(3)) == [0, 1, 9]  # those that rested longest fill up
    assert pool.draw(3)[0] == 9
    assert pool.draw_more(3, ()) == [9]
    assert pool.draw_more(3, (9,)) == []
    assert pool.shares() == {
        "pool_solved": 0.9,
        "pool_unsolved": 0.0,
        "pool_between": 0.0,
        "pool_unseen": 0.1,
        "pool_resting": 0.9,
    }


def test_a_step_that_is_sampled_again_counts_once():
    pool = visited(2)
    drawn = pool.draw(2)
    pool.sampled = [(NAMES[drawn[0]], 1)]  # interrupted, then sampled again
    assert pool.groups == 0 and pool.draw(2) == drawn
    pool.sampled = [(NAMES[drawn[0]], 3)]
    pool.step_ended()
    pool.step_ended()  # the second optimizer step of a generation
    assert pool.to_dict() == {"groups": 1, "seen": {NAMES[drawn[0]]: [1, 3]}}


def test_a_resumed_run_draws_as_the_unbroken_one():
    """Chances of success that differ by prompt and rise: prompts rest and come back."""

    def steps(pool: Pool, begin: int, end: int) -> list[list[int]]:
        found = []
        for step in range(begin, end):
            drawn = pool.draw(3)
            drawn += pool.draw_more(2, drawn)
            found.append(drawn)
            chance = random.Random(step)
            rates = [min(1, i / 10 + step / 60) for i in drawn]
            pool.sampled = [(NAMES[i], sum(chance.random() < rate for _ in range(G))) for i, rate in zip(drawn, rates)]
            pool.step_ended()
        return found

    whole = Pool(NAMES, G, 1, seed=1)
    unbroken = steps(whole, 0, 40)
    assert {len(drawn) for drawn in unbroken} > {5}  # sometimes too few are left for a refill
    assert whole.shares()["pool_resting"] > 0
    for cut in range(40):
        stopped, continued = Pool(NAMES, G, 1, seed=1), Pool(NAMES, G, 1, seed=1)
        steps(stopped, 0, cut)
        continued.restore(json.loads(json.dumps(stopped.to_dict(), sort_keys=True)))
        assert continued.to_dict() == stopped.to_dict()
        assert steps(continued, cut, 40) == unbroken[cut:]


def test_the_report_draws_the_pool():
    (row,) = [row for row in PER_STEP if row[0] == "pool"]
    shares = [visited(2).shares(), visited(2, ("train/0", 0), ("train/1", 2)).shares()]
    data = SimpleNamespace(metrics=[{"step": i, **s} for i, s in enumerate(shares, 1)])
    chart = per_step(row, [("run", data, None)])
    drawn = {line.series: [p.y for p in line.points] for line in chart.lines}
    assert drawn == {
        "always solved": [0, 0],
        "never solved": [0, 0.1],
        "in between": [0, 0.1],
        "not sampled yet": [1, 0.8],
    }


@pytest.mark.parametrize(
    ("recipe", "given", "words"),
    [
        ("tiny", {"difficulty_pool": 0}, "--difficulty-pool 0 must be at least 1"),
        ("tiny", {"difficulty_pool": 2, "skip_solved": True}, "with --skip-solved: both decide which prompts"),
        ("kk-tiny", {"difficulty_pool": 2}, "only without --stages"),
        ("cot-safety-tiny", {"difficulty_pool": 2}, "only with --algorithm grpo"),
        ("gsm8k-sft-rl-tiny", {"difficulty_pool": 2, "mode": "sft"}, "only to reinforcement learning"),
        ("gsm8k-sft-rl-tiny", {"difficulty_pool": 2, "mode": "eval"}, "only to reinforcement learning"),
        ("tiny", {"difficulty_pool": 2, "algorithm": "ppo"}, "only with --algorithm grpo"),
    ],
)
def test_where_it_cannot_work_it_is_refused(recipe, given, words):
    with pytest.raises(UserError, match=words):
        check_given(resolve(recipe, given), given)


# ---- real runs


def fit(tmp_path, name, stop_after=None, **settings):
    """The folder of a run; with `stop_after` it is stopped after that step and resumed."""
    from small_run import SMALL, AskToStop, make_trainer

    from r1rl.runs import folder

    trainer = make_trainer(tmp_path, name, **settings)
    if stop_after is not None:
        trainer.add_callback(AskToStop(trainer.interrupt, after=stop_after))
    trainer.fit(None, [])
    if stop_after is not None:
        config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": name, **settings, "resume": True})
        checkpoint = folder.continue_from(folder.open_run(config, "test", {"gpu": None}))
        assert checkpoint.name == f"checkpoint-{stop_after}"
        make_trainer(tmp_path, name, **settings, resume=True).fit(checkpoint, [])
    return tmp_path / name


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"refill": 1.0}, {"steps_per_generation": 2}])
def test_a_run_resumed_with_its_pool_equals_the_unbroken_one(tmp_path, more):
    from small_run import without_times

    settings = {"max_steps": 6, "save_steps": 6, "eval_steps": 6, "difficulty_pool": 1, "learning_rate": 1e-3, **more}
    whole = fit(tmp_path, "whole", **settings)
    parts = fit(tmp_path, "parts", stop_after=3, **settings)
    for name in (ROLLOUTS, METRICS, "evaluations.jsonl"):
        assert without_times(parts / name) == without_times(whole / name)
    assert_pool_of_the_dump(whole, more.get("steps_per_generation", 1))


def assert_pool_of_the_dump(run, at_once: int) -> None:
    """The shares in metrics.jsonl are those of the completions in rollouts.jsonl; of a generation, at its first step."""
    correct: dict[str, list[bool]] = {}  # of the latest group
    lines = list(read_lines(run / ROLLOUTS))
    for metrics in read_lines(run / METRICS):
        step = metrics["step"]
        known = range(step, step + at_once) if step % at_once == 1 % at_once else ()
        for line in lines:
            if line["step"] in known:
                before = [] if line["sample"] == 0 else correct[line["problem_id"]]
                correct[line["problem_id"]] = [*before, line["correct"]]
        kinds = [("solved" if all(c) else "between" if any(c) else "unsolved") for c in correct.values()]
        for kind in ("solved", "between", "unsolved"):
            assert metrics[f"pool_{kind}"] == pytest.approx(kinds.count(kind) / 40)
        assert metrics["pool_unseen"] == pytest.approx(1 - len(correct) / 40)
    state = json.loads((run / "checkpoints" / "checkpoint-6" / "trainer_state.json").read_text())
    saved = state["stateful_callbacks"]["DifficultyPool"]["attributes"]
    assert {name: [sum(c)] for name, c in correct.items()} == {name: v[1:] for name, v in saved["seen"].items()}
    assert saved["groups"] == len(lines) // 8
