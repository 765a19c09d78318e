"""The pages of ids and commands, written from the code: `python -m tests.docs.reference`, which `make format` runs.

On each page of ids the text above and below the headings stays; sections and rows below a heading come from the code.
In the page of server behaviour the rules of each section do, and the list of decisions comes from their titles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import fill

from iac.core.catalogue import SECTIONS
from iac.core.explanation import Explanation
from iac.core.plan.guards import GUARDS
from iac.core.policy import CHANGE_RULES, DEFINITION_RULES, REGISTERED_RULES, ChangeRule, Rule
from iac.core.server.rule import ServerRule
from iac.core.server.table import TABLE
from iac.services import services, template_files, values_schema
from tests.docs.commands_page import PAGE, commands_page
from tests.docs.docstring_tables import checks, logins
from tests.docs.index_page import INDEX, index_page
from tests.docs.schema_tables import PAGES, schema_table
from tests.docs.services_pages import services_pages
from tests.docs.state_page import events, members
from tests.docs.templates_page import filter_table, jinja_names, limits, plain_templates
from tests.docs.views_page import VIEWS, views_page

REFERENCE = Path(__file__).parents[2] / "docs/reference"
DECISIONS = REFERENCE.parent / "adr/README.md"
_PAGE = re.compile(r"docs/reference/([a-z-]+\.md)(#[a-z-]+)?")


def pages() -> dict[Path, str]:
    """Each page as it has to be."""
    findings = ", ".join(f"[`{entry.id}`](diagnostics.md#{entry.id})" for entry in SECTIONS["Findings of a plan"])
    bodies = {
        "diagnostics": {head: _sections(map(_of_entry, entries)) for head, entries in SECTIONS.items()},
        "policy": {
            "On definitions": _sections(map(_of_rule, DEFINITION_RULES)),
            "On changes": _sections(map(_of_rule, CHANGE_RULES)),
            "On clients of the server": _sections(map(_of_rule, REGISTERED_RULES)),
        },
        "guards": {
            "Refusals": _table(
                ("guard", "what it does", "fix"), [(f"`{guard.id}`", guard.what, guard.fix) for guard in GUARDS]
            ),
            "Findings of a plan": f"- {_wrapped(findings)}".replace("\n", "\n  ") + "\n",
        },
        "templates": {
            "Filters": _table(("filter", "for", "value", "gives", "refuses"), filter_table()),
            "Filters and functions of Jinja2": _table(("what", "names"), jinja_names()),
            "Limits": _table(("what", "at most"), limits()),
            "Built-in templates": _table(("template", "makes"), plain_templates()),
            "Templates of services": _table(("template", "service", "makes"), _service_files()),
            "Values of built-in templates": _table(("template", "value", "needed", "is"), _values()),
        },
        "doctor": {"Checks": _table(("check", "looks at"), checks())},
        "login": {"Methods": _table(("`method`", "needs", "is"), logins())},
        "state": {
            "Members": "\n".join(f"### {part}\n\n{_table(('member', 'means'), rows)}" for part, rows in members()),
            "Events": _table(("event", "means"), events()),
        },
        **{page: {"Keys": schema_table(name)} for name, page in PAGES.items()},
    }
    written = {REFERENCE / f"{name}.md": _page(name, sections) for name, sections in bodies.items()}
    return {
        **written,
        **_kept(REFERENCE / "server-behaviour.md", _behaviour),
        **_kept(DECISIONS, _decisions),
        PAGE: commands_page(),
        VIEWS: views_page(),
        INDEX: index_page(),
        **services_pages(),
    }


def _kept(page: Path, write: Callable[[str], str]) -> dict[Path, str]:
    return {page: write(page.read_text(encoding="utf-8"))}


def _behaviour(page: str) -> str:
    """The rules of each numbered section."""
    begin, *parts = re.split(r"^(?=## \d+\.)", page, flags=re.MULTILINE)
    return (begin + "".join(map(_with_rules, parts))).rstrip() + "\n"


def _with_rules(section: str) -> str:
    """A section: what is by hand, with its rules before the entries that are by hand, too."""
    number = int(section.removeprefix("## ").partition(".")[0])
    by_hand = re.sub(r"^- `.*\n(?:  .*\n)*", "", section, flags=re.MULTILINE)
    prose, entries = re.split(r"(?=^- |\Z)", by_hand, maxsplit=1, flags=re.MULTILINE)
    rules = "".join(_rule_entry(rule, number) for rule in TABLE if number in rule.traps)
    return f"{prose.rstrip()}\n\n{rules}{entries.strip()}".rstrip() + "\n\n"


def _rule_entry(rule: ServerRule, number: int) -> str:
    """A rule in its first section; further sections name that one."""
    first = min(rule.traps)
    text = f"- `{rule.id}`: {rule.what} ({rule.source})." if number == first else f"- `{rule.id}`: see section {first}."
    return fill(text, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"


def _decisions(page: str) -> str:
    """The list of decisions, by their titles."""
    titles = {
        file: file.read_text(encoding="utf-8").partition("\n")[0] for file in sorted(DECISIONS.parent.glob("0*.md"))
    }
    items = (f"{title.removeprefix('# ').replace('. ', '. [', 1)}]({file.name})\n" for file, title in titles.items())
    return page.partition("\n1. ")[0] + "\n" + "".join(items)


def _service_files() -> Iterator[tuple[str, ...]]:
    for name, service in services().items():
        for file in service.files:
            if template_files()[file.template].parent.name == name != "plain":
                yield f"`{file.template}`", f"[{service.title}](../how-to/services/{name}.md)", f"`{file.file}`"


def _values() -> Iterator[tuple[str, ...]]:
    for template in template_files():
        schema = values_schema(template)
        for name, value in schema["properties"].items():
            is_needed = "yes" if name in schema.get("required", ()) else ""
            form = value.get("x-expected") or " or ".join(f"`{choice}`" for choice in value.get("enum", ()))
            more = f" It must be {form}." if form else ""
            yield f"`{template}`", f"`{name}`", is_needed, value["description"] + more


def _page(name: str, sections: Mapping[str, str]) -> str:
    page = (REFERENCE / f"{name}.md").read_text(encoding="utf-8")
    begin, *parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    for index, part in enumerate(parts):
        head = part.partition("\n")[0].removeprefix("## ")
        if head in sections:
            prose = re.split(r"^(?=### |\||- \[)", part, maxsplit=1, flags=re.MULTILINE)[0]
            parts[index] = f"{prose.rstrip()}\n\n{sections[head]}\n"
    return "".join((begin, *parts)).rstrip() + "\n"


def _sections(sections: Iterable[Iterator[str]]) -> str:
    return "\n".join("\n\n".join(section) + "\n" for section in sections)


def _of_entry(entry: Explanation) -> Iterator[str]:
    yield f"### {entry.id}"
    yield _wrapped(entry.what)
    yield from (_wrapped(f"{label}: {text}") for label, text in (("Why", entry.why), ("Fix", entry.fix)) if text)
    if entry.bad:
        yield _yaml(entry.bad.removeprefix("# clients.d/portal.yaml\n"))


def _of_rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield _wrapped(rule.what)
    yield _wrapped(f"Why: {rule.why}")
    yield _wrapped(f"Fix: {rule.fix}.")
    yield _wrapped(f"Default: {rule.level}. Source: {rule.source}.")
    before = f"# registered\n{rule.before}\n# changed to\n" if isinstance(rule, ChangeRule) else ""
    yield _yaml(before + rule.bad)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _linked(text: str) -> str:
    """Pages of the reference as links."""
    return _PAGE.sub(lambda found: f"[{found[1]}]({found[1]}{found[2] or ''})", text)


def _wrapped(text: str) -> str:
    return fill(_linked(text), 120, break_long_words=False, break_on_hyphens=False)


def _yaml(lines: str) -> str:
    return f"```yaml\n{lines}\n```"


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
