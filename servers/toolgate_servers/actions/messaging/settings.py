"""The settings of messaging."""

from typing import Annotated

from pydantic import Field

from toolgate_servers.config import Place, Secret, Settings

Channel = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]


class SlackSettings(Settings):
    """A Slack workspace; searching with a query needs a user token (xoxp-)."""

    token: Secret
    url: str = "https://slack.com/api/"
    seconds: Annotated[float, Field(gt=0, le=60)] = 20.0


class XmppSettings(Settings):
    """An account on an XMPP server and the service that its rooms are on."""

    jid: Annotated[str, Field(pattern=r"^[^@/\s]+@[A-Za-z0-9.-]+$")]
    password: Secret
    rooms: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    host: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 5222
    authorities: Place | None = None
    seconds: Annotated[float, Field(gt=0, le=60)] = 20.0


class MessagingSettings(Settings):
    """Messages on a local board, on Slack or XMPP; without channels, a remote service offers all it has."""

    channels: tuple[Channel, ...] = ()
    sender: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "assistant"
    slack: SlackSettings | None = None
    xmpp: XmppSettings | None = None
