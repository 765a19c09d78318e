"""Servers' APIs behind the Provider port: INDIGO IAM's management API and its login."""
