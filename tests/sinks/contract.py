"""What every sink promises. A sink's test class inherits this and gives the fixture `sink`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iac.core.errors import RenderError
from iac.ports import Comparison

if TYPE_CHECKING:
    from iac.ports import Sink

PATH = "out/app/app.env"
CANARY = b"canary-7d1f0e\n"


class SinkContract:
    """The contract. A sink whose paths are others says so, and which contents it takes.

    Attributes:
        path: of an output.
        other: of another.
        contents: of which a longer first one is replaced by a shorter second one.
        examples: how many contents are tried.
    """

    path: ClassVar[str] = PATH
    other: ClassVar[str] = "out/app/other.env"
    contents: ClassVar[tuple[bytes, bytes]] = (b"A=a longer first content\n", b"A=two\n")
    examples: ClassVar[st.SearchStrategy[bytes]] = st.text(max_size=400).map(lambda text: text.encode())
    any_content: ClassVar[str] = "out/app/app.txt"

    def test_what_was_written_is_there(self, sink: Sink) -> None:
        one, two = self.contents
        assert sink.write(self.path, one, mode=0o600)
        assert (Comparison.AS_WANTED, Comparison.OTHER) == (sink.compare(self.path, one), sink.compare(self.path, two))

    def test_what_is_read_is_what_was_written(self, sink: Sink) -> None:
        assert sink.read(self.path) is None
        for content in self.contents:
            sink.write(self.path, content, mode=0o600)
            read = sink.read(self.path)
            assert read is not None
            assert sink.compare(self.path, read) is Comparison.AS_WANTED

    def test_any_content_that_a_template_can_make_is_held(self, sink: Sink) -> None:
        @settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
        @given(content=self.examples)
        def holds(content: bytes) -> None:
            sink.write(self.any_content, content, mode=0o600)
            assert content == sink.read(self.any_content)
            assert sink.compare(self.any_content, content) is Comparison.AS_WANTED
            assert sink.compare(self.any_content, content + b"x") is Comparison.OTHER

        holds()

    def test_nothing_is_there_before_the_first_write(self, sink: Sink) -> None:
        assert sink.compare(self.path, self.contents[0]) is Comparison.NOTHING

    @pytest.mark.parametrize("is_new", [False])
    def test_the_same_again_is_no_change(self, sink: Sink, *, is_new: bool) -> None:
        sink.write(self.path, self.contents[0], mode=0o600)
        assert not sink.write(self.path, self.contents[0], mode=0o600, is_new=is_new)

    def test_other_content_replaces_the_old(self, sink: Sink) -> None:
        one, two = self.contents
        sink.write(self.path, one, mode=0o600)
        assert sink.write(self.path, two, mode=0o600)
        assert (Comparison.OTHER, Comparison.AS_WANTED) == (sink.compare(self.path, one), sink.compare(self.path, two))

    def test_outputs_are_apart(self, sink: Sink) -> None:
        one, two = self.contents
        sink.write(self.path, one, mode=0o600)
        sink.write(self.other, two, mode=0o600)
        sink.remove(self.path)
        assert (Comparison.NOTHING, Comparison.AS_WANTED) == (
            sink.compare(self.path, one),
            sink.compare(self.other, two),
        )
        assert sink.place(self.path) != sink.place(self.other)

    def test_a_removed_output_is_gone_and_may_be_removed_again(self, sink: Sink) -> None:
        sink.write(self.path, self.contents[0], mode=0o600)
        sink.remove(self.path)
        sink.remove(self.path)
        assert sink.compare(self.path, self.contents[0]) is Comparison.NOTHING

    def test_a_removed_output_can_be_written_again(self, sink: Sink) -> None:
        sink.write(self.path, self.contents[0], mode=0o600)
        sink.remove(self.path)
        assert sink.write(self.path, self.contents[0], mode=0o600)

    def test_a_check_passes_where_a_write_does_and_changes_nothing(self, sink: Sink) -> None:
        one, two = self.contents
        sink.check(self.path, one)
        assert sink.compare(self.path, one) is Comparison.NOTHING
        sink.write(self.path, one, mode=0o600)
        sink.check(self.path, two)
        assert sink.compare(self.path, one) is Comparison.AS_WANTED

    @pytest.mark.parametrize("path", ["", ".", "/", "..", "../x", "out/../../x", "/tmp/x"])
    def test_a_path_is_relative_and_stays_inside(self, sink: Sink, path: str) -> None:
        for attempt in (
            lambda: sink.check(path, CANARY),
            lambda: sink.write(path, CANARY, mode=0o600),
            lambda: sink.compare(path, CANARY),
            lambda: sink.read(path),
            lambda: sink.remove(path),
            lambda: sink.place(path),
        ):
            with pytest.raises(RenderError) as caught:
                attempt()
            assert path == caught.value.where
            assert caught.value.fix
            assert CANARY.decode().strip() not in str(caught.value)
