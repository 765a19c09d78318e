"""Login by device code: a real server, a real cache, a user who opens the page when told."""

from __future__ import annotations

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.providers.base import LoginSession
from iac.providers.bearer import Bearer
from iac.providers.discovery import Endpoints, KnownServer, discover
from iac.providers.logins import READ_SCOPES, WRITE_SCOPES
from iac.providers.logins.device import ENDPOINT, SLOWER, DeviceLogin, Terminal
from iac.providers.logins.endpoint import PublicClient, SharedSecret
from iac.sandbox.fault import Fault, FaultKind
from iac.transport.http import RetryPolicy
from iac.transport.message import Call
from tests.providers.people import CLIENT_ID, CLIENT_SECRET, add_client, code_in, decide
from tests.providers.stub import Say, Seen, start_stub

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenHttp

PROOF = SharedSecret(CLIENT_ID, Secret(CLIENT_SECRET), "client_secret_basic")
READ = Call.read("/iam/api/clients?count=1&startIndex=1")


class Person:
    """Reads what is said, and does what a test wants."""

    def __init__(self, act: Callable[[str], Any] = lambda _: None) -> None:
        self.act = act
        self.told: list[str] = []
        self.warned: list[str] = []

    def terminal(self) -> Terminal:
        return Terminal(self._ask, self.warned.append)

    def _ask(self, words: str) -> None:
        self.told.append(words)
        self.act(words)


class Bench:
    """One sandbox, one cache; each login is a run of its own."""

    def __init__(self, box: Sandbox, open_http: OpenHttp, clock: SetClock, folder: Path) -> None:
        self.box, self.open_http, self.clock, self.folder = box, open_http, clock, folder
        self.person = Person(lambda words: decide(box.url, code_in(words)))

    def login(self, scopes: tuple[str, ...] = READ_SCOPES, **changes: Any) -> DeviceLogin:
        values = {"proof": PROOF, "scopes": scopes, "folder": self.folder, "terminal": self.person.terminal()}
        return DeviceLogin(**{**values, **changes})

    def fetch(self, scopes: tuple[str, ...] = READ_SCOPES, **changes: Any) -> Bearer:
        http = self.open_http(self.box.url, retry=RetryPolicy(attempts=1))
        endpoints = discover(http, Issuer.parse(self.box.issuer))
        return self.login(scopes, **changes).fetch(KnownServer(http, endpoints, self.clock))

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    def kept(self) -> Any:
        (file,) = self.files()
        return json.loads(file.read_text())

    def tamper(self, **changes: Any) -> None:
        (file,) = self.files()
        file.write_text(json.dumps({**self.kept(), **changes}))


@pytest.fixture
def bench(new_box: Sandbox, open_http: OpenHttp, clock: SetClock, tmp_path: Path) -> Bench:
    add_client(new_box.iam)
    return Bench(new_box, open_http, clock, tmp_path / "cache" / "iac" / "tokens")


def test_somebody_is_asked_once_and_the_tokens_are_kept_for_the_next_run(bench: Bench) -> None:
    first, second = bench.fetch(), bench.fetch()

    assert (first.value, frozenset((*READ_SCOPES, "offline_access"))) == (second.value, second.scopes)
    assert len(bench.person.told) == 1
    assert bench.person.told[0].startswith(f"To log in at {bench.box.issuer} open\n    {bench.box.url}/device\n")
    assert "Waiting for 10 min at most" in bench.person.told[0]


def test_kept_tokens_are_for_nobody_else_to_read(bench: Bench) -> None:
    bench.fetch()

    assert (0o700, 0o600) == (bench.folder.stat().st_mode & 0o777, bench.files()[0].stat().st_mode & 0o777)
    assert not list(bench.folder.glob("*.tmp"))


def test_an_access_token_that_ends_is_renewed_and_the_new_refresh_token_is_kept_first(bench: Bench) -> None:
    bench.fetch()
    before = bench.kept()["refresh_token"]
    bench.clock.time += timedelta(seconds=3590)

    renewed = bench.fetch()

    kept = bench.kept()
    assert renewed.value == Secret(kept["access_token"])
    assert kept["refresh_token"] in bench.box.iam.world.store.refresh_tokens
    assert before not in bench.box.iam.world.store.refresh_tokens
    assert len(bench.person.told) == 1


def test_runs_side_by_side_use_a_refresh_token_once(bench: Bench) -> None:
    bench.fetch()
    bench.clock.time += timedelta(seconds=3590)

    with ThreadPoolExecutor(4) as pool:
        values = [bearer.value.reveal() for bearer in pool.map(lambda _: bench.fetch(), range(4))]

    assert [bench.kept()["access_token"]] * 4 == values
    assert len(bench.person.told) == 1
    assert [path for _, path, _ in bench.box.log].count("/token") == 2


