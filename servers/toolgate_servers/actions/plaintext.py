"""Text of a model that ends up in a header, a property or a body: what it may hold; no I/O."""

import re

from toolgate_servers.errors import Reason, Refused

# Line ends in a header start another header, NUL and the other controls have no business in either, and half
# a character cannot be written.
LINE_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
TEXT_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def check_line(where: str, text: str, longest: int) -> None:
    """Refuse what is not one line of text that shows something.

    Raises:
        Refused: ARGUMENT_NOT_VALID, TOO_LARGE or CONTROL_CHARACTER.
    """
    _check(where, text, longest, LINE_CONTROL, "one line of text")


def check_text(where: str, text: str, longest: int) -> None:
    """Refuse what is not text of any number of lines that shows something.

    Raises:
        Refused: ARGUMENT_NOT_VALID, TOO_LARGE or CONTROL_CHARACTER.
    """
    _check(where, text, longest, TEXT_CONTROL, "text, where the only controls are tabs and line ends")


def one_line(text: str, longest: int) -> str:
    """Make one line of what a stranger wrote: controls become blanks, and it is cut to its length."""
    return " ".join(LINE_CONTROL.sub(" ", text).split())[:longest]


def plain(text: str, longest: int) -> str:
    """Make text of what a stranger wrote: other controls than tabs and line ends go, and it is cut."""
    return TEXT_CONTROL.sub("", text)[:longest]


def _check(where: str, text: str, longest: int, control: re.Pattern[str], expected: str) -> None:
    if not text.strip():
        raise Refused(Reason.ARGUMENT_NOT_VALID, where, found="no text", expected=expected)
    if len(text) > longest:
        raise Refused(Reason.TOO_LARGE, where, found=f"{len(text)} characters", expected=f"at most {longest}")
    if (found := control.search(text)) is not None:
        raise Refused(
            Reason.CONTROL_CHARACTER,
            f"{where}, position {found.start() + 1}",
            found="a line end or another control character",
            expected=expected,
        )
