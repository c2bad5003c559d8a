"""Attacks on the console: from pages elsewhere, links, guesses, and what agents and servers write."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from toolgate.console import shield
from toolgate.console.visitors import IDLE, LINK_LASTS, LONGEST
from toolgate.core.model import Caller, JsonObject, Tool
from visits import ADDRESS, MAIL, PASSPHRASE, Browser, Place

# What an agent, or an upstream, writes wherever it can write something.
EVIL = "\"><img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe\x1b[2J\u200b'--"


def routes(here: Place) -> list[Route]:
    """Every route of the console."""
    inner: Any = here.console.app
    assert isinstance(inner, shield.Shield)
    app: Any = vars(inner)["_app"]
    assert isinstance(app, Starlette)
    return [route for route in app.routes if isinstance(route, Route)]


def filled(path: str, approval: str) -> str:
    """An address with something in the place of each parameter."""
    path = re.sub(r"\{record:int\}", "1", path)
    return re.sub(r"\{[a-z]+\}", lambda found: approval if "approval" in found[0] else "mail", path)


async def test_no_get_changes_anything(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in("admin")
    await here.seen()
    before = len(here.records())
    for route in routes(here):
        if "{" not in route.path or route.path.startswith(("/approvals", "/upstreams", "/journal")):
            if route.path != "/events":
                await browser.get(filled(route.path, held.id))
            await browser.http.head(filled(route.path, held.id))
    for word in ("approve", "deny", "reveal", "clear", "grant", "edit"):
        got = await browser.get(f"/approvals/{held.id}/{word}?token={browser.token}&approve=1")
        assert got.status_code == 404
    await here.seen()
    assert await here.state(held) == "pending"
    assert len(here.records()) == before + 1  # what `seen` wrote
    assert here.looked == []
    assert here.undoing.asked == []


async def test_every_act_needs_a_session_and_the_token_of_that_session(here: Place) -> None:
    held = await here.hold()
    mallory, ann = await here.signed_in("lead"), await here.signed_in("admin")
    acts = [route.path for route in routes(here) if route.methods == {"POST"}]
    assert len(acts) > 15
    for path in (filled(one, held.id) for one in acts):
        stranger = await here.browser().http.post(path, data={"token": "0" * 64})
        assert stranger.status_code in (303, 403), path
        if path.startswith("/sign-in"):
            continue
        await mallory.get("/journal")
        for token in ("", "0" * 64, mallory.token):
            forged = await ann.http.post(path, data={"token": token, "tier": "read", "approve": "1"})
            assert forged.status_code == 403, (path, token)
    assert await here.state(held) == "pending"
    assert len([one for one in here.records() if one["kind"] == "decision"]) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_of_a_page_elsewhere_is_refused(here: Place, headers: dict[str, str]) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    sent = {"token": browser.token}
    got = await browser.http.post(f"/approvals/{held.id}/approve", data=sent, headers=headers)
    assert got.status_code == 403
    assert await here.state(held) == "pending"


async def test_a_host_that_is_not_ours_is_refused(here: Place) -> None:
    browser = await here.signed_in()
    for host in ("evil.example", "127.0.0.1.evil.example:8718", "127.0.0.1:9999"):
        assert (await browser.http.get("/approvals", headers={"Host": host})).status_code == 421


async def test_every_answer_keeps_itself_out_of_frames_and_caches_and_runs_no_foreign_script(
    here: Place,
) -> None:
    browser = await here.signed_in()
    for path in ("/approvals", "/sign-in", "/nothing/here", "/static/console.js"):
        headers = (await browser.get(path)).headers
        rules: dict[str, str] = {}
        for rule in headers["content-security-policy"].split(";"):
            name, _, value = rule.strip().partition(" ")
            rules[name] = value
        assert rules["frame-ancestors"] == "'none'"
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
        assert rules["base-uri"] == "'none'"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "cache-control" in headers
    assert (await browser.get("/approvals")).headers["cache-control"] == "no-store"


class Inline(HTMLParser):
    """Finds what a content security policy would have to forbid."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.found += [f"{tag} {name}" for name in names if name.startswith("on") or name == "style"]
        if tag in ("img", "style", "iframe", "object", "base") or (tag == "script" and "src" not in names):
            self.found.append(tag)
        target = names.get("href") or names.get("action") or names.get("formaction") or ""
        if ":" in target.split("/")[0]:
            self.found.append(f"{tag} to {target}")


def inline(page: str) -> list[str]:
    found = Inline()
    found.feed(page)
    return found.found


