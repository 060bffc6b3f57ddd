"""Engines: prompts -> rollouts, all prompts of a step in one call, sampled from the current policy.

The engines import records to tasks. Start with base.py, the protocol, and choice.py, the table and the choice of --engine
auto; then transformers.py, which runs everywhere. proof.py proves before step 1 that an engine follows the policy. Each
engine loads its libraries when it is started; base.py, choice.py and server_checks.py are free of torch.
"""
