"""The settings of the actions server."""

from toolgate_servers.config import Place, Settings


class Families(Settings):
    """Which tools are on."""

    mail: bool = True


class ActionsSettings(Settings):
    """The settings file of the actions server; without an outbox, mail is kept in memory."""

    families: Families = Families()
    outbox: Place | None = None
