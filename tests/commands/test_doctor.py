"""`python main.py doctor`: one machine that works, and many that do not; the probes are replaced by what they would find."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util

import pytest

from r1rl.commands import doctor
from r1rl.preflight import diagnosis, probes
from r1rl.preflight.diagnosis import has_kernels
from r1rl.preflight.memory_parts import GIB
from r1rl.preflight.probes import Card, Disk, Driver, Hub, Torch
from r1rl.system import machine

STACK = {
    "torch": "2.13.0", "transformers": "5.17.0", "trl": "1.15.0", "peft": "0.21.2", "accelerate": "1.15.0",
    "datasets": "4.8.5", "bitsandbytes": "0.50.2", "unsloth": "2026.10.9", "unsloth-zoo": "2026.10.9",
    "vllm": "0.31.0", "torchao": "0.18.0",
}  # fmt: skip
A10 = Card("NVIDIA A10", (8, 6), int(21.8 * GIB), int(22.0 * GIB))
KERNELS = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
DRIVER = Driver(library=True, kernel=True, on_bus=1, version="580.65.06", cards=("NVIDIA A10",))
HUB = Hub("https://huggingface.co", None, True, "HF_TOKEN")
DISK = Disk("runs", "dumps", 50 * GIB, True)
FINE = Torch("13.0", (A10,), KERNELS)
find_spec = importlib.util.find_spec
NO_GPU = Driver(problem="it is not installed")


@pytest.fixture
def examined(monkeypatch, capsys):
    """Returns a function that runs the doctor on a machine: an A10 where all is well, but for what is given."""

    def run(
        driver=DRIVER, torch=FINE, hub=HUB, packages=None, requires=None, builds=None, disks=(DISK,), limit=None,
        variables=None, memory=16 * GIB, imports=None,
    ):  # fmt: skip
        found = {**STACK, **(packages or {})}
        needed, _ = probes.own_requirements()
        locked = {name: next(iter(pins[0].specifier)).version for name, pins in diagnosis.parsed(needed).items()}
        found = {**locked, **found}
        monkeypatch.setattr(probes, "driver", lambda: driver)
        monkeypatch.setattr(probes, "ask_torch", lambda: torch)
        monkeypatch.setattr(probes, "torch_build", lambda: torch.cuda)
        monkeypatch.setattr(probes, "hub", lambda: hub)
        monkeypatch.setattr(probes, "disks", lambda: disks)
        monkeypatch.setattr(probes, "memory_limit", lambda: limit)
        monkeypatch.setattr(probes, "variables", lambda: variables or {})
        monkeypatch.setattr(probes, "version", found.get)
        monkeypatch.setattr(probes, "requires", lambda package: (requires or {}).get(package, []))
        monkeypatch.setattr(probes, "build", (builds or {}).get)
        monkeypatch.setattr(probes, "import_error", (imports or {}).get)
        monkeypatch.setattr(machine, "free_memory", lambda: memory)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in found else find_spec(name))
        monkeypatch.setattr(doctor, "commit", lambda: "abc")
        monkeypatch.setattr(diagnosis, "longest_prompt", lambda config: 100)  # to count them takes a second
        code = doctor.run(argparse.Namespace(imports=imports is not None))
        return code, capsys.readouterr().out

    return run


def faults(output: str) -> list[str]:
    """Returns the lines about what prevents a run."""
    return [line for line in output.splitlines() if line[11:16] == "FAULT"]


def test_a_machine_where_all_is_well(examined):
    code, shown = examined()
    assert code == 0 and faults(shown) == [] and shown.splitlines()[-1] == "no faults"
    for part in (
        "driver     ok     580.65.06\n",
        "torch      ok     2.13.0, built for CUDA 13.0\n",
        "gpu        ok     0: NVIDIA A10, capability 8.6, 21.8 of 22.0 GiB free\n",
        "hub        ok     token in HF_TOKEN\n",
        "recipe     ok     tiny: ",
    ):
        assert part in shown
    assert any(
        line.startswith("recipe     ok     default: ") and "Qwen/Qwen2.5-3B" in line for line in shown.splitlines()
    )


def test_a_laptop_without_a_gpu_has_no_fault(examined):
    code, shown = examined(driver=NO_GPU, torch=Torch())
    assert code == 0 and faults(shown) == []
    assert "driver     note   no NVIDIA GPU: only models that train on a CPU can be used" in shown
    assert "recipe     note   default: Qwen/Qwen2.5-3B needs a CUDA GPU" in shown
    assert "recipe     ok     laptop: " in shown


UNREACHABLE = dataclasses.replace(HUB, answers=False, token=None)
T4 = Card("Tesla T4", (7, 5), int(14.4 * GIB), int(14.5 * GIB))
P40 = Card("Tesla P40", (6, 1), 22 * GIB, 22 * GIB)
BROKEN = {
    "no driver": (
        {"driver": dataclasses.replace(NO_GPU, on_bus=1), "torch": Torch("13.0")},
        "1 NVIDIA display controller(s) are in this machine, and no driver is",
    ),
    "a container without --gpus": (
        {"driver": dataclasses.replace(DRIVER, library=False), "torch": Torch("13.0")},
        "its library libcuda.so.1 is not found, so no program can use the GPU. A container needs `--gpus all`",
    ),
    "an old driver": (
        {
            "driver": dataclasses.replace(DRIVER, version="535.183.01"),
            "torch": Torch("13.0", problem="The NVIDIA driver on your system is too old"),
        },
        "535.183.01 is too old: torch is built for CUDA 13.0, which needs driver 580 or later",
    ),
    "a driver that was updated": (
        {
            "driver": Driver(True, True, 1, problem="Failed to initialize NVML: Driver/library version mismatch"),
            "torch": Torch("13.0", problem="CUDA unknown error"),
        },
        "nvidia-smi: Failed to initialize NVML: Driver/library version mismatch. The driver does not answer",
    ),
    "torch without CUDA": (
        {"torch": Torch(None, problem="Torch not compiled with CUDA enabled")},
        "torch is built without CUDA, so it cannot use the GPU: pip uninstall torch",
    ),
    "a card without kernels": (
        {"torch": Torch("13.0", (P40,), KERNELS, "no kernel image is available for execution on the device")},
        "0: torch has no kernels for capability 6.1 (it has sm_75 ",
    ),
    "hidden cards": (
        {"torch": Torch("13.0", problem="No CUDA GPUs are available"), "variables": {"CUDA_VISIBLE_DEVICES": "-1"}},
        "CUDA_VISIBLE_DEVICES=-1 hides all cards (NVIDIA A10)",
    ),
    "torch that crashes": (
        {"torch": Torch("13.0", problem="its process ended with -11")},
        "torch cannot use it: its process ended with -11.",
    ),
    "a missing package": ({"packages": {"peft": None}}, "not installed: peft. Run pip install -e . in the checkout."),
    "a package that is too new": (
        {"packages": {"transformers": "5.20.0"}, "requires": {"unsloth": ["transformers<=5.17.0,>=4.51.3"]}},
        "unsloth 2026.10.9 needs transformers<=5.17.0,>=4.51.3, but 5.20.0 is installed. Make a fresh virtual environment",
    ),
    "vLLM out of TRL's range": (
        {"packages": {"vllm": "0.12.0"}, "requires": {"trl": ['vllm<=0.31.0,>=0.21.0; extra == "vllm"']}},
        "trl 1.15.0 works with vllm <=0.31.0,>=0.21.0, but 0.12.0 is installed",
    ),
    "halves of two releases": (
        {"packages": {"unsloth-zoo": "2026.9.1"}},
        "unsloth 2026.10.9 and unsloth_zoo 2026.9.1 are halves of one release",
    ),
    "torchvision for CUDA": (
        {"driver": NO_GPU, "torch": Torch(), "builds": {"torchvision": "cu130"}},
        'torchvision is built for cu130 and torch for the CPU: `import transformers` then fails with "operator',
    ),
    "an old torchao": ({"packages": {"torchao": "0.13.0"}}, "peft refuses torchao 0.13.0: use 0.16 or later"),
    "standby with expandable segments": (
        {"variables": {"UNSLOTH_VLLM_STANDBY": "true", "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}},
        "UNSLOTH_VLLM_STANDBY=true and expandable_segments:True in PYTORCH_CUDA_ALLOC_CONF exclude each other",
    ),
    "a full disk": ({"disks": (Disk("runs", "dumps", GIB // 4, True),)}, "runs in dumps: 0.25 GiB free, and a short run"),
    "a read-only disk": ({"disks": (Disk("models", "/hub", 50 * GIB, False),)}, "models in /hub: cannot be written"),
    "too little memory": ({"driver": NO_GPU, "torch": Torch(), "memory": GIB // 4}, "no recipe can run here"),
    "a library that does not load": (
        {"imports": {"peft": "ImportError: cannot import name 'x' from 'torch'"}},
        "import peft fails: ImportError: cannot import name 'x' from 'torch'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_machine(name, examined):
    given, words = BROKEN[name]
    code, shown = examined(**given)
    assert code == 2 and any(words in line for line in faults(shown)), shown
    assert shown.splitlines()[-1] == f"{len(faults(shown))} fault{'s' * (len(faults(shown)) > 1)}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"hub": UNREACHABLE}, "but not in the hub's cache: Qwen/Qwen2.5-3B, openai/gsm8k"),
        (
            {"hub": dataclasses.replace(UNREACHABLE, offline="HF_HUB_OFFLINE")},
            "not asked, because HF_HUB_OFFLINE is set",
        ),
        ({"packages": {"vllm": None, "unsloth": None, "unsloth-zoo": None}}, "not installed: vllm and unsloth. A GPU"),
        ({"packages": {"datasets": "4.9.0"}}, "other versions than those tested together: datasets 4.9.0 (==4.8.5)"),
        ({"packages": {"gguf": None}}, "not installed, and needed only for what is in brackets: gguf (GGUF files)"),
        ({"limit": 2 * GIB}, "the container may use 2.0 GiB more of 16.0 GiB that are free"),
        (
            {"torch": Torch("13.0", (T4,), KERNELS)},
            "0: no bfloat16 before capability 8.0, so a run computes in float16",
        ),
    ],
)
def test_what_to_know_is_no_fault(given, words, examined, monkeypatch):
    monkeypatch.setattr(diagnosis, "in_cache", lambda kind, name: False)
    monkeypatch.setattr("r1rl.preflight.checks.in_cache", lambda kind, name: False)
    code, shown = examined(**given)
    assert code == 0 and words in shown


def test_secrets_and_the_home_folder_are_masked(examined, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwx")
    monkeypatch.setenv("HF_ENDPOINT", "https://me:word77@hub.example.org")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:word88@proxy.example.org:8080")
    monkeypatch.setenv("HF_HOME", f"{tmp_path}/hub")
    asked, named = probes.hub(), probes.variables()
    assert asked.token == "HF_TOKEN" and named["HF_TOKEN"] == "(set)" and "WANDB_API_KEY" not in named
    _, shown = examined(hub=asked, variables=named)
    assert "hub.example.org" in shown and "HTTPS_PROXY=http://[masked]@proxy.example.org:8080" in shown
    assert "HF_HOME=~/hub" in shown
    for secret in ("abcdefghijklmnop", "word77", "word88", "0123456789abcdef", str(tmp_path)):
        assert secret not in shown


def test_a_token_in_a_file_is_found_and_not_read(tmp_path):
    assert probes.token({"HF_HOME": str(tmp_path)}) is None
    (tmp_path / "token").write_text("hf_abcdefghijklmnopqrstuvwx")
    assert probes.token({"HF_HOME": str(tmp_path)}) == str(tmp_path / "token")


# ---- the probes themselves

FAKE_TORCH = """
import types
version, float16 = types.SimpleNamespace(cuda="13.0"), None
class Ones:
    def __matmul__(self, other): return self
    def sum(self): return SUM
