"""The budget: what is left for the end, when a run stops, what it says; and a real run that keeps it."""

from __future__ import annotations

import math

import pytest
from small_run import make_trainer
from small_sft import make_fine_tuner

from r1rl.config.flags import Config
from r1rl.runs import progress, resume
from r1rl.runs.budget import CLOSING, CLOSING_A_COMPLETION, MARGIN, Budget, Cost
from r1rl.runs.dump import EVALUATIONS, METRICS, Dump, read_lines
from r1rl.runs.progress import Meter, meter_of_run
from r1rl.system.errors import UserError

SIZES = {"max_steps": 100, "eval_steps": 10, "save_steps": 20, "eval_count": 32}


def budget(price=None, seconds=2.0, tokens=1000, evaluation=5.0, saving=0.5, **flags) -> Budget:
    """A budget that has seen one evaluation, one checkpoint and ten steps of 16 completions."""
    found = Budget(Config(**{**SIZES, **flags}), price)
    for _ in range(10):
        found.step(Cost(seconds, tokens), 16)
    found.evaluation(Cost(evaluation, 3000))
    found.saving(saving)
    return found


def test_limits():
    assert Budget(Config()).limit == Cost(math.inf, math.inf)
    assert budget(price=2.0, budget=1.0).limit == Cost(1800, math.inf)
    assert budget(price=2.0, budget=1.0, max_minutes=10, max_tokens=7).limit == Cost(600, 7)


def test_the_end_is_paid_first():
    found = budget(max_minutes=10)
    closing = CLOSING + CLOSING_A_COMPLETION * 160
    assert found.reserve.seconds == pytest.approx(MARGIN * 5.5 + closing)
    needed = MARGIN * 2.0 + MARGIN * 5.5 + closing
    assert found.fits_another(Cost(600 - needed - 0.01), 11)
    assert not found.fits_another(Cost(600 - needed + 0.01), 11)
    # With the end of step 20 an evaluation and a checkpoint are due, which are no longer the last ones.
    assert not found.fits_another(Cost(600 - needed - 0.01), 20)
    assert found.fits_another(Cost(600 - needed - MARGIN * 5.5 - 0.01), 20)


def test_tokens_are_bounded_too():
    found = budget(max_tokens=100_000)
    limit = 100_000 - MARGIN * 1000 - MARGIN * 3000
    assert found.fits_another(Cost(1e9, limit), 11)
    assert not found.fits_another(Cost(0, limit + 1), 11)


def test_the_longest_step_counts_and_is_forgotten():
    found = budget(max_minutes=10)
    found.step(Cost(30.0, 1000), 16)
    assert found.longest.seconds == 30
    for _ in range(20):
        found.step(Cost(2.0, 1000), 16)
    assert found.longest.seconds == 2


def test_an_evaluation_grows_with_the_completions():
    found = budget()
    found.step(Cost(2.0, 3000), 16)  # three times as long as at the evaluation
    assert found.next_evaluation == Cost(15.0, 9000)
    found.step(Cost(2.0, 10), 16)
    assert found.next_evaluation == Cost(5.0, 3000)


def test_steps_that_learn_from_earlier_completions_do_not_hide_their_length_and_cost():
    found = Budget(Config(**SIZES, num_iterations=2, steps_per_generation=5))  # ten steps per generation
    for tokens in (1000, 3000):
        for number in range(10):
            found.step(Cost(2.0) if number else Cost(20.0, tokens * 16), 0 if number else 16)
        if tokens == 1000:
            found.evaluation(Cost(5.0, 3000))
    assert found.next_evaluation == Cost(15.0, 9000)  # the completions are three times as long
    assert found.mean.seconds == pytest.approx((20 + 9 * 2) / 10)
    long = {"max_steps": 120, "eval_steps": 30, "save_steps": 30, "steps_per_generation": 30}
    found = Budget(Config(**SIZES | long))
    for number in range(30):
        found.step(Cost(2.0 if number else 60.0), 0 if number else 480)
    assert found.longest.seconds == 60  # the next step samples again


def test_an_evaluation_that_was_never_seen():
    found = Budget(Config(**SIZES))  # 32 completions, a step has 16
    found.step(Cost(2.0, 1000), 16)
    assert found.next_evaluation == Cost(4.0, 2000)


def test_the_projection():
    found = budget()
    # 88 steps, evaluations after 20, 30, ..., 90 and 100, checkpoints after 20, ..., 80 and 100, the report
    expected = 50 + 88 * 2 + 9 * 5 + 5 * 0.5 + CLOSING + CLOSING_A_COMPLETION * 160
    assert found.projected(Cost(50), 12, 100).seconds == pytest.approx(expected)


def test_the_step_it_ends_at():
    found = budget(max_minutes=2)
    last = found.last_step(Cost(50), 12)
    assert found.projected(Cost(50), 12, last).within(found.limit)
    assert not found.projected(Cost(50), 12, last + 1).within(found.limit)
    assert budget().last_step(Cost(50), 12) == 100


