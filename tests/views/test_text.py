from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.apply.outcome import Delivered, Done, Failed, NotDelivered, NotTried, Report
from iac.core.capabilities import Capabilities
from iac.core.errors import Diagnostic, Location, RenderError, ServerError, Severity, StateError
from iac.core.plan.change import Action, Cause, Change, FieldChange, OutputAction, OutputChange, SecretChange
from iac.core.plan.guards import guard
from iac.core.plan.plan import PendingWrite, Plan
from iac.views.layout import TextLayout
from iac.views.text import ended_text, plan_text, report_text, summary_line
from tests.every import every

HOSTILE = "a\x1b[31mred\u202eder\u200b\n::error::| `x` <b>@team</b>\r\u2028"
ANSI = re.compile(r"\x1b\[\d+m")


def change(**more: Any) -> Change:
    told: dict[str, Any] = {
        "address": "team/app",
        "client_id": "app",
        "client_name": "An app",
        "action": Action.UPDATE,
        "reason": "because",
        "location": Location("clients.d/team/app.yaml", 3),
        "secret": SecretChange.KEPT,
    }
    return Change(**{**told, **more})


def plan(*changes: Change, **more: Any) -> Plan:
    return Plan("rucio", "default", "https://iam.example.org/", Capabilities(provider="iam-admin"), changes, **more)


def shown(found: Plan) -> list[str]:
    return plan_text(found, color=False).splitlines()


def test_an_empty_plan_says_so() -> None:
    expected = [
        "rucio, environment default, https://iam.example.org/ (iam-admin)",
        "",
        "Plan: no changes; 3 unchanged, 2 not managed here.",
    ]
    assert expected == shown(plan(no_op=3, unmanaged=2))


def test_a_change_says_who_why_where_what_and_what_follows() -> None:
    fields = (
        FieldChange("client_name", "Old", "New", Cause.SERVER),
        FieldChange("reuse_refresh_token", before=None, after=True, cause=Cause.DEFINITION),
        FieldChange("require_auth_time", before=True, after=False, cause=Cause.DEFINITION),
        FieldChange("id_token_validity_seconds", 600, 60, Cause.DEFINITION),
        FieldChange(
            "grant_types",
            ("implicit",),
            ("urn:ietf:params:oauth:grant-type:device_code",),
            Cause.BOTH,
            ("urn:ietf:params:oauth:grant-type:device_code",),
            ("implicit",),
        ),
    )
    outputs = (
        OutputChange("out/app.env", "file", OutputAction.UPDATE),
        OutputChange("out/same.env", "file", OutputAction.UNCHANGED),
    )
    finding = Diagnostic(
        "redirect-uri-refused",
        "some servers refuse it",
        Location("clients.d/team/app.yaml", 7, 3),
        "a change fails there",
        "use https",
        Severity.WARNING,
        "team/app",
    )
    found = plan(change(fields=fields, secret=SecretChange.ROTATED, outputs=outputs, findings=(finding,)))
    expected = [
        '  ~ team/app: update app "An app"',
        "      clients.d/team/app.yaml:3 - because",
        "      client_name                    Old -> New  (changed on the server)",
        "      reuse_refresh_token            (none) -> true",
        "      require_auth_time              true -> false",
        "      id_token_validity_seconds      600 -> 60",
        "      grant_types  (changed here and on the server)",
        "        + device_code",
        "        - implicit",
        "      secret                         rotated",
        "      output                         out/app.env (update)",
        "      clients.d/team/app.yaml:7:3: warning: some servers refuse it [redirect-uri-refused]",
        "        a change fails there",
        "        fix: use https",
        "",
        "Plan: 1 to update; 0 unchanged, 0 not managed here.",
    ]
    assert expected == shown(found)[2:]


