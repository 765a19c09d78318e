"""Projects on disk, made from a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

PROJECT = """\
project: demo
issuer: https://iam.example.org/
provider: iam-admin
auth: {method: client_credentials, client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}}
"""

CLIENT = """\
client_id: portal
client_name: Portal
redirect_uris: [https://portal.example.org/cb]
"""


def client(name: str = "portal", *lines: str) -> str:
    """A definition that is valid by itself, with more lines."""
    return "\n".join([f"client_id: {name}", f"client_name: Client {name}", *lines, ""])


def write(root: Path, files: dict[str, str]) -> Path:
    """A project with these files; iac.yaml ("" for none) and one definition are there unless they are given."""
    usual = {"iac.yaml": PROJECT}
    if not any(file.startswith("clients.d/") for file in files):
        usual["clients.d/portal.yaml"] = CLIENT
    for file, text in {**usual, **files}.items():
        path = root / file
        if not text and file == "iac.yaml":
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return root
