"""A project with every service of the catalogue and every template, rendered with secrets of the caller's choice."""

from __future__ import annotations

import tempfile
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from iac.config.definitions import load_environment
from iac.config.project import load_project
from iac.core.model import uses_secret
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.engine import render
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.services import services
from iac.workflow.new import ServiceStart, add_service, find_offer

if TYPE_CHECKING:
    from iac.core.desired import Desired, OutputSpec

ISSUER = "https://iam.example.org/"
FACTS = ProjectFacts("demo", "default", ISSUER)
HOST = "app.example.org"
PROJECT = f"""\
project: demo
issuer: {ISSUER}
provider: iam-admin
auth: {{method: client_credentials, client_id: {{env: IAC_CLIENT_ID}}, client_secret: {{env: IAC_CLIENT_SECRET}}}}
"""


def names() -> list[str]:
    """Every service, and every template that is another way of one."""
    others = [each.template for service in services().values() for each in service.files if not each.is_usual]
    return [*services(), *others]


def answers(name: str) -> dict[str, str]:
    """What a service asks for."""
    return {ask: HOST if ask == "host" else "wlcg" for ask in find_offer(name).service.asks}


@cache
def desired() -> Desired:
    """What projects of one service each want; the address of each client begins with the name that it was started by.

    In one project each start would judge all services before it again.
    """
    wanted = [_wanted(name) for name in names()]
    return replace(
        wanted[0],
        clients={address: client for each in wanted for address, client in each.clients.items()},
        outputs=tuple(sorted((output for each in wanted for output in each.outputs), key=lambda output: output.path)),
    )


def _wanted(name: str) -> Desired:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "iac.yaml").write_text(PROJECT)
        add_service(root, ServiceStart(find_offer(name), name, answers(name), date(2026, 11, 26)))
        return load_environment(load_project(root))[0]


@cache
def specs() -> dict[str, OutputSpec]:
    """One output of each template by its name."""
    return {spec.template: spec for spec in desired().outputs}


def secret_of(address: str) -> str:
    """A secret that is this client's alone, of our own alphabet."""
    return f"{address.replace('/', '-')}_0123456789abcdefghijkl"


def credentials(template: str, secret: str | None = None) -> dict[str, Credentials]:
    """Of the clients of one output; each has `secret`, or one of its own."""
    clients = [desired().clients[address] for address in specs()[template].clients]
    return {
        each.address: Credentials(
            each.address,
            each.client_id,
            each.fields,
            Secret(secret_of(each.address) if secret is None else secret) if uses_secret(each.fields) else None,
        )
        for each in clients
    }


def rendered(template: str, secret: str | None = None) -> str:
    """One output."""
    loaded = load_templates(Path(), [template], Renderer().references)[template]
    return render(loaded, specs()[template], credentials(template, secret), FACTS).decode()
