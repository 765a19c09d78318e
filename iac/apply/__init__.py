"""Walks a plan through the ports: intent before a create, every answer stored before anything else is done."""
