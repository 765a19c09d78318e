"""Files that come with iac beside its modules."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(packaged: str, checkout: str) -> Path:
    """A file that the wheel holds at `packaged`, below the package, and a checkout at `checkout`.

    An editable installation has no packaged copies.
    """
    file = _PACKAGE / packaged
    return file if file.exists() else _PACKAGE.parent / checkout
