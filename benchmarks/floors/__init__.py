"""Floors: the least that the same work can cost, each a script of its own with bare httpx or the bare loader."""
