"""Switches of Unsloth's engine: where they are refused, what they pass to Unsloth, and what the plan makes of them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from r1rl.config.flags import Config
from r1rl.config.recipes import resolve
from r1rl.config.scope import check_given
from r1rl.engines import vllm
from r1rl.engines.base import Sampling
from r1rl.engines.choice import choose
from r1rl.models.policy import import_backend
from r1rl.models.shape import KNOWN
from r1rl.preflight.checks import check_allocator
from r1rl.preflight.faster import faster
from r1rl.preflight.memory_parts import ALWAYS, ENGINE, GIB, SAMPLING, UPDATE
from r1rl.preflight.memory_plan import CACHE, plan_memory
from r1rl.preflight.prepare import place_of_card
from r1rl.preflight.suggestions import sleeping_cache
from r1rl.preflight.time_plan import CARDS, card_named, plan_time
from r1rl.system import distributed
from r1rl.system.errors import UserError

SLEEPING, GUESSING = Config(engine_sleep=True), Config(suffix_decoding=True)
ROOT = Path(__file__).parents[2]
find_spec = importlib.util.find_spec


@pytest.fixture
def installed(monkeypatch):
    """Returns a function that pretends which packages are installed."""

    def names(*packages: str) -> None:
        hidden = {"vllm", "unsloth", "arctic_inference"} - set(packages)
        found = lambda name: object() if name in packages else None if name in hidden else find_spec(name)  # noqa: E731
        monkeypatch.setattr(importlib.util, "find_spec", found)

    return names


@pytest.mark.parametrize(("config", "flag"), [(SLEEPING, "--engine-sleep"), (GUESSING, "--suffix-decoding")])
def test_a_switch_is_refused_without_unsloths_engine(config, flag, installed):
    installed("vllm", "unsloth", "arctic_inference")
    assert choose(config, has_gpu=True)[0] == "shared"
    for given, has_gpu, engine in (
        ({}, False, "transformers"),
        ({"load_in_4bit": False, "unsloth": False}, True, "vllm"),
    ):
        with pytest.raises(
            UserError, match=f"^{flag} belongs to Unsloth's vLLM on a GPU, and the engine here is {engine} "
        ):
            choose(dataclasses.replace(config, **given), has_gpu)
    name = flag[2:].replace("-", "_")
    for given in ({"engine": "transformers"}, {"unsloth": False}, {"lora_rank": 0, "load_in_4bit": False}):
        with pytest.raises(UserError, match="would have no effect"):
            check_given(Config(**given), {name: True})
    check_given(Config(), {name: True})


def test_suffix_decoding_needs_its_package(installed):
    installed("vllm", "unsloth")
    with pytest.raises(UserError, match="the package arctic-inference, which finds the guesses, is not installed"):
        choose(GUESSING, has_gpu=True)
    assert choose(GUESSING, has_gpu=True, all_installed=True)[0] == "shared"  # a plan for another machine


def test_a_sleeping_engine_and_expandable_segments_exclude_each_other():
    setting = {"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:128,expandable_segments:True"}
    with pytest.raises(UserError, match=r"expandable_segments:True in PYTORCH_CUDA_ALLOC_CONF exclude each other"):
        check_allocator(SLEEPING, setting)
    check_allocator(SLEEPING, {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:False"})
    check_allocator(Config(), setting)


@pytest.mark.parametrize(
    ("config", "standby", "guesses"), [(Config(), None, None), (SLEEPING, "1", None), (GUESSING, None, "1")]
)
def test_what_unsloth_is_told_before_it_is_imported(config, standby, guesses, installed, monkeypatch):
    installed("vllm", "unsloth")
    names = ("UNSLOTH_VLLM_STANDBY", "UNSLOTH_VLLM_STANDBY_UTIL_OVERRIDE", "UNSLOTH_VLLM_SUFFIX_DECODING")
    for name in (*names, "UNSLOTH_COMPILE_LOCATION"):
        monkeypatch.setenv(name, "")  # so that the old value is back after the test
        monkeypatch.delenv(name)
    monkeypatch.setattr(importlib.metadata, "version", lambda package: "1.0")
    monkeypatch.setitem(sys.modules, "unsloth", SimpleNamespace())
    import_backend(config)
    assert [os.environ.get(name) for name in names] == [standby, standby, guesses]


def engine(sleep: bool, guess: bool, calls: list[str]) -> SimpleNamespace:
    """A policy with Unsloth's engine, which notes what is called."""
    settings = SimpleNamespace(
        model_config=SimpleNamespace(enable_sleep_mode=sleep), speculative_config=object() if guess else None
    )
    llm = SimpleNamespace(
        llm_engine=SimpleNamespace(vllm_config=settings), sleep=lambda level: calls.append(f"sleep {level}")
    )
    model = SimpleNamespace(
        vllm_engine=llm,
        load_lora=lambda *_, **__: "adapter",
        fast_generate=lambda *_, **__: calls.append("generate") or [],
    )
    return SimpleNamespace(model=model, turn_end=None)


