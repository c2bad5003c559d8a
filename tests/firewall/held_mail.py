"""A server whose mails wait for a person, and what its tests do with a call that waits."""

from __future__ import annotations

from toolgate.core.model import JsonObject
from toolgate.core.present import CONTINUE
from toolgate.testing import Client, Upstream, World, caller, definition
from toolgate.verdicts import Held, Reply

POLICY = """
version: 1
tiers: {read: [mail/list], irreversible: [mail/send], privileged: [mail/wipe]}
roles:
  agent: {tools: ["mail/*", "post/*"]}
redaction: {arguments: {EMAIL_ADDRESS: mask}}
approval: {prompts: 3/hour}
"""
ANN = caller("ann", "agent")
TO: JsonObject = {"to": "bob"}


def waiting_mail() -> World:
    """The upstream `mail`, and `post` with a tool of the same name."""
    tools = [definition("list"), definition("send", to="string"), definition("wipe"), definition("new")]
    post = Upstream("post", [definition("send", to="string")])
    return World(POLICY, Upstream("mail", tools), post, sensitive={"bob@example.com": "EMAIL_ADDRESS"})


def held(reply: Reply | None) -> Held:
    """What waits for a person."""
    assert isinstance(reply, Held)
    return reply


async def go_on(client: Client, named: object) -> Reply | None:
    """Go on with what was held, or with whatever is named instead."""
    return await client.call(CONTINUE, {"approval": named.approval.id if isinstance(named, Held) else named})
