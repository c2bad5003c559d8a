"""A hostile CalDAV server, ids that lead elsewhere, and settings that would give secrets away."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tool_calls import refused, run
from toolgate_servers.actions.calendar import looking
from toolgate_servers.actions.calendar.agenda import Agenda
from toolgate_servers.actions.calendar.dav import DavEvents
from toolgate_servers.actions.calendar.davwire import check_xml
from toolgate_servers.actions.calendar.settings import CalDav
from toolgate_servers.actions.calendar.shapes import Search
from toolgate_servers.actions.mail.settings import Imap, MailSettings, Smtp
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.config import load_settings
from toolgate_servers.errors import CannotStart, Reason
from wire_service import Asked, Said, WireService

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWN = "me@example.org"
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:x\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART:20260115T090000Z\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Dav(WireService):
    """A CalDAV server that answers as it is told."""

    def __init__(self, body: bytes, status: int = 207, **headers: str) -> None:
        super().__init__()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.said = Said(status, body, {"content-type": "application/xml; charset=utf-8", **named})

    def answer(self, asked: Asked) -> Said:
        return self.said


def searched(server: Dav, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("DAV", "hunter2")
    settings = CalDav(url="https://dav.example/cal/", user="ann", password="env:DAV")
    events = DavEvents(settings, server.net(settings.url))
    return looking.search(
        Agenda(events, BERLIN, OWN, lambda: NOON), Search(start="2026-01-01", end="2026-02-01"), run()
    )


ENTITY = '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
LOL = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
BOMBS: dict[str, bytes] = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LOL}]><x xmlns="DAV:">&l9;</x>'.encode(),
    "quadratic blowup": b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 50_000 + b'">]><x>' + b"&a;" * 1000 + b"</x>",
    "file entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "network entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "http://169.254.169.254/">]><x>&a;</x>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]><x/>',
    "document type without entities": b'<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><x/>',
    "entities in UTF-16": f'<?xml version="1.0" encoding="utf-16"?>{ENTITY}'.encode("utf-16"),
    "entities in UTF-7": b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x><x/>',
    "entities in EBCDIC": f'<?xml version="1.0" encoding="cp037"?>{ENTITY}'.encode("cp037"),
    "elements nested 100,000 deep": b"<x>" * 100_000 + b"</x>" * 100_000,
    "no end": b'<multistatus xmlns="DAV:"><response>',
    "a page": b"<html><body>Log in</body>",
    "nothing": b"",
    "control characters": b"<x>\x00\x01</x>",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS.keys())
def test_an_xml_bomb_of_a_calendar_server_is_refused_unread(
    body: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.process_time()
    assert refused(lambda: check_xml(body)) is Reason.BAD_ANSWER
    assert refused(lambda: searched(Dav(body), monkeypatch)) is Reason.BAD_ANSWER
    assert time.process_time() - began < 5
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (Dav(b"x" * 9_000_000), Reason.TOO_LARGE),
        (Dav(b"", 302, location="http://169.254.169.254/latest/meta-data/"), Reason.BAD_ANSWER),
        (Dav(b"", 301, location="https://evil.example/"), Reason.BAD_ANSWER),
        (Dav(b"\x1f\x8b" + b"x" * 100, content_encoding="gzip"), Reason.BAD_ANSWER),
        (Dav(b"", 401), Reason.ACCESS_DENIED),
    ],
)
def test_a_hostile_calendar_server_leads_nowhere(
    server: Dav, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(lambda: searched(server, monkeypatch)) is reason
    assert len(server.asked) == 1


def multistatus(href: str, text: str, etag: str = '"1"') -> bytes:
    return (
        '<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><response>'
        f"<href>{href}</href><propstat><prop><getetag>{etag}</getetag>"
        f"<C:calendar-data>{text}</C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat>"
        "</response></multistatus>"
    ).encode()


@pytest.mark.parametrize(
    "href",
    ["https://evil.example/cal/x.ics", "/cal/../../x.ics", "/cal/a%2Fb.ics", "/other/x.ics", "/cal/%00.ics"],
)
def test_an_event_elsewhere_on_a_server_has_no_id_to_change_it_by(
    href: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: Any = searched(Dav(multistatus(href, EVENT)), monkeypatch)
    assert [event.id for event in found.events] == [""] or [event.id for event in found.events] == ["x"]
    if found.events[0].id == "x":
        assert href.endswith("/cal/x.ics")


@pytest.mark.parametrize(
    "event_id", ["../x", "a/b", "a%2Fb", "a\r\nb", "", ".", "..", "x" * 201, "a?b", "a#b"]
)
def test_no_id_leaves_the_calendar(event_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAV", "hunter2")
    server = Dav(b"")
    settings = CalDav(url="https://dav.example/cal/", user="ann", password="env:DAV")
    events = DavEvents(settings, server.net(settings.url))
    assert refused(lambda: events.get(event_id, run())) is Reason.NO_SUCH_EVENT
    assert server.asked == []


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Smtp, {"host": "mail.example", "security": "none"}),
        (Imap, {"host": "mail.example", "security": "none"}),
        (Smtp, {"host": "mail.example", "password": "hunter2", "user": "me"}),
        (Smtp, {"host": "mail.example\r\nX", "user": None}),
        (Smtp, {"host": "mail.example", "user": "me"}),
        (CalDav, {"url": "http://dav.example/", "user": "me", "password": "env:X"}),
        (CalDav, {"url": "file:///etc/passwd", "user": "me", "password": "env:X"}),
        (MailSettings, {"address": "Me <me@example.org>"}),
    ],
)
def test_settings_that_would_send_secrets_in_the_open_are_refused(
    model: Any, given: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "actions.yaml"
    file.write_text(json.dumps(given))
    with pytest.raises(CannotStart) as caught:
        load_settings(file, model)
    assert "hunter2" not in str(caught.value)


def test_the_shipped_settings_reach_nobody() -> None:
    settings = ActionsSettings()
    reached: list[object] = [settings.mail.smtp, settings.mail.imap]
    reached += [settings.calendar.caldav, settings.tickets.github]
    assert reached == [None] * 4
