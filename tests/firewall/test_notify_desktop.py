"""A word on the desktop: a fixed program, the text as data, never too often."""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from held_calls import HELD
from toolgate.approvals.desktop import TITLE, Desktop, Saying, saying, text_of

NASTY = "x'; $(touch /tmp/owned) `id` <b>&\"\n-e do shell script\x1b[31m\u202e"
WILD = replace(HELD, caller=NASTY, target=NASTY, created=0.0, expires=900.0)
X11 = {"DISPLAY": ":0", "PATH": "/usr/bin", "AWS_SECRET_ACCESS_KEY": "never", "TOOLGATE_KEY": "never"}


def found(name: str) -> str | None:
    return f"/usr/bin/{name}"


def test_linux_is_told_through_notify_send_with_the_markup_taken_out() -> None:
    said = saying(TITLE, "a <b>&", X11, "linux", found)
    assert said == Saying(
        ("/usr/bin/notify-send", "--app-name=toolgate", "--", TITLE, "a &lt;b&gt;&amp;"),
        {"DISPLAY": ":0", "PATH": "/usr/bin"},
    )


def test_macos_is_told_through_a_script_that_takes_the_text_as_an_argument() -> None:
    said = saying(TITLE, NASTY, {}, "darwin", found)
    assert said is not None
    assert said.command[-2:] == (TITLE, NASTY)
    assert not [word for word in said.command[:-1] if "owned" in word]


def test_windows_is_told_through_a_script_that_reads_the_text_from_its_environment() -> None:
    said = saying(TITLE, NASTY, {"PATH": "x"}, "win32", found)
    assert said is not None
    script = base64.b64decode(said.command[-1]).decode("utf-16-le")
    assert "owned" not in script
    assert "$env:TOOLGATE_TEXT" in script
    assert said.environment == {"PATH": "x", "TOOLGATE_TITLE": TITLE, "TOOLGATE_TEXT": NASTY}


@pytest.mark.parametrize(
    ("environment", "platform"), [({"PATH": "x"}, "linux"), (X11, "linux"), ({}, "darwin"), ({}, "win32")]
)
def test_without_a_desktop_or_its_program_nothing_is_said(environment: dict[str, str], platform: str) -> None:
    def nowhere(_: str) -> None:
        return None

    assert saying(TITLE, "a", environment, platform, nowhere) is None
    assert platform != "linux" or saying(TITLE, "a", {"PATH": "x"}, platform, found) is None


def test_the_text_is_one_short_line_without_arguments_or_anything_invisible() -> None:
    text = text_of(replace(WILD, target="t" * 500), 3)
    assert len(text) < 500
    assert "characters not shown" in text
    assert "3 more wait" in text
    assert not any(ord(letter) < 32 or letter == "\u202e" for letter in text)


async def test_a_flood_of_holds_is_said_once_and_counted() -> None:
    now = 0.0
    said: list[str] = []

    def speak(_: str, text: str) -> None:
        said.append(text)

    desktop = Desktop(lambda: now, speak)
    for _ in range(50):
        await desktop.held(WILD)
    now = 11.0
    await desktop.held(WILD)
    assert len(said) == 2
    assert "49 more wait" in said[1]


async def test_the_program_gets_the_text_as_it_is_and_no_shell_ever_sees_it(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = f"import sys, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(sys.argv[1:]))"

    def speak(title: str, text: str) -> Saying:
        return Saying((sys.executable, "-c", program, title, text), {})

    await Desktop(lambda: 0.0, speak).held(WILD)
    assert seen.read_text() == repr([TITLE, text_of(WILD, 0)])


async def test_a_program_that_is_not_there_is_no_trouble() -> None:
    def speak(_: str, __: str) -> Saying:
        return Saying(("/nowhere/notify-send",), {})

    await Desktop(lambda: 0.0, speak).held(WILD)
