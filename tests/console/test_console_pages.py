"""Every page of the console, as an approver sees it."""

from __future__ import annotations

import pytest

from visits import Place

PAGES = (
    *("/approvals", "/traffic", "/charts", "/charts?span=day", "/callers", "/upstreams", "/upstreams/mail"),
    *("/policy", "/journal", "/journal/1", "/undo", "/switches"),
)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_for_an_approver(here: Place, path: str) -> None:
    await here.hold()
    await here.seen()
    browser = await here.signed_in()
    assert (await browser.get(path)).status_code == 200
    assert "<h1" in browser.page


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_is_there_for_a_stranger(here: Place, path: str) -> None:
    browser = here.browser()
    got = await browser.get(path)
    assert got.url.path == "/sign-in"


async def test_a_held_call_stands_in_the_list_with_its_card(here: Place) -> None:
    held = await here.hold()
    browser = await here.signed_in()
    await browser.get("/approvals")
    assert held.id in browser.page
    await browser.get(f"/approvals/{held.id}")
    for shown in ("mail/send", "irreversible", "ann", "bob@example.com", "Hello", "left"):
        assert shown in browser.page
