"""failures.md 2: no secret in anything that is said or written, but for outputs (0600) and the key file."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import re
import stat
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from click.shell_completion import BashComplete

from iac import files
from iac.apply.outcome import Failed
from iac.cli import cli, failure
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.message import json_response
from iac.sealing import new_identity
from tests.fakes.authority import Authority, kubeconfig
from tests.fakes.kubernetes import ADMIN, fake_cluster
from tests.terminal import pretend_terminal
from tests.workflow.pipelines.site import Refused, serve
from tests.workflow.pipelines.test_job import variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iac.core.errors import IacError
    from iac.core.plan.change import Change
    from iac.sandbox.message import Request, Response
    from iac.sandbox.model import Client
    from tests.e2e.project import Project, Said
    from tests.workflow.pipelines.site import Asked

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"
LOGIN = "Canary+login/secret=1"
EVERYTHING = ("-vv",)
OUTPUT = "out/portal.env"


class Cage:
    """All secrets that were ever met, and all that must not hold one.

    Attributes:
        secrets: name -> clear text.
        answer: what the server does with a request; tests change it.
    """

    def __init__(self, project: Project, identity: str) -> None:
        self.project = project
        self.secrets = {"login secret": LOGIN, "age identity": identity}
        server = project.sandbox.server
        self.answer: Callable[[Request], Response] = server.answer
        server.answer = self._watched  # type: ignore[method-assign]
        self.tracebacks: list[str] = []

    def _watched(self, request: Request) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            self.secrets[f"token {len(self.secrets)}"] = token
        response = self.answer(request)
        self.harvest()
        return response

    def harvest(self) -> None:
        """Note every client secret that the server holds now; the seed's own have words for secrets."""
        for client in self.project.sandbox.iam.world.store.clients():
            if client.client_secret and (client.client_id or "").startswith("team-"):
                self.secrets[f"{client.client_id} {client.client_secret[:4]}"] = client.client_secret

    def iac(self, *arguments: str) -> Said:
        """Run a command, as talkative as it can be; nothing that it says, writes or raises holds a secret."""
        said = self.project.iac(*EVERYTHING, *arguments)
        self.check(said.out, f"stdout of {arguments}")
        self.check(said.err, f"stderr of {arguments}")
        for text in self.tracebacks:
            self.check(text, f"a traceback of {arguments}")
        for path in self.project.root.rglob("*"):
            if path.is_file() and path != self.project.root / OUTPUT:
                self.check(path.read_bytes().decode("utf-8", "replace"), str(path))
        return said

    def check(self, text: str, where: str) -> None:
        """No secret is in the text, as it is or encoded."""
        for name, secret in self.secrets.items():
            for form in forms(secret):
                assert form not in text, f"{name} in {where}"


def forms(secret: str) -> set[str]:
    """What a secret looks like in JSON, YAML, URLs, forms, base64 (whatever stands before it) and reversed."""
    forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], secret[::-1]}
    for padding in ("", "x", "xx"):
        encoded = base64.b64encode(f"{padding}{secret}".encode()).decode().rstrip("=")
        forms.add(encoded[4:-2])
    return forms


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cage(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cage]:
    """The project with a login that has a secret worth the name."""
    project.by_hand("admin-client-rw", client_secret=LOGIN)
    monkeypatch.setenv("IAC_CLIENT_SECRET", LOGIN)
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    cage = Cage(project, os.environ["IAC_AGE_IDENTITY"])
    report, failed = failure.report, Failed

    def keep(error: Exception) -> None:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        cage.tracebacks.append("".join(whole.format()))

    def kept_report(error: Exception, **how: Any) -> int:
        keep(error)
        return report(error, **how)

    def kept_failed(change: Change, error: IacError) -> Failed:
        keep(error)
        return failed(change, error)

    monkeypatch.setattr(failure, "report", kept_report)
    monkeypatch.setattr("iac.apply.run.Failed", kept_failed)
    yield cage
    assert len(cage.secrets) > 2, "no token was seen"


def _redefine(project: Project, **changes: Any) -> None:
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), **changes})


