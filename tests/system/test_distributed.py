"""Several processes make the run of one, but for rounding: each line once, and one message when it ends early."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch
from conftest import ROOT
from judge_server import judge_server, verdict
from safetensors.torch import load_file
from small_run import check_gaps, learned_from, tokens_and_lines, with_gaps, without_times

from r1rl.commands.dispatch import check_processes
from r1rl.config.flags import Config
from r1rl.runs import checkpoints
from r1rl.runs.dump import EVALUATIONS, METER, METRICS, ROLLOUTS, read_lines, read_run
from r1rl.system import distributed
from r1rl.system.errors import UserError
from r1rl.trainers.batches import deal

GROUP, STEPS = 4, 3
FLAGS = [
    "--recipe", "tiny", "--add-reasoning-prefix", "--no-unsloth", "--no-trial", "--max-completion-length", "32",
    "--num-generations", "4", "--per-device-train-batch-size", "12", "--max-steps", "3", "--eval-steps", "2",
    "--save-steps", "1", "--save-total-limit", "3", "--eval-count", "9",
]  # fmt: skip
# Adam's steps are as long as the learning rate, so in `STILL` runs no weight moves by more than 3e-7, and a logit by
# about 1e-5: every step samples from the same model, the completions are equal, and each update can be compared.
# Texts and rewards differ in each group, so that there is an update in each step.
LEARNS = ("--reward", f"{ROOT / 'tests' / 'helpers' / 'checksum.py'}:pays_checksum", "--temperature", "1.5")
STILL, MOVING = (*LEARNS, "--learning-rate", "1e-7"), (*LEARNS, "--learning-rate", "1e-2")
# One process and two add up in different orders, and the update computes in bfloat16: a product is rounded by at most
# 2^-8 of itself. About 33 follow one another (4 layers, 4 in a row each, forward and back, and the head), so an entry
# of the gradient is off by about sqrt(33) * 2^-8 = 2.2 %. A norm over all entries is better, a sum that cancels worse.
RELATIVE = {"grad_norm": 0.05, "entropy": 0.05, "loss": 1e-4}  # all else is counted or sampled in float32: 1e-4
# With an error of 2.2 % 0.7 % of the signs of a gradient change, and Adam's first steps are signs; the cosine of two
# such steps is 1 minus twice the share. A part of the batch left out or counted twice gives less than 0.9.
COSINE = 0.95
GAP = 0.02  # nats; the mean of synced engines is 0.004 at most, of one that kept the old weights in MOVING runs 0.2
NOT_COMPARED = ("peak_memory_gib", "parts", "sampler_gap", "sampler_gap_max")


def start(folder, name, *flags, processes=2, variables=None):
    """The processes of a run, as a launcher starts them."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    shared = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **(variables or {})}  # fmt: skip
    place = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, ROOT / "main.py", *FLAGS, "--dumps", folder, "--exp-name", name, *flags]
    own = [place | {"RANK": f"{n}", "LOCAL_RANK": f"{n}", "RANK_OF_TEST": f"{n}"} for n in range(processes)]
    return [
        subprocess.Popen(
            command,
            env=shared | (mine if processes > 1 else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for mine in own
    ]


def ended(started):
    """(exit codes, all that they said) of processes."""
    said = [p.communicate(timeout=240)[0] for p in started]
    return [p.returncode for p in started], "".join(said)


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """The same run by one process and by two, and a run by two that learns fast."""
    folder = tmp_path_factory.mktemp("dumps")
    for name, processes, rate in (("one", 1, STILL), ("two", 2, STILL), ("moving", 2, MOVING)):
        codes, said = ended(start(folder, name, *rate, processes=processes))
        assert codes == [0] * processes, said
        assert said.count("\nmodel    ") == 2 and "Traceback" not in said  # at the start and at the end
    return folder


def adapter(run, step):
    """The adapter that a run saved after a step."""
    return load_file(run / "checkpoints" / f"checkpoint-{step}" / "adapter_model.safetensors")


@pytest.mark.slow
def test_two_processes_are_one_run_but_for_rounding(dumps):
    one, two = dumps / "one", dumps / "two"
    assert (read_run(one)["processes"], read_run(two)["processes"]) == (1, 2)
    names = [ROLLOUTS, EVALUATIONS, METRICS, *(f"eval/step_{n}.jsonl" for n in (0, 2, 3))]
    for name in names:
        lines = [without_times(folder / name) for folder in (one, two)]
        assert len(lines[0]) == len(lines[1]) > 0, name
        for expected, found in zip(*lines):
            assert expected.keys() == found.keys()
            for key in (k for k in expected if k not in NOT_COMPARED):
                value = expected[key]
                if isinstance(value, float):
                    value = pytest.approx(value, rel=RELATIVE.get(key, 1e-4), abs=1e-6)
                assert found[key] == value, (name, key)


@pytest.mark.slow
def test_two_processes_take_the_optimizer_steps_of_one(dumps):
    steps = [line["step"] for line in read_lines(dumps / "one" / METRICS) if line["grad_norm"]]
    assert steps == [1, 2, 3]
    for step in range(1, STEPS + 1):
        weights = [adapter(dumps / name, step) for name in ("one", "two")]
        assert weights[0].keys() == weights[1].keys()
        for name in weights[0]:
            assert (weights[0][name] - weights[1][name]).abs().max() <= 2.001e-7 * step, name  # Adam's steps
        if step == 1:  # B is 0 before, so A has no gradient, and one process moves it as little as two
            assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0] if "lora_A" in name)
        both = [torch.cat([w[name].flatten() for name in sorted(w) if "lora_B" in name]) for w in weights]
        assert torch.cosine_similarity(*both, dim=0) > COSINE


