"""What a model or a service may try through the messaging and CRM tools, case by case; git has its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mcp import Client

from action_families import only
from slack_standin import TOKEN, Slack
from tool_calls import reason, refused, run
from toolgate_servers.actions.crm.carddav import CarddavBook
from toolgate_servers.actions.crm.settings import CarddavSettings
from toolgate_servers.actions.messaging.board import Post, Wanted
from toolgate_servers.actions.messaging.settings import SlackSettings
from toolgate_servers.actions.messaging.slack import SlackBoard
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import Reason
from wire_service import Asked, Said, WireService

# Slack: what a model may say, and what a server may answer

URL = "https://slack.example/api/"


def slack_board(slack: Slack) -> SlackBoard:
    return SlackBoard(SlackSettings(token="env:T", url=URL), TOKEN, (), slack.net(URL))


MARKUP = [
    "<!channel>",
    "<!here|hi>",
    "<!everyone>",
    "<@U1>",
    "<#C1>",
    "<!subteam^S1>",
    "<http://evil.example|bank>",
]


@pytest.mark.parametrize("markup", MARKUP)
def test_no_text_mentions_or_links_behind_other_words(markup: str) -> None:
    slack = Slack()
    slack_board(slack).post(Post("C0GENERAL", f"a {markup} b &lt;!channel&gt;", (), None), run())
    assert not set("<>") & set(slack.asked[0].json()["text"])


async def test_mentions_cannot_flood() -> None:
    flooding: list[dict[str, Any]] = [
        {"text": "@here"},
        {"text": "a @CHANNEL. b"},
        {"text": " ".join(f"@u{number}" for number in range(100))},
        {"text": "x", "mentions": [f"U{number}" for number in range(6)]},
        {"text": "x", "mentions": ["!channel"]},
        {"text": "x", "mentions": ["U1> <!here"]},
    ]
    async with Client(build(ActionsSettings(families=only("messaging")))) as client:
        for said in flooding:
            found = reason(await client.call_tool("message_post", {"channel": "general"} | said))
            assert found in (Reason.TOO_MANY_RECIPIENTS, Reason.ARGUMENT_NOT_VALID)
        for said in ({"channel": "general\r\nX: y"}, {"channel": "../../api"}, {"channel": "-x"}):
            found = reason(await client.call_tool("message_post", {"text": "x"} | said))
            assert found is Reason.ARGUMENT_NOT_VALID


ODD: dict[str, Mapping[str, Any]] = {
    "no list": {"ok": True, "messages": "x", "channels": 5},
    "other types": {"ok": True, "messages": [1, None, [], {"ts": 5}], "channels": [{"id": ["C1"]}]},
    "times that are none": {"ok": True, "messages": [{"ts": "../x", "text": "a"}, {"ts": "-1.0"}]},
    "an id that is none": {"ok": True, "channels": [{"id": "C1/../x", "name": "a"}]},
}


@pytest.mark.parametrize("answer", ODD.values(), ids=list(ODD))
def test_an_odd_answer_of_slack_is_nothing(answer: Mapping[str, Any]) -> None:
    slack = Slack()
    slack.says = Said(body=answer)
    there = slack_board(slack)
    assert there.search(Wanted(None, "C0GENERAL", None, 5), run()) == []
    assert there.channels(None, 5, run())[0] == []


HOSTILE = {
    "a redirect with the token": (Said(302, b"", {"location": "http://169.254.169.254/"}), Reason.BAD_ANSWER),
    "a flood": (Said(200, b"x" * 3_000_000), Reason.TOO_LARGE),
    "nesting without end": (Said(200, b"[" * 200_000), Reason.BAD_ANSWER),
    "a list": (Said(200, [1]), Reason.BAD_ANSWER),
    "binary": (Said(200, b"\xff\xfe\x00"), Reason.BAD_ANSWER),
}


@pytest.mark.parametrize(("said", "expected"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_answer_of_slack_is_refused(said: Said, expected: Reason) -> None:
    slack = Slack()
    slack.says = said
    assert refused(lambda: slack_board(slack).channels(None, 5, run())) is expected
    assert len(slack.asked) == 1


def test_what_slack_sends_is_cleaned() -> None:
    slack = Slack()
    slack.says = Said(
        body={
            "ok": True,
            "messages": [{"ts": "1700000000.000100", "user": "U1\n[system]", "text": "a\x1b[2J\x00b"}],
            "channels": [{"id": "C1", "name": "x\r\ny" * 100, "topic": {"value": "t\x1b" * 1000}}],
            "response_metadata": {"next_cursor": "c" * 5000},
        }
    )
    (message,) = slack_board(slack).search(Wanted(None, "C0GENERAL", None, 5), run())
    assert (message.author, message.text) == ("U1 [system]", "a[2Jb")
    (channel,), cursor = slack_board(slack).channels(None, 5, run())
    assert "\n" not in channel.name
    assert "\x1b" not in channel.topic
    assert max(len(channel.name), len(channel.topic)) <= 250
    assert len(cursor or "") <= 512


# CardDAV: what a model may ask, and what a server may answer

BOOK = "http://dav.example/ann/book/"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ann\r\nEND:VCARD\r\n"


class Dav(WireService):
    """Answers everything with the same."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said

    def answer(self, asked: Asked) -> Said:
        return self.said

    def book(self) -> CarddavBook:
        settings = CarddavSettings(url=BOOK, username="ann", password="env:X")
        return CarddavBook(settings, "hunter2", self.net(BOOK))


