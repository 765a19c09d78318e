"""What a redirect URI says: its host, its domain, whether it leads to the user's own machine. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts of the user's own machine (RFC 8252 section 7.3)."""

OIDC_AGENT = "edu.kit.data.oidc-agent:/redirect"
"""The one address with a scheme of its own that every version of IAM takes (rec: admin-redirect-uris)."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SHARED = frozenset({"ac", "co", "com", "edu", "gob", "gov", "go", "gv", "mil", "ne", "net", "or", "org"})
"""Second labels below which countries register: example.ac.uk."""

_HOSTERS = frozenset({"github.io", "gitlab.io", "herokuapp.com", "netlify.app", "pages.dev", "readthedocs.io"})
"""Domains below which everybody can have a name."""

_PLAIN = 2
"""Labels of a domain that somebody registered, as a rule: example.org."""

_COUNTRY = 2
"""Letters of a country's label."""


def scheme(uri: str) -> str:
    """The scheme in lower case; "" for none."""
    found = _SCHEME.match(uri)
    return found[1].lower() if found else ""


def host(uri: str) -> str:
    """The host in lower case; "" for none."""
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def is_native(uri: str) -> bool:
    """Whether it leads to an app of the user's machine: http on loopback, or a scheme of the app's own."""
    name = scheme(uri)
    return host(uri) in LOOPBACK if name == "http" else name not in {"", "https"}


def domain(name: str) -> str:
    """The domain that somebody registered and a host lies in; an address or a single name as it is.

    A guess without the public suffix list: two labels, three below the second labels that countries share and below
    hosters where everybody can have a name. A wrong guess changes which of two findings is said, never whether one is.
    """
    labels = name.split(".")
    if ":" in name or labels[-1].isdigit():
        return name
    is_shared = len(labels) > _PLAIN and len(labels[-1]) == _COUNTRY and labels[-2] in _SHARED
    count = _PLAIN + (is_shared or ".".join(labels[-_PLAIN:]) in _HOSTERS)
    return ".".join(labels[-count:])
