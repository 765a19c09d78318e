"""Services' own loaders read what was rendered for them; loaders/install.sh made the folder IAC_TEST_LOADERS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.services.everything import Everything, everything_applied

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live
LOADERS = Path(os.environ.get("IAC_TEST_LOADERS", "/nowhere"))
SPRING = Path(__file__).parent / "loaders/spring/Load.java"
MODULES = Path("/usr/lib/apache2/modules")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    if not LOADERS.is_dir():
        pytest.fail("IAC_TEST_LOADERS names no folder")
    with everything_applied(tmp_path_factory.mktemp("everything")) as applied:
        yield applied


def output(*command: object, **environment: str) -> str:
    """What a program says that is given this environment and no other, but for the PATH."""
    env = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(script: str, *arguments: object, **environment: str) -> Any:
    """What a script prints as its last line, JSON, in the environment where the services' packages are."""
    said = output(LOADERS / "venv/bin/python", "-W", "ignore", "-c", script, *arguments, **environment)
    return json.loads(said.splitlines()[-1])


def program(name: str) -> Path:
    path = LOADERS / "bin" / name
    if not path.exists():
        pytest.fail("Go was not here to build it")
    return path


RUCIO_CFG = """\
[database]
default = sqlite:///{folder}/rucio.sqlite
[oidc]
idpsecrets = {secrets}
admin_issuer = wlcg
[client]
[common]
[policy]
permission = generic
schema = generic
"""
RUCIO = """\
import json
from rucio.core import oidc
users, admins = getattr(oidc, "__get_rucio_oidc_clients")()
token = oidc.request_token("rucio", "wlcg", use_cache=False)
clients = [{issuer: [each.client_id, each.client_secret] for issuer, each in some.items()} for some in (users, admins)]
print(json.dumps([*clients, bool(token)]))
"""


def test_rucio_makes_its_clients_and_gets_a_token(everything: Everything, tmp_path: Path) -> None:
    secrets = everything.root / "out/all/rucio/idpsecrets.json"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/rucio.cfg").write_text(RUCIO_CFG.format(folder=tmp_path, secrets=secrets))
    expected = [
        {everything.sandbox.issuer: [client_id, everything.secret(client_id)]}
        for client_id in ("all-rucio-auth", "all-rucio-scim")
    ]
    assert [*expected, True] == python(RUCIO, RUCIO_HOME=str(tmp_path))


JUPYTERHUB = """\
import json, sys
import yaml
from traitlets.config import Config
from oauthenticator.generic import GenericOAuthenticator
config = Config()
for path in sys.argv[1:]:
    for name, values in yaml.safe_load(open(path))["hub"]["config"].items():
        config[name].update(values)
hub = GenericOAuthenticator(config=config)
urls = [hub.oauth_callback_url, hub.authorize_url, hub.token_url, hub.userdata_url]
print(json.dumps([hub.client_id, hub.client_secret, *urls]))
"""


@pytest.mark.parametrize("name", ["jupyterhub", "jupyterhub-env"])
def test_jupyterhub_configures_its_authenticator(everything: Everything, name: str) -> None:
    iam, client_id = everything.sandbox.issuer.rstrip("/"), f"all-{name}"
    if name == "jupyterhub":
        found = python(JUPYTERHUB, everything.root / "out/all/jupyterhub/values.yaml")
    else:
        found = python(JUPYTERHUB, **everything.sourced("out/all/jupyterhub-env/jupyterhub.env"))
    urls = [
        "https://app.example.org/hub/oauth_callback",
        *(f"{iam}/{end}" for end in ("authorize", "token", "userinfo")),
    ]
    assert [client_id, everything.secret(client_id), *urls] == found


DIRAC = "import json, sys; from diraccfg import CFG; print(json.dumps(CFG().loadFromFile(sys.argv[1]).getAsDict()))"


def test_dirac_reads_its_sections(everything: Everything) -> None:
    issuer = everything.sandbox.issuer
    idp = {"ClientID": "all-diracx", "URL": issuer}
    found = python(DIRAC, everything.root / "out/all/diracx/dirac.cfg")
    assert {"DiracX": {"CsSync": {"VOs": {"wlcg": {"IdP": idp}}}}} == found
    provider = python(DIRAC, everything.root / "out/all/dirac-pilot/dirac.cfg")["Resources"]["IdProviders"]["wlcg"]
    assert (issuer, "all-dirac-pilot", everything.secret("all-dirac-pilot")) == (
        provider["issuer"],
        provider["client_id"],
        provider["client_secret"],
    )


