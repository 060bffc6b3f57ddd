"""On-policy distillation: the loss against TRL's, its gradient, the teacher and its tokens, what is dumped, a resume."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from types import SimpleNamespace

import pytest
import torch
from small_run import AskToStop, make_float32_trainer, make_trainer, sampled_batch, without_times
from trl.experimental.gkd.gkd_trainer import GKDTrainer

from r1rl.config.file import resolve_given
from r1rl.config.flags import TINY_MODELS, Config
from r1rl.engines.base import Sampling
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.models.shape import KNOWN, Shape
from r1rl.models.source import Teacher, shape_of, teacher_of
from r1rl.models.tokenizer import check_same_tokens, numbered_tokens
from r1rl.preflight.checks import check_teacher
from r1rl.preflight.memory_parts import ALWAYS, GIB, SAMPLING, Place, base_weights
from r1rl.preflight.memory_plan import plan_memory
from r1rl.preflight.suggestions import four_bit_teacher
from r1rl.preflight.time_plan import BFLOAT16, speed_of
from r1rl.reports.summary import teacher_lines
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.runs.folder import continue_from
from r1rl.runs.inputs import input_of, write_base
from r1rl.system.errors import UserError
from r1rl.trainers.distillation import divergence
from r1rl.trainers.distillation.divergence import generalized_jsd, token_divergences
from r1rl.trainers.distillation.teacher import load_teacher
from r1rl.trainers.guards.rules import Guards
from r1rl.trainers.update import rows_of

DISTILL = {"algorithm": "distill", "teacher_model": "tiny", "num_generations": 1}
BETAS = (0.0, 0.3, 0.5, 1.0)


# ---- the loss


def test_the_divergence_by_hand():
    """Teacher (1/2, 1/2), student (1/4, 3/4): reverse KL 1/4 ln 1/2 + 3/4 ln 3/2 = 0.1308, forward 1/2 ln 4/3 = 0.1438."""
    teacher, student = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    reverse = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert generalized_jsd(student, teacher, 1.0).item() == pytest.approx(reverse)
    assert generalized_jsd(student, teacher, 0.0).item() == pytest.approx(0.5 * math.log(4 / 3))
    for beta in BETAS:
        assert generalized_jsd(student, student, beta).item() == pytest.approx(0, abs=1e-7)
    near_one = 1 - 1e-3
    assert generalized_jsd(student, teacher, near_one).item() / 1e-3 == pytest.approx(reverse, rel=1e-2)


@pytest.mark.parametrize("beta", BETAS)
def test_divergence_and_gradient_are_trls(beta):
    """A batch of 2 x 5 positions, of which TRL's labels mask 3, at temperature 0.7."""
    made = torch.Generator().manual_seed(0)
    logits, teacher = (3 * torch.randn(2, 5, 11, generator=made) for _ in range(2))
    logits.requires_grad_()
    labels = torch.tensor([[-100, 4, 2, 7, 1], [-100, -100, 0, 3, 9]])
    expected = GKDTrainer.generalized_jsd_loss(logits, teacher, labels, beta, temperature=0.7, num_items_in_batch=7)
    (gradient,) = torch.autograd.grad(expected, logits)
    learned = labels != -100
    ours, theirs = ((x[learned] / 0.7).log_softmax(-1) for x in (logits, teacher))
    loss = generalized_jsd(ours, theirs, beta).sum() / 7
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], gradient)


def head_policy(vocab, hidden, seed):
    """A policy of which only the output layer is used."""
    torch.manual_seed(seed)
    base = SimpleNamespace(lm_head=torch.nn.Linear(hidden, vocab), config=SimpleNamespace(vocab_size=vocab))
    model = SimpleNamespace(config=base.config)
    return SimpleNamespace(base=base, model=model, autocast=lambda: torch.autocast("cpu", enabled=False))


