"""Contacts on a CardDAV server: RFC 6352, over plain HTTP with ETag and If-Match (RFC 9110 13.1)."""

import base64
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from toolgate_servers.actions.crm import vcard
from toolgate_servers.actions.crm.contact import (
    ETAG,
    ID,
    Contact,
    Fields,
    changed_meanwhile,
    no_such_contact,
)
from toolgate_servers.actions.crm.settings import CarddavSettings
from toolgate_servers.actions.sending import send_once, unknown
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.net import Answer, Net, bad_answer
from toolgate_servers.running import Run

MAX_ANSWER = 5_000_000
DAV, CARD = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"
SEARCHED = ("FN", "EMAIL", "ORG", "TEL", "NOTE")

# RFC 6352 8.6: an addressbook-query with the cards themselves in the answer.
QUERY = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:addressbook-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
    "<D:prop><D:getetag/><C:address-data/></D:prop>"
    '<C:filter test="anyof">{filters}</C:filter>'
    "<C:limit><C:nresults>{limit}</C:nresults></C:limit>"
    "</C:addressbook-query>"
)
FILTER = (
    '<C:prop-filter name="{name}"><C:text-match collation="i;unicode-casemap" match-type="contains">'
    "{text}</C:text-match></C:prop-filter>"
)


class CarddavBook:
    """One address book."""

    def __init__(self, settings: CarddavSettings, password: str, net: Net | None = None) -> None:
        self._url = settings.url if settings.url.endswith("/") else f"{settings.url}/"
        self._seconds = settings.seconds
        self._net = net or Net.for_service(self._url)
        token = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self.about = f"CardDAV at {self._url}"

    def search(self, query: str | None, limit: int, run: Run) -> list[Contact]:
        """Give contacts that hold the text.

        Raises:
            Refused: As every method here: NOT_FOUND, ACCESS_DENIED, REJECTED, BAD_ANSWER or what Net.fetch
                raises; for what changes, CHANGED_MEANWHILE and OUTCOME_UNKNOWN.
        """
        asked = escape(query, {'"': "&quot;"}) if query else ""
        filters = "".join(FILTER.format(name=name, text=asked) for name in SEARCHED) if asked else ""
        body = QUERY.format(filters=filters, limit=limit)
        headers = {"Depth": "1", "Content-Type": "application/xml; charset=utf-8"}
        answer = self._ask("REPORT", self._url, run, headers, body.encode())
        if answer.status != 207:
            _refuse(answer)
        found = [contact for one in _multistatus(answer) if (contact := _listed(one)) is not None]
        return sorted(found, key=lambda contact: (contact.fields.name, contact.id))[:limit]

    def read(self, contact_id: str, run: Run) -> Contact:
        """Give one contact."""
        return self._read(contact_id, run)[0]

    def create(self, fields: Fields, run: Run) -> Contact:
        """Put a card where none is; one that is there already is that of an earlier attempt."""
        contact_id = stable_id("contact", run.idempotency_key)
        card = vcard.write(contact_id, fields)
        answer = self._write("PUT", contact_id, run, {"If-None-Match": "*"}, card)
        contact, there = self._read(contact_id, run)
        if answer.status == 412 and vcard.uid(there) != contact_id:
            raise Refused(
                Reason.CHANGED_MEANWHILE,
                "contact_id",
                found="another contact in its place",
                expected="a new idempotency_key",
            )
        return contact

    def update(
        self, contact_id: str, etag: str, changes: Mapping[str, Any], run: Run
    ) -> tuple[Contact, Contact]:
        """Change the fields in the card and leave the rest of it as it is."""
        before, card = self._read(contact_id, run)
        if before.etag != etag:
            raise changed_meanwhile()
        answer = self._write("PUT", contact_id, run, {"If-Match": etag}, vcard.changed(card, changes))
        if answer.status == 412:
            raise changed_meanwhile()
        try:
            return before, self._read(contact_id, run)[0]
        except Refused:
            raise unknown("no contact to look at after the change") from None

    def delete(self, contact_id: str, etag: str, run: Run) -> Contact:
        """Remove a card."""
        before, _ = self._read(contact_id, run)
        if before.etag != etag:
            raise changed_meanwhile()
        if self._write("DELETE", contact_id, run, {"If-Match": etag}, None).status == 412:
            raise changed_meanwhile()
        return before

    def _read(self, contact_id: str, run: Run) -> tuple[Contact, str]:
        answer = self._ask("GET", self._at(contact_id), run, {}, None)
        if answer.status != 200:
            _refuse(answer)
        etag = answer.headers.get("etag", "")
        if ETAG.fullmatch(etag) is None:
            raise bad_answer("a contact without a usable ETag", "one, as RFC 6352 6.3.2.3 wants it")
        card = answer.text()
        return Contact(contact_id, etag, vcard.read(card)), card

    def _ask(self, method: str, url: str, run: Run, headers: Mapping[str, str], body: bytes | None) -> Answer:
        return self._net.fetch(
            method,
            url,
            headers={**self._headers, **headers},
            content=body,
            max_bytes=MAX_ANSWER,
            seconds=self._seconds,
            redirects=0,
            run=run,
        )

    def _write(
        self, method: str, contact_id: str, run: Run, condition: Mapping[str, str], card: str | None
    ) -> Answer:
        """Change a card under a condition; gives an answer of success or of 412."""
        kind = {} if card is None else {"Content-Type": "text/vcard; charset=utf-8"}
        answer = send_once(
            self._net,
            method,
            self._at(contact_id),
            headers={**self._headers, **condition, **kind},
            content=None if card is None else card.encode(),
            seconds=self._seconds,
            run=run,
        )
        if answer.status != 412 and answer.status not in (200, 201, 204):
            _refuse(answer)
        return answer

    def _at(self, contact_id: str) -> str:
        if ID.fullmatch(contact_id) is None:
            raise no_such_contact()
        return f"{self._url}{quote(contact_id, safe='')}.vcf"


