"""The prologue of every program that samples: check, load the model, start the engine, prove that it follows the policy.

Training, fine-tuning, the sampling stages of the pipeline, eval, ask, chat and export share it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.config.run_rules import guard_actions
from r1rl.engines.choice import choose, start_engine
from r1rl.models.source import origin
from r1rl.preflight.checks import check_surroundings, check_teacher, check_teachers_tokenizer, check_tokenizer
from r1rl.preflight.prepare import prepared
from r1rl.records import Prompt
from r1rl.runs import folder
from r1rl.runs.dump import Dump
from r1rl.runs.inputs import check_base, check_start
from r1rl.system import distributed, machine
from r1rl.system.console import Waiting, console, divert


class Session:
    """The machine, the model and the engine of one program.

    Call `open_run`, `load_tokenizer`, `start` and `prove` in this order. `start` sets `policy` and `engine`, and in
    `config` the engine's share of the GPU memory.
    """

    policy: Any
    engine: Any

    def __init__(
        self,
        config: Config,
        trains: bool = False,
        adapter: Path | None = None,
        engine: str | None = None,
        quiet: bool = False,
    ):
        """Checks flags, files, hub, machine and engine, before anything slow is loaded. Raises UserError.

        `trains`: the policy will be trained. `adapter`: folder of the checkpoint to load, None for a new adapter.
        `engine`: the kind of engine, None for the one that --engine chooses. `quiet`: prints no model and engine.
        """
        console.quiet = not distributed.is_first()  # only one of several processes prints
        self.config, self.trains, self.adapter, self.quiet = config, trains, adapter, quiet
        self.here = machine.look()
        check_surroundings(config, self.here)
        if trains and config.distills:
            check_teacher(config)
        if adapter is not None:
            check_base(adapter, config)
        self.begins_with = check_start(config) if trains else None
        self.has_gpu = self.here.gpu is not None
        self.kind, self.reason = choose(config, self.has_gpu) if engine is None else (engine, "")
        self.folder = Path(config.dumps)

    @classmethod
    def of_run(cls, config: Config, run: Path, checkpoint: Path) -> Session:
        """Returns the session for a checkpoint of a finished run, with the engine that runs on every machine."""
        session = cls(
            dataclasses.replace(config, report_to="none"), adapter=checkpoint, engine="transformers", quiet=True
        )
        session.write_log(run)
        return session

    @property
    def price(self) -> float | None:
        """US dollars per hour; None if unknown."""
        return self.here.price(self.config.gpu_price)

    def open_run(self, config: Config, recipe: str) -> Dump:
        """Creates the run's folder and run.json, or finds them for --resume. Raises UserError.

        From here on the output of libraries goes to the run's log.
        """
        self.config = config
        distributed.on_first(lambda: folder.check_folder(config))
        dump = distributed.on_first(lambda: folder.open_run(config, recipe, self.here.to_dict()))
        self.write_log(dump.folder)
        return dump

    def write_log(self, run: Path) -> None:
        """Sends the output of libraries to the run's log; to the terminal if the run's folder is read-only."""
        self.folder = run
        with contextlib.suppress(OSError):
            (run / "logs").mkdir(exist_ok=True)
            divert(run / "logs" / f"libraries{distributed.rank_suffix()}.log")
        machine.keep_memory()

    def load_tokenizer(self) -> Any:
        """Imports the libraries and returns the model's tokenizer. Raises UserError."""
        from r1rl.models.policy import import_backend, load_tokenizer

        import_backend(self.config)
        tokenizer = load_tokenizer(self.config)
        check_tokenizer(self.config, tokenizer)
        if self.trains and self.config.distills:
            check_teachers_tokenizer(self.config, tokenizer)
        return tokenizer

    def start(self, prompts: Sequence[Prompt], status: Waiting, show_plan: bool = False) -> None:
        """Plans the memory for the longest prompt, loads the policy and starts the engine. Raises UserError.

        `show_plan`: prints the plan's memory, time and cost, which are those of a training with GRPO.
        """
        from r1rl.models.policy import load_policy

        longest = max((len(p.ids) for p in prompts), default=self.config.max_prompt_length)
        self.config, plan = prepared(self.config, self.here, longest, self.folder)
        config = self.config
        for line in plan if show_plan else ():
            console.print(line)
        status.update(f"loading {config.model_name}")
        loaded = self.adapter or self.begins_with
        adapter = None if loaded is None else str(loaded)
        self.policy = load_policy(config, self.has_gpu, self.kind == "shared", adapter)
        if self.trains:
            distributed.on_first(lambda: folder.record_downloads(self.folder, config))
        if self.adapter is not None:
            check_base(self.adapter, config)  # again: the hub's model may have been loaded just now
        trained = f", {config.trained_part}" if self.trains or adapter else ""
        self._print(f"model    {origin(config.model_name)}, {self.policy.backend}{trained}")
        if self.begins_with is not None:
            self._print(f"adapter  begins with that of {self.begins_with}")
        status.update("starting the engine")
        self.engine = start_engine(self.kind, config, self.policy, self.folder)
        note = getattr(self.engine, "note", "")
        self._print(f"engine   {self.engine.name}: {self.reason}{note and f'; {note}'}")

    def prove(self, prompts: Sequence[Prompt], status: Waiting, quick: bool = False) -> list[Any]:
        """Proves that the engine samples from the policy, and prints the result. Returns the proofs. Raises UserError.

        A base model has no trained adapter: then the logprobs of engine and trainer are compared. `quick`: one kind of
        projection instead of all. Neither weights nor random states are changed afterwards. With --guard sync=warn or off
        a refuted proof is only shown.
        """
        from r1rl.engines import proof

        if not prompts:
            return []
        status.update("proving that the engine follows the adapter")
        try:
            return self._prove(prompts, quick)
        except proof.Refuted as refuted:
            self._go_on(refuted)
            return list(refuted.proofs)

    def _go_on(self, refuted: Any) -> None:
        """Shows a refuted proof if --guard sync allows it; else raises it."""
        if guard_actions(self.config.guard)["sync"] == "stop":
            raise refuted
        console.print(f"proof    [yellow]refuted[/yellow]: {refuted}")

    def _prove(self, prompts: Sequence[Prompt], quick: bool) -> list[Any]:
        from r1rl.engines import proof

        if self.trains or self.adapter is not None:
            kinds = self.policy.targets[:1] if quick else None
            proofs = proof.prove_adapter(self.policy, self.engine, prompts, self.config.seed, kinds)
            console.print(f"proof    {proof.describe_proofs(proofs)}")
            self._prove_sampling(prompts)
            return proofs
        gap, largest = proof.base_gap(self.policy, self.engine, prompts, self.config.seed)
        console.print(
            f"proof    no adapter to follow; the logprobs of engine and model differ by {gap:.4f} nats per token (at most "
            f"{largest:.4f})"
        )
        return []

    def _prove_sampling(self, prompts: Sequence[Prompt]) -> None:
        """Checks that sampler and trainer have the same distribution with the run's temperature and top-p."""
        from r1rl.engines import proof

        config = self.config
        if not self.trains or (config.temperature, config.top_p) == (1.0, 1.0):
            return
        gap, _ = proof.base_gap(self.policy, self.engine, prompts, config.seed, config.temperature, config.top_p)
        console.print(
            f"proof    at temperature {config.temperature:g} and top-p {config.top_p:g} sampler and trainer differ by "
            f"{gap:.4f} nats per token"
        )

    def correct_rounding(self, prompts: Sequence[Prompt]) -> None:
        """Switches --importance-correction on in `config` if the engine samples in bfloat16 and its gap asks for it.

        The gap is that of the base model, so that a resumed run decides as its first part did.
        """
        config = self.config
        if getattr(self.engine, "sampler_dtype", "") != "bfloat16" or config.importance_correction or not prompts:
            return
        if config.algorithm != "grpo":  # no other corrects
            return
        from r1rl.engines import proof

        def measured() -> float:
            try:
                with proof.adapter_at_zero(self.policy):
                    return proof.base_gap(self.policy, self.engine, prompts, config.seed)[0]
            finally:
                self.engine.sync()

        try:
            gap = distributed.on_first(measured)
        except proof.Refuted as refuted:
            self._go_on(refuted)
            return
        if gap > proof.GAP_TO_CORRECT:
            self.config = dataclasses.replace(config, importance_correction=True)
            console.print(
                f"gap      sampler and trainer differ by {gap:.3f} nats per token, more than {proof.GAP_TO_CORRECT}: "
                "--importance-correction is on"
            )

    @contextlib.contextmanager
    def as_base(self) -> Iterator[None]:
        """Lets the engine sample from the base model inside: the adapter is zero, or all weights are the base's own."""
        from r1rl.engines import proof

        model, trained = self.policy.model, {}
        if not self.config.lora_rank:
            trained = {name: weight.clone() for name, weight in model.state_dict().items()}
            model.load_state_dict(self.policy.sampling_copy().state_dict())
        try:
            with proof.adapter_at_zero(self.policy):
                self.engine.sync()
                yield
        finally:
            if trained:
                model.load_state_dict(trained)
            self.engine.sync()

    def _print(self, line: str) -> None:
        if not self.quiet:
            console.print(line)
