"""Encryption with age, once for all adapters that need it: the vault of the state, and the sinks that encrypt."""
