"""From desired, state and actual to a plan, which is a value. Pure."""
