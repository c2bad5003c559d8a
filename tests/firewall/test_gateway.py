"""One call from the client to the upstream and back, and what the journal says of it."""

from __future__ import annotations

import asyncio

import pytest

from toolgate.core.model import JsonObject, Limit, Withhold
from toolgate.core.reasons import Reason
from toolgate.errors import JournalDown, UpstreamDown
from toolgate.testing import START, Client, Upstream, World, assert_refused, caller, definition, result, text
from toolgate.upstream.link import Note

POLICY = """
version: 1
tiers: {read: [crm/find, crm/count], reversible: [crm/note], irreversible: [crm/send]}
roles:
  agent:
    tools: ["crm/*"]
    prompts: [crm/greet]
    resources: ["crm/file:///public/**"]
    methods: [crm/tasks/get]
tools:
  crm/find: {when: {name: {max_length: 20}}, limits: {calls: 3/minute}}
redaction:
  arguments: {secrets: refuse, EMAIL_ADDRESS: mask}
  results: {secrets: refuse, EMAIL_ADDRESS: mask}
"""
SENSITIVE = {"hunter2": "SECRET", "bob@example.com": "EMAIL_ADDRESS"}
ANN = caller("ann", "agent")
COUNT = {
    **definition("count"),
    "outputSchema": {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "by": {"type": "string", "maxLength": 15}},
        "required": ["n"],
    },
}


@pytest.fixture
def crm() -> Upstream:
    tools = [definition("find", name="string"), definition("note", body="string"), COUNT, definition("new")]
    return Upstream("crm", [*tools, definition("send")])


@pytest.fixture
def world(crm: Upstream) -> World:
    return World(POLICY, crm, sensitive=SENSITIVE)


@pytest.fixture
def client(world: World) -> Client:
    return world.client(ANN, "crm")


def last(world: World) -> JsonObject:
    return world.records[-1]


async def test_an_allowed_call_is_recorded_before_and_after_it_is_sent(
    world: World, crm: Upstream, client: Client
) -> None:
    recorded: list[str] = []

    def found(_: JsonObject) -> JsonObject:
        recorded.extend(world.kinds())
        world.clock.forward(0.25)
        return text("Bob Ross")

    crm.results["find"] = found
    assert result(await client.call("find", {"name": "Bob"})) == text("Bob Ross")
    assert crm.calls == [{"name": "find", "arguments": {"name": "Bob"}}]
    assert (recorded, world.kinds()) == (["intent"], ["intent", "outcome delivered"])
    intent, outcome = world.records
    assert {
        key: intent[key] for key in ("at", "caller", "upstream", "target", "tier", "verdict", "session")
    } == {
        "at": START,
        "caller": "ann",
        "upstream": "crm",
        "target": "find",
        "tier": "read",
        "verdict": "allow",
        "session": "session-1",
    }
    assert (outcome["call"], outcome["ms"], outcome["at"]) == (intent["call"], 250.0, START + 0.25)
    assert len(intent["arguments"]) == len(outcome["result"]) == 64


async def test_the_journal_holds_commitments_and_never_values(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.results["find"] = text("Bob Ross of bob@example.com")
    await client.call("find", {"name": "Ross"})
    await client.call("find", {"name": "hunter2"})
    for word in ("Ross", "bob@", "hunter2"):
        assert word not in str(world.records)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("nowhere", {}, Reason.NOT_ALLOWED),
        ("new", {}, Reason.NO_TIER),
        ("find", {}, Reason.ARGUMENTS_INVALID),
        ("find", {"name": 7}, Reason.ARGUMENTS_INVALID),
        ("find", {"name": "x" * 21}, Reason.CONDITION_NOT_MET),
        ("find", {"name": "hunter2"}, Reason.SENSITIVE_ARGUMENTS),
        ("note", {"body": "x", "hunter2": 1}, Reason.SENSITIVE_ARGUMENTS),
    ],
)
async def test_a_refused_call_is_recorded_and_not_sent(
    world: World, crm: Upstream, client: Client, name: str, arguments: JsonObject, reason: Reason
) -> None:
    assert_refused(await client.call(name, arguments), reason)
    assert crm.calls == []
    assert world.kinds() == ["refusal"]
    assert (last(world)["reason"], last(world)["target"], last(world)["verdict"]) == (reason, name, "refuse")