def test_a_whole_life_of_a_client_says_and_keeps_no_secret_in_clear(cage: Cage) -> None:
    project = cage.project
    for command in (["whoami"], ["plan"], ["plan", "--format", "json"], ["plan", "--out", "plan.json"]):
        assert cage.iac(*command).code == 0
    assert cage.iac("apply", "plan.json", "--format", "json").code == 0
    for form in ("text", "json", "junit"):
        assert cage.iac("verify", "--format", form).code == 0
    _redefine(project, client_name="Renamed", secret={"serial": 2})
    assert cage.iac("plan", "--format", "json").code == 0
    assert cage.iac("apply", "--auto-approve").code == 0
    project.by_hand(CLIENT_ID, client_secret="Canary-rotated-by-hand")
    project.by_hand(CLIENT_ID, client_name="Canary by hand")
    cage.harvest()
    assert cage.iac("plan").code == 0
    for form in ("text", "markdown", "json"):
        assert cage.iac("drift", "--format", form).code == 2
    assert cage.iac("drift", "--accept", ADDRESS).code in {0, 2}
    assert cage.iac("apply", "--auto-approve").code == 0
    assert cage.iac("verify").code in {0, 2}
    for form in ("text", "json", "csv"):
        assert cage.iac("list", "--format", form).code == 0
    for command in (
        ["show", ADDRESS],
        ["show", CLIENT_ID, "--format", "json"],
        ["state", "list", "--format", "json"],
        ["state", "show", ADDRESS],
        ["state", "show", ADDRESS, "--format", "json"],
        ["render"],
        ["render", "--check", "--format", "json"],
        ["validate", "--format", "json"],
        ["whoami", "--format", "json"],
        ["doctor"],
        ["doctor", "--format", "json"],
        ["plan", "--settings-from", "iac.yaml"],
    ):
        assert cage.iac(*command).code == 0, command
    output = project.root / "out/portal.env"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert any(secret in output.read_text() for name, secret in cage.secrets.items() if name.startswith("team-"))
    assert len([name for name in cage.secrets if name.startswith("team-")]) >= 3
    project.define("team/other", grant_types=["client_credentials"])
    (project.root / FILE).unlink()
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
    assert cage.iac("apply", "--auto-approve").code == 0