CONDOR = """\
import json, htcondor2
names = ("CLIENT_ID", "CLIENT_SECRET_FILE", "RETURN_URL_SUFFIX", "AUTHORIZATION_URL", "TOKEN_URL")
print(json.dumps([htcondor2.param["WLCG_" + name] for name in names]))
"""


def test_htcondor_reads_the_settings_of_the_credmon(everything: Everything) -> None:
    iam = everything.sandbox.issuer.rstrip("/")
    settings = everything.root / "out/all/htcondor-credmon/41-oauth-tokens.conf"
    expected = ["/etc/condor/.secrets/wlcg", "/return/wlcg", f"{iam}/authorize", f"{iam}/token"]
    assert ["all-htcondor-credmon", *expected] == python(CONDOR, CONDOR_CONFIG=str(settings))


def test_grafana_reads_its_section_with_its_own_reader(everything: Everything) -> None:
    section = json.loads(output(program("grafana"), everything.root / "out/all/grafana/grafana.ini"))
    expected = ("all-grafana", everything.secret("all-grafana"), "email openid profile", "true")
    assert expected == tuple(section[name] for name in ("client_id", "client_secret", "scopes", "use_pkce"))


@pytest.mark.parametrize("name", ["oauth2-proxy", "oauth2-proxy-cfg"])
def test_oauth2_proxy_has_its_provider(everything: Everything, name: str) -> None:
    loader, client_id = program("oauth2proxy"), f"all-{name}"
    if name == "oauth2-proxy":
        said = output(loader, **everything.sourced("out/all/oauth2-proxy/oauth2-proxy.env"))
    else:
        said = output(loader, everything.root / "out/all/oauth2-proxy-cfg/oauth2-proxy.cfg")
    provider = json.loads(said)
    assert ("oidc", client_id, everything.secret(client_id), everything.sandbox.issuer) == (
        provider["Type"],
        provider["ClientID"],
        provider["ClientSecret"],
        provider["OIDCConfig"]["IssuerURL"],
    )
    assert ("email openid profile", "S256") == (provider["Scope"], provider["CodeChallengeMethod"])


def spring(path: Path, prefix: str) -> dict[str, str]:
    """What Spring Boot binds below a prefix."""
    if not (LOADERS / "spring/lib").is_dir():
        pytest.fail("Maven was not here to get Spring")
    said = output("java", "-cp", f"{LOADERS}/spring/lib/*", SPRING, path, prefix)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


@pytest.mark.parametrize("name", ["spring", "storm-webdav"])
def test_spring_security_has_its_registration(everything: Everything, name: str) -> None:
    found = spring(everything.root / f"out/all/{name}/application.yml", "spring.security.oauth2.client")
    assert {
        "wlcg.client-id": f"all-{name}",
        "wlcg.client-secret": everything.secret(f"all-{name}"),
        "wlcg.issuer-uri": everything.sandbox.issuer,
    } == found


def test_spring_takes_the_issuer_in_brackets_for_one_key(everything: Everything) -> None:
    path = everything.root / "out/all/paas-orchestrator/application.yml"
    clients = {name: f"all-paas-orchestrator-{name}" for name in ("orchestrator", "clues")}
    issuer = everything.sandbox.issuer
    assert {
        f"{issuer}.{name}.{key}": value
        for name, client_id in clients.items()
        for key, value in (("client-id", client_id), ("client-secret", everything.secret(client_id)))
    } == spring(path, "oidc.iam-properties")


def test_spring_reads_the_files_of_esaco_and_iam(everything: Everything) -> None:
    found = spring(everything.root / "out/all/esaco/application.yml", "oidc.clients")
    assert ("all-esaco", everything.secret("all-esaco")) == (found["0.client-id"], found["0.client-secret"])
    found = spring(everything.root / "out/all/iam-behind-iam/application-oidc.yml", "oidc.providers")
    expected = ("all-iam-behind-iam", everything.secret("all-iam-behind-iam"))
    assert expected == (found["0.client.clientId"], found["0.client.clientSecret"])


HTTPD = """\
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/htdocs
User www-data
Group www-data
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
Include {rendered}
OIDCCryptoPassphrase of-this-test
OIDCXForwardedHeaders X-Forwarded-Proto
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
"""


BROWSER = {"Accept": "text/html", "X-Forwarded-Proto": "https"}
"""What comes from a browser through a proxy that ends TLS."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:
        return None


def location(url: str, host: str) -> str:
    """Status and place: where a server sends us that we call by another name, once it is there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    for _ in range(100):
        try:
            opener.open(urllib.request.Request(url, headers={**BROWSER, "Host": host}))
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.headers['Location']}"
        except OSError:
            time.sleep(0.1)
    raise AssertionError(url)