async def test_a_caller_without_the_role_never_makes_toolgate_open_a_link(
    world: World, crm: Upstream
) -> None:
    assert_refused(await world.client(caller("eve"), "crm").call("find", {"name": "x"}), Reason.NOT_ALLOWED)
    assert (crm.openings, world.kinds()) == ([], ["refusal"])


async def test_what_is_masked_never_leaves(crm: Upstream, world: World, client: Client) -> None:
    crm.results["note"] = text("noted")
    await client.call("note", {"body": "write to bob@example.com"})
    assert crm.calls[0]["arguments"] == {"body": "write to <EMAIL_ADDRESS>"}
    assert world.records[0]["findings"] == {"EMAIL_ADDRESS": 1}


async def test_the_fourth_call_of_three_a_minute_waits(world: World, crm: Upstream, client: Client) -> None:
    for _ in range(3):
        result(await client.call("find", {"name": "x"}))
    refused = await client.call("find", {"name": "x"})
    assert_refused(refused, Reason.RATE_LIMITED)
    assert (len(crm.calls), last(world)["reason"]) == (3, "rate-limited")
    world.clock.forward(20.0)
    result(await client.call("find", {"name": "x"}))


async def test_a_caller_who_is_refused_too_often_is_not_judged_any_more(crm: Upstream) -> None:
    world = World(POLICY, crm, attempts=Limit(2, 60.0))
    client = world.client(ANN, "crm")
    for _ in range(2):
        assert_refused(await client.call("nowhere"), Reason.NOT_ALLOWED)
    assert_refused(await client.call("find", {"name": "x"}), Reason.TOO_MANY_ATTEMPTS)
    assert len(world.records) == 2
    world.clock.forward(60.0)
    result(await client.call("find", {"name": "x"}))


async def test_without_a_journal_nothing_is_sent(world: World, crm: Upstream, client: Client) -> None:
    world.store.down = True
    for name, arguments in (("find", {"name": "x"}), ("send", {}), ("nowhere", {})):
        with pytest.raises(JournalDown):
            await client.call(name, arguments)
    assert crm.calls == []


async def test_in_shadow_mode_a_refused_call_goes_ahead_on_the_record(crm: Upstream) -> None:
    world = World(POLICY + "mode: shadow\n", crm, sensitive=SENSITIVE)
    client = world.client(ANN, "crm")
    result(await client.call("find", {"name": "x" * 21}))
    assert world.kinds() == ["intent shadowed", "outcome delivered"]
    assert world.records[0]["reason"] == "condition-not-met"
    assert_refused(await client.call("new"), Reason.NO_TIER)
    assert_refused(await client.call("nowhere"), Reason.NOT_ALLOWED)
    assert len(crm.calls) == 1