def test_chunks_do_not_change_it_and_padding_of_the_vocabulary_does_not_count(monkeypatch):
    """As in Qwen2.5, whose embeddings have 151,936 rows up to 3B and 152,064 from 7B on."""
    student, teacher = head_policy(16, 4, 0), head_policy(20, 6, 1)
    states, teachers = torch.randn(9, 4, requires_grad=True), torch.randn(9, 6)
    tokens = torch.arange(9)
    whole = token_divergences(student, states, teacher, teachers, tokens, 1.0, 0.5)
    (gradient,) = torch.autograd.grad(whole.loss.sum(), states)
    theirs = teacher.base.lm_head(teachers)[:, :16].log_softmax(-1)
    ours = student.base.lm_head(states).log_softmax(-1)
    torch.testing.assert_close(whole.loss, generalized_jsd(ours, theirs, 0.5))
    torch.testing.assert_close(whole.logprob, ours.gather(1, tokens[:, None])[:, 0])
    monkeypatch.setattr(divergence, "LOGITS_AT_ONCE", 4 * 16)
    parts = token_divergences(student, states, teacher, teachers, tokens, 1.0, 0.5)
    for a, b in zip(whole, parts):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(torch.autograd.grad(parts.loss.sum(), states)[0], gradient)


def in_one_piece(trainer, beta, rollouts):
    """(loss, gradients, mean teacher logprob) by TRL's loss on both models' logits of these completions."""
    longest = max(len(r.prompt_ids) + len(r.completion_ids) for r in rollouts)
    ids, labels = torch.zeros(len(rollouts), longest, dtype=torch.long), torch.full((len(rollouts), longest), -100)
    for i, r in enumerate(rollouts):
        p, whole = len(r.prompt_ids), torch.tensor([*r.prompt_ids, *r.completion_ids])
        ids[i, : len(whole)], labels[i, p : len(whole)] = whole, whole[p:]
    with torch.no_grad():
        theirs = trainer.teacher.model(input_ids=ids).logits[:, :-1]
    ours = trainer.model(input_ids=ids).logits[:, :-1]
    count, learned = (labels != -100).sum(), labels[:, 1:] != -100
    loss = GKDTrainer.generalized_jsd_loss(
        ours, theirs, labels[:, 1:], beta, temperature=trainer.run.temperature, num_items_in_batch=count
    )
    trainer.model.zero_grad()
    loss.backward()
    logprobs = (theirs / trainer.run.temperature).log_softmax(-1)[learned]
    return loss.item(), gradients(trainer), logprobs.gather(1, labels[:, 1:][learned][:, None]).mean().item()


def leave_the_teacher(trainer):
    """Makes the adapter's difference ten times as large."""
    for name, p in trainer.model.named_parameters():
        if "lora_B" in name:
            p.data *= 10


def gradients(trainer):
    found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    return found


def test_a_whole_update_in_parts_is_trls_and_its_numbers_are_dumped(tmp_path):
    trainer = make_float32_trainer(
        tmp_path, **DISTILL, per_device_train_batch_size=4, tokens_per_micro_batch=400, temperature=0.9
    )
    trainer.teacher = dataclasses.replace(trainer.teacher, mixed=False)
    leave_the_teacher(trainer)
    trainer.engine.sync()
    batch = sampled_batch(trainer)
    step = trainer.step
    step.line = step.lines[0]
    assert len(trainer.parts(batch, 1)) > 1
    for beta in (0.5, 1.0):
        object.__setattr__(trainer.run, "distill_beta", beta)
        loss, expected, teacher = in_one_piece(trainer, beta, step.rollouts)
        step.gaps = []
        got = trainer.update(trainer.model.train(), step, dict(batch)).item()
        assert got == pytest.approx(loss, rel=1e-4) and loss > 0.01
        found = gradients(trainer)
        assert found.keys() == expected.keys() != set()
        largest = max(g.abs().max() for g in expected.values())
        assert max((found[n] - expected[n]).abs().max() for n in expected) < 1e-4 * largest
    assert step.line["reverse_kl"] == pytest.approx(loss, rel=1e-4)
    assert step.line["teacher_logprob"] == pytest.approx(teacher, rel=1e-4)
    assert step.line["sampler_gap"] < 0.01 and step.line["groups_without_signal"] == 0
    lines = list(read_lines(trainer.dump.folder / ROLLOUTS))
    assert len(lines) == 4 and all(line["learned"] for line in lines)
    for line in lines:
        assert line["advantage"] == pytest.approx(line["teacher_logprob"] - line["logprob"] / line["tokens"])
    tokens = sum(line["tokens"] for line in lines)
    assert sum(line["teacher_logprob"] * line["tokens"] for line in lines) / tokens == pytest.approx(teacher, rel=1e-4)


