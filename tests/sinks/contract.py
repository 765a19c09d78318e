"""What every sink promises. A sink's test class inherits this and gives the fixture `sink`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iac.core.errors import RenderError

if TYPE_CHECKING:
    from iac.ports import Sink

PATH = "out/app/app.env"


class SinkContract:
    def test_what_was_written_is_read(self, sink: Sink) -> None:
        assert sink.write(PATH, b"one", mode=0o600)
        assert b"one" == sink.read(PATH)

    @settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=2000))
    def test_content_comes_back_byte_by_byte(self, sink: Sink, content: bytes) -> None:
        sink.write(PATH, content, mode=0o600)
        assert content == sink.read(PATH)

    def test_nothing_is_there_before_the_first_write(self, sink: Sink) -> None:
        assert sink.read(PATH) is None

    def test_the_same_again_is_no_change(self, sink: Sink) -> None:
        sink.write(PATH, b"one", mode=0o600)
        assert not sink.write(PATH, b"one", mode=0o600)

    def test_other_content_replaces_the_old(self, sink: Sink) -> None:
        sink.write(PATH, b"a longer first content", mode=0o600)
        assert sink.write(PATH, b"two", mode=0o600)
        assert b"two" == sink.read(PATH)

    def test_outputs_are_apart(self, sink: Sink) -> None:
        sink.write(PATH, b"one", mode=0o600)
        sink.write("out/app/other.env", b"two", mode=0o600)
        sink.remove(PATH)
        assert (None, b"two") == (sink.read(PATH), sink.read("out/app/other.env"))

    def test_a_removed_output_is_gone_and_may_be_removed_again(self, sink: Sink) -> None:
        sink.write(PATH, b"one", mode=0o600)
        sink.remove(PATH)
        sink.remove(PATH)
        assert sink.read(PATH) is None

    def test_a_removed_output_can_be_written_again(self, sink: Sink) -> None:
        sink.write(PATH, b"one", mode=0o600)
        sink.remove(PATH)
        assert sink.write(PATH, b"one", mode=0o600)

    def test_a_check_passes_where_a_write_does_and_changes_nothing(self, sink: Sink) -> None:
        sink.check(PATH)
        assert sink.read(PATH) is None
        sink.write(PATH, b"one", mode=0o600)
        sink.check(PATH)
        assert b"one" == sink.read(PATH)

    @pytest.mark.parametrize("path", ["", ".", "/", "..", "../x", "out/../../x", "/tmp/x"])
    def test_a_path_is_relative_and_stays_inside(self, sink: Sink, path: str) -> None:
        for attempt in (
            lambda: sink.check(path),
            lambda: sink.write(path, b"one", mode=0o600),
            lambda: sink.read(path),
            lambda: sink.remove(path),
        ):
            with pytest.raises(RenderError) as caught:
                attempt()
            assert path == caught.value.where
            assert caught.value.fix
