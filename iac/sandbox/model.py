"""What an IAM holds: clients, accounts, tokens.

`Client` is the one table of a client's fields: a new field of IAM is one row there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, auto
from typing import Any

from iac.sandbox.flavour import FlavourFacts

ADMIN_READ = "iam:admin.read"
ADMIN_WRITE = "iam:admin.write"
RAT_SCOPE = "registration-token"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

GRANT_TYPES = frozenset(
    {
        "authorization_code",
        "client_credentials",
        "password",
        "implicit",
        "refresh_token",
        DEVICE_GRANT,
        EXCHANGE_GRANT,
        "urn:ietf:params:oauth:grant_type:redelegate",
    }
)
RESPONSE_TYPES = frozenset({"code", "token"})
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
AUTH_METHODS = SECRET_METHODS | {"private_key_jwt", "none"}


class FieldKind(Enum):
    """What a field's JSON is, and with it what IAM checks of every field of that kind."""

    TEXT = auto()
    URL = auto()
    FLAG = auto()
    NUMBER = auto()
    LIFETIME = auto()  # seconds
    TEXTS = auto()
    WORDS = auto()  # one text of words that spaces part


class Setter(Enum):
    """Whose documents set a field."""

    BOTH = auto()  # the management API and self service
    MANAGEMENT = auto()  # self service keeps what is stored
    SERVER = auto()  # nobody's: a document's value is checked and dropped


class View(Enum):
    """Which call shows a client."""

    CREATED = auto()  # POST create and /secret of the management API: nothing is hidden
    MANAGED = auto()  # GET, list, PUT and /rat of the management API
    FOUND = auto()  # search
    REGISTERED = auto()  # POST of self service
    REGISTRATION = auto()  # all else of self service
    ACCOUNT = auto()  # GET /iam/account/me/clients


SELF_SERVICE = frozenset({View.REGISTERED, View.REGISTRATION})
_NEW = frozenset({View.CREATED, View.REGISTERED})

Seen = Callable[[View, FlavourFacts], bool]


def _everywhere(_view: View, _facts: FlavourFacts) -> bool:
    return True


def _nowhere(_view: View, _facts: FlavourFacts) -> bool:
    return False


def _as_secret(view: View, facts: FlavourFacts) -> bool:
    """Always in the answer that makes it, later up to 1.13 alone (rec: admin-secret-visibility)."""
    return view in _NEW or (facts.secrets_shown and view is not View.ACCOUNT)


def _as_jwk(view: View, facts: FlavourFacts) -> bool:
    """The same, though a PUT still replaces what it does not show (rec: admin-jwk, self-service-jwk)."""
    return view in _NEW or facts.jwk_shown


def _as_lifetime(view: View, facts: FlavourFacts) -> bool:
    """Never by self service (rec: self-service-anonymous), by search up to 1.13 alone (rec: admin-search)."""
    return view not in SELF_SERVICE and not (view is View.FOUND and facts.search_hides_lifetimes)


def _with_up_scoping(_view: View, facts: FlavourFacts) -> bool:
    return facts.up_scoping


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """What there is to know of one field.

    `kind` None is a field that no document has. `absent` is stored where a document lacks the field or has null, and
    for a lifetime below `least`. `is_short`: it stands in the short list that a user gets of the own clients up to
    1.13 (rec: self-service-user). `fact` names the fact of a flavour without which the field is unknown.
    """

    kind: FieldKind | None = None
    choices: frozenset[str] = frozenset()
    setter: Setter = Setter.SERVER
    absent: Any = None
    least: int = 1
    seen: Seen = _everywhere
    is_short: bool = False
    fact: str | None = None

    def is_known(self, facts: FlavourFacts) -> bool:
        """Whether this flavour reads the field."""
        return self.kind is not None and (self.fact is None or bool(getattr(facts, self.fact)))


_NO_DEFAULT = object()


