"""The demo project, rendered: every output of it with secrets of the caller's choice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from iac.core.desired import OutputSpec
from iac.core.diagnostics import Location
from iac.core.model import FIELDS, GRANT_TYPES, Kind, uses_secret
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.render import render
from iac.rendering.template import load_templates

ROOT = Path(__file__).parents[2]
ISSUER = "https://iam.example.org/"


@cache
def definitions() -> dict[str, dict[str, Any]]:
    """The definitions by address, as their files have them."""
    folder = ROOT / "clients.d"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): yaml.safe_load(path.read_text())
        for path in sorted(folder.rglob("*.yaml"))
    }


@cache
def specs() -> dict[str, OutputSpec]:
    """Every output by its path."""
    project = yaml.safe_load((ROOT / "iac.yaml").read_text())
    declared = [(output, output["clients"]) for output in project["outputs"]]
    declared += [(o, {"client": address}) for address, each in definitions().items() for o in each.get("outputs", [])]
    made = [
        OutputSpec(
            output["template"],
            output["path"],
            tuple(clients.values()),
            Location("iac.yaml"),
            names=tuple(clients),
            values=output.get("values", {}),
        )
        for output, clients in declared
    ]
    return {spec.path: spec for spec in made}


def secret_of(address: str) -> str:
    """A secret that is this client's alone, of our own alphabet."""
    return f"{address.replace('/', '-')}_0123456789abcdefghijkl"


def credentials(address: str, secret: str) -> Credentials:
    definition = definitions()[address]
    fields = {name: _canonical(name, definition[name]) for name in FIELDS if name in definition}
    return Credentials(address, definition["client_id"], fields, Secret(secret) if uses_secret(fields) else None)


def _canonical(name: str, value: Any) -> Any:
    if FIELDS[name].kind is not Kind.SET:
        return value
    return tuple(sorted(GRANT_TYPES[item] if name == "grant_types" else item for item in value))


def rendered(path: str, secret: str | None = None) -> str:
    """One output of the demo project; each client has `secret`, or one of its own."""
    spec = specs()[path]
    clients = {a: credentials(a, secret_of(a) if secret is None else secret) for a in spec.clients}
    template = load_templates(ROOT, [spec.template])[spec.template]
    return render(template, spec, clients, ProjectFacts("demo", "default", ISSUER)).decode()
