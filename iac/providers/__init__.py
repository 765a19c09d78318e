"""Servers' APIs behind the Provider port: INDIGO IAM's management API, its login and its transport."""
