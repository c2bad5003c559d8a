"""The transparent endpoint: one upstream, its own names, and a client's offers clipped to the policy."""

from __future__ import annotations

import pytest

from toolgate.core.model import JsonObject
from toolgate.core.present import CONTINUE
from toolgate.core.reasons import Reason
from toolgate.protocol.versions import CAPABILITIES_KEY, MODERN, NEWEST_LEGACY, Era
from toolgate.routes import Target, arguments_of, named, with_arguments
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result
from toolgate.upstream.catalogue import FRESH_SECONDS
from toolgate.upstream.link import Note

POLICY = """
version: 1
tiers: {read: ["crm/*"]}
roles:
  agent:
    tools: ["crm/*"]
    prompts: [crm/greet]
    resources: ["crm/file:///public/**"]
    servers_may: [elicit]
redaction: {results: {secrets: refuse, EMAIL_ADDRESS: mask}}
"""
SENSITIVE = {"hunter2": "SECRET", "bob@example.com": "EMAIL_ADDRESS"}
FIND: JsonObject = {"name": "x"}
OFFERS: JsonObject = {
    "elicitation": {"form": {}},
    "sampling": {},
    "roots": {"listChanged": True},
    "tasks": {},
}


@pytest.fixture
def crm() -> Upstream:
    lists = {"resources": [{"uri": "file:///public/a"}, {"uri": "file:///private/a"}]}
    return Upstream("crm", [definition("find", name="string")], lists=lists)


@pytest.fixture
def world(crm: Upstream) -> World:
    return World(POLICY, crm, sensitive=SENSITIVE)


@pytest.fixture
def client(world: World) -> Client:
    return world.client(caller("ann", "agent"), "crm")


async def test_the_clients_own_handshake_reaches_the_upstream_without_what_servers_may_not_use(
    crm: Upstream, client: Client
) -> None:
    params: JsonObject = {"capabilities": OFFERS, "clientInfo": {"name": "desk"}}
    opened = result(await client.request("initialize", {"protocolVersion": NEWEST_LEGACY, **params}))
    (sent,) = crm.named("initialize")
    assert (sent["capabilities"], sent["clientInfo"]) == (
        {"elicitation": {"form": {}}, "tasks": {}},
        {"name": "desk"},
    )
    assert opened["serverInfo"] == {"name": "crm", "version": "1"}
    assert (client.session.version, crm.versions) == (NEWEST_LEGACY, [NEWEST_LEGACY])
    assert [one.client for one in crm.openings] == [{"name": "desk"}]


async def test_what_an_upstream_says_of_itself_is_masked_or_withheld(crm: Upstream, client: Client) -> None:
    crm.results["initialize"] = {"protocolVersion": 7, "instructions": "ask bob@example.com"}
    assert result(await client.request("initialize", {}))["instructions"] == "ask <EMAIL_ADDRESS>"
    assert client.session.version == NEWEST_LEGACY
    crm.results["initialize"] = {"instructions": "use hunter2"}
    assert_refused(await client.request("initialize", {}), Reason.SENSITIVE_RESULT)


async def test_an_upstream_that_refuses_to_open_says_so_itself(crm: Upstream, client: Client) -> None:
    crm.errors["initialize"] = {"code": -32602, "message": "no"}
    reply = await client.request("initialize", {})
    assert isinstance(reply, Note)
    assert reply.message is not None
    assert reply.message["error"]["code"] == -32602


async def test_an_upstream_that_is_down_opens_nothing(crm: Upstream, client: Client) -> None:
    crm.down = "crm: connection refused"
    assert_refused(await client.request("initialize", {}), Reason.UPSTREAM_DOWN)
    assert_refused(await client.request("tools/list"), Reason.UPSTREAM_DOWN)
    assert client.session.links == {}


async def test_an_opening_that_takes_too_long_is_given_up(crm: Upstream, client: Client) -> None:
    crm.hangs, crm.timeout = True, 0.0
    assert_refused(await client.request("initialize", {}), Reason.UPSTREAM_TIMEOUT)


