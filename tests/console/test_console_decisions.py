"""What approvers do at the console, and that it is what they saw."""

from __future__ import annotations

import html
import re

import pytest

from toolgate.core.model import ApprovalState, JsonObject
from toolgate.core.reasons import Reason
from toolgate.ingress import keyfile
from toolgate.judge import Admitted
from visits import MAIL, Place

CARD: JsonObject = {"to": ["bob@example.com"], "subject": "Pay", "body": "Card 4111 1111 1111 1111"}


def statuses(here: Place) -> list[str]:
    return [str(one.get("status")) for one in here.records() if one["kind"] in ("decision", "grant", "pause")]


async def test_an_approved_call_may_be_made_once(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    got = await browser.press(f"/approvals/{held.id}/approve")
    assert got.url.path == "/approvals"
    assert f"Approved {held.id}" in got.text
    assert isinstance(await here.judge(MAIL), Admitted)
    assert await here.state(held) == "spent"
    decision = next(one for one in here.records() if one["kind"] == "decision")
    assert (decision["approver"], decision["channel"]) == ("lead", "console")


async def test_a_denied_call_is_refused(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    await browser.press(f"/approvals/{held.id}/deny")
    assert (await here.judge(MAIL)).reason is Reason.APPROVAL_DENIED


async def test_an_edited_call_is_sent_as_edited(here: Place) -> None:
    held = await here.hold({**MAIL, "to": ["bob@example.com", "eve@evil.example"], "body": "one\ntwo"})
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    # Arguments stand in the order of their names, as they will be sent.
    sent = {"field-0": "one\r\ntwo", "leave-1": "1", "field-2": '["bob@example.com"]'}
    got = await browser.press(f"/approvals/{held.id}/edit", sent)
    assert got.status_code == 200, re.findall('role="alert">([^<]*)', got.text)
    assert f"Approved {held.id} with edits." in got.text
    card = await here.app.desk("cli").card(held.id)
    assert card is not None
    assert card.approval.state is ApprovalState.APPROVED
    assert card.arguments == {"to": ["bob@example.com"], "body": "one\ntwo"}
    await browser.get(f"/approvals/{held.id}")
    assert "What the caller had asked" in browser.page
    assert "eve@evil.example" in browser.page


async def test_an_edit_that_changes_nothing_is_a_plain_approval(here: Place) -> None:
    arguments: JsonObject = {"body": " two\r\nlines ", "n": 1.5, "deep": {"a": [None, True]}}
    held = await here.hold(arguments)
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    shown = re.findall(r'name="(field-\d)"[^>]*>\n(.*?)</textarea>', browser.page, re.DOTALL)
    fields = {name: html.unescape(value).replace("\n", "\r\n") for name, value in shown}
    assert len(fields) == 3
    got = await browser.press(f"/approvals/{held.id}/edit", fields)
    assert "nothing was changed" in got.text
    assert isinstance(await here.judge(arguments), Admitted)


async def test_an_edit_that_is_no_json_is_told_and_kept(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    got = await browser.press(f"/approvals/{held.id}/edit", {"field-0": "[unclosed", "field-1": "kept text"})
    assert got.status_code == 400
    assert "expected JSON" in got.text
    assert "kept text" in got.text
    assert await here.state(held) == "pending"


@pytest.mark.parametrize("odd", ["1e400", "NaN", str(2**64), "[" * 100_000, '"\\ud800"', '{"a": 1, "a": 2}'])
async def test_an_edit_that_no_message_could_carry_is_told(here: Place, odd: str) -> None:
    held = await here.hold({"n": 1})
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    got = await browser.press(f"/approvals/{held.id}/edit", {"field-0": odd})
    assert got.status_code in (400, 409)
    assert 'class="trouble" role="alert"' in got.text
    assert await here.state(held) == "pending"


async def test_one_is_another_value_than_true(here: Place) -> None:
    held = await here.hold({"everybody": True})
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    got = await browser.press(f"/approvals/{held.id}/edit", {"field-0": "1"})
    assert "with edits" in got.text


async def test_what_is_hidden_is_shown_to_who_may_and_that_is_on_record(here: Place) -> None:
    held = await here.hold(CARD)
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    assert "4111" not in browser.page
    assert 'class="mark hidden">hidden: CREDIT_CARD<' in browser.page
    got = await browser.press(f"/approvals/{held.id}/reveal")
    assert "4111 1111 1111 1111" in got.text
    assert "revealed" in statuses(here)
    assert "4111" not in (await browser.get(f"/approvals/{held.id}")).text


async def test_a_lead_neither_sees_nor_decides_what_is_privileged(here: Place) -> None:
    held = await here.hold({"argv": ["ls"]}, "shell/run")
    browser = await here.signed_in("lead")
    await browser.get(f"/approvals/{held.id}")
    assert "may not approve privileged" in browser.page
    for act in ("approve", "reveal", "grant", "edit"):
        await browser.get("/journal")
        sent = {"lasting": "1h", "field-0": '["rm"]', "scope": "exact", "approve": "1"}
        await browser.press(f"/approvals/{held.id}/{act}", sent)
        assert await here.state(held) == "pending"


async def test_a_tool_nobody_listed_is_given_a_tier_with_its_approval(here: Place) -> None:
    held = await here.hold({"q": 1}, "odd/thing")
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    assert "What can this tool break?" in browser.page
    await browser.press(f"/approvals/{held.id}/approve")
    assert await here.state(held) == "pending"
    await browser.get(f"/approvals/{held.id}")
    await browser.press(f"/approvals/{held.id}/approve", {"tier": "reversible"})
    assert await here.state(held) == "approved"


async def test_a_grant_lets_the_next_call_pass_within_its_bounds_until_it_is_revoked(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    assert "example.com" in browser.page
    bounds = {"scope": "bounds", "bound-0": "1", "bound-1": "1", "bound-2": "1"}
    got = await browser.press(f"/approvals/{held.id}/grant", {**bounds, "lasting": "1h", "uses": "5"})
    assert got.url.path == "/callers"
    other = {**MAIL, "to": ["carol@example.com"], "subject": "Other"}
    assert isinstance(await here.judge(other), Admitted)
    await here.hold({**MAIL, "to": ["eve@evil.example"]})
    grant = re.search(r'action="(/grants/[^"]+/revoke)"', got.text)
    assert grant is not None
    await browser.press(grant[1])
    await here.hold({**other, "subject": "Third"})
    assert [one for one in statuses(here) if one in ("granted", "revoked")] == ["granted", "revoked"]


async def test_a_grant_of_exactly_this_covers_nothing_else(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    await browser.press(
        f"/approvals/{held.id}/grant", {"scope": "exact", "lasting": "15m", "uses": "", "approve": "1"}
    )
    assert await here.state(held) == "approved"
    await here.hold({**MAIL, "subject": "Other"})


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"scope": "everything"}, "docs/search"),
        ({"scope": "upstream", "name": "docs"}, "docs/search"),
        ({"scope": "caller", "name": "ann"}, "docs/search"),
        ({"scope": "tool", "name": "docs/search"}, "docs/search"),
    ],
)
async def test_what_is_stopped_is_refused_until_it_goes_on(
    here: Place, fields: dict[str, str], refused: str
) -> None:
    browser = await here.signed_in()
    await browser.get("/switches")
    await browser.press("/switches/pause", fields)
    assert (await here.judge({"q": "x"}, refused)).reason is Reason.PAUSED
    pause = re.search(r'name="pause" value="([^"]+)"', browser.page)
    assert pause is not None
    await browser.press("/switches/resume", {"pause": pause[1]})
    assert isinstance(await here.judge({"q": "x"}, refused), Admitted)
    assert [one for one in statuses(here) if one in ("paused", "resumed")] == ["paused", "resumed"]


async def test_a_key_is_revoked_and_that_is_on_record(here: Place) -> None:
    keys = here.app.settings.identity.keys
    _, key = keyfile.add(keys, "ann", ["agent"], 1000.0)
    browser = await here.signed_in()
    await browser.get("/callers")
    await browser.press(f"/keys/{key.id}/revoke")
    assert keyfile.read(keys)[0].revoked is not None
    await here.seen()
    assert "key-revoked" in statuses(here)


async def test_the_journal_is_verified_and_tampering_shows(here: Place) -> None:
    import sqlite3

    await here.hold()
    browser = await here.signed_in()
    await browser.get("/journal")
    got = await browser.press("/journal/verify", {"anchor": ""})
    assert "health well" in got.text
    db = sqlite3.connect(here.app.settings.store)
    db.execute("update records set body = replace(body, 'ann', 'eve')")
    db.commit()
    db.close()
    got = await browser.press("/journal/verify", {"anchor": ""})
    assert "edited" in got.text


async def test_a_call_is_explained(here: Place) -> None:
    browser = await here.signed_in()
    await browser.get("/policy")
    got = await browser.post("/policy/explain", {"tool": "mail/send", "roles": "agent", "arguments": "{}"})
    assert "hold" in got.text
    assert "tiers.irreversible" in got.text
    got = await browser.post("/policy/explain", {"tool": "nonsense", "roles": "", "arguments": "{"})
    assert "expected" in got.text


async def test_a_call_and_a_run_are_undone_in_the_approvers_name(here: Place) -> None:
    browser = await here.signed_in()
    await browser.get("/switches")
    got = await browser.press("/undo/call", {"call": "c-1"})
    assert "mail/unsend: done" in got.text
    await browser.get("/switches")
    got = await browser.press("/undo/run", {"session": "s-1"})
    assert "docs/restore: failed (gone)" in got.text
    assert here.undoing.asked == ["lead c-1", "lead run s-1"]


async def test_an_upstream_is_asked_only_when_somebody_looks(here: Place) -> None:
    browser = await here.signed_in()
    await browser.get("/upstreams")
    await browser.get("/upstreams/mail")
    assert here.looked == []
    got = await browser.press("/upstreams/mail/look")
    assert here.looked == ["mail"]
    assert "abc123abc123" in got.text
