"""Rewards: functions (rollout, problem) -> float, or None where a reward does not apply.

The table REWARDS in config/names.py maps each --reward to a function that takes the Config and returns the reward: a
new reward is one function and one line there. weighted.py loads rewards, custom.py runs the user's functions, judge.py
asks another model, and grading/ decides whether an answer is right. The package imports records, system, config and
models (only the checks on weight files). Start with correctness.py, then weighted.py. Nothing is imported here: the
LaTeX worker, which is restarted often, loads this file.
"""
