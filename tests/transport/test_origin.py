from __future__ import annotations

import pytest

from iac.core.errors import CredentialsError, InputError
from iac.core.origin import Address, Issuer
from tests.every import every


@every(
    "url, origin, path",
    [
        ("https://iam.example.org", "https://iam.example.org", ""),
        ("https://iam.example.org/", "https://iam.example.org", ""),
        ("https://IAM.example.org:443/", "https://iam.example.org", ""),
        ("https://iam.example.org:8443/vo/cms/", "https://iam.example.org:8443", "/vo/cms"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]", ""),
        ("http://localhost:8080/", "http://localhost:8080", ""),
        ("http://127.0.0.1/", "http://127.0.0.1", ""),
        ("http://[::1]:8080", "http://[::1]:8080", ""),
    ],
)
def test_an_issuer_is_split_into_what_is_dialled_and_what_addresses_begin_with(
    url: str, origin: str, path: str
) -> None:
    issuer = Issuer.parse(url)

    assert (origin, path) == (issuer.origin, issuer.path)


@every(
    "url",
    [
        "",
        "iam.example.org",
        "ftp://iam.example.org/",
        "https://",
        "https://iam.example.org:99999/",
        "https://iam.example.org:0/",
        "https://user:word@iam.example.org/",
        "https://iam.example.org/?x=1",
        "https://iam.example.org/#x",
        "https://iam.example.org\\@evil.example/",
        "https://iam.example.org /",
        "https://iam.exämple.org/",
        "https://[::1/",
    ],
)
def test_what_is_no_issuer_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Issuer.parse(url)

    assert "https://iam.example.org/" in caught.value.fix


@pytest.mark.parametrize("host", ["iam.example.org", "192.0.2.1", "localhost.example.org", "127.example.org"])
def test_plain_http_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(InputError) as caught:
        Issuer.parse(f"http://{host}/x")

    assert f"issuer: https://{host}/x" == caught.value.fix


@every(
    "other, is_same",
    [
        ("https://iam.example.org", True),
        ("https://iam.example.org/", True),
        ("https://iam.example.org//", False),
        ("https://iam.example.org/x", False),
        ("http://iam.example.org", False),
        ("https://iam.example.com", False),
        ("", False),
    ],
)
def test_issuers_are_equal_up_to_one_trailing_slash(other: str, *, is_same: bool) -> None:
    assert is_same == Issuer.parse("https://iam.example.org/").is_same(other)
    assert is_same == Issuer.parse("https://iam.example.org").is_same(other)


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("https://iam.example.org/token", "/token"),
        ("https://iam.example.org:443/vo/token?x=1", "/vo/token?x=1"),
        ("https://IAM.EXAMPLE.ORG", "/"),
    ],
)
def test_an_endpoint_on_the_issuer_s_origin_is_its_path(endpoint: str, path: str) -> None:
    assert path == Issuer.parse("https://iam.example.org/").path_of(endpoint)


@every(
    "endpoint",
    [
        "https://evil.example/token",
        "http://iam.example.org/token",
        "https://iam.example.org:8443/token",
        "https://iam.example.org.evil.example/token",
        "https://iam.example.org@evil.example/token",
        "https://evil.example\\@iam.example.org/token",
        "/token",
        "javascript:alert(1)",
    ],
)
def test_an_endpoint_on_another_origin_gets_nothing(endpoint: str) -> None:
    with pytest.raises(CredentialsError, match="another origin"):
        Issuer.parse("https://iam.example.org/").path_of(endpoint)


@pytest.mark.parametrize(
    ("url", "origin", "path", "shown"),
    [
        ("https://git.example.org", "https://git.example.org", "/", "https://git.example.org/"),
        ("https://git.example.org/a%2Fb", "https://git.example.org", "/a%2Fb", "https://git.example.org/a%2Fb"),
        ("http://[::1]:8080/x?key=hush", "http://[::1]:8080", "/x?key=hush", "http://[::1]:8080/x"),
    ],
)
def test_an_address_is_origin_and_path_and_is_shown_without_its_query(
    url: str, origin: str, path: str, shown: str
) -> None:
    address = Address.parse(url)

    assert address is not None
    assert (origin, path, shown) == (address.origin, address.path, address.shown)


@pytest.mark.parametrize(
    "url", ["", "git.example.org", "ftp://git.example.org/", "http://git.example.org/", "https://u:p@git.example.org/"]
)
def test_what_cannot_be_an_address_is_none(url: str) -> None:
    assert Address.parse(url) is None
