"""Hypothesis: the same examples in every run, so that a change and not chance makes a test fail.

New examples: `pytest --hypothesis-profile=explore`. There are no time limits, which fail on a busy machine.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("iac", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("iac")
