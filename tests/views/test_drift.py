"""What drifted, as text and as the body of an issue: all of it said, inert, within a budget."""

from __future__ import annotations

import re

import cmarkgfm
import pytest
from msgspec.structs import replace

from iac.core.drift import ClientDrift, Drift, SecretDrift
from iac.core.errors import Diagnostic, Location
from iac.core.plan.change import Cause, FieldChange
from iac.views.drift import drift_markdown, drift_text, nightly_markdown
from iac.views.kind import BUDGET, SMALLEST_BUDGET
from tests.every import every
from tests.views.given import plan_of
from tests.views.hostile import LOADED, TEXTS

SCOPE = FieldChange("scope", ("a",), ("b",), Cause.SERVER, ("b",), ("a",))
NAME = FieldChange("client_name", "Then", "Theirs", Cause.BOTH)


def _drift(*clients: ClientDrift, word: str = "rucio") -> Drift:
    return Drift(word, word, word, word, clients, 4)


def _client(address: str = "team/app", **more: object) -> ClientDrift:
    given = {"fields": (SCOPE, NAME), "secret": SecretDrift.CHANGED, **more}
    return ClientDrift(address, "app", "An app", Location("clients.d/app.yaml", 3), **given)  # type: ignore[arg-type]


GONE = _client("team/gone", fields=(), secret=SecretDrift.SAME, gone=True)


def test_text_shows_each_client_with_what_was_changed_and_counts() -> None:
    expected = """\
rucio, environment rucio, rucio (rucio)

  ~ team/app: changed on the server (app, "An app")
      clients.d/app.yaml:3
      scope  (changed on the server)
        + b
        - a
      client_name                    Then -> Theirs  (changed here and on the server)
      secret                         changed

  - team/gone: gone from the server (app, "An app")
      clients.d/app.yaml:3
      fix: iac apply --recreate team/gone creates it again, with a new secret if it has one

Drift: 1 changed on the server, 1 gone from it; 4 as applied.
"""
    assert expected == drift_text(_drift(_client(), GONE), color=False)


def test_text_without_drift_is_two_lines() -> None:
    expected = "rucio, environment rucio, rucio (rucio)\n\nDrift: nothing was changed on the server; 4 as applied.\n"
    assert expected == drift_text(_drift(), color=False)


def test_what_nobody_can_compare_is_a_line_of_text_and_of_markdown_and_a_key_of_json() -> None:
    names = {"team/app": ("secret", "jwk"), "team/other": ("secret",)}
    drift = replace(_drift(), not_compared=names)
    said = "Not compared (hidden by the server, or unknown to iac):"
    line = f"{said} jwk of 1 client, secret of 2 clients."
    assert drift_text(drift, color=False).endswith(f"4 as applied.\n{line}\n")
    assert f"\n{line}\n" in drift_markdown(drift, BUDGET)
    assert {name: list(fields) for name, fields in names.items()} == drift.to_dict()["not_compared"]


def test_text_counts_disabled_clients_among_those_that_changed_and_says_when_nothing_is_applied() -> None:
    disabled = _client(fields=(), secret=SecretDrift.SAME, disabled=True)
    said = drift_text(_drift(_client("team/other"), disabled), color=False)
    assert "Drift: 2 changed on the server (1 disabled); 4 as applied." in said
    nothing = drift_text(Drift("a", "b", "c", "d"), color=False)
    assert nothing.endswith("Drift: nothing to compare, no defined client is applied.\n")


def test_markdown_is_the_body_of_an_issue() -> None:
    expected = """\
### Drift: 1 changed on the server, 1 gone from it; 4 as applied.

Project `rucio`, environment `rucio`, issuer `rucio`, provider `rucio`

#### Clients

- `team/app`: `scope`, `client_name`, `secret`
- `team/gone`: **gone from the server**

<details>
<summary><code>team/app</code> changed</summary>

client `app`, `An app`, `clients.d/app.yaml:3`

```diff
@@ scope @@
- a
+ b
@@ client_name @@ changed here, too
- Then
+ Theirs
@@ secret @@
! changed
```

</details>

<details>
<summary><code>team/gone</code> gone</summary>

client `app`, `An app`, `clients.d/app.yaml:3`

</details>

"""
    ways = (
        "`iac apply` makes it as defined again.\n"
        "`iac drift --accept ADDR` writes the server's values into the definition, for review.\n"
        "`iac apply --recreate ADDR` creates a client again that is gone, with a new secret if it has one.\n"
    )
    assert expected + ways == drift_markdown(_drift(_client(), GONE), BUDGET)


def test_markdown_without_drift_says_so() -> None:
    text = drift_markdown(_drift(), BUDGET)
    assert text.startswith("### Drift: nothing was changed on the server; 4 as applied.\n")
    assert "iac apply" not in text


def _hostile(text: str, number: int = 0) -> ClientDrift:
    field = FieldChange("scope", (text,), (text + "!",), Cause.SERVER, (text + "!",), (text,))
    name = FieldChange("client_name", text, text + "!", Cause.BOTH)
    return ClientDrift(f"{text}{number}", text, text, Location(text), fields=(field, name))


@every("text", [*TEXTS, LOADED])
def test_text_of_others_is_inert(text: str) -> None:
    """Rendered by GitHub's own parser it makes no other elements than harmless text makes."""
    drift = _drift(_hostile(text), word=text)
    plain = _drift(_hostile("x"), word="x")
    shown, expected = (
        re.findall(r"<(/?[a-z0-9]+)", cmarkgfm.github_flavored_markdown_to_html(drift_markdown(each, BUDGET)))
        for each in (drift, plain)
    )
    assert set(expected) >= set(shown)
    said = drift_text(drift, color=False)
    assert all(char.isprintable() or char == "\n" for char in said)
    assert "##[" not in said + drift_markdown(drift, BUDGET)
    assert not re.search(r"^\s*::", said, re.MULTILINE)


@pytest.mark.parametrize("budget", [SMALLEST_BUDGET, 20_000, BUDGET])
def test_markdown_keeps_its_budget_and_says_what_is_left_out(budget: int) -> None:
    text = drift_markdown(_drift(*(_hostile(LOADED, number) for number in range(500)), word=LOADED * 9), budget)
    assert len(text) <= budget
    assert "left out.** `iac drift --format json` has everything." in text
    assert "500 changed on the server" in text


def test_names_come_before_differences() -> None:
    clients = [_client(f"team/app{number}") for number in range(500)]
    text = drift_markdown(_drift(*clients), BUDGET)
    assert all(f"`{client.address}`" in text for client in clients)


def test_the_issue_of_the_night_says_of_a_secret_once_that_it_ends() -> None:
    ending = Diagnostic("secret-expires", "the client secret expires soon", where="team/web")
    plan = plan_of({"findings": [ending.to_dict() | {"address": "team/web"}]})
    body = nightly_markdown(replace(_drift(_client()), findings=(ending,)), plan, "", BUDGET)
    assert 1 == body.count("the client secret expires soon")
