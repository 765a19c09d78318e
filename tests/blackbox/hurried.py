"""The process for templates with a third of its time: these tests use up all of it, again and again."""

from __future__ import annotations

from iac.rendering import answer as module

vars(module)["TEMPLATE_SECONDS"] = 1
answer = module.answer