def test_each_step_of_a_generation_has_the_loss_of_its_own_completions(tmp_path):
    """Four completions for two steps; a resumed run has their batch without the teacher's states, and asks again."""
    changes = {**DISTILL, "per_device_train_batch_size": 2, "max_completion_length": 12, "steps_per_generation": 2}
    trainer = make_float32_trainer(tmp_path, **changes, max_steps=2, eval_steps=2, save_steps=2)
    trainer.teacher = dataclasses.replace(trainer.teacher, mixed=False)
    leave_the_teacher(trainer)
    trainer.engine.sync()
    trainer.sample_step([0, 1, 2, 3])
    step = trainer.step
    for number in (0, 1):
        loss, expected, teacher = in_one_piece(trainer, 1.0, step.rollouts[2 * number : 2 * number + 2])
        step.line = step.lines[number]
        for states in (step.teacher_states, []):
            step.teacher_states = states
            got = trainer.update(trainer.model.train(), step, rows_of(step.batch, range(2 * number, 2 * number + 2)))
            assert got.item() == pytest.approx(loss, rel=1e-4) and loss > 1e-3
            found = gradients(trainer)
            largest = max(g.abs().max() for g in expected.values())
            assert max((found[n] - expected[n]).abs().max() for n in expected) < 1e-4 * largest
        assert step.line["teacher_logprob"] == pytest.approx(teacher, rel=1e-4)
    assert "old_per_token_logps" not in step.batch or step.batch["old_per_token_logps"] is None
    lines = list(read_lines(trainer.dump.folder / ROLLOUTS))
    assert [line["step"] for line in lines] == [1, 1, 2, 2]


def test_the_teacher_samples_the_first_steps_and_the_student_the_others(tmp_path):
    changes = {**DISTILL, "per_device_train_batch_size": 2, "max_completion_length": 12, "max_steps": 2}
    trainer = make_float32_trainer(tmp_path, **changes, teacher_steps=1)
    leave_the_teacher(trainer)
    students, teachers = trainer.engine, TransformersEngine(trainer.teacher)
    prompts = list(trainer.train_prompts[:2])
    for step, (engine, fields) in enumerate([(teachers, {"sampled_by": "teacher"}), (students, {})]):
        trainer.state.global_step = step
        batch = sampled_batch(trainer)
        trainer.step.line = trainer.step.lines[0]
        sampling = Sampling(1, 12, trainer.run.temperature, seed=trainer.run.seed + 1_000_003 * (step + 1))
        expected = [r.completion_ids for r in engine.generate(prompts, sampling)]
        assert [r.completion_ids for r in trainer.step.rollouts] == expected
        lines = list(read_lines(trainer.dump.folder / ROLLOUTS))[-2:]
        assert [{k: v for k, v in line.items() if k == "sampled_by"} for line in lines] == [fields] * 2
        trainer.update(trainer.model.train(), trainer.step, batch)
        assert ("sampler_entropy" in trainer.step.line) == ("sampler_gap" in trainer.step.line) == (
            step == 1
        ) and trainer.step.line["reverse_kl"] > 0
        assert (trainer.teachers_engine is None) == (step == 1) and trainer.engine is students
    assert (
        students.generate(prompts, sampling)[0].completion_ids != teachers.generate(prompts, sampling)[0].completion_ids
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "stop"),
    [
        ({"teacher_steps": 3, "save_steps": 1}, 2),  # one step of each kind after the resume
        ({"teacher_steps": 2, "save_steps": 2, "steps_per_generation": 2}, 3),  # within a generation
    ],
)
def test_a_stopped_run_that_is_resumed_equals_one_that_was_not(tmp_path, settings, stop):
    # 40 prompts are 2 steps, so that step 3 begins another pass over them.
    changes = {**DISTILL, "max_steps": 4, "eval_steps": 2, "temperature": 1.1, "lora_rank": 8, **settings}
    whole = make_trainer(tmp_path, "whole", **changes)
    stopped = make_trainer(tmp_path, "stopped", **changes)
    for trainer in (whole, stopped):  # the adapter begins at zero, so the student would be its teacher
        for i, (name, p) in enumerate(trainer.model.named_parameters()):
            if "lora_B" in name:
                p.data.normal_(std=0.3, generator=torch.Generator().manual_seed(i))
    whole.fit(None, [])
    stopped.add_callback(AskToStop(stopped.interrupt, after=stop))
    stopped.fit(None, [])
    checkpoint = tmp_path / "stopped" / "checkpoints" / f"checkpoint-{stop}"
    assert checkpoint.is_dir() and not checkpoint.with_name(f"checkpoint-{stop + 1}").exists()
    resumed = make_trainer(tmp_path, "stopped", **changes, resume=True)
    assert continue_from(resumed.dump) == checkpoint
    resumed.fit(checkpoint, [])
    for file in (METRICS, ROLLOUTS):
        assert without_times(tmp_path / "whole" / file) == without_times(tmp_path / "stopped" / file)
    kl = [line["reverse_kl"] for line in read_lines(tmp_path / "whole" / METRICS)]
    assert kl[-1] < kl[0] and len(kl) == 4  # it comes back to its teacher


