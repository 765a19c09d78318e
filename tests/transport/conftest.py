from __future__ import annotations

from tests.providers.conftest import clock, new_box, open_http

__all__ = ["clock", "new_box", "open_http"]
