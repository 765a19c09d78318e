"""Every command of the how-to pages is run on a project with one applied client, and says what the page shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.transcript import ROOT, bash, free_port, pattern, steps

if TYPE_CHECKING:
    from pathlib import Path

PAGES: dict[str, dict[int, int]] = {
    "rotate-a-secret": {},
    "take-over-a-client": {},
    "remove-or-move-a-client": {7: 3},
    "more-environments": {},
    "recover": {3: 1, 11: 1},
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


@pytest.mark.parametrize("name", PAGES)
def test_the_page_says_what_happens(tmp_path: Path, name: str) -> None:
    port = free_port()

    def here(text: str) -> str:
        return text.replace("localhost:8080", f"localhost:{port}")

    page = (ROOT / f"docs/how-to/{name}.md").read_text(encoding="utf-8")
    with bash(tmp_path) as shell:
        shell.start(f"iac sandbox --port {port}", "Reset with")
        code, said = shell.run(here(GIVEN))
        assert code == 0, said
        for number, step in enumerate(steps(here(page))):
            code, said = shell.run(step.command)
            assert (PAGES[name].get(number, 0), step.command) == (code, step.command), said
            if step.output is not None:
                assert re.fullmatch(pattern(step.output), said), f"$ {step.command}\n{said}"


def test_each_page_with_commands_is_run() -> None:
    pages = {path.stem for path in (ROOT / "docs/how-to").glob("*.md") if "```console" in path.read_text("utf-8")}
    assert set(PAGES) == pages
