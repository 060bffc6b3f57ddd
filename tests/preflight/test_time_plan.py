"""The time plan: published steps on a GPU, measured ones on a CPU, and the worked arithmetic of each part."""

from __future__ import annotations

import dataclasses
import json

import pytest
from conftest import ROOT
from scaling_points import points, run_of, sampler_of

from r1rl.config.flags import Config
from r1rl.config.recipes import resolve
from r1rl.models.shape import KNOWN
from r1rl.preflight.memory_parts import GIB, Place
from r1rl.preflight.memory_plan import plan_memory
from r1rl.preflight.prepare import place_of_card, time_words
from r1rl.preflight.time_plan import (
    CARDS,
    DEQUANTIZED,
    LEARNED_AT,
    LEAST_DECODE,
    PUBLISHED,
    SAMPLED_AT,
    TYPICAL,
    card_named,
    passes_of,
    plan_time,
    sampling_seconds,
    speed_of,
    step_seconds,
)
from r1rl.runs.dump import METRICS

CPU = Place("2 CPU cores", 16 * GIB, 16 * GIB, False, "transformers", "", False, cores=2)
# YixuanEvenXu/pods @ 187f43b, config/train.yaml. Its trainer computes the reference's logprobs also with beta 0.
PODS = Config(max_prompt_length=512, max_completion_length=512, lora_rank=64, beta=1e-9, gpu_memory_utilization=0.5)


def seconds(config: Config, card: str, model: str, *counts: int) -> float:
    """Returns the planned seconds of a step; `counts`: completions sampled and learned, if not the config's."""
    shape, place = KNOWN[model], place_of_card(config, card_named(card))
    memory = plan_memory(config, shape, place)
    return step_seconds(config, memory, speed_of(config, shape, place), TYPICAL, *counts)


@pytest.mark.parametrize(("sampled", "learned"), PUBLISHED)
def test_published_steps_on_an_l40s(sampled, learned):
    planned = seconds(PODS, "L40S", "Qwen2.5-3B", sampled, learned)
    assert planned == pytest.approx(PUBLISHED[sampled, learned], rel=0.25)


def test_a_step_that_learns_from_a_part_takes_the_time_of_that_part():
    whole = dataclasses.replace(PODS, per_device_train_batch_size=64)
    part = dataclasses.replace(whole, learn_from=16)
    planned = seconds(part, "L40S", "Qwen2.5-3B")
    assert planned == pytest.approx(seconds(whole, "L40S", "Qwen2.5-3B", 64, 16))
    assert planned < 0.8 * seconds(whole, "L40S", "Qwen2.5-3B")


def test_the_recipe_fast_takes_half_an_hour_on_an_l40s():
    """YixuanEvenXu/pods @ 187f43b: 155 steps in the first half hour, here 160 and five evaluations."""
    config = resolve("fast", {})
    assert (config.generation_batch_size, config.completions_learned) == (64, 16)
    shape, place = KNOWN["Qwen2.5-3B"], place_of_card(config, card_named("L40S"))
    plan = plan_time(config, shape, plan_memory(config, shape, place), None)
    assert plan.step == pytest.approx(PUBLISHED[64, 16], rel=0.25)
    assert plan.seconds == pytest.approx(1800, rel=0.25)
    assert resolve("default", {}) == Config()


def test_the_published_run_on_an_a10():
    """dhh1995/R1RL @ 36c196c, README: 200 steps, evaluations at 0, 100 and 200, in about two hours."""
    config = Config(max_steps=200, eval_on_start=True)
    shape, place = KNOWN["Qwen2.5-3B"], place_of_card(config, card_named("A10"))
    plan = plan_time(config, shape, plan_memory(config, shape, place), None)
    assert plan.evaluations == 3
    assert plan.seconds == pytest.approx(7200, rel=0.25)


