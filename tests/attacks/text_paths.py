"""Every path that text can take through toolgate, in both directions, before the real detectors."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from toolgate.core.model import JsonObject, Refuse, Withhold
from toolgate.core.reasons import Reason
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Re2
from toolgate.protocol.messages import notification, request
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, caller, definition, text
from toolgate.upstream.link import Note
from toolgate.verdicts import Reply

CARD: Final = "4111 1111 1111 1111"
MAIL: Final = "ann.lee@example.com"
VALUE: Final = f"{MAIL} {CARD}"
OFFERS: JsonObject = {"elicitation": {}, "sampling": {}, "roots": {}}
HEAD = """
version: 1
tiers: {read: ["*/*"]}
roles:
  agent:
    tools: ["*/*"]
    prompts: ["*/*"]
    resources: ["*/*"]
    methods: ["*"]
    servers_may: [elicit, sample, list_roots]
"""
MASK = (
    HEAD
    + "redaction: {arguments: {other: mask, CREDIT_CARD: mask}, results: {other: mask, CREDIT_CARD: mask}}"
)
STOP = HEAD + "redaction: {arguments: {EMAIL_ADDRESS: refuse}, results: {EMAIL_ADDRESS: refuse}}"
IN, OUT = "towards the client", "towards the upstream"
ENGINE = Engine(Re2)


@dataclass
class Scene:
    """An upstream, a gateway before it and a client before that."""

    world: World
    crm: Upstream
    client: Client

    async def open(self, **said: Any) -> None:
        """The handshake, with what the upstream says in it."""
        if said:
            self.crm.results["initialize"] = {"protocolVersion": "2025-11-25", "capabilities": {}, **said}
        await self.client.request("initialize", {"capabilities": OFFERS, "clientInfo": {"name": "desk"}})
        self.client.session.capabilities = OFFERS

    async def hear(self, *said: JsonObject) -> Any:
        """What the client gets of what the upstream says during a call."""
        await self.open()
        await self.client.call("find")
        self.crm.says = list(said)
        await self.client.call("find")
        return self.client.heard

    async def get(self, method: str, params: JsonObject | None = None, **more: JsonObject) -> Any:
        """What the client gets of a result, or of an error where that is set."""
        await self.open()
        self.crm.results.update(more)
        return told(await self.client.request(method, params or {}))

    async def list(self, method: str, key: str, item: JsonObject) -> Any:
        """What the client gets of a list."""
        await self.open()
        self.crm.lists[key] = [item]
        return told(await self.client.request(method))

    def sent(self, method: str) -> Any:
        """What the upstream got."""
        return [one for one in self.crm.received if one.get("method") == method]

    async def send(self, method: str, params: JsonObject) -> Any:
        """What the upstream gets of a request."""
        if method != "initialize":
            await self.open()
        reply = await self.client.request(method, params)
        return self.sent(method) or told(reply)


def told(reply: Reply | None) -> Any:
    """What a client is told; a refusal by its reason."""
    if isinstance(reply, Note):
        assert reply.message is not None
        return reply.message.get("result", reply.message.get("error"))
    return reply.reason if isinstance(reply, Refuse | Withhold) else reply


def blob(value: str, media: str = "text/plain") -> JsonObject:
    return {"uri": "file:///a", "mimeType": media, "blob": b64encode(value.encode()).decode()}


def opened(contents: Any) -> Any:
    """The text of a blob."""
    return b64decode(contents["contents"][0]["blob"]).decode()


Run = Callable[[Scene, str], Awaitable[Any]]


@dataclass(frozen=True)
class Case:
    """One path: `run` sends a value along it and gives back what arrived. `stopped`: how a refusal shows."""

    direction: str
    path: str
    what: str
    run: Run
    stopped: str


async def listed(scene: Scene, value: str) -> Any:
    return await scene.list("tools/list", "tools", {**definition("find"), "description": value})


async def schema(scene: Scene, value: str) -> Any:
    return await scene.list("tools/list", "tools", definition("find", a={"type": "string", "title": value}))


async def list_error(scene: Scene, value: str) -> Any:
    scene.crm.errors["prompts/list"] = {"code": -1, "message": value, "data": {"x": value}}
    return await scene.get("prompts/list")


async def list_meta(scene: Scene, value: str) -> Any:
    said: JsonObject = {"prompts": [], "_meta": {"a": value}}
    return await scene.get("prompts/list", None, **{"prompts/list": said})


async def list_note(scene: Scene, value: str) -> Any:
    await scene.open()
    scene.crm.says = [notification("notifications/message", {"level": "info", "data": value})]
    await scene.client.request("tools/list")
    return scene.client.heard


async def instructions(scene: Scene, value: str) -> Any:
    scene.crm.results["initialize"] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "instructions": value,
    }
    return told(await scene.client.request("initialize", {"capabilities": {}}))


async def discovered(scene: Scene, value: str) -> Any:
    scene.crm.results["server/discover"] = {"capabilities": {}, "instructions": value}
    return told(
        await scene.world.client(caller("ann", "agent"), "crm", Era.MODERN).request("server/discover")
    )


async def aggregated(scene: Scene, value: str) -> Any:
    scene.crm.results["initialize"] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "instructions": value,
    }
    return told(await scene.world.client(caller("ann", "agent")).request("initialize", {"capabilities": {}}))


async def opening_error(scene: Scene, value: str) -> Any:
    scene.crm.errors["initialize"] = {"code": -1, "message": value}
    return told(await scene.client.request("initialize", {"capabilities": {}}))


async def call_error(scene: Scene, value: str) -> Any:
    scene.crm.errors["find"] = {"code": -1, "message": "no", "data": [value]}
    return await scene.get("tools/call", {"name": "find"})


async def both(scene: Scene, value: str) -> Any:
    twice = {
        "content": [{"type": "text", "text": json.dumps({"a": value})}],
        "structuredContent": {"a": value},
    }
    return await scene.get("tools/call", {"name": "find"}, find=twice)


async def key(scene: Scene, value: str) -> Any:
    return await scene.get("tools/call", {"name": "find"}, find={"structuredContent": {value: 1}})


async def figures(scene: Scene, value: str) -> Any:
    said = {"structuredContent": {"n": 4111111111111111, "a": value}}
    return await scene.get("tools/call", {"name": "find"}, find=said)


async def result_meta(scene: Scene, value: str) -> Any:
    return await scene.get("tools/call", {"name": "find"}, find=text("x", _meta={"a": value}))


async def embedded(scene: Scene, value: str) -> Any:
    block = {"type": "resource", "resource": {"uri": "a:b", "text": value}}
    return await scene.get("tools/call", {"name": "find"}, find={"content": [block]})


async def embedded_blob(scene: Scene, value: str) -> Any:
    block = {"type": "resource", "resource": blob(json.dumps({"a": value}), "application/json")}
    found = await scene.get("tools/call", {"name": "find"}, find={"content": [block]})
    return found if isinstance(found, Reason) else opened({"contents": [found["content"][0]["resource"]]})


async def link(scene: Scene, value: str) -> Any:
    block = {"type": "resource_link", "uri": f"x:{value}", "name": value, "description": value}
    return await scene.get("tools/call", {"name": "find"}, find={"content": [block]})


async def read(scene: Scene, value: str) -> Any:
    said: JsonObject = {"contents": [{"uri": "file:///a", "text": value}]}
    return await scene.get("resources/read", {"uri": "file:///a"}, **{"file:///a": said})


async def read_blob(scene: Scene, value: str) -> Any:
    said: JsonObject = {"contents": [blob(value, "application/octet-stream")]}
    found = await scene.get("resources/read", {"uri": "file:///a"}, **{"file:///a": said})
    return found if isinstance(found, Reason) else opened(found)


async def prompt(scene: Scene, value: str) -> Any:
    said: JsonObject = {"messages": [{"role": "user", "content": {"type": "text", "text": value}}]}
    return await scene.get("prompts/get", {"name": "greet"}, greet=said)


async def completion(scene: Scene, value: str) -> Any:
    asked = {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a", "value": "x"}}
    said: JsonObject = {"completion": {"values": [value]}}
    return await scene.get("completion/complete", asked, **{"completion/complete": said})


async def progress(scene: Scene, value: str) -> Any:
    return await scene.hear(notification("notifications/progress", {"progressToken": 1, "message": value}))


async def log(scene: Scene, value: str) -> Any:
    return await scene.hear(notification("notifications/message", {"level": "info", "data": {"a": [value]}}))


async def other_note(scene: Scene, value: str) -> Any:
    return await scene.hear(notification("notifications/tasks/status", {"statusMessage": value}))


async def elicitation(scene: Scene, value: str) -> Any:
    return await scene.hear(request(7, "elicitation/create", {"message": value, "requestedSchema": {}}))


async def sampling(scene: Scene, value: str) -> Any:
    said = {"messages": [{"role": "user", "content": {"type": "text", "text": value}}], "maxTokens": 9}
    return await scene.hear(request(7, "sampling/createMessage", said))


async def input_request(scene: Scene, value: str) -> Any:
    client = scene.world.client(caller("ann", "agent"), "crm", Era.MODERN)
    client.session.capabilities = OFFERS
    asked = {"a": {"method": "elicitation/create", "params": {"message": value}}}
    scene.crm.results["find"] = {"resultType": "input_required", "inputRequests": asked}
    return told(await client.call("find"))


async def arguments(scene: Scene, value: str) -> Any:
    return await scene.send("tools/call", {"name": "find", "arguments": {"a": [value]}})


async def call_meta(scene: Scene, value: str) -> Any:
    return await scene.send("tools/call", {"name": "find", "arguments": {}, "_meta": {"a": value}})


async def call_key(scene: Scene, value: str) -> Any:
    return await scene.send("tools/call", {"name": "find", "arguments": {}, "task": {value: 1}})


async def prompt_arguments(scene: Scene, value: str) -> Any:
    return await scene.send("prompts/get", {"name": "greet", "arguments": {"a": value}})


async def completed(scene: Scene, value: str) -> Any:
    asked = {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a", "value": value}}
    return await scene.send("completion/complete", asked)


async def list_params(scene: Scene, value: str) -> Any:
    return await scene.send("tools/list", {"cursor": "x", "_meta": {"a": value}})


async def client_info(scene: Scene, value: str) -> Any:
    return await scene.send("initialize", {"capabilities": {}, "clientInfo": {"name": value}})


async def ping(scene: Scene, value: str) -> Any:
    return await scene.send("ping", {"_meta": {"a": value}})


async def client_note(scene: Scene, value: str) -> Any:
    await scene.open()
    await scene.client.notify("notifications/progress", {"progressToken": 1, "message": value})
    return scene.sent("notifications/progress")


async def answered(scene: Scene, value: str) -> Any:
    (asked,) = await scene.hear(request(7, "elicitation/create", {"message": "who?"}))
    await scene.client.answer(asked, {"action": "accept", "content": {"a": value}})
    return scene.crm.received[-1]


async def declined(scene: Scene, value: str) -> Any:
    (asked,) = await scene.hear(request(7, "elicitation/create", {"message": "who?"}))
    message = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": 1, "message": value}}
    await scene.client.gateway.respond(scene.client.session, message)
    return scene.crm.received[-1]


async def input_response(scene: Scene, value: str) -> Any:
    client = scene.world.client(caller("ann", "agent"), "crm", Era.MODERN)
    client.session.capabilities = OFFERS
    await client.call("find")
    before = len(scene.crm.received)
    reply = await client.call("find", {}, inputResponses={"a": {"content": {"b": value}}})
    return scene.crm.received[before:] or told(reply)


LEFT_OUT, WITHHELD, DROPPED, REFUSED = (
    "the item is left out",
    "withheld",
    "not passed on",
    "refused",
)
CASES = (
    Case(IN, "tools/list", "descriptions, titles, annotations", listed, LEFT_OUT),
    Case(IN, "tools/list", "texts of schemas", schema, LEFT_OUT),
    Case(IN, "any list", "the error instead of it", list_error, WITHHELD),
    Case(IN, "any list", "`_meta` and further keys", list_meta, WITHHELD),
    Case(IN, "any list", "log messages while it is made", list_note, DROPPED),
    Case(IN, "initialize", "instructions, names", instructions, WITHHELD),
    Case(IN, "initialize", "the error instead", opening_error, WITHHELD),
    Case(IN, "server/discover", "instructions, names", discovered, WITHHELD),
    Case(
        IN, "aggregated endpoint", "instructions of each upstream, by its own actions", aggregated, LEFT_OUT
    ),
    Case(IN, "tools/call", "content and structured content alike", both, WITHHELD),
    Case(IN, "tools/call", "object keys", key, WITHHELD),
    Case(IN, "tools/call", "numbers", figures, WITHHELD),
    Case(IN, "tools/call", "`_meta`", result_meta, WITHHELD),
    Case(IN, "tools/call", "embedded resources", embedded, WITHHELD),
    Case(IN, "tools/call", "embedded text in base64", embedded_blob, WITHHELD),
    Case(IN, "tools/call", "resource links", link, WITHHELD),
    Case(IN, "tools/call", "errors and their data", call_error, WITHHELD),
    Case(IN, "tools/call", "`inputRequests`", input_request, WITHHELD),
    Case(IN, "resources/read", "texts", read, WITHHELD),
    Case(IN, "resources/read", "blobs that are text", read_blob, WITHHELD),
    Case(IN, "prompts/get", "messages", prompt, WITHHELD),
    Case(IN, "completion/complete", "values", completion, WITHHELD),
    Case(IN, "notifications/progress", "messages, with the end of those before", progress, DROPPED),
    Case(IN, "notifications/message", "data, with the end of those before", log, DROPPED),
    Case(IN, "other notifications", "parameters", other_note, DROPPED),
    Case(IN, "elicitation/create", "message and schema", elicitation, DROPPED),
    Case(IN, "sampling/createMessage", "messages", sampling, DROPPED),
    Case(OUT, "tools/call", "arguments", arguments, REFUSED),
    Case(OUT, "tools/call", "`_meta`", call_meta, REFUSED),
    Case(OUT, "tools/call", "further keys", call_key, REFUSED),
    Case(OUT, "tools/call", "`inputResponses`", input_response, REFUSED),
    Case(OUT, "prompts/get", "arguments", prompt_arguments, REFUSED),
    Case(OUT, "completion/complete", "the value", completed, REFUSED),
    Case(OUT, "any list", "cursor, `_meta`", list_params, REFUSED),
    Case(OUT, "initialize", "name of the client, capabilities", client_info, REFUSED),
    Case(OUT, "ping", "`_meta`", ping, REFUSED),
    Case(OUT, "notifications", "parameters", client_note, DROPPED),
    Case(OUT, "answers", "to elicitation, sampling and roots", answered, REFUSED),
    Case(OUT, "answers", "errors", declined, REFUSED),
)


def scene(policy: str) -> Scene:
    crm = Upstream("crm", [definition("find")])
    crm.lists["prompts"] = [{"name": "greet"}]
    world = World(policy, crm, detectors=ENGINE)
    return Scene(world, crm, world.client(caller("ann", "agent"), "crm"))
