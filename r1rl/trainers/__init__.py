"""Trainers: advantages -> new weights. One file an algorithm."""
