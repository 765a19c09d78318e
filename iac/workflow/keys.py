"""Keys of clients that log in by private_key_jwt (RFC 7523): made, kept sealed in state, dropped when unused."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

from iac.core.errors import InputError
from iac.core.plan.identity import find_moves
from iac.core.secret import Secret
from iac.core.state.model import ClientKey, key_in_use, with_keys
from iac.core.text import install_extra
from iac.session import LocalSession
from iac.session.ledger import SecretKind
from iac.workflow.state import change_state

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey


def add_key(session: LocalSession, address: str, algorithm: str, bits: int) -> tuple[ClientKey, ...]:
    """Make another key for an address; all that it has then, the new one last.

    Args:
        session: state and definitions.
        address: whose key it is.
        algorithm: that it signs with (RFC 7518 section 3.1): ES256 for a key on P-256, RS256 for RSA.
        bits: of an RSA key.

    Raises:
        InputError: no definition has the address, its client is still to be moved there, or joserfc is not installed.
        StateError: the state cannot be written.
    """
    session.options([address])
    # Made before the lock is taken: an RSA key can take seconds.
    kid, public, private = _make_key(algorithm, bits)
    with change_state(session) as ledger:
        # The client that is to have this address has its keys under another: they would not be among the public ones.
        source = next((source for source, target in find_moves(session.desired, ledger.state) if target == address), "")
        if source:
            raise InputError(
                "the client is not there yet",
                where=address,
                why=f"moved: {source} to {address} in iac.yaml is not applied yet",
                fix="run iac apply, then iac keygen",
            )
        keys = ledger.state.keys.get(address, ())
        key = ClientKey(kid, public, ledger.seal(address, private, SecretKind.KEY))
        ledger.state = with_keys(ledger.state, address, (*keys, key))
        return ledger.state.keys[address]


def drop_old_keys(session: LocalSession, address: str) -> tuple[ClientKey, ...]:
    """Keep the newest key alone; what is left.

    Raises:
        InputError: the server does not know the newest one yet, so services still use an older one.
    """
    session.options([address])
    with change_state(session) as ledger:
        keys, client = ledger.state.keys.get(address, ()), ledger.state.clients.get(address)
        if not keys:
            raise InputError("state has no key of this client", where=address, fix=f"iac keygen {address} makes one")
        if client is None or key_in_use(keys, client.applied) != keys[-1]:
            raise InputError(
                "the newest key is not in use yet, so the old ones stay",
                where=address,
                why="the registration that was last applied does not have it",
                fix="run iac apply, and let services read their files again, first",
            )
        ledger.state = with_keys(ledger.state, address, keys[-1:])
        return ledger.state.keys[address]


def _make_key(algorithm: str, bits: int) -> tuple[str, str, Secret]:
    """A new key: its id (the thumbprint, RFC 7638), its public JWK as canonical JSON, and JSON with `jwk` and `pem`."""
    key = _generate(algorithm, bits)
    kid = key.thumbprint()
    named = {"kid": kid, "use": "sig", "alg": algorithm}
    public = json.dumps({**key.as_dict(private=False), **named}, sort_keys=True, separators=(",", ":"))
    private = {"jwk": {**key.as_dict(private=True), **named}, "pem": key.as_pem(private=True).decode()}
    return kid, public, Secret(json.dumps(private))


def _generate(algorithm: str, bits: int) -> ECKey | RSAKey:
    try:
        from joserfc.jwk import ECKey, RSAKey  # an extra
    except ModuleNotFoundError as error:
        raise InputError("keys cannot be made here", why=str(error), fix=install_extra("jose")) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(bits)
