"""Writing YAML: comments kept, and only what has to change."""
