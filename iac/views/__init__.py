"""Views: pure functions from a value to text."""