# ---- the teacher


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder of a run whose best adapter is not zero, the policy that has it)."""
    run = tmp_path_factory.mktemp("dumps") / "run"
    policy = load_policy(Config(model_name="tiny", load_in_4bit=False, lora_rank=4, unsloth=False), False, False)
    for i, (name, p) in enumerate(policy.model.named_parameters()):
        if "lora_B" in name:
            p.data.normal_(std=0.05, generator=torch.Generator().manual_seed(i))
    policy.model.save_pretrained(run / "checkpoints" / "best")
    write_base(run / "checkpoints" / "best", input_of("model_name", Config(model_name="tiny")))
    return run, policy


def test_the_teacher_of_a_run_is_its_best_adapter_on_its_base_model(trained):
    run, policy = trained
    config = Config(**DISTILL | {"teacher_model": str(run), "model_name": "tiny"})
    best = run / "checkpoints" / "best"
    assert teacher_of(config).adapter == best
    assert teacher_of(dataclasses.replace(config, teacher_model=str(best))).adapter == best
    assert teacher_of(dataclasses.replace(config, teacher_model="tiny")) == Teacher("tiny")
    assert teacher_of(dataclasses.replace(config, teacher_model=str(TINY_MODELS["tiny"]))).adapter is None
    assert "adapter_model.safetensors" in input_of("teacher_model", config)["files"]  # a resume notices another one
    teacher = load_teacher(config, policy)
    assert not any(p.requires_grad for p in teacher.model.parameters())
    asked = load_teacher(dataclasses.replace(config, is_chat=True, trust_remote_code=True), policy)
    assert asked.is_chat and asked.trusted  # for --teacher-steps: it ends a turn, and is loaded, as the student
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        torch.testing.assert_close(teacher.model(ids).logits, policy.model(ids).logits, rtol=1e-3, atol=1e-3)
        assert not torch.allclose(teacher.model(ids).logits, policy.sampling_copy()(ids).logits, atol=0.01)


def test_a_teacher_that_is_not_there_is_refused(tmp_path, trained):
    def teacher(name):
        return teacher_of(Config(**DISTILL | {"teacher_model": name}))

    with pytest.raises(UserError, match="none is named: add --teacher-model with the folder of a run"):
        teacher(None)
    with pytest.raises(UserError, match="is not a folder on this machine"):
        teacher(str(tmp_path / "none"))
    with pytest.raises(UserError, match="holds neither a run with a checkpoint, nor an adapter, nor a model"):
        teacher(str(tmp_path))
    best = trained[0] / "checkpoints" / "best"
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (moved / name).write_bytes((best / name).read_bytes())
    record = json.loads((best / "base_model.json").read_text())
    record["files"]["model.safetensors"]["sha256"] = "0" * 64
    (moved / "base_model.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"has other content .*model\.safetensors"):
        check_teacher(Config(**DISTILL | {"teacher_model": str(moved), "model_name": "tiny"}))


def test_another_tokenizer_is_refused_before_anything_is_loaded(tmp_path):
    content = json.loads((TINY_MODELS["tiny"] / "tokenizer.json").read_text(encoding="utf-8"))
    ours = numbered_tokens(TINY_MODELS["tiny"] / "tokenizer.json")
    vocabulary = content["model"]["vocab"]
    a, b = [token for token, number in vocabulary.items() if number in (100, 101)]
    vocabulary[a], vocabulary[b] = vocabulary[b], vocabulary[a]
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((TINY_MODELS["tiny"] / name).read_bytes())
    config = Config(**DISTILL | {"model_name": "tiny", "teacher_model": str(tmp_path)})
    with pytest.raises(UserError) as error:
        check_teacher(config)
    message = str(error.value)
    assert f"{a!r} is {ours[a]} in the model and {vocabulary[a]} in the teacher" in message
    assert message.startswith(f"--teacher-model {tmp_path}") and "--mode sft" in message
    check_teacher(dataclasses.replace(config, teacher_model="tiny"))
    check_teacher(dataclasses.replace(config, student_layers=3))  # the student is made with the teacher's tokenizer
    with pytest.raises(UserError, match="'new' is unknown to the teacher"):
        check_same_tokens(config, {**ours, "new": 9999}, ours)
    with pytest.raises(UserError, match="1 of the teacher's tokens are unknown to the model"):
        check_same_tokens(config, ours, {**ours, "new": 9999})


def test_numbers_of_tokens_are_the_tokenizers(tokenizer):
    assert numbered_tokens(TINY_MODELS["tiny"] / "tokenizer.json") == tokenizer.get_vocab()


# ---- plan, flags, guards, words


def test_the_plan_counts_the_teacher():
    """The 7B teacher in 4 bit: 6.5 G projections at 9 / 16 byte, 1.1 G embedding weights and norms at 2."""
    place = Place("A10", 22 * GIB, 22 * GIB, True, "shared", "", True)
    config = Config(algorithm="distill", teacher_model="Qwen/Qwen2.5-7B-Instruct", teacher_in_4bit=True)
    student, teacher = KNOWN["Qwen2.5-3B"], KNOWN["Qwen2.5-7B"]
    parts = {p.name: p for p in plan_memory(config, student, place).parts}
    expected = teacher.linear // 2 + teacher.linear // 64 * 4 + 2 * (teacher.embedding + teacher.small)
    assert parts["teacher's weights"].size == expected == base_weights(config, teacher, place)[0]
    assert parts["teacher's states"].size == 16 * 750 * 3584 * 2
    at_once = dataclasses.replace(config, steps_per_generation=5)
    at_once = {p.name: p for p in plan_memory(at_once, student, place).parts}
    assert at_once["teacher's states"].size == 5 * 16 * 750 * 3584 * 2
    whole = {p.name: p for p in plan_memory(dataclasses.replace(config, teacher_in_4bit=False), student, place).parts}
    assert whole["teacher's weights"].size == 2 * teacher.weights and "teacher's sampling" not in whole
    samples = dataclasses.replace(config, teacher_in_4bit=False, teacher_steps=9)
    sampled = {p.name: p for p in plan_memory(samples, student, place).parts}
    assert sampled["teacher's engine"].size == 2 * teacher.weights
    assert sampled["teacher's engine"].when == ALWAYS  # it is kept during the updates of these steps
    cache = (2 * config.max_prompt_length + 16 * 750) * 2 * 28 * 512 * 2  # 2 prompts, 16 completions, keys and values
    assert sampled["teacher's sampling"].size > cache and sampled["teacher's sampling"].when == SAMPLING
    assert list(four_bit_teacher(samples, place)) == []  # these steps need the teacher in 16 bit
    assert [change[0] for change in four_bit_teacher(dataclasses.replace(samples, teacher_steps=0), place)]
    without = dataclasses.replace(config, algorithm="grpo", teacher_model=None)
    assert not [p for p in plan_memory(without, student, place).parts if "teacher" in p.name]
    cpu = dataclasses.replace(place, on_gpu=False, engine="transformers")
    slow, fast = (speed_of(c, student, cpu).learned for c in (config, without))
    assert slow / fast == pytest.approx(1 + 2 * teacher.multiplied * BFLOAT16 / fast, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"learn_from": 8}, "chooses completions by their rewards"),
        ({"refill": 0.5}, "--algorithm distill compares no rewards"),
        ({"num_iterations": 2}, "learns from a completion once"),
        ({"loss_type": "dapo"}, "only with --algorithm grpo"),
        ({"beta": 0.1}, "only without --algorithm distill"),
        ({"method": "dapo"}, "only with --algorithm grpo"),
        ({"ppo_epochs": 2}, "only with --algorithm ppo"),
        ({"model_name": "x", "student_layers": 3}, "only without --student-layers"),
        ({"mode": "both", "student_layers": 2}, "without --mode"),
        ({"distill_kl": 0.5}, "only in the pipeline"),
        ({"distill_beta": 1.5}, "at most 1"),
        ({"teacher_steps": 24, "teacher_in_4bit": True}, "needs its weights in 16 or 32 bit"),
        (
            {"teacher_steps": 9, "steps_per_generation": 6},
            "--teacher-steps 9 is not a multiple of --steps-per-generation 6",
        ),
        ({"clip_range": 0.1, "steps_per_generation": 6}, "only with --algorithm ppo, or with"),
    ],
)
def test_flags_without_effect_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        resolve_given({"recipe": "distill-tiny", "teacher_model": "tiny", **given})


def test_the_teacher_may_sample_all_steps():
    """A recipe's teacher steps do not refuse a shorter run, or one in stages, epochs or without a teacher."""
    stages = {"dataset_name": "knights_knaves", "stages": "2,3", "steps_per_stage": 500}
    assert Config(**DISTILL, **stages, teacher_steps=600).max_steps == 1000
    for changes in ({"max_steps": 10}, {"num_epochs": 50}):
        assert Config(**DISTILL, **changes, teacher_steps=600).teacher_steps == 600
    assert Config(teacher_steps=600, teacher_in_4bit=True).teacher_steps == 600


