"""Every adapter there is, by the name that iac.yaml or an option has for it. This is the only list of them.

What is named here is light (`iac.ports.settings`): nothing heavy is imported before an adapter is opened.
"""

from __future__ import annotations

from collections.abc import Mapping

from iac.backends.file import FilePlace
from iac.backends.git import GitPlace
from iac.backends.http import HttpPlace
from iac.backends.s3 import S3Place
from iac.core.capabilities import Capabilities
from iac.forges.github import GITHUB
from iac.forges.gitlab import GITLAB
from iac.ports.settings import BackendSettings, Forge, LoginSettings, ProviderSettings, SinkSettings
from iac.providers import iam_admin, iam_self_service, rfc7591
from iac.providers.logins.settings import (
    AgentAuth,
    ClientCredentialsAuth,
    DeviceAuth,
    InitialAccessTokenAuth,
    NoAuth,
    PrivateKeyAuth,
    TokenAuth,
    WlcgAuth,
)
from iac.sinks.age import AgeSettings
from iac.sinks.file import FileOutputs
from iac.sinks.kubernetes import KubernetesSettings
from iac.sinks.sops import SopsSettings

BACKENDS: Mapping[str, type[BackendSettings]] = {
    backend.name: backend for backend in (FilePlace, GitPlace, HttpPlace, S3Place)
}
"""Value of `state.backend` -> its settings; the first is that of a state which names none."""

SINKS: Mapping[str, type[SinkSettings]] = {
    sink.kind: sink for sink in (FileOutputs, AgeSettings, SopsSettings, KubernetesSettings)
}
"""Value of `kind` in `sinks` -> its settings; the first is there without being named."""

LOGINS: Mapping[str, type[LoginSettings]] = {
    login.method: login
    for login in (
        ClientCredentialsAuth,
        PrivateKeyAuth,
        DeviceAuth,
        AgentAuth,
        TokenAuth,
        WlcgAuth,
        InitialAccessTokenAuth,
        NoAuth,
    )
}
"""Value of `auth.method` -> its settings."""

FORGES: Mapping[str, Forge] = {forge.name: forge for forge in (GITHUB, GITLAB)}
"""Value of `iac init --ci` -> the forge."""

PROVIDERS: Mapping[str, ProviderSettings] = {
    entry.api.provider: entry for entry in (iam_admin.PROVIDER, iam_self_service.PROVIDER, rfc7591.PROVIDER)
}
"""By the name of each in iac.yaml; the first is the default of `iac init`."""


def capabilities(provider: str) -> Capabilities:
    """The capabilities of a provider's API, by its name in iac.yaml."""
    return PROVIDERS[provider].api
