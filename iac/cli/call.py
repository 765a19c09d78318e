"""One call of iac: what the global options say, wherever they stand, and what was printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import click


class Invocation:
    """One call of iac: its global options by name, wherever they stand, and whether JSON was printed.

    stdout carries one JSON value: an error after it goes to stderr alone. `sections` takes the values of a command that
    goes through several environments, until it prints them as one.
    """

    has_shown: bool = False
    sections: list[Any] | None = None

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def take(self, option: click.Parameter, value: Any) -> None:
        """Add what an option says: one that repeats adds up, of another the last one counts."""
        is_sum = option.name in self.options and (option.multiple or getattr(option, "count", False))
        self.options[option.name] = self.options[option.name] + value if is_sum else value


def call_of(context: click.Context) -> Invocation:
    """The call that a context belongs to; completion has none before."""
    root = context.find_root()
    if root.obj is None:
        root.obj = Invocation()
    return cast("Invocation", root.obj)
