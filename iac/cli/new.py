"""`iac new`: a definition for a known service, with its output."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from iac.cli.context import CommandContext, is_terminal, show
from iac.cli.options import FORMAT, Example, Subcommand, complete_templates
from iac.core.explanation import page_url
from iac.services import Service, services

if TYPE_CHECKING:
    from iac.workflow.new import ServiceChoice


_USUAL = "plain"
"""The template for a service that is not in the catalogue."""


@click.command(
    "new",
    cls=Subcommand,
    page="how-to/services/README.md",
    examples=(
        Example("List the services that iac knows", "iac new --list"),
        Example("Define a client for Grafana", "iac new grafana --template grafana --set host=grafana.example.org"),
    ),
)
@click.argument("address", metavar="[ADDR]", default="")
@click.option(
    "--template",
    metavar="NAME",
    shell_complete=complete_templates,
    default=_USUAL,
    show_default=True,
    help="A service of --list, or one of its templates.",
)
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True, help="Answer what the service asks for; repeatable."
)
@click.option("--list", "is_list", is_flag=True, help="List services, their templates and what they ask for.")
@FORMAT
@click.pass_obj
def command(context: CommandContext, /, *, address: str, is_list: bool, view: str, **wanted: Any) -> None:
    """Write clients.d/ADDR.yaml for a known service, with the output that delivers its credentials.

    A service with several clients gets one definition per client, and an output in iac.yaml. On a
    terminal iac asks for what the service needs, such as its host. iac overwrites no file and contacts no server. It
    writes nothing if the project would become invalid.
    """
    if bool(address) == is_list:
        raise click.UsageError("give an ADDR, or --list")
    if is_list:
        known = services().values()
        show(view, [_document(service) for service in known], _catalogue_lines(known))
        return
    from iac.clock import SystemClock  # not needed by --list
    from iac.workflow.new import ServiceStart, add_service, find_offer

    offer = find_offer(wanted["template"])
    answers = _answers(offer, wanted["settings"])
    started = add_service(context.root, ServiceStart(offer, address, answers, SystemClock().now().date()))
    lines = [f"wrote {file}" for file in started.definitions.values()]
    lines += ["added to outputs of iac.yaml"] if started.is_shared else []
    show(view, {"definitions": dict(started.definitions), "outputs": list(started.outputs)}, lines)
    if view == "text":
        context.note(
            *(f"iac apply will write {path}" for path in started.outputs),
            f"how {_reader(offer)} reads it: {page_url(f'how-to/services/{offer.service.name}.md')}",
            "next: look at the definition, then run iac validate and iac plan",
        )


def _answers(offer: ServiceChoice, settings: Sequence[str]) -> dict[str, str]:
    answers: dict[str, str] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or name in answers:
            raise click.UsageError(f"--set {text}: give NAME=VALUE, each NAME once")
        answers[name] = value
    if is_terminal(sys.stdin):
        missing = {name: what for name, what in offer.service.asks.items() if name not in answers}
        # limit: the person at the terminal
        answers |= {name: click.prompt(what, err=True) for name, what in missing.items()}
    return answers


def _reader(offer: ServiceChoice) -> str:
    return "your service" if offer.service.name == _USUAL else offer.service.title


def _catalogue_lines(known: Collection[Service]) -> Iterator[str]:
    width = max(len(file.template) for service in known for file in service.files)
    for service in known:
        yield f"{service.name}: {service.title}, {service.about}"
        for file in service.files:
            yield f"  {file.template:<{width}}  {file.file} ({file.format}){'' if file.is_usual else ', instead'}"
        yield from (f"  asks for {name}: {what}" for name, what in service.asks.items())


def _document(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "title": service.title,
        "about": service.about,
        "clients": list(service.roles),
        "asks": dict(service.asks),
        "files": [
            {
                "template": file.template,
                "format": str(file.format),
                "file": file.file,
                "clients": list(file.clients),
                "values": dict(file.values),
                "usual": file.is_usual,
            }
            for file in service.files
        ],
        "sources": list(service.sources),
    }
