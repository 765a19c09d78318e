"""A server for the scenarios: what each adapter can do to it behind the tool's back."""

from __future__ import annotations

import io
import json
import re
import sys
from abc import ABC, abstractmethod
from contextlib import redirect_stderr, redirect_stdout
from copy import copy
from typing import TYPE_CHECKING, Any

from iac.cli import run
from tests.e2e.project import with_lineage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pytest

ADDRESS = "team/portal"


class Place(ABC):
    """One way to one server.

    Attributes:
        column: its name in the table; `version` which of several of that name.
        can_choose_id: a definition names the client_id.
        has_token: clients are reached by registration access tokens.
        scopes: of the client that the scenarios change; None where a definition leaves them to the server.
        login_scopes: of a client by which iac logs in; None for those of any client.
        is_iam: the server is an INDIGO IAM.
        fields: of the definition, beside what is common, that this server needs.
    """

    column: str
    version = ""
    can_choose_id = False
    has_token = False
    scopes: Sequence[str] | None = ("openid", "profile")
    login_scopes: Sequence[str] | None = None
    is_iam = False

    @abstractmethod
    def settings(self) -> str:
        """Issuer, provider and auth of iac.yaml."""

    @abstractmethod
    def environ(self) -> Mapping[str, str]:
        """What the login needs."""

    @abstractmethod
    def ids(self) -> set[str]:
        """The clients that there are."""

    @abstractmethod
    def register_by_hand(self) -> Mapping[str, Any]:
        """Somebody registers a client; the whole answer."""

    @abstractmethod
    def change(self, client_id: str, name: str) -> None:
        """Somebody gives a client another client_name."""

    @abstractmethod
    def remove(self, client_id: str) -> None:
        """Somebody deletes a client."""

    @abstractmethod
    def logs_in(self, client_id: str, secret: str) -> bool:
        """Whether the token endpoint takes the secret."""

    @abstractmethod
    def lose_next(self, method: str) -> None:
        """The next call of this method about a client is done, and its answer lost: POST registers one."""

    @abstractmethod
    def end_tokens(self, client_id: str) -> None:
        """The client's registration access tokens end; another one takes their place."""

    @abstractmethod
    def age_tokens(self, client_id: str) -> bool:
        """Make the tokens so old that the next PUT brings another; False where age is no matter."""

    def let_register(self, client_id: str) -> str:
        """An administrator lets a client register others: what it is given, "" where a server has no such right."""
        del client_id
        return ""

    def mark(self, client_id: str) -> None:
        """Somebody sets what no definition has."""
        raise NotImplementedError

    def is_marked(self, client_id: str) -> bool:
        """Whether that is still there."""
        raise NotImplementedError

    def bad_initial(self) -> Mapping[str, str]:
        """Initial access tokens that do not do, by what is wrong with them."""
        return {}

    def policies(self) -> Mapping[str, Mapping[str, Any]]:
        """Fields of a definition that a policy of the server refuses, by the policy's name."""
        return {}


REFUSED = 3


def _words(problem: Mapping[str, Any]) -> str:
    """What the server says, else what iac does, without what differs from run to run."""
    words = "; ".join(part for part in (problem.get("summary"), problem.get("why")) if part)
    for part in (problem.get("summary"), problem.get("why")):
        if part and "the server says" in part:
            words = part[part.index("the server says") :]
    words = re.sub(r"it ended at \S+, and now is \S+", "it ended at TIME", words)
    words = re.sub(r"client \S+-\S+-\S+|[0-9a-f]{8}-[0-9a-f-]{27}", "client", words)
    return re.sub(r" at line \d+ column \d+\.?|https?://(?:localhost|127\.0\.0\.1):\d+", "", words)


