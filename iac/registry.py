"""Every adapter there is, by the name that iac.yaml or an option has for it. This is the only list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.providers import iam_admin, iam_self_service, rfc7591

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.core.capabilities import Capabilities
    from iac.providers.settings import ProviderSettings

PROVIDERS: Mapping[str, ProviderSettings] = {
    entry.api.provider: entry for entry in (iam_admin.PROVIDER, iam_self_service.PROVIDER, rfc7591.PROVIDER)
}
"""By the name of each in iac.yaml; the first is the default of `iac init`."""


def capabilities(provider: str) -> Capabilities:
    """What the API of a provider can do, by its name in iac.yaml."""
    return PROVIDERS[provider].api
