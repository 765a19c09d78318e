"""How a value is written in each format: correct for every reader of that format, or refused. Pure.

A filter never guesses and never drops a character. Where readers of one format disagree on a character (`%` in INI,
a backslash in dotenv), no text is right for all of them, so the value is refused. What comes out of a filter is
`FormattedText`; a bare `{{ x }}` takes `FormattedText` and what means the same in every format (`inline`).
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_BARE = re.compile(r"[A-Za-z0-9._~:/+=-]*")
_NO_BREAKS = re.compile(rf"[{_CONTROL}]")
_NOT_INI = re.compile(rf"[{_CONTROL}%$#;\"'`\\]")
_DOTENV_BARE = re.compile(r"[A-Za-z0-9._:/@%+,=-]*")
_NOT_DOTENV = re.compile(rf"[{_CONTROL}'\\]")
_NOT_SQL = re.compile(rf"[{_CONTROL}\\]")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_YAML = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


class UnsafeValue(Exception):
    """A value has no safe text in the format asked for. Neither `why` nor `fix` holds the value."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why = why
        self.fix = fix


class FormattedText(str):
    """Text that is already in its format: what a filter made of a value. It is printed as it is."""

    __slots__ = ()


def inline(value: object) -> str:
    """A value printed without a filter.

    Raises:
        UnsafeValue: unless it is Text, a whole number, or made of `A-Z a-z 0-9 . _ ~ : / + = -` alone.
    """
    if isinstance(value, FormattedText):
        return value
    text = _scalar(value)
    if isinstance(value, bool):
        raise UnsafeValue(
            "true and false are written differently in each format", "name the format, as in {{ x | json }}"
        )
    if not _BARE.fullmatch(text):
        raise UnsafeValue(
            "a value printed without a filter has a character that formats read as syntax, such as a space or a quote",
            "name the file's format, as in {{ x | json }}; `verbatim` prints one line as it is",
        )
    return text


def verbatim(value: object) -> FormattedText:
    """One line as it is, for formats without a filter of their own."""
    return FormattedText(_without(_NO_BREAKS, value, "verbatim", "a line"))


def to_json(value: object, indent: int | None = None) -> FormattedText:
    """Any value as JSON (RFC 8259), keys in the order given; `json(indent=2)` for several lines."""
    return FormattedText(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=indent))