class Work:
    """A project on disk at one place."""

    def __init__(self, root: Path, place: Place, recipient: str) -> None:
        self.root, self.place = root, place
        state = f"state:\n  encryption: {{recipients: [{recipient}], identity: {{env: IAC_AGE_IDENTITY}}}}\n"
        self.write("iac.yaml", with_lineage(f"project: demo\n{place.settings()}{state}"))
        assert self.iac("state", "init")[0] == 0

    def beside(self, name: str, auth: str) -> Work:
        """Another project at the same place, with a login of its own."""
        other = copy(self)
        other.root = self.root / name
        settings = re.sub(r"(?m)^auth: .*$", f"auth: {auth}", f"project: {name}\n{self.place.settings()}")
        state = (self.root / "iac.yaml").read_text(encoding="utf-8").partition("state:\n")[2].partition("removed:")[0]
        other.write("iac.yaml", with_lineage(settings + "state:\n" + re.sub(r"(?m)^  lineage: .*\n", "", state)))
        assert other.iac("state", "init")[0] == 0
        return other

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def define(self, address: str = ADDRESS, **values: Any) -> None:
        """A definition, as small as it can be but for `values`."""
        given: dict[str, Any] = {
            "client_name": f"Client {address}",
            "redirect_uris": ["https://portal.example.org/cb"],
            **({} if self.place.scopes is None else {"scope": list(self.place.scopes)}),
            "outputs": [{"template": "json", "path": f"out/{address}.json"}],
        }
        if self.place.can_choose_id:
            given["client_id"] = address.replace("/", "-")
        self.write(f"clients.d/{address}.yaml", json.dumps({**given, **values}, indent=1))

    def drop(self, address: str) -> None:
        """Take a definition out that was never applied."""
        (self.root / f"clients.d/{address}.yaml").unlink()

    def undefine(self, address: str = ADDRESS, then: str = "delete") -> None:
        (self.root / f"clients.d/{address}.yaml").unlink()
        text, _, removed = (self.root / "iac.yaml").read_text(encoding="utf-8").partition("removed:\n")
        self.write("iac.yaml", f"{text}removed:\n{removed}- {{address: {json.dumps(address)}, then: {then}}}\n")

    def iac(self, *arguments: str, given: str | None = None) -> tuple[int, str, str]:
        """One command: its exit code, stdout, stderr. `given` is what it gets on stdin."""
        out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
        if given is not None:
            sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = run(["-C", str(self.root), *arguments])
        finally:
            sys.stdin = stdin
        assert "Traceback" not in err.getvalue() + out.getvalue()
        return code, out.getvalue(), err.getvalue()

    def feed(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        """What the next command reads from stdin."""
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    def take_in(self, made: Mapping[str, Any], *arguments: str) -> tuple[int, str, str]:
        """Import a client, by its token where it has one."""
        command = ("import", str(made["client_id"]), *arguments)
        if not self.place.has_token:
            return self.iac(*command)
        given = f"{made['registration_access_token']}\n"
        return self.iac(*command, "--uri", made["registration_client_uri"], given=given)

    def apply(self, *arguments: str) -> tuple[int, str, str]:
        return self.iac("apply", "--auto-approve", *arguments)

    def refusal(self) -> str:
        """Why an apply does not do all that is wanted, in the words of whoever refuses; "" when it does."""
        code, out, err = self.iac("apply", "--auto-approve", "--format", "json")
        said = json.loads(out)
        if code == 0:
            return ""
        if code == REFUSED:
            return "plan refuses it: " + " ".join(dict.fromkeys(guard["id"] for guard in self.plan()["guards"]))
        problems = [failed["problem"] for failed in said.get("failed", ())] or [said["error"]]
        return "; ".join(dict.fromkeys(_words(problem) for problem in problems)) or err

    def mistake(self) -> str:
        """Why `iac validate` refuses a definition; "" when it does not."""
        code, out, _ = self.iac("validate", "--format", "json")
        errors = [each for each in json.loads(out)["diagnostics"] if each["severity"] == "error"]
        return f"validate: {errors[0]['summary']}" if code else ""

    def plan(self) -> dict[str, Any]:
        code, out, err = self.iac("plan", "--format", "json", "--detailed-exitcode")
        plan: dict[str, Any] = json.loads(out)
        assert code == (3 if plan["guards"] else 2 if plan["changes"] else 0), err
        return plan

    def is_settled(self) -> bool:
        """Whether plan has nothing to do and knows it."""
        plan = self.plan()
        return not plan["changes"] and not plan["guards"] and not plan["pending"] and plan["complete"]

    def guards(self) -> list[str]:
        return [guard["id"] for guard in self.plan()["guards"]]

    def held(self, address: str = ADDRESS) -> dict[str, Any]:
        """What state has of an address."""
        document = json.loads((self.root / ".iac/state.json").read_text(encoding="utf-8"))
        found: dict[str, Any] = document["clients"][address]
        return found

    def rendered(self, address: str = ADDRESS) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / f"out/{address}.json").read_text(encoding="utf-8"))
        return found

    def logs_in(self, address: str = ADDRESS) -> bool:
        """Whether what was rendered logs in."""
        found = self.rendered(address)
        return self.place.logs_in(found["client_id"], found["client_secret"])