async def test_nothing_an_agent_writes_becomes_part_of_a_page(here: Place) -> None:
    caller = Caller(EVIL, (EVIL, "agent"), EVIL)
    arguments: JsonObject = {EVIL: EVIL, "list": [EVIL, {EVIL: [EVIL]}], "to": EVIL}
    schema: JsonObject = {"properties": {"to": {"description": EVIL}}, "title": EVIL}
    held = await here.hold(arguments, f"mail/{EVIL}", caller, schema)
    await here.judge({}, f"docs/{EVIL}", caller)
    await here.seen()
    browser = await here.signed_in("admin")
    pages = ["/approvals", f"/approvals/{held.id}", "/traffic", "/charts", "/callers", "/switches", "/undo"]
    pages += ["/journal", *(f"/journal/{number}" for number in range(1, 4))]
    for path in pages:
        await browser.get(path)
        assert inline(browser.page) == [], path
        assert "\u202e" not in browser.page, path
        assert "\x1b" not in browser.page, path
        assert "\u200b" not in browser.page, path
    await browser.get(f"/approvals/{held.id}")
    assert browser.page.count('class="mark odd">U+202E<') >= 5
    sent = {"field-0": EVIL, "field-1": "[", "scope": EVIL, "lasting": EVIL}
    for act in ("edit", "grant"):
        got = await browser.post(f"/approvals/{held.id}/{act}", sent)
        assert inline(got.text) == [], act
    await browser.get(f"/approvals/{held.id}")
    got = await browser.press(f"/approvals/{held.id}/approve", {"tier": "reversible"})
    assert inline(got.text) == []


async def test_nothing_an_upstream_writes_becomes_part_of_a_page(here: Place) -> None:
    from toolgate.console import Look

    listed: JsonObject = {"name": EVIL, "title": EVIL, "description": EVIL}
    tool = Tool(EVIL, "pin", lambda _: None, None, EVIL, EVIL)
    evil = [Look(1.0, 1.0, (tool,), {EVIL: listed}), Look(1.0, 1.0, trouble=EVIL)]
    browser = await here.signed_in()
    for one in evil:

        async def look(_: str, one: Look = one) -> Look:
            return one

        object.__setattr__(here.console.room.house, "look", look)
        await browser.get("/upstreams")
        await browser.press("/upstreams/mail/look")
        for path in ("/upstreams", "/upstreams/mail"):
            await browser.get(path)
            assert inline(browser.page) == []
            assert "\u202e" not in browser.page
    assert "U+202E" in browser.page


async def test_what_visitors_type_does_not_come_back_as_markup(here: Place) -> None:
    browser = await here.signed_in()
    evil = quote(EVIL)
    for path in (
        f"/journal?caller={evil}&call={evil}&kind={evil}",
        f"/traffic?verdict={evil}",
        f"/charts?span={evil}",
    ):
        got = await browser.get(path)
        assert inline(got.text) == []
    await browser.get("/policy")
    got = await browser.post(
        "/policy/explain", {"tool": f"a/{EVIL}", "roles": EVIL, "arguments": '{"a": "<b>"}'}
    )
    assert inline(got.text) == []


async def test_a_forged_cookie_opens_nothing(here: Place) -> None:
    browser = await here.signed_in()
    name = here.console.room.visitors.session_cookie
    real = browser.http.cookies[name]
    for forged in ("", "x", real[:-1], real + "x", real.swapcase(), "null", "lead"):
        other = here.browser()
        other.http.cookies.set(name, forged)
        assert (await other.get("/approvals")).url.path == "/sign-in"


async def test_the_cookie_is_for_us_alone_and_new_with_every_sign_in(here: Place) -> None:
    browser = here.browser()
    await browser.get("/sign-in")
    got = await browser.post("/sign-in/passphrase", {"name": "lead", "passphrase": PASSPHRASE, "next": "/"})
    cookie = next(
        one for one in got.headers.get_list("set-cookie") if "toolgate_8718=" in one and "=;" not in one
    )
    for word in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert word in cookie
    first = browser.http.cookies["toolgate_8718"]
    await browser.sign_in()
    assert browser.http.cookies["toolgate_8718"] != first
    old = here.browser()
    old.http.cookies.set("toolgate_8718", first)
    assert (await old.get("/approvals")).url.path == "/sign-in"


async def test_a_session_ends_when_it_is_left_when_nobody_touches_it_and_in_any_case(here: Place) -> None:
    browser = await here.signed_in()
    await browser.get("/journal")
    await browser.press("/sign-out")
    assert (await browser.get("/approvals")).url.path == "/sign-in"
    browser = await here.signed_in()
    here.clock.ahead += IDLE / 2
    await browser.get("/approvals", **{"X-Toolgate-Refresh": "1"})
    here.clock.ahead += IDLE / 2 + 1
    assert (await browser.get("/approvals")).url.path == "/sign-in"
    browser = await here.signed_in()
    for _ in range(int(LONGEST / (IDLE / 2))):
        here.clock.ahead += IDLE / 2
        await browser.get("/approvals")
    here.clock.ahead += 1
    assert (await browser.get("/approvals")).url.path == "/sign-in"


