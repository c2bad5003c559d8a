"""Signing in at an OpenID provider, and what must not let anybody in."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provider import CLIENT, ISSUER, SECRET, StandIn
from toolgate.console.oidc import Provider
from toolgate.ingress.issuer import Registration
from visits import ADDRESS, Browser, Clock, Place, place


@dataclass
class Both:
    """A console and the provider it knows."""

    here: Place
    there: StandIn
    clock: Clock


@pytest.fixture
async def both(tmp_path: Path) -> AsyncGenerator[Both]:
    clock = Clock()
    there = StandIn(clock.now)
    known = Registration(ISSUER, CLIENT, SECRET)
    openid = Provider(known, f"{ADDRESS}/sign-in/back", clock, posting=there.post, fetch=there.fetch)
    async with place(tmp_path, openid=openid) as here:
        yield Both(here, there, clock)


async def left(browser: Browser) -> str:
    """The address at the provider that a browser is led to."""
    await browser.get("/sign-in")
    got = await browser.post("/sign-in/openid")
    found = re.search(r'href="(https://idp[^"]+)"', got.text)
    assert found is not None, got.text
    return html.unescape(found[1])


async def back(browser: Browser, answer: dict[str, str]) -> Any:
    """The browser comes back: the page it gets sends what it brought as a form."""
    await browser.http.get("/sign-in/back", params=answer)
    await browser.get(f"/sign-in/back?state={answer['state']}")
    return await browser.press("/sign-in/back", answer)


async def test_who_signed_in_there_is_signed_in_here_with_their_roles(both: Both) -> None:
    held = await both.here.hold()
    browser = both.here.browser()
    got = await back(browser, both.there.visit(await left(browser)))
    assert got.url.path == "/approvals"
    assert "carol" in got.text
    await browser.get(f"/approvals/{held.id}")
    await browser.press(f"/approvals/{held.id}/approve")
    assert await both.here.state(held) == "approved"
    assert both.there.posted[0]["code_verifier"] not in await left(browser)


async def test_coming_back_is_a_form_and_a_get_signs_nobody_in(both: Both) -> None:
    browser = both.here.browser()
    answer = both.there.visit(await left(browser))
    await browser.http.get("/sign-in/back", params=answer)
    assert both.there.posted == []
    assert (await browser.get("/approvals")).url.path == "/sign-in"


async def test_somebody_elses_answer_signs_nobody_in(both: Both) -> None:
    mallory, victim = both.here.browser(), both.here.browser()
    answer = both.there.visit(await left(mallory))
    await left(victim)
    assert (await back(victim, answer)).status_code == 403


async def test_an_answer_counts_once_and_for_ten_minutes(both: Both) -> None:
    browser = both.here.browser()
    answer = both.there.visit(await left(browser))
    assert (await back(browser, answer)).status_code == 200
    other = both.here.browser()
    other.http.cookies.set("toolgate_visit_8718", browser.http.cookies["toolgate_visit_8718"])
    assert (await back(other, answer)).status_code == 403
    late = both.there.visit(await left(other))
    both.clock.ahead += 601
    assert (await back(other, late)).status_code == 403


@pytest.mark.parametrize(
    ("claims", "nonce"),
    [
        ({"sub": "carol", "roles": ["lead"]}, "another"),
        ({"sub": "carol", "roles": ["agent"]}, ""),
        ({"sub": "carol"}, ""),
        ({"sub": "carol", "roles": ["lead"], "aud": "another"}, ""),
        ({"sub": "carol", "roles": ["lead"], "iss": "https://evil.example"}, ""),
        ({"sub": "carol", "roles": ["lead"], "exp": 1000}, ""),
    ],
)
async def test_a_token_that_is_not_right_lets_nobody_in(
    both: Both, claims: dict[str, Any], nonce: str
) -> None:
    both.there.claims, both.there.nonce = claims, nonce
    browser = both.here.browser()
    got = await back(browser, both.there.visit(await left(browser)))
    assert got.status_code == 403
    assert (await browser.get("/approvals")).url.path == "/sign-in"


async def test_an_answer_of_another_provider_is_refused(both: Both) -> None:
    browser = both.here.browser()
    answer = both.there.visit(await left(browser))
    got = await back(browser, {**answer, "iss": "https://evil.example"})
    assert got.status_code == 403
    assert both.there.posted == []


async def test_a_call_made_with_the_credential_one_signed_in_with_is_ones_own(both: Both) -> None:
    from toolgate.core.model import Caller

    held = await both.here.hold(caller=Caller("carol", ("agent",), "jwt:carol"))
    browser = both.here.browser()
    await back(browser, both.there.visit(await left(browser)))
    await browser.get(f"/approvals/{held.id}")
    got = await browser.press(f"/approvals/{held.id}/approve")
    assert "your own call" in got.text
    assert await both.here.state(held) == "pending"
