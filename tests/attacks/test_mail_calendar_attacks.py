"""Hostile mail, calendars and arguments: each case is named, and none gets through."""

from __future__ import annotations

import base64
import email
import time
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tool_calls import refused, run
from toolgate_servers.actions.calendar import answering, looking, planning
from toolgate_servers.actions.calendar.agenda import Agenda
from toolgate_servers.actions.calendar.expanding import Window, occurrences
from toolgate_servers.actions.calendar.ics import MAX_TEXT, Series, parse
from toolgate_servers.actions.calendar.local import SqliteEvents
from toolgate_servers.actions.calendar.rules import Budget, days
from toolgate_servers.actions.calendar.rules import parse as rule_of
from toolgate_servers.actions.calendar.shapes import Create, Respond, Search
from toolgate_servers.actions.mail.message import Attachment, answer, compose
from toolgate_servers.actions.mail.reading import read
from toolgate_servers.actions.mail.wire import encoded
from toolgate_servers.errors import Reason

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWN = "me@example.org"
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), BERLIN)


INJECTIONS = {
    "line feed": "x\nBcc: eve@evil.example",
    "carriage return and line feed": "x\r\nBcc: eve@evil.example",
    "bare carriage return": "x\rBcc: eve@evil.example",
    "folded line": "x\r\n Bcc: eve@evil.example",
    "end of the headers": "x\r\n\r\nAnother body",
    "NUL": "x\x00Bcc: eve@evil.example",
    "vertical tab": "x\x0bBcc: eve@evil.example",
    "form feed": "x\x0cBcc: eve@evil.example",
    "next line": "x\x85Bcc: eve@evil.example",
    "line separator": "x\u2028Bcc: eve@evil.example",
    "half a character": "x\ud800",
}


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS.keys())
def test_no_field_of_a_mail_can_bring_a_header(text: str) -> None:
    to = ("ann@example.com",)
    for call, reason in (
        (lambda: compose(to, (), text, "Hello"), Reason.CONTROL_CHARACTER),
        (lambda: compose((f"ann@example.com{text[1:]}",), (), "Hi", "Hello"), Reason.BAD_ADDRESS),
        (lambda: compose(to, (text,), "Hi", "Hello"), Reason.BAD_ADDRESS),
        (
            lambda: compose(to, (), "Hi", "Hello", (Attachment(text, "text/plain", b""),)),
            Reason.CONTROL_CHARACTER,
        ),
        (
            lambda: compose(to, (), "Hi", "Hello", (Attachment("a.txt", f"text/{text}", b""),)),
            Reason.ARGUMENT_NOT_VALID,
        ),
    ):
        assert refused(call) is reason


@pytest.mark.parametrize(
    "body",
    [
        "Bcc: eve@evil.example\n\nx",
        "\r\n.\r\nMAIL FROM:<eve@evil.example>",
        "--===============1==\nx",
        "\n\nx",
    ],
)
def test_no_body_becomes_a_header_a_part_or_a_command(body: str) -> None:
    message = compose(
        ("ann@example.com",), (), "Hi", f"Hello\n{body}", (Attachment("a.bin", "a/b", b"\x00"),)
    )
    raw = encoded(message, sender=OWN, message_id="<1@example.org>", at=NOON)
    parsed = email.message_from_bytes(raw, policy=default)
    assert isinstance(parsed, EmailMessage)
    assert sorted(parsed.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
    )
    text, attached = parsed.iter_parts()
    assert isinstance(text, EmailMessage)
    assert text.get_content().replace("\r\n", "\n").strip() == f"Hello\n{body}".replace("\r\n", "\n").strip()
    assert attached.get_payload(decode=True) == b"\x00"


def received(raw: bytes) -> Any:
    return read(raw, mail_id="i1-1", at=NOON, is_cut=False)