def test_what_it_says_at_step_5():
    assert budget(max_minutes=10).warning(Cost(10), 5) is None
    found = budget(price=1.0, max_minutes=2, budget=1.0)
    words = found.warning(Cost(50), 12)
    assert words.startswith("100 steps do not fit into --budget 1 and --max-minutes 2: at 2 s a step about ")
    assert f"--max-steps {found.last_step(Cost(50), 12)}" in words
    minutes = int(words.split("--max-minutes ")[-1])  # what it asks for is enough
    assert budget(price=1.0, max_minutes=minutes, budget=1.0).warning(Cost(50), 12) is None


@pytest.mark.parametrize(
    ("price", "flags", "parts"),
    [
        (None, {}, []),
        (3.6, {}, ["$0.05, $0.28 at the end"]),
        (3.6, {"budget": 2.0}, ["$0.05 of 2.00, $0.28 at the end"]),
        (3.6, {"budget": 0.1}, ["$0.05 of 0.10, ends at about step 28 of 100"]),  # 50 + 32 + 10 + 1 + 6.05 of 100 s
        (None, {"max_minutes": 10}, ["0.8 of 10 min, 4.7 at the end"]),
        (None, {"max_tokens": 500_000}, ["20,000 of 500,000 tokens, 135,000 at the end"]),
    ],
)
def test_words_of_the_bar(price, flags, parts):
    assert budget(price, **flags).describe(Cost(50, 20_000), 12) == parts


def test_before_the_first_step_there_is_no_projection():
    assert Budget(Config(budget=2.0), 1.0).describe(Cost(36), 0) == ["$0.01 of 2.00"]


def test_fees_of_a_judge_and_time_share_one_budget():
    prices = {"judge_price_in": 1.0}
    found = Budget(Config(**SIZES, budget=1.0, **prices), 3.6)  # 0.1 cents a second
    for fees in (0.02, 0.03):
        found.step(Cost(2.0, 1000, fees), 16)
    assert found.longest == Cost(2.0, 1000, 0.03) and found.mean.fees == 0.025
    found.evaluation(Cost(5.0, 3000, 0.04))
    assert found.dollars(Cost(50, 0, 0.3)) == pytest.approx(0.35)
    # The next step (2 s, 0.03 $) and the last evaluation (5 s, 0.04 $) with margin, and the closing.
    needed = MARGIN * (0.032 + 0.045) + (CLOSING + CLOSING_A_COMPLETION * 32) * 0.001
    assert found.fits_another(Cost(100, 0, 0.9 - needed - 0.001), 11)
    assert not found.fits_another(Cost(100, 0, 0.9 - needed + 0.001), 11)
    assert found.describe(Cost(50, 0, 0.3), 12)[0].startswith("$0.35 of 1.00, ends at about step ")
    assert "--budget" in found.warning(Cost(50, 0, 0.3), 12)


def test_fees_alone_have_a_budget_where_time_is_free():
    for price in (None, 0.0):
        found = Budget(Config(**SIZES, budget=1.0, judge_price_out=2.0), price)
        found.step(Cost(2.0, 1000, 0.1), 16)
        assert found.next_evaluation.fees == pytest.approx(0.2)  # 32 completions, a step has 16
        assert found.fits(Cost(1e9, 0, 1.0)) and not found.fits(Cost(0, 0, 1.01))
        found.evaluation(Cost(1.0, 10))  # of a process before a resume, which did not write down its fees
        assert found.next_evaluation.fees == pytest.approx(0.2)


def test_the_meter_counts_fees_and_goes_on(tmp_path):
    config = Config(budget=1.0, judge_price_in=1.0)
    meter = Meter(config, None, {}, None, Cost(10.0), tmp_path / "meter.json")
    assert meter.dollars() is None
    meter.paid(0.25)
    assert meter.dollars() == 0.25 and meter.spent().fees == 0.25
    meter.write()
    again = meter_of_run(config, Budget(config, None), Dump(tmp_path), {"step": 3, "seconds": 60.0})
    again.paid(0.5)
    assert again.dollars() == 0.75


@pytest.mark.parametrize(
    ("flags", "price", "part"),
    [
        ({"budget": 1.0}, None, "no price is known for this machine: add --gpu-price"),
        ({"budget": 1.0, "gpu_price": 0.0}, 0.0, "at --gpu-price 0 it never ends"),
        ({"budget": 0.0}, 1.0, "--budget 0.0 must be more than 0"),
        ({"max_minutes": -1.0}, None, "--max-minutes -1.0 must be more than 0"),
        ({"max_tokens": 0}, None, "--max-tokens 0 must be at least 1"),
        ({"mode": "both", "max_minutes": 5.0}, None, "--max-minutes limit one training run, and --mode both is"),
        ({"pipeline": True, "max_tokens": 5}, None, "the pipeline is eight runs"),
        ({"pipeline": True, "stage": "rejection", "budget": 1.0}, 1.0, "stage rejection samples"),
    ],
)
def test_wrong_combinations(flags, price, part):
    with pytest.raises(UserError, match=part):
        Budget(Config(**flags), price)


