"""Values of a SOPS file, one by one: encrypted, decrypted, and held together by a MAC. Pure, but for random nonces.

Only what is of one kind for every reader is written: strings, whole numbers, true, false and null. What SOPS itself
writes is read, dates and numbers with a point too.

The metadata say who opens a file, when it was changed, its MAC, and which values are encrypted.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

Node = str | int | float | bool | None | list["Node"] | dict[str, "Node"]
Branch = dict[str, Node]
Leaf = str | int | float | bool

UNENCRYPTED = "_unencrypted"
"""The end of keys that SOPS leaves in clear by default."""
_NONCE_BYTES = 32
_TAG_BYTES = 16
_VALUE = re.compile(r"ENC\[AES256_GCM,data:([^,]*),iv:([^,]*),tag:([^,]*),type:(str|int|float|bool|bytes|time)\]")
_READ: Mapping[str, Callable[[str], Leaf]] = {"int": int, "float": float, "bool": lambda text: text == "True"}


class DamagedValue(Exception):
    """A value is not what was encrypted, or not under this key."""


def encrypt_branch(branch: Branch, key: bytes, only: Sequence[str], now: str) -> tuple[Branch, str]:
    """The values encrypted, and the MAC over all of them.

    Args:
        branch: what the file is to hold.
        key: the data key, 32 bytes.
        only: keys below which values are encrypted; empty for all.
        now: time of the change, RFC 3339 UTC.
    """
    digest = hashlib.sha512()

    def seal(leaf: Leaf, path: tuple[str, ...]) -> Leaf:
        digest.update(str(leaf).encode())  # `True` and `False` for flags, digits for numbers
        return _seal(leaf, key, _aad(path)) if _is_meant(path, only) else leaf

    sealed = {name: _walk(node, (name,), seal) for name, node in branch.items()}
    return sealed, _seal(digest.hexdigest().upper(), key, now)


def decrypt_branch(branch: Branch, key: bytes, only: Sequence[str], seal: tuple[str, str]) -> Branch:
    """The values in clear, after the MAC over all of them was found right.

    Args:
        branch: what the file holds.
        key: the data key.
        only: keys below which values are encrypted; empty for all.
        seal: the encrypted MAC, and the time of the last change.

    Raises:
        DamagedValue: a value or the whole was changed.
    """
    digest = hashlib.sha512()

    def open_(leaf: Leaf, path: tuple[str, ...]) -> Leaf:
        plain, kind = _open(leaf, key, _aad(path)) if _is_meant(path, only) else (str(leaf), "")
        digest.update(plain.encode())
        return _READ.get(kind, str)(plain) if kind else leaf

    opened = {name: _walk(node, (name,), open_) for name, node in branch.items()}
    mac, modified = seal
    if _open(mac, key, modified)[0] != digest.hexdigest().upper():
        raise DamagedValue
    return opened


def keys(node: Node) -> Iterator[str]:
    """Every key in a node, at any depth."""
    if isinstance(node, dict):
        yield from node
        for inner in node.values():
            yield from keys(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from keys(inner)


def _walk(node: Node, path: tuple[str, ...], change: Callable[[Leaf, tuple[str, ...]], Leaf]) -> Node:
    if isinstance(node, dict):
        return {name: _walk(inner, (*path, name), change) for name, inner in node.items()}
    if isinstance(node, list):
        return [_walk(inner, path, change) for inner in node]
    return None if node is None else change(node, path)


def _is_meant(path: tuple[str, ...], only: Sequence[str]) -> bool:
    return not only or any(name in only for name in path)


def _aad(path: tuple[str, ...]) -> str:
    return "".join(f"{name}:" for name in path)


def _seal(leaf: Leaf, key: bytes, aad: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # an extra

    if leaf == "":
        return ""
    kind = "bool" if isinstance(leaf, bool) else "int" if isinstance(leaf, int) else "str"
    nonce = secrets.token_bytes(_NONCE_BYTES)
    whole = AESGCM(key).encrypt(nonce, str(leaf).encode(), aad.encode())
    data, tag = whole[:-_TAG_BYTES], whole[-_TAG_BYTES:]
    shown = [base64.b64encode(part).decode() for part in (data, nonce, tag)]
    return f"ENC[AES256_GCM,data:{shown[0]},iv:{shown[1]},tag:{shown[2]},type:{kind}]"


def _open(leaf: Any, key: bytes, aad: str) -> tuple[str, str]:
    """The text of an encrypted value, and its kind."""
    from cryptography.exceptions import InvalidTag  # an extra
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # an extra

    if leaf == "":
        return "", "str"
    match = _VALUE.fullmatch(leaf) if isinstance(leaf, str) else None
    if match is None:
        raise DamagedValue
    try:
        data, nonce, tag = (base64.b64decode(part, validate=True) for part in match.groups()[:3])
        return AESGCM(key).decrypt(nonce, data + tag, aad.encode()).decode(), match[4]
    except (ValueError, InvalidTag):
        raise DamagedValue from None


VERSION = "3.13.3"
"""The version of SOPS with which these files are tested; SOPS asks for one."""
_KNOWN = frozenset({"age", "lastmodified", "mac", "unencrypted_suffix", "encrypted_regex", "version"})
_NAMES = re.compile(r"\^\(([A-Za-z0-9_|-]+)\)\$")
_PART = re.compile(r"__(map|list)_")


class ForeignMetadata(Exception):
    """The metadata are none, or of a file that this sink would not write."""


class Metadata(Struct, frozen=True):
    """The metadata of a file that this sink writes.

    Attributes:
        keys: each recipient with the data key that is sealed to it, armored.
        modified: RFC 3339.
        mac: encrypted.
        encrypted_keys: the only keys below which values are encrypted; empty for all.
    """

    keys: tuple[tuple[str, str], ...]
    modified: str
    mac: str
    encrypted_keys: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Node]:
        """As it stands under `sops`."""
        names = "|".join(self.encrypted_keys)
        return {
            "age": [{"recipient": recipient, "enc": sealed} for recipient, sealed in self.keys],
            "lastmodified": self.modified,
            "mac": self.mac,
            **({"encrypted_regex": f"^({names})$"} if names else {"unencrypted_suffix": UNENCRYPTED}),
            "version": VERSION,
        }

    def to_flat(self) -> dict[str, str]:
        """As dotenv and INI have it: one level of keys, line breaks as a backslash and an n."""
        return {name: text.replace("\n", "\\n") for name, text in _flat(self.to_dict(), "")}


def parse_metadata(value: Node) -> Metadata:
    """Read what stands under `sops`; raises `ForeignMetadata`."""
    if not isinstance(value, dict):
        raise ForeignMetadata
    filled = {name: part for name, part in value.items() if part not in (None, [], "")}
    age = filled.get("age")
    if not _KNOWN.issuperset(filled) or not isinstance(age, list):
        raise ForeignMetadata
    match = _NAMES.fullmatch(_string(filled.get("encrypted_regex", "^(all)$")))
    if match is None or filled.get("unencrypted_suffix", UNENCRYPTED) != UNENCRYPTED:
        raise ForeignMetadata
    names = tuple(match[1].split("|")) if "encrypted_regex" in filled else ()
    return Metadata(tuple(map(_key, age)), _string(filled.get("lastmodified")), _string(filled.get("mac")), names)


def parse_flat(flat: Mapping[str, str]) -> Node:
    """The nested form of what dotenv and INI have on one level; raises `ForeignMetadata`."""
    root: dict[str, Node] = {}
    for name, text in flat.items():
        head, *rest = _PART.split(name)
        _put(root, [head, *(int(part) if kind == "list" else part for kind, part in _pairs(rest))], text)
    return _listed(root)


def _pairs(parts: list[str]) -> Iterator[tuple[str, str]]:
    for kind, part in zip(parts[::2], parts[1::2], strict=True):
        if kind == "list" and not (part.isascii() and part.isdigit()):
            raise ForeignMetadata
        yield kind, part


def _put(root: dict, path: list[str | int], text: str) -> None:  # type: ignore[type-arg]  # keys of lists are numbers
    for part in path[:-1]:
        root = root.setdefault(part, {})
        if not isinstance(root, dict):
            raise ForeignMetadata
    if path[-1] in root:
        raise ForeignMetadata
    root[path[-1]] = text.replace("\\n", "\n")


def _listed(node: Node) -> Node:
    if not isinstance(node, dict):
        return node
    inner = {key: _listed(value) for key, value in node.items()}
    if inner and all(isinstance(key, int) for key in inner):
        return [inner[key] for key in sorted(inner)]
    return inner


def _flat(node: Node, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _flat(inner, f"{prefix}__map_{name}" if prefix else name)
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _flat(inner, f"{prefix}__list_{index}")
    else:
        yield prefix, str(node)


def _key(value: Node) -> tuple[str, str]:
    if not isinstance(value, dict):
        raise ForeignMetadata
    return _string(value.get("recipient")), _string(value.get("enc"))


def _string(value: Node) -> str:
    if not isinstance(value, str):
        raise ForeignMetadata
    return value
