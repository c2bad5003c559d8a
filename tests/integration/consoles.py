"""A whole `toolgate up` with its console, agents that call, and a headless browser in front of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, ViewportSize, sync_playwright

from household import Json, up
from toolgate_clients.answers import Answer, ask
from toolgate_clients.connection import Place, connected

PASSPHRASE = "correct horse battery"
DESKTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}
SIZES = {"desktop": DESKTOP, "phone": PHONE}
Light: TypeAlias = Literal["light", "dark"]
# Where pictures for the documentation are put; nowhere unless somebody asks for them.
PICTURES = os.environ.get("TOOLGATE_PICTURES", "")
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# What can be pressed or filled in and has no name that a screen reader could say.
NAMELESS = """[...document.querySelectorAll("a, button, input, select, textarea, summary")]
  .filter(one => one.type !== "hidden" && !(one.getAttribute("aria-label") || one.textContent.trim()
    || [...(one.labels || [])].some(label => label.textContent.trim())))
  .map(one => one.outerHTML.slice(0, 80))"""
POLICY = """
version: 1
unlisted: hold
tiers:
  read: [compute/calculate, "retrieval/*", "actions/{email_search,email_read}"]
  reversible: ["actions/{email_draft,email_delete_draft}"]
  irreversible: [actions/email_send]
roles:
  assistant: {tools: ["*/*"], resources: ["*/*"], servers_may: [elicit]}
  admin: {tools: ["*/*"], may_approve: [irreversible, privileged]}
tools:
  compute/calculate: {cost: 0.001 USD}
  actions/email_draft:
    undo: {call: actions/email_delete_draft, with: {draft_id: $result.draft_id}, within: 24h}
"""
_PLACES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Household:
    """What runs, and the browser to look at it with."""

    said: Json
    browser: Browser

    @property
    def console(self) -> str:
        """The console's address."""
        return str(self.said["console"])

    def call(self, tool: str, arguments: Json) -> Answer:
        """An agent calls a tool, from a loop of its own: this thread's belongs to the browser."""
        found: list[Answer] = []

        async def calling() -> None:
            async with connected(Place(self.said["url"], self.said["key"])) as client:
                found.append(await ask(client, tool, arguments))

        thread = threading.Thread(target=lambda: asyncio.run(calling()))
        thread.start()
        thread.join(30)
        return found[0]

    def mail(self, *to: str, subject: str) -> Answer:
        """An agent sends a mail, which is held."""
        sent = {"to": list(to), "subject": subject, "body": "Dear all,\n\nthe figures are attached.\n\nAnn"}
        return self.call("actions__email_send", sent)

    @contextmanager
    def window(
        self, size: ViewportSize = DESKTOP, light: Light = "light", *, signed_in: bool = True
    ) -> Generator[Window]:
        """A window of somebody new; when it closes nothing may have gone wrong in it."""
        context = self.browser.new_context(
            viewport=size, color_scheme=light, device_scale_factor=1, reduced_motion="reduce"
        )
        context.set_default_timeout(10_000)
        window = Window(context.new_page(), self.console)
        try:
            if signed_in:
                window.sign_in()
            yield window
            assert window.troubles == []
        finally:
            context.close()


@dataclass
class Window:
    """A browser window. `troubles` is every error that its console and its network showed."""

    page: Page
    console: str
    troubles: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("response", self._answered)

    def see(self, path: str) -> None:
        """Open a page, and wait until it is live where it is one that changes by itself."""
        self.page.goto(self.console + path)
        if self.page.locator("body[data-live]").count():
            self.page.locator("#stream[data-state=live]").wait_for()

    def sign_in(self) -> None:
        """Sign in with the passphrase."""
        self.see("/sign-in")
        self.page.get_by_label("Name").fill("ann")
        self.page.get_by_label("Passphrase").fill(PASSPHRASE)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Approvals").wait_for()

    def keep_picture(self, name: str) -> None:
        """A picture of the window, where pictures are wanted: few colours, so that it stays small."""
        if not PICTURES:
            return
        from PIL import Image

        file = Path(PICTURES) / f"{name}.png"
        self.page.screenshot(path=file)
        Image.open(file).convert("RGB").quantize(200).save(file, optimize=True)

    def mark(self) -> None:
        """Leave a mark that a reload would wipe away."""
        self.page.evaluate("window.notReloaded = true")

    def not_reloaded(self) -> bool:
        """Whether the mark is still there."""
        return bool(self.page.evaluate("window.notReloaded === true"))

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _answered(self, got: Response) -> None:
        if got.status >= 400:
            self.troubles.append(f"{got.status} {got.url}")


@contextmanager
def household(folder: Path) -> Generator[Household]:
    """Start everything; the first approver is enrolled by whoever asks for it."""
    policy = folder / "given.yaml"
    policy.write_text(POLICY)
    with up(folder / "home", "--policy", str(policy)) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=_arguments())
        try:
            yield Household(running.said, browser)
        finally:
            browser.close()


def _arguments() -> list[str]:
    """Chromium's own sandbox does not start for root."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _program() -> str:
    """Where chromium is. Without it the tests are left out, but not where everything has to be there."""
    found = next((path for name in _PLACES if (path := shutil.which(name))), "")
    if not found and os.environ.get("CI"):
        pytest.fail("found no chromium, expected one on the PATH")
    if not found:
        pytest.skip("no chromium here")
    return found
