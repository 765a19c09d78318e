"""The use cases, one module or folder a command."""
