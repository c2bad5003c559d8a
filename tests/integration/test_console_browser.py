"""The console as a person uses it: in a browser, without reloading, by keyboard, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from consoles import DESKTOP, FITS, NAMELESS, PASSPHRASE, SIZES, Household, Light, Window, household
from toolgate.journal.reading import open_journal

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Household]:
    """Everything started, and the first approver enrolled through the link that was printed."""
    with household(tmp_path_factory.mktemp("console")) as found:
        with found.window(signed_in=False) as window:
            become_the_first_approver(found, window)
        yield found


def become_the_first_approver(home: Household, window: Window) -> None:
    page = window.page
    page.goto(home.said["sign_in"])
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Become the first approver").wait_for()
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("New passphrase, 12 characters or more").fill(PASSPHRASE)
    page.get_by_label("Again").fill(PASSPHRASE)
    page.get_by_role("button", name="Become an approver").click()
    expect(page.get_by_role("heading", name="Become the first approver")).to_have_count(0)
    expect(page.locator(".who .name")).to_have_text("ann")


def test_a_held_call_arrives_without_reload_and_is_sent_as_edited(home: Household) -> None:
    with home.window() as window:
        page = window.page
        window.see("/approvals")
        window.mark()
        held = home.mail("bob@example.com", "eve@evil.example", subject="Figures")
        entry = page.locator(f"#held-{held.approval}")
        entry.wait_for()
        expect(page.locator("#news")).to_have_text("1 new: call is waiting")
        expect(page).to_have_title("(1) Approvals · toolgate")
        assert window.not_reloaded()
        entry.get_by_role("link").first.click()
        expect(page.locator(".arguments")).to_contain_text("eve@evil.example")
        page.get_by_text("Approve with edits", exact=True).click()
        page.get_by_label("to JSON").fill('["bob@example.com"]')
        page.get_by_role("button", name="Approve what stands here").click()
        expect(page.locator(".notice")).to_contain_text("with edits")
    sent = home.mail("bob@example.com", "eve@evil.example", subject="Figures")
    assert sent.verdict == "allow"
    listed = home.call("actions__email_search", {"folder": "outbox"})
    assert "eve@evil.example" not in str(listed.values)
    assert "bob@example.com" in str(listed.values)


def test_a_call_is_approved_by_keyboard_alone(home: Household) -> None:
    held = home.mail("carol@example.com", subject="Keys")
    with home.window(signed_in=False) as window:
        page = window.page
        window.see("/sign-in")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("ann")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSPHRASE)
        page.keyboard.press("Enter")
        page.locator(f"#held-{held.approval}").wait_for()
        tab_to(window, f"#held-{held.approval} a.button")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Decide").wait_for()
        page.keyboard.press("a")
        expect(page.get_by_role("button", name="Approve once")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".notice")).to_contain_text(f"Approved {held.approval}")
    assert home.mail("carol@example.com", subject="Keys").verdict == "allow"


def tab_to(window: Window, place: str) -> None:
    """Press Tab until the focus is there; every stop on the way must be seen."""
    for _ in range(60):
        window.page.keyboard.press("Tab")
        if window.page.evaluate("place => document.activeElement.matches(place)", place):
            return
        assert window.page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    pytest.fail(f"no way to {place} by keyboard")


def test_the_focus_stays_where_it_is_when_the_page_changes(home: Household) -> None:
    first = home.mail("dave@example.com", subject="First")
    with home.window() as window:
        page = window.page
        window.see("/approvals")
        link = page.locator(f"#held-{first.approval} a.button")
        link.focus()
        second = home.mail("dave@example.com", subject="Second")
        page.locator(f"#held-{second.approval}").wait_for()
        expect(link).to_be_focused()


def test_two_people_at_one_card_see_each_others_decision(home: Household) -> None:
    held = home.mail("erin@example.com", subject="Both")
    with home.window() as one, home.window() as other:
        one.see(f"/approvals/{held.approval}")
        other.see(f"/approvals/{held.approval}")
        other.mark()
        one.page.get_by_role("button", name="Deny").click()
        expect(other.page.locator("#state")).to_contain_text("denied")
        expect(other.page.get_by_role("button", name="Approve once")).to_have_count(0)
        assert other.not_reloaded()
    assert home.mail("erin@example.com", subject="Both").reason == "approval-denied"


def test_a_grant_stops_the_asking_until_it_is_revoked(home: Household) -> None:
    held = home.mail("fred@example.org", subject="Weekly")
    with home.window() as window:
        page = window.page
        window.see(f"/approvals/{held.approval}")
        page.get_by_text("Stop asking for calls like this").click()
        page.locator(".bounds").get_by_label("to", exact=True).select_option(index=1)
        page.locator(".bounds").get_by_label("subject", exact=True).select_option("anything")
        expect(page.get_by_label("within these bounds:")).to_be_checked()
        page.get_by_role("button", name="Grant", exact=True).click()
        row = page.get_by_role("row").filter(has_text="actions/email_send").filter(has_text="live")
        expect(row).to_contain_text("example.org")
        assert home.mail("gina@example.org", subject="Another").verdict == "allow"
        expect(row).to_contain_text("1 of 10")
        assert home.mail("gina@example.com", subject="Another").verdict == "hold"
        row.get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0)
    assert home.mail("gina@example.org", subject="Third").verdict == "hold"


def test_a_call_is_taken_back(home: Household) -> None:
    with home.window() as window:
        page = window.page
        window.see("/undo")
        draft = {"to": ["bob@example.com"], "subject": "Draft", "body": "Hello"}
        assert home.call("actions__email_draft", draft).verdict == "allow"
        page.get_by_role("button", name="Undo", exact=False).first.click()
        expect(page.locator(".notice")).to_contain_text("done")
    listed = home.call("actions__email_search", {"folder": "drafts"})
    assert "Draft" not in str(listed.values)


def test_everything_is_stopped_and_goes_on(home: Household) -> None:
    with home.window() as window:
        page = window.page
        window.see("/switches")
        page.get_by_role("button", name="Stop everything").click()
        expect(page.locator("#pauses")).to_contain_text("everything")
        assert home.call("compute__calculate", {"expression": "1 + 1"}).reason == "paused"
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#pauses")).to_contain_text("Nothing is stopped")
    assert home.call("compute__calculate", {"expression": "1 + 1"}).verdict == "allow"


def test_traffic_and_charts_follow_the_calls(home: Household) -> None:
    with home.window() as traffic, home.window() as charts:
        traffic.see("/traffic")
        charts.see("/charts")
        traffic.mark()
        before = int(charts.page.locator(".figures dd").first.inner_text().replace(",", ""))
        home.call("compute__calculate", {"expression": "6 * 7"})
        home.call("compute__nothing", {})
        expect(traffic.page.locator("#calls tr").first).to_contain_text("compute/nothing")
        expect(traffic.page.locator("#calls tr").nth(1)).to_contain_text("compute/calculate")
        assert traffic.not_reloaded()
        expect(charts.page.locator(".figures dd").first).to_have_text(str(before + 2))


def test_the_journal_verifies_and_an_upstream_shows_its_tools(home: Household) -> None:
    with home.window() as window:
        page = window.page
        window.see("/journal")
        page.get_by_role("button", name="Verify").click()
        expect(page.locator(".health")).to_have_text("Yes")
        page.get_by_label("Kind").select_option("decision")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#records tr").first).to_contain_text("decision")
        window.see("/upstreams")
        page.get_by_role("button", name="Look at compute").click()
        expect(page.get_by_role("row", name="calculate Calculate")).to_contain_text("read")
        expect(page.locator("main")).to_contain_text("Answered")
    with open_journal(Path(home.said["home"]) / "toolgate.db") as journal:
        assert any(line.body.get("channel") == "console" for line in journal.lines())


def test_a_policy_is_explained(home: Household) -> None:
    with home.window(DESKTOP) as window:
        page = window.page
        window.see("/policy")
        page.get_by_label("Tool").fill("actions/email_send")
        page.get_by_label("Roles of the caller").fill("assistant")
        page.get_by_role("button", name="Explain").click()
        expect(page.locator(".explained")).to_contain_text("hold")


PAGES = (
    *("/approvals", "/traffic", "/charts", "/callers", "/upstreams", "/upstreams/compute", "/policy"),
    *("/journal", "/undo", "/switches"),
)


@pytest.fixture(scope="module")
def busy(home: Household) -> str:
    """A day's work: calls of every verdict, and a held one with everything that a card can show."""
    for number in range(6):
        home.call("compute__calculate", {"expression": f"{number} * 7"})
    home.call("retrieval__search", {"query": "welcome"})
    home.call("retrieval__read_document", {"path": "../../etc/passwd"})
    home.call("actions__email_draft", {"to": ["bob@example.com"], "subject": "Minutes", "body": "Hello"})
    home.mail("carol@example.com", subject="Invoice")
    shown = {
        "to": ["accounts@example.com", "cfo@example.com"],
        "subject": "Refund \u202edesrever",
        "body": "Dear team,\n\nplease refund IBAN DE89 3704 0044 0532 0130 00 today.\n\nKind regards\nAnn",
    }
    return home.call("actions__email_send", shown).approval


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("light", ["light", "dark"])
def test_every_page_fits_its_screen_and_names_what_can_be_pressed(
    home: Household, busy: str, size: str, light: Light
) -> None:
    with home.window(SIZES[size], light) as window:
        for path in (*PAGES, f"/approvals/{busy}"):
            window.see(path)
            window.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert window.page.evaluate(FITS), f"{path} is wider than the screen"
            assert window.page.evaluate(NAMELESS) == [], path
            name = "card" if busy in path else path[1:].replace("/", "-")
            window.keep_picture(f"console-{name}-{size}-{light}")
