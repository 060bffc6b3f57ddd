"""What all trainers share: guards, evaluation through the engine, trackers, and an end at any time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from r1rl.config.flags import Config
from r1rl.engines.base import Engine
from r1rl.engines.wrappers import GuardedEngine
from r1rl.models.policy import Policy
from r1rl.records import Prompt
from r1rl.rewards.weighted import Reward, take_fees
from r1rl.runs.dump import Dump
from r1rl.runs.evaluation import dump_evaluation, evaluate
from r1rl.runs.progress import Meter
from r1rl.runs.resume import extensions_of
from r1rl.runs.schedule import rate_of
from r1rl.runs.scores import Evaluation
from r1rl.runs.tokens import TokenTexts
from r1rl.system import distributed
from r1rl.system.interrupt import Interrupt, Stopped
from r1rl.system.out_of_memory import CannotGoOn
from r1rl.trainers.guards.callback import Guarding
from r1rl.trainers.saving import WholeCheckpoints, kept_random_states


class RunTrainer(WholeCheckpoints):
    """The base class of our trainers; precedes a transformers Trainer among the base classes.

    Needs `trackers` of the trainer, and what WholeCheckpoints needs.
    """

    def set_up(
        self,
        config: Config,
        policy: Policy,
        engine: Engine,
        rewards: dict[str, Reward],
        eval_prompts: Sequence[Prompt],
        dump: Dump,
        meter: Meter,
        interrupt: Interrupt,
    ) -> None:
        """Sets the attributes that every trainer has; called before transformers' __init__."""
        self.run, self.policy, self.rewards, self.eval_prompts = config, policy, rewards, eval_prompts
        self.dump, self.meter, self.interrupt = dump, meter, interrupt
        self.token_texts = TokenTexts.of(config, policy.tokenizer)
        self.guarding = Guarding(config, dump, scaled=policy.on_gpu and not policy.mixed)
        self.engine = GuardedEngine(engine, self.guarding.actions, self.guarding.report_engine)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Training and evaluation happen inside. After Ctrl-C the last complete step is saved."""
        self.interrupt.deferred = True
        with self.meter:
            try:
                yield
                self.pay_rest()
            except Stopped:
                self.pay_rest()
                self.save_stopped()
            except Exception:
                self.pay_rest(together=False)
                raise
        self.trackers.close(self)
        self.interrupt.deferred = False

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Returns the schedule: transformers', or that of an extended run, with its new tails."""
        steps, extensions = extensions_of(self.dump.folder)
        if not extensions or self.lr_scheduler is not None:
            return super().create_scheduler(num_training_steps, optimizer)
        kind = str(self.args.lr_scheduler_type.value).removesuffix("_with_warmup")
        rate = rate_of(kind, self.run.warmup_ratio, steps, extensions)
        self.lr_scheduler = LambdaLR(self.optimizer if optimizer is None else optimizer, rate)
        return self.lr_scheduler

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Loads both; an extended run's next step has the rate of its new tail instead of the saved one."""
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and extensions_of(self.dump.folder)[1]:
            scheduler = getattr(self.lr_scheduler, "scheduler", self.lr_scheduler)  # accelerate wraps it
            pairs = zip(scheduler.base_lrs, scheduler.lr_lambdas)
            rates = scheduler._last_lr = [base * rate(scheduler.last_epoch) for base, rate in pairs]
            for group, rate in zip(self.optimizer.param_groups, rates):
                group["lr"] = rate

    def sync_engine(self) -> None:
        """Copies the current weights to the engine."""
        self.engine.sync()

    def measure(self) -> Evaluation | None:
        """Evaluates all problems in one call of the engine, and dumps the result; None if a guard prevents it."""
        if not self.guarding.may_evaluate:
            return None
        step = self.state.global_step
        self.meter.phase("evaluating")
        try:
            with self.interrupt.interruptible(), kept_random_states():
                self.sync_engine()
                result = evaluate(self.engine, self.eval_prompts, self.rewards, self.run, step)
                self.pay_judge()
        except CannotGoOn as error:
            self.guarding.engine_stopped(error, step, self.control)
            return None
        self.keep_best(result)
        # Dumped last: an evaluation in the dump is not repeated. All processes wait for it: their guards read it.
        distributed.on_first(
            lambda: dump_evaluation(self.dump, self.eval_prompts, result, self.meter.seconds(), self.token_texts)
        )
        self.meter.evaluated(result)
        self.trackers.evaluated(self, result)
        return result

    def pay_judge(self, together: bool = True) -> None:
        """Adds to the cost of the run what its judge has cost since the last call.

        `together`: all processes call this at the same point, and the fees of all are added.
        """
        if self.run.judge_price_in or self.run.judge_price_out:
            with self.interrupt.uninterruptible():
                fees = take_fees(self.rewards)
                self.meter.paid(sum(distributed.all_gather(fees)) if together else fees)

    def pay_rest(self, together: bool = True) -> None:
        """Counts what a step or an evaluation that was broken off has cost.

        All processes take part after Ctrl-C and a guard's stop, which they act on together. An error may end one of them
        alone, so it must not wait for the others: then the first process counts its own fees.
        """
        self.pay_judge(together)
        with contextlib.suppress(OSError):  # a full disk may be what ended the run
            self.meter.write()

    def keep_best(self, result: Evaluation) -> None:
        """Saves the adapter if this evaluation is the best so far; not all trainers do."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Writes none: a checkpoint is not a publication."""
