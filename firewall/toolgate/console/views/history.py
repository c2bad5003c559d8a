"""The journal: records page by page, and whether they are still what was written."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from toolgate.console.room import Form, Room, Signed, done
from toolgate.console.tail import Numbered, Wanted
from toolgate.console.visitors import Visitor
from toolgate.errors import JournalDown
from toolgate.journal.verify import LIMITS, Report, sentence, verify_file

_ANCHOR: Final = re.compile(r"[0-9]+:[0-9a-f]{32}")
_KINDS: Final = (
    *("intent", "outcome", "refusal", "hold", "decision", "grant", "pause", "undo"),
    *("policy", "start", "stop", "summary"),
)
_VERDICTS: Final = ("allow", "hold", "refuse")
_FEW: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A record on one line; whatever stands in it, as text."""

    id: int
    at: float | None
    kind: str
    who: str
    what: str
    verdict: str
    more: str
    call: str


def _row(one: Numbered) -> Row:
    body, at = one.line.body, one.line.body.get("at")
    words = {name: str(value) for name, value in body.items() if isinstance(value, str | int | float)}

    def joined(between: str, *names: str) -> str:
        return between.join(words[name] for name in names if words.get(name))

    return Row(
        id=one.id,
        at=at if isinstance(at, int | float) else None,
        kind=words.get("kind", ""),
        who=words.get("caller") or words.get("approver", ""),
        what=joined("/", "upstream", "target"),
        verdict=words.get("verdict", ""),
        more=joined(" ", "reason", "status", "approval"),
        call=words.get("call", ""),
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """What the last verification came to."""

    at: float
    report: Report | None
    trouble: str

    @property
    def problems(self) -> list[str]:
        """A sentence for each."""
        return [sentence(one) for one in self.report.problems[:_FEW]] if self.report is not None else []


class History:
    """The pages of the journal. Remembers the last verification of this process."""

    def __init__(self) -> None:
        self._checked: Checked | None = None
        self._alone = asyncio.Lock()

    async def page(self, room: Room, request: Request, visitor: Visitor) -> Response:
        """The newest records that fit."""
        asked = request.query_params
        names = ("caller", "upstream", "target", "verdict", "kind", "call")
        wanted = Wanted(**{name: asked.get(name, "").strip()[:500] for name in names})
        before = int(asked["before"]) if re.fullmatch(r"[0-9]{1,18}", asked.get("before", "")) else 0
        trouble, found, further = "", list[Numbered](), 0
        try:
            found, further = await room.tail.page(wanted, before)
        except JournalDown:
            trouble = "The journal cannot be read."
        fields = wanted.fields()
        return room.pages.show(
            request,
            visitor,
            "journal.html",
            found=[_row(one) for one in found],
            wanted=fields,
            kinds=_KINDS,
            verdicts=_VERDICTS,
            further=urlencode({**{k: v for k, v in fields.items() if v}, "before": further})
            if further
            else "",
            before=before,
            trouble=trouble,
            checked=self._checked,
            limits=LIMITS,
        )

    async def record(self, room: Room, request: Request, visitor: Visitor) -> Response:
        """Every field of one record."""
        number = int(request.path_params["record"])
        found = await room.tail.one(number)
        if not found:
            return room.pages.trouble(request, visitor, 404, "There is no such record.")
        return room.pages.show(request, visitor, "record.html", one=found[0])

    async def verify(self, room: Room, signed: Signed, form: Form) -> Response:
        """Check every chain, head and turn."""
        anchor = form["anchor"].strip()
        if anchor and not _ANCHOR.fullmatch(anchor):
            why = "Anchor: expected what an earlier verification gave, such as 1234:0123…"
            return room.pages.trouble(signed.request, signed.visitor, 400, why)
        house = room.house
        async with self._alone:
            try:
                report = await asyncio.to_thread(verify_file, house.journal, house.journal_keys(), anchor)
                self._checked = Checked(house.clock.now(), report, "")
            except JournalDown:
                self._checked = Checked(house.clock.now(), None, "The journal cannot be read.")
        return done(room, signed, "/journal", None, "Verified.")
