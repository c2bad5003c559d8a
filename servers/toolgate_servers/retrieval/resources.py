"""Documents as MCP resources, file:///FOLDER/PATH: FOLDER is the folder's name, not its place on disk."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

import anyio.to_thread
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import Resource, ResourceTemplate
from pydantic import AnyUrl

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.formats import MIME_TYPES, is_isolated
from toolgate_servers.retrieval.library import Library
from toolgate_servers.retrieval.text import decoded
from toolgate_servers.server import ToolServer

MAX_LISTED = 1000


class DocumentServer(ToolServer):
    """An MCP server whose resources are the documents of a library."""

    def __init__(self, library: Library, **settings: Any) -> None:
        super().__init__("retrieval", **settings)
        self.library = library
        self._prefix = f"file:///{quote(library.folder.root.name)}/"

    async def list_resources(self) -> list[Resource]:
        """List the first thousand documents; the tool list_documents pages through all of them."""
        page = await anyio.to_thread.run_sync(self.library.page, "", MAX_LISTED)
        return [
            Resource(
                uri=self._prefix + quote(document.path),
                name=document.path,
                title=document.title,
                mime_type=_mime_type(document.path),
                size=document.size,
            )
            for document in page.documents
        ]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """Say how the URI of any document is made."""
        return [
            ResourceTemplate(
                uri_template=f"{self._prefix}{{+path}}",
                name="document",
                description="A document by its path, as search_knowledge and list_documents give it.",
            )
        ]

    async def read_resource(
        self,
        uri: AnyUrl | str,
        context: Context[Any, Any] | None = None,  # the SDK's signature
    ) -> Iterable[ReadResourceContents]:
        """Give the file behind a URI, unchanged but for bytes that are not UTF-8."""
        text = str(uri)
        if not text.startswith(self._prefix):
            raise ResourceNotFoundError("uri: found no such document, expected a URI that was listed")
        path = unquote(text.removeprefix(self._prefix))
        try:
            raw = await anyio.to_thread.run_sync(self.library.folder.read, path)
        except Refused as refused:
            kind = ResourceError if refused.reason is Reason.TOO_LARGE else ResourceNotFoundError
            raise kind(str(refused)) from refused
        content = raw if is_isolated(path) else decoded(raw)
        return [ReadResourceContents(content, _mime_type(path))]


def _mime_type(path: str) -> str:
    return MIME_TYPES[PurePosixPath(path).suffix.lower()]
