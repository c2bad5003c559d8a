"""Several upstreams behind one endpoint: whose a name is, and that one bad upstream spoils nothing."""

from __future__ import annotations

import asyncio

import pytest

from crm_and_docs import ANN, crm_and_docs
from toolgate.aggregate import UNAVAILABLE_KEY
from toolgate.core.model import JsonObject
from toolgate.core.present import CONTINUE
from toolgate.core.reasons import Reason
from toolgate.protocol.versions import MODERN, NEWEST_LEGACY, SERVER_KEY, Era
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result
from toolgate.verdicts import Held


@pytest.fixture
def world() -> World:
    return crm_and_docs()


@pytest.fixture
def crm(world: World) -> Upstream:
    return world.upstreams["crm"]


@pytest.fixture
def docs(world: World) -> Upstream:
    return world.upstreams["docs"]


@pytest.fixture
def client(world: World) -> Client:
    return world.client(ANN)


async def listed(client: Client, method: str = "tools/list") -> list[str]:
    items = next(value for key, value in result(await client.request(method)).items() if key != "_meta")
    return [item.get("name") or item.get("uri") or item.get("uriTemplate") for item in items]


async def test_tools_of_all_upstreams_are_listed_under_their_upstreams_name(client: Client) -> None:
    assert await listed(client) == ["crm__find", "docs__find", "docs__a__b", "mail__send", CONTINUE]


async def test_a_caller_sees_only_what_his_roles_reach(world: World) -> None:
    assert await listed(world.client(caller("rita", "reader"))) == ["docs__find", "docs__a__b"]


async def test_prompts_are_prefixed_and_resources_never_are(client: Client) -> None:
    assert await listed(client, "prompts/list") == ["crm__greet"]
    assert await listed(client, "resources/list") == [
        "crm:///1",
        "shared:///x",
        "file:///public/a",
        "shared:///x",
    ]
    assert await listed(client, "resources/templates/list") == ["file:///public/notes/{name}"]


@pytest.mark.parametrize(
    ("name", "own", "upstream"), [("crm__find", "find", "crm"), ("docs__a__b", "a__b", "docs")]
)
async def test_a_call_reaches_the_upstream_of_its_prefix_under_its_own_name(
    world: World, client: Client, name: str, own: str, upstream: str
) -> None:
    result(await client.call(name, {"name": "x"}))
    assert [one["name"] for one in world.upstreams[upstream].calls] == [own]
    assert (world.records[0]["upstream"], world.records[0]["target"]) == (upstream, own)
    assert sum(len(one.calls) for one in world.upstreams.values()) == 1


@pytest.mark.parametrize("name", ["find", "nowhere__find", "crm__", "__find", "crm_find", "", None, 7])
async def test_a_name_without_an_upstream_is_nobodys(world: World, client: Client, name: object) -> None:
    assert_refused(await client.request("tools/call", {"name": name}), Reason.NOT_ALLOWED)
    assert (world.kinds(), [one.openings for one in world.upstreams.values()]) == (["refusal"], [[], [], []])


async def test_a_method_of_no_upstream_is_nobodys(client: Client) -> None:
    assert_refused(await client.request("tasks/get", {"taskId": "1"}), Reason.NOT_ALLOWED)


async def test_a_prompt_reaches_the_upstream_of_its_prefix(crm: Upstream, client: Client) -> None:
    crm.results["greet"] = {"messages": []}
    assert result(await client.request("prompts/get", {"name": "crm__greet"})) == {"messages": []}
    assert crm.named("prompts/get") == [{"name": "greet"}]


@pytest.mark.parametrize(
    ("uri", "owner"),
    [
        ("crm:///1", "crm"),
        ("file:///public/a", "docs"),
        ("file:///public/notes/b", "docs"),
        ("shared:///x", None),
        ("file:///private/a", None),
        ("file:///public/b", None),
        ("crm:///2", None),
    ],
)
async def test_a_uri_is_routed_only_to_the_one_upstream_that_listed_it_to_this_caller(
    world: World, client: Client, uri: str, owner: str | None
) -> None:
    await listed(client, "resources/list")
    await listed(client, "resources/templates/list")
    reply = await client.request("resources/read", {"uri": uri})
    if owner is None:
        assert_refused(reply, Reason.NOT_ALLOWED)
    else:
        result(reply)
    read = {name for name, one in world.upstreams.items() if one.named("resources/read")}
    assert read == ({owner} if owner else set())


async def test_what_was_listed_to_one_caller_is_not_routed_for_another(world: World, client: Client) -> None:
    await listed(client, "resources/list")
    other = world.client(caller("bob", "agent"))
    assert_refused(await other.request("resources/read", {"uri": "crm:///1"}), Reason.NOT_ALLOWED)


