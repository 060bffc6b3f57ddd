"""Content safety: queries labelled safe or unsafe, from NVIDIA's Aegis data (aegis.py) or generated (generated.py)."""
