"""The demo project, rendered: every output of it with secrets of the caller's choice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from iac.config.definitions import load_environment
from iac.config.project import load_project
from iac.core.model import uses_secret
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.engine import render
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates

if TYPE_CHECKING:
    from iac.core.desired import Desired, OutputSpec

ROOT = Path(__file__).parents[2]
ISSUER = "https://iam.example.org/"


@cache
def desired() -> Desired:
    """What the demo project wants; it is valid."""
    return load_environment(load_project(ROOT))[0]


def specs() -> dict[str, OutputSpec]:
    """Every output by its path."""
    return {spec.path: spec for spec in desired().outputs}


def secret_of(address: str) -> str:
    """A secret that is this client's alone, of our own alphabet."""
    return f"{address.replace('/', '-')}_0123456789abcdefghijkl"


def credentials(address: str, secret: str) -> Credentials:
    client = desired().clients[address]
    return Credentials(address, client.client_id, client.fields, Secret(secret) if uses_secret(client.fields) else None)


def rendered(path: str, secret: str | None = None) -> str:
    """One output of the demo project; each client has `secret`, or one of its own."""
    spec = specs()[path]
    clients = {a: credentials(a, secret_of(a) if secret is None else secret) for a in spec.clients}
    template = load_templates(ROOT, [spec.template], Renderer().references)[spec.template]
    return render(template, spec, clients, ProjectFacts("demo", "default", ISSUER)).decode()
