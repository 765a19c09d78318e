"""As much of a Kubernetes API as a Secret needs: server-side apply with its owners and conflicts, Roles, dry runs.

It is as strict as a kube-apiserver 1.35 in what iac uses: tests/sinks/cluster.py runs on both.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import ssl
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADMIN, CREW = "token-of-the-administrator", "token-of-the-crew"
_USERS = {f"Bearer {ADMIN}": "admin", f"Bearer {CREW}": "crew"}
_VERBS = {"GET": "get", "PATCH": "patch", "DELETE": "delete", "POST": "create", "PUT": "update"}
_APPLY, _MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
_SECRETS = re.compile(r"/api/v1/namespaces/([^/]+)/secrets(?:/([^/]+))?")
_ROLES = re.compile(r"/apis/rbac\.authorization\.k8s\.io/v1/namespaces/([^/]+)/(roles|rolebindings)")
_KNOWN = {"apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable"}

Json = dict[str, Any]
Leaves = dict[tuple[str, ...], str]


def request(
    server: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str = ADMIN,
    ca_file: Path | None = None,
    content_type: str = "application/json",
) -> tuple[int, Any]:
    """The status and the JSON of an answer, without a word of iac's own code."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
    context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
    try:
        with urlopen(Request(server + path, data, headers, method=method), timeout=20, context=context) as answer:
            return answer.status, _parsed(answer.read())
    except HTTPError as error:
        with error:
            return error.code, _parsed(error.read())


def _parsed(text: bytes) -> Any:
    return json.loads(text) if text.startswith(b"{") else text


