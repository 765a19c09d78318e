from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac.core.errors import RenderError
from iac.core.limits import TEMPLATE_BYTES
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.services import template_files

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_renderer")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "app").mkdir(parents=True)
    return tmp_path


def write(root: Path, name: str, text: str | bytes) -> None:
    path = root / "templates" / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def digest(root: Path, name: str = "x.j2") -> str:
    return load_templates(root, [name], Renderer().references)[name].digest


def refusal(root: Path, name: str) -> RenderError:
    with pytest.raises(RenderError) as caught:
        load_templates(root, [name], Renderer().references)
    return caught.value


def test_a_name_with_j2_is_a_file_of_the_project_and_one_without_is_built_in(root: Path) -> None:
    write(root, "dotenv.j2", "mine")
    loaded = load_templates(root, ["dotenv", "dotenv.j2", "dotenv"], Renderer().references)
    assert ["dotenv", "dotenv.j2"] == list(loaded)
    assert "mine" == loaded["dotenv.j2"].text
    assert "env_name" in loaded["dotenv"].text
    assert ("built-in dotenv", "templates/dotenv.j2") == (loaded["dotenv"].file, loaded["dotenv.j2"].file)


def test_every_built_in_can_be_loaded_by_its_name(root: Path) -> None:
    assert {"dotenv", "json", "kubernetes-secret", "yaml"} <= set(template_files())
    assert list(template_files()) == list(load_templates(root, template_files(), Renderer().references))


@pytest.mark.slow
def test_the_digest_is_that_of_the_text_and_of_all_it_refers_to(root: Path) -> None:
    write(root, "x.j2", "{% include 'app/a.j2' %}{%- from 'app/b.j2' import m %}")
    write(root, "app/a.j2", "{% import 'app/b.j2' as b %}")
    write(root, "app/b.j2", "{% macro m() %}{% endmacro %}")
    write(root, "app/c.j2", "nobody includes me")
    first = load_templates(root, ["x.j2"], Renderer().references)["x.j2"]
    assert ["app/a.j2", "app/b.j2", "x.j2"] == list(first.texts)
    write(root, "app/c.j2", "changed")
    assert first.digest == digest(root)
    write(root, "app/b.j2", "{% macro m() %}changed{% endmacro %}")
    assert first.digest != digest(root)


def test_templates_that_include_each_other_can_be_loaded(root: Path) -> None:
    write(root, "x.j2", "{% if values.y %}{% include 'y.j2' %}{% endif %}")
    write(root, "y.j2", "{% include 'x.j2' %}")
    assert ["x.j2", "y.j2"] == list(load_templates(root, ["x.j2", "y.j2"], Renderer().references)["x.j2"].texts)


def test_a_reference_in_text_is_none(root: Path) -> None:
    write(root, "x.j2", "{% raw %}{% include 'nowhere.j2' %}{% endraw %} {# {% include 'nowhere.j2' %} #}")
    assert ["x.j2"] == list(load_templates(root, ["x.j2"], Renderer().references)["x.j2"].texts)


@pytest.mark.parametrize("reference", ["values.name", "['a.j2', values.name]"])
def test_a_reference_that_is_no_quoted_name_is_refused(root: Path, reference: str) -> None:
    write(root, "x.j2", f"{{% include {reference} %}}")
    error = refusal(root, "x.j2")
    assert ("templates/x.j2", "write the name in quotes") == (error.where, error.fix)


def test_a_syntax_error_is_found_while_looking_for_references(root: Path) -> None:
    write(root, "x.j2", "\n{% include %}")
    assert "templates/x.j2:2" == refusal(root, "x.j2").where


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("dotnev", "did you mean dotenv?"),
        ("vault", "iac new --list names the built-in templates"),
        ("app/rucoi.j2", "did you mean app/rucio.j2?"),
        ("zzz.j2", "templates/ holds: app/rucio.j2"),
    ],
)
def test_an_unknown_template_is_named_with_the_nearest(root: Path, name: str, why: str) -> None:
    write(root, "app/rucio.j2", "")
    error = refusal(root, name)
    assert ("no such template", why) == (error.summary, error.why)
    assert f"{name.removesuffix('.j2')}.j2" in error.fix


def test_a_missing_include_is_an_error_even_when_it_may_be_missing(root: Path) -> None:
    write(root, "x.j2", "{% include 'part.j2' ignore missing %}")
    assert "templates/part.j2" == refusal(root, "x.j2").where


def test_without_templates_the_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    assert "templates/ holds: no template" == refusal(tmp_path, "x.j2").why


@pytest.mark.parametrize(
    "name", ["../secret.j2", "app/../../secret.j2", "/etc/secret.j2", "link.j2", "folder/secret.j2"]
)
def test_nothing_outside_templates_is_read(root: Path, name: str) -> None:
    outside = root / "outside"
    outside.mkdir()
    (outside / "secret.j2").write_text("secret")
    (root / "secret.j2").write_text("secret")
    (root / "templates" / "link.j2").symlink_to(outside / "secret.j2")
    (root / "templates" / "folder").symlink_to(outside)
    assert "the template lies outside" == refusal(root, name).summary
    write(root, "x.j2", f"{{% include '{name}' %}}")
    assert "the template lies outside" == refusal(root, "x.j2").summary


def test_a_folder_of_templates_that_is_a_link_out_of_the_project_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.j2").write_text("secret")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/templates").symlink_to("../outside")
    assert "the template lies outside" == refusal(tmp_path / "project", "secret.j2").summary


@pytest.mark.slow
def test_a_link_within_templates_is_followed(root: Path) -> None:
    write(root, "app/real.j2", "text")
    (root / "templates" / "link.j2").symlink_to("app/real.j2")
    assert "text" == load_templates(root, ["link.j2"], Renderer().references)["link.j2"].text


@pytest.mark.slow
def test_a_template_is_text_of_a_reasonable_size(root: Path) -> None:
    write(root, "x.j2", b"abc\xff")
    assert ("the template is not text", "byte 4 is not UTF-8") == (
        refusal(root, "x.j2").summary,
        refusal(root, "x.j2").why,
    )
    write(root, "x.j2", "x" * (TEMPLATE_BYTES + 1))
    assert "the template is too large" == refusal(root, "x.j2").summary
    write(root, "x.j2", "x" * TEMPLATE_BYTES)
    assert TEMPLATE_BYTES == len(load_templates(root, ["x.j2"], Renderer().references)["x.j2"].text)


def test_a_template_that_cannot_be_read_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "x.j2", "")

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("iac.rendering.template.read", refuse)
    assert ("the template cannot be read", "Permission denied") == (
        refusal(root, "x.j2").summary,
        refusal(root, "x.j2").why,
    )


def test_loading_plain_templates_does_not_import_jinja() -> None:
    script = (
        "import sys; from pathlib import Path; from iac.rendering.template import load_templates;"
        "from iac.rendering.renderer import Renderer;"
        "from iac.services import template_files; load_templates(Path('.'), template_files(), Renderer().references);"
        "import iac.rendering.context;"
        "sys.exit('jinja2' in sys.modules)"
    )
    assert 0 == subprocess.run([sys.executable, "-c", script], check=False).returncode