def test_worked_arithmetic_of_a_card():
    """16 completions, 2 prompts, on an A10: 125 TFLOP/s, 4 bit; each weight of a projection is dequantized in each step."""
    config = Config()
    n, prompt, completion = 16, 0.45 * 256, 0.45 * 750
    linear, head = 2_774_532_096, 151_936 * 2048
    forward = 2 * (linear + head) / 125e12
    sampling = 750 * 1150 * linear / 125e12 + n * completion * forward / 0.09 + 2 * prompt * forward / 0.22
    update = n * (prompt + completion) * 3 * forward / 0.22  # forward twice, backward once
    assert seconds(config, "A10", "Qwen2.5-3B") == pytest.approx(sampling + update)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_16_bit_model_is_limited_by_reading_its_weights_or_by_calls(card):
    config = Config(load_in_4bit=False, unsloth=False)
    shape, place = KNOWN["Qwen2.5-7B"], place_of_card(config, card)
    assert speed_of(config, shape, place).decode == max(0.003, 2 * shape.weights / (card.bandwidth * 1e9))


def test_the_first_steps_take_the_time_of_the_teachers_sampling():
    """A student of 3B in 4 bit with vLLM's engine, a teacher of 7B in 16 bit with the transformers engine."""
    flags = {"algorithm": "distill", "teacher_model": "Qwen/Qwen2.5-7B", "teacher_steps": 3}
    config = Config(**flags, max_steps=10, eval_steps=10)
    student, teacher = KNOWN["Qwen2.5-3B"], KNOWN["Qwen2.5-7B"]
    place = place_of_card(config, card_named("H100"))
    memory = plan_memory(config, student, place)
    plan = plan_time(config, student, memory, None)
    n, prompt, completion = 16, 0.45 * 256, 0.45 * 750

    def sampling(shape, decode):
        forward = 2 * (shape.linear + shape.vocab * shape.hidden) / 989e12
        return 750 * decode + n * completion * forward / SAMPLED_AT + 2 * prompt * forward / LEARNED_AT

    assert memory.fits and memory.sequences >= n
    by_student = sampling(student, max(LEAST_DECODE, DEQUANTIZED * student.linear / 989e12))
    by_teacher = sampling(teacher, max(LEAST_DECODE, 2 * teacher.weights / 3350e9))  # each decoding step reads them
    assert plan.first == 3 and plan.first_step == pytest.approx(plan.step - by_student + by_teacher)
    rest = plan.start + plan.evaluations * plan.evaluation
    assert plan.seconds == pytest.approx(rest + 3 * plan.first_step + 7 * plan.step)
    assert f"{plan.first_step:.3g} in the first 3, which the teacher samples), " in time_words(plan, None)
    without = plan_time(dataclasses.replace(config, teacher_steps=0), student, memory, None)
    assert without.step == plan.step and without.seconds == pytest.approx(rest + 10 * plan.step)
    # Of a shorter run all steps.
    assert plan_time(dataclasses.replace(config, max_steps=2), student, memory, None).first == 2


