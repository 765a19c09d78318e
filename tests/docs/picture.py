"""The picture of a plan, docs/plan.svg: `python -m tests.docs.picture` writes it, and so does `make format`.

`iac plan` runs on a terminal against the sandbox. What it prints there is drawn as it is, in its colours; only the
address of the sandbox is replaced.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from iac.core.secret import Secret
from iac.sandbox.server import Sandbox, start_sandbox
from iac.sealing import recipients_of
from tests.blackbox.kit import Project, by_hand
from tests.docs.terminal import on_terminal

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/plan.svg"
_LOGIN = {"IAC_CLIENT_ID": "admin-client-rw", "IAC_CLIENT_SECRET": "secret"}
ISSUER = "https://iam.example.org/"
COLUMNS = 100

_IDENTITY = (ROOT / "tests/fixtures/fef7ea2/identity.txt").read_text(encoding="utf-8")
_PROJECT = f"""\
project: wlcg
provider: iam-admin
auth: {{method: client_credentials, client_id: {{env: IAC_CLIENT_ID}}, client_secret: {{env: IAC_CLIENT_SECRET}}}}
state:
  backend: file
  path: .iac/state.json
  encryption: {{identity: {{env: IAC_AGE_IDENTITY}}, recipients: [{recipients_of(Secret(_IDENTITY))[0]}]}}
"""
_GRAFANA = """\
client_id: wlcg-grafana
client_name: Grafana
contacts: [portal-ops@example.org]
redirect_uris: [https://grafana.example.org/login/generic_oauth]
scope: [openid, profile, email]
code_challenge_method: S256
outputs: [{template: grafana-ini, path: out/grafana.ini}]
"""
_FTS3 = """\
client_id: fts3
client_name: FTS3
contacts: [fts-ops@example.org]
grant_types: [refresh_token, token-exchange]
scope: [openid, profile, offline_access]
outputs: [{template: fts3-restconfig, path: out/fts3restconfig}]
"""
_RUCIO = """\
client_id: rucio-webui
client_name: Rucio WebUI
contacts: [rucio-ops@example.org]
redirect_uris: [https://rucio-webui.example.org/api/auth/callback/wlcg]
scope: [openid, profile, wlcg.groups]
outputs: [{template: rucio-webui-env, path: out/webui.env, values: {provider: wlcg}}]
"""

_PAINT = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m")
_WORDS = re.compile(r"\S+(?: \S+)*")
_INKS = {"1": "#f0f6fc", "31": "#ff7b72", "32": "#3fb950", "33": "#d29922", "35": "#d2a8ff", "36": "#76e3ea"}
_INK = "#c9d1d9"
_ADVANCE, _LEADING, _MARGIN, _BAR = 8.4, 20, 20, 36
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def picture() -> str:
    """The picture as it has to be."""
    return draw("$ iac plan\n" + plan_on_terminal())


def plan_on_terminal() -> str:
    """What `iac plan` prints on a terminal: one client is new, one is edited, one was changed on the server."""
    with tempfile.TemporaryDirectory() as folder, start_sandbox() as sandbox:
        project = Project(Path(folder), {**_LOGIN, "IAC_AGE_IDENTITY": _IDENTITY.splitlines()[-1]})
        _prepare(project, sandbox)
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "COLUMNS": str(COLUMNS), **project.env}
        return on_terminal([sys.executable, "-m", "iac", "plan"], project.root, environ).replace(sandbox.issuer, ISSUER)


def _prepare(project: Project, sandbox: Sandbox) -> None:
    project.write("iac.yaml", f"{_PROJECT}issuer: {sandbox.issuer}\n")
    project.write("clients.d/grafana.yaml", _GRAFANA)
    project.write("clients.d/fts3.yaml", _FTS3)
    project.done("state", "init")
    project.done("apply", "--auto-approve")
    project.write("clients.d/rucio-webui.yaml", _RUCIO)
    project.edit("clients.d/grafana.yaml", "grafana.example.org", "dash.example.org")
    client = sandbox.iam.world.store.find("fts3")
    assert client is not None
    by_hand(sandbox, "fts3", grant_types=(*client.grant_types, "urn:ietf:params:oauth:grant-type:device_code"))


def draw(text: str) -> str:
    """A picture of a terminal with this text; each piece stands at its column, whatever font the reader has."""
    lines = text.rstrip("\n").split("\n")
    width = 2 * _MARGIN + round(COLUMNS * _ADVANCE)
    height = _BAR + len(lines) * _LEADING + _MARGIN
    dots = "".join(
        f'<circle cx="{_MARGIN + 20 * place}" cy="18" r="6" fill="{ink}"/>\n'
        for place, ink in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    pieces = "".join(
        piece for number, line in enumerate(lines) for piece in _pieces(line, _BAR + (number + 1) * _LEADING)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="{_FONT}" font-size="14">\n'
        "<title>A plan of iac, printed on a terminal</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n'
        f"{dots}{pieces}</svg>\n"
    )


def _pieces(line: str, y: int) -> Iterator[str]:
    column = 0
    for part in re.split(r"(\x1b\[\d+m.*?\x1b\[0m)", line):
        paint = _PAINT.fullmatch(part)
        code, words = (paint[1], paint[2]) if paint else ("", part)
        bold = ' font-weight="bold"' if code == "1" else ""
        for piece in _WORDS.finditer(words):
            x = round(_MARGIN + (column + piece.start()) * _ADVANCE, 1)
            length = round(len(piece[0]) * _ADVANCE, 1)
            yield (
                f'<text x="{x}" y="{y}" textLength="{length}" lengthAdjust="spacingAndGlyphs" '
                f'fill="{_INKS.get(code, _INK)}"{bold}>{escape(piece[0])}</text>\n'
            )
        column += len(words)


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
