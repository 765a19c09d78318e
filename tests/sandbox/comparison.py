"""Holds an answer of the sandbox against the recorded one: everything that the request determines."""

import json
import re
from typing import Any

from iac.sandbox.message import Response

# What depends on chance, and why; everything else is compared.
CHANCE = {
    "access_token": "a token, `<jwt>` in the recordings",
    "registration_access_token": "a token, `<jwt>` in the recordings",
    "jti": "made up by the server",
    "iat": "the time of a token, which no answer shows",
    "exp": "the same",
    "expires_at": "the same",
}
UNORDERED = {
    "redirect_uris": "a set, in another order after each start of a server",
    "grant_types": "the same",
    "contacts": "the same",
    "response_types": "the same",
    "scopes_supported": "the same",
}
UNORDERED_TEXT = {"scope": "a set of words, in another order after each start of a server"}
TEXTS = {
    "error_description": "texts differ between versions; the error's code is compared",
    "error": "alone: texts differ, and several come in random order; the property paths are compared",
    "www-authenticate": "its error_description is such a text; scheme, realm and code are compared",
    "text/html": "the length of an error page",
}
PATH = re.compile(r"\b[a-z]+Client\w*(?:\.(?:\w+(?:\[\])?|<iterable element>))+(?=: )")


def differences(exchange: dict[str, Any], response: Response) -> list[str]:
    """What the sandbox's answer has other than the recorded one, in words."""
    recorded = exchange["response"]
    found = []
    if recorded["status"] != response.status:
        found.append(f"status: {recorded['status']} recorded, {response.status} answered")
    for name in ("content-type", "cache-control", "www-authenticate"):
        want, got = header(recorded["headers"].get(name)), header(response.headers.get(name))
        if want != got:
            found.append(f"{name}: {want} recorded, {got} answered")
    want, got = recorded["body"], body_of(response)
    if isinstance(want, dict) and "Resources" in want:
        got = cut(want, got, exchange.get("note", ""))
    if determined(want) != determined(got):
        found.append(f"body: {determined(want)} recorded, {determined(got)} answered")
    return found


def header(value: str | None) -> str | None:
    return value and re.sub(r'(error_description)="[^"]*"', r"\1", value)


def body_of(response: Response) -> Any:
    if "content-type" not in response.headers:
        return response.body.decode()
    if response.headers["content-type"].startswith("text/html"):
        return "<HTML error page, 0 characters>" if response.body.lstrip().startswith(b"<") else ""
    return json.loads(response.body)


def cut(recorded: dict[str, Any], answered: Any, note: str) -> Any:
    """The answered list cut as the recorded one is, when it is as long as the note says."""
    kept = re.search(r"first (\d+) of (\d+) Resources kept", note)
    if not kept or len(answered["Resources"]) != int(kept[2]) or answered["itemsPerPage"] != int(kept[2]):
        return answered
    return answered | {"Resources": answered["Resources"][: len(recorded["Resources"])]}


def determined(value: Any) -> Any:
    """The value with what depends on chance put aside."""
    if isinstance(value, list):
        return [determined(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"page, \d+ characters", "page", value) if value.startswith("<HTML") else value
    if not isinstance(value, dict):
        return value
    if set(value) == {"error"}:
        return {"error": sorted(set(PATH.findall(value["error"])))}
    return {name: determined_field(name, item) for name, item in value.items()}


def determined_field(name: str, value: Any) -> Any:
    if name in CHANCE:
        return type(value).__name__
    if name in UNORDERED and value is not None:
        return sorted(value)
    if name in UNORDERED_TEXT and value is not None:
        return sorted(value.split())
    if name == "error_description":
        return "text"
    return determined(value)