def nested(depth: int) -> bytes:
    opened = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(depth)
    )
    return b"From: eve@evil.example\nSubject: deep\n" + opened + b"Content-Type: text/plain\n\nbottom\n"


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "only newlines": b"\n\n\n",
    "random bytes": bytes(range(256)) * 100,
    "parts nested 50 deep": nested(50),
    "parts nested 2000 deep": nested(2000),
    "boundary that never ends": b'Content-Type: multipart/mixed; boundary="x"\n\n--x\n\nopen',
    "boundary that is missing": b"Content-Type: multipart/mixed\n\n--x\n\nopen",
    "empty boundary": b'Content-Type: multipart/mixed; boundary=""\n\n--\n\nopen',
    "ten thousand parts": b'Content-Type: multipart/mixed; boundary="x"\n\n' + b"--x\n\na\n" * 10_000,
    "unknown charset": b"Content-Type: text/plain; charset=x-evil\n\ntext",
    "charset that is a codec": b"Content-Type: text/plain; charset=zlib\n\ntext",
    "charset with a NUL": b"Content-Type: text/plain; charset=\x00\n\ntext",
    "broken base64": b"Content-Transfer-Encoding: base64\n\n!!!===",
    "unknown encoding": b"Content-Transfer-Encoding: x-evil\n\ntext",
    "uuencode that lies": b"Content-Transfer-Encoding: uuencode\n\nbegin 666 x\nzzzzzz\nend",
    "broken encoded word": b"Subject: =?utf-8?b?!!!!?= =?x-evil?q?=FF?= =?utf-8?q?",
    "subject with controls": b"Subject: a\x00b\x1b[2Jc =?utf-8?q?=0D=0ABcc:_eve?=\n\nx",
    "header of a megabyte": b"Subject: " + b"a" * 1_000_000 + b"\n\nx",
    "hundred thousand headers": b"X: y\n" * 100_000 + b"\nx",
    "sender of comments": b"From: " + b"(" * 5000 + b"eve@evil.example\n\nx",
    "sender of routes": b'From: <@a,@b:eve@evil.example>, "x" <>\n\nx',
    "ten thousand recipients": b"To: " + b"a@b.example, " * 10_000 + b"\n\nx",
    "file name with folders": b'Content-Disposition: attachment; filename="../../etc/passwd"\n\nx',
    "file name in pieces": b"Content-Disposition: attachment; filename*0*=utf-8''a; filename*1=\x00b\n\nx",
    "HTML without end": b"Content-Type: text/html\n\n" + b"<div><script>alert(1)" * 10_000,
    "HTML of brackets": b"Content-Type: text/html\n\n" + b"<" * 200_000,
    "HTML declarations": b"Content-Type: text/html\n\n" + b"<![" * 50_000 + b"<!" * 50_000,
    "message in a message": b"Content-Type: message/rfc822\n\nSubject: inner\n\ntext",
    "message that is external": b'Content-Type: message/external-body; access-type=URL; URL="file:///x"\n\nx',
    "reference loop": b"References: " + b"<a@b> " * 20_000 + b"\n\nx",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_a_stranger_sends_becomes_plain_fields_of_limited_size(raw: bytes) -> None:
    began = time.process_time()
    mail = received(raw)
    assert time.process_time() - began < 5
    message = mail.message
    named = [one.name for one in message.attachments]
    fields = (mail.sender, message.subject, *message.to, *message.cc, *named)
    assert all(len(field) <= 500 and field.isprintable() for field in fields)
    assert len(message.body) <= 100_000
    assert "\x00" not in message.body
    assert "\x1b" not in message.body
    assert len(message.to) + len(message.attachments) + len(message.references) <= 200


def test_what_a_page_hides_is_not_read() -> None:
    mail = received(
        b"Content-Type: text/html\n\n<title>t</title><style>s</style><script>c</script>"
        b"<p>Hello <b>you</b></p>"
    )
    assert mail.message.body == "Hello you"


@pytest.mark.parametrize(
    "headers",
    [
        b'From: eve@evil.example\nReply-To: "ann@example.com" <eve@evil.example>\n',
        b"From: eve@evil.example\nReply-To: =?utf-8?q?x=0D=0ABcc:_a=40b.example?= <eve@evil.example>\n",
        b"From: eve@evil.example\nMessage-ID: <a@b>\r\n X: y>\nReferences: <ok@b> <bad\x00@b> bad\n",
    ],
)
def test_an_answer_takes_nothing_from_a_hostile_mail_but_plain_addresses_and_ids(headers: bytes) -> None:
    message = answer(received(headers + b"Subject: a\x00b\n\nx"), OWN, "Hello", (), everyone=True)
    raw = encoded(message, sender=OWN, message_id="<1@example.org>", at=NOON)
    parsed = email.message_from_bytes(raw, policy=default)
    assert (message.to, message.cc) == (("eve@evil.example",), ())
    assert "Bcc" not in parsed
    assert "X" not in parsed


