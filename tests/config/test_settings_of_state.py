"""Where state lives: what iac.yaml may say of it, for each backend and environment, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.backends.file import FilePlace
from iac.backends.git import GitPlace, is_path, repository_problem
from iac.backends.http import HttpPlace
from iac.backends.s3 import S3Place
from iac.config.definitions import load_environment, validate_project
from iac.config.project import load_project
from iac.config.schema import load_schema
from iac.core.errors import InvalidInput, Severity
from iac.core.origin import url_problem
from iac.ports.site import SourceKind, ValueSource
from iac.registry import BACKENDS
from tests.config.given import PROJECT, RECIPIENT, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

    from iac.ports.settings import BackendSettings as Place

URL = "https://gitlab.example.org/api/v4/projects/1/terraform/state/iac"
HTTP = f"backend: http, address: '{URL}'"
METHODS = (
    "lock_address: 'https://gitlab.example.org/l', update_method: PUT, lock_method: LOCK, unlock_method: UNLOCK,"
    " username: iac, password: {env: STATE_TOKEN}"
)
S3 = "backend: s3, bucket: iac"
MINIO = (
    "key: a/b.json, region: eu-west-1, endpoint: 'http://localhost:9000', access_key_id: {env: ID},"
    " secret_access_key: {file: key}"
)


def iac_yaml(root: Path, state: str, *more: str) -> Path:
    return write(root, {"iac.yaml": "\n".join([f"{PROJECT}state: {{{state}}}", *more, ""])})


def place(root: Path, state: str, *more: str, environment: str | None = None) -> Place:
    return load_project(iac_yaml(root, state, *more)).settings(environment).state.place


def said(root: Path, state: str, *more: str) -> list[str]:
    """`id: what stands at its place` of each diagnostic; none of them repeats a canary."""
    lines = (iac_yaml(root, state, *more) / "iac.yaml").read_text().splitlines()
    found = validate_project(root).diagnostics
    assert "canary" not in "".join(line for each in found for line in each.lines())
    places = [(each.id, each.location) for each in found]
    return [f"{rule}: {lines[at.line - 1][at.column - 1 :]}" for rule, at in places if at]


def check(expected: list[str], found: list[str]) -> None:
    assert expected == [full[: len(start)] for start, full in zip(expected, found, strict=False)]
    assert len(expected) == len(found)


class TestMeaning:
    @every(
        "state, expected, where",
        [
            ("", FilePlace(".iac/state.json"), ".iac/state.json"),
            ("backend: file, path: /srv/s.json", FilePlace("/srv/s.json"), "/srv/s.json"),
            (
                "backend: git",
                GitPlace("origin", "iac-state", "demo/default.json"),
                "demo/default.json in branch iac-state of origin",
            ),
            (
                "backend: git, remote: hub, branch: state/prod, path: s.json",
                GitPlace("hub", "state/prod", "s.json"),
                "s.json in branch state/prod of hub",
            ),
            (
                "backend: git, repository: git@git.example.org:ops/state.git",
                GitPlace("origin", "iac-state", "demo/default.json", "git@git.example.org:ops/state.git"),
                "demo/default.json in branch iac-state of git@git.example.org:ops/state.git",
            ),
            (HTTP, HttpPlace(URL, f"{URL}/lock", f"{URL}/lock"), URL),
            (f"{HTTP[:-1]}/'", HttpPlace(f"{URL}/", f"{URL}/lock", f"{URL}/lock"), f"{URL}/"),
            (
                f"{HTTP}, {METHODS}",
                HttpPlace(
                    URL,
                    "https://gitlab.example.org/l",
                    "https://gitlab.example.org/l",
                    "PUT",
                    "LOCK",
                    "UNLOCK",
                    ValueSource("state.username", SourceKind.LITERAL, "iac"),
                    ValueSource("state.password", SourceKind.ENV, "STATE_TOKEN"),
                ),
                URL,
            ),
            (
                f"{HTTP}, unlock_address: '{URL}/unlock'",
                HttpPlace(URL, f"{URL}/lock", f"{URL}/unlock"),
                URL,
            ),
            (S3, S3Place("iac", "demo/default.json"), "s3://iac/demo/default.json"),
            (
                f"{S3}, {MINIO}",
                S3Place(
                    "iac",
                    "a/b.json",
                    "eu-west-1",
                    "http://localhost:9000",
                    ValueSource("state.access_key_id", SourceKind.ENV, "ID"),
                    ValueSource("state.secret_access_key", SourceKind.FILE, "key"),
                ),
                "s3://iac/a/b.json at http://localhost:9000",
            ),
        ],
    )
    def test_each_backend_has_its_place(self, tmp_path: Path, state: str, expected: Place, where: str) -> None:
        found = place(tmp_path, state)
        assert (expected, where) == (found, found.where)
        assert [] == said(tmp_path, state)

    def test_each_environment_has_a_place_of_its_own(self, tmp_path: Path) -> None:
        for state, expected in (
            ("backend: git", GitPlace("origin", "iac-state", "demo/dev.json")),
            (S3, S3Place("iac", "demo/dev.json")),
            ("", FilePlace(".iac/dev.state.json")),
        ):
            assert expected == place(tmp_path, state, "environments: {dev: {}, prod: {}}", environment="dev")

    def test_an_environment_with_another_backend_inherits_encryption_alone(self, tmp_path: Path) -> None:
        state = f"backend: git, branch: b, path: p.json, encryption: {{recipients: [{RECIPIENT}]}}"
        environments = "environments: {dev: {state: {backend: file}}, prod: {state: {backend: git, branch: c}}}"
        project = load_project(iac_yaml(tmp_path, state, environments))
        dev, prod = project.settings("dev").state, project.settings("prod").state
        assert (FilePlace(".iac/dev.state.json"), (RECIPIENT,)) == (dev.place, dev.recipients)
        assert (GitPlace("origin", "c", "p.json"), (RECIPIENT,)) == (prod.place, prod.recipients)

    def test_an_environment_names_a_repository_instead_of_the_projects_remote_and_the_other_way(
        self, tmp_path: Path
    ) -> None:
        environments = "environments: {dev: {state: {repository: s.git}}, prod: {}}"
        found = place(tmp_path, "backend: git, remote: hub", environments, environment="dev")
        assert GitPlace("origin", "iac-state", "demo/dev.json", "s.git") == found
        environments = "environments: {dev: {state: {remote: hub}}, prod: {}}"
        found = place(tmp_path, "backend: git, repository: s.git", environments, environment="dev")
        assert GitPlace("hub", "iac-state", "demo/dev.json") == found

    @pytest.mark.parametrize(
        ("repository", "expected"),
        [
            ("", "origin"),
            ("git@git.example.org:ops/state.git", "git@git.example.org:ops/state.git"),
            ("https://git.example.org/state.git", "https://git.example.org/state.git"),
            ("/srv/state.git", "/srv/state.git"),
            ("../state.git", "{root.parent}/state.git"),
            ("state.git", "{root}/state.git"),
            ("~/state.git", "{root}/home/state.git"),
        ],
    )
    def test_a_path_of_a_repository_is_seen_from_the_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: str, expected: str
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        named = GitPlace("origin", "b", "p", repository)
        assert expected.format(root=tmp_path) == named.target(tmp_path)

    def test_the_keys_of_the_backends_are_those_of_the_schema(self) -> None:
        known = set(load_schema("project")["$defs"]["state"]["properties"])
        assert known - {"backend", "encryption", "lineage"} == {
            key for backend in BACKENDS.values() for key in backend.keys
        }


class TestMistakes:
    @every(
        "state, expected",
        [
            ("branch: b", ["key-of-other-backend: branch"]),
            (
                "backend: git, bucket: bkt, address: x",
                ["key-of-other-backend: bucket", "key-of-other-backend: address"],
            ),
            (f"{HTTP}, path: p", ["key-of-other-backend: path"]),
            ("backend: http", ["missing-key: {backend"]),
            ("backend: s3", ["missing-key: {backend"]),
            (f"{HTTP}, username: iac", ["missing-key: {backend"]),
            (f"{HTTP}, password: {{env: A}}", ["missing-key: {backend"]),
            (f"{S3}, access_key_id: {{env: A}}", ["missing-key: {backend"]),
            (f"{S3}, secret_access_key: {{env: A}}", ["missing-key: {backend"]),
            (f"{HTTP}, password: canary", ["wrong-type: canary"]),
            (f"{S3}, secret_access_key: canary", ["wrong-type: canary"]),
            (f"{HTTP}, update_method: PATCH", ["not-one-of: PATCH"]),
            ("backend: git, branch: -b", ["bad-format: -b"]),
            ("backend: git, branch: a..b", ["bad-format: a..b"]),
            ("backend: git, branch: a.lock", ["bad-format: a.lock"]),
            ("backend: git, remote: --upload-pack=x", ["bad-format: --upload"]),
            (f"{S3}, key: ../a", ["bad-format: ../a"]),
            (f"{S3}, key: /a", ["bad-format: /a"]),
            ("backend: s3, bucket: 'a/b'", ["bad-format: 'a/b'"]),
            ("backend: http, address: 'https://iac:canary@a.example.org/s'", ["bad-state-place: 'https://iac"]),
            ("backend: http, address: 'http://a.example.org/s'", ["bad-state-place: 'http://a"]),
            (f"{HTTP}, lock_address: 'https://b.example.org/canary'", ["bad-state-place: 'https://b"]),
            (
                f"{HTTP}, unlock_address: 'https://gitlab.example.org:1/canary'",
                ["bad-state-place: 'https://gitlab.exa"],
            ),
            (f"{HTTP}, lock_address: 'https://gitlab.example.org:443/canary'", []),
            (f"{HTTP}, lock_address: 'https://[canary'", ["bad-state-place: 'https://[c"]),
            (f"{S3}, endpoint: 'http://minio.example.org:9000'", ["bad-state-place: 'http://minio"]),
            ("backend: git, repository: 'https://a:canary@b.example.org/s'", ["bad-state-place: 'https://a:"]),
            ("backend: git, repository: s.git, remote: origin", ["bad-state-place: origin"]),
            ("backend: git, path: /etc/state", ["bad-state-place: /etc"]),
            ("backend: git, path: ../state", ["bad-state-place: ../state"]),
            ("backend: git, path: a//b", ["bad-state-place: a//b"]),
            ("backend: git, path: .GIT/config", ["bad-state-place: .GIT"]),
            ("backend: git, encryption: none", ["secrets-in-history: none"]),
        ],
    )
    def test_a_mistake_is_said_at_its_place_and_repeats_no_secret(
        self, tmp_path: Path, state: str, expected: list[str]
    ) -> None:
        check(expected, said(tmp_path, state))

    @every(
        "state, environments, expected",
        [
            ("backend: git", "{dev: {state: {bucket: bkt}}, prod: {}}", ["key-of-other-backend: bucket"]),
            (
                "backend: git, branch: b",
                "{dev: {state: {backend: file, branch: c}}}",
                ["key-of-other-backend: branch: c"],
            ),
            (
                "backend: http",
                f"{{dev: {{state: {{username: a}}}}, prod: {{state: {{address: '{URL}'}}}}}}",
                ["missing-key: {username: a}", "missing-key: {username: a}"],
            ),
            (
                "",
                f"{{dev: {{state: {{{HTTP}, lock_address: 'https://b.example.org/'}}}}}}",
                ["bad-state-place: 'https://b"],
            ),
            ("backend: git", "{dev: {state: {encryption: none}}, prod: {}}", ["secrets-in-history: none"]),
            ("path: x.json", "{dev: {}, prod: {}}", ["state-shared: x.json"]),
            ("backend: git, path: x.json", "{dev: {}, prod: {}}", ["state-shared: x.json"]),
            ("backend: git", "{dev: {}, prod: {state: {path: demo/dev.json}}}", ["state-shared: demo/dev.json"]),
            (HTTP, "{dev: {}, prod: {}}", ["state-shared: 'https://gitlab"]),
            (f"{S3}, key: x.json", "{dev: {}, prod: {}}", ["state-shared: x.json"]),
            (S3, "{dev: {}, prod: {state: {key: demo/dev.json}}}", ["state-shared: demo/dev.json"]),
            (
                "backend: http, address: 'https://iac:canary@a.example.org/s'",
                "{dev: {}, prod: {}}",
                ["bad-state-place: 'https://iac", "bad-state-place: 'https://iac"],
            ),
        ],
    )
    def test_environments_are_checked_each_and_together(
        self, tmp_path: Path, state: str, environments: str, expected: list[str]
    ) -> None:
        check(expected, said(tmp_path, state, f"environments: {environments}"))

    @pytest.mark.parametrize(
        ("state", "environments"),
        [
            (S3, "{dev: {}, prod: {state: {key: demo/dev.json, endpoint: 'https://minio.example.org'}}}"),
            ("backend: git", "{dev: {}, prod: {state: {path: demo/dev.json, branch: other}}}"),
            (HTTP, f"{{dev: {{}}, prod: {{state: {{address: '{URL}-prod'}}}}}}"),
        ],
    )
    def test_the_same_name_in_another_place_is_another_state(
        self, tmp_path: Path, state: str, environments: str
    ) -> None:
        assert [] == said(tmp_path, state, f"environments: {environments}")

    @pytest.mark.parametrize("state", [HTTP, S3])
    def test_clear_text_on_a_server_is_said_and_policy_decides_what_it_is(self, tmp_path: Path, state: str) -> None:
        clear = f"{state}, encryption: none"
        root = iac_yaml(tmp_path, clear)
        _, _, warnings = load_environment(load_project(root))
        assert [("secrets-in-clear", Severity.WARNING)] == [(each.id, each.severity) for each in warnings]
        assert [] == said(tmp_path, clear, 'policy: {secrets-in-clear: "off"}')
        with pytest.raises(InvalidInput):
            load_environment(load_project(iac_yaml(tmp_path, clear, "policy: {secrets-in-clear: error}")))

    @pytest.mark.parametrize(
        "state",
        [
            f"{HTTP}, username: iac, password: {{file: key}}",
            f"{S3}, access_key_id: {{file: key}}, secret_access_key: {{file: key}}",
        ],
    )
    def test_a_file_that_leads_to_the_state_and_that_others_can_read_is_said(self, tmp_path: Path, state: str) -> None:
        root = iac_yaml(tmp_path, state)
        (root / "key").write_text("canary")
        (root / "key").chmod(0o644)
        _, _, warnings = load_environment(load_project(root))
        assert ["secret-open-to-others"] == [each.id for each in warnings]

    def test_an_output_over_the_state_file_is_refused(self, tmp_path: Path) -> None:
        outputs = "outputs: [{template: dotenv, path: s/state.json, clients: [portal]}]"
        check(["output-over-input: s/state.json"], said(tmp_path, "path: s/state.json", outputs))
        assert [] == said(tmp_path, "backend: git, path: s/state.json", outputs)


class TestUrl:
    @pytest.mark.parametrize(
        "url", ["https://a.example.org", "https://a.example.org:8443/b", "http://localhost:1/", "http://127.0.0.1/", "http://[::1]/"]
    )  # fmt: skip
    def test_https_and_http_on_loopback_can_be_used(self, url: str) -> None:
        assert "" == url_problem(url)

    @every(
        "url, problem",
        [
            ("gitlab", "not a URL"),
            ("https://", "not a URL"),
            ("https://[x", "not a URL"),
            ("https://a.example.org:0/", "not a URL"),
            ("https://a.example.org\\@b.example.org/", "not a URL"),
            ("ftp://a.example.org/", "not an https URL"),
            ("https://a.example.org/?private_token=canary", "not an https URL"),
            ("https://a.example.org/#x", "not an https URL"),
            ("https://iac@a.example.org/", "version control"),
            ("https://@a.example.org/", "version control"),
            ("http://a.example.org/", "in clear"),
            ("http://localhost.example.org/", "in clear"),
            ("http://10.0.0.1/", "in clear"),
        ],
    )
    def test_other_urls_cannot_and_why_is_said_without_them(self, url: str, problem: str) -> None:
        assert problem in url_problem(url)
        assert "canary" not in url_problem(url)

    @every(
        "repository",
        [
            "", ".", "../s.git", "/srv/a b.git", "~/s.git", "git@git.example.org:a/b.git", "git.example.org:a/b.git",
            "https://git.example.org/a.git", "ssh://git@git.example.org:2222/a.git", "file:///srv/s.git",
            "http://localhost:3000/a.git",
        ],
    )  # fmt: skip
    def test_urls_and_paths_of_repositories_can_be_used(self, repository: str) -> None:
        assert "" == repository_problem(repository)

    @every(
        "repository",
        [
            "--upload-pack=touch x", "ext::sh -c x", "fd::3", "a\nb", "git://git.example.org/a.git", "https://[x",
            "http://git.example.org/a.git", "https://token@git.example.org/a.git", "ssh://git:canary@a.example.org/b",
            "ftp://a.example.org/b",
        ],
    )  # fmt: skip
    def test_what_runs_a_program_goes_in_clear_or_holds_a_login_cannot(self, repository: str) -> None:
        assert repository_problem(repository)

    def test_an_address_behind_ssh_is_no_path(self) -> None:
        assert [True, True, False, False, False] == [
            is_path(each) for each in ("a/b:c", "./a:b", "a:b", "git@a:b", "ssh://a/b")
        ]

    @given(st.text(max_size=30))
    def test_any_text_is_judged(self, text: str) -> None:
        for problem in (url_problem(text), repository_problem(text), url_problem(f"https://{text}")):
            assert problem.isprintable()