def test_jobs_of_a_pipeline_say_and_keep_no_secret(cage: Cage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs, the summary, and what is kept for other jobs; the forge refuses, and repeats the token that it got."""
    project, token = cage.project, "Canary-token-of-the-forge"
    cage.secrets["token of the forge"] = token
    folder = tmp_path / "job"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def refuse(asked: Asked) -> None:
        raise Refused(403, f"no {asked.token}")

    with serve(refuse) as site:
        for name, value in {**variables("github", site.url), "IAC_GITHUB_TOKEN": token}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
        assert cage.iac("apply", "--auto-approve").code == 0
        cage.harvest()
        assert cage.iac("ci", "apply", "--rotate", ADDRESS, "--revoke").code in {0, 5}
        cage.harvest()
        project.by_hand(CLIENT_ID, client_secret="Canary-rotated-by-hand", client_name="Canary by hand")
        cage.harvest()
        assert cage.iac("ci", "nightly").code == 0
        assert cage.iac("ci", "report").code == 6
        assert cage.iac("ci", "apply", "--digest", f"sha256:{0:064}").code == 4
        assert cage.iac("ci", "apply").code == 6
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {"summary", "report.json"} == {path.name for path in kept}
    for path in kept:
        cage.check(path.read_text(), path.name)


def test_completion_and_progress_say_no_secret(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live line is drawn as on a terminal; words complete from a project whose state holds secrets."""
    project = cage.project
    pretend_terminal(monkeypatch)
    assert project.iac("apply", "--auto-approve").code == 0
    cage.harvest()
    for command in (
        ["rotate", ADDRESS, "--auto-approve"],
        ["verify"],
        ["render"],
        ["state", "rekey"],
        ["list", "--ownerless"],
    ):
        said = project.iac(*command)
        cage.check(said.out + said.err, f"progress of {command}")
        assert "of 1 client" in said.err or command[0] in {"list", "render"}, command
    shell = BashComplete(cli, {}, "iac", "_IAC_COMPLETE")
    for words in (
        ["show"],
        ["state", "show"],
        ["--env"],
        ["secret", "set"],
        ["plan", "--target"],
        ["list", "--format"],
    ):
        items = shell.get_completions(["-C", str(project.root), *words], "")
        assert items, words
        cage.check(" ".join(str(item.value) + str(item.help) for item in items), f"completion of {words}")


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_refused_login_says_no_secret(cage: Cage, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = cage.project
    project.edit(
        "iac.yaml", "method: client_credentials,", f"method: client_credentials, token_endpoint_auth_method: {method},"
    )
    # IAM takes Basic credentials as they are, not percent-encoded (rec: client-auth-methods).
    secret = LOGIN if method == "client_secret_post" else "Canary-login-secret-1"
    cage.secrets["login secret"] = secret
    project.by_hand("admin-client-rw", token_endpoint_auth_method=method, client_secret=secret)
    monkeypatch.setenv("IAC_CLIENT_SECRET", secret)
    assert cage.iac("whoami").code == 0
    monkeypatch.setenv("IAC_CLIENT_SECRET", secret + "x")
    assert cage.iac("plan").code == 6
    assert len(cage.tracebacks) == 1
    assert cage.iac("doctor").code == 6


def _parrot(cage: Cage, method: str, path: str, status: int) -> None:
    """A server that repeats in its answers what it was sent, and every secret there is."""
    honest = cage.answer

    def answer(request: Request) -> Response:
        if request.method != method or not re.fullmatch(path, request.path):
            return honest(request)
        cage.harvest()
        sent = request.body.decode()
        for value in json.loads(sent).values() if sent.startswith("{") else ():
            if isinstance(value, str) and len(value) > 40:
                cage.secrets["secret sent"] = value
        words = f"{sent} {request.headers.get('authorization')}"
        return json_response(status, {"error": words, "error_description": words})

    cage.answer = answer


PARROTS = [
    ("POST", "/iam/api/clients", 400),
    ("POST", "/iam/api/clients", 500),
    ("POST", "/iam/api/clients", 201),
    ("POST", "/token", 401),
    ("POST", "/token", 200),
    ("GET", "/iam/api/clients", 400),
    ("GET", "/iam/api/clients", 500),
    ("GET", "/iam/api/clients", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), PARROTS)
def test_a_server_that_repeats_what_it_was_sent_is_not_repeated(
    cage: Cage, method: str, path: str, status: int
) -> None:
    assert cage.iac("whoami").code == 0
    _parrot(cage, method, path, status)
    for command in (["apply", "--auto-approve"], ["apply", "--auto-approve", "--format", "json"]):
        assert cage.iac(*command).code in {5, 6}


@pytest.mark.parametrize("status", [400, 500, 200])
def test_a_server_that_repeats_an_update_is_not_repeated(cage: Cage, status: int) -> None:
    assert cage.iac("apply", "--auto-approve").code == 0
    _redefine(cage.project, client_name="Renamed")
    _parrot(cage, "PUT", ".*", status)
    assert cage.iac("apply", "--auto-approve").code == 5


@pytest.mark.parametrize("path", ["/token", "/authorize", "/introspect", "/devicecode"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 500])
def test_a_server_that_repeats_what_proves_it_is_not_repeated(cage: Cage, path: str, status: int) -> None:
    device = "urn:ietf:params:oauth:grant-type:device_code"
    _redefine(cage.project, grant_types=["authorization_code", "refresh_token", "client_credentials", device])
    _redefine(cage.project, allow_introspection=True)
    assert cage.iac("apply", "--auto-approve").code == 0
    honest = cage.answer
    sent = cage.project.registered(CLIENT_ID).client_secret or ""

    def parrot(request: Request) -> Response:
        if request.path != path:
            return honest(request)
        words = f"{sent} {request.body.decode()} {request.headers.get('authorization')}"
        body = {"error": words, "access_token": f"Canary-token-of-{sent}", "scope": words, "user_code": words}
        return json_response(status, body).with_header(
            "location", f"https://portal.example.org/cb?error={quote(words)}"
        )

    cage.answer = parrot
    cage.secrets["token of the client"] = f"Canary-token-of-{sent}"
    for form in ("text", "json", "junit"):
        assert cage.iac("verify", "--format", form).code in {0, 2, 6}
    output = cage.project.root / OUTPUT
    output.write_text(output.read_text().replace("=", "", 1))
    assert cage.iac("verify").code == 2


FAULTS = [
    Fault(kind=FaultKind.CUT_BEFORE, path="/token", times=9),
    Fault(kind=FaultKind.CUT_AFTER, path="/token", times=9),
    Fault(kind=FaultKind.CUT_BEFORE, path="/iam/api/clients*", times=9),
    Fault(kind=FaultKind.CUT_AFTER, method="POST", path="/iam/api/clients*", times=9),
    Fault(kind=FaultKind.STATUS, path="/iam/api/clients*", status=500, body="html", times=9),
    Fault(kind=FaultKind.STATUS, path="/iam/api/clients*", status=401, times=9),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_an_error_of_the_network_carries_no_secret(cage: Cage, number: int) -> None:
    assert cage.iac("whoami").code == 0
    cage.project.sandbox.faults.add(FAULTS[number])
    cage.iac("plan")
    cage.iac("apply", "--auto-approve")


INSIDE = {
    "the HTTP library": "iac.transport.http.httpx.HTTPTransport.handle_request",
    "sealing": "iac.backends.age.AgeVault._seal",
    "the state's text": "iac.core.state.document.render_state",
    "the journal": "iac.backends.local.render_batch",
    "the template engine": "iac.rendering.engine.render",
    "writing an output": "iac.sinks.file.sink.FileSink._write",
    "what is sent": "iac.providers.iam_admin.api.update_body",
    "what is answered": "iac.transport.message.Answer.json",
    "encryption": "pyrage.encrypt",
    "decryption": "pyrage.decrypt",
    "replacing a file of the state": "iac.files.write",
    "adding to the journal": "iac.files.append",
    "what a template is given": "iac.rendering.engine.template_context",
    "replacing an output": "iac.sinks.file.sink.files.write",
}


@pytest.mark.parametrize("place", INSIDE)
def test_a_fault_in_iac_itself_is_told_without_a_secret(
    cage: Cage, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whatever handles the error, with all the locals of its frames, finds no secret."""
    assert cage.iac("apply", "--auto-approve").code == 0
    _redefine(cage.project, client_name="Renamed", secret={"serial": 2})
    cage.project.define("team/new", grant_types=["client_credentials"])

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(INSIDE[place], fail)
    codes = [cage.iac(*command).code for command in (["apply", "--auto-approve"], ["render"], ["plan"])]
    assert {1, 5, 6} & set(codes)


def test_mending_says_and_keeps_no_secret_in_clear(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    project = cage.project
    assert cage.iac("apply", "--auto-approve").code == 0
    assert cage.iac("rotate", ADDRESS, "--auto-approve", "--format", "json").code == 0
    project.by_hand(CLIENT_ID, client_secret="Canary-handed-in.1")
    cage.harvest()
    stdin = io.TextIOWrapper(io.BytesIO(b"Canary-handed-in.1"))
    monkeypatch.setattr("sys.stdin", stdin)
    assert cage.iac("secret", "set", ADDRESS, "--format", "json").code == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Canary-wrong+one=1")))
    cage.secrets["secret that is wrong"] = "Canary-wrong+one=1"
    assert cage.iac("secret", "set", ADDRESS).code == 1
    for command in (
        ["apply", "--auto-approve"],
        ["state", "pull"],
        ["state", "rekey"],
        ["state", "mv", ADDRESS, "team/elsewhere"],
        ["state", "mv", "team/elsewhere", ADDRESS],
        ["plan", "--out", "plan.json", "--format", "json"],
    ):
        assert cage.iac(*command).code == 0, command
    assert "Canary-handed" in project.read(OUTPUT)
    (project.root / FILE).unlink()
    project.define("team/other", grant_types=["client_credentials"])
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
    assert cage.iac("apply", "--auto-approve").code == 0
    assert cage.iac("state", "list", "--format", "json").code == 0
    assert cage.iac("state", "restore", ADDRESS, "--auto-approve").code == 0


def test_emergency_copies_hold_no_secret_in_clear(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk under the state takes no more from the first answer on; what is told brings the copies back."""
    project, replace, append = cage.project, files.write, files.append
    refuge = project.root / "refuge"
    refuge.mkdir()
    monkeypatch.setenv("TMPDIR", str(refuge))
    is_full: list[bool] = []

    def full(path: Path, data: bytes, *rest: int) -> None:
        if path.is_relative_to(project.root / ".iac") and is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        is_full.append(True)
        append(path, data, *rest) if rest else replace(path, data)

    monkeypatch.setattr(files, "write", full)
    monkeypatch.setattr(files, "append", full)
    assert cage.iac("apply", "--auto-approve").code == 5
    copies = sorted(refuge.iterdir())
    assert copies
    for copy in copies:
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert "age:" in copy.read_text(encoding="utf-8")
    monkeypatch.setattr(files, "write", replace)
    monkeypatch.setattr(files, "append", append)
    assert cage.iac("state", "push", str(copies[0])).code == 0
    assert cage.iac("apply", "--auto-approve").code == 0
    assert cage.iac("plan", "--detailed-exitcode").code == 0
    assert [CLIENT_ID] == [name for client in _ours(project) if (name := client.client_id)]


def test_a_secret_that_cannot_be_sent_again_is_not_told(cage: Cage) -> None:
    """A plus in a secret breaks Basic authentication (trap 28), so no client is made with one."""
    project = cage.project
    assert cage.iac("apply", "--auto-approve").code == 0
    project.by_hand(CLIENT_ID, client_secret="Canary-by+hand=1")
    cage.harvest()
    assert cage.iac("apply", "--auto-approve").code == 0
    (project.root / FILE).unlink()
    project.define("team/other", grant_types=["client_credentials"])
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
    assert cage.iac("apply", "--auto-approve").code == 0
    cage.iac("state", "restore", ADDRESS, "--auto-approve")


def _ours(project: Project) -> list[Client]:
    return [client for client in project.sandbox.iam.world.store.clients() if client.client_name == f"Client {ADDRESS}"]


CARELESS = [
    "{{ {}[client.client_secret] }}",
    "{{ client[client.client_secret] }}",
    "{{ client.client_secret.nothing }}",
    "{{ client.client_secret + 1 }}",
    "{{ client.client_secret | map(client.client_secret) | list }}",
    "{{ range(client.client_secret) }}",
    "{{ ('%d' | string) % client.client_secret }}",
    "{% include client.client_secret %}",
]


@pytest.mark.parametrize("text", CARELESS)
def test_a_template_that_fails_over_a_secret_does_not_repeat_it(cage: Cage, text: str) -> None:
    assert cage.iac("apply", "--auto-approve").code == 0
    cage.project.write("templates/careless.j2", text)
    _redefine(cage.project, outputs=[{"template": "careless.j2", "path": OUTPUT}])
    for command in (["render"], ["render", "--check", "--format", "json"], ["apply", "--auto-approve"]):
        assert cage.iac(*command).code == 1, command


def test_neither_a_predecessor_s_secret_nor_its_successor_s_is_said(cage: Cage) -> None:
    assert cage.iac("apply", "--auto-approve").code == 0
    _redefine(cage.project, lifecycle={"rotation": "replace", "grace": "2d"})
    assert cage.iac("rotate", ADDRESS, "--auto-approve").code == 0
    assert {CLIENT_ID, f"{CLIENT_ID}.r2"} <= {name.rpartition(" ")[0] for name in cage.secrets}
    for command in (["plan", "--format", "json"], ["show", ADDRESS, "--format", "json"], ["state", "show", ADDRESS]):
        assert cage.iac(*command).code == 0
    assert cage.iac("list", "--format", "json").code == 0
    assert cage.iac("rotate", ADDRESS, "--no-grace", "--auto-approve", "--format", "json").code == 0
    assert cage.iac("state", "list", "--format", "json").code == 0


def test_no_sink_that_encrypts_says_or_writes_a_secret(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    project = cage.project
    project.write("iac.yaml", project.read("iac.yaml") + "sinks: {sops: {kind: sops}, age: {kind: age}}\n")
    names = ["a.env", "a.json", "a.yaml", "a.txt"]
    templates = {"a.json": "json", "a.yaml": "yaml"}
    outputs = [{"template": templates.get(name, "dotenv"), "path": name, "sink": "sops"} for name in names]
    _redefine(project, outputs=[*outputs, {"template": "dotenv", "path": "a.age", "sink": "age"}])
    for command in (
        ["apply", "--auto-approve"],
        ["render"],
        ["render", "--check"],
        ["rotate", ADDRESS, "--auto-approve"],
    ):
        assert cage.iac(*command).code == 0, command
    monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal())
    assert cage.iac("render", "--check").code == 1
    for name in names:
        project.write(name, project.read(name).replace("ENC[AES256_GCM,data:", "ENC[AES256_GCM,data:AAAA"))
    monkeypatch.setenv("IAC_AGE_IDENTITY", cage.secrets["age identity"])
    assert cage.iac("render", "--check").code == 2
    assert "somebody changed it" in cage.iac("verify", "--format", "json").out


def test_a_cluster_that_repeats_what_it_was_sent_is_not_repeated(
    cage: Cage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = cage.project
    project.write("iac.yaml", project.read("iac.yaml") + "sinks: {cluster: {kind: kubernetes}}\n")
    _redefine(project, outputs=[{"template": "dotenv", "path": "rucio/portal", "sink": "cluster"}])
    cage.secrets["cluster token"] = ADMIN
    statuses = iter([400, 401, 403, 404, 409, 422, 500])
    with fake_cluster() as cluster:
        user = {"token": ADMIN}
        (tmp_path / "kubeconfig").write_text(kubeconfig(cluster.server, Authority.make(), user))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        handle = cluster.handle

        def repeats(method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
            if method == "PATCH" and "dryRun" not in target:
                words = f"{body!r} {headers['Authorization']}"
                return next(statuses), {"kind": "Status", "reason": "x", "message": words}
            return handle(method, target, headers, body)

        cluster.handle = repeats  # type: ignore[method-assign]
        for _ in range(7):
            assert cage.iac("apply", "--auto-approve").code == 5
        cluster.handle = handle  # type: ignore[method-assign]
        for command in (["apply", "--auto-approve"], ["render", "--check"], ["verify"]):
            assert cage.iac(*command).code == 0, command
