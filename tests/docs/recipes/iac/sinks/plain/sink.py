"""Outputs as files below one folder."""

from __future__ import annotations

from iac.ports import OutputSite, Sink
from iac.sinks.file.sink import FileSink
from iac.sinks.plain import PlainSettings


def open_sink(_: PlainSettings, at: OutputSite) -> Sink:
    """The folder of this sink."""
    return FileSink(at.site.root / at.name)