@pytest.mark.parametrize(("count", "words"), [(1, "1 finding of policy"), (2, "2 findings of policy")])
def test_what_policy_refuses_is_counted_where_refusals_are(count: int, words: str) -> None:
    finding = Diagnostic("password-grant", "not here")
    found = plan(change(findings=(finding,)), findings=(finding,) * (count - 1))
    assert f"Refused: {words}" in shown(found)
    assert "Refused" not in "".join(shown(plan(change(findings=(replace(finding, severity=Severity.WAIVED),)))))


def test_a_create_shows_values_and_a_leaver_only_why() -> None:
    fields = (FieldChange("scope", None, ("a", "b"), Cause.DEFINITION, ("a", "b")),)
    created = change(action=Action.CREATE, fields=fields, secret=SecretChange.CREATED, client_name="", location=None)
    forgotten = change(address="team/old", action=Action.FORGET, secret=SecretChange.NONE, reason="")
    expected = [
        "  + team/app: create app",
        "      because",
        "      scope                          a b",
        "      secret                         created",
        "",
        '  x team/old: forget app "An app"',
        "      clients.d/team/app.yaml:3",
        "",
        "Plan: 1 to create, 1 to forget; 0 unchanged, 0 not managed here.",
    ]
    assert expected == shown(plan(created, forgotten))[2:]


def test_one_value_that_is_taken_over_stands_beside_the_one_before() -> None:
    taken = {"team/app": (FieldChange.of("client_name", "Old", "New", Cause.SERVER),)}
    assert "taken over team/app: client_name Old -> New" in "\n".join(shown(plan(taken_over=taken)))


def test_one_value_that_was_there_already_is_said_once() -> None:
    taken = {"team/app": (FieldChange.of("contacts", ("a@x",), ("a@x",), Cause.SERVER),)}
    assert "taken over team/app: contacts a@x (on the server" in "\n".join(shown(plan(taken_over=taken)))


def test_what_is_known_beside_changes_is_said_before_refusals() -> None:
    found = plan(
        moved=(("team/old", "team/new"),),
        released={"team/app": ("contacts", "client_uri")},
        taken_over={"team/app": (FieldChange.of("contacts", ("a@x",), ("b@x",), Cause.SERVER),)},
        pending=(PendingWrite("team/app", "app", "create", "2026-11-23T10:00:00Z"),),
        findings=(Diagnostic("odd", "an odd thing", severity=Severity.WARNING, where="team/app"),),
        guards=(
            guard(
                "max-deletes", "too many", ("a", "b"), limit="1", value="2", setting="limits.max_deletes: 2 in iac.yaml"
            ),
            guard("deleted-on-server", "it is gone", ("c",), why="why", setting="remove it", flag="--recreate c"),
        ),
    )
    expected = [
        "  moved team/old -> team/new",
        "  released team/app: contacts, client_uri (the values on the server stay)",
        "  taken over team/app: contacts + b@x - a@x (on the server already, apply notes it in the state)",
        "  interrupted team/app: a create that began at 2026-11-23T10:00:00Z did not finish",
        "  warning: team/app: an odd thing [odd]",
        "",
        "Refused: 2 guards",
        "  error: too many [max-deletes]",
        "    fix: limits.max_deletes: 2 in iac.yaml",
        "  error: c: it is gone [deleted-on-server]",
        "    why",
        "    fix: remove it, or --recreate c",
        "",
    ]
    assert expected == shown(found)[2:-1]
    assert "Refused: 1 guard" in shown(replace(found, guards=found.guards[:1]))


@every("action", Action)
def test_every_action_is_shown_and_counted(action: Action) -> None:
    found = plan(change(action=action))
    assert f"team/app: {action} app" in plan_text(found, color=False)
    assert f"1 to {action};" in summary_line(found)


def test_colour_adds_colours_and_nothing_else() -> None:
    fields = (FieldChange("scope", ("a",), ("b",), Cause.DEFINITION, ("b",), ("a",)),)
    found = plan(change(fields=fields), guards=(guard("x", "y", ("z",), setting="w"),))
    coloured = plan_text(found, color=True)
    assert plan_text(found, color=False) == ANSI.sub("", coloured)
    assert "\x1b[31m- a\x1b[0m" in coloured


