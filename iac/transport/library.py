"""The HTTP library, imported here alone: httpx2 with its httpcore2 where they are installed, else httpx with httpcore.

httpx is the interface; httpcore, which comes with it, is where a network backend of our own goes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpcore
    import httpx
else:
    try:
        import httpcore2 as httpcore
        import httpx2 as httpx
    except ImportError:
        import httpcore
        import httpx

__all__ = ["httpcore", "httpx"]