@pytest.mark.parametrize(
    ("reference", "reason", "sent"),
    [
        ({"type": "ref/prompt", "name": "crm__greet"}, None, {"type": "ref/prompt", "name": "greet"}),
        ({"type": "ref/prompt", "name": "greet"}, Reason.NOT_ALLOWED, None),
        ({"type": "ref/prompt"}, Reason.NOT_ALLOWED, None),
        ({"type": "ref/resource", "uri": "crm:///1"}, None, {"type": "ref/resource", "uri": "crm:///1"}),
        ({"type": "ref/resource", "uri": "crm:///2", "name": "crm:///1"}, Reason.NOT_ALLOWED, None),
        ({"type": "ref/resource"}, Reason.NOT_ALLOWED, None),
        ("crm__greet", Reason.MALFORMED, None),
    ],
)
async def test_a_completion_goes_where_its_reference_does(
    crm: Upstream, client: Client, reference: object, reason: Reason | None, sent: JsonObject | None
) -> None:
    await listed(client, "resources/list")
    reply = await client.request("completion/complete", {"ref": reference, "argument": {}})
    if reason is None:
        result(reply)
        assert [one["ref"] for one in crm.named("completion/complete")] == [sent]
    else:
        assert_refused(reply, reason)
        assert crm.named("completion/complete") == []


async def test_opening_a_session_opens_every_upstream_once_in_the_clients_name(
    world: World, crm: Upstream, client: Client
) -> None:
    offered: JsonObject = {"elicitation": {}, "sampling": {}}
    params: JsonObject = {
        "protocolVersion": "2025-06-18",
        "capabilities": offered,
        "clientInfo": {"name": "desk"},
    }
    opened = result(await client.request("initialize", params))
    assert (opened["protocolVersion"], opened["serverInfo"]["name"]) == ("2025-06-18", "toolgate")
    assert opened["capabilities"] == {"tools": {"listChanged": True}, "logging": {}}
    (handshake,) = crm.named("initialize")
    assert (handshake["capabilities"], handshake["clientInfo"]) == ({"elicitation": {}}, {"name": "desk"})
    assert len(crm.named("notifications/initialized")) == 1
    await client.notify("notifications/initialized")
    await client.call("crm__find", {"name": "x"})
    assert len(crm.named("initialize")) == len(crm.named("notifications/initialized")) == 1
    assert (len(crm.openings), crm.versions) == (1, [NEWEST_LEGACY])


async def test_an_unknown_version_is_answered_with_the_newest(client: Client) -> None:
    for wanted in ("2099-01-01", None, 7):
        opened = result(await client.request("initialize", {"protocolVersion": wanted}))
        assert opened["protocolVersion"] == NEWEST_LEGACY


async def test_requests_that_come_at_once_open_an_upstream_once(crm: Upstream, client: Client) -> None:
    calls = [client.call("crm__find", {"name": "x"}) for _ in range(5)]
    for reply in await asyncio.gather(*calls):
        result(reply)
    assert (len(crm.openings), len(crm.named("initialize"))) == (1, 1)


async def test_a_request_that_leaves_does_not_end_the_opening_for_others(
    crm: Upstream, client: Client
) -> None:
    first = asyncio.ensure_future(client.call("crm__find", {"name": "x"}))
    second = asyncio.ensure_future(client.call("crm__find", {"name": "y"}))
    await asyncio.sleep(0)
    assert client.session.opening
    first.cancel()
    result(await second)
    assert (len(crm.openings), [one["arguments"] for one in crm.calls]) == (1, [{"name": "y"}])


async def test_an_upstream_that_is_down_is_left_out_and_named(docs: Upstream, client: Client) -> None:
    docs.down = "docs: connection refused"
    opened = result(await client.request("initialize", {}))
    assert "docs is not available now" in opened["instructions"]
    page = result(await client.request("tools/list"))
    assert [one["name"] for one in page["tools"]] == ["crm__find", "mail__send", CONTINUE]
    assert page["_meta"][UNAVAILABLE_KEY] == {"docs": "docs: connection refused"}
    assert_refused(await client.call("docs__find", {"name": "x"}), Reason.UPSTREAM_DOWN)
    result(await client.call("crm__find", {"name": "x"}))
    docs.down = ""
    result(await client.call("docs__find", {"name": "x"}))


@pytest.mark.parametrize(
    "answer",
    [{"result": {"tools": "all"}}, {"result": {"tools": {"a": 1}}}, {"result": {}}, {"result": {"tools": 7}}],
)
async def test_an_upstream_whose_list_is_none_spoils_no_other(
    docs: Upstream, client: Client, answer: JsonObject
) -> None:
    docs.whole["tools/list"] = answer
    page = result(await client.request("tools/list"))
    assert [one["name"] for one in page["tools"]] == ["crm__find", "mail__send", CONTINUE]
    assert list(page["_meta"][UNAVAILABLE_KEY]) == ["docs"]