async def test_an_upstream_that_cannot_be_reached_is_named_and_the_refusal_recorded(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.down = "crm: connection refused"
    assert_refused(await client.call("find", {"name": "x"}), Reason.UPSTREAM_DOWN)
    assert (world.kinds(), last(world)["reason"]) == (["refusal"], "upstream-down")


async def test_an_upstream_that_does_not_list_its_tools_is_down(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.errors["tools/list"] = {"code": -32603, "message": "broken"}
    assert_refused(await client.call("find", {"name": "x"}), Reason.UPSTREAM_DOWN)
    assert crm.calls == []


async def test_an_upstream_that_dies_over_a_call_leaves_an_outcome(
    world: World, crm: Upstream, client: Client
) -> None:
    def die(_: JsonObject) -> JsonObject:
        raise UpstreamDown("crm: the process ended")

    crm.results["find"] = die
    assert_refused(await client.call("find", {"name": "x"}), Reason.UPSTREAM_DOWN)
    assert world.kinds() == ["intent", "outcome error"]
    assert last(world)["reason"] == "upstream-down"


async def test_an_upstream_down_before_a_prompt_is_sent_leaves_an_outcome(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.down = "crm: connection refused"
    assert_refused(await client.request("prompts/get", {"name": "greet"}), Reason.UPSTREAM_DOWN)
    assert world.kinds() == ["intent", "outcome error"]


async def test_a_call_that_takes_too_long_is_cancelled_and_leaves_an_outcome(
    world: World, crm: Upstream, client: Client
) -> None:
    await client.call("find", {"name": "x"})
    crm.hangs, crm.timeout = True, 0.0
    assert_refused(await client.call("find", {"name": "x"}), Reason.UPSTREAM_TIMEOUT)
    assert world.kinds()[2:] == ["intent", "outcome timeout"]
    assert last(world)["reason"] == "upstream-timeout"
    assert client.session.inflight == {}


async def test_a_caller_who_leaves_cancels_the_call_and_leaves_an_outcome(
    world: World, crm: Upstream, client: Client
) -> None:
    await client.call("find", {"name": "x"})
    crm.hangs = True
    task = asyncio.ensure_future(client.call("find", {"name": "x"}))
    await crm.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.kinds()[2:] == ["intent", "outcome cancelled"]
    assert client.session.inflight == {}


async def test_an_error_of_the_upstream_is_masked_like_a_result(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.errors["find"] = {
        "code": -1,
        "message": "no bob@example.com here",
        "data": {"at": ["bob@example.com"]},
    }
    reply = await client.call("find", {"name": "x"})
    assert isinstance(reply, Note)
    assert reply.message is not None
    assert reply.message["error"] == {
        "code": -1,
        "message": "no <EMAIL_ADDRESS> here",
        "data": {"at": ["<EMAIL_ADDRESS>"]},
    }
    assert world.kinds() == ["intent", "outcome error"]


async def test_an_error_that_may_not_be_shown_is_withheld(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.errors["find"] = {"code": -1, "message": "wrong password hunter2"}
    assert_refused(await client.call("find", {"name": "x"}), Reason.SENSITIVE_RESULT)
    assert (world.kinds()[1], last(world)["reason"]) == ("outcome withheld", "sensitive-result")


@pytest.mark.parametrize(
    ("name", "answered", "reason"),
    [
        ("find", {"content": "text"}, Reason.RESULT_MALFORMED),
        ("find", text("the password is hunter2"), Reason.SENSITIVE_RESULT),
        ("count", text("5"), Reason.RESULT_INVALID),
        ("count", {"structuredContent": {"n": "5"}}, Reason.RESULT_INVALID),
        ("count", {"structuredContent": {"n": 5, "by": "bob@example.com"}, "isError": False}, None),
        ("count", {"structuredContent": {"n": 5, "by": "abob@example.co"}}, None),
        ("count", text("failed", isError=True), None),
    ],
)
async def test_a_result_is_withheld_for_its_reason_or_delivered(
    world: World, crm: Upstream, client: Client, name: str, answered: JsonObject, reason: Reason | None
) -> None:
    crm.results[name] = answered
    reply = await client.call(name, {"name": "x"} if name == "find" else {})
    if reason is None:
        result(reply)
        assert world.kinds()[-1] == "outcome delivered"
    else:
        assert_refused(reply, reason)
        assert (world.kinds()[-1], last(world)["reason"]) == ("outcome withheld", reason)


async def test_structured_content_that_no_mask_fits_is_withheld(crm: Upstream) -> None:
    world = World(POLICY, crm, sensitive={"bo": "EMAIL_ADDRESS"})
    crm.tools = [{"name": "count", "outputSchema": {"properties": {"by": {"enum": ["bo", "al"]}}}}]
    crm.results["count"] = {"structuredContent": {"by": "bo"}}
    assert_refused(await world.client(ANN, "crm").call("count"), Reason.RESULT_NOT_REDACTABLE)


async def test_text_and_structured_content_are_masked_alike(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.results["find"] = text("bob@example.com", structuredContent={"mail": "bob@example.com"})
    found = result(await client.call("find", {"name": "x"}))
    assert found == text("<EMAIL_ADDRESS>", structuredContent={"mail": "<EMAIL_ADDRESS>"})
    assert last(world)["findings"] == {"EMAIL_ADDRESS": 2}


async def test_a_long_result_is_cut_and_structured_content_is_not(crm: Upstream) -> None:
    world = World(POLICY + "results: {max_chars: 9}\n", crm)
    crm.results["find"] = text("abcdefghijklmnop", structuredContent={"long": "abcdefghijklmnop"})
    found = result(await world.client(ANN, "crm").call("find", {"name": "x"}))
    assert found["structuredContent"] == {"long": "abcdefghijklmnop"}
    assert found["content"][0]["text"].startswith("abcdef\n[… 7 characters")


@pytest.mark.parametrize(
    "answer",
    [
        {"result": None},
        {"result": ["hunter2"]},
        {"result": "hunter2"},
        {},
        {"error": "hunter2"},
        {"error": None},
    ],
)
async def test_an_answer_that_is_none_is_withheld_and_leaves_an_outcome(
    world: World, crm: Upstream, client: Client, answer: JsonObject
) -> None:
    crm.whole["find"] = answer
    assert_refused(await client.call("find", {"name": "x"}), Reason.RESULT_MALFORMED)
    assert world.kinds() == ["intent", "outcome withheld"]


@pytest.mark.parametrize(
    "answer",
    [
        {"result": text("fine"), "more": "hunter2"},
        {"error": {"code": -1, "message": "fine"}, "result": text("hunter2")},
        {"error": {"code": -1, "message": "fine"}, "hunter2": 1},
    ],
)
async def test_only_what_was_judged_is_delivered(crm: Upstream, client: Client, answer: JsonObject) -> None:
    crm.whole["find"] = answer
    reply = await client.call("find", {"name": "x"})
    assert isinstance(reply, Note | Withhold)
    assert "hunter2" not in str(reply)


async def test_prompts_resources_and_methods_are_judged_and_recorded_like_calls(
    world: World, crm: Upstream, client: Client
) -> None:
    crm.results["greet"] = {
        "messages": [{"role": "user", "content": {"type": "text", "text": "bob@example.com"}}]
    }
    crm.results["file:///public/a"] = {"contents": [{"uri": "file:///public/a", "text": "hunter2"}]}
    greeting = result(
        await client.request("prompts/get", {"name": "greet", "arguments": {"to": "bob@example.com"}})
    )
    assert greeting["messages"][0]["content"]["text"] == "<EMAIL_ADDRESS>"
    assert crm.named("prompts/get")[0]["arguments"] == {"to": "<EMAIL_ADDRESS>"}
    assert_refused(
        await client.request("resources/read", {"uri": "file:///public/a"}), Reason.SENSITIVE_RESULT
    )
    result(await client.request("tasks/get", {"taskId": "7"}))
    for method, params in (
        ("prompts/get", {"name": "other"}),
        ("resources/read", {"uri": "file:///private/a"}),
        ("tasks/cancel", {"taskId": "7"}),
    ):
        assert_refused(await client.request(method, params), Reason.NOT_ALLOWED)
    assert [one["method"] for one in crm.received] == ["prompts/get", "resources/read", "tasks/get"]
    assert [one["kind"] for one in world.records] == ["intent", "outcome"] * 3 + ["refusal"] * 3


async def test_arguments_of_a_method_are_masked_in_place(crm: Upstream, client: Client) -> None:
    await client.request("tasks/get", {"taskId": "bob@example.com", "_meta": {"progressToken": 1}})
    assert crm.received[0]["params"] == {"taskId": "<EMAIL_ADDRESS>", "_meta": {"progressToken": 1}}
