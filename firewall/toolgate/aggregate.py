"""The aggregated endpoint: every upstream the caller may use, tools and prompts as `upstream__name`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from toolgate.core.model import JsonObject, Refuse
from toolgate.core.present import LISTS, OWN, present
from toolgate.core.reasons import Reason
from toolgate.errors import UpstreamDown
from toolgate.ports import Policies
from toolgate.protocol import translate
from toolgate.protocol.messages import answer_of, notification, request, response
from toolgate.protocol.versions import LEGACY, MODERN, NEWEST_LEGACY, SELF, SUBSCRIPTION_KEY, Era, own_meta
from toolgate.routes import Heard, Page, Registry, Routes, Target, down, listened
from toolgate.session import Session
from toolgate.upstream.catalogue import MAX_TOOLS
from toolgate.upstream.link import Emit, Link, Note, unheard

SEPARATOR = "__"
UNAVAILABLE_KEY = "toolgate/unavailable"
_OPEN_SECONDS = 10.0
_MOST_PAGES = 100
_MOST_URIS = 100_000
_PREFIXED = frozenset({"tools/list", "prompts/list"})


class Aggregated(Routes):
    """Routes by name prefix where a session has no upstream of its own, else as the transparent endpoint."""

    def __init__(self, registry: Registry, policies: Policies) -> None:
        super().__init__(registry, policies)
        self._offers: dict[str, JsonObject] = {}
        # URIs and templates by caller, upstream and method; the longest unused lists are forgotten.
        self._listed: OrderedDict[tuple[str, str, str], frozenset[str]] = OrderedDict()

    def target(self, session: Session, message: JsonObject) -> Target | Refuse:
        """The upstream a prefixed name or a listed URI belongs to."""
        if session.scope is not None:
            return super().target(session, message)
        method = cast("str", message["method"])
        params = cast("JsonObject", message.get("params") or {})
        if method in ("tools/call", "prompts/get"):
            return self._prefixed(session, message, params)
        if method == "completion/complete":
            return self._completion(session, message, params)
        if method.startswith("resources/"):
            return self._resource(session, message, str(params.get("uri")))
        return Refuse(
            Reason.NOT_ALLOWED, "on the aggregated endpoint only the protocol's own methods have an owner"
        )

    async def greet(self, session: Session, upstream: str, link: Link) -> Refuse | None:
        """The handshake on the client's behalf."""
        if session.scope is not None or session.era is Era.MODERN:
            return None
        try:
            async with asyncio.timeout(self._patience(upstream)):
                await self._handshake(session, upstream, link)
        except TimeoutError:
            return Refuse(Reason.UPSTREAM_DOWN, self._silent(upstream))
        except UpstreamDown as error:
            return down(error)
        return None

    async def own(
        self, session: Session, message: JsonObject, emit: Emit, heard: Heard
    ) -> Note | Refuse | None:
        """What the aggregated endpoint answers itself; None where a request is routed."""
        if session.scope is not None:
            return None
        match message["method"]:
            case "initialize":
                return await self._initialize(session, message)
            case "server/discover":
                return await self._discover(session, message)
            case "ping":
                return _answer(session, message, {})
            case "logging/setLevel":
                await self._fan_out(session, message)
                return _answer(session, message, {})
            case "subscriptions/listen":
                return await self._listen(session, message, emit, heard)
            case _:
                return None

    async def page(
        self, session: Session, message: JsonObject, emit: Emit, heard: Heard
    ) -> Page | Refuse | None:
        """Every page of every upstream as one; an upstream that is down is left out and named."""
        if session.scope is not None:
            return await super().page(session, message, emit, heard)
        method, names = cast("str", message["method"]), self.registry.names()
        lists = await asyncio.gather(*(self._walk(session, upstream, method) for upstream in names))
        parts: list[tuple[str, list[Any]]] = []
        down: JsonObject = {}
        for upstream, found in zip(names, lists, strict=True):
            if isinstance(found, str):
                down[upstream] = found
                continue
            parts.append((upstream, found))
            if method == "tools/list":
                self.catalogue(upstream).learn(found)
            self._remember(session, method, upstream, found)
        result: JsonObject = {LISTS[method][0]: []}
        if down:
            result["_meta"] = {UNAVAILABLE_KEY: down}
        note = _answer(session, message, result, method)
        return Page(note, tuple(parts), "", _prefix if method in _PREFIXED else None)

    def notified(self, session: Session, message: JsonObject) -> list[tuple[Link, JsonObject]]:
        """The handshakes are toolgate's own here; everything else goes where it belongs."""
        if session.scope is None and message["method"] == "notifications/initialized":
            return []
        return super().notified(session, message)

    def _prefixed(self, session: Session, message: JsonObject, params: JsonObject) -> Target | Refuse:
        name: object = params.get("name")
        upstream, _, own = name.partition(SEPARATOR) if isinstance(name, str) else ("", "", "")
        if isinstance(name, str) and name in OWN:
            return Target("", name, message)
        if upstream not in self.registry.names() or not own:
            return Refuse(Reason.NOT_ALLOWED, "params.name: expected UPSTREAM__NAME of a listed one")
        inner = {**message, "params": {**params, "name": own}}
        return super().target(replace(session, scope=upstream), inner)

    def _completion(self, session: Session, message: JsonObject, params: JsonObject) -> Target | Refuse:
        reference = cast("Any", params.get("ref"))
        if not isinstance(reference, dict):
            return Refuse(Reason.MALFORMED, "params.ref: expected an object")
        about = cast("JsonObject", reference)
        if about.get("type") != "ref/prompt":
            return self._resource(session, message, str(about.get("uri")))
        upstream, _, own = str(about.get("name")).partition(SEPARATOR)
        if upstream not in self.registry.names() or not own:
            return Refuse(Reason.NOT_ALLOWED, "params.ref.name: expected UPSTREAM__NAME of a listed prompt")
        inner = {**message, "params": {**params, "ref": {**about, "name": own}}}
        return super().target(replace(session, scope=upstream), inner)

    def _resource(self, session: Session, message: JsonObject, uri: str) -> Target | Refuse:
        owners = self._owners(session, uri)
        if len(owners) != 1:
            why = "listed by several upstreams" if owners else "listed by no upstream"
            return Refuse(
                Reason.NOT_ALLOWED, f"params.uri: expected a URI that one upstream listed, found one {why}"
            )
        return super().target(replace(session, scope=owners.pop()), message)

    def _owners(self, session: Session, uri: str) -> set[str]:
        """Who listed this URI to this caller, itself or through a template it starts like."""
        caller, names = session.caller.name, self.registry.names()
        exact = {one for one in names if uri in self._listed.get((caller, one, "resources/list"), ())}
        if exact:
            return exact
        fits: dict[str, int] = {}
        for upstream in names:
            templates = self._listed.get((caller, upstream, "resources/templates/list"), ())
            fitting = [len(one) for one in templates if uri.startswith(one.partition("{")[0])]
            if fitting:
                fits[upstream] = max(fitting)
        longest = max(fits.values(), default=0)
        return {upstream for upstream, length in fits.items() if length == longest}

    def _remember(self, session: Session, method: str, upstream: str, items: Sequence[Any]) -> None:
        key, caller = LISTS[method][1], session.caller
        if not method.startswith("resources/"):
            return
        shown = present(method, items, upstream, caller, self.policies.current)
        place = (caller.name, upstream, method)
        self._listed[place] = frozenset(str(item[key]) for item in shown)
        self._listed.move_to_end(place)
        while sum(map(len, self._listed.values())) > _MOST_URIS:
            self._listed.popitem(last=False)

    def _patience(self, upstream: str) -> float:
        """Seconds that one slow upstream may keep a client waiting for all the others."""
        return min(_OPEN_SECONDS, self.timeout(upstream))

    def _silent(self, upstream: str) -> str:
        return f"{upstream}: no answer within {self._patience(upstream):g} s"

    async def _walk(self, session: Session, upstream: str, method: str) -> list[Any] | str:
        """Every item of one upstream's list, or why there are none."""
        items: list[Any] = []
        params: JsonObject = {"_meta": own_meta()} if session.era is Era.MODERN else {}
        try:
            async with asyncio.timeout(self._patience(upstream)):
                link = await self.link(session, upstream)
                if isinstance(link, Refuse):
                    return link.detail
                for _ in range(_MOST_PAGES):
                    note = await link.request(request("toolgate-list", method, params), unheard)
                    result = cast("Any", (note.message or {}).get("result") if note else None)
                    if not isinstance(result, dict):
                        return items  # an upstream without this kind of list answers with an error
                    page = cast("JsonObject", result)
                    found: object = page.get(LISTS[method][0])
                    if not isinstance(found, list):
                        return f"{upstream}: {method}: expected a list"
                    items += cast("list[object]", found)
                    if len(items) > MAX_TOOLS:
                        return f"{upstream}: {method}: expected at most {MAX_TOOLS} items"
                    following: object = page.get("nextCursor")
                    if not isinstance(following, str):
                        return items
                    params = {**params, "cursor": following}
        except TimeoutError:
            return self._silent(upstream)
        except UpstreamDown as error:
            return str(error)
        return f"{upstream}: more than {_MOST_PAGES} pages"

    async def _handshake(self, session: Session, upstream: str, link: Link) -> None:
        params = translate.handshake(session.client, session.capabilities)
        note = await link.request(request("toolgate-open", "initialize", params), unheard)
        answer = answer_of(note.message) if note and note.message else None
        if answer is None or "result" not in answer:
            raise UpstreamDown(f"{upstream}: the upstream refused to initialise")
        self._offers[upstream] = answer["result"]
        link.agreed(str(answer["result"].get("protocolVersion", NEWEST_LEGACY)))
        await link.send(notification("notifications/initialized", {}))

    async def _initialize(self, session: Session, message: JsonObject) -> Note:
        params = cast("JsonObject", message.get("params") or {})
        session.client = cast("JsonObject", params.get("clientInfo") or {})
        session.offers = cast("JsonObject", params.get("capabilities") or {})
        session.capabilities = self.allowed_offers(session, session.offers)
        wanted: object = params.get("protocolVersion")
        session.version = wanted if isinstance(wanted, str) and wanted in LEGACY else NEWEST_LEGACY
        result = await self._union(session)
        return _answer(
            session, message, {"protocolVersion": session.version, "serverInfo": dict(SELF), **result}
        )

    async def _discover(self, session: Session, message: JsonObject) -> Note:
        result = await self._union(session)
        found: JsonObject = {"supportedVersions": [MODERN, *reversed(LEGACY)], **result}
        return _answer(session, message, found, "server/discover")

    async def _union(self, session: Session) -> JsonObject:
        """What all upstreams together offer, and which of them are down."""
        names = self.registry.names()
        links = await asyncio.gather(*(self._offer(session, upstream) for upstream in names))
        capabilities: JsonObject = {}
        told: list[str] = []
        for upstream, found in zip(names, links, strict=True):
            if isinstance(found, str):
                told.append(f"{upstream} is not available now: {found}")
                continue
            found = await self.judged(session, upstream, found)
            for key, value in _object(found, "capabilities").items():
                if key in _DELIVERED:
                    capabilities[key] = {**capabilities.get(key, {}), **_object({key: value}, key)}
            if found.get("instructions"):
                told.append(f"{upstream}: {found['instructions']}")
        result: JsonObject = {"capabilities": capabilities}
        if told:
            result["instructions"] = "\n\n".join(told)
        return result

    async def _offer(self, session: Session, upstream: str) -> JsonObject | str:
        """What one upstream says of itself, or why it says nothing."""
        try:
            async with asyncio.timeout(self._patience(upstream)):
                link = await self.link(session, upstream)
                if isinstance(link, Refuse):
                    return link.detail
                if session.era is Era.LEGACY:
                    return self._offers.get(upstream, {})
                asked = request("toolgate-discover", "server/discover", {"_meta": own_meta()})
                note = await link.request(asked, unheard)
        except TimeoutError:
            return self._silent(upstream)
        except UpstreamDown as error:
            return str(error)
        answer = answer_of(note.message) if note and note.message else None
        return answer.get("result", {}) if answer else {}

    async def _fan_out(self, session: Session, message: JsonObject) -> None:
        for upstream, link in list(session.links.items()):
            if "logging" in _object(self._offers.get(upstream, {}), "capabilities"):
                try:
                    await link.request({**message, "id": "toolgate-level"}, unheard)
                except UpstreamDown:
                    continue  # the others are told all the same

    async def _listen(self, session: Session, message: JsonObject, emit: Emit, heard: Heard) -> Note | Refuse:
        """One listen over all upstreams: acknowledged once, ended when the last one ends."""
        policy, roles, by_owner = self.policies.current, session.caller.roles, dict[str, list[str]]()
        for uri in listened(message):
            owners = self._owners(session, uri)
            if len(owners) != 1 or not policy.may("resources", roles, next(iter(owners)), uri):
                return Refuse(Reason.NOT_ALLOWED, "notifications.resourceSubscriptions: not in the allowlist")
            by_owner.setdefault(owners.pop(), []).append(uri)
        params = cast("JsonObject", message["params"])
        wanted = cast("JsonObject", params.get("notifications") or {})
        await emit(
            Note(notification(_ACKNOWLEDGED, translate.tagged({"notifications": wanted}, message["id"])))
        )

        async def one(upstream: str) -> None:
            async def pass_on(note: Note) -> None:
                if note.message is not None and note.message.get("method") != _ACKNOWLEDGED:
                    passed = await heard(upstream, cast("Link", link), note)
                    if passed is not None:
                        await emit(Note(passed.message))

            link = await self.link(session, upstream)
            asked = {**wanted, "resourceSubscriptions": by_owner.get(upstream, [])}
            if not isinstance(link, Refuse):
                try:
                    await link.request({**message, "params": {**params, "notifications": asked}}, pass_on)
                except UpstreamDown:
                    return  # the others go on

        await asyncio.gather(*(one(upstream) for upstream in self.registry.names()))
        closing: JsonObject = {"_meta": {SUBSCRIPTION_KEY: message["id"]}}
        return _answer(session, message, closing)


_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
# Capabilities that can be delivered over several upstreams at once.
_DELIVERED = frozenset({"tools", "prompts", "resources", "completions", "logging"})


def _prefix(upstream: str, item: JsonObject) -> JsonObject:
    return {**item, "name": f"{upstream}{SEPARATOR}{item['name']}"}


def _object(holder: JsonObject, key: str) -> JsonObject:
    """An object that a stranger put under a key, empty where it is none."""
    found: object = holder.get(key)
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def _answer(session: Session, message: JsonObject, result: JsonObject, method: str = "") -> Note:
    if session.era is Era.MODERN:
        result = translate.modern_result(method, result, dict(SELF))
    return Note(response(message["id"], result))