class Refused(Exception):
    """An answer of kind Status."""

    def __init__(self, code: int, reason: str, message: str, causes: list[Json] | None = None) -> None:
        super().__init__(message)
        details = {"causes": causes} if causes else {}
        self.code = code
        self.status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "details": details, "code": code,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for one Secret."""

    place: tuple[str, str]
    query: dict[str, str]
    value: Json
    user: str


@dataclass
class Held:
    """A Secret and which manager owns which of its leaves, by the way it wrote them."""

    value: Json
    owners: dict[tuple[str, str], set[tuple[str, ...]]] = field(default_factory=dict)

    def shown(self) -> Json:
        """As the API shows it."""
        shown = copy.deepcopy(self.value)
        shown["metadata"]["managedFields"] = [
            {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": _fields(leaves)}
            for (manager, operation), leaves in self.owners.items()
            if leaves
        ]
        return shown


def _fields(leaves: set[tuple[str, ...]]) -> Json:
    root: Json = {}
    for leaf in sorted(leaves):
        here = root
        for part in leaf:
            here = here.setdefault(f"f:{part}", {})
    return root


def leaves_of(value: Json) -> Leaves:
    """What managers own one by one: keys of the data, labels, annotations, and the type."""
    found: Leaves = {("type",): value["type"]} if value.get("type") else {}
    for path in (("data",), ("metadata", "labels"), ("metadata", "annotations")):
        part: Any = value
        for name in path:
            part = (part or {}).get(name)
        found |= {(*path, name): text for name, text in (part or {}).items()}
    return found


def _set(value: Json, leaf: tuple[str, ...], text: str | None) -> None:
    for part in leaf[:-1]:
        value = value.setdefault(part, {})
    if text is None:
        value.pop(leaf[-1], None)
    else:
        value[leaf[-1]] = text


class FakeCluster:
    """The API, and what tests make it do: `lose` answers after the work was done, `meddle` changes what comes in."""

    def __init__(self) -> None:
        self.server = ""
        self.secrets: dict[tuple[str, str], Held] = {}
        self.namespaces = {"rucio", "default"}
        self.roles: dict[tuple[str, str], set[str]] = {}
        self.granted: dict[tuple[str, str], set[str]] = {}
        self.requests: list[tuple[str, str]] = []
        self.lose: set[str] = set()
        self.meddle: Json = {}
        self.answer: tuple[int, bytes] | None = None
        self._version = 0

    def call(self, method: str, path: str, body: Any = None, *, token: str = ADMIN, **how: Any) -> tuple[int, Any]:
        """A request as somebody else than iac."""
        return request(self.server, method, path, body, token=token, **how)

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Json]:
        """The answer to a request."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        user = _USERS.get(headers.get("Authorization", ""))
        if user is None:
            raise Refused(401, "Unauthorized", "Unauthorized")
        value = json.loads(body) if body else {}
        if url.path == "/api/v1/namespaces" and method == "POST":
            self.namespaces.add(value["metadata"]["name"])
            return 201, value
        if found := _ROLES.fullmatch(url.path):
            return 201, self._grant(found[1], found[2], value)
        if not (found := _SECRETS.fullmatch(url.path)):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        self._authorize(user, _VERBS[method], found[1], found[2] or "")
        return self._secret(method, _Asked((found[1], found[2] or ""), query, value, user), headers)

    def _grant(self, namespace: str, kind: str, value: Json) -> Json:
        name = (namespace, value["metadata"]["name"])
        if kind == "roles":
            self.roles[name] = {
                verb for rule in value["rules"] for verb in rule["verbs"] if "secrets" in rule["resources"]
            }
        else:
            for subject in value["subjects"]:
                self.granted.setdefault((subject["name"], namespace), set()).update(
                    self.roles[namespace, value["roleRef"]["name"]]
                )
        return value

    def _authorize(self, user: str, verb: str, namespace: str, name: str) -> None:
        if user != "admin" and verb not in self.granted.get((user, namespace), ()):
            what = f'secrets "{name}" is forbidden: User "{user}" cannot {verb} resource "secrets" in API group ""'
            raise Refused(403, "Forbidden", f'{what} in the namespace "{namespace}"')

    def _secret(self, method: str, asked: _Asked, headers: Any) -> tuple[int, Json]:
        held = self.secrets.get(asked.place)
        kind, manager = headers.get("Content-Type", ""), asked.query.get("fieldManager", "unknown")
        if method == "PATCH" and kind == _APPLY:
            return self._apply(asked)
        if method == "POST":
            place = (asked.place[0], asked.value["metadata"]["name"])
            return 201, self._stored(place, Held(self._new(place)), asked.value, manager).shown()
        if held is None:
            raise Refused(404, "NotFound", f'secrets "{asked.place[1]}" not found')
        if method == "PATCH" and kind == _MERGE:
            return 200, self._stored(asked.place, held, asked.value, manager).shown()
        if method == "DELETE":
            self._delete(asked.place, held, asked.value)
            return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        if method != "GET":
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        return 200, held.shown()

    def _new(self, place: tuple[str, str]) -> Json:
        metadata = {"name": place[1], "namespace": place[0], "uid": str(uuid.uuid4())}
        return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata}

    def _stored(self, place: tuple[str, str], held: Held, patch: Json, manager: str) -> Held:
        """An update that is no apply: whoever changes a leaf owns it alone."""
        for leaf, text in leaves_of(patch).items():
            if leaves_of(held.value).get(leaf) != text:
                for leaves in held.owners.values():
                    leaves.discard(leaf)
                _set(held.value, leaf, text)
                if text is not None:
                    held.owners.setdefault((manager, "Update"), set()).add(leaf)
        held.value.setdefault("type", "Opaque")
        self._keep(place, held)
        return held

    def _keep(self, place: tuple[str, str], held: Held) -> None:
        self._version += 1
        held.value["metadata"]["resourceVersion"] = str(self._version)
        self.secrets[place] = held

    def _delete(self, place: tuple[str, str], held: Held, options: Json) -> None:
        metadata = held.value["metadata"]
        for name, wanted in options.get("preconditions", {}).items():
            if metadata[name] != wanted:
                raise Refused(409, "Conflict", f"Precondition failed: {name} in precondition: {wanted}")
        del self.secrets[place]

    def _apply(self, asked: _Asked) -> tuple[int, Json]:
        place, query, value, user = asked.place, asked.query, asked.value, asked.user
        manager = query.get("fieldManager")
        if not manager:
            raise Refused(422, "Invalid", "PatchOptions.meta.k8s.io is invalid: fieldManager is required for apply")
        if place[0] not in self.namespaces:
            raise Refused(404, "NotFound", f'namespaces "{place[0]}" not found')
        there = self.secrets.get(place)
        if there is None:
            self._authorize(user, "create", *place)
        _validate(place, value)
        held = copy.deepcopy(there) if there else Held(self._new(place))
        version = value["metadata"].get("resourceVersion")
        if version and (there is None or version != there.value["metadata"]["resourceVersion"]):
            raise Refused(
                409, "Conflict", "the object has been modified; please apply your changes to the latest version"
            )
        _merge(held, manager, leaves_of(value), is_forced=query.get("force") == "true")
        was = there.value.get("type") if there else None
        held.value.setdefault("type", "Opaque")
        if was and was != held.value["type"]:
            raise Refused(422, "Invalid", f'Secret "{place[1]}" is invalid: type: Invalid value: field is immutable')
        if query.get("dryRun") == "All":
            return (200 if there else 201), held.shown()
        for leaf, text in leaves_of(self.meddle).items():
            _set(held.value, leaf, text)
        if there is None or there.shown() != held.shown():
            self._keep(place, held)
        return (200 if there else 201), held.shown()