async def test_a_link_signs_in_once_and_a_prefetch_does_not_use_it_up(here: Place) -> None:
    path = here.console.link().removeprefix(ADDRESS)
    browser = here.browser()
    for _ in range(3):
        await browser.get(path)
    got = await browser.press(path)
    assert got.url.path == "/approvals"
    other = here.browser()
    await other.get(path)
    assert (await other.post(path)).status_code == 403
    late = here.console.link().removeprefix(ADDRESS)
    await other.get(late)
    here.clock.ahead += LINK_LASTS + 1
    assert (await other.post(late)).status_code == 403


async def test_whoever_came_by_the_link_looks_and_decides_nothing(here: Place) -> None:
    held = await here.hold()
    path = here.console.link().removeprefix(ADDRESS)
    browser = here.browser()
    await browser.get(path)
    await browser.press(path)
    await browser.get(f"/approvals/{held.id}")
    assert "Sign in to decide" in browser.page
    acts = [route.path for route in routes(here) if route.methods == {"POST"}]
    for act in (filled(one, held.id) for one in acts):
        if not act.startswith("/sign-"):
            await browser.get("/approvals")
            assert (await browser.post(act, {"scope": "everything"})).status_code == 403, act
    await browser.get("/approvals")
    got = await browser.post("/sign-in/enrol", {"name": "me", "passphrase": "a" * 20, "again": "a" * 20})
    assert got.status_code == 403
    assert await here.state(held) == "pending"


async def test_guessing_passphrases_is_slowed_down_for_a_name_and_for_an_address(here: Place) -> None:
    browser = here.browser()
    told = [(await browser.sign_in("lead", "wrong passphrase")).text for _ in range(7)]
    assert "no approver of this name" in told[0]
    assert "too many wrong passphrases" in told[-1]
    got = await browser.sign_in("lead", PASSPHRASE)
    assert "too many wrong passphrases" in got.text
    codes: set[int] = set()
    for number in range(20):
        codes.add((await browser.sign_in(f"nobody{number}", "wrong passphrase")).status_code)
    assert 429 in codes


async def test_an_unknown_name_is_told_like_a_wrong_passphrase(here: Place) -> None:
    browser = here.browser()
    first = await browser.sign_in("nobody", "wrong passphrase")
    second = await browser.sign_in("lead", "wrong passphrase")
    said = [re.search(r'role="alert">([^<]*)<', got.text) for got in (first, second)]
    assert said[0] is not None
    assert said[1] is not None
    assert said[0][1] == said[1][1]


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil", ""],
)
async def test_signing_in_leads_nowhere_else(here: Place, back: str) -> None:
    browser = here.browser()
    await browser.get("/sign-in")
    got = await browser.post("/sign-in/passphrase", {"name": "lead", "passphrase": PASSPHRASE, "next": back})
    assert got.headers["location"] == "/"


async def test_an_approver_who_was_struck_off_the_list_is_out_at_once(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get(f"/approvals/{held.id}")
    (here.folder / "approvers.yaml").write_text("version: 1\napprovers: []\n")
    await browser.post(f"/approvals/{held.id}/approve")
    assert await here.state(held) == "pending"
    assert (await browser.get("/approvals")).url.path == "/sign-in"


async def test_too_much_is_refused_before_it_is_read(here: Place) -> None:
    browser = await here.signed_in()
    await browser.get("/policy")
    sent = {"Content-Length": str(shield.LARGEST + 1), "Content-Type": "application/x-www-form-urlencoded"}
    got = await browser.http.post("/policy/explain", content=b"", headers=sent)
    assert got.status_code == 413
    many = "&".join(f"a{number}=1" for number in range(10_000))
    got = await browser.http.post(
        "/policy/explain", content=many, headers={"Content-Type": sent["Content-Type"]}
    )
    assert got.status_code == 403


async def test_static_files_lead_nowhere_else(here: Place) -> None:
    browser: Browser = here.browser()
    for path in (
        "/static/../house.py",
        "/static/%2e%2e/house.py",
        "/static/..%2fhouse.py",
        "/static//etc/passwd",
    ):
        assert (await browser.http.get(path)).status_code in (303, 404), path


async def test_two_people_decide_and_one_of_them_is_told(here: Place) -> None:
    held = await here.hold(MAIL)
    first, second = await here.signed_in("lead"), await here.signed_in("admin")
    await first.get(f"/approvals/{held.id}")
    await second.get(f"/approvals/{held.id}")
    await first.press(f"/approvals/{held.id}/deny")
    got = await second.press(f"/approvals/{held.id}/approve")
    assert "it is denied already" in got.text
    assert await here.state(held) == "denied"
