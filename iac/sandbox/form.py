"""What the OAuth endpoints are sent: forms, and scopes in them."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from iac.sandbox.message import RefusalError, oauth_error
from iac.sandbox.model import Client
from iac.sandbox.world import Call


def read_form(call: Call) -> dict[str, str]:
    """The request's form; a field that stands twice counts once."""
    return dict(parse_qsl(call.request.body.decode(errors="replace"), keep_blank_values=True))


def asked_scopes(client: Client, form: Mapping[str, str]) -> tuple[str, ...]:
    """The scopes that a form asks for; all of the client's when it asks for none (rec: login).

    Raises:
        RefusalError: 400 for a scope that the client has not.
    """
    asked = tuple(dict.fromkeys(form.get("scope", "").split()))
    for name in asked:
        if name not in client.scope:
            text = f"Scope '{name}' not allowed for client '{client.client_id}'"
            raise RefusalError(oauth_error(400, "invalid_scope", text))
    return asked or client.scope
