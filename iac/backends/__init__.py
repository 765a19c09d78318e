"""Where state lives, and how its secrets are sealed."""
