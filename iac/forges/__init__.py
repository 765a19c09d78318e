"""Forges that pipelines run on: each a folder with its templates. `part` holds what templates share."""
