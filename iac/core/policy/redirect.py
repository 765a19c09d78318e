"""Redirect URIs: host, domain, whether they lead to the user's own machine; and the rules on them. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from iac.core import server
from iac.core.errors import Diagnostic, hit
from iac.core.model import Facts, Fields
from iac.core.policy.rule import DefinitionRule, Level, Subject, hits
from iac.core.server.effect import OIDC_AGENT
from iac.core.server.rule import RefuseRule

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts of the user's own machine (RFC 8252 section 7.3)."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SHARED = frozenset({"ac", "co", "com", "edu", "gob", "gov", "go", "gv", "mil", "ne", "net", "or", "org"})
"""Second labels below which countries register: example.ac.uk."""

_HOSTERS = frozenset({"github.io", "gitlab.io", "herokuapp.com", "netlify.app", "pages.dev", "readthedocs.io"})
"""Domains below which everybody can have a name."""

_PLAIN = 2
"""Labels of a domain that somebody registered, as a rule: example.org."""

_COUNTRY = 2
"""Letters of a country's label."""

_WILD_PORT = re.compile(r"(?<=[^/]):\*(?=[/?]|\Z)")


def scheme(uri: str) -> str:
    """The scheme in lower case; "" for none."""
    match = _SCHEME.match(uri)
    return match[1].lower() if match else ""


def host(uri: str) -> str:
    """The host in lower case; "" for none."""
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def _unreachable(uri: str) -> str:
    """Why no browser can go there; "" where one can, and for a malformed address, which has its own mistake."""
    if scheme(uri) not in {"http", "https"} or server.malformed(uri):
        return ""
    parts = urlsplit(uri)
    if not parts.hostname:
        return "it has no host"
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    return "" if is_port else "its port is not a number from 1 to 65535"


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


_URIS = frozenset({"redirect_uris"})
REFUSED = "redirect-uri-refused"
_NEWEST = Facts(shows_secrets=False, has_up_scoping=True)


def _custom(subject: Subject) -> list[Diagnostic]:
    return [
        hit("redirect_uris", f"redirect URI {uri}: any app on the user's machine can claim scheme {scheme(uri)}", uri)
        for uri in subject.redirects
        if uri[:6] != "https:" and uri != OIDC_AGENT and scheme(uri) not in {"", "http", "https"}
    ]


def _refused(subject: Subject) -> list[Diagnostic]:
    rule = server.RULES.by_id.get(REFUSED)
    fields: Fields = {"redirect_uris": subject.redirects}
    return list(rule.act(fields, _NEWEST)) if isinstance(rule, RefuseRule) else []


RULES = (
    DefinitionRule(
        id="http-redirect-uri",
        what="A redirect URI with http that does not lead to the user's own machine.",
        why="The authorization code crosses the network unencrypted, and with the implicit grant the token does, too.",
        source="RFC 9700 section 2.6; RFC 6749 section 3.1.2.1",
        fix="use https",
        bad="redirect_uris: ['http://portal.example.org/cb']",
        good="redirect_uris: ['https://portal.example.org/cb']",
        reads=_URIS,
        check=lambda subject: hits(
            "redirect_uris",
            (uri for uri in subject.redirects if uri[:5].lower() == "http:" and host(uri) not in LOOPBACK),
            "redirect URI {}: the code crosses the network in clear",
        ),
    ),
    DefinitionRule(
        id="wildcard-redirect-uri",
        level=Level.ERROR,
        what="A redirect URI with `*` in it, but for the port.",
        why="Servers compare addresses letter by letter, so it matches none. A server that treats it as a "
        "pattern would send codes to any host with such a name.",
        source="RFC 9700 sections 2.1 and 4.1.3: exact comparison; rec: admin-redirect-uris (IAM stores it)",
        fix="write out each address",
        bad="redirect_uris: ['https://*.example.org/cb']",
        good="redirect_uris: ['https://a.example.org/cb', 'https://b.example.org/cb']",
        reads=_URIS,
        check=lambda subject: hits(
            "redirect_uris",
            (uri for uri in subject.redirects if "*" in uri and "*" in _WILD_PORT.sub("", uri)),
            "redirect URI {}: * is not a wildcard",
        ),
    ),
    DefinitionRule(
        id="unreachable-redirect-uri",
        what="A redirect URI with https or http that has no host, or a port that is not a number up to 65535.",
        why="No browser can go there, so nobody can log in. `*` is not a wildcard for a port.",
        source="RFC 3986 section 3.2; rec: admin-redirect-uris-odd (IAM stores it)",
        fix="write the host and the port of the service",
        bad="redirect_uris: ['http://localhost:*/cb']",
        good="redirect_uris: ['http://localhost:4242/cb']",
        reads=_URIS,
        check=lambda subject: [
            hit("redirect_uris", f"redirect URI {uri}: {problem}", uri)
            for uri in subject.redirects
            if (problem := _unreachable(uri))
        ],
    ),
    DefinitionRule(
        id="custom-scheme-redirect-uri",
        what="A redirect URI has another scheme than https and http; oidc-agent's own is allowed.",
        why="Several apps can claim the same scheme, and the system sends the code to one of them.",
        source="RFC 8252 sections 7.1 and 8.6",
        fix="use http://127.0.0.1 for an app, or an https address that the app has claimed",
        bad="redirect_uris: ['org.example.app:/cb']",
        good="redirect_uris: ['https://app.example.org/cb']",
        reads=_URIS,
        check=_custom,
    ),
    DefinitionRule(
        id=REFUSED,
        what="A redirect URI that IAM 1.13.5 and 1.14.1 refuse: neither https, nor http on localhost, 127.0.0.1 or "
        "[::1], nor `edu.kit.data.oidc-agent:/redirect`.",
        why="IAM 1.13.5, 1.14.1 and newer refuse it, and with it every change of such a client; older ones take it. "
        "A plan for 1.14 is refused. If you waive this, the server still refuses it.",
        source="rec: admin-redirect-uris, admin-redirect-uris-more, admin-old-redirect-uri",
        fix="use https, or http on localhost, 127.0.0.1 or [::1], with a number as port",
        bad="redirect_uris: ['http://portal.example.org/cb']",
        good="redirect_uris: ['https://portal.example.org/cb']",
        reads=_URIS,
        is_of_iam=True,
        check=_refused,
    ),
)
"""Rules on redirect URIs."""