def _row(kind: FieldKind | None = None, setter: Setter = Setter.SERVER, default: Any = _NO_DEFAULT, **more: Any) -> Any:
    """A field of `Client` with its row; without a default of its own it begins as `absent`."""
    row = FieldRow(kind=kind, setter=setter, **more)
    return field(default=row.absent if default is _NO_DEFAULT else default, metadata={"row": row})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client, its fields in the order in which answers have them.

    Never changed: an update puts a new one in its place. `key` is the database's own id, which stays when `client_id`
    is lost (rec: self-service-put-without-client-id). `client_secret` None is "no secret", and `""` one that logs in
    (rec: admin-put-and-secret). Lifetimes are in seconds, None where the answer has none; times are in ms since the
    epoch.
    """

    key: int
    # The calls set these two by rules of their own (rec: admin-chosen-secret, admin-put-and-secret).
    client_id: str | None = _row(FieldKind.TEXT, is_short=True)
    client_secret: str | None = _row(FieldKind.TEXT, seen=_as_secret)
    client_name: str | None = _row(FieldKind.TEXT, Setter.BOTH, is_short=True)
    client_description: str | None = _row(FieldKind.TEXT, Setter.BOTH, is_short=True)
    redirect_uris: tuple[str, ...] = _row(FieldKind.TEXTS, Setter.BOTH, absent=(), is_short=True)
    client_uri: str | None = _row(FieldKind.URL, Setter.BOTH)
    contacts: tuple[str, ...] = _row(FieldKind.TEXTS, Setter.BOTH, absent=())
    # Left out is authorization_code, which then needs no redirect URI (rec: admin-create-minimal); [] is none.
    grant_types: tuple[str, ...] = _row(
        FieldKind.TEXTS, Setter.BOTH, default=(), absent=("authorization_code",), choices=GRANT_TYPES
    )
    response_types: tuple[str, ...] = _row(FieldKind.TEXTS, Setter.BOTH, absent=(), choices=RESPONSE_TYPES)
    policy_uri: str | None = _row(FieldKind.URL, Setter.BOTH)
    jwks_uri: str | None = _row(FieldKind.URL, Setter.BOTH)
    token_endpoint_auth_method: str = _row(
        FieldKind.TEXT, Setter.BOTH, absent="client_secret_basic", choices=AUTH_METHODS
    )
    scope: tuple[str, ...] = _row(FieldKind.WORDS, Setter.BOTH, absent=(), is_short=True)
    # 0 is the default, too, but a refresh token of 0 seconds never ends (rec: admin-lifetimes).
    access_token_validity_seconds: int | None = _row(
        FieldKind.LIFETIME, Setter.MANAGEMENT, absent=3600, seen=_as_lifetime
    )
    refresh_token_validity_seconds: int | None = _row(
        FieldKind.LIFETIME, Setter.MANAGEMENT, absent=2_592_000, least=0, seen=_as_lifetime
    )
    id_token_validity_seconds: int | None = _row(FieldKind.LIFETIME, Setter.MANAGEMENT, absent=600, seen=_as_lifetime)
    device_code_validity_seconds: int | None = _row(
        FieldKind.LIFETIME, Setter.MANAGEMENT, absent=600, seen=_as_lifetime
    )
    reuse_refresh_token: bool = _row(FieldKind.FLAG, Setter.MANAGEMENT, absent=False)
    dynamically_registered: bool = _row(
        FieldKind.FLAG, absent=False
    )  # by origin, whatever is sent (rec: admin-create-full)
    allow_introspection: bool = _row(FieldKind.FLAG, Setter.MANAGEMENT, default=True, absent=False, seen=_as_lifetime)
    clear_access_tokens_on_refresh: bool = _row(FieldKind.FLAG, Setter.MANAGEMENT, absent=False)
    require_auth_time: bool = _row(FieldKind.FLAG, Setter.MANAGEMENT, absent=False)
    created_at: int = _row(absent=0, is_short=True)
    last_used: str | None = _row(is_short=True)
    expiration: str | None = _row(FieldKind.TEXT, Setter.BOTH, fact="federation")
    entity_id: str | None = _row(FieldKind.TEXT, Setter.BOTH, fact="federation")
    jwk: str | None = _row(FieldKind.TEXT, Setter.BOTH, seen=_as_jwk)
    code_challenge_method: str | None = _row(FieldKind.TEXT, Setter.BOTH)
    active: bool = _row(FieldKind.FLAG, absent=True, is_short=True)  # PATCH alone sets it (rec: admin-enable-disable)
    # True when left out, at PUT too, and false when null (rec: admin-up-scoping).
    up_scoping_enabled: bool = _row(FieldKind.FLAG, Setter.BOTH, absent=True, seen=_with_up_scoping, fact="up_scoping")
    status_changed_on: int | None = _row(is_short=True)
    status_changed_by: str | None = _row(is_short=True)
    # Checked and dropped without a word (rec: admin-create-full).
    tos_uri: str | None = _row(FieldKind.URL, seen=_nowhere)
    default_max_age: int | None = _row(FieldKind.NUMBER, seen=_nowhere)
    rendered: dict[object, str] = field(default_factory=dict, init=False, compare=False, repr=False)


FIELDS: Mapping[str, FieldRow] = {each.name: each.metadata["row"] for each in fields(Client) if "row" in each.metadata}


@dataclass(frozen=True, slots=True)
class Account:
    """A user. `representation` is what the owners call shows (SCIM, RFC 7643) but for times."""

    username: str
    uuid: str
    email: str
    password: str
    is_admin: bool
    representation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A login that waits for a user's yes (RFC 8628). `account` is who said it; None as long as nobody did."""

    device_code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    expires_ms: int
    account: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What a user is asked to approve, then what a code stands for (RFC 6749 section 4.1).

    `redirect_uri` is where the answer goes, `asked_uri` what the request named, None where it named none. `challenge`
    is that of PKCE, "" without one.
    """

    client_id: str
    account: Account
    scopes: tuple[str, ...]
    redirect_uri: str
    asked_uri: str | None
    state: str
    challenge: str
    challenge_method: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for; a registration access token is one with `RAT_SCOPE`.

    `refresh_token` is the one of the same login, "" without one.
    """

    client_key: int
    client_id: str
    account: Account | None
    scopes: frozenset[str]
    token_id: str
    issued_ms: int
    expires_ms: int | None
    refresh_token: str = ""

    @property
    def is_rat(self) -> bool:
        """Whether it is a registration access token (RFC 7592 section 3)."""
        return RAT_SCOPE in self.scopes
