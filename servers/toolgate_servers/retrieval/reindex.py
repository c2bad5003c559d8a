"""`toolgate-retrieval --reindex`: the index brought up to date, with a progress bar."""

from rich.console import Console
from rich.progress import Progress

from toolgate_servers.errors import CannotStart
from toolgate_servers.retrieval.resources import DocumentServer
from toolgate_servers.running import Run
from toolgate_servers.server import ToolServer

DAY = 86400.0


class Bar(Run):
    """A run without a client, whose progress is drawn in the terminal."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(DAY)
        self._progress = progress
        self._task = progress.add_task("reading the folder", total=None)

    def progress(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Draw how far it is."""
        self._progress.update(self._task, completed=done, total=total, description=text or "")


def reindex(server: ToolServer) -> None:
    """Read what is new or changed in the folder, and get the vectors that are missing.

    Raises:
        CannotStart: The index is not kept in a file, so that nothing would come of it.
        Refused: What the embeddings endpoint or the store raise.
    """
    assert isinstance(server, DocumentServer)
    if not server.library.is_kept:
        raise CannotStart(
            "--reindex: found no file for the index, expected --index FILE, or index: in --config"
        )
    with Progress(console=Console(stderr=True)) as progress:
        bar = Bar(progress)
        server.library.refresh(bar)
        server.library.vectors(bar)
    page = server.library.page("", 1)
    progress.console.print(f"{page.total} documents, {page.skipped} skipped")
