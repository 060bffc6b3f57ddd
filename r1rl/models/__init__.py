"""The models: loading the policy, merging its adapter, logprobs, chat templates, shapes and tokenizers.

It imports records, system and config. The members exported here import no model library until they are called;
logprobs.py and shared_prompts.py need torch. Start with policy.py: it is the only module that imports unsloth.
"""

from r1rl.models.policy import Policy, import_backend, load_policy, load_tokenizer, model_path
from r1rl.models.shape import KNOWN, Shape
from r1rl.models.source import locate, shape_of
from r1rl.models.weights import check_weights, is_checkpoint

__all__ = [
    "KNOWN", "Policy", "Shape", "check_weights", "import_backend", "is_checkpoint", "load_policy", "load_tokenizer", "locate",
    "model_path", "shape_of",
]  # fmt: skip
