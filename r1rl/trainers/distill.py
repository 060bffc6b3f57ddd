"""Distillation with the teacher's token probabilities: fine-tuning with a KL divergence beside the cross-entropy."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM

from r1rl.models.weights import loading
from r1rl.system.errors import UserError
from r1rl.trainers.sft import FineTuner
from r1rl.trainers.sft_examples import IGNORED


class Distiller(FineTuner):
    """The student learns (1 - w) * cross-entropy + w * KL(teacher || student), with w = --distill-kl.

    The forward KL on given texts, which is supervised distillation in GKD (arXiv:2306.13649, equation 2).
    """

    def __init__(self, config, policy, *rest):
        super().__init__(config, policy, *rest)
        self.teacher = AutoModelForCausalLM.from_pretrained(
            config.teacher_model,
            dtype=torch.bfloat16 if policy.on_gpu else torch.float32,
            attn_implementation="sdpa" if policy.on_gpu else "eager",
            **loading(config.trust_remote_code),
        )
        self.teacher.to(policy.model.device).requires_grad_(False).eval()
        theirs, ours = self.teacher.config.vocab_size, policy.model.config.vocab_size
        if theirs != ours:
            raise UserError(
                f"--distill-kl {config.distill_kl}: the teacher has {theirs} tokens and the student {ours}, so their "
                "probabilities are of different things. Use --distill-kl 0, or a student with the same tokenizer."
            )

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Both parts on the learnt tokens alone; the same weight for each token of the batch."""
        labels = inputs["labels"]  # (B, T)
        self.tokens += int((labels != IGNORED).sum())
        seen = {name: x for name, x in inputs.items() if name != "labels"} | {"use_cache": False}
        learnt = labels[:, 1:] != IGNORED  # (B, T-1), by the position before
        targets = labels[:, 1:][learnt]  # (N,)
        outputs = model(**seen)
        student = outputs.logits[:, :-1][learnt].float().log_softmax(-1)  # (N, vocab)
        with torch.no_grad(), self.policy.autocast():
            logits = self.teacher(**seen).logits[:, :-1][learnt]
            teacher = logits.float().log_softmax(-1)  # (N, vocab)
        entropy = -student.gather(1, targets[:, None]).mean()
        weight = self.run.distill_kl
        loss = (1 - weight) * entropy + weight * forward_kl(teacher, student).mean()
        return (loss, outputs) if return_outputs else loss


def forward_kl(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:  # (N, vocab) twice -> (N,)
    """Sum of p (log p - log q) over the tokens, from the logprobs of teacher (p) and student (q)."""
    return (teacher.exp() * (teacher - student)).sum(-1)
