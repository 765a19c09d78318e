"""Every built-in, for one client and for several, with and without a secret, read by its format's parser."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from iac.core.errors import RenderError
from iac.rendering.engine import render
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from tests.rendering.given import FACTS, credentials, output

SECRET = 'a "b" $c \\d %e #f'
CLIENTS = {
    "wlcg/app": credentials(secret=SECRET),
    "wlcg/public": credentials(
        "wlcg/public", None, {"token_endpoint_auth_method": "none", "scope": ("openid",)}, client_id="public"
    ),
}
REGISTRATION = {
    "issuer": "https://iam.example.org/",
    "client_id": "app",
    "client_secret": SECRET,
    "token_endpoint_auth_method": "client_secret_basic",
    "grant_types": [],
    "redirect_uris": ["https://app.example.org/cb"],
    "scope": "openid profile",
}
PUBLIC = {
    "issuer": "https://iam.example.org/",
    "client_id": "public",
    "token_endpoint_auth_method": "none",
    "grant_types": [],
    "redirect_uris": [],
    "scope": "openid",
}


def made(name: str, /, *clients: str, **values: object) -> str:
    names = ("main", "web-ui")[: len(clients)] if len(clients) > 1 else ()
    spec = output(name, clients, names, values)
    return render(load_templates(Path(), [name], Renderer().references)[name], spec, CLIENTS, FACTS).decode()


@pytest.mark.parametrize(("name", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_json_and_yaml_hold_registrations(name: str, parse: Any) -> None:
    assert REGISTRATION == parse(made(name, "wlcg/app"))
    assert PUBLIC == parse(made(name, "wlcg/public"))
    assert {"main": REGISTRATION, "web-ui": PUBLIC} == parse(made(name, "wlcg/app", "wlcg/public"))


def test_dotenv_has_names_with_a_prefix_of_its_own_or_of_the_client() -> None:
    secret = SECRET.replace("\\", "").replace("$", "")
    clients = {"wlcg/app": credentials(secret=secret), "wlcg/public": CLIENTS["wlcg/public"]}
    template = load_templates(Path(), ["dotenv"], Renderer().references)["dotenv"]
    one = render(template, output("dotenv", values={"prefix": "oidc-"}), clients, FACTS).decode()
    assert f"OIDC_CLIENT_ID=app\nOIDC_CLIENT_SECRET='{secret}'\nOIDC_ISSUER=https://iam.example.org/\n" == one
    spec = output("dotenv", ("wlcg/app", "wlcg/public"), ("main", "web-ui"))
    lines = render(template, spec, clients, FACTS).decode().splitlines()
    assert ["MAIN_CLIENT_ID", "MAIN_CLIENT_SECRET", "MAIN_ISSUER", "WEB_UI_CLIENT_ID", "WEB_UI_ISSUER"] == [
        line.partition("=")[0] for line in lines
    ]


def test_dotenv_refuses_a_secret_that_its_readers_read_differently() -> None:
    with pytest.raises(RenderError) as caught:
        made("dotenv", "wlcg/app")
    assert caught.value.where.startswith("built-in dotenv:6 ")


def test_kubernetes_secret_is_a_manifest() -> None:
    manifest = yaml.safe_load(made("kubernetes-secret", "wlcg/app", name="oidc", namespace="web"))
    data = {key: base64.b64decode(value).decode() for key, value in manifest.pop("data").items()}
    metadata = {"name": "oidc", "namespace": "web"}
    assert {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"} == manifest
    assert {"issuer": "https://iam.example.org/", "client_id": "app", "client_secret": SECRET} == data


def test_kubernetes_secret_takes_labels_annotations_and_a_type() -> None:
    given = {"labels": {"app": "a b"}, "annotations": {"x/y": "1"}, "type": "example.org/oidc"}
    manifest = yaml.safe_load(made("kubernetes-secret", "wlcg/app", name="oidc", **given))
    assert {"name": "oidc", "labels": {"app": "a b"}, "annotations": {"x/y": "1"}} == manifest["metadata"]
    assert "example.org/oidc" == manifest["type"]


def test_kubernetes_secret_of_several_clients_has_keys_with_their_names() -> None:
    manifest = yaml.safe_load(made("kubernetes-secret", "wlcg/app", "wlcg/public", name="oidc"))
    assert {"name": "oidc"} == manifest["metadata"]
    keys = ["main.issuer", "main.client_id", "main.client_secret", "web-ui.issuer", "web-ui.client_id"]
    assert keys == list(manifest["data"])


def test_base64_that_looks_like_a_number_stays_text() -> None:
    secret = base64.b64decode("1405").decode()
    template = load_templates(Path(), ["kubernetes-secret"], Renderer().references)["kubernetes-secret"]
    spec = output(values={"name": "oidc"})
    manifest = yaml.safe_load(render(template, spec, {"wlcg/app": credentials(secret=secret)}, FACTS))
    assert "1405" == manifest["data"]["client_secret"]


def test_kubernetes_secret_needs_a_name() -> None:
    with pytest.raises(RenderError) as caught:
        made("kubernetes-secret", "wlcg/app")
    assert caught.value.why.startswith("`values` of out/x has no `name`")