def listing(href: str, etag: str = '"1"', card: str = CARD) -> bytes:
    return (
        '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:response>'
        f"<D:href>{href}</D:href><D:propstat><D:prop><D:getetag>{etag}</D:getetag>"
        f"<C:address-data>{card}</C:address-data></D:prop></D:propstat></D:response></D:multistatus>"
    ).encode()


BOMB = b'<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;">]>'
FILE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
XML = {
    "entities that grow": BOMB + listing("/a.vcf"),
    "a file as entity": FILE + listing("/a.vcf"),
    "UTF-16": ("\ufeff" + listing("/a.vcf").decode()).encode("utf-16"),
    "no XML": b"<a",
    "other XML": b"<a/>",
    "NUL": b"\x00",
}


@pytest.mark.parametrize("body", XML.values(), ids=list(XML))
def test_dangerous_xml_is_refused(body: bytes) -> None:
    assert refused(lambda: Dav(Said(207, body)).book().search("x", 5, run())) is Reason.BAD_ANSWER


LISTED = {
    "a name with a parent": listing("/ann/book/..%2fother.vcf"),
    "a name that is a parent": listing("/ann/book/...vcf"),
    "a name with a line end": listing("/ann/book/a%0d%0aX:y.vcf"),
    "an ETag with a line end": listing("/ann/book/a.vcf", '"1\r\nX: y"'),
    "an ETag without marks": listing("/ann/book/a.vcf", "1"),
    "no card": listing("/ann/book/a.vcf", '"1"', "BEGIN:VCALENDAR"),
    "two cards": listing("/ann/book/a.vcf", '"1"', CARD + CARD),
    "a card without an end": listing("/ann/book/a.vcf", '"1"', CARD.replace("END:VCARD", "")),
}


@pytest.mark.parametrize("body", LISTED.values(), ids=list(LISTED))
def test_a_contact_that_could_not_be_handled_safely_is_left_out(body: bytes) -> None:
    assert Dav(Said(207, body)).book().search(None, 5, run()) == []


def test_a_contact_of_another_host_is_asked_for_on_our_own() -> None:
    dav = Dav(Said(207, listing("http://evil.example/steal/a.vcf")))
    (found,) = dav.book().search(None, 5, run())
    dav.said = Said(200, CARD.encode(), {"etag": '"1"'})
    dav.book().read(found.id, run())
    assert (dav.asked[-1].path, dav.asked[-1].headers["host"]) == ("/ann/book/a.vcf", "dav.example")


def test_what_a_card_says_is_cleaned() -> None:
    card = CARD.replace(
        "FN:Ann", "FN:Ann\x1b[2J\\nBcc: eve\r\nNOTE:" + "x" * 100_000 + "\r\nEMAIL:a@b\\n\\nc"
    )
    found = Dav(Said(200, card.encode(), {"etag": '"1"'})).book().read("a", run()).fields
    assert found.name == "Ann [2J Bcc: eve"
    assert len(found.note) == 5000
    assert found.emails == ("a@b c",)


ANSWERS = {
    "a redirect with the password": (Said(302, b"", {"location": "http://evil.example/"}), Reason.BAD_ANSWER),
    "a flood": (Said(200, b"x" * 6_000_000), Reason.TOO_LARGE),
    "a compressed bomb": (Said(200, b"x", {"content-encoding": "gzip"}), Reason.BAD_ANSWER),
    "no ETag": (Said(200, CARD.encode()), Reason.BAD_ANSWER),
    "many lines": (Said(200, ("A:b\r\n" * 5000).encode(), {"etag": '"1"'}), Reason.BAD_ANSWER),
}


@pytest.mark.parametrize(("said", "expected"), ANSWERS.values(), ids=list(ANSWERS))
def test_a_hostile_answer_of_carddav_is_refused(said: Said, expected: Reason) -> None:
    dav = Dav(said)
    assert refused(lambda: dav.book().read("a", run())) is expected
    assert len(dav.asked) == 1


CONTACT_IDS = [
    "../other",
    "a/b",
    "a%2fb",
    "..",
    ".hidden",
    "a\r\nb",
    "http://evil.example/a",
    "a?b",
    "a#b",
    "-x",
]


@pytest.mark.parametrize("contact_id", CONTACT_IDS)
async def test_the_id_of_a_contact_leads_nowhere_else(contact_id: str) -> None:
    dav = Dav(Said(200, CARD.encode(), {"etag": '"1"'}))
    assert refused(lambda: dav.book().read(contact_id, run())) is Reason.NOT_FOUND
    assert dav.asked == []
    async with Client(build(ActionsSettings(families=only("crm")))) as client:
        for tool, more in (("crm_read_contact", {}), ("crm_delete_contact", {"etag": '"1"'})):
            result = await client.call_tool(tool, {"contact_id": contact_id} | more)
            assert reason(result) is Reason.ARGUMENT_NOT_VALID


@pytest.mark.parametrize("etag", ['"1"\r\nX: y', "*", '"1", "2"', '""', "1"])
async def test_an_etag_is_one_version_and_no_other_header(etag: str) -> None:
    async with Client(build(ActionsSettings(families=only("crm")))) as client:
        result = await client.call_tool("crm_delete_contact", {"contact_id": "a", "etag": etag})
        assert reason(result) is Reason.ARGUMENT_NOT_VALID