async def test_an_upstreams_own_session_becomes_the_clients(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.session, crm.stateful = "upstream-7", True
    await client.request("initialize", {})
    assert client.session.id == "upstream-7"
    assert (world.routes.keeps_state(client.session), world.routes.keeps_own(client.session)) == (True, False)
    await client.call("find", FIND)
    assert world.records[0]["session"] == "upstream-7"


async def test_an_upstream_that_keeps_state_without_a_session_is_kept_here(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.stateful = True
    await client.request("ping")
    assert (world.routes.keeps_state(client.session), world.routes.keeps_own(client.session)) == (True, True)


async def test_discovery_names_only_versions_spoken_here(world: World, crm: Upstream) -> None:
    crm.results["server/discover"] = {"supportedVersions": [MODERN, "2099-01-01", NEWEST_LEGACY]}
    found = result(await world.client(caller("ann", "agent"), "crm", Era.MODERN).request("server/discover"))
    assert found["supportedVersions"] == [MODERN, NEWEST_LEGACY]


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe"])
async def test_what_the_newest_era_removed_is_not_forwarded(world: World, crm: Upstream, method: str) -> None:
    client = world.client(caller("ann", "agent"), "crm", Era.MODERN)
    assert_refused(await client.request(method), Reason.METHOD_NOT_ALLOWED)
    assert crm.received == []


async def test_a_modern_request_carries_only_offers_that_servers_may_use(world: World, crm: Upstream) -> None:
    client = world.client(caller("ann", "agent"), "crm", Era.MODERN)
    client.session.capabilities = OFFERS
    await client.call("find", FIND)
    assert crm.calls[0]["_meta"][CAPABILITIES_KEY] == {"elicitation": {"form": {}}, "tasks": {}}
    client.session.capabilities = {"elicitation": {}}
    await client.call("find", FIND)
    assert crm.calls[1]["_meta"][CAPABILITIES_KEY] == {"elicitation": {}}


async def test_tools_are_listed_once_while_the_list_is_fresh_and_anew_when_it_changed(
    world: World, crm: Upstream, client: Client
) -> None:
    for _ in range(3):
        await client.call("find", FIND)
    assert len(crm.named("tools/list")) == 1
    crm.says = [{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}]
    await client.call("find", FIND)
    await client.call("find", FIND)
    assert len(crm.named("tools/list")) == 2
    world.clock.forward(FRESH_SECONDS + 1.0)
    await client.call("find", FIND)
    assert len(crm.named("tools/list")) == 3


async def test_names_that_are_made_up_do_not_cost_a_list_each(crm: Upstream, client: Client) -> None:
    for number in range(20):
        assert_refused(await client.call(f"invented-{number}"), Reason.NOT_ALLOWED)
    assert len(crm.named("tools/list")) == 1


async def test_an_upstream_that_hangs_over_its_list_of_tools_is_given_up(
    crm: Upstream, client: Client
) -> None:
    crm.hangs, crm.timeout = True, 0.0
    assert_refused(await client.call("find", FIND), Reason.UPSTREAM_TIMEOUT)


async def test_lists_show_what_a_caller_reaches(client: Client) -> None:
    found = result(await client.request("resources/list"))
    assert found["resources"] == [{"uri": "file:///public/a"}]
    assert result(await client.request("prompts/list")) == {"prompts": []}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"result": {"tools": "all"}}, Reason.RESULT_MALFORMED),
        ({"result": {}}, Reason.RESULT_MALFORMED),
        ({"result": []}, Reason.RESULT_MALFORMED),
        ({}, Reason.RESULT_MALFORMED),
    ],
)
async def test_a_list_that_is_none_is_withheld(
    crm: Upstream, client: Client, answer: JsonObject, reason: Reason
) -> None:
    crm.whole["tools/list"] = answer
    assert_refused(await client.request("tools/list"), reason)


async def test_the_tool_to_go_on_with_stands_on_the_last_page_only(
    world: World, crm: Upstream, client: Client
) -> None:
    world.change(POLICY.replace("read:", "irreversible:"))
    for cursor, last in (("next", False), (None, True)):
        crm.results["tools/list"] = {"tools": [definition("find")], "nextCursor": cursor}
        found = result(await client.request("tools/list"))
        assert (CONTINUE in [one["name"] for one in found["tools"]]) is last


