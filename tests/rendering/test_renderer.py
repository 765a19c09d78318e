"""Templates of the project in a process of their own: the same results and errors, and no harm from what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import RenderError
from iac.core.limits import TEMPLATE_FAILURES, TOO_LONG, TOO_MANY, TOO_MUCH
from iac.core.secret import Secret
from iac.rendering import answer as process
from iac.rendering.content import ContentMismatch, MalformedContent, read_credentials
from iac.rendering.context import dummy_key
from iac.rendering.engine import render
from iac.rendering.renderer import Question, Renderer, pack
from iac.rendering.template import load_templates
from tests.rendering.given import FACTS, credentials, output, template
from tests.rendering.test_render import BREAKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.core.desired import OutputSpec
    from iac.rendering.template import Template

CLIENTS = {"wlcg/app": credentials(secret="50% é")}
TEXTS = [
    *BREAKING,
    "{% for name in client %}{{ name }} {% endfor %}{{ client | json }} {{ values | json }}",
    "{{ client.scope + ['x'] }}",
    "\n{{ client.client_secrt }}",
    "\n{{ x | sehll }}",
    "{% if x %}",
    f"{{{{ {'(' * 50_000}1{')' * 50_000} }}}}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
]
VALUES = {"a": [1, {"b": 2.5, "c": None}], "é": "\ud800", "big": 10**30}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """One for all tests, as one serves a whole command."""
    return Renderer()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Renderer:
    """One whose process is this one, so that its code is measured."""

    class Here:
        def ask(self, question: bytes, **_: object) -> bytes:
            return process.answer(question)

        def close(self) -> None:
            pass

    monkeypatch.setattr("iac.process.Worker", lambda *_, **__: Here())
    return Renderer()


def outcome(do: Callable[[], Any]) -> object:
    try:
        return do()
    except RenderError as error:
        return error.location, error.lines()
    except (ContentMismatch, MalformedContent) as error:
        return type(error), str(error)


@pytest.mark.parametrize("text", TEXTS)
def test_results_and_errors_are_those_of_rendering_in_place(renderer: Renderer, here: Renderer, text: str) -> None:
    spec, given = output(values=VALUES), template(text)
    expected = outcome(lambda: render(given, spec, CLIENTS, FACTS))
    assert expected == outcome(lambda: renderer.render(given, spec, CLIENTS, FACTS))
    assert expected == outcome(lambda: here.render(given, spec, CLIENTS, FACTS))


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a={{ client.client_id }}\nb={{ client.client_secret }}\n", b"a=mine\nb=secret\n"),
        ("a={{ client.client_id }}\n", b"b=\xff\n"),
        ("a={{ client.client_id | upper }}\n", b"a=MINE\n"),
        ("{{ client.private_key.kid }} {{ client.client_id }}", b"k1 mine"),
        ("{{ nothing }}", b""),
    ],
)
def test_files_are_read_back_as_in_place(renderer: Renderer, here: Renderer, text: str, content: bytes) -> None:
    clients = {"wlcg/app": credentials()}
    clients["wlcg/app"] = type(clients["wlcg/app"])("wlcg/app", "app", {}, Secret("s"), dummy_key("k1", "x"))
    spec, given = output(), template(text)
    expected = outcome(lambda: read_credentials(content, given, spec, clients, FACTS))
    assert expected == outcome(lambda: renderer.read(content, given, spec, clients, FACTS))
    assert expected == outcome(lambda: here.read(content, given, spec, clients, FACTS))


@pytest.mark.parametrize("text", ["{% include 'a.j2' %}", "{% include a %}", "\n{% include %}"])
def test_references_are_found_as_in_place(renderer: Renderer, here: Renderer, text: str) -> None:
    from iac.rendering.engine import references  # as the product does

    expected = outcome(lambda: references("x.j2", text))
    assert expected == outcome(lambda: renderer.references("x.j2", text))
    assert expected == outcome(lambda: here.references("x.j2", text))


def test_a_template_is_compiled_there(renderer: Renderer, here: Renderer) -> None:
    for one in (renderer, here):
        one.check(template("{{ client.client_id }}"))
        with pytest.raises(RenderError, match=r"x\.j2:2"):
            one.check(template("\n{{ x | nope }}"))


@pytest.mark.parametrize("text", ["{{ 10 ** 100000000 }}", "{% include 'y.j2' %}"])
def test_time_is_limited_in_place_too_and_limits_end_with_the_question(
    here: Renderer, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource  # only here
    import signal

    monkeypatch.setattr("iac.rendering.answer.TEMPLATE_SECONDS", 1)
    monkeypatch.setattr("iac.rendering.answer.TEMPLATE_GRACE", 60)  # the process of the tests is not to be ended
    before = resource.getrlimit(resource.RLIMIT_CPU), signal.getsignal(signal.SIGPROF)
    with pytest.raises(RenderError) as caught:
        here.check(template(text, y="{{ 10 ** 100000000 }}"))
    assert TOO_LONG == caught.value.why
    assert before == (resource.getrlimit(resource.RLIMIT_CPU), signal.getsignal(signal.SIGPROF))


def test_memory_that_runs_out_elsewhere_is_told_without_a_line(here: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("iac.rendering.engine.compile_template", no_memory)
    with pytest.raises(RenderError) as caught:
        here.check(template(""))
    assert (TOO_MUCH, "templates/x.j2") == (caught.value.why, caught.value.where)


ENDED = "the process that renders it ended"
JUNK = "the process that renders it gave no answer that can be read"


@pytest.mark.parametrize(
    ("does", "why"), [("dies", ENDED), ("babbles", JUNK), ("floods", JUNK), ("eats", TOO_MUCH), ("nothing", ENDED)]
)
def test_a_process_that_gives_no_answer_is_an_error_with_the_file(does: str, why: str) -> None:
    broken = Renderer(f"tests.rendering.misbehaving:{does}")
    for _ in range(2):
        with pytest.raises(RenderError) as caught:
            broken.references("x.j2", "")
        told = caught.value
        assert ("the template cannot be rendered", "templates/x.j2", why) == (told.summary, told.where, told.why)
        assert told.fix


ERROR = ["x.j2:1", "no", "do"]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"result": "x"},
        {"result": [1]},
        {"error": {}},
        {"error": ERROR},
        {"error": [*ERROR[:2], 1, None]},
        {"error": [*ERROR, ["x"]]},
        {"unreadable": 1},
    ],
    ids=str,
)
def test_an_answer_of_another_form_is_not_believed(answer: object) -> None:
    with pytest.raises(RenderError) as caught:
        Renderer("tests.rendering.misbehaving:lies").references("x.j2", json.dumps(answer))
    assert JUNK == caught.value.why


@pytest.mark.parametrize("result", [None, "\ud800", {}, {"wlcg/app": 1}, {"wlcg/app": ["a", None, "no format"]}])
def test_a_result_of_another_form_is_not_believed(monkeypatch: pytest.MonkeyPatch, result: object) -> None:
    class Liar:
        def ask(self, *_: object, **__: object) -> bytes:
            return json.dumps({"result": result}).encode()

        def close(self) -> None:
            pass

    monkeypatch.setattr("iac.process.Worker", lambda *_, **__: Liar())
    given: tuple[Template, OutputSpec, Any, Any] = (template(""), output(), CLIENTS, FACTS)
    with pytest.raises(RenderError, match="no answer that can be read"):
        Renderer().read(b"", *given)
    if not isinstance(result, str) or result == "\ud800":
        with pytest.raises(RenderError, match="no answer that can be read"):
            Renderer().render(*given)


def test_a_process_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RenderError, match="cannot be started: No such file or directory"):
        Renderer().references("x.j2", "")


LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
WHY = "a value printed without a filter has a character"


def rehearsed(renderer: Renderer, text: str, values: list[object]) -> list[str]:
    """What is wrong with outputs of a template that have these values, each by the beginning of its reason."""
    outputs = [(output(values={"a": value}), CLIENTS, FACTS) for value in values]
    return ["" if error is None else error.why for error in renderer.rehearse(template(text), outputs)]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_outputs_are_rehearsed_together_and_each_has_its_own_error(
    renderer: Renderer, here: Renderer, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("iac.rendering.renderer._BATCH", batch)
    for one in (renderer, here):
        whys = rehearsed(one, "{{ values.a }}", [1, "b c", 2, "d e", "f"])
        assert ["", WHY, "", WHY, ""] == [why[: len(WHY)] for why in whys]
        assert [] == rehearsed(one, "", [])
        errors = one.rehearse(template("\n{{ x"), [(output(), CLIENTS, FACTS)])
        assert [2] == [error.location.line for error in errors if error and error.location]


def test_a_built_in_template_is_rehearsed_in_place() -> None:
    built_in = load_templates(Path(), ["spring-yml"], Renderer().references)["spring-yml"]
    outputs = [(output("spring-yml", values=values), CLIENTS, FACTS) for values in ({"id": "${A}"}, {})]
    errors = Renderer("tests.rendering.misbehaving:dies").rehearse(built_in, outputs)
    assert ["filter spring", "`values` of ou"] == [
        error.why[: 13 + index] for index, error in enumerate(errors) if error
    ]


def test_a_process_that_dies_over_an_output_keeps_the_others() -> None:
    dying = Renderer("tests.rendering.misbehaving:dies_of_three")
    assert ["", "", ENDED, "", ""] == rehearsed(dying, "{{ values.a }}", [1, 2, 3, 4, 5])


def test_outputs_behind_one_that_takes_too_long_are_asked_about_again_until_it_is_too_often() -> None:
    hurried = Renderer("tests.rendering.misbehaving:hurries")
    text = f"{{% if values.a == 1 %}}{LOOPS}{{% endif %}}"
    assert ["", TOO_LONG, "", TOO_LONG, "", TOO_LONG, TOO_MANY] == rehearsed(hurried, text, [0, 1, 0, 1, 0, 1, 0])


def test_a_process_that_has_grown_leaves_outputs_to_the_next(here: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    once = process.answer

    def answer(question: bytes) -> bytes:
        asked.append(len(json.loads(question)["outputs"]))
        return once(question)

    monkeypatch.setattr(process, "WORKER_MEMORY", 1)
    monkeypatch.setattr(process, "answer", answer)
    assert ["", "", ""] == rehearsed(here, "a", [1, 2, 3])
    assert [3, 2, 1] == asked


@pytest.mark.parametrize("result", [None, [], {}, [1], [{}]])
def test_a_rehearsal_of_another_form_is_not_believed(monkeypatch: pytest.MonkeyPatch, result: object) -> None:
    class Liar:
        def ask(self, *_: object, **__: object) -> bytes:
            return json.dumps({"result": result}).encode()

        def close(self) -> None:
            pass

    monkeypatch.setattr("iac.process.Worker", lambda *_, **__: Liar())
    assert [JUNK] == rehearsed(Renderer(), "", [1])


def test_one_process_serves_all_until_it_has_grown() -> None:
    stays, grows = (Renderer(f"tests.rendering.misbehaving:{does}") for does in ("stays", "grows"))
    assert stays.references("x.j2", "") == stays.references("y.j2", "")
    assert grows.references("x.j2", "") != grows.references("y.j2", "")


def test_a_process_that_has_grown_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    question = pack(Question("render", template("a"), [(output(), CLIENTS, FACTS)]))
    monkeypatch.setattr(process, "WORKER_MEMORY", 2**60)
    assert {"result": "YQ=="} == json.loads(process.answer(question))
    monkeypatch.setattr(process, "WORKER_MEMORY", 1)
    assert json.loads(process.answer(question))["is_last"]
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: (_ for _ in ()).throw(OSError))
    assert "is_last" not in json.loads(process.answer(question))


def test_built_ins_start_no_process_and_bring_in_nothing_for_one() -> None:
    script = (
        "import sys; from pathlib import Path; from iac.rendering.renderer import Renderer;"
        "from iac.rendering.template import load_templates; renderer = Renderer();"
        "renderer.check(load_templates(Path('.'), ['rucio-idpsecrets'], renderer.references)['rucio-idpsecrets']);"
        "renderer.references('dotenv', '');"
        "sys.exit(bool({'iac.process', 'iac.rendering.answer'} & set(sys.modules)))"
    )
    assert 0 == subprocess.run([sys.executable, "-c", script], check=False).returncode


def test_built_ins_are_rendered_and_read_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Renderer, "_answer", lambda *_: pytest.fail("a process"))
    from pathlib import Path  # only here

    from iac.rendering.template import load_templates

    one, spec = Renderer(), output("client-id")
    builtin = load_templates(Path(), ["client-id"], one.references)["client-id"]
    assert b"app" == one.render(builtin, spec, CLIENTS, FACTS).strip()
    assert "mine" == one.read(b"mine", builtin, spec, CLIENTS, FACTS)["wlcg/app"].client_id


def test_after_a_few_templates_beyond_the_limits_no_other_is_tried() -> None:
    renderer = Renderer("tests.rendering.misbehaving:eats")
    whys = []
    for number in range(TEMPLATE_FAILURES + 1):
        with pytest.raises(RenderError) as caught:
            renderer.references(f"{number}.j2", "")
        whys.append(caught.value.why)
    assert [*[TOO_MUCH] * TEMPLATE_FAILURES, TOO_MANY] == whys