class Diary:
    """A calendar in memory."""

    def __init__(self) -> None:
        self.agenda = Agenda(SqliteEvents(None, BERLIN), BERLIN, OWN, lambda: NOON)

    def create(self, **more: Any) -> Any:
        asked: dict[str, Any] = {"title": "Planning", "start": "2026-11-24T09:00"} | more
        return planning.create(self.agenda, Create(**asked), run())

    def respond(self, text: str) -> Any:
        return answering.respond(self.agenda, Respond(answer="accepted", invitation=text), run())

    def text(self) -> str:
        (kept,) = self.agenda.events.between(YEAR.start, YEAR.end, run())
        return kept.text


def names(series: Series) -> list[str]:
    every: Any = series.calendar
    return [part.name for part in every.walk()]


@pytest.mark.parametrize("text", list(INJECTIONS.values())[:-1], ids=list(INJECTIONS)[:-1])
def test_no_line_of_an_event_can_bring_a_property(text: str) -> None:
    for field in ("title", "location"):
        assert refused(lambda: Diary().create(**{field: text})) is Reason.CONTROL_CHARACTER  # noqa: B023  # called at once
    assert refused(lambda: Diary().create(attendees=[f"ann@example.com{text[1:]}"])) is Reason.BAD_ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "x\nATTENDEE:mailto:eve@evil.example",
        "x\r\nEND:VEVENT\r\nBEGIN:VALARM\r\nACTION:PROCEDURE",
        "x\\nATTENDEE:mailto:eve@evil.example",
        "x\\",
        ';ALTREP="http://evil.example":x',
        "a;b,c\\;d",
        "é" * 200 + "\nEND:VCALENDAR",
    ],
)
def test_a_description_of_an_event_stays_a_description(text: str) -> None:
    diary = Diary()
    diary.create(description=text)
    series = parse(diary.text(), BERLIN)
    assert series is not None
    assert series.main is not None
    assert names(series) == ["VCALENDAR", "VEVENT"]
    assert "ATTENDEE" not in series.main
    assert str(series.main["DESCRIPTION"]) == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "address", ["a%0D%0Ab@example.com", "a?bcc=eve@example.com", "a&b@example.com", "a%@b.example"]
)
def test_an_address_of_an_event_is_one_mailto_and_no_more(address: str) -> None:
    diary = Diary()
    diary.create(attendees=[address])
    (found,) = looking.search(diary.agenda, Search(start="2026-11-24", end="2026-11-25"), run()).events
    assert [who.address for who in found.attendees] == [address.lower()]
    assert "?" not in diary.text().partition("ATTENDEE")[2].partition("\r\nDT")[0].partition("mailto:")[2]


def invitation(lines: str, *, method: str = "REQUEST", uid: str = "evil", more: str = "") -> str:
    text = (
        f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\nMETHOD:{method}\n{more}BEGIN:VEVENT\nUID:{uid}\n"
        "DTSTAMP:20260101T000000Z\nDTSTART:20261124T090000Z\nORGANIZER:mailto:eve@evil.example\n"
        f"ATTENDEE:mailto:{OWN}\n{lines}END:VEVENT\nEND:VCALENDAR\n"
    )
    return text.replace("\n", "\r\n")


def test_of_an_invitation_only_what_an_event_needs_comes_in() -> None:
    diary = Diary()
    diary.respond(
        invitation(
            "SUMMARY:Free money\nATTACH:file:///etc/passwd\nURL:http://evil.example\nX-EVIL:1\n"
            "BEGIN:VALARM\nACTION:PROCEDURE\nATTACH:file:///bin/sh\nTRIGGER:-PT1M\nEND:VALARM\n"
        )
    )
    text = diary.text()
    assert all(word not in text for word in ("ATTACH", "VALARM", "URL:", "X-EVIL", "METHOD"))
    assert "SUMMARY:Free money" in text
    assert "ORGANIZER;SCHEDULE-AGENT=CLIENT:mailto:eve@evil.example" in text


