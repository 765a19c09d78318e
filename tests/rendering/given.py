"""What rendering tests start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.desired import OutputSpec
from iac.core.errors import Location
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.engine import render
from iac.rendering.template import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.core.model import Fields

FACTS = ProjectFacts("demo", "prod", "https://iam.example.org/")
SCOPES: Fields = {"scope": ("openid", "profile"), "redirect_uris": ("https://app.example.org/cb",)}


def credentials(
    address: str = "wlcg/app", secret: str | None = "s3cret", fields: Fields = SCOPES, client_id: str = "app"
) -> Credentials:
    return Credentials(address, client_id, fields, None if secret is None else Secret(secret))


def output(
    template: str = "x.j2",
    clients: tuple[str, ...] = ("wlcg/app",),
    names: tuple[str, ...] = (),
    values: Mapping[str, object] | None = None,
) -> OutputSpec:
    return OutputSpec(template, "out/x", clients, Location("iac.yaml"), names=names, values=values or {})


def template(text: str, **others: str) -> Template:
    texts = {"x.j2": text} | {f"{name}.j2": other for name, other in others.items()}
    return Template("x.j2", str(sorted(texts.items())), texts)


def rendered(text: str, secret: str | None = "s3cret", **values: object) -> str:
    spec = output(values=values)
    return render(template(text), spec, {"wlcg/app": credentials(secret=secret)}, FACTS).decode()