def to_yaml(value: object, indent: int | None = None) -> FormattedText:
    """Any value in flow style, for YAML 1.1 and 1.2."""
    return FormattedText(_NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", to_json(value, indent)))


def to_spring(value: object) -> FormattedText:
    """YAML for Spring Boot. Refuses `${`, which Spring expands everywhere."""
    text = to_yaml(value)
    if "${" in text:
        raise UnsafeValue("filter spring: Spring would expand `${` in the value", "use a value without it")
    return text


def to_ini(value: object) -> FormattedText:
    """After `key =`. Readers share no quoting: `%`, `$`, `#`, `;`, quotes, backslashes, outer spaces are refused."""
    text = _without(_NOT_INI, value, "ini", "an INI value")
    if text != text.strip():
        raise UnsafeValue("filter ini: INI readers drop spaces around a value", "use a value without them")
    return FormattedText(text)


def to_shell(value: object) -> FormattedText:
    """One word of a POSIX shell."""
    return FormattedText(shlex.quote(_without(_NO_BREAKS, value, "shell", "a shell word")))


def to_dotenv(value: object) -> FormattedText:
    """After `NAME=`, for shells, systemd, docker compose and dotenv libraries, in single quotes where needed.

    `docker run --env-file` reads the quotes as part of the value. Refuses `$`: some libraries expand it in any quotes.
    """
    # python-dotenv keeps the backslash by which dotenv-expand and a shell know a plain `$`: no form serves all.
    text = _without(_NOT_DOTENV, value, "dotenv", "a dotenv value")
    if "$" in text:
        raise UnsafeValue(
            "filter dotenv: the value has a `$`, which python-dotenv and dotenv-expand expand even in single quotes",
            "use a value without it (iac rotate makes such a secret), or a file format that can hold it (json, yaml)",
        )
    return FormattedText(text if _DOTENV_BARE.fullmatch(text) else f"'{text}'")


def to_env_name(value: object) -> FormattedText:
    """A variable's name: upper case, `_` for invalid characters."""
    text = re.sub(r"[^A-Za-z0-9_]", "_", _scalar(value)).upper()
    if not _ENV_NAME.fullmatch(text):
        raise UnsafeValue(
            "filter env_name: a variable's name is not empty and does not begin with a digit", "put a letter in front"
        )
    return FormattedText(text)


def to_secret_key(value: object) -> FormattedText:
    """A key of a Kubernetes Secret: letters, digits and `-_.`; the API server refuses others."""
    text = _scalar(value)
    if not _SECRET_KEY.fullmatch(text):
        raise UnsafeValue(
            "filter secret_key: a key of a Kubernetes Secret has letters, digits and - _ . alone, at most 253",
            "name the clients of the output, as in clients: {portal: team/portal}; without names they go by address",
        )
    return FormattedText(text)


def to_xml(value: object) -> FormattedText:
    """Text or an attribute's value."""
    text = _without(_NOT_XML, value, "xml", "XML")
    return FormattedText("".join(_XML.get(character, character) for character in text))


def to_base64(value: object) -> FormattedText:
    """Base64 of the UTF-8 bytes, for `data` of a Kubernetes Secret; in YAML: `base64`, then `yaml`."""
    return FormattedText(base64.b64encode(_without(_SURROGATE, value, "base64", "UTF-8").encode()).decode())


def to_apache(value: object) -> FormattedText:
    """A quoted argument of Apache httpd.

    Refuses `${`, which httpd expands, and `exec:`, which mod_auth_openidc runs.
    """
    text = _without(_NO_BREAKS, value, "apache", "an Apache directive")
    if "${" in text or text.startswith("exec:"):
        raise UnsafeValue("filter apache: httpd would expand `${`, or run what follows `exec:`", "use another value")
    return FormattedText('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')


def to_sql(value: object) -> FormattedText:
    """A string in single quotes, a whole number, or NULL. Refuses backslashes: MySQL reads them differently."""
    if value is None:
        return FormattedText("NULL")
    if isinstance(value, int) and not isinstance(value, bool):
        return FormattedText(str(value))
    return FormattedText("'" + _without(_NOT_SQL, value, "sql", "an SQL literal").replace("'", "''") + "'")


def to_url(value: object) -> FormattedText:
    """One part of a URL."""
    return FormattedText(quote(_without(_SURROGATE, value, "urlencode", "UTF-8"), safe=""))


def indent(value: object, width: int = 2, *, first: bool = False) -> str:
    """Indents each line but the first by two spaces, `indent(4)` by four; with `first=true` that one, too."""
    moved = _scalar(value).replace("\n", "\n" + " " * width)
    moved = " " * width + moved if first else moved
    return FormattedText(moved) if isinstance(value, FormattedText) else moved


def join(values: Iterable[object], separator: str = "") -> str:
    """Joins a list: `join(" ")`."""
    items = [value if isinstance(value, FormattedText) else _scalar(value) for value in values]
    joined = separator.join(items)
    return FormattedText(joined) if all(isinstance(item, FormattedText) for item in items) else joined


FILTERS: Mapping[str, Callable[..., str]] = {
    "apache": to_apache,
    "base64": to_base64,
    "dotenv": to_dotenv,
    "env_name": to_env_name,
    "indent": indent,
    "ini": to_ini,
    "join": join,
    "json": to_json,
    "secret_key": to_secret_key,
    "shell": to_shell,
    "spring": to_spring,
    "sql": to_sql,
    "urlencode": to_url,
    "verbatim": verbatim,
    "xml": to_xml,
    "yaml": to_yaml,
}
"""Our filters by the name a template uses; those of Jinja2 that stay are listed in `engine`."""


def _without(forbidden: re.Pattern[str], value: object, name: str, what: str) -> str:
    text = _scalar(value)
    if match := forbidden.search(text):
        raise UnsafeValue(
            f"filter {name}: the value has {_named(match[0])}, which {what} cannot hold for every reader",
            "use a value without it, or a file format that can hold it (json, yaml, base64)",
        )
    return text


def _named(character: str) -> str:
    return "a line break" if character in "\r\n" else f"the character U+{ord(character):04X}"


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    return _no_text(value, "text or a whole number")


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _without(_SURROGATE, value, "json", "JSON")
    if isinstance(value, Mapping):
        return {_without(_SURROGATE, key, "json", "JSON"): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _no_text(value, "data")


def _no_text(value: object, wanted: str) -> str:
    if not isinstance(value, list | tuple | dict | float | None):
        str(value)  # an undefined value says here which one it is
    kind = "nothing" if value is None else f"a value of type {type(value).__name__}"
    raise UnsafeValue(
        f"{kind} was given where {wanted} is needed", "name an entry of it, or use `| join(' ')` or `| json`"
    )
