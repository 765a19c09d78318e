"""Settings to the sinks of an environment's outputs. What a sink needs is imported where it is opened, or used."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from iac.config.sink import AgeSettings, KubernetesSettings, SopsSettings
from iac.core.desired import FILE
from iac.ports.path import named_file
from iac.sinks.file import FileSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iac.config.settings import Settings
    from iac.core.desired import Desired
    from iac.core.secret import Secret
    from iac.ports import Clock, Sink
    from iac.sinks.kubernetes.login import Cluster
    from iac.sinks.sealed import Cipher


def open_sinks(
    settings: Settings, desired: Desired, clock: Clock, identity: Callable[[], Secret | None], root: Path
) -> dict[str, Sink]:
    """Every sink of an environment by its name; nothing is read or sent before its first call.

    Args:
        settings: the environment's, with its sinks.
        desired: its outputs, with those to whom each is sealed.
        clock: for what carries a time.
        identity: what opens encrypted files.
        root: the project's folder, below which files go.
    """
    files = FileSink(root)
    sinks: dict[str, Sink] = {FILE: files}
    for name, sink in settings.sinks.items():
        if isinstance(sink, KubernetesSettings):
            sinks[name] = _kubernetes(settings, name, sink, clock)
            continue
        from iac.sinks.sealed import Readers, SealedSink  # the sinks in use alone

        sinks[name] = SealedSink(files, _cipher(sink, clock), Readers(_recipients(desired, name), identity))
    return sinks


def _recipients(desired: Desired, sink: str) -> Callable[[str], Sequence[str]]:
    found = {spec.path: spec.recipients for spec in desired.outputs if spec.sink == sink}
    return lambda path: found.get(path, ())


def _kubernetes(settings: Settings, name: str, sink: KubernetesSettings, clock: Clock) -> Sink:
    from iac.sinks.kubernetes import KubernetesSink, Marks
    from iac.sinks.kubernetes.login import Choice, find_cluster

    kubeconfig = named_file(settings.root, sink.kubeconfig) if sink.kubeconfig else None
    choice = Choice(name, kubeconfig, sink.context)
    marks = Marks(f"{settings.project}/{settings.environment}", sink.type, sink.labels)

    def find() -> Cluster:
        found = find_cluster(choice, os.environ)
        return replace(found, timeout=settings.timeout, deadline=settings.deadline, proxy=settings.network.proxy)

    return KubernetesSink(find, marks, clock)


def _cipher(sink: AgeSettings | SopsSettings, clock: Clock) -> Cipher:
    match sink:
        case AgeSettings():
            from iac.sinks.age import AgeCipher

            return AgeCipher()
        case SopsSettings():
            from iac.sinks.sops import SopsCipher

            return SopsCipher(clock, sink.encrypted_keys)
        case _:
            assert_never(sink)
