"""A plan file is applied only where its text, which people read, says what will be done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.message import Response
from tests.blackbox.kit import bent

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project

CLIENT = {"redirect_uris": ["https://portal.example.org/cb"]}
FILE = "plan.json"


@pytest.fixture
def saved(project: Project) -> Any:
    """A saved plan: an update with an output, and a create."""
    project.define("team/portal", **CLIENT, outputs=[{"template": "dotenv", "path": "out/portal.env"}])
    assert 0 == project.apply().code
    project.define(
        "team/portal", **CLIENT, client_uri="https://portal.example.org/",
        outputs=[{"template": "dotenv", "path": "out/portal.env"}],
    )  # fmt: skip
    project.define("team/second", **CLIENT)
    project.done("plan", "--out", FILE)
    return json.loads(project.read(FILE))


def rewrite(project: Project, document: Any, *path: Any, to: Any) -> None:
    holder = document
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = to
    project.write(FILE, json.dumps(document))


def test_a_file_as_it_was_saved_is_applied(project: Project, saved: Any) -> None:
    assert 2 == len(saved["changes"])
    project.done("apply", FILE)


@pytest.mark.parametrize(
    ("path", "to", "told"),
    [
        ((0, "action"), "adopt", ("team/portal: action", '"adopt"', '"update"')),
        ((0, "client_id"), "other", ("team/portal: client_id", '"other"', '"team-portal"')),
        ((0, "secret"), "rotated", ("team/portal: secret", '"rotated"', '"kept"')),
        ((0, "fields"), [], ("team/portal: fields", "[]", "client_uri")),
        (
            (0, "fields", 0, "after"),
            "https://elsewhere.example.org/",
            ("team/portal: fields.client_uri.after", "elsewhere.example.org", "portal.example.org"),
        ),
        ((0, "outputs"), [], ("team/portal: outputs", "[]", "out/portal.env")),
        ((1, "secret"), "none", ("team/second: secret", '"none"', '"created"')),
        ((1, "action"), "forget", ("team/second: action", '"forget"', '"create"')),
    ],
)
def test_a_file_whose_text_was_edited_is_refused_with_both_texts(
    project: Project, saved: Any, path: tuple[Any, ...], to: Any, told: tuple[str, ...]
) -> None:
    rewrite(project, saved, "changes", *path, to=to)
    before = project.state()
    said = project.iac("apply", FILE)
    assert 4 == said.code
    for text in told:
        assert text in said.err
    assert before == project.state()
    assert 2 == len(project.iac("plan", "--format", "json").json()["changes"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "",
        lambda _: "[]",
        lambda _: '{"valid": true}',
        lambda text: "\ufeff" + text,
        lambda text: text.replace('"format_version": "1.', '"format_version": "2.'),
        lambda text: text.replace('"address": "team/second"', '"address": "team/portal"'),
        lambda text: text.replace('"address": "team/second"', '"address": ["team/second"]'),
        lambda text: text.replace('"action": "create"', '"action": "bless"', 1),
        lambda text: text.replace('"digest"', '"digest": "sha256:0", "digest"', 1),
        lambda text: json.dumps({**json.loads(text), "changes": json.loads(text)["changes"][:1]}),
        lambda text: json.dumps({**json.loads(text), "digest": "sha256:" + "0" * 64}),
    ],
)  # fmt: skip
def test_a_file_that_is_cut_or_no_plan_is_refused_before_anything_is_read(
    project: Project, sandbox: Sandbox, saved: Any, spoil: Callable[[str], str]
) -> None:
    assert saved
    project.write(FILE, spoil(project.read(FILE)))
    before = len(sandbox.log)
    said = project.iac("apply", FILE)
    assert 1 == said.code
    assert "error: the saved plan is damaged" in said.err
    assert "fix: save a plan: iac plan --out FILE" in said.err
    assert before == len(sandbox.log)


def test_the_rest_of_a_saved_plan_is_applied_and_held_against_its_text(
    project: Project, sandbox: Sandbox, saved: Any
) -> None:
    def refuse(request: Request, answer: Callable[[], Response]) -> Response:
        if request.method == "PUT":
            return Response(403, {"Content-Type": "application/json"}, b'{"error": "not today"}')
        return answer()

    with bent(sandbox, refuse):
        assert 5 == project.iac("apply", FILE).code
    text = project.read(FILE)
    rewrite(project, saved, "changes", 0, "fields", 0, "after", to="https://elsewhere.example.org/")
    assert 4 == project.iac("apply", FILE).code
    project.write(FILE, text)
    project.done("apply", FILE)
    assert 0 == project.iac("plan", "--detailed-exitcode").code


def test_a_file_of_format_1_0_is_applied(project: Project, saved: Any) -> None:
    saved["format_version"] = "1.0"
    saved.pop("recipients", None)
    for change in saved["changes"]:
        change.pop("recipients", None)
        for output in change["outputs"]:
            output.pop("recipients", None)
    project.write(FILE, json.dumps(saved))
    project.done("apply", FILE)
