"""The lists of upstreams as a caller gets them: what he reaches, every text of it judged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from toolgate.core.decide import view_of
from toolgate.core.model import Call, JsonObject, Refuse, Withhold
from toolgate.core.policy import Policy
from toolgate.core.present import LISTS, own_tools, present
from toolgate.core.reasons import Reason
from toolgate.core.schema import compile_schema
from toolgate.core.texts import texts
from toolgate.core.values import value
from toolgate.errors import PortDown
from toolgate.judge import Judge, World
from toolgate.relay import Relay
from toolgate.routes import Page, Routes
from toolgate.session import Session
from toolgate.upstream.link import Note
from toolgate.verdicts import Reply

# Pages that are remembered, and for how many seconds: as long as a catalogue counts as fresh.
_PAGES: Final = 512
_FRESH: Final = 300.0
_SCHEMAS: Final = ("inputSchema", "outputSchema")


@value
class _Judged:
    """A page as it came, as it is shown, and until when that counts."""

    items: Sequence[Any]
    shown: list[Any]
    until: float


class Listing:
    """Answers list requests. A page that came before is not looked at again."""

    def __init__(self, world: World, judge: Judge, relay: Relay, routes: Routes) -> None:
        self._world, self._judge, self._relay, self._routes = world, judge, relay, routes
        self._pages: OrderedDict[Hashable, _Judged] = OrderedDict()

    async def answer(self, session: Session, method: str, page: Page) -> Reply:
        """One page as this caller gets it."""
        note, caller, policy = page.note, session.caller, self._world.policies.current
        message = cast("JsonObject", note.message)
        about = Call(method, page.upstream, method, {}, caller, session.id)
        if "result" not in message:
            return await self._relay.failed(about, note, policy)
        key, result = LISTS[method][0], cast("JsonObject", message["result"])
        items: object = result.get(key)
        if not isinstance(items, list):
            return Withhold(Reason.RESULT_MALFORMED, f"result.{key}: expected a list")
        if method == "tools/list" and page.upstream:
            self._routes.catalogue(page.upstream).learn(cast("list[object]", items))
        rest = {name: said for name, said in result.items() if name != key}
        cleaned = await self._relay.cleaned(about, rest, policy)
        if isinstance(cleaned, Withhold):
            return cleaned
        parts: list[tuple[str, list[Any]]] = []
        for upstream, part in page.parts:
            cleaned_part = await self._cleaned(session, upstream, method, part)
            parts.append((upstream, cleaned_part))
        shown = replace(page, parts=tuple(parts)).merge(
            lambda upstream, part: present(method, part, upstream, caller, policy)
        )
        if method == "tools/list" and result.get("nextCursor") is None:
            listed = any(part for _, part in page.parts)
            shown += own_tools(listed=listed, shown=shown, caller=caller, policy=policy)
        changed: JsonObject = {**cleaned, key: shown}
        if "cacheScope" in result:
            # MCP 2026-07-28 caching: what differs per authorization is never shared.
            changed["cacheScope"] = "private"
        return Note({**message, "result": changed}, note.id, note.retry)

    async def _cleaned(self, session: Session, upstream: str, method: str, items: list[Any]) -> list[Any]:
        """The items of one upstream, masked; without those that may not be shown at all."""
        policy, now = self._world.policies.current, self._world.clock.monotonic()
        call = Call(method, upstream, method, {}, session.caller, session.id)
        if not items or not (view_of(call, policy).wanted_results):
            return items
        # Pseudonyms are those of one caller.
        whose = (session.caller.name, session.id) if policy.pseudonyms is not None else ()
        place = (upstream, method, policy.digest, session.caller.roles, whose, len(items), _first(items))
        known = self._pages.get(place)
        if known is not None and known.until > now and known.items == items:
            self._pages.move_to_end(place)
            return known.shown
        shown = await self._judged(call, items, policy)
        self._pages[place] = _Judged(items, shown, now + _FRESH)
        while len(self._pages) > _PAGES:
            self._pages.popitem(last=False)
        return shown

    async def _judged(self, call: Call, items: list[Any], policy: Policy) -> list[Any]:
        """Most pages hold nothing: they are looked at as a whole, and only else item by item."""
        try:
            if not await self._world.detectors.scan(texts(items), view_of(call, policy).wanted_results):
                return items
        except PortDown:
            pass  # too much at once; one by one it may do
        shown = [await self._item(call, item, policy) for item in items]
        return [item for item in shown if item is not None]

    async def _item(self, call: Call, item: Any, policy: Policy) -> JsonObject | None:
        """One item, None where it cannot be shown: it may not, or what names or defines it would change."""
        if not isinstance(item, dict):
            return None
        given = cast("JsonObject", item)
        cleaned = await self._relay.cleaned(call, given, policy)
        if isinstance(cleaned, Withhold):
            await self._judge.refused(call, Refuse(cleaned.reason, cleaned.detail))
            return None
        key = LISTS[call.method][1]
        if cleaned.get(key) != given.get(key) or not _defined(given, cleaned):
            reason = Refuse(Reason.RESULT_NOT_REDACTABLE, f"{call.method}: an item's name or schema")
            await self._judge.refused(call, reason)
            return None
        return cleaned


def _first(items: Sequence[Any]) -> object:
    """Something that tells pages apart."""
    first = items[0]
    named = cast("JsonObject", first).get("name") if isinstance(first, dict) else None
    return named if isinstance(named, str) else None


def _defined(given: JsonObject, cleaned: JsonObject) -> bool:
    """Whether masked schemas are schemas still."""
    for key in _SCHEMAS:
        if cleaned.get(key) != given.get(key):
            try:
                compile_schema(cleaned.get(key))
            except ValueError:
                return False
    return True
