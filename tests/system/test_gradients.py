"""Sums of gradients over processes: which group carries them, in which pieces, and what happens without NCCL."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from r1rl.system import distributed, gradients
from r1rl.system.errors import RunFailed

GPU = SimpleNamespace(type="cuda")


class TwoProcesses:
    """A group in which another process has the same numbers; each sum appears when it is waited for."""

    def __init__(self):
        self.summed: list[torch.Tensor] = []
        self.running = self.most = 0

    def allreduce(self, tensors):
        [tensor] = tensors
        self.running += 1
        self.most = max(self.most, self.running)

        def wait():
            self.running -= 1
            self.summed.append(tensor.clone())
            tensor.mul_(2)

        return SimpleNamespace(wait=wait)


@pytest.fixture
def two(monkeypatch):
    """Returns the gloo group of the first of two processes."""
    world = distributed.World(rank=0, size=2, group=TwoProcesses())
    monkeypatch.setattr(distributed, "_world", world)
    monkeypatch.setattr(distributed, "store", lambda name: None)
    return world.group


def parameters() -> list[torch.nn.Parameter]:
    """Returns weights with gradients of 3, none and 4 numbers, the last in bfloat16."""
    made = [torch.nn.Parameter(torch.zeros(n)) for n in (3, 2)] + [
        torch.nn.Parameter(torch.zeros(4, dtype=torch.bfloat16))
    ]
    made[0].grad, made[2].grad = torch.arange(3.0), torch.ones(4, dtype=torch.bfloat16)
    return made


@pytest.mark.parametrize("with_gpus", [False, True])
def test_gradients_travel_by_the_gpus_if_they_are_connected(with_gpus, two):
    gpus = TwoProcesses()
    distributed.use_on_gpu(gpus if with_gpus else None)
    weights = parameters()
    gradients.all_reduce_gradients(weights)
    assert weights[0].grad.tolist() == [0, 2, 4] and weights[2].grad.tolist() == [2] * 4
    assert weights[1].grad is None  # no process has one
    assert [t.tolist() for t in two.summed[:1]] == [[1, 0, 1]]  # which weights have one: always by gloo
    floats = (gpus.summed if with_gpus else two.summed[1:])[0]
    assert floats.dtype == torch.float32 and floats.tolist() == [0, 1, 2, 1, 1, 1, 1]
    assert len(two.summed) == (1 if with_gpus else 2)


def test_one_bucket_travels_while_the_next_is_copied(two, monkeypatch):
    monkeypatch.setattr(gradients, "BUCKET", 4)
    weights = [torch.nn.Parameter(torch.zeros(3)) for _ in range(7)]
    for number, weight in enumerate(weights):
        weight.grad = torch.full((3,), float(number))
    gradients.all_reduce_gradients(weights)
    assert [w.grad.tolist() for w in weights] == [[2.0 * n] * 3 for n in range(7)]
    assert [len(t) for t in two.summed[1:]] == [6, 6, 6, 3] and two.most == gradients.IN_FLIGHT


def nccl(monkeypatch, group) -> None:
    """Pretends that torch has NCCL; `group`: what is made of it."""
    made = type("ProcessGroupNCCL", (), {"Options": SimpleNamespace, "__new__": lambda *_: group()})
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.distributed, "ProcessGroupNCCL", made, raising=False)
    monkeypatch.setattr(torch, "ones", lambda n, device: torch.full((n,), 1.0))


@pytest.mark.parametrize("other", [None, "no socket"])
def test_all_processes_use_nccl_or_none(other, two, monkeypatch, capsys):
    nccl(monkeypatch, TwoProcesses)
    answers = iter([[None, None], [None, other]])  # what both have, then what both could do
    monkeypatch.setattr(distributed, "all_gather", lambda item: next(answers))
    gradients.connect_gpus(GPU)
    assert isinstance(distributed.group(on_gpu=True), TwoProcesses) == (other is None)
    assert ("because NCCL does not work: no socket" in capsys.readouterr().out) == (other is not None)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_a_failure_of_nccl_is_a_reason_and_no_end(kind, two, monkeypatch, capsys):
    def group():
        raise kind("ncclSystemError: duplicate GPU\nstack")

    nccl(monkeypatch, group)
    monkeypatch.setattr(distributed, "all_gather", lambda item: [item, item])
    gradients.connect_gpus(GPU)
    assert distributed.group(on_gpu=True) is None
    assert capsys.readouterr().out.count("ncclSystemError: duplicate GPU\n") == 1


def test_cpus_and_one_process_ask_nobody(two, monkeypatch):
    monkeypatch.setattr(distributed, "all_gather", lambda item: pytest.fail("asked"))
    gradients.connect_gpus(SimpleNamespace(type="cpu"))
    monkeypatch.setattr(distributed, "_world", distributed.World())
    gradients.connect_gpus(GPU)
    assert distributed.group(on_gpu=True) is None


def test_a_process_that_has_ended_ends_this_one(two):
    def gone(tensors):
        raise RuntimeError("Connection closed by peer")

    distributed.use_on_gpu(SimpleNamespace(allreduce=gone))
    with pytest.raises(RunFailed, match="another process of the run has ended"):
        gradients.all_reduce_gradients(parameters())