@pytest.mark.parametrize(("config", "expected"), [(Config(), ["generate"]), (SLEEPING, ["generate", "sleep 1"])])
def test_the_engine_sleeps_after_each_call(config, expected, monkeypatch, tmp_path):
    monkeypatch.setattr(vllm, "sampling_params", lambda *given: None)
    calls: list[str] = []
    shared = vllm.SharedEngine.start(config, engine(True, False, calls), tmp_path)
    assert shared.generate([], Sampling(n=1, temperature=1.0, top_p=1.0, max_tokens=4, seed=None)) == []
    assert calls == expected


def test_each_process_gives_its_adapter_in_a_folder_of_its_own(monkeypatch, tmp_path):
    folders = []
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "_world", distributed.World(rank=rank, size=2))
        folders.append(vllm.SharedEngine.start(Config(), engine(False, False, []), tmp_path).folder.name)
    assert folders == ["engine", "engine-1"]


@pytest.mark.parametrize(("config", "flag"), [(SLEEPING, "--engine-sleep"), (GUESSING, "--suffix-decoding")])
def test_a_release_that_ignores_a_switch_is_refused(config, flag, tmp_path):
    with pytest.raises(UserError, match=f"^{flag} had no effect on Unsloth's engine"):
        vllm.SharedEngine.start(config, engine(False, False, []), tmp_path)
    vllm.SharedEngine.start(config, engine(True, True, []), tmp_path)


def test_a_sleeping_cache_takes_the_memory_of_the_update():
    shape, card = KNOWN["Qwen2.5-3B"], card_named("A10")
    awake, asleep = (plan_memory(c, shape, place_of_card(c, card)) for c in (Config(), SLEEPING))
    update = awake.size(UPDATE)
    caches = [next(part.size for part in plan.parts if part.name == CACHE) for plan in (awake, asleep)]
    # The pool is what 1.25 times the trainer leaves, rounded down to a hundredth of the card.
    assert caches[1] - caches[0] == pytest.approx(1.25 * update, abs=card.memory / 100)
    assert update > 3 * GIB and asleep.sequences > awake.sequences
    assert asleep.size(ENGINE) == awake.size(ENGINE) - caches[0] and asleep.size(SAMPLING) == caches[1]
    assert asleep.needed == asleep.size(ALWAYS, ENGINE) + max(update, caches[1]) and asleep.fits


def test_it_is_suggested_for_unsloths_engine_alone():
    place = place_of_card(Config(), card_named("A10"))
    [(flags, _, changed)] = sleeping_cache(Config(), place)
    assert flags == "--engine-sleep" and changed == SLEEPING
    assert list(sleeping_cache(SLEEPING, place)) == []
    assert list(sleeping_cache(Config(), dataclasses.replace(place, engine="vllm"))) == []


def faster_on(config: Config, name: str) -> dict[str, float]:
    """Returns the planned seconds of a step for each switch that the plan suggests on a card."""
    place = place_of_card(config, card_named(name))
    return {change.flags: step for step, change in faster(config, KNOWN["Qwen2.5-3B"], place)}


def test_a_sleeping_cache_is_faster_where_completions_wait_for_a_place():
    config = resolve("fast", {})  # 64 completions at once
    shape, place = KNOWN["Qwen2.5-3B"], place_of_card(config, card_named("L4"))
    assert plan_memory(config, shape, place).sequences == 48
    # 16 waiting completions of 0.45 x 512 tokens take 16 / 48 of that as additional decoding steps of 26.4 ms.
    waiting = 16 * 0.45 * 512 / 48 * 1150 * 2_774_532_096 / 121e12
    whole = plan_time(config, shape, plan_memory(config, shape, place), None).step
    assert faster_on(config, "L4") == {"--engine-sleep": pytest.approx(whole - waiting)}
    assert "--engine-sleep" not in faster_on(config, "L40S")  # which holds 96


def test_16_bit_saves_the_dequantizing_where_it_fits():
    """On an A100 with 40 GB: a token of all rows takes 4 ms to read 6.2 GB, and 10.2 ms to dequantize 4-bit weights."""
    shape, place = KNOWN["Qwen2.5-3B"], place_of_card(Config(), card_named("A100-40"))
    whole = plan_time(Config(), shape, plan_memory(Config(), shape, place), None).step
    saved = 750 * (1150 * 2_774_532_096 / 312e12 - 2 * shape.weights / 1555e9)
    assert faster_on(Config(), "A100-40") == {"--no-load-in-4bit": pytest.approx(whole - saved)}
    assert faster_on(Config(load_in_4bit=False), "A100-40") == {}
    assert faster_on(Config(lora_rank=0, load_in_4bit=False), "H100-80") == {}  # without Unsloth's engine


def test_the_page_has_what_is_faster_by_plan():
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8").split("## Which switch on which card?")[1]
    for card in CARDS:
        cells = re.search(rf"^\| {card.name} \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
        for cell, config in zip(cells, (Config(), resolve("fast", {}))):
            expected = []
            for step, change in faster(config, KNOWN["Qwen2.5-3B"], place_of_card(config, card)):
                assert change.plan.fits and choose(change.config, has_gpu=True, all_installed=True)[0] == "shared"
                expected.append(f"`{change.flags}` {step:.0f}" if step >= 10 else f"`{change.flags}` {step:.1f}")
            assert cell.split("; ")[1:] == expected
