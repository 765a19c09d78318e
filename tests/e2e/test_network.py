"""`tls` and `proxy` of iac.yaml, through whole commands: an IAM and a server of state behind TLS on loopback."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.backends.stateserver import PASSWORD, USER, GitLab, serving
from tests.transport.certificates import Authority
from tests.transport.proxy import start_proxy
from tests.transport.terminator import start_terminator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.project import Project


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority whose files lie beside the project."""
    return Authority(tmp_path)


@pytest.fixture
def context(authority: Authority) -> ssl.SSLContext:
    """Of a server that demands a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def behind_tls(project: Project, context: ssl.SSLContext) -> Iterator[Project]:
    """The project with an issuer that demands client certificates; state made anew, for it is the issuer's."""
    plain = project.sandbox.issuer
    with start_terminator(int(project.sandbox.url.rpartition(":")[2]), context) as front:
        project.sandbox.iam.world.base_url = f"https://127.0.0.1:{front.port}"
        project.edit("iac.yaml", plain, project.sandbox.iam.world.issuer)
        renew(project)
        yield project


def renew(project: Project) -> None:
    """Make the state anew."""
    (project.root / ".iac" / "state.json").unlink(missing_ok=True)
    project.write("iac.yaml", re.sub(r"\n +lineage: .*", "", project.read("iac.yaml")))
    made = project.iac("state", "init")
    assert made.code == 0, made.err


def configure(project: Project, lines: str) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + lines)


def test_a_project_applies_over_mutual_tls_and_through_a_proxy(behind_tls: Project, authority: Authority) -> None:
    authority.issue("client")
    with start_proxy() as proxy:
        tls = "tls: {ca: ../authority.pem, certificate: ../client.crt, key: ../client.key}"
        configure(behind_tls, f"{tls}\nproxy: {proxy.url}\n")

        applied = behind_tls.apply()
        assert applied.code == 0, applied.err
        assert behind_tls.iac("plan", "--detailed-exitcode").code == 0

    assert {f"CONNECT {behind_tls.sandbox.iam.world.base_url.removeprefix('https://')}"} == set(proxy.seen)
    assert behind_tls.registered("team-portal").client_secret


def test_what_is_missing_is_named_one_after_the_other(behind_tls: Project, authority: Authority) -> None:
    said = behind_tls.iac("plan")
    assert (6, True) == (said.code, "certificate is not trusted" in said.err)
    assert "fix: name the certificate authority: tls: {ca: FILE}" in said.err

    configure(behind_tls, "tls: {ca: ../authority.pem}\n")
    said = behind_tls.iac("plan")
    assert (6, True) == (said.code, "demands another client certificate" in said.err)
    assert "tls: {certificate: FILE, key: FILE}" in said.err

    behind_tls.edit("iac.yaml", "authority.pem}", "authority.pem, certificate: ../client.crt}")
    said = behind_tls.iac("plan")
    assert (1, True) == (said.code, "the client certificate cannot be used" in said.err)

    authority.issue("client")
    behind_tls.edit("iac.yaml", "client.crt}", "client.crt, key: ../client.key}")
    assert behind_tls.iac("plan").code == 0


def test_state_on_a_server_is_reached_with_the_same_authority_and_proxy_and_without_the_certificate(
    project: Project, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.issue("client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    monkeypatch.setenv("STATE_PASSWORD", PASSWORD)
    with (
        serving(GitLab()) as server,
        start_terminator(int(server.place.address.split(":")[2].partition("/")[0]), context) as front,
        start_proxy() as proxy,
    ):
        path = server.place.address.split(":", 2)[2].partition("/")[2]
        place = f"backend: http\n  address: https://127.0.0.1:{front.port}/{path}\n  username: {USER}"
        project.edit(
            "iac.yaml", "backend: file\n  path: .iac/state.json", f"{place}\n  password: {{env: STATE_PASSWORD}}"
        )
        said = project.iac("state", "list")
        assert (6, True) == (said.code, "certificate is not trusted" in said.err), said.err

        configure(
            project,
            f"tls: {{ca: ../authority.pem, certificate: ../client.crt, key: ../client.key}}\nproxy: {proxy.url}\n",
        )
        renew(project)
        assert project.iac("state", "list").code == 0

    assert f"CONNECT 127.0.0.1:{front.port}" in proxy.seen
    assert {False} == set(front.shown)


@pytest.mark.parametrize("url", ["http://user:hushed@proxy.example.org:3128", "socks5://proxy.example.org", "direct"])
def test_a_proxy_that_cannot_stand_in_iac_yaml_is_told_where(project: Project, url: str) -> None:
    configure(project, f"proxy: {url}\n")
    said = project.iac("validate")

    assert said.code == 1
    assert "iac.yaml:" in said.out + said.err
    assert "none, or the URL of an HTTP proxy without user and password" in said.out + said.err
