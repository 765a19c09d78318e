"""One run registers the clients of all services and renders their files; a rotation changes those concerned alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.config.definitions import load_environment
from iac.config.project import load_project
from iac.services import services
from iac.workflow.new import find_offer
from tests.services.everything import Everything, everything_applied
from tests.services.parsing import leaves
from tests.services.started import names
from tests.services.test_catalogue import WITHOUT, parsed_text

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    with everything_applied(tmp_path_factory.mktemp("everything")) as applied:
        yield applied


def test_all_is_registered_and_rendered_and_nothing_is_left_to_do(everything: Everything) -> None:
    plan = everything.json("plan")
    clients = sum(len(find_offer(name).roles) for name in names())
    assert ([], clients) == (plan["changes"], plan["summary"]["no_op"])
    everything.iac("render", "--check")
    expected = sum(len(service.files) for service in services().values())
    assert expected == len(everything.files())


def test_what_the_files_hold_is_proven_at_the_server(everything: Everything) -> None:
    clients = sum(len(find_offer(name).roles) for name in names())
    assert f"Verified: {clients} ok." == everything.iac("verify").splitlines()[-1]


def test_every_file_loads_in_its_format_and_holds_what_the_server_holds(everything: Everything) -> None:
    desired = load_environment(load_project(everything.root))[0]
    for spec in desired.outputs:
        found = set(leaves(parsed_text(spec.template, everything.read(spec.path), everything.sandbox.issuer)))
        for address in spec.clients:
            client = desired.clients[address]
            held = {"id": client.client_id, "secret": everything.secret(client.client_id)}
            printed = {value for name, value in held.items() if value and name not in WITHOUT.get(spec.template, ())}
            assert printed <= found, spec.path


@pytest.mark.parametrize(
    ("address", "changed"),
    [
        ("all/grafana", {"out/all/grafana/grafana.ini"}),
        ("all/htvault-config", {"out/all/htvault-config/80-secrets.yaml"}),
        ("all/rucio-scim", {"out/all/rucio/idpsecrets.json"}),
        ("all/paas-orchestrator-env-clues", {"out/all/paas-orchestrator-env/orchestrator.env"}),
        ("all/htcondor-credmon", {"out/all/htcondor-credmon/client_secret"}),
    ],
)
def test_a_rotation_changes_the_files_that_hold_the_secret_and_no_other(
    everything: Everything, address: str, changed: set[str]
) -> None:
    before = everything.files()
    everything.iac("rotate", "--auto-approve", address)
    after = everything.files()
    assert before.keys() == after.keys()
    assert changed == {path for path in before if before[path] != after[path]}
    (path,) = changed
    secret = everything.secret(address.replace("/", "-"))
    assert secret
    assert secret.encode() in after[path]
    everything.iac("render", "--check")
