"""The settings of the calendar."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from toolgate_servers.config import Secret, Settings


class CalDav(Settings):
    """A calendar on a CalDAV server: the url of it, or of the account when `calendar` is its name."""

    url: Annotated[str, Field(pattern=r"^https?://", max_length=500)]
    user: str
    password: Secret
    calendar: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    seconds: Annotated[float, Field(gt=0, le=50)] = 20.0

    @model_validator(mode="after")
    def _encrypted(self) -> "CalDav":
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise PydanticCustomError("url", "https for a host that is not this machine")
        return self


class CalendarSettings(Settings):
    """Without caldav, events are in a local file; `address` is that of mail when it is not given."""

    zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    address: str | None = None
    caldav: CalDav | None = None
