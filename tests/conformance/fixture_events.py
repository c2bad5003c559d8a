"""Change notifications to clients of both eras, and the event store behind resumable streams."""

from __future__ import annotations

from collections import defaultdict

from mcp.server.session import ServerSession
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.subscriptions import InMemorySubscriptionBus, PromptsListChanged, ToolsListChanged
from mcp_types import JSONRPCMessage

from fixture_tools import Tool
from fixture_turn import Json, Turn, text


class Audience:
    """Everybody who is told of a change: 2026 listeners through the bus, 2025 sessions one by one."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._sessions: list[ServerSession] = []

    def join(self, session: ServerSession) -> None:
        """Remember a 2025 session that has finished its handshake."""
        self._sessions.append(session)

    async def tools_changed(self, turn: Turn) -> Json:
        """Announce that the list of tools changed."""
        await self.bus.publish(ToolsListChanged())
        for session in self._sessions:
            await session.send_tool_list_changed()
        return text("Announced a change of the tools")

    async def prompts_changed(self, turn: Turn) -> Json:
        """Announce that the list of prompts changed."""
        await self.bus.publish(PromptsListChanged())
        for session in self._sessions:
            await session.send_prompt_list_changed()
        return text("Announced a change of the prompts")

    def tools(self) -> dict[str, Tool]:
        """The two tools with which the suite triggers an announcement."""
        listed = (
            Tool("test_trigger_tool_change", "Announces that the tools changed", self.tools_changed),
            Tool("test_trigger_prompt_change", "Announces that the prompts changed", self.prompts_changed),
        )
        return {tool.name: tool for tool in listed}


class MemoryEventStore(EventStore):
    """Keeps every event of every stream for the life of the process."""

    def __init__(self) -> None:
        self._streams: dict[str, list[JSONRPCMessage | None]] = defaultdict(list)

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Store one event and return its id, which names the stream and the position in it."""
        events = self._streams[stream_id]
        events.append(message)
        return f"{stream_id}/{len(events)}"

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what the stream of this event held after it; return the stream, or None if it is unknown."""
        stream_id, _, position = last_event_id.rpartition("/")
        if stream_id not in self._streams or not position.isdigit():
            return None
        for number, message in enumerate(self._streams[stream_id], start=1):
            if number > int(position) and message is not None:
                await send_callback(EventMessage(message, f"{stream_id}/{number}"))
        return stream_id