def test_the_steps_of_a_continued_run_share_the_time_of_their_sampling(tmp_path):
    steps = [12.0, 1.0, 1.0, 1.0] * 5 + [12.0, 1.0]  # stopped within a generation
    lines = [{"step": i, "step_seconds": seconds} for i, seconds in enumerate(steps, start=1)]
    (tmp_path / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    shape, sizes = KNOWN["Qwen2.5-0.5B"], {"max_steps": 40, "eval_steps": 20, "save_steps": 20, "load_in_4bit": False}
    for flags in ({"steps_per_generation": 4}, {"steps_per_generation": 2, "num_iterations": 2}):
        config = Config(**sizes, **flags)
        assert plan_time(config, shape, plan_memory(config, shape, CPU), tmp_path).step == 15 / 4
    assert plan_time(Config(**sizes), shape, plan_memory(Config(**sizes), shape, CPU), tmp_path).step == 1


def test_steps_share_what_is_sampled_at_once():
    """Of 64 completions in one call each of four steps takes a quarter: less than a call for its own 16."""
    shape = KNOWN["SmolLM2-135M"]
    sizes = {"load_in_4bit": False, "max_steps": 8, "eval_steps": 8, "save_steps": 8, "per_device_train_batch_size": 16}
    one, four = (Config(**sizes, steps_per_generation=k) for k in (1, 4))
    memory = plan_memory(four, shape, CPU)
    speed = speed_of(four, shape, CPU)
    alone, together = (sampling_seconds(four, memory, speed, 0.5, n // 8, n) for n in (16, 64))
    steps = [step_seconds(config, memory, speed, 0.5) for config in (one, four)]
    assert steps[0] - steps[1] == pytest.approx(alone - together / 4) and together / 4 < 0.8 * alone


def test_a_teacher_like_the_student_samples_in_the_same_time_on_a_cpu():
    config = Config(algorithm="distill", teacher_model="Qwen/Qwen2.5-0.5B", teacher_steps=3, load_in_4bit=False)
    shape = KNOWN["Qwen2.5-0.5B"]
    plan = plan_time(config, shape, plan_memory(config, shape, CPU), None)
    assert plan.first == 3 and plan.first_step == pytest.approx(plan.step)


def test_passes():
    gpu = place_of_card(Config(), card_named("A10"))
    assert [passes_of(Config(), p) for p in (CPU, gpu)] == [2, 3]
    assert [passes_of(Config(lora_rank=0, load_in_4bit=False), p) for p in (CPU, gpu)] == [3, 4]
    assert passes_of(Config(beta=0.1), CPU) == 3
    assert passes_of(Config(algorithm="ppo", ppo_epochs=4), CPU) == 9


def test_a_full_engine_samples_the_rest_afterwards():
    config = Config()
    memory = plan_memory(config, KNOWN["Qwen2.5-3B"], place_of_card(config, card_named("A10")))
    speed = speed_of(config, KNOWN["Qwen2.5-3B"], memory.place)
    decode_only = dataclasses.replace(speed, sampled=0, read=0)
    small, large = (dataclasses.replace(memory, sequences=n) for n in (100, 200))
    times = [sampling_seconds(config, m, decode_only, 0.5, 2, 200) / speed.decode for m in (small, large)]
    assert times == pytest.approx([750 + 100 * 375 / 100, 750])


# ---- a CPU


@pytest.mark.parametrize(("name", "point"), points(), ids=lambda x: x if isinstance(x, str) else "")
def test_measured_steps_of_five_model_sizes(name, point):
    """Full completions on the processor that the constants are for."""
    config, shape = run_of(point, sampler_dtype=sampler_of(point))
    memory = plan_memory(config, shape, CPU)
    planned = step_seconds(config, memory, speed_of(config, shape, CPU), 1.0)
    assert planned == pytest.approx(point["seconds"]["step"], rel=0.25)


REAL = json.loads((ROOT / "benchmarks" / "plan_real.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", REAL, ids=lambda row: f"{row['precision']}-{row['completions']}x{row['tokens']}")
def test_measured_steps_and_peaks_of_smollm2(row):
    """Runs on the processor that the constants are for, by benchmarks/plan_real.py; their longest prompt has 99 tokens."""
    config = Config(
        unsloth=False, load_in_4bit=row["precision"] == "4 bit", lora_rank=32, num_generations=8, eval_count=8,
        per_device_train_batch_size=row["completions"], max_completion_length=row["tokens"],
        sampler_dtype="float32" if row["precision"] == "float32" else "bfloat16",
    )  # fmt: skip
    place, shape = dataclasses.replace(CPU, mixed=True), KNOWN["SmolLM2-135M"]
    memory = plan_memory(config, shape, place, 99)
    assert memory.needed / GIB == pytest.approx(row["memory"], rel=0.25)
    planned = step_seconds(config, memory, speed_of(config, shape, place), row["mean_tokens"] / row["tokens"])
    assert planned == pytest.approx(row["time"], rel=0.25)