def report(**more: Any) -> Report:
    written = OutputChange("out/a.env", "file", OutputAction.CREATE)
    gone = OutputChange("out/b.env", "file", OutputAction.DELETE)
    told: dict[str, Any] = {
        "digest": "sha256:x",
        "outcomes": (
            Done(change(action=Action.CREATE)),
            Failed(change(address="team/b"), ServerError("no", where="team/b", why="it says so", fix="ask")),
            NotTried(change(address="team/c"), "interrupted"),
        ),
        "outputs": (
            Delivered(written, is_changed=True),
            Delivered(written, is_changed=False),
            Delivered(gone, is_changed=True),
            NotDelivered(written, RenderError("disk full", fix="make room")),
        ),
    }
    return Report(**{**told, **more})


def test_a_report_says_what_failed_and_what_was_not_tried() -> None:
    expected = [
        "! team/b (app): update failed",
        "    no: team/b",
        "    it says so",
        "    fix: ask",
        ". team/c (app): update not tried: interrupted",
        "! out/a.env: not written",
        "    disk full",
        "    fix: make room",
        "",
        "Apply: 1 done, 1 failed, 1 not tried, 1 output not written. iac apply plans exactly the rest.",
    ]
    assert expected == report_text(report(), color=False).splitlines()


def test_what_is_done_is_told_when_it_ends_and_a_complete_report_is_its_count() -> None:
    (done, failed, _), (written, same, gone, unwritten) = report().outcomes, report().outputs
    told = [ended_text(result, TextLayout(color=False)) for result in (done, written, same, gone)]
    assert "+ team/app (app): create done" == told[0]
    assert ["  out/a.env: written", "  out/a.env: up to date already", "  out/b.env: removed"] == told[1:]
    live = [ended_text(result, TextLayout(color=False)) for result in (failed, unwritten)]
    assert [
        "! team/b (app): update failed, the report says why",
        "! out/a.env: not written, the report says why",
    ] == live
    complete = report(outcomes=(done,), outputs=(written, same, gone))
    assert ["", "Apply: 1 done."] == report_text(complete, color=False).splitlines()


def test_a_state_that_was_not_written_is_said() -> None:
    unsaved = report(outcomes=report().outcomes[:1], outputs=(), unsaved=StateError("disk full", fix="make room"))
    text = report_text(unsaved, color=False)
    assert "disk full" in text
    assert "fix: make room" in text
    assert "Apply: 1 done." not in text


def _everywhere(text: str) -> tuple[Plan, Report]:
    hostile = change(
        address=text,
        client_id=text,
        client_name=text,
        reason=text,
        location=Location(text),
        fields=(
            FieldChange("client_name", text, text, Cause.BOTH),
            FieldChange("scope", (text,), (text,), Cause.BOTH, (text,), (text,)),
        ),
        outputs=(OutputChange(text, text, OutputAction.UPDATE),),
        findings=(Diagnostic("odd", text, None, text, text, Severity.WARNING, text),),
    )
    found = Plan(
        text,
        text,
        text,
        Capabilities(provider="iam-admin"),
        (hostile, replace(hostile, action=Action.CREATE)),
        guards=(guard("x", text, (text,), why=text, limit=text, value=text, setting=text, flag=text),),
        findings=(Diagnostic("odd", text, None, text, text, Severity.WARNING, text),),
        released={text: (text,)},
        pending=(PendingWrite(text, text, text, text),),
        moved=((text, text),),
    )
    error = ServerError(text, where=text, why=text, fix=text)
    outcomes = (Done(hostile), Failed(hostile, error), NotTried(hostile, text))
    outputs = (Delivered(hostile.outputs[0], is_changed=True), NotDelivered(hostile.outputs[0], RenderError(text)))
    return found, Report("sha256:x", outcomes, outputs, unsaved=StateError(text, why=text))


