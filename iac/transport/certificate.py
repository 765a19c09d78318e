"""Trusted authorities and client certificates, as an SSL context of our own: HTTP libraries differ in theirs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypeVar

from iac.core.errors import InputError
from iac.core.text import reason

E = TypeVar("E", bound=BaseException)

FORM_ERRORS = frozenset(range(80, 94))
"""OpenSSL's errors of VERIFY_X509_STRICT (x509_vfy.h): a certificate is not of the form of RFC 5280."""

_REFUSALS = (
    "CERTIFICATE_REQUIRED",
    "HANDSHAKE_FAILURE",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
)
"""Alerts by which a server refuses a client certificate, or that there is none (RFC 8446 section 6.2, RFC 5246)."""


def ssl_context(ca: Path | None, certificate: Path | None, key: Path | None, *, is_plain: bool) -> ssl.SSLContext:
    """A context that trusts the system's authorities (SSL_CERT_FILE, SSL_CERT_DIR) and those of `ca`.

    With `ca` the form of certificates is not checked, see `accept_any_form`.

    Args:
        ca: PEM file; None for none.
        certificate: PEM file of a client certificate with its chain; None for none.
        key: PEM file of its private key; None when it is in the file of the certificate.
        is_plain: no TLS is spoken, so that the system's authorities need not be read.

    Raises:
        InputError: a file cannot be used.
    """
    if is_plain:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except OSError as error:
            fix = "name a PEM file of certificates"
            raise InputError("the CA bundle cannot be used", where=str(ca), why=reason(error), fix=fix) from error
        accept_any_form(context)
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise InputError(
                "the client certificate cannot be used",
                where=f"{certificate}, {key}" if key else str(certificate),
                why=reason(error),
                fix="name PEM files of a certificate and of the private key that belongs to it, without passphrase",
            ) from error
    return context


def accept_any_form(context: ssl.SSLContext) -> None:
    """Trust authorities that the user named, without a check of the form of their certificates.

    From Python 3.13 on, VERIFY_X509_STRICT is on by default. It refuses authorities without key usage or key
    identifiers, as those of many grid sites are, which 3.11 and 3.12 accept. It checks form alone: signatures, names,
    dates and who may sign are checked without it.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT


def _no_passphrase() -> str:
    raise ValueError("the private key is encrypted, and nobody is asked for its passphrase")


def cause(error: BaseException | None, kind: type[E]) -> E | None:
    """The first of an exception and those behind it that is of this kind."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None


def is_certificate_refused(error: Exception) -> bool:
    """Whether the server broke off TLS over the client's certificate."""
    tls_error = cause(error, ssl.SSLError)
    reason = (tls_error.reason or "") if tls_error is not None else ""
    return "ALERT" in reason and reason.endswith(_REFUSALS)