def test_budgets_may_change_on_resume():
    assert {"budget", "max_minutes", "max_tokens", "gpu_price"} <= resume.FREE_TO_CHANGE


# ---- the meter


def test_the_meter_goes_on(tmp_path):
    dump = Dump(tmp_path)
    config = Config(max_tokens=100)
    first = Meter(config, 3.6, {}, None, Cost(100.0, 7), tmp_path / "meter.json")
    first.write()
    assert progress.spent(dump).tokens == 7 and progress.spent(dump).seconds >= 100
    again = meter_of_run(config, Budget(config, 3.6), dump, {"step": 3, "seconds": 60.0})  # cut back to step 3
    assert again.seconds() >= 100 and again.dollars() >= 0.1 and again.tokens == 7
    (tmp_path / "meter.json").write_text("{")
    assert progress.spent(dump) == Cost()
    older = meter_of_run(config, Budget(config, 3.6), dump, {"step": 3, "seconds": 60.0})
    assert older.seconds() >= 60


def test_a_resumed_run_knows_what_an_evaluation_takes(tmp_path):
    dump = Dump(tmp_path)
    line = {"step": 0, "problems": 10, "samples": 2, "mean_tokens": 30.5, "evaluation_seconds": 4.0}
    dump.append(EVALUATIONS, [{**line, "evaluation_seconds": 9.0}, line])
    found = Budget(Config(max_minutes=1))
    meter_of_run(Config(max_minutes=1), found, dump, {})
    assert found.next_evaluation == Cost(4.0, 610)


def test_a_budget_that_is_used_up():
    found = Budget(Config(max_minutes=1))
    found.check_left(Cost(50))
    with pytest.raises(UserError, match="--max-minutes 1 leaves nothing for training: 58 s and 0 tokens are spent"):
        found.check_left(Cost(58))
    found.evaluation(Cost(4.0, 10))
    with pytest.raises(UserError, match="saving and report may take 11 s and 12 tokens more"):  # 6 + 1.25 x 4
        found.check_left(Cost(50))


# ---- a real trainer


def test_a_run_ends_before_the_step_that_does_not_fit(tmp_path):
    limit = 4000  # tokens; a step samples at most 16 x 48
    trainer = make_trainer(tmp_path, max_steps=50, max_tokens=limit, eval_on_start=True, eval_steps=3)
    trainer.fit(None, [])
    last = trainer.state.global_step
    assert 1 <= last < 50
    evaluations = list(read_lines(tmp_path / "run" / EVALUATIONS))
    steps = list(read_lines(tmp_path / "run" / METRICS))
    assert (
        evaluations[-1]["step"] == last == steps[-1]["step"]
    )  # the last evaluation was made, and the last line written
    assert (tmp_path / "run" / "checkpoints" / f"checkpoint-{last}").is_dir()
    sampled = sum(s["tokens"] for s in steps) + sum(round(e["mean_tokens"] * e["problems"]) for e in evaluations)
    assert sampled == trainer.meter.tokens <= limit
    largest = max(s["tokens"] for s in steps)
    assert sampled + 3 * largest + 3 * 8 * 48 > limit  # and it did not stop far too early
    assert f"at step {last} of 50" in trainer.meter.budget.ended
    assert "--max-tokens 4000" in trainer.meter.budget.ended


def test_no_step_is_made_that_leaves_no_last_evaluation(tmp_path):
    trainer = make_trainer(tmp_path, max_tokens=100, eval_on_start=True)  # the first evaluation alone takes more
    with pytest.raises(UserError, match="--max-tokens 100 leaves nothing for training"):
        trainer.fit(None, [])
    assert trainer.state.global_step == 0
    assert not (tmp_path / "run" / METRICS).exists()


def test_a_run_without_a_budget_is_not_stopped(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=2)
    trainer.fit(None, [])
    assert trainer.state.global_step == 2 and trainer.meter.budget.ended is None


def test_fine_tuning_ends_in_its_budget(tmp_path, monkeypatch):
    tuner = make_fine_tuner(tmp_path, num_epochs=4, max_minutes=1.1)  # 20 steps
    # A clock that goes ten seconds a step: after step 4 the next one fits into 66 seconds, after step 5 it does not.
    monkeypatch.setattr(Meter, "seconds", lambda self: 10.0 * tuner.state.global_step)
    evaluation = Budget.evaluation  # timed by the real clock: a busy machine takes several seconds for it
    monkeypatch.setattr(Budget, "evaluation", lambda self, cost: evaluation(self, Cost(tokens=cost.tokens)))
    tuner.fit(None)
    assert tuner.state.global_step == 5
    assert [e["step"] for e in read_lines(tmp_path / "run" / EVALUATIONS)] == [0, 5]
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-5").is_dir()
