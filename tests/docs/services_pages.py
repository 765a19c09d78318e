"""What `iac new` writes and what is rendered then, as the pages of services show it."""

from __future__ import annotations

import shlex
import tempfile
from datetime import date
from pathlib import Path

from iac.config.definitions import load_environment
from iac.config.project import load_project
from iac.core.model import uses_secret
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.engine import render
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.workflow.new import ServiceStart, add_service, find_offer
from tests.services.started import PROJECT

FACTS = ProjectFacts("demo", "default", "https://iam.example.org/")


def shown(command: str) -> dict[str, str]:
    """Files by path: definitions without their first line, what was added to iac.yaml, outputs.

    Args:
        command: `iac new ADDR --template NAME --set ...`; each client's secret is `secret-of-` and its id.
    """
    _, _, address, _, name, *rest = shlex.split(command)
    answers = dict(given.split("=", 1) for given in rest[1::2])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "iac.yaml").write_text(PROJECT)
        started = add_service(root, ServiceStart(find_offer(name), address, answers, date(2026, 11, 26)))
        files = {file: (root / file).read_text().split("\n", 1)[1] for file in started.definitions.values()}
        if started.is_shared:
            files["iac.yaml"] = (root / "iac.yaml").read_text().removeprefix(PROJECT)
        return files | _outputs(root)


def _outputs(root: Path) -> dict[str, str]:
    desired = load_environment(load_project(root))[0]
    clients = {
        each.address: Credentials(
            each.address,
            each.client_id,
            each.fields,
            Secret(f"secret-of-{each.client_id}") if uses_secret(each.fields) else None,
        )
        for each in desired.clients.values()
    }
    templates = load_templates(root, [spec.template for spec in desired.outputs], Renderer().references)
    return {spec.path: render(templates[spec.template], spec, clients, FACTS).decode() for spec in desired.outputs}