def test_mod_auth_openidc_sends_users_to_the_server_with_its_client(everything: Everything, tmp_path: Path) -> None:
    if not (MODULES / "mod_auth_openidc.so").exists():
        pytest.fail("mod_auth_openidc is not installed")
    (tmp_path / "htdocs").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rendered = everything.root / "out/all/keystone/openidc.conf"
    text = HTTPD.format(folder=tmp_path, port=port, modules=MODULES, rendered=rendered)
    (tmp_path / "httpd.conf").write_text(text)
    for folder in [tmp_path, *tmp_path.parents][:4]:
        folder.chmod(0o755)
    with subprocess.Popen(["apache2", "-X", "-f", str(tmp_path / "httpd.conf")]) as httpd:
        try:
            code, _, url = location(f"http://127.0.0.1:{port}/", "app.example.org:5000").partition(" ")
        finally:
            httpd.terminate()
    assert "302" == code, (tmp_path / "error.log").read_text()
    asked = urlsplit(url)
    query = parse_qs(asked.query)
    assert f"{everything.sandbox.issuer}authorize" == asked._replace(query="").geturl()
    assert (["all-keystone"], ["email openid profile"]) == (query["client_id"], query["scope"])
    assert ["https://app.example.org:5000/v3/auth/OS-FEDERATION/websso/openid/redirect"] == query["redirect_uri"]


TABLE = """\
CREATE TABLE t_token_provider (
  name VARCHAR(255) NOT NULL, issuer VARCHAR(1024) NOT NULL, client_id VARCHAR(255) NOT NULL,
  client_secret VARCHAR(255) NOT NULL, PRIMARY KEY (issuer(255)));
INSERT INTO t_token_provider VALUES ('x', 'https://x.example.org/', 'x', 'x');
"""


def test_mariadb_has_the_row_of_fts3_after_the_file_was_run_twice(everything: Everything, tmp_path: Path) -> None:
    if shutil.which("mariadbd") is None:
        pytest.fail("MariaDB is not installed")
    rendered = everything.read("out/all/fts3-token-provider/token-provider.sql")
    script = tmp_path / "init.sql"
    script.write_text(f"CREATE DATABASE fts; USE fts;\n{TABLE}{rendered}{rendered}")
    data = tmp_path / "data"
    output("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root", "--skip-test-db")
    sock = tmp_path / "s"
    server = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={sock}", "--skip-networking", "--user=root"]
    with subprocess.Popen(server, stderr=subprocess.DEVNULL) as running:
        try:
            while not sock.exists():
                assert running.poll() is None
                time.sleep(0.1)
            client = ("mariadb", "--no-defaults", f"--socket={sock}", "--batch", "--skip-column-names")
            output(*client, f"--execute=source {script}")
            rows = output(*client, "--execute=SELECT * FROM fts.t_token_provider ORDER BY name").splitlines()
        finally:
            running.terminate()
    expected = [
        "iam",
        everything.sandbox.issuer,
        "all-fts3-token-provider",
        everything.secret("all-fts3-token-provider"),
    ]
    assert [expected, ["x", "https://x.example.org/", "x", "x"]] == [row.split("\t") for row in rows]


OIDC_GEN = ("oidc-gen", "--manual", "--flow=device", "--prompt=none", "--pw-cmd=echo pw", "--no-url-call")


def test_oidc_agent_gets_a_code_for_a_user_to_approve(everything: Everything, tmp_path: Path) -> None:
    """Nobody approves it, so oidc-gen would wait."""
    if shutil.which("oidc-gen") is None:
        pytest.fail("oidc-agent is not installed")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OIDC_CONFIG_DIR": str(tmp_path / "agent")}
    said = subprocess.run(["oidc-agent"], env=env, capture_output=True, text=True, check=True).stdout
    env |= dict(part.strip().split("=", 1) for part in said.split(";") if "=" in part)
    client = everything.root / "out/all/oidc-agent/oidc-agent.json"
    try:
        with pytest.raises(subprocess.TimeoutExpired) as waited:
            subprocess.run(
                [*OIDC_GEN, f"--file={client}", "team"], env=env, capture_output=True, timeout=10, check=False
            )
    finally:
        os.kill(int(env["OIDCD_PID"]), signal.SIGTERM)
    shown = (waited.value.stdout or b"") + (waited.value.stderr or b"")
    assert f"{everything.sandbox.issuer}device".encode() in shown
