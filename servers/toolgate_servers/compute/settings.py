"""The settings of the compute server."""

from toolgate_servers.config import Settings


class Families(Settings):
    """Which tools are on."""

    arithmetic: bool = True


class ComputeSettings(Settings):
    """The settings file of the compute server."""

    families: Families = Families()
