"""Sums gradients over all processes: by NCCL between GPUs, by gloo between CPUs.

One bucket travels while the next is copied. Nothing overlaps with the backward pass: a process whose memory runs out there
would leave the others waiting on their GPUs. So the sum begins when all have reported their passes (trainers/update.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from r1rl.system import distributed
from r1rl.system.console import console

BUCKET = 2**24  # numbers per all-reduce: 64 MiB
IN_FLIGHT = 2  # buckets at once, each with a copy of its gradients
LONGEST = timedelta(minutes=10)  # a GPU does not notice that another process has ended: after this it gives up


def connect_gpus(device) -> None:
    """Connects the processes' GPUs by NCCL. If it fails in one of them, gradients go by gloo in all, and a line says why."""
    if distributed.size() == 1 or device.type != "cuda":
        return
    from torch import distributed as of_torch

    reasons = distributed.all_gather(None if of_torch.is_nccl_available() else "this torch has no NCCL")
    if not any(reasons):
        group, reason = nccl_group(device)
        reasons = distributed.all_gather(reason)
        distributed.use_on_gpu(None if any(reasons) else group)
    if distributed.is_first() and any(reasons):
        why = "; ".join(dict.fromkeys(filter(None, reasons)))
        console.print(f"note     gradients travel through the CPU, because NCCL does not work: {why}", markup=False)


def nccl_group(device):
    """Returns (a group that has summed one number, None), or (None, the reason why there is none)."""
    import torch
    from torch import distributed as of_torch

    try:
        options = of_torch.ProcessGroupNCCL.Options()
        options._timeout = LONGEST
        rank, size = distributed.rank(), distributed.size()
        group = of_torch.ProcessGroupNCCL(distributed.store("nccl"), rank, size, options)
        number = torch.ones(1, device=device)
        group.allreduce([number]).wait()
        total = number.item()
    except (RuntimeError, ValueError) as error:  # a ValueError without a GPU
        return None, distributed.first_line(error)[:200]
    return (group, None) if total == size else (None, f"it added {size} ones up to {total}")


def all_reduce_gradients(parameters: Sequence) -> None:
    """Sums the gradients over all processes, in place. A gradient that no process has stays None, as optimizers expect."""
    if distributed.size() == 1:
        return
    import torch

    has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32)
    begin_sum(has, distributed.group())()
    gradients = []
    for parameter in (p for p, count in zip(parameters, has.tolist()) if count):
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    running: deque[Callable[[], None]] = deque()
    for bucket in buckets(gradients):
        running.append(begin_bucket(bucket))
        if len(running) == IN_FLIGHT:
            running.popleft()()
    while running:
        running.popleft()()


def buckets(tensors: Iterable) -> Iterator[list]:
    """Yields the tensors in order, as few at once as have BUCKET numbers together."""
    bucket: list = []
    count = 0
    for tensor in tensors:
        bucket.append(tensor)
        count += tensor.numel()
        if count >= BUCKET:
            yield bucket
            bucket, count = [], 0
    if bucket:
        yield bucket


def begin_bucket(tensors: Sequence) -> Callable[[], None]:
    """Begins to sum the tensors in float32. Returns the function that waits for the sums and writes them into the tensors."""
    import torch

    flat = torch.cat([t.detach().float().reshape(-1) for t in tensors])  # (N,)
    group = distributed.group(on_gpu=True)
    if group is None:
        group, flat = distributed.group(), flat.cpu()
    wait = begin_sum(flat, group)

    def finish() -> None:
        wait()
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors])):
            tensor.copy_(part.view_as(tensor))

    return finish


def begin_sum(tensor, group) -> Callable[[], None]:
    """Begins to sum a tensor over all processes, in place. Returns the function that waits for the end."""
    with distributed.needs_all():
        work = group.allreduce([tensor])

    def wait() -> None:
        with distributed.needs_all():
            work.wait()

    return wait
