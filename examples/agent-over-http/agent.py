"""An agent in one loop: a model says which tools to call, toolgate judges each, the model sees the answer.

The model here is a script, so that this runs without an account. A real one takes its place in `main`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent, Tool


@dataclass(frozen=True, slots=True)
class Wish:
    """A tool the model wants called."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model says: something to the user, tools it wants called, or both. No wishes: it is done."""

    text: str
    wishes: Sequence[Wish] = ()


@dataclass(slots=True)
class Talk:
    """Everything said so far: the task, the model's turns, and what the tools answered."""

    task: str
    turns: list[Turn] = field(default_factory=list[Turn])
    answers: list[str] = field(default_factory=list[str])


class Model(Protocol):
    """Where a real model goes: give it the tools' schemas and the talk, and return what it says."""

    async def say(self, tools: Sequence[Tool], talk: Talk) -> Turn: ...


class Script:
    """Stands in for a model: looks the price up, works the sum out, mails it, and reports what came of it."""

    async def say(self, tools: Sequence[Tool], talk: Talk) -> Turn:
        """The next turn of the script."""
        match len(talk.turns):
            case 0:
                return Turn(
                    "I look the price up.",
                    [Wish("retrieval__search_knowledge", {"query": "price of a licence"})],
                )
            case 1:
                return Turn("I work out the sum.", [Wish("compute__calculate", {"expression": "12 * 49"})])
            case 2:
                total = talk.answers[-1]
                mail = {"to": ["bob@example.com"], "subject": "Offer", "body": f"Twelve licences: {total}"}
                return Turn("I mail the offer.", [Wish("actions__email_send", mail)])
            case _:
                return Turn(f"Done so far. About the mail I was told: {talk.answers[-1]}")


async def call(client: Client, wish: Wish) -> str:
    """What a tool, or toolgate in its place, answers: text for the model to read, refusals included."""
    try:
        result: CallToolResult = await client.call_tool(wish.tool, wish.arguments)
    except MCPError as refused:
        return str(refused)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def work(client: Client, model: Model, task: str, most_turns: int = 10) -> Talk:
    """Let the model work on a task until it wants no more tools."""
    talk = Talk(task)
    tools = (await client.list_tools()).tools
    for _ in range(most_turns):
        turn = await model.say(tools, talk)
        talk.turns.append(turn)
        print(f"model: {turn.text}")
        if not turn.wishes:
            break
        for wish in turn.wishes:
            answer = await call(client, wish)
            print(f"  {wish.tool}: {' '.join(answer.split())[:200]}")
            talk.answers.append(answer)
    return talk


async def main() -> None:
    """Connect to toolgate with the agent's own key."""
    url, key = os.environ["TOOLGATE_URL"], os.environ["TOOLGATE_KEY"]
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        await work(client, Script(), "Send bob an offer for twelve licences.")


if __name__ == "__main__":
    asyncio.run(main())
