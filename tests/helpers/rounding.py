"""Rounds linear layers as another processor might, so that a test whose verdict depends on rounding shows it anywhere.

Processors sum products in different orders, so their results differ in the last place; AMX, AVX512 and AVX2 all do.
With R1RL_TEST_ROUNDING=SEED a quarter of all outputs of linear layers, and of the gradients that come back to them,
move up or down by one unit in the last place if they are bfloat16, by four if they are float32. Zeros stay zeros.

What moves depends on the seed, the tensor's shape and the value, and on nothing else: like a processor, one seed gives
equal results for equal calls, so that a resumed run still equals the unbroken one. Another shape (the same rows in
another batch), another seed and another process of a distributed run (RANK) round differently.

`install` switches it on in this process, `on_import` as soon as torch is imported. tests/conftest.py does the first,
startup/sitecustomize.py the second in each Python process that a test starts.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

VARIABLE = "R1RL_TEST_ROUNDING"
STARTUP = Path(__file__).parent / "startup"
MIXING = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)  # odd, with bits spread evenly: Knuth's and MurmurHash3's multipliers


def is_on() -> bool:
    """Whether the variable is set."""
    return bool(os.environ.get(VARIABLE))


def signed(number: int) -> int:
    """The number's lowest 32 bits as int32 reads them."""
    return (number & 0xFFFFFFFF) - ((number & 0x80000000) << 1)


def salt_of(shape: tuple[int, ...]) -> int:
    """What a shape adds to the hash of its values in this process."""
    salt = int(os.environ[VARIABLE]) + 1000 * int(os.environ.get("RANK", 0))
    for size in shape:
        salt = (salt ^ size) * MIXING[0] & 0xFFFFFFFF
        salt ^= salt >> 15
    return signed(salt)


def moved(x: torch.Tensor) -> torch.Tensor:
    """`x` with a quarter of its values moved; other types than bfloat16 and float32 are returned as they are."""
    import torch

    if x.dtype not in (torch.bfloat16, torch.float32) or x.device.type != "cpu" or not x.numel():
        return x
    with torch.no_grad():
        bits = x.detach().contiguous().view(torch.int16 if x.dtype == torch.bfloat16 else torch.int32).int()
        chance = (bits ^ salt_of(tuple(x.shape))).mul_(signed(MIXING[1]))
        chance = (chance ^ (chance >> 15)).mul_(signed(MIXING[2])) >> 29  # -4 to 3, each as likely
        step = (chance == 0).int() - (chance == 1).int()
        if x.dtype == torch.float32:
            return x + x * step * 2.0**-21
        factor = torch.ones((), dtype=x.dtype) + 0.5 * step.to(x.dtype)  # towards this multiple of itself
        return torch.nextafter(x, x * factor)


def rounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its result moved, and the gradient that its result receives."""

    import torch

    class Moved(torch.autograd.Function):
        """Moves a result on the way forward and its gradient on the way back."""

        @staticmethod
        def forward(ctx: Any, out: torch.Tensor) -> torch.Tensor:
            return moved(out)

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            return moved(gradient)

    @functools.wraps(function, assigned=("__name__", "__doc__"), updated=())
    def call(*args: Any, **kwargs: Any) -> torch.Tensor:
        out = function(*args, **kwargs)
        return Moved.apply(out) if out.requires_grad else moved(out)

    return call


def install() -> None:
    """Changes torch's linear layers, and the product with packed weights that the decoder uses on a CPU."""
    import torch

    if hasattr(torch, "_r1rl_test_rounding"):
        return
    torch._r1rl_test_rounding = True
    torch.nn.functional.linear = rounded(torch.nn.functional.linear)
    packed = torch.ops.mkldnn._linear_pointwise
    for name in ("default", "binary"):
        setattr(packed, name, rounded(getattr(packed, name)))


class AfterTorch(importlib.abc.MetaPathFinder):
    """Calls `install` as soon as torch was imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("torch")
        sys.meta_path.insert(0, self)  # whoever asks for the spec may only want to know whether there is one
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            install()

        spec.loader.exec_module = exec_module
        return spec


def on_import() -> None:
    """Switches it on as soon as this process has torch; where it never imports it, nothing is imported."""
    if is_on() and "torch" in sys.modules:
        install()
    elif is_on():
        sys.meta_path.insert(0, AfterTorch())


def reach_children() -> None:
    """Every Python process that this one starts finds sitecustomize.py, whatever environment it is given."""
    os.environ["PYTHONPATH"] = with_startup(os.environ.get("PYTHONPATH"))
    start = subprocess.Popen.__init__

    def init(self: Any, *args: Any, env: Any = None, **kwargs: Any) -> None:
        if env is not None:
            env = {**env, "PYTHONPATH": with_startup(env.get("PYTHONPATH")), VARIABLE: os.environ[VARIABLE]}
        start(self, *args, env=env, **kwargs)

    subprocess.Popen.__init__ = init


def with_startup(path: str | None) -> str:
    """A PYTHONPATH that begins with the folder of sitecustomize.py."""
    return os.pathsep.join([str(STARTUP), *(p for p in (path or "").split(os.pathsep) if p and p != str(STARTUP))])
