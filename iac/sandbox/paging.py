"""Lists in pages, as IAM cuts them (rec: admin-list-paging)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iac.sandbox.message import RefusalError, Response, ServerCrashError, empty, json_text

_DEFAULT_COUNT = 10
_MAX_COUNT = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: `start` counts from 0."""

    start: int
    count: int

    @property
    def stop(self) -> int:
        """The position after the last one."""
        return self.start + self.count


def read_page(query: Mapping[str, str]) -> Page:
    """The page that `count` and `startIndex` ask for; more than 100 are cut to 100 without a word.

    Raises:
        ServerCrashError: for a page that begins before 1 or has nothing.
        RefusalError: 400 for what is no number.
    """
    try:
        count = int(query.get("count") or _DEFAULT_COUNT)
        start = int(query.get("startIndex") or 1)
    except ValueError as broken:
        raise RefusalError(empty(400)) from broken
    if count < 1 or start < 1:
        raise ServerCrashError
    return Page(start - 1, min(count, _MAX_COUNT))


def page_response(page: Page, total: int, resources: Sequence[str]) -> Response:
    """The answer that holds the page's `resources`, each of them JSON already."""
    head = json.dumps({"totalResults": total, "itemsPerPage": len(resources), "startIndex": page.start + 1})
    return json_text(200, f'{head[:-1]}, "Resources": [{", ".join(resources)}]}}')
