"""What a server's API can do. Code asks for a capability, never for the name of a provider. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Table(StrEnum):
    """A part of the table of server rules. Each row is in one part; a provider names the parts that hold for it."""

    EVERY = "every server"
    IAM = "every API of an INDIGO IAM"
    MANAGEMENT = "an API whose caller chooses client_id and secret"
    ONE_BY_ONE = "an API that reaches each client by a token or its owner's login"
    SELF_SERVICE = "an API for users and for anybody"
    RFC7591 = "a server of which only RFC 7591 and RFC 7592 are known"


class Capabilities(Struct, frozen=True, kw_only=True):
    """What an API can do. The defaults are those of an API that can do everything: a provider names what it cannot.

    Attributes:
        provider: its name in iac.yaml.
        tables: the parts of the table of server rules that hold.
        server: who the server is, for messages.
        is_iam: whether it is an INDIGO IAM, whose versions differ in what they show.
        server_chooses: the server chooses client_id and secret of a new client; else iac does. Without an id that is
            known beforehand a create without an answer cannot be looked up.
        reads_all: the login reads the clients of every owner, so that a client that is not found is gone.
        uses_tokens: clients may have registration access tokens (RFC 7592), which state keeps.
        sets_all: it sets owners and each field; else those of `Field.admin_only` cannot be set.
        drops_scopes: scopes that only administrators give are dropped without a word.
        knows_defaults: what a client gets where a field is left out is known. Else nothing is sent that a definition
            does not name; what the server makes of that, and what it adds to lists, is remembered as its own.
        can_rotate: there is a call for a new secret; the table says for whom.
        can_replace: another client can take the place of one, as `lifecycle.rotation: replace` asks.
        why_no_rotation: why there is none, or not for every login, for messages.
        shows_true_secrets: a secret that a read shows is the one that logs in; else it may be a mask or a hash, and the
            token endpoint is asked.
        renews_tokens: a read may bring a new registration access token, which ends the one before (RFC 7592 section 3);
            answers tell whether this server does so.
        takes_basic_raw: HTTP Basic is taken as it stands, without the encoding of RFC 6749 section 2.3.1; the token
            endpoint takes id and secret in the form, too, from a client that is registered for Basic
            (rec: client-auth-methods).
    """

    provider: str = ""
    tables: frozenset[Table] = frozenset({Table.EVERY, Table.IAM, Table.MANAGEMENT})
    server: str = "IAM"
    is_iam: bool = True
    server_chooses: bool = False
    reads_all: bool = True
    uses_tokens: bool = False
    sets_all: bool = True
    drops_scopes: bool = False
    knows_defaults: bool = True
    can_rotate: bool = True
    can_replace: bool = True
    why_no_rotation: str = ""
    shows_true_secrets: bool = True
    renews_tokens: bool = False
    takes_basic_raw: bool = True


FULL = Capabilities()
"""An API that can do everything."""
