"""Text of others, made safe to show. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with everything that a terminal, a log or an eye could be fooled by as `\u` escapes.

    Escaped are control characters (line breaks too), marks without width, marks that change the writing
    direction, lone surrogates and spaces other than U+0020. Text without them comes back as it is.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # four hex digits
