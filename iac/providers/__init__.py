"""Servers' APIs behind the Provider port, each in a folder of its own."""
