"""A django-oauth-toolkit on loopback for the scenarios: registration and its management, initial access tokens.

Arguments: port, database file, `oidc` or nothing. It says "ready" and ends with its standard input.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

PORT, DATABASE, HAS_OIDC = sys.argv[1], sys.argv[2], "oidc" in sys.argv[3:]
INITIAL = "let-me-register"
ALLOWED = {INITIAL: 1_000_000, "once": 1}
"""How many clients a token may still register."""
ISSUER = f"http://127.0.0.1:{PORT}"


class NeedsInitialToken:
    """Registration by such a token, as a site that is not open would have it."""

    def has_permission(self, request: Any) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        ALLOWED[token] = ALLOWED.get(token, 0) - 1
        return ALLOWED[token] >= 0


def key() -> str:
    """A key for ID tokens."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


sys.modules["site_of_the_toolkit"] = sys.modules[__name__]
settings.configure(
    SECRET_KEY="loopback only",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="site_of_the_toolkit",
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    OAUTH2_PROVIDER={
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ["site_of_the_toolkit.NeedsInitialToken"],
        "SCOPES": {"openid": "OpenID Connect", "read": "Read", "dcr:manage": "Registration"},
        "DEFAULT_SCOPES": ["read"],
        "OIDC_ENABLED": HAS_OIDC,
        **({"OIDC_RSA_PRIVATE_KEY": key(), "OIDC_ISS_ENDPOINT": ISSUER} if HAS_OIDC else {}),
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402  # after the settings
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import get_access_token_model, get_application_model  # noqa: E402


def control(request: HttpRequest, name: str) -> JsonResponse:
    """What an administrator would do."""
    clients, client_id = get_application_model().objects, request.GET.get("client_id", "")
    found: Any = None
    match name:
        case "ids":
            found = list(clients.values_list("client_id", flat=True))
        case "change":
            clients.filter(client_id=client_id).update(name=request.GET["client_name"])
        case "mark":
            clients.filter(client_id=client_id).update(skip_authorization=True)
        case "is_marked":
            found = clients.get(client_id=client_id).skip_authorization
        case "remove":
            clients.filter(client_id=client_id).delete()
        case "end":
            get_access_token_model().objects.filter(application__client_id=client_id).delete()
    return JsonResponse({"found": found})


urlpatterns = [
    path("control/<str:name>", control),
    path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


class Quiet(WSGIRequestHandler):
    """Says nothing of requests."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Serve until the standard input ends."""
    call_command("migrate", verbosity=0)
    with make_server("127.0.0.1", int(PORT), get_wsgi_application(), handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
    Path(DATABASE).unlink(missing_ok=True)
    os._exit(0)


if __name__ == "__main__":
    main()
