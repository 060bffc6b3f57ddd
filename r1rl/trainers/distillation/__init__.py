"""On-policy distillation: the student samples, and learns the teacher's probabilities of each of its tokens.

trainer.py is the GRPO trainer with another loss; divergence.py has the loss, teacher.py loads the teacher.
"""
