"""Rewards: functions (rollout, problem) -> float, or None where a reward does not apply; weights are summed elsewhere.

A reward is a function that takes the Config and returns such a function. The table REWARDS in config/names.py maps
each --reward to one; weighted.py loads them and custom.py runs the user's own. grading/ decides whether an answer is
right. The package imports records, system, config and models (only the checks on weight files). Start with
correctness.py, then weighted.py.
"""
