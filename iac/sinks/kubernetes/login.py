"""Which cluster, and how to log in there: from a kubeconfig, or as the service account of the pod that this runs in.

Taken are tokens and client certificates, by value or by file. Programs that a kubeconfig names (`exec`) are not run,
and a server whose certificate is not verified gets no credentials: both are refused with words.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from iac.core.errors import InputError
from iac.core.limits import DEADLINE, TIMEOUT
from iac.core.origin import Address
from iac.core.secret import Secret
from iac.core.text import listed
from iac.document import YamlReader, parse_document
from iac.files import read
from iac.transport.certificate import accept_any_form

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder of a pod's service account."""
_LARGEST = 1024 * 1024  # bytes of a kubeconfig, token or certificate
_LOG_IN = (
    "make a token (kubectl create token SERVICEACCOUNT) and name it in a user of the kubeconfig by token or tokenFile"
)
_REFUSED = {
    "insecure-skip-tls-verify": (
        "the server's certificate would not be verified",
        "name certificate-authority instead",
    ),
    "tls-server-name": ("the certificate must be for the host that is dialled", "use a server name of the certificate"),
    "proxy-url": (
        "a proxy is named by iac.yaml or by the environment",
        "proxy: URL in iac.yaml, and take proxy-url out",
    ),
    "exec": ("iac runs no program that a kubeconfig names", _LOG_IN),
    "auth-provider": ("Kubernetes no longer has it", _LOG_IN),
    "username": ("Kubernetes no longer has passwords", _LOG_IN),
    "as": ("iac impersonates nobody", _LOG_IN),
}


class Cluster(Struct, frozen=True):
    """A cluster and the login for it.

    Attributes:
        name: what messages call the login.
        setting: what messages name to be checked.
        address: of the server.
        trust: makes the TLS context: whom to trust, and the client certificate if there is one.
        timeout: seconds that the server may be silent.
        deadline: seconds for a whole answer.
        proxy: as `iac.transport.http.Transport` has it.
    """

    name: str
    setting: str
    address: Address
    trust: Callable[[], ssl.SSLContext]
    token: Secret | None = None
    timeout: float = TIMEOUT
    deadline: float = DEADLINE
    proxy: str | None = None


class ClusterChoice(Struct, frozen=True):
    """The cluster by a sink's settings.

    Attributes:
        sink: its name.
        kubeconfig: a path; None for the usual places.
        context: "" for the current one.
    """

    sink: str
    kubeconfig: Path | None = None
    context: str = ""


def find_cluster(choice: ClusterChoice, environ: Mapping[str, str], account: Path = _ACCOUNT) -> Cluster:
    """The cluster that is meant: by the settings, KUBECONFIG, ~/.kube/config, or the pod's own.

    Raises:
        InputError: no cluster is configured, or its login cannot be used.
    """
    usual = Path(environ.get("HOME") or "~").expanduser() / ".kube" / "config"
    named = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if len(named) > 1 and choice.kubeconfig is None:
        fix = f"name one in sinks.{choice.sink}.kubeconfig"
        raise InputError("KUBECONFIG names several files", why="iac does not merge them", fix=fix)
    path = choice.kubeconfig or (named[0] if named else usual)
    if path != usual or usual.exists():
        return _Kubeconfig(path, choice).cluster()
    if environ.get("KUBERNETES_SERVICE_HOST"):
        host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        authority = _read_text(account / "ca.crt")
        return Cluster(
            name="the pod's service account",
            setting=f"sinks.{choice.sink}",
            address=_address(url, account),
            trust=lambda: _context(authority),
            token=Secret(_read_text(account / "token").strip()),
        )
    fix = f"name a kubeconfig in sinks.{choice.sink}.kubeconfig, or export KUBECONFIG"
    raise InputError("no cluster is configured", where=f"sink {choice.sink}", why=f"there is no {path}", fix=fix)


