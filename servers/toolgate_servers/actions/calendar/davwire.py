"""The `caldav` package over our own network: it goes only where it may, and its answers are looked at first.

The package speaks WebDAV; connections, sizes, redirects, accounts and XML are handled here, so that neither a
server nor what somebody put on it can make it fetch, wait, grow or log.
"""

import base64
import importlib
from collections.abc import Mapping
from typing import Any, NoReturn

from caldav import DAVClient
from caldav.davclient import DAVResponse
from requests.structures import CaseInsensitiveDict

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Answer, Net, bad_answer
from toolgate_servers.running import Run

MAX_ANSWER = 8_000_000
UTF_8 = frozenset({"UTF-8", "US-ASCII", "ASCII"})

etree: Any = importlib.import_module("lxml.etree")  # it has no types


class Response:
    """An answer in the form that the package takes."""

    def __init__(self, answer: Answer) -> None:
        self.headers = CaseInsensitiveDict(dict(answer.headers))
        self.status_code = answer.status
        self.content = answer.body
        self.reason = ""


class Wire(DAVClient):
    """Sends the requests of the package."""

    def __init__(self, url: str, user: str, password: str, seconds: float, net: Net | None = None) -> None:
        super().__init__(url)
        self.seconds = seconds
        self.net = net or Net.for_service(url)
        self.run: Run | None = None
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {pair}"

    def request(
        self, url: Any, method: str = "GET", body: Any = "", headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send a request whose answer is XML.

        Raises:
            Refused: What `ask` raises, and BAD_ANSWER for XML that declares things or is none.
        """
        content = body.encode() if isinstance(body, str) else bytes(body)
        answer = self.ask(method, str(url), headers or {}, content)
        if answer.status >= 300:
            refuse(answer)
        check_xml(answer.body)
        made: Any = DAVResponse
        return made(Response(answer), self)

    def ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes = b"") -> Answer:
        """Send any request; statuses are the caller's to judge.

        Raises:
            Refused: What Net.fetch raises.
        """
        return self.net.fetch(
            method,
            url,
            headers={"authorization": self.authorization, **headers},
            content=content or None,
            max_bytes=MAX_ANSWER,
            seconds=self.seconds,
            redirects=0,
            run=self.run,
        )


def check_xml(body: bytes) -> None:
    """Refuse XML that declares entities or other documents, in whatever encoding, and what is not XML.

    Raises:
        Refused: BAD_ANSWER.
    """
    if b"\x00" in body or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise bad_answer("XML with a document type", "plain XML in UTF-8")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise bad_answer("something that is not XML", "an answer as WebDAV says") from None
    information = root.getroottree().docinfo
    if str(information.encoding or "UTF-8").upper() not in UTF_8 or information.doctype:
        raise bad_answer("XML in another encoding", "plain XML in UTF-8")


def refuse(answer: Answer) -> NoReturn:
    """Say what an answer without success means."""
    status = answer.status
    where = "the calendar server"
    if status in (401, 403):
        raise Refused(
            Reason.ACCESS_DENIED,
            where,
            found=f"status {status}: the account of the settings may not do this",
            expected="something that it may; the operator can change it",
        )
    if status in (404, 410):
        raise Refused(
            Reason.NOT_FOUND,
            where,
            found=f"status {status}: no such calendar",
            expected="the one of the settings",
        )
    if status in (429, 503):
        raise Refused(Reason.RATE_LIMITED, where, found=f"status {status}", expected="you to wait a minute")
    if 400 <= status < 500:
        raise Refused(Reason.REJECTED, where, found=f"status {status}", expected="what the server accepts")
    raise bad_answer(f"status {status} of the calendar server", "success; try again later")
