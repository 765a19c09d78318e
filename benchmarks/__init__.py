"""Ratios of what iac costs to floors: the same requests, or the same files, with nothing around them."""