def test_flags_that_belong_to_a_teacher_need_one():
    for flag in ({"distill_beta": 0.5}, {"teacher_in_4bit": True}, {"teacher_model": "tiny"}, {"student_layers": 3},
                 {"teacher_steps": 2}):  # fmt: skip
        with pytest.raises(UserError, match="with --algorithm distill"):
            resolve_given({"recipe": "tiny", **flag})
    with pytest.raises(UserError, match="only the last one has a teacher"):
        resolve_given({"recipe": "r1-tiny", "algorithm": "distill"})


def test_a_given_model_replaces_the_recipes_student():
    config = resolve_given({"recipe": "distill-tiny", "teacher_model": "tiny", "model_name": "x"})[0]
    assert (config.model_name, config.student_layers) == ("x", None)
    assert resolve_given({"recipe": "distill-tiny", "mode": "both"})[0].student_layers is None


def test_equal_rewards_are_no_finding_in_a_distillation():
    line = {"step": 1, "completions": 4, "reward": 1.0, "reward_spread": 0.0, "groups": 4, "groups_without_signal": 0}
    assert Guards(steps=1).step(copy.copy(line))[0].guard == "no-signal"
    assert Guards(steps=1).step(line | {"teacher_logprob": -0.1}) == []


def test_the_last_screen_names_the_divergence():
    data = SimpleNamespace(metrics=[{"reverse_kl": kl} for kl in (2.0, 1.0, 0.5, None)])
    assert teacher_lines(data) == [
        "teacher  KL divergence 2.000 -> 0.500 nats per token (first, last tenth of 3 steps)"
    ]
    assert teacher_lines(SimpleNamespace(metrics=[{"reward": 1.0}])) == []


def test_shapes_of_teachers_are_known():
    assert isinstance(Teacher("tiny").shape, Shape) and Teacher("tiny").shape == shape_of("tiny")