def _merge(held: Held, manager: str, wanted: Leaves, *, is_forced: bool) -> None:
    now = leaves_of(held.value)
    causes = []
    for leaf, text in wanted.items():
        for (other, _), leaves in held.owners.items():
            if other != manager and leaf in leaves and now.get(leaf) != text:
                if is_forced:
                    leaves.discard(leaf)
                else:
                    message = f'conflict with "{other}" using v1'
                    causes.append({"reason": "FieldManagerConflict", "message": message, "field": f".{'.'.join(leaf)}"})
    if causes:
        message = f"Apply failed with {len(causes)} conflict: {causes[0]['message']}: {causes[0]['field']}"
        raise Refused(409, "Conflict", message, causes)
    before = held.owners.get((manager, "Apply"), set())
    held.owners[manager, "Apply"] = set(wanted)
    for leaf in before - set(wanted):
        if not any(leaf in leaves for leaves in held.owners.values()):
            _set(held.value, leaf, None)
    for leaf, text in wanted.items():
        _set(held.value, leaf, text)


def _validate(place: tuple[str, str], value: Json) -> None:
    metadata = value.get("metadata", {})
    if (value.get("apiVersion"), value.get("kind")) != ("v1", "Secret") or not set(value) <= _KNOWN:
        raise Refused(400, "BadRequest", "strict decoding error: unknown field")
    if (metadata.get("namespace"), metadata.get("name")) != place:
        raise Refused(400, "BadRequest", "the name of the object does not match the name on the URL")
    for key, text in value.get("data", {}).items():
        if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) or key in {".", ".."} or key.startswith(".."):
            raise Refused(
                422, "Invalid", f'Secret "{place[1]}" is invalid: data[{key}]: a valid config key must consist of'
            )
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            raise Refused(400, "BadRequest", "error decoding: illegal base64 data at input byte 0") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    cluster: FakeCluster

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        cluster = self.cluster
        cluster.requests.append((self.command, self.path))
        try:
            status, value = cluster.handle(self.command, self.path, self.headers, body)
        except Refused as refused:
            status, value = refused.code, refused.status
        text = json.dumps(value).encode()
        if cluster.answer:
            status, text = cluster.answer
        if self.command in cluster.lose and "dryRun" not in self.path:
            cluster.lose.discard(self.command)
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._do
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def fake_cluster(context: ssl.SSLContext | None = None) -> Iterator[FakeCluster]:
    """A cluster at an address of this machine."""
    cluster = FakeCluster()
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        cluster.server = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield cluster
        finally:
            server.shutdown()
            thread.join()
