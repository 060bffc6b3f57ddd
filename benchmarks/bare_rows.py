"""The bare rows of the step benchmark: an engine alone, an update alone, one matrix product."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import Any

from rows import CYCLE, Setup, memory, our_config, prompts_of_one_length, seconds, serve

PEAK_SIZES = (1024, 2048, 4096)  # of the products of which a CPU's fastest counts


def bare_engine(setup: Setup, pipe) -> None:
    """Runs `vllm.LLM.generate` alone, on the same prompts, with the sampled tokens' logprobs."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    import timed
    from vllm import LLM, SamplingParams

    from r1rl.models import policy as models_policy

    config = our_config(setup, "bare-engine", unsloth=False)
    prompts = prompts_of_one_length(config, models_policy.load_tokenizer(config), CYCLE * setup.prompts)
    on_gpu = {"gpu_memory_utilization": setup.memory_share}
    llm = LLM(
        model=models_policy.model_path(config),
        dtype=setup.dtype,  # by default that of our engines
        max_model_len=config.max_seq_length,
        enforce_eager=not setup.gpu,
        disable_log_stats=True,
        **(on_gpu if setup.gpu else {}),
    )
    forced = timed.Forced()
    generate = forced.vllm(llm.generate)
    calls = iter(range(10**9))

    def step(lengths):
        forced.set(lengths)
        llm.reset_prefix_cache()  # a training step has new weights, so nothing of the last one's cache is of use
        first = next(calls) % CYCLE * setup.prompts
        batch = [{"prompt_token_ids": list(p.ids)} for p in prompts[first : first + setup.prompts]]
        params = SamplingParams(n=setup.group, temperature=1.0, max_tokens=setup.tokens, logprobs=0)
        start = seconds(setup.gpu)
        generate(batch, params, use_tqdm=False)
        return {"seconds": seconds(setup.gpu) - start, "tokens": sum(lengths), **memory(setup.gpu)}

    serve(pipe, {"prompt_tokens": len(prompts[0].ids)}, {"step": step})


def bare_update(setup: Setup, pipe) -> None:
    """Forward, backward, clipping and AdamW of the same model on as many tokens, without padding or a trainer.

    By default each completion is read after a prompt of its own. In bfloat16 on a CPU weights, adapter and states are in
    bfloat16, and the prompts' tokens are as many as our update reads: a prompt for each group.
    """
    from r1rl.system import machine

    machine.keep_memory()
    import torch

    from r1rl.models import policy as models_policy

    config = our_config(setup, "bare-update", unsloth=False, load_in_4bit=False)
    policy = models_policy.load_policy(config, setup.gpu, False)
    model = policy.model
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    for weight in weights:
        weight.data = weight.data.float()
    if setup.bfloat16:
        model.bfloat16()
    precision = contextlib.nullcontext if setup.bfloat16 else policy.autocast
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=0.0)
    prompt_tokens = len(prompts_of_one_length(config, policy.tokenizer, 1)[0].ids)
    read = prompt_tokens // setup.group if setup.bfloat16 else prompt_tokens  # before each completion
    device = model.device
    at_once: dict[int, int] = {}  # by completion length: rows in one pass, the fastest that was tried

    def forward_backward(rows: int, completion: int) -> None:
        ids = torch.randint(2, 600, (rows, read + completion), device=device)
        with precision():
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=completion + 1).logits[:, :-1]
        logprobs = logits.float().log_softmax(-1).gather(-1, ids[:, -completion:, None])[..., 0]
        (-logprobs.sum() / (setup.completions * completion)).backward()

    def seconds_a_row(rows: int, completion: int) -> float:
        start = seconds(setup.gpu)
        forward_backward(rows, completion)
        return (seconds(setup.gpu) - start) / rows

    def step(lengths):
        completion = round(sum(lengths) / len(lengths))
        if completion not in at_once:  # the first call, which is not timed, finds the fastest division
            limit = 8 if setup.gpu or setup.bfloat16 else 64  # more rows of a large model only take more memory
            sizes = [n for n in (64, 32, 16, 8, 4) if n <= limit and setup.completions % n == 0]
            forward_backward(sizes[-1], completion)
            tried = {n: min(seconds_a_row(n, completion) for _ in range(2)) for n in sizes}
            at_once[completion] = min(tried, key=tried.get)
        start = seconds(setup.gpu)
        for _ in range(setup.completions // at_once[completion]):
            forward_backward(at_once[completion], completion)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens = setup.completions * (read + completion)
        return {"seconds": seconds(setup.gpu) - start, "tokens": tokens, "rows_at_once": at_once[completion], "read": read,
                **memory(setup.gpu)}  # fmt: skip

    def peak():
        return matrix_peak(device, (8192 if "tiny" not in setup.model else 512,))

    about = {"prompt_tokens": prompt_tokens, "mixed": policy.mixed, "dtype": str(model.dtype), "read": read}
    serve(pipe, about, {"step": step, "matrix peak": peak})


def matrix_peak(device: Any, sizes: Sequence[int]) -> dict[str, Any]:
    """Returns the multiplications and additions per second of the fastest square bfloat16 product of these sizes."""
    import torch

    best: dict[str, Any] = {"flops": 0.0}
    for size in sizes:
        a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
        repeats = 10 if size <= 1024 or device.type == "cuda" else 2
        for _ in range(5):
            start = seconds(device.type == "cuda")
            for _ in range(repeats):
                a @ a
            flops = 2 * size**3 * repeats / (seconds(device.type == "cuda") - start)
            best = max(best, {"flops": flops, "size": size}, key=lambda found: found["flops"])
    return best


def peak(setup: Setup, pipe) -> None:
    """Measures the matrix peak of the CPU with all cores, once per step, whatever the lengths."""
    import torch

    def step(lengths):
        start = time.perf_counter()
        best = matrix_peak(torch.device("cpu"), PEAK_SIZES)
        return {"seconds": time.perf_counter() - start, "tokens": 0, **best, **memory(False)}

    serve(pipe, {"threads": torch.get_num_threads()}, {"step": step})