def _multistatus(answer: Answer) -> list[ET.Element]:
    """Read the answer of a REPORT without what makes XML dangerous: no DTD, so no entity."""
    try:
        content = answer.body.decode("utf-8")
        if re.search(r"<!(?!--|\[CDATA\[)", content):
            raise bad_answer("XML with a document type", "plain XML")
        root = ET.fromstring(content)  # noqa: S314  # what would be dangerous was just refused
    except (UnicodeDecodeError, ET.ParseError):
        raise bad_answer("something that is not XML", "the answer of a CardDAV server") from None
    if root.tag != f"{DAV}multistatus":
        raise bad_answer("other XML", "a DAV:multistatus")
    return root.findall(f"{DAV}response")


def _listed(response: ET.Element) -> Contact | None:
    """Read one contact of a list; what cannot be read, or not be asked for by its name, is left out."""
    href = urlsplit((response.findtext(f"{DAV}href") or "").strip()).path
    contact_id = unquote(href.rpartition("/")[2].removesuffix(".vcf"))
    etag = (response.findtext(f".//{DAV}getetag") or "").strip()
    card = response.findtext(f".//{CARD}address-data") or ""
    if ID.fullmatch(contact_id) is None or ETAG.fullmatch(etag) is None or not href.endswith(".vcf"):
        return None
    try:
        return Contact(contact_id, etag, vcard.read(card))
    except Refused:
        return None


def _refuse(answer: Answer) -> NoReturn:
    """Say what an answer without success means, without repeating its text."""
    status = answer.status
    if status in (401, 403):
        raise Refused(
            Reason.ACCESS_DENIED,
            "the CardDAV server",
            found=f"status {status}: the account of the settings may not do this",
            expected="something that it may; the operator can change the account",
        )
    if status in (404, 410):
        raise no_such_contact()
    if status == 429:
        raise Refused(
            Reason.RATE_LIMITED, "the CardDAV server", found="too many calls", expected="you to wait a minute"
        )
    if 400 <= status < 500:
        raise Refused(
            Reason.REJECTED,
            "the CardDAV server",
            found=f"status {status}",
            expected="a contact that it accepts",
        )
    raise bad_answer(f"status {status}", "success; try again later")
