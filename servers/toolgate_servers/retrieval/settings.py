"""The settings of the retrieval server."""

from toolgate_servers.config import Place, Settings


class Families(Settings):
    """Which tools are on."""

    documents: bool = True


class RetrievalSettings(Settings):
    """The settings file of the retrieval server; without an index file, the index is in memory."""

    families: Families = Families()
    folder: Place | None = None
    index: Place | None = None