class _Kubeconfig:
    """One kubeconfig (v1 Config), read for one context."""

    def __init__(self, path: Path, choice: ClusterChoice) -> None:
        self._path = path
        self._choice = choice
        document, mistakes = parse_document(_read(path), str(path), _KubeconfigReader)
        for problem in mistakes:
            raise InputError(
                "the kubeconfig cannot be used", where=str(problem.location), why=problem.summary, fix=problem.fix
            )
        if document is None or not isinstance(document.value, dict):
            raise InputError(
                "the kubeconfig cannot be used",
                where=str(path),
                why="it is not a YAML mapping",
                fix="write it again, or set kubeconfig of the sink to another file",
            )
        self._value = document.value

    def cluster(self) -> Cluster:
        context = self._named("context", self._choice.context or self._value.get("current-context") or "")
        cluster = self._named("cluster", context.get("cluster", ""))
        user = self._named("user", context.get("user", ""))
        for key, (why, fix) in _REFUSED.items():
            if cluster.get(key) or user.get(key):
                raise InputError(f"{key} of the kubeconfig is not supported", where=str(self._path), why=why, fix=fix)
        return Cluster(
            name=f"user {context.get('user')} of {self._path}",
            setting=f"sinks.{self._choice.sink}.kubeconfig",
            address=_address(str(cluster.get("server", "")), self._path),
            trust=lambda: self._trust(cluster, user),
            token=self._token(user),
        )

    def _named(self, kind: str, name: str) -> dict[str, Any]:
        entries = self._value.get(f"{kind}s") or []
        known = {entry.get("name"): entry.get(kind) for entry in entries if isinstance(entry, dict)}
        part = known.get(name)
        if not isinstance(part, dict):
            raise InputError(
                f"the kubeconfig has no {kind} {name or 'chosen'}",
                where=str(self._path),
                fix=f"there are: {listed(known) or 'none'}; sinks.{self._choice.sink}.context chooses",
            )
        return part

    def _token(self, user: Mapping[str, Any]) -> Secret | None:
        text = str(user.get("token") or "") or (self._file(user["tokenFile"]) if user.get("tokenFile") else "")
        return Secret(text.strip()) if text.strip() else None

    def _trust(self, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
        context = _context(self._pem(cluster, "certificate-authority"))
        certificate, key = self._pem(user, "client-certificate"), self._pem(user, "client-key")
        if certificate:
            _load(context, certificate, Secret(key), self._path)
        return context

    def _pem(self, part: Mapping[str, Any], name: str) -> str:
        """A certificate or key by value or by file; "" when there is none."""
        if data := part.get(f"{name}-data"):
            try:
                return base64.b64decode(str(data), validate=True).decode()
            except ValueError:
                raise InputError(
                    f"{name}-data of the kubeconfig is not base64",
                    where=str(self._path),
                    fix="write the kubeconfig again",
                ) from None
        return self._file(part[name]) if part.get(name) else ""

    def _file(self, name: str) -> str:
        return _read_text(self._path.parent / name)


class _KubeconfigReader(YamlReader):
    """Reads a kubeconfig."""

    max_bytes = _LARGEST
    smaller = "write the part of one context: kubectl config view --minify --flatten --raw"


def _read(path: Path) -> bytes:
    try:
        return read(path, _LARGEST + 1)
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None


def _read_text(path: Path) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not text") from None


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        "a file for the login to the cluster cannot be read",
        where=str(path),
        why=why,
        fix="correct the path in the sink or the kubeconfig, or the permissions",
    )


def _address(url: str, source: Path) -> Address:
    address = Address.parse(url)
    if address is None:
        raise InputError(
            "the cluster's server cannot be used",
            where=str(source),
            why="it has a login in it, which is not repeated here" if "@" in url else url,
            fix="an https URL, or http on this machine, without a login in it",
        )
    return address


def _context(authority: str) -> ssl.SSLContext:
    """Trust in one authority alone, or in the system's when none is named."""
    try:
        context = ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, ValueError):
        raise InputError(
            "the cluster's certificate authority is not a PEM certificate",
            fix="correct certificate-authority of the kubeconfig",
        ) from None
    if authority:
        accept_any_form(context)
    return context


def _load(context: ssl.SSLContext, certificate: str, key: Secret, source: Path) -> None:
    """A client certificate. OpenSSL takes it from files alone: here from two pipes, so that the key is on no disk."""
    with _piped(certificate) as first, _piped(key.reveal()) as second:
        try:
            context.load_cert_chain(first, second, password="")  # or OpenSSL asks for one on the terminal
        except (OSError, ValueError):
            raise InputError(
                "the client certificate cannot be used",
                where=str(source),
                why="client-certificate and client-key are not PEM, or do not belong together",
                fix="correct both in the kubeconfig",
            ) from None


@contextmanager
def _piped(text: str) -> Iterator[str]:
    """A path that a text can be read from once; of a text longer than a pipe holds, the beginning."""
    reader, writer = os.pipe()
    try:
        with suppress(BlockingIOError), os.fdopen(writer, "wb", buffering=0) as pipe:
            os.set_blocking(writer, False)
            pipe.write(text.encode())
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
