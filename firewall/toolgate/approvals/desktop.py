"""A word on the desktop that a call waits. The text is data of a fixed program, never part of a command."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from toolgate.core.model import Approval
from toolgate.core.shown import row_of, spelled

TITLE: Final = "toolgate: a call waits for you"
# Seconds between two of them; those between are counted in the next.
_PAUSE: Final = 10.0
_PATIENCE: Final = 5.0
_LONGEST: Final = 60
# What such a program needs of the environment. Keys and tokens in it are not its business.
_NEEDED: Final = (
    *("PATH", "HOME", "LANG", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"),
    *("DBUS_SESSION_BUS_ADDRESS", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
)
_APPLESCRIPT: Final = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
_POWERSHELL: Final = """
[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications,\
 ContentType = WindowsRuntime]
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent(1)
$texts = $toast.GetElementsByTagName('text')
[void]$texts.Item(0).AppendChild($toast.CreateTextNode($env:TOOLGATE_TITLE))
[void]$texts.Item(1).AppendChild($toast.CreateTextNode($env:TOOLGATE_TEXT))
$shown = [Windows.UI.Notifications.ToastNotification]::new($toast)
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('toolgate').Show($shown)
"""


@dataclass(frozen=True, slots=True)
class Saying:
    """A program to start, with its environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def _which(name: str) -> str | None:
    from shutil import which  # it brings every compressor along, and a wrapped server starts without

    return which(name)


def saying(
    title: str,
    text: str,
    environment: Mapping[str, str],
    platform: str = sys.platform,
    which: Callable[[str], str | None] = _which,
) -> Saying | None:
    """How to say it on this machine; None where there is no desktop to say it on."""
    kept = {name: environment[name] for name in _NEEDED if name in environment}
    if platform == "darwin":
        program = which("osascript")
        script = tuple(word for line in _APPLESCRIPT for word in ("-e", line))
        return Saying((program, *script, title, text), kept) if program else None
    if platform == "win32":
        program = which("powershell")
        encoded = base64.b64encode(_POWERSHELL.encode("utf-16-le")).decode()
        words = {"TOOLGATE_TITLE": title, "TOOLGATE_TEXT": text}
        flags = ("-NoProfile", "-NonInteractive", "-EncodedCommand", encoded)
        return Saying((program, *flags), kept | words) if program else None
    if not kept.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
        return None
    program = which("notify-send")
    # The desktop notifications specification lets a body hold markup; the title is never markup.
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Saying((program, "--app-name=toolgate", "--", title, safe), kept) if program else None


def text_of(approval: Approval, more: int) -> str:
    """The tool, the caller, and how to decide; no arguments: others may look at this screen."""
    tool = spelled(row_of(f"{approval.upstream}/{approval.target}", limit=_LONGEST))
    caller = spelled(row_of(approval.caller, limit=_LONGEST))
    others = f" {more} more wait." if more else ""
    return f"{tool} for {caller}. toolgate approvals show {approval.id}{others}"


class Desktop:
    """Says that calls wait, one at a time, and never so that anybody waits for it."""

    def __init__(
        self,
        now: Callable[[], float],
        speak: Callable[[str, str], Saying | None] = lambda title, text: saying(title, text, os.environ),
    ) -> None:
        self._now, self._speak = now, speak
        self._last = float("-inf")
        self._more = 0

    async def held(self, approval: Approval) -> None:
        """Say that this one waits, unless something was said a moment ago."""
        now = self._now()
        if now - self._last < _PAUSE:
            self._more += 1
            return
        self._last = now
        found = self._speak(TITLE, text_of(approval, self._more))
        self._more = 0
        if found is not None:
            await _run(found)


async def _run(what: Saying) -> None:
    nowhere = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *what.command, env=dict(what.environment), stdin=nowhere, stdout=nowhere, stderr=nowhere
        )
    except OSError:
        return  # a desktop without its program is no desktop
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
