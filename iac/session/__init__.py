"""What one run works with, and the state that it writes."""
