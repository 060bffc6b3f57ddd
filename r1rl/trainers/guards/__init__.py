"""Guards: rules.py finds what goes wrong in a run's metrics, callback.py acts on it. Start with rules.py."""