@given(st.one_of(st.just(HOSTILE), st.text(min_size=1)))
def test_text_of_users_and_servers_stays_inert_wherever_it_stands(text: str) -> None:
    found, told = _everywhere(text)
    ended = [ended_text(one, TextLayout(color=False)) for one in (*told.outcomes, *told.outputs)]
    for lines in (plan_text(found, color=False), report_text(told, color=False), *ended):
        assert [] == [line for line in lines.split("\n") if not line.isprintable()]
    plain_plan, plain_report = _everywhere("x")
    assert plan_text(plain_plan, color=False).count("\n") == plan_text(found, color=False).count("\n")
    assert report_text(plain_report, color=False).count("\n") >= 1


def test_a_client_whose_id_nobody_knows_any_more_is_named_by_its_address() -> None:
    left = change(action=Action.FORGET, client_id="", client_name="", reason="only its output is left")
    assert "  x team/app: forget" in shown(plan(left))
    assert "x team/app: forget done" == ended_text(Done(left), TextLayout(color=False))


def test_what_is_wider_than_a_terminal_goes_on_below_and_loses_nothing() -> None:
    scopes = tuple(f"storage.read:/dune/data/{number}" for number in range(12))
    fields = (
        FieldChange("scope", None, scopes, Cause.DEFINITION, scopes),
        FieldChange("client_uri", None, f"https://app.example.org/{'x' * 250}", Cause.DEFINITION),
    )
    found = plan(change(action=Action.CREATE, fields=fields))
    lines = plan_text(found, color=False, width=80).splitlines()
    assert 80 >= max(len(line) for line in lines)
    assert "".join(plan_text(found, color=False).split()) == "".join("".join(lines).split())
    assert "      scope                          storage.read:/dune/data/0" in lines
    assert f"{'':37}storage.read:/dune/data/1" in lines


def test_an_address_stays_whole_so_that_it_can_be_copied() -> None:
    url = f"https://app.example.org/{'a-b.' * 20}"
    fields = (FieldChange("redirect_uris", None, (url, "https://b.example"), Cause.DEFINITION),)
    lines = plan_text(plan(change(action=Action.CREATE, fields=fields)), color=False, width=80).splitlines()
    at = lines.index("      redirect_uris")
    assert [f"{'':10}{url}", f"{'':10}https://b.example"] == lines[at + 1 : at + 3]


def test_colour_of_a_wide_line_is_that_of_all_its_rows() -> None:
    fields = (FieldChange("scope", (), ("x" * 250,), Cause.DEFINITION, ("x" * 250,)),)
    rows = [line for line in plan_text(plan(change(fields=fields)), color=True, width=80).splitlines() if "xxx" in line]
    assert 4 == len(rows)
    assert all(re.fullmatch(r" {8}\x1b\[32m(?:\+| {4}) *x+\x1b\[0m", row) for row in rows[1:])


def test_a_value_of_too_many_rows_is_cut_and_says_how_much_is_missing() -> None:
    fields = (FieldChange("jwk", None, "k" * 5_000, Cause.DEFINITION),)
    lines = plan_text(plan(change(fields=fields)), color=False, width=80).splitlines()
    cut = next(line for line in lines if "more characters" in line)
    missing = int(cut.split()[1].replace(",", ""))
    assert "see --format json" in cut
    assert 5_000 == missing + sum(line.replace("jwk", "").count("k") for line in lines if "kk" in line)
    assert "k" * 5_000 in plan_text(plan(change(fields=fields)), color=False)


def test_a_narrow_terminal_is_taken_for_one_of_40_characters() -> None:
    found = plan(change(reason="because of many words " * 5))
    assert plan_text(found, color=False, width=40) == plan_text(found, color=False, width=1)


def test_a_plan_that_could_not_read_all_says_so() -> None:
    assert any("could not read everything" in line for line in shown(plan(complete=False)))