@pytest.mark.slow
def test_both_engines_sample_from_the_newest_weights(dumps):
    lines = list(read_lines(dumps / "moving" / METRICS))
    assert any(line["grad_norm"] for line in lines[:-1])
    assert all(line["sampler_gap"] < GAP for line in lines)
    found = tokens_and_lines(dumps / "moving")
    check_gaps(dumps / "moving", found)  # of both processes' completions
    assert with_gaps(found) == learned_from(found) != []


@pytest.mark.slow
def test_no_problem_comes_twice_and_no_group_is_torn(dumps):
    groups = {}
    for line in read_lines(dumps / "two" / ROLLOUTS):
        groups.setdefault((line["step"], line["group"]), []).append(line)
    assert [key[0] for key in sorted(groups)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    for lines in groups.values():
        assert sorted(line["sample"] for line in lines) == list(range(GROUP))
        assert len({line["problem_id"] for line in lines}) == 1
    assert len({lines[0]["problem_id"] for lines in groups.values()}) == len(groups)


@pytest.mark.slow
def test_a_signal_to_one_process_ends_both_with_a_checkpoint_and_both_go_on(dumps):
    processes = start(dumps, "stopped", *MOVING)
    folder = dumps / "stopped"
    while not any(read_lines(folder / METRICS)) and processes[0].poll() is None:
        time.sleep(0.02)
    processes[1].send_signal(signal.SIGTERM)
    codes, said = ended(processes)
    assert codes == [143, 143], said
    assert said.count("stopped  after step") == 1 and "Traceback" not in said
    found, refused = checkpoints.newest(folder / "checkpoints")
    assert not refused and checkpoints.step_of(found) < STEPS
    codes, said = ended(start(dumps, "stopped", *MOVING, "--resume"))
    assert codes == [0, 0], said
    for name in (ROLLOUTS, EVALUATIONS, METRICS):
        assert without_times(folder / name) == without_times(dumps / "moving" / name)
    weights = [adapter(dumps / name, 3) for name in ("moving", "stopped")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.slow
def test_an_error_of_both_is_printed_once(dumps):
    codes, said = ended(start(dumps, "two", *STILL))
    assert codes == [2, 2]
    assert said.count("exists already") == said.count("error:") == 1
    assert "Traceback" not in said


@pytest.mark.slow
def test_an_error_in_one_process_ends_both_with_its_message(dumps, tmp_path):
    (tmp_path / "rewards.py").write_text(
        "import os\n\ncalls = []\n\n\ndef picky(rollout, problem):\n    calls.append(1)\n"
        "    if os.environ['RANK_OF_TEST'] == '1' and len(calls) > 8:\n        raise ValueError('no more')\n"
        "    return 1.0\n"
    )
    reward = ["--reward", f"{tmp_path / 'rewards.py'}:picky", "--reward-workers", "1"]
    codes, said = ended(start(dumps, "failing", *reward))
    assert codes == [2, 2], said
    assert said.count("error:") == 1 and said.count("no more") == 1 and "rewards.py" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_fees_of_both_are_counted_when_the_judge_goes_away(tmp_path):
    answered = []

    def answer(body):
        if len(answered) >= 14:  # in the first step
            return 401, {}
        answered.append(body)
        return verdict(len(answered) % 10 / 10)

    with judge_server() as stand:
        stand.answer = answer
        judge = ["--judge-url", stand.url, "--judge-model", "m", "--judge-price-in", "2", "--judge-requests", "1"]
        codes, said = ended(start(tmp_path, "judged", "--reward", "judge", "--max-steps", "1", *judge))
    assert codes == [3, 3], said
    assert said.count("by guard judge:") == 1 and "Traceback" not in said
    cost = json.loads((tmp_path / "judged" / METER).read_text())
    paid = len(answered) - 1  # without the one that the first process tries before the run
    assert cost["judge_dollars"] == pytest.approx(paid * 100 * 2 / 1e6)


def test_shares_are_whole_groups_of_about_the_same_size(monkeypatch):
    shares = []
    for number in range(3):
        monkeypatch.setattr(distributed, "_world", distributed.World(number, 3))
        shares.append((distributed.share(7), distributed.share(20, 4), distributed.share(2)))
    by_count = list(zip(*shares))
    assert [s.stop - s.start for s in by_count[0]] == [2, 2, 3]
    assert by_count[1] == (slice(0, 4), slice(4, 12), slice(12, 20))
    assert sorted(i for s in by_count[2] for i in range(2)[s]) == [0, 1]


def test_each_process_learns_from_whole_groups_with_about_as_many_tokens():
    lengths = torch.tensor([9, 1, 3, 3, 1, 1, 8, 8])  # groups of 2: 10, 6, 2 and 16 tokens
    mask = (torch.arange(9) < lengths[:, None]).int()  # (8, 9)
    batch = {"completion_mask": mask, "prompt_mask": torch.zeros(8, 1, dtype=torch.int)}
    assert deal(batch, 2, 2) == [[4, 5, 6, 7], [0, 1, 2, 3]]
    assert deal(batch, 2, 1) == [list(range(8))]
    assert deal(batch, 2, 5)[-1] == []


REFUSED = {
    "a value head": ({"algorithm": "ppo"}, "--algorithm ppo"),
    "a server": ({"engine": "vllm-server", "load_in_4bit": False}, "--engine vllm-server"),
    "a mode": ({"mode": "both"}, "--mode both"),
    "a pipeline": ({"pipeline": True}, "a pipeline"),
    "too few groups": ({"per_device_train_batch_size": 8, "num_generations": 8}, "1 groups of 8"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_what_one_process_must_do_is_refused(changes, words, monkeypatch):
    monkeypatch.setattr(distributed, "_world", distributed.World(0, 2))
    with pytest.raises(UserError, match=words):
        check_processes(Config(exp_name="run", **changes))
    monkeypatch.setattr(distributed, "_world", distributed.World(0, 1))
    check_processes(Config(exp_name="run", **changes))


LAUNCHERS = {
    "FSDP": {"ACCELERATE_USE_FSDP": "true"},
    "DeepSpeed": {"ACCELERATE_USE_DEEPSPEED": "true"},
    "torchrun": {"ACCELERATE_USE_CPU": "True", "MASTER_PORT": "29500"},  # accelerate launch --cpu --num_processes 2
}


@pytest.mark.parametrize("words", LAUNCHERS)
def test_what_a_launcher_cannot_have_is_refused(words, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    distributed.check_launcher()
    for name, value in LAUNCHERS[words].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=words):
        distributed.check_launcher()


def test_each_process_sees_one_card(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    distributed.select_gpu(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    distributed.select_gpu(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    with pytest.raises(UserError, match="names 2"):
        distributed.select_gpu(2)
