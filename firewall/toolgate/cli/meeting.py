"""A connection to a server that is met for the first time, through the same client that will serve it."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from toolgate.errors import UpstreamDown
from toolgate.protocol.messages import request
from toolgate.protocol.versions import Era, own_meta
from toolgate.secrets.keyring import Keyring
from toolgate.upstream.keyed import Address
from toolgate.upstream.link import Link, Opening, unheard
from toolgate.upstream.reaper import Reaper
from toolgate.upstream.registry import Upstream

_PAGES = 100
_SECONDS = 60.0


class Met:
    """A server that answers. Implements `toolgate.firstcontact.Lister`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def list_all(self, method: str) -> list[dict[str, Any]]:
        """Everything a list method has, over all pages. Raises UpstreamDown."""
        kind = method.partition("/")[0]
        items: list[dict[str, Any]] = []
        cursor: object = None
        for number in range(_PAGES):
            result = await self._result(number, method, cursor)
            page = cast("list[Any] | None", result.get(kind))
            if not isinstance(page, list):
                raise UpstreamDown(f"{self._link.name}: {method}: expected a list of {kind}")
            items += [item for item in page if isinstance(item, dict)]
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str):
                return items
        raise UpstreamDown(f"{self._link.name}: {method}: found more than {_PAGES} pages, expected an end")

    async def _result(self, number: int, method: str, cursor: object) -> dict[str, Any]:
        params: dict[str, Any] = {"_meta": own_meta()}
        if cursor is not None:
            params["cursor"] = cursor
        answer = await self._link.request(request(number, method, params), unheard)
        message = answer.message if answer is not None else None
        result: object = message.get("result") if message is not None else None
        if not isinstance(result, dict):
            raise UpstreamDown(f"{self._link.name}: {method}: found an error, expected a result")
        return cast("dict[str, Any]", result)


@asynccontextmanager
async def met(name: str, target: Sequence[str]) -> AsyncGenerator[Met]:
    """A connection to a URL, or to a command that is started. Raises UpstreamDown."""
    # The person at the terminal runs this server, so it gets this environment, as under `wrap`.
    env = {key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")}
    address = Address(_SECONDS, command=tuple(target), env=env)
    if is_url(target):
        address = Address(_SECONDS, url=target[0])
    # Nothing that is sealed here outlives this meeting.
    reaper = Reaper()
    upstream = Upstream(name, address, Keyring(secrets.token_bytes(32)), reaper)
    try:
        link = await upstream.open(Opening(Era.MODERN, "init"))
        try:
            yield Met(link)
        finally:
            await link.close()
    finally:
        await upstream.close()
        reaper.close()


def is_url(target: Sequence[str]) -> bool:
    """Whether a server is named by its address rather than by a command."""
    return len(target) == 1 and target[0].startswith(("http://", "https://"))
