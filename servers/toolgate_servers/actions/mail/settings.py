"""The settings of mail."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from toolgate_servers.actions.addresses import EXPECTED, address_problem
from toolgate_servers.config import Place, Secret, Settings

Security: TypeAlias = Literal["tls", "starttls", "none"]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class MailServer(Settings):
    """A mail server: `tls` from the first byte, `starttls`, or `none` on this machine only."""

    host: Host
    port: Port
    security: Security = "tls"
    user: str | None = None
    password: Secret | None = None
    ca: Place | None = None
    seconds: Annotated[float, Field(gt=0, le=50)] = 20.0

    @model_validator(mode="after")
    def _encrypted(self) -> "MailServer":
        if self.security == "none" and self.host not in LOOPBACK:
            raise PydanticCustomError("security", "tls or starttls for a host that is not this machine")
        if (self.user is None) != (self.password is None):
            raise PydanticCustomError("login", "user and password, or neither")
        return self


class Smtp(MailServer):
    """The server that mail is sent through."""

    port: Port = 465


class Imap(MailServer):
    """The server that holds the inbox; only read."""

    port: Port = 993
    folder: Annotated[str, Field(min_length=1, max_length=100)] = "INBOX"


class MailSettings(Settings):
    """Without smtp, mail goes to the local outbox; without imap, the inbox holds what was sent to oneself."""

    address: str = "assistant@toolgate.invalid"
    smtp: Smtp | None = None
    imap: Imap | None = None

    @model_validator(mode="after")
    def _addressed(self) -> "MailSettings":
        if address_problem(self.address) is not None:
            raise PydanticCustomError("address", "{expected}", {"expected": EXPECTED})
        if self.smtp is not None and "address" not in self.model_fields_set:
            raise PydanticCustomError("address", "address: from whom the mail is")
        return self