def test_a_refresh_token_that_stays_the_same_stays_kept(bench: Bench) -> None:
    store = bench.box.iam.world.store
    add_client(bench.box.iam, client_id="reusing", reuse_refresh_token=True)
    proof = SharedSecret("reusing", Secret(CLIENT_SECRET))
    bench.fetch(proof=proof)
    before = bench.kept()["refresh_token"]
    bench.clock.time += timedelta(seconds=3590)
    bench.fetch(proof=proof)

    assert before == bench.kept()["refresh_token"]
    assert [before] == list(store.refresh_tokens)


def test_a_refresh_token_that_is_over_asks_somebody_again(bench: Bench) -> None:
    bench.fetch()
    bench.box.iam.world.store.refresh_tokens.clear()
    bench.clock.time += timedelta(seconds=3590)

    bench.fetch()

    assert len(bench.person.told) == 2


def test_a_refresh_that_the_server_breaks_off_loses_nothing(bench: Bench) -> None:
    bench.fetch()
    before = bench.kept()
    bench.clock.time += timedelta(seconds=3590)
    bench.box.faults.add(Fault(kind=FaultKind.STATUS, status=500, path="/token"))

    with pytest.raises(UnreachableError, match="error of its own"):
        bench.fetch()

    assert before == bench.kept()


def test_a_token_that_the_server_does_not_take_is_renewed_by_the_refresh_token(bench: Bench) -> None:
    session = LoginSession(
        bench.open_http(bench.box.issuer), Issuer.parse(bench.box.issuer), bench.login(), bench.clock
    )
    assert session.send(READ).status == 200
    bench.box.iam.world.store.tokens.clear()

    assert session.send(READ).status == 200
    assert len(bench.person.told) == 1


def test_reading_and_writing_are_approved_each_and_kept_apart(bench: Bench) -> None:
    bench.fetch()
    bench.fetch(WRITE_SCOPES)
    bench.fetch()

    assert len(bench.person.told) == len(bench.files()) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": {"issuer": "https://elsewhere.example.org/", "client_id": CLIENT_ID, "scopes": ["iam:admin.read"]}},
        {"format": 2},
        {"access_token": None, "refresh_token": None},
        {"access_token": 7, "refresh_token": ""},
        {"expires": 0, "refresh_token": None},
    ],
)
def test_a_file_that_does_not_fit_is_as_good_as_none(bench: Bench, changes: dict[str, Any]) -> None:
    bench.fetch()
    bench.tamper(**changes)

    bench.fetch()

    assert len(bench.person.told) == 2


def test_an_end_of_no_sense_is_as_good_as_none(bench: Bench) -> None:
    bench.fetch()
    bench.tamper(expires=1e300)

    assert bench.fetch().scopes
    assert len(bench.person.told) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"[]", b"\xff", b'{"format": 1}'])
def test_a_damaged_file_is_as_good_as_none(bench: Bench, content: bytes) -> None:
    bench.fetch()
    bench.files()[0].write_bytes(content)

    bench.fetch()

    assert len(bench.person.told) == 2
    assert bench.kept()["access_token"]


def test_a_file_that_others_can_read_is_not_trusted(bench: Bench) -> None:
    bench.fetch()
    bench.files()[0].chmod(0o640)

    bench.fetch()

    assert len(bench.person.told) == 2
    assert bench.files()[0].stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_place_of_a_file_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    bench.fetch()
    (file,) = bench.files()
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)

    bench.fetch()

    assert len(bench.person.told) == 2
    assert not file.is_symlink()


def test_another_server_never_gets_what_is_kept(bench: Bench) -> None:
    bench.fetch()
    (file,) = bench.files()
    seen: list[Seen] = []

    def answer(request: Seen) -> Say:
        seen.append(request)
        return Say(400, {"error": "invalid_client"})

    with start_stub(answer) as stub:
        endpoints = Endpoints(
            f"{stub.url}/", "/token", f"{stub.url}/token", others={ENDPOINT: f"{stub.url}/devicecode"}
        )
        with pytest.raises(CredentialsError, match="refuses the login"):
            bench.login().fetch(KnownServer(bench.open_http(stub.url), endpoints, bench.clock))

    assert ["/devicecode"] == [each.path for each in seen]
    kept = json.loads(file.read_text())
    assert not any(kept[name].encode() in each.body for each in seen for name in ("access_token", "refresh_token"))