def ones(*size, **where): return Ones()
def init(): INIT
cuda = types.SimpleNamespace(
    init=init, device_count=lambda: 1, mem_get_info=lambda i: (20, 22), get_device_name=lambda i: "NVIDIA A10",
    get_device_capability=lambda i: (8, 6), get_arch_list=lambda: ["sm_80"],
)
"""


@pytest.mark.parametrize(
    ("init", "total", "expected"),
    [
        ("print('noise')", "4096.0", Torch("13.0", (Card("NVIDIA A10", (8, 6), 20, 22),), ("sm_80",))),
        ("raise RuntimeError('too old')", "0", Torch("13.0", problem="too old")),
        ("import os; os.abort()", "0", Torch(problem="its process ended with -6")),
        ("import time; time.sleep(60)", "0", Torch(problem="no answer in 1 s")),
    ],
)
def test_torch_is_asked_in_a_process_of_its_own(init, total, expected, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text(FAKE_TORCH.replace("INIT", init).replace("SUM", total))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(probes, "TORCH_SECONDS", 1 if "sleep" in init else 60)
    monkeypatch.setattr(probes, "torch_build", lambda: None)
    assert probes.ask_torch() == expected


def test_the_build_of_torch_is_read_from_its_file(tmp_path, monkeypatch):
    text = "__version__ = '2.13.0+cu130'\nhip: Optional[str] = None\ncuda: Optional[str] = '13.0'\n"
    monkeypatch.setattr(probes, "version_file", lambda package: text)
    assert (probes.torch_build(), probes.build("torch")) == ("13.0", "cu130")
    monkeypatch.setattr(probes, "version_file", lambda package: text.replace("'13.0'", "None").replace("cu130", "cpu"))
    assert (probes.torch_build(), probes.build("torch")) == (None, "cpu")


def test_the_lock_is_that_of_setup_and_requirements():
    needed, pinned = probes.own_requirements()
    assert "trl==1.15.0" in needed and "vllm==0.31.0" in pinned and "torchao==0.18.0" in pinned
    assert [str(r.specifier) for r in diagnosis.parsed(pinned)["vllm"]] == ["==0.31.0", "==0.31.0"]  # and the CPU build


@pytest.mark.parametrize(
    ("capability", "kernels", "runs"),
    [
        ((8, 6), ("sm_80",), True),  # the same major version
        ((8, 0), ("sm_86",), False),
        ((9, 0), ("sm_80", "sm_86"), False),
        ((12, 0), ("sm_90", "compute_90"), True),  # PTX is compiled for later cards
        ((9, 0), ("sm_90a",), True),
        ((9, 0), (), True),  # not known
    ],
)
def test_kernels_of_a_card(capability, kernels, runs):
    assert has_kernels(capability, kernels) is runs
