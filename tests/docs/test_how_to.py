"""Every command of the how-to pages is run on a project with one applied client, and says what the page shows."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from iac.config.definitions import validate_project
from tests.config.given import PROJECT, write
from tests.docs.transcript import ROOT, bash, free_port, pattern, read_page, steps

if TYPE_CHECKING:
    from pathlib import Path

PAGES: dict[str, dict[int, int]] = {
    "rotate-a-secret": {},
    "rotate-without-downtime": {},
    "log-in-by-key": {},
    "take-over-a-client": {},
    "remove-or-move-a-client": {7: 3},
    "more-environments": {},
    "recover": {3: 1, 11: 1},
    "share-state": {},
    "render-on-the-service-host": {6: 1, 11: 1},
    "see-drift": {0: 2},
    "deliver-credentials": {},
    "self-service": {},
    "verify-credentials": {2: 2},
    "inventory": {3: 1},
    "review-a-plan": {1: 3},
    "move-the-issuer": {},
}
"""Page -> the steps (from 0) that end with another exit code than 0, and which."""

GIVEN = """\
mkdir project && cd project
iac -q init --project tutorial --issuer http://localhost:8080/
export IAC_CLIENT_ID=admin-client-rw IAC_CLIENT_SECRET=secret
cat > clients.d/portal.yaml <<'EOF'
client_id: portal
client_name: Data portal
redirect_uris: [https://portal.example.org/callback]
scope: [openid, profile]
outputs: [{template: dotenv, path: out/portal.env}]
EOF
iac apply --auto-approve
"""

KEYGEN = """\
age-keygen() {
python - "$@" <<'EOF'
import pathlib, sys
from iac.sealing import new_identity, recipients_of
from iac.core.secret import Secret
option, path = sys.argv[1], pathlib.Path(sys.argv[2])
if option == "-o":
    identity, recipient = new_identity()
    path.write_text(identity.reveal())
    print(f"Public key: {recipient}", file=sys.stderr)
else:
    print(*recipients_of(Secret(path.read_text())))
EOF
}
"""
"""A stand-in for the program of age, which need not be installed where tests run."""

BY_HAND = """\
python - <<'EOF'
import json, urllib.parse, urllib.request
base = "http://localhost:8080"
login = {"grant_type": "client_credentials", "client_id": "admin-client-rw", "client_secret": "secret"}
asked = urllib.request.Request(f"{base}/token", urllib.parse.urlencode(login).encode())
token = json.load(urllib.request.urlopen(asked))["access_token"]
url, head = f"{base}/iam/api/clients/portal", {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
client = json.load(urllib.request.urlopen(urllib.request.Request(url, headers=head)))
client["grant_types"].append("urn:ietf:params:oauth:grant-type:device_code")
urllib.request.urlopen(urllib.request.Request(url, json.dumps(client).encode(), head, method="PUT"))
EOF
"""
"""What somebody does on the dashboard."""

MOVED = """\
until curl --silent --output /dev/null http://localhost:8081/; do sleep 0.1; done
python - <<'EOF'
import json, urllib.parse, urllib.request
secret = dict(line.rstrip().split("=", 1) for line in open("out/portal.env"))["CLIENT_SECRET"]
old, new = "http://localhost:8080", "http://localhost:8081"
def ask(base, path, data=None, **headers):
    return json.load(urllib.request.urlopen(urllib.request.Request(f"{base}{path}", data, headers)))
def token(base):
    login = {"grant_type": "client_credentials", "client_id": "admin-client-rw", "client_secret": "secret"}
    return "Bearer " + ask(base, "/token", urllib.parse.urlencode(login).encode())["access_token"]
client = ask(old, "/iam/api/clients/portal", Authorization=token(old)) | {"client_secret": secret}
head = {"Authorization": token(new), "Content-Type": "application/json"}
ask(new, "/iam/api/clients", json.dumps(client).encode(), **head)
EOF
"""
"""The server at its new address holds the same client."""

SHARE_STATE = read_page("how-to/share-state.md")
MORE = {
    "share-state": """\
git init --quiet --bare ../hub.git && git init --quiet && git remote add origin ../hub.git
git config user.name Operator && git config user.email ops@example.org
""",
    "render-on-the-service-host": f"""\
{KEYGEN}
cat > clients.d/wiki.yaml <<'EOF'
client_id: team-wiki
client_name: Wiki
redirect_uris: [https://wiki.example.org/login]
outputs: [{{template: dotenv, path: out/wiki.env}}]
EOF
iac apply --auto-approve && rm -r out
""",
    "see-drift": BY_HAND,
    "move-the-issuer": f"""\
iac sandbox --port 8081 & trap "kill $!" EXIT
{MOVED}""",
}
"""What else is given for a page."""


@pytest.mark.parametrize("name", PAGES)
def test_the_page_says_what_happens(tmp_path: Path, name: str) -> None:
    port, other = free_port(), free_port()

    def here(text: str) -> str:
        text = text.replace("localhost:8080", f"localhost:{port}").replace("localhost:8081", f"localhost:{other}")
        return text.replace("--port 8081", f"--port {other}")

    page = read_page(f"how-to/{name}.md")
    with bash(tmp_path) as shell:
        shell.start(f"iac sandbox --port {port}", "Reset with")
        code, said = shell.run(here(GIVEN + MORE.get(name, "")))
        assert code == 0, said
        for number, step in enumerate(steps(here(page))):
            code, said = shell.run(step.command)
            assert (PAGES[name].get(number, 0), step.command) == (code, step.command), said
            if step.output is not None:
                assert re.fullmatch(pattern(step.output), said), f"$ {step.command}\n{said}"


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(state:.*?)^```", SHARE_STATE, re.MULTILINE | re.DOTALL))
def test_each_state_that_is_shown_can_stand_in_iac_yaml(tmp_path: Path, block: str) -> None:
    assert () == validate_project(write(tmp_path, {"iac.yaml": PROJECT + block})).diagnostics


def test_each_page_with_commands_is_run() -> None:
    pages = {path.stem for path in (ROOT / "docs/how-to").glob("*.md") if "```console" in path.read_text("utf-8")}
    live = (ROOT / "tests/live/test_servers.py").read_text(encoding="utf-8")
    assert {*PAGES, *re.findall(r'read_page\("how-to/([\w-]+)\.md"\)', live)} == pages


def _said_by_iac() -> tuple[str, list[str]]:
    """What stands in the code: all literals, and patterns of the f-strings."""
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "iac").rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file))]
    literals = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    parts = [
        [part.value for part in node.values if isinstance(part, ast.Constant)]
        for node in nodes
        if isinstance(node, ast.JoinedStr)
    ]
    return "\n".join(literals), [
        ".*".join(re.escape(str(text)) for text in own) for own in parts if len("".join(map(str, own))) > 10
    ]


@pytest.mark.parametrize("name", ["troubleshooting", "recover"])
def test_each_message_of_a_table_is_one_of_iac(name: str) -> None:
    rows = re.findall(r"^\| ([^|]*) \|", read_page(f"how-to/{name}.md"), re.MULTILINE)
    messages = {part.strip() for row in rows for told in re.findall(r"`([^`]+)`", row) for part in told.split("...")}
    messages -= {"", "THESE PACKAGES DO NOT MATCH THE HASHES"}  # pip says the latter
    literals, patterns = _said_by_iac()
    assert len(messages) > 3
    unknown = [told for told in messages if told not in literals]
    assert [] == [told for told in unknown if not any(re.search(pattern, told) for pattern in patterns)]
