"""`iac init`: a new project, its state and an age identity outside of it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from iac.cli.context import CommandContext, is_terminal
from iac.cli.options import Choice, Example, Subcommand
from iac.core.explanation import page_url
from iac.core.text import printable
from iac.registry import BACKENDS, FORGES, PROVIDERS

if TYPE_CHECKING:
    from iac.workflow.init import InitAnswers, NewState
    from iac.workflow.pipelines import Pipelines


@click.command(
    "init",
    cls=Subcommand,
    page="tutorial/first-client.md",
    examples=(
        Example("Create a project in this folder", "iac init --project climate --issuer https://iam.example.org/"),
        Example(
            "Keep its state in the git repository, for a team and CI",
            "iac init --project climate --issuer https://iam.example.org/ --backend git",
        ),
    ),
)
@click.option(
    "--project",
    metavar="NAME",
    help="Name of the project. Default: the folder's name; on a terminal iac asks.",
)
@click.option("--issuer", metavar="URL", help="Issuer URL of the server. Default: iac asks on a terminal.")
@click.option(
    "--provider",
    type=Choice(list(PROVIDERS)),
    default=next(iter(PROVIDERS)),
    show_default=True,
    help="API of the server: management or self service of IAM, or client registration of any server.",
)
@click.option(
    "--backend",
    type=Choice([name for name, backend in BACKENDS.items() if backend.starter]),
    default=next(iter(BACKENDS)),
    show_default=True,
    help="Where state lives: a file on this machine, or the branch iac-state of the remote origin.",
)
@click.option(
    "--ci",
    "forges",
    type=Choice(list(FORGES)),
    multiple=True,
    help="Write pipelines, too; repeatable. In an existing project, write only pipelines.",
)
@click.option(
    "--wheel",
    metavar="URL#sha256=HASH",
    help="The wheel of iac that pipelines install. iac.yaml keeps it. Required for the first --ci.",
)
@click.pass_obj
def command(
    context: CommandContext,
    *,
    project: str | None,
    issuer: str | None,
    provider: str,
    backend: str,
    forges: tuple[str, ...],
    wheel: str | None,
) -> None:
    """Create a project here: iac.yaml, clients.d/, an empty state, and an age identity outside the project.

    iac overwrites no file and contacts no server. --backend git needs a git repository with a remote origin that you
    can push to. --ci needs a state that pipelines can reach, so it does not work with the file backend.
    """
    if wheel and not forges:
        raise click.UsageError("--wheel is for pipelines: give --ci, too")
    if forges and (context.start / "iac.yaml").is_file() and not (project or issuer):
        _add_pipelines(context, forges, wheel or "")
        return
    from iac.workflow.init import InitAnswers, make_project  # brings in the adapters

    project, issuer = _named(context, project, issuer)
    answers = InitAnswers(project, issuer, provider, backend, wheel or "")
    pipelines = _pipelines(context, answers, forges) if forges else None
    write_more = pipelines.write if pipelines else lambda: None
    begun = make_project(context.start, answers, write_more)
    click.echo(printable(f"made iac.yaml, clients.d/ and an empty state, {begun.where}"))
    tell_key(context, begun)
    if pipelines:
        _tell(context, pipelines)
    context.note("next: iac new NAME starts a definition, clients.d/NAME.yaml; then run iac validate and iac plan")


def _named(context: CommandContext, project: str | None, issuer: str | None) -> tuple[str, str]:
    """The project's name and the issuer; what no option says is asked for, on a terminal."""
    usual = context.start.resolve().name
    if is_terminal(sys.stdin):
        # limit: the person at the terminal, for both
        project = project or click.prompt("name of the project", default=usual, err=True)
        issuer = issuer or click.prompt("issuer URL of the IAM", err=True)
    if not issuer:
        raise click.UsageError("--issuer is needed: the server's URL, such as https://iam.example.org/")
    return project or usual, issuer


def _pipelines(context: CommandContext, answers: InitAnswers, forges: Collection[str]) -> Pipelines:
    from iac.workflow.init import check_answers
    from iac.workflow.pipelines import prepare_pipelines  # only with --ci

    return prepare_pipelines(context.start, [check_answers(answers)], forges, f"--backend {answers.backend}")


def _add_pipelines(context: CommandContext, forges: Collection[str], wheel: str) -> None:
    from iac.config.project import load_project
    from iac.workflow.pipelines import change_wheel, prepare_pipelines  # only with --ci

    project = load_project(context.start)
    names = project.environments if context.has_all else context.environments or project.environments
    environments = [project.settings(name) for name in names]
    is_new, is_named = wheel not in {"", environments[0].wheel}, len(project.environments) > 1
    pipelines = (
        change_wheel(context.start, environments, forges, wheel, is_named=is_named)
        if is_new
        else prepare_pipelines(context.start, environments, forges, is_named=is_named)
    )
    pipelines.write()
    _tell(context, pipelines)


def _tell(context: CommandContext, pipelines: Pipelines) -> None:
    edited = (f"wrote the wheel into {path}" for path in pipelines.edited)
    for line in (*(f"made {path}" for path in pipelines.files), *edited):
        click.echo(printable(line))
    if not (pipelines.files or pipelines.edited):
        context.note("the pipelines are there already, as this version writes them")
    pages = (
        f"commit and push them; what to set up at the forge: {page_url(f'how-to/pipeline-{forge}.md')}"
        for forge in pipelines.forges
    )
    context.note(*pipelines.advice, *pages)


def tell_key(context: CommandContext, begun: NewState) -> None:
    """Say where the identity is and what to do with it."""
    if begun.key is None:
        return
    path = begun.key.path
    click.echo(printable(f"{'made' if begun.key.is_new else 'took'} the age identity {path}"))
    context.note(
        "it decrypts the secrets in state; commands on this machine find it",
        "keep a copy in a safe place: without it nobody can decrypt what state holds",
        f"elsewhere, such as in a pipeline, set IAC_AGE_IDENTITY to the content of {path} or to its path",
    )
