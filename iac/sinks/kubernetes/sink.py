"""Outputs as Secrets of a Kubernetes cluster, by server-side apply.

An output is one Secret: one key of it, or several from a dotenv output. iac takes no Secret that it did not make, puts
no other manager off a key, removes only what carries its mark. `data` is sent, never `stringData`: the server takes
an overwriting `stringData` for no conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from iac.core.errors import RenderError, UnknownOutcome
from iac.ports import Clock, Comparison, OutputSite, Sink
from iac.ports.path import named_file
from iac.sinks.kubernetes import KubernetesSettings
from iac.sinks.kubernetes.login import Cluster, ClusterChoice, find_cluster
from iac.sinks.kubernetes.secret import (
    MARK,
    Manifest,
    SecretPath,
    holds,
    is_marked,
    keys_of_others,
    manifest,
    parse_target,
    read_content,
    read_data,
    released,
)

if TYPE_CHECKING:
    from iac.sinks.kubernetes.api import Api


def open_sink(settings: KubernetesSettings, at: OutputSite) -> Sink:
    """The Secrets of a cluster."""
    site = at.site
    kubeconfig = named_file(site.root, settings.kubeconfig) if settings.kubeconfig else None
    choice = ClusterChoice(at.name, kubeconfig, settings.context)

    def find() -> Cluster:
        cluster = find_cluster(choice, site.environ)
        return replace(cluster, timeout=site.timeout, deadline=site.deadline, proxy=site.network.proxy)

    return KubernetesSink(find, settings, f"{site.project}/{site.environment}", site.clock)


class KubernetesSink(Sink):
    """Secrets of one cluster.

    Args:
        find: finds the cluster and the login for it; asked by the first call.
        settings: with the type and the labels that every Secret gets.
        owner: the project and environment that made it, as `PROJECT/ENVIRONMENT`.
        clock: for pauses between attempts.
    """

    def __init__(self, find: Callable[[], Cluster], settings: KubernetesSettings, owner: str, clock: Clock) -> None:
        self._find = find
        self._settings = settings
        self._owner = owner
        self._clock = clock

    def _check(self, path: str, content: bytes) -> None:
        wanted = self._manifest(path, content)
        with self._open(path) as (api, target, present):
            self._refuse_foreign(target, present)
            api.apply(target, wanted, is_trial=True)

    def _write(self, path: str, content: bytes, *, mode: int, is_new: bool) -> bool:
        wanted = self._manifest(path, content)
        with self._open(path) as (api, target, present):
            self._refuse_foreign(target, present)
            if holds(present, wanted):
                return False
            answer = _apply(api, target, _if_unchanged(present, wanted))
        if not holds(answer, wanted):
            raise RenderError(
                "the cluster has another Secret than iac sent",
                where=path,
                why="another program of the cluster changes Secrets as they come in",
                fix="find it, such as an admission webhook, and let it leave this Secret alone",
            )
        return True

    def _compare(self, path: str, content: bytes, mode: int | None) -> Comparison:
        with self._open(path) as (_, _, present):
            if present is None:
                return Comparison.NOTHING
        wanted = self._manifest(path, content)
        return Comparison.AS_WANTED if is_marked(present, self._owner) and holds(present, wanted) else Comparison.OTHER

    def _read(self, path: str) -> bytes | None:
        with self._open(path) as (_, target, present):
            return None if present is None else read_content(target, present)

    def _remove(self, path: str) -> None:
        with self._open(path) as (api, target, present):
            if present is None:
                return
            self._refuse_foreign(target, present)
            if keys_of_others(present):
                api.apply(target, _if_unchanged(present, released(target, present)))
            else:
                try:
                    api.delete(target, present)
                except UnknownOutcome:
                    if api.read(target) is not None:
                        raise

    def _place(self, path: str) -> str:
        target = parse_target(path)
        return f"{self._cluster.address.origin}/{target.namespace}/{target.name}"

    @cached_property
    def _cluster(self) -> Cluster:
        return self._find()

    @contextmanager
    def _open(self, path: str) -> Iterator[tuple[Api, SecretPath, Manifest | None]]:
        """The cluster's API, the Secret of an output, and what is there now."""
        from iac.sinks.kubernetes.api import Api  # brings in the HTTP library

        target = parse_target(path)
        with closing(Api(self._cluster, self._clock)) as api:
            yield api, target, api.read(target)

    def _manifest(self, path: str, content: bytes) -> Manifest:
        target, settings = parse_target(path), self._settings
        return manifest(target, read_data(target, content), self._owner, settings.type, settings.labels)

    def _refuse_foreign(self, target: SecretPath, present: Manifest | None) -> None:
        if present is None or is_marked(present, self._owner):
            return
        raise RenderError(
            "this Secret belongs to another owner",
            where=target.path,
            why=f"it does not carry the annotation {MARK}: {self._owner}",
            fix="give the output another path, or give the Secret to iac:"
            f" kubectl annotate secret -n {target.namespace}"
            f" {target.name} {MARK}={self._owner} --overwrite",
        )


def _if_unchanged(present: Manifest | None, wanted: Manifest) -> Manifest:
    """The wanted Secret, on the condition that the Secret is still the one that was read."""
    if present is None:
        return wanted
    return {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": present["metadata"]["resourceVersion"]}}


def _apply(api: Api, target: SecretPath, wanted: Manifest) -> Manifest | None:
    """The Secret as it is afterwards. A lost answer is not asked for again: a read says what the cluster holds."""
    try:
        return api.apply(target, wanted)
    except UnknownOutcome:
        present = api.read(target)
        if not holds(present, wanted):
            raise
        return present