@pytest.mark.parametrize("answer", [{"error": {"code": -32601, "message": "no"}}, {"result": None}, {}])
async def test_an_upstream_without_a_list_has_nothing_to_show(
    docs: Upstream, client: Client, answer: JsonObject
) -> None:
    docs.whole["tools/list"] = answer
    page = result(await client.request("tools/list"))
    assert ([one["name"] for one in page["tools"]], "_meta" in page) == (
        ["crm__find", "mail__send", CONTINUE],
        False,
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"capabilities": ["tools"]}},
        {"result": {"capabilities": {"tools": True}}},
        {"result": {"capabilities": None, "instructions": 7}},
        {"result": "fine"},
        {"error": {"code": -1, "message": "no"}},
    ],
)
@pytest.mark.parametrize("era", list(Era))
async def test_an_upstream_that_opens_strangely_spoils_no_other(
    world: World, docs: Upstream, answer: JsonObject, era: Era
) -> None:
    docs.whole["initialize"] = docs.whole["server/discover"] = answer
    client = world.client(ANN, era=era)
    opened = result(await client.request("initialize" if era is Era.LEGACY else "server/discover", {}))
    assert {"tools", "logging"} <= set(opened["capabilities"])
    result(await client.call("crm__find", {"name": "x"}))


async def test_a_link_whose_handshake_fails_is_closed(docs: Upstream, client: Client) -> None:
    docs.errors["initialize"] = {"code": -1, "message": "no"}
    for _ in range(3):
        assert_refused(await client.call("docs__find", {"name": "x"}), Reason.UPSTREAM_DOWN)
    assert (len(docs.openings), docs.closed, client.session.links) == (3, 3, {})


async def test_a_session_that_ends_closes_what_it_opened(docs: Upstream, client: Client) -> None:
    await client.request("initialize", {})
    await client.session.close()
    docs.hangs = True
    opening = asyncio.ensure_future(client.call("docs__find", {"name": "x"}))
    await docs.waiting.wait()
    await client.session.close()
    assert_refused(await opening, Reason.UNKNOWN_SESSION)
    assert docs.closed == 2


async def test_pages_are_walked_to_their_end_and_a_list_without_end_is_left_out(
    crm: Upstream, docs: Upstream, client: Client
) -> None:
    def page(given: JsonObject) -> JsonObject:
        last = "cursor" in given
        return {"tools": [definition("second" if last else "first")], "nextCursor": None if last else "2"}

    crm.results["tools/list"] = page
    docs.results["tools/list"] = {"tools": [], "nextCursor": "again"}
    found = result(await client.request("tools/list"))
    assert [one["name"] for one in found["tools"]][:2] == ["crm__first", "crm__second"]
    assert list(found["_meta"][UNAVAILABLE_KEY]) == ["docs"]


async def test_what_upstreams_say_of_themselves_is_masked_or_withheld(crm: Upstream, client: Client) -> None:
    crm.results["initialize"] = {"capabilities": {}, "instructions": "ask bob@example.com"}
    assert result(await client.request("initialize", {}))["instructions"] == "crm: ask <EMAIL_ADDRESS>"


async def test_an_upstream_with_a_secret_in_its_instructions_is_heard_without_them(
    world: World, crm: Upstream
) -> None:
    crm.results["initialize"] = {"capabilities": {"tools": {"hunter2": 1}}, "instructions": "use hunter2"}
    world.upstreams["mail"].results["initialize"] = {"capabilities": {}, "instructions": "be kind"}
    opened = result(await world.client(ANN).request("initialize", {}))
    assert (opened["instructions"], opened["capabilities"]) == ("mail: be kind", {"tools": {}})
    assert world.records[-1]["reason"] == Reason.SENSITIVE_RESULT


async def test_a_held_call_goes_on_from_the_aggregated_endpoint(world: World, client: Client) -> None:
    held = await client.call("mail__send")
    assert isinstance(held, Held)
    await world.decide(held)
    result(await client.call(CONTINUE, {"approval": held.approval.id}))
    assert world.upstreams["mail"].calls == [{"name": "send", "arguments": {}}]


async def test_in_the_newest_era_discovery_names_both_and_toolgate_itself(world: World) -> None:
    found = result(await world.client(ANN, era=Era.MODERN).request("server/discover"))
    assert found["supportedVersions"][0] == MODERN
    assert (found["_meta"][SERVER_KEY]["name"], found["resultType"]) == ("toolgate", "complete")
