"""The sessions of HTTP clients: bound to a credential, capped, ended when idle."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from toolgate.core.model import Caller, Refuse
from toolgate.protocol.versions import Era
from toolgate.session import Session
from toolgate.upstream.link import Link

IDLE_SECONDS = 1800.0


@dataclass(slots=True)
class Window:
    """What a caller of the per-request era, which has no sessions, keeps between requests."""

    links: dict[str, Link] = field(default_factory=dict[str, Link])
    opening: dict[str, asyncio.Future[Link | Refuse]] = field(
        default_factory=dict[str, "asyncio.Future[Link | Refuse]"]
    )
    last_seen: float = 0.0


class Sessions:
    """Sessions by id, and windows by caller."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sessions: dict[str, Session] = {}
        self._windows: dict[tuple[str, str | None, Era], Window] = {}

    def find(self, session_id: str, caller: Caller, scope: str | None, now: float) -> Session | None:
        """The session, if it is this credential's on this endpoint; anybody else's does not exist."""
        session = self._sessions.get(session_id)
        if session is None or session.scope != scope or session.caller.credential != caller.credential:
            return None
        session.last_seen = now
        # Roles come from the credential as it is now, not as it was when the session began.
        session.caller = caller
        return session

    def full(self) -> bool:
        """Whether no further session may be opened."""
        return len(self._sessions) >= self._most

    def keep(self, session: Session, now: float) -> str:
        """Remember a session under its upstream's id, or one made here; gives the id."""
        if not session.id or session.id in self._sessions:
            session.id = secrets.token_urlsafe(24)
        session.last_seen = now
        self._sessions[session.id] = session
        return session.id

    def holds(self, session: Session) -> bool:
        """Whether this very session is remembered."""
        return self._sessions.get(session.id) is session

    async def end(self, session: Session) -> None:
        """Forget a session and close its links."""
        self._sessions.pop(session.id, None)
        await session.close()

    def window(self, caller: Caller, scope: str | None, era: Era, now: float) -> Session:
        """A session for one request of a caller that has none: its links outlive it."""
        key = (caller.credential, scope, era)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window()
        window.last_seen = now
        return Session(caller, era, scope, links=window.links, opening=window.opening, last_seen=now)

    async def sweep(self, now: float) -> None:
        """Close what was idle for half an hour."""
        idle = [
            one for one in self._sessions.values() if now - one.last_seen > IDLE_SECONDS and not one.inflight
        ]
        for session in idle:
            await self.end(session)
        for key in [key for key, one in self._windows.items() if now - one.last_seen > IDLE_SECONDS]:
            await _close(self._windows.pop(key).links)

    async def close(self) -> None:
        """End everything."""
        windows, self._windows = list(self._windows.values()), {}
        await asyncio.gather(
            *(self.end(session) for session in list(self._sessions.values())),
            *(_close(window.links) for window in windows),
        )


async def _close(links: dict[str, Link]) -> None:
    ending, links_now = list(links.values()), links
    links_now.clear()
    await asyncio.gather(*(link.close() for link in ending), return_exceptions=True)
