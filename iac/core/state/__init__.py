"""What is remembered between runs: one document per environment. Pure."""
