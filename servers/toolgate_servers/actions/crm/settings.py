"""The settings of the CRM."""

from typing import Annotated

from pydantic import Field

from toolgate_servers.config import Secret, Settings


class CarddavSettings(Settings):
    """One address book on a CardDAV server; `url` is that of the book, not of the server."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")]
    username: Annotated[str, Field(pattern=r"^[^:\x00-\x1f\x7f]{1,200}$")]
    password: Secret
    seconds: Annotated[float, Field(gt=0, le=60)] = 20.0


class CrmSettings(Settings):
    """Contacts in a file of our own, or on a CardDAV server; activities are always in the file."""

    carddav: CarddavSettings | None = None
