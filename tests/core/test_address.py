"""What a redirect URI says of where it leads."""

from __future__ import annotations

from iac.core.policy.redirect import domain, host, is_native, scheme
from tests.every import every


@every(
    "name, expected",
    [
        ("a.b.example.org", "example.org"), ("example.org", "example.org"), ("localhost", "localhost"), ("", ""),
        ("a.x.ac.uk", "x.ac.uk"), ("x.ac.uk", "x.ac.uk"), ("ac.uk", "ac.uk"), ("uk", "uk"),
        ("a.example.co", "example.co"), ("a.net.org", "net.org"),
        ("a.b.github.io", "b.github.io"), ("github.io", "github.io"),
        ("10.0.0.1", "10.0.0.1"), ("fe80::1", "fe80::1"),
    ],
)  # fmt: skip
def test_a_domain_is_what_somebody_registered(name: str, expected: str) -> None:
    assert expected == domain(name)


@every(
    "uri, expected",
    [
        ("http://localhost:80/", ("http", "localhost", True)), ("HTTP://[::1]/", ("http", "::1", True)),
        ("http://127.0.0.1", ("http", "127.0.0.1", True)), ("http://a.org/", ("http", "a.org", False)),
        ("https://localhost/", ("https", "localhost", False)), ("org.app:/cb", ("org.app", "", True)),
        ("httpx:/cb", ("httpx", "", True)), ("a.org/cb", ("", "", False)), ("http://[::1/", ("http", "", False)),
    ],
)  # fmt: skip
def test_scheme_host_and_whether_it_leads_to_the_user_s_machine(uri: str, expected: tuple[str, str, bool]) -> None:
    assert expected == (scheme(uri), host(uri), is_native(uri))
