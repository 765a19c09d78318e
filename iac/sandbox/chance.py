"""All that comes from outside of a request: identifiers, secrets, the time, what stands behind a URL.

Injected, so that a replay can feed it.
"""

import base64
import secrets
import time
import uuid

_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"  # rec: device-request


class Chance:
    """The source of everything that no request determines."""

    def new_client_id(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())

    def new_secret(self, size: int) -> str:
        """A URL-safe client secret of `size` random bytes."""
        return base64.urlsafe_b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()

    def new_token_id(self) -> str:
        """The `jti` of a token, or the id of a session."""
        return str(uuid.uuid4())

    def new_user_code(self) -> str:
        """What a user types to approve a device: six signs."""
        return "".join(secrets.choice(_SIGNS) for _ in range(6))

    def fetch(self, url: str) -> str:
        """The text behind a client's jwks_uri; without a network nothing can be had.

        Raises:
            OSError, ValueError: when it cannot be had.
        """
        raise ConnectionError(f"no network to read {url}")

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000
