"""The calls of the Kubernetes API that the sink needs, and what its refusals mean."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from iac.core.errors import CredentialsError, IacError, RenderError, UnreachableError
from iac.core.explanation import page_url
from iac.core.secret import Secret
from iac.core.text import listed
from iac.ports import Clock
from iac.sinks.kubernetes.login import Cluster
from iac.sinks.kubernetes.secret import MANAGER, Manifest, SecretPath
from iac.transport.http import Http, Transport
from iac.transport.message import PASSING, Answer, Call, safe_words, server_words

_APPLY = "application/apply-patch+yaml"
_WORDS = ("reason", "message")
_WORD = re.compile(r"[^\s\"'=:,;]{12,}")
"""A word that may be a secret of a file: other words are rarely as long."""
_HOW_TO = page_url("how-to/deliver-credentials.md#write-the-secret-into-the-cluster")


class Api:
    """One cluster's Secrets. Close it after use."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._where = cluster.address.origin
        transport = Transport(
            parallelism=1,
            timeout=cluster.timeout,
            deadline=cluster.deadline,
            proxy=cluster.proxy,
            trust=cluster.trust,
            setting=cluster.setting,
        )
        self._http = Http(cluster.address, transport, clock)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def read(self, target: SecretPath) -> Manifest | None:
        """A Secret with all that the server says of it; None when there is none."""
        answer = self._send(Call.read(self._path(target)))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return self._object(target, answer)

    def apply(self, target: SecretPath, manifest: Manifest, *, is_trial: bool = False) -> Manifest:
        """Server-side apply without force; the Secret as it is then. A trial changes nothing."""
        query = {"fieldManager": MANAGER, "force": "false", "fieldValidation": "Strict"}
        path = f"{self._path(target)}?{urlencode({**query, 'dryRun': 'All'} if is_trial else query)}"
        body = json.dumps(manifest).encode()
        answer = self._send(Call("PATCH", path, body, {"Content-Type": _APPLY}, is_read=is_trial))
        return self._object(target, answer, list(_hidden(manifest)))

    def delete(self, target: SecretPath, present: Manifest) -> None:
        """Delete a Secret, if it is still the one that was read."""
        metadata = present["metadata"]
        only = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": only}
        answer = self._send(Call.write("DELETE", self._path(target), options))
        if answer.status != HTTPStatus.NOT_FOUND:
            self._object(target, answer)

    def _path(self, target: SecretPath) -> str:
        prefix = self._cluster.address.path.rstrip("/")
        return f"{prefix}/api/v1/namespaces/{target.namespace}/secrets/{target.name}"

    def _send(self, call: Call) -> Answer:
        token = self._cluster.token
        return self._http.send(call.with_authorization(f"Bearer {token.reveal()}") if token else call)

    def _object(self, target: SecretPath, answer: Answer, hidden: Sequence[Secret] = ()) -> Manifest:
        if not answer.is_ok:
            raise self._refusal(target, answer, hidden)
        value = answer.json()
        if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
            raise UnreachableError(
                "the server does not answer as a Kubernetes API",
                where=self._where,
                fix="correct server of the kubeconfig",
            )
        return value

    def _refusal(self, target: SecretPath, answer: Answer, hidden: Sequence[Secret]) -> IacError:
        words = server_words(answer, hidden, _WORDS)
        match answer.status:
            case HTTPStatus.UNAUTHORIZED:
                fix = f"renew the token or certificate of {self._cluster.name}"
                return CredentialsError("the cluster refuses the login", where=self._where, why=words, fix=fix)
            case HTTPStatus.FORBIDDEN:
                fix = f"allow get, create, patch and delete on secrets in namespace {target.namespace}: {_HOW_TO}"
                return CredentialsError("the login may not write this Secret", where=target.path, why=words, fix=fix)
            case HTTPStatus.NOT_FOUND:
                fix = f"kubectl create namespace {target.namespace}, or correct the path"
                return RenderError("there is no such namespace", where=target.path, why=words, fix=fix)
            case HTTPStatus.CONFLICT:
                return _conflict(target, answer, hidden)
        if answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            fix = "run it again when the cluster works"
            return UnreachableError("the cluster is not available", where=target.path, why=words, fix=fix)
        fix = "correct the output's template, or its sink in iac.yaml"
        return RenderError("the cluster refuses the Secret", where=target.path, why=words, fix=fix)


def _hidden(manifest: Manifest) -> Iterator[Secret]:
    """Texts of a Secret that no message may repeat: its values as they are sent and in clear, and each longer word."""
    for value in manifest.get("data", {}).values():
        clear = base64.b64decode(value).decode(errors="replace").strip()
        yield from (Secret(text) for text in (value, clear, *_WORD.findall(clear)) if text)


def _conflict(target: SecretPath, answer: Answer, hidden: Sequence[Secret]) -> RenderError:
    causes = [cause for cause in _causes(answer.json()) if cause.get("reason") == "FieldManagerConflict"]
    if not causes:
        return RenderError(
            "somebody else changed the Secret at the same time",
            where=target.path,
            why=server_words(answer, hidden, _WORDS),
            fix="run it again: iac first reads what the cluster has",
        )
    words = (f"{cause.get('message')} ({cause.get('field')})" for cause in causes)
    return RenderError(
        "another manager keeps fields of this Secret",
        where=target.path,
        why=safe_words(answer, listed(words, "; "), hidden),
        fix="make that manager release them, or give the output another path; iac never forces",
    )


def _causes(value: Any) -> list[dict[str, Any]]:
    details = value.get("details") if isinstance(value, dict) else None
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes or () if isinstance(cause, dict)]