def test_an_invitation_cannot_take_the_place_of_another_event() -> None:
    diary = Diary()
    diary.create()
    uid = diary.text().partition("UID:")[2].partition("\r\n")[0]
    assert refused(lambda: diary.respond(invitation("", uid=uid))) is Reason.REJECTED
    other = Diary()
    other.respond(invitation("SUMMARY:First\n"))
    stolen = invitation("SUMMARY:Second\nSEQUENCE:9\n").replace("eve@evil", "mallory@evil")
    assert refused(lambda: other.respond(stolen)) is Reason.REJECTED
    assert "SUMMARY:First" in other.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a calendar",
        invitation("", method="CANCEL"),
        invitation("", method="PUBLISH"),
        invitation("").replace("eve@evil.example", OWN),
        invitation("").replace("mailto:eve@evil.example", "http://evil.example"),
        invitation("END:VEVENT\nBEGIN:VEVENT\nUID:another\nDTSTART:20261124T090000Z\n"),
        invitation("").replace("DTSTART:20261124T090000Z", "DTSTART;TZID=Nowhere/Evil:20261124T090000"),
        invitation("").replace("20261124", "99991231").replace("T090000Z", "T250000Z"),
        invitation("BEGIN:VEVENT\n" * 600),
    ],
)
def test_what_is_no_invitation_to_one_event_is_refused(text: str) -> None:
    diary = Diary()
    reason = refused(lambda: diary.respond(text or " "))
    assert reason is Reason.REJECTED
    assert diary.agenda.events.between(datetime(1900, 1, 1, tzinfo=UTC), YEAR.end, run()) == []


ZONE = (
    "BEGIN:{zone}\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\n"
    "TZOFFSETTO:+0100\nRRULE:FREQ=SECONDLY\nEND:STANDARD\nEND:VTIMEZONE\n"
)


@pytest.mark.parametrize("begin", ["VTIMEZONE", "VTIME\n ZONE", "vtimezone", "VTIMEZONE "])
def test_the_definition_of_a_time_zone_is_never_run(begin: str) -> None:
    lines = "SUMMARY:x\nRECURRENCE-ID;TZID=Europe/Berlin:20261124T100000\n"
    began = time.process_time()
    series = parse(invitation(lines, more=ZONE.format(zone=begin)), BERLIN)
    assert time.process_time() - began < 2
    assert series is None or "VTIMEZONE" not in names(series)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;INTERVAL=1",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=999999",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=DAILY;COUNT=999999",
        "FREQ=DAILY;INTERVAL=999999999999",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
        "FREQ=YEARLY;BYYEARDAY=" + ",".join(str(day) for day in range(1, 366)),
        "FREQ=DAILY;BYSECOND=" + ",".join(str(second) for second in range(60)),
        "FREQ=DAILY;BYEASTER=0",
        "FREQ=DAILY;" * 500,
    ],
)
def test_a_rule_that_never_ends_or_never_matches_is_bounded(rule: str) -> None:
    text = invitation(f"RRULE:{rule}\n").replace("20261124T", "00020101T")
    began = time.process_time()
    series = parse(text, BERLIN)
    budget = Budget(300_000)
    found = [] if series is None else list(occurrences(series, YEAR, budget))
    assert time.process_time() - began < 5
    assert len(found) <= 366


def test_a_rule_spends_no_more_than_its_budget() -> None:
    rule = rule_of("FREQ=DAILY;COUNT=999999;BYMONTH=2;BYMONTHDAY=30")
    assert rule is not None
    budget = Budget(1000)
    assert list(days(rule, date(2, 1, 1), date(2026, 1, 1), date(2026, 12, 31), budget)) == []
    assert budget.days >= -2


def test_a_calendar_full_of_rules_is_refused_and_not_worked_through() -> None:
    diary = Diary()
    text = invitation("RRULE:FREQ=DAILY;COUNT=900000\n").replace("20261124T", "00030101T")
    for number in range(10):
        uid = f"evil-{number}"
        diary.agenda.events.add(uid, uid, text.replace("UID:evil", f"UID:{uid}"), run())
    asked = Search(start="2026-01-01", end="2026-12-31")
    began = time.process_time()
    assert refused(lambda: looking.search(diary.agenda, asked, run())) is Reason.TOO_COMPLEX
    assert time.process_time() - began < 10


def test_an_object_that_is_too_large_is_not_read() -> None:
    assert parse(invitation("COMMENT:" + "x" * MAX_TEXT + "\n"), BERLIN) is None


def test_an_attachment_that_is_no_base64_or_too_large_is_refused() -> None:
    large = Attachment("a.bin", "application/zip", base64.b64decode("AAAA" * 400_000))
    assert refused(lambda: compose(("ann@example.com",), (), "Hi", "x", (large,))) is Reason.TOO_LARGE
