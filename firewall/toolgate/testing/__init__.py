"""A whole toolgate in memory, for tests of policies, of servers behind it and of toolgate itself.

    world = World(POLICY, Upstream("mail", [definition("send", to="string")]))
    client = world.client(caller("ann", "support"), "mail")
    held = await client.call("send", {"to": "bob@example.com"})
    await world.decide(held)
    await client.call("send", {"to": "bob@example.com"})
    assert len(world.upstreams["mail"].calls) == 1

Nothing here opens a socket or a file, and time stands still until a test moves it. There is nothing to
expect beforehand: the world is read afterwards, its journal in `world.records`, what an upstream was
sent in its `received`.
"""

from toolgate.testing.upstream import Answer, MemoryLink, Upstream, Upstreams
from toolgate.testing.values import (
    START,
    assert_refused,
    call,
    caller,
    definition,
    facts,
    policy_of,
    result,
    text,
    tool,
)
from toolgate.testing.world import Client, Clock, Policies, Spotter, World

__all__ = [
    "START",
    "Answer",
    "Client",
    "Clock",
    "MemoryLink",
    "Policies",
    "Spotter",
    "Upstream",
    "Upstreams",
    "World",
    "assert_refused",
    "call",
    "caller",
    "definition",
    "facts",
    "policy_of",
    "result",
    "text",
    "tool",
]
