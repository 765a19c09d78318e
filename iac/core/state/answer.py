"""What state keeps of a server's answer, and what another client with the same settings is given of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iac.core import server
from iac.core.desired import DesiredClient
from iac.core.model import FIELDS, Fields
from iac.core.registration import Facts, Registration
from iac.core.state.members import Malformed, check_json

_CREDENTIAL = re.compile(r"(?:secret|token|password|registration_client_uri)\Z")
"""Members that may hold one: a registration_client_uri has a login in it on some servers."""


def kept_answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """All members of an answer as they came, but for credentials and for values that state cannot hold."""
    return {name: value for name, value in answer.items() if _is_kept(name, value)}


def _is_kept(name: str, value: Any) -> bool:
    if isinstance(value, str) and _CREDENTIAL.search(name):
        return False
    try:
        check_json(value, name)
    except Malformed:
        return False
    return True


def carried(client: DesiredClient, old: Registration, facts: Facts) -> Fields:
    """What `old` has and the definition does not manage, members that this program does not know among it.

    It is what an update would leave as it is: a client that takes the place of `old` gets it too.
    """
    body = server.update_body(replace(old, secret=None), {}, (), facts)
    known = server.parse_answer(body).fields
    others = {name: value for name, value in body.items() if name not in FIELDS and name != "client_id"}
    is_keyed = "jwks_uri" in client.fields
    own = {name: known[name] for name in known if name not in client.managed and not (is_keyed and name == "jwk")}
    return {**others, **own}
