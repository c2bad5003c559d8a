"""Days and times that a model gives; no I/O."""

from datetime import UTC, date, datetime

from toolgate_servers.errors import Reason, Refused


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def check_day(where: str, text: str | None) -> None:
    """Refuse what is not a day of the calendar.

    Raises:
        Refused: BAD_TIME.
    """
    if text is None:
        return
    try:
        date.fromisoformat(text)
    except ValueError:
        raise Refused(
            Reason.BAD_TIME, where, found="no day of the calendar", expected="one such as 2026-03-29"
        ) from None