async def test_a_list_that_differs_per_caller_is_never_shared(crm: Upstream, client: Client) -> None:
    crm.results["tools/list"] = {"tools": [], "cacheScope": "public", "ttlMs": 1000}
    assert result(await client.request("tools/list"))["cacheScope"] == "private"


async def test_only_notifications_that_the_protocol_knows_are_passed_on(
    crm: Upstream, client: Client
) -> None:
    await client.request("ping")
    for method in (
        "notifications/initialized",
        "notifications/progress",
        "notifications/anything",
        "tools/call",
    ):
        await client.notify(method)
    assert [one["method"] for one in crm.received[1:]] == [
        "notifications/initialized",
        "notifications/progress",
    ]


async def test_cancelling_reaches_only_the_upstream_of_a_request_in_flight(
    crm: Upstream, client: Client
) -> None:
    async def cancel(_: Note) -> None:
        await client.notify("notifications/cancelled", {"requestId": "7", "reason": "enough"})

    crm.says = [{"jsonrpc": "2.0", "method": "notifications/message", "params": {}}]
    await client.gateway.request(client.session, {"jsonrpc": "2.0", "id": "7", "method": "ping"}, cancel)
    await client.notify("notifications/cancelled", {"requestId": "7"})
    await client.notify("notifications/cancelled", {})
    assert crm.named("notifications/cancelled") == [{"requestId": "7", "reason": "enough"}]


async def test_a_listen_reaches_only_resources_that_the_caller_does(world: World, crm: Upstream) -> None:
    client = world.client(caller("ann", "agent"), "crm", Era.MODERN)
    for uris, refused in ((["file:///public/a"], False), (["file:///public/a", "file:///private/a"], True)):
        reply = await client.request(
            "subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}}
        )
        if refused:
            assert_refused(reply, Reason.NOT_ALLOWED)
    assert len(crm.named("subscriptions/listen")) == 1


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("tools/call", {"name": "find"}, "find"),
        ("tools/call", {"name": "find", "arguments": None}, "find"),
        ("prompts/get", {"name": "greet"}, "greet"),
        ("resources/read", {"uri": "a:b"}, "a:b"),
        ("resources/subscribe", {"uri": "a:b"}, "a:b"),
        ("tasks/get", {}, "tasks/get"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet", "uri": "a:b"}}, "greet"),
        ("completion/complete", {"ref": {"type": "ref/resource", "name": "greet", "uri": "a:b"}}, "a:b"),
        ("completion/complete", {"ref": {"name": "greet"}}, None),
        ("completion/complete", {"ref": "greet"}, None),
        ("completion/complete", {}, None),
        ("tools/call", {"name": 7}, None),
        ("tools/call", {}, None),
        ("tools/call", {"name": "find", "arguments": ["x"]}, None),
        ("prompts/get", {"name": "greet", "arguments": "x"}, None),
        ("resources/read", {"uri": ["a:b"]}, None),
        ("resources/read", None, None),
    ],
)
def test_what_is_judged_is_what_the_upstream_reads(
    method: str, params: JsonObject | None, expected: str | None
) -> None:
    found = named({"method": method, "params": params})
    if expected is None:
        assert_refused(found, Reason.MALFORMED)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("method", "params", "arguments"),
    [
        ("tools/call", {"name": "find", "arguments": {"a": 1}, "_meta": {}}, {"a": 1}),
        ("prompts/get", {"name": "greet"}, {}),
        ("tasks/get", {"taskId": "7", "_meta": {"x": 1}}, {"taskId": "7"}),
        ("ping", None, {}),
    ],
)
def test_what_a_caller_chose_can_be_exchanged_and_nothing_else(
    method: str, params: JsonObject | None, arguments: JsonObject
) -> None:
    message: JsonObject = {"id": 1, "method": method, "params": params}
    target = Target("crm", "find", message)
    assert arguments_of(message, method) == arguments
    assert with_arguments(target, method, arguments) is target
    changed = with_arguments(target, method, {"b": 2}).message
    assert arguments_of(changed, method) == {"b": 2}
    kept = {key: value for key, value in (params or {}).items() if key not in ("arguments", "taskId")}
    assert kept.items() <= changed["params"].items()
