"""The pages of services: what `iac new` writes and what is rendered then, titles and sources.

By hand are the command, what stands above it, and the sections.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator
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
from iac.services import Format, Service, services
from iac.workflow.new import ServiceStart, add_service, find_offer
from tests.services.started import PROJECT

FOLDER = Path(__file__).parents[2] / "docs/how-to/services"
_LANGUAGES = {
    Format.CONDOR: "text",
    Format.DIRAC: "text",
    Format.DOTENV: "sh",
    Format.KUBERNETES: "yaml",
}
FACTS = ProjectFacts("demo", "default", "https://iam.example.org/")


def services_pages() -> dict[Path, str]:
    """Each page as it has to be, and the list of them."""
    written = {FOLDER / f"{name}.md": service_page(service) for name, service in services().items()}
    return {**written, FOLDER / "README.md": _index()}


def service_page(service: Service) -> str:
    """The page of one service."""
    before = (FOLDER / f"{service.name}.md").read_text(encoding="utf-8")
    above = re.split(r"^# .*\n(?:\nUsed for: .*\n)?|(?<=\n)(?=`clients\.d/)", before, flags=re.MULTILINE)[1]
    below = re.search(r"^## .*?(?=\nSources: |\Z)", before, re.MULTILINE | re.DOTALL)
    assert below, f"{service.name} says nothing of how its file is read"
    head = (f"# {service.title}", f"Used for: {service.about}.")
    parts = [*head, above.strip("\n"), *_blocks(service, command_of(above)), below[0].strip()]
    if service.sources:
        parts.append("Sources: " + ",\n".join(f"<{source}>" for source in service.sources) + ".")
    return "\n\n".join(parts) + "\n"


def command_of(text: str) -> str:
    """The command that a page runs."""
    (command,) = re.findall(r"^    (iac new .*)$", text, re.MULTILINE)
    return str(command)


def _blocks(service: Service, command: str) -> Iterator[str]:
    languages = {file.file: _LANGUAGES.get(file.format, str(file.format)) for file in service.files}
    for path, content in shown(command).items():
        lead = "Added to `iac.yaml`:" if path == "iac.yaml" else f"`{path}`:"
        yield _block(lead, languages.get(path.rpartition("/")[2], "yaml"), content)
    for file in service.files:
        if not file.is_usual and service.name != "plain":
            instead = shown(command.replace(f"--template {service.name}", f"--template {file.template}"))
            (path,) = (path for path in instead if path.startswith("out/"))
            yield _block(f"With `--template {file.template}` instead, `{path}`:", languages[file.file], instead[path])


def _block(lead: str, language: str, content: str) -> str:
    return f"{lead}\n\n```{language}\n{content.rstrip()}\n```"


def _index() -> str:
    before = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = (f"| [{each.title}]({each.name}.md) | `{each.name}` | {each.about} |\n" for each in services().values())
    return re.sub(r"(?<=^\|---\|---\|---\|\n)(?:\| \[.*\n)+", "".join(rows), before, count=1, flags=re.MULTILINE)


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