def test_a_folder_that_cannot_be_written_is_told_and_stops_nothing(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    assert bench.fetch().scopes
    assert [True] == ["the login cannot be kept in" in words for words in bench.person.warned]


def test_off_a_terminal_nobody_is_waited_for(bench: Bench) -> None:
    with pytest.raises(CredentialsError, match="there is no terminal") as caught:
        bench.fetch(terminal=Terminal(None, bench.person.warned.append))

    assert "private_key_jwt" in caught.value.fix
    assert bench.clock.slept == []
    assert "/devicecode" not in [path for _, path, _ in bench.box.log]


def test_off_a_terminal_a_kept_login_serves(bench: Bench) -> None:
    bench.fetch()
    bench.clock.time += timedelta(seconds=3590)

    assert bench.fetch(terminal=Terminal(None, bench.person.warned.append)).scopes


def test_a_user_who_says_no_is_waited_for_until_the_code_is_over(bench: Bench) -> None:
    bench.person.act = lambda words: decide(bench.box.url, code_in(words), is_yes=False)

    with pytest.raises(CredentialsError, match="in time") as caught:
        bench.fetch()

    assert "when it was denied" in caught.value.why
    assert [5.0] * 120 == bench.clock.slept
    assert bench.files() == []


def test_a_user_who_is_no_administrator_is_told_who_gets_the_scopes(bench: Bench) -> None:
    bench.person.act = lambda words: decide(bench.box.url, code_in(words), username="test")

    with pytest.raises(CredentialsError, match="not given the scopes") as caught:
        bench.fetch(WRITE_SCOPES)

    assert "missing: iam:admin.read iam:admin.write" in caught.value.why
    assert "administrator" in caught.value.fix
    assert bench.files() == []


def test_a_public_client_without_offline_access_logs_in_and_keeps_the_access_token(bench: Bench) -> None:
    add_client(
        bench.box.iam,
        client_id="public",
        client_secret=None,
        token_endpoint_auth_method="none",
        scope=READ_SCOPES,
    )
    bench.fetch(proof=PublicClient("public"))

    assert bench.kept()["refresh_token"] is None


def test_a_client_without_the_scopes_is_told_which(bench: Bench) -> None:
    add_client(bench.box.iam, client_id="small", scope=("openid",))

    with pytest.raises(CredentialsError, match="does not have the scopes") as caught:
        bench.fetch(WRITE_SCOPES, proof=SharedSecret("small", Secret(CLIENT_SECRET)))

    assert "ask an administrator of the server to give this client the scopes iam:admin.read iam:admin.write" in (
        caught.value.fix
    )


def test_a_client_without_the_grant_is_told_which(bench: Bench) -> None:
    with pytest.raises(CredentialsError, match="refuses the login") as caught:
        bench.fetch(proof=SharedSecret("admin-client-rw", Secret("secret")))

    assert caught.value.fix.endswith("and needs the grant urn:ietf:params:oauth:grant-type:device_code")


def test_a_public_client_that_has_a_secret_is_told_so(bench: Bench) -> None:
    with pytest.raises(CredentialsError, match="refuses the login") as caught:
        bench.fetch(proof=PublicClient(CLIENT_ID))

    assert "set auth.client_secret" in caught.value.fix


CODES = {"device_code": "hushed-code", "user_code": "ABC", "verification_uri": "https://iam.example.org/device"}


class Scripted:
    """A server that says codes, then one thing after the other at the token endpoint."""

    def __init__(self, codes: Any, *answers: Say) -> None:
        self._codes = codes
        self._answers = list(answers)

    def __call__(self, request: Seen) -> Say:
        return Say(200, self._codes) if request.path == "/devicecode" else self._answers.pop(0)

    def fetch(self, bench: Bench) -> Bearer:
        with start_stub(self) as stub:
            endpoints = Endpoints(
                f"{stub.url}/", "/token", f"{stub.url}/token", others={ENDPOINT: f"{stub.url}/devicecode"}
            )
            bench.person.act = lambda _: None
            http = bench.open_http(stub.url, retry=RetryPolicy(attempts=1))
            return bench.login().fetch(KnownServer(http, endpoints, bench.clock))


def error(code: str) -> Say:
    return Say(400, {"error": code, "error_description": "about hushed-code"})


GRANTED = Say(200, {"access_token": "opaque", "scope": "iam:admin.read", "expires_in": 60})


def test_the_server_s_interval_is_kept_and_slowed_down(bench: Bench) -> None:
    script = Scripted({**CODES, "interval": 2}, error("authorization_pending"), error("slow_down"), GRANTED)

    assert script.fetch(bench).value == Secret("opaque")
    assert [2.0, 2.0, 2.0 + SLOWER] == bench.clock.slept


@pytest.mark.parametrize(("said", "slept"), [(None, 5.0), (0, 5.0), ("x", 5.0), (1e9, 60.0)])
def test_an_interval_of_no_sense_is_not_followed(bench: Bench, said: Any, slept: float) -> None:
    Scripted({**CODES, "interval": said}, GRANTED).fetch(bench)

    assert [slept] == bench.clock.slept


def test_a_server_that_is_away_for_a_while_is_asked_less_often(bench: Bench) -> None:
    script = Scripted(CODES, Say(503, {}), error("authorization_pending"), GRANTED)
    script.fetch(bench)

    assert [5.0, 10.0, 10.0] == bench.clock.slept


def test_an_answer_that_is_lost_while_somebody_is_waited_for_is_asked_for_again(bench: Bench) -> None:
    bench.box.faults.add(Fault(kind=FaultKind.CUT_BEFORE, path="/token"))

    assert bench.fetch().scopes
    assert [5.0, 10.0] == bench.clock.slept


def test_what_is_refused_is_forgotten_when_no_other_run_is_at_the_tokens(bench: Bench) -> None:
    login, http = bench.login(), bench.open_http(bench.box.url)
    bearer = login.fetch(KnownServer(http, discover(http, Issuer.parse(bench.box.issuer)), bench.clock))
    (file,) = bench.files()
    with ThreadPoolExecutor(1) as pool:
        with file.with_suffix(".lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            forgotten = pool.submit(login.forget, bearer)
            assert {forgotten} == wait([forgotten], timeout=0.2).not_done
            bench.tamper(access_token="newer", refresh_token="newer still")
        forgotten.result(timeout=10)
    assert ("newer", "newer still") == (bench.kept()["access_token"], bench.kept()["refresh_token"])


def test_a_login_that_was_never_used_has_nothing_to_forget(bench: Bench) -> None:
    bench.login().forget(Bearer(Secret("any")))

    assert not bench.folder.exists()


@pytest.mark.parametrize(
    ("code", "summary"),
    [
        ("access_denied", "the login was denied"),
        ("expired_token", "the login was not approved in time"),
        ("invalid_grant", "the server refuses the login"),
    ],
)
def test_what_ends_the_wait_is_told_without_the_code(bench: Bench, code: str, summary: str) -> None:
    with pytest.raises(CredentialsError, match=summary) as caught:
        Scripted(CODES, error(code)).fetch(bench)

    assert "hushed-code" not in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    "codes",
    [
        {},
        [],
        {**CODES, "device_code": ""},
        {**CODES, "user_code": 7},
        {**CODES, "verification_uri": "javascript:alert(1)"},
        {**CODES, "verification_uri": "https://["},
        {**CODES, "verification_uri": "https://" + "a" * 600},
    ],
)
def test_codes_of_no_sense_are_not_shown(bench: Bench, codes: Any) -> None:
    with pytest.raises(UnreachableError, match="answer is invalid"):
        Scripted(codes).fetch(bench)

    assert bench.person.told == []


def test_what_the_server_wrote_is_inert(bench: Bench) -> None:
    hostile = {**CODES, "user_code": "A\x1b[2J", "verification_uri_complete": "https://a/\u202e", "expires_in": 59}
    Scripted(hostile, GRANTED).fetch(bench)

    (words,) = bench.person.told
    assert "\x1b" not in words
    assert "\u202e" not in words
    assert "Waiting for 1 min at most" in words


def test_a_server_without_device_codes_says_so(bench: Bench, open_http: OpenHttp) -> None:
    endpoints = Endpoints("https://iam.example.org/", "/token", "https://iam.example.org/token")

    with pytest.raises(CredentialsError, match="no login by device code"):
        bench.login().fetch(KnownServer(open_http(bench.box.url), endpoints, bench.clock))


def test_an_endpoint_elsewhere_gets_nothing(bench: Bench, open_http: OpenHttp) -> None:
    url = "https://iam.example.org/token"
    endpoints = Endpoints(
        "https://iam.example.org/", "/token", url, others={ENDPOINT: "https://evil.example.org/devicecode"}
    )

    with pytest.raises(CredentialsError, match="on another origin"):
        bench.login().fetch(KnownServer(open_http(bench.box.url), endpoints, bench.clock))


def test_a_kept_token_of_another_issuer_is_dropped(bench: Bench, open_http: OpenHttp) -> None:
    bench.fetch()
    foreign = "e30.eyJpc3MiOiJodHRwczovL2Vsc2V3aGVyZS5leGFtcGxlLm9yZyJ9.x"
    bench.tamper(access_token=foreign)
    session = LoginSession(open_http(bench.box.issuer), Issuer.parse(bench.box.issuer), bench.login(), bench.clock)

    with pytest.raises(CredentialsError, match="another issuer's"):
        session.send(READ)

    assert bench.kept()["access_token"] is None
    assert session.send(READ).status == 200
