"""Which upstream a request is about, and the links, lists and catalogues of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from toolgate.core.model import Call, JsonObject, Refuse, Tool
from toolgate.core.policy import ServerAsk
from toolgate.core.present import LISTS
from toolgate.core.reasons import Reason
from toolgate.core.values import value
from toolgate.errors import Malformed, SecretUnavailable, SessionLost, UpstreamDown
from toolgate.ports import Policies
from toolgate.protocol.messages import answer_of, request
from toolgate.protocol.versions import (
    CAPABILITIES_KEY,
    SUPPORTED,
    Era,
    own_meta,
)
from toolgate.session import Session
from toolgate.upstream.catalogue import MAX_TOOLS, Catalogue
from toolgate.upstream.link import Emit, Link, Note, Opening, unheard

# What a client offers servers, and the word in a role's `servers_may` that lets them use it.
OFFERS: dict[str, ServerAsk] = {"elicitation": "elicit", "sampling": "sample", "roots": "list_roots"}

CLIENT_NOTIFICATIONS = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)

# What an upstream sends over a link besides answers, as the client gets it; None when it stays here.
Heard = Callable[[str, Link, Note], Awaitable[Note | None]]
# What an upstream says of itself, as a client of this session may hear it.
Says = Callable[[Session, str, JsonObject], Awaitable[JsonObject]]
Present = Callable[[str, list[Any]], list[JsonObject]]


@value
class Target:
    """The upstream a request is for, the thing it names there, and the request as that upstream gets it."""

    upstream: str
    name: str
    message: JsonObject


@value
class Page:
    """One page of a list: the answer it came in, and its items per upstream."""

    note: Note
    parts: tuple[tuple[str, list[Any]], ...]
    upstream: str = ""
    rename: Callable[[str, JsonObject], JsonObject] | None = None

    def merge(self, presented: Present) -> list[JsonObject]:
        """Every item that `presented` lets through, under the name this endpoint shows it by."""
        shown: list[JsonObject] = []
        for upstream, items in self.parts:
            kept = presented(upstream, items)
            shown += [self.rename(upstream, item) for item in kept] if self.rename else kept
        return shown


class Registry(Protocol):
    """Opens links to upstreams and knows what each one is."""

    def names(self) -> tuple[str, ...]: ...

    def timeout(self, upstream: str) -> float:
        """Seconds a call may take there."""
        ...

    async def open(self, upstream: str, opening: Opening) -> Link:
        """A link in the client's own era, bridged where the upstream speaks the other one."""
        ...


class Routes:
    """The transparent endpoint: one upstream, its own names, nothing renamed."""

    def __init__(self, registry: Registry, policies: Policies) -> None:
        self.registry = registry
        self.policies = policies
        self._catalogues: dict[str, Catalogue] = {}
        self.judged: Says = _as_it_is

    def catalogue(self, upstream: str) -> Catalogue:
        """The tools of one upstream."""
        known = self._catalogues.get(upstream)
        if known is None:
            known = self._catalogues[upstream] = Catalogue(upstream)
        return known

    def timeout(self, upstream: str) -> float:
        """Seconds a call to this upstream may take."""
        return self.registry.timeout(upstream)

    def target(self, session: Session, message: JsonObject) -> Target | Refuse:
        """What a request names, in its upstream's own words."""
        name = named(message)
        if isinstance(name, Refuse):
            return name
        scope = session.scope or ""
        if message["method"] == "subscriptions/listen":
            unreached = self._unreached(session, scope, message)
            if unreached is not None:
                return unreached
        return Target(scope, name, self._clipped(session, message))

    async def link(self, session: Session, upstream: str) -> Link | Refuse:
        """This client's link to one upstream, opened when first needed."""
        link = session.links.get(upstream)
        if link is not None:
            return link
        # Requests that come at once wait for one opening; one that leaves does not end it for the others.
        opening = session.opening.get(upstream)
        if opening is None:
            opening = session.opening[upstream] = asyncio.ensure_future(self._open(session, upstream))
            opening.add_done_callback(lambda _: session.opening.pop(upstream, None))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if not opening.cancelled():
                raise
            return Refuse(Reason.UNKNOWN_SESSION, "the session ended meanwhile")

    async def greet(self, session: Session, upstream: str, link: Link) -> Refuse | None:
        """What comes before a link is used; transparent: the client's own handshake, so nothing."""
        return None

    async def _open(self, session: Session, upstream: str) -> Link | Refuse:
        opening = Opening(session.era, session.caller.name, session.capabilities, session.client)
        try:
            link = await self.registry.open(upstream, opening)
        except UpstreamDown as error:
            return down(error)
        try:
            refusal = await self.greet(session, upstream, link)
        except BaseException:
            await _closed(link)
            raise
        if refusal is not None:
            await _closed(link)
            return refusal
        session.links[upstream] = link
        return link

    async def own(
        self, session: Session, message: JsonObject, emit: Emit, heard: Heard
    ) -> Note | Refuse | None:
        """What the endpoint answers itself; None where a request is routed. Transparent: nothing."""
        return None

    async def page(
        self, session: Session, message: JsonObject, emit: Emit, heard: Heard
    ) -> Page | Refuse | None:
        """One page of a list, as the upstream gives it."""
        upstream = session.scope or ""
        link = await self.link(session, upstream)
        if isinstance(link, Refuse):
            return link

        async def judged(note: Note) -> None:
            passed = await heard(upstream, link, note)
            if passed is not None:
                await emit(passed)

        try:
            note = await link.request(message, judged)
        except UpstreamDown as error:
            return down(error)
        if note is None or note.message is None:
            return None
        answer = answer_of(note.message)
        if answer is None:
            return Refuse(Reason.RESULT_MALFORMED, "expected a result or an error, one object")
        result: JsonObject = answer.get("result", {})
        items: object = result.get(LISTS[cast("str", message["method"])][0])
        part: list[object] = cast("list[object]", items) if isinstance(items, list) else []
        if len(part) > MAX_TOOLS:
            return Refuse(Reason.RESULT_TOO_LARGE, f"{upstream}: expected at most {MAX_TOOLS} items a page")
        return Page(Note(answer, note.id, note.retry), ((upstream, part),), upstream)

    async def tool(self, session: Session, link: Link, call: Call, now: float) -> Tool | Refuse | None:
        """The tool of a call, its upstream listed anew; None when it lists none of that name."""
        catalogue, timeout = self.catalogue(call.upstream), self.timeout(call.upstream)
        if catalogue.just_listed(now):
            return None
        try:
            async with asyncio.timeout(timeout):
                await self.refresh(session, link, call.upstream, now)
        except TimeoutError:
            return Refuse(Reason.UPSTREAM_TIMEOUT, f"{call.upstream}: no list of tools within {timeout:g} s")
        except UpstreamDown as error:
            return down(error)
        return catalogue.peek(call.target, now)

    async def refresh(self, session: Session, link: Link, upstream: str, now: float) -> None:
        """List every tool of an upstream anew, through this client's own link."""
        count = 0

        async def fetch(cursor: str | None) -> JsonObject:
            nonlocal count
            count += 1
            params: JsonObject = {} if cursor is None else {"cursor": cursor}
            if session.era is Era.MODERN:
                params["_meta"] = own_meta()
            note = await link.request(request(f"toolgate-list-{count}", "tools/list", params), unheard)
            message = note.message if note else None
            if message is None or "result" not in message:
                raise UpstreamDown(f"{upstream}: tools/list was not answered with a list")
            return cast("JsonObject", message["result"])

        await self.catalogue(upstream).refresh(fetch, now)

    def opened(
        self, session: Session, upstream: str, link: Link, message: JsonObject, result: JsonObject
    ) -> JsonObject:
        """Remember what an opening exchange agreed on; the result as the client gets it."""
        if message["method"] == "initialize":
            version: object = result.get("protocolVersion")
            session.version = version if isinstance(version, str) else session.version
            link.agreed(session.version)
            session.links[upstream] = link = link.settled()
            session.id = link.session or session.id
        if message["method"] == "server/discover":
            offered = cast("list[Any]", result.get("supportedVersions") or [])
            result = {**result, "supportedVersions": [one for one in offered if one in SUPPORTED]}
        return result

    def notified(self, session: Session, message: JsonObject) -> list[tuple[Link, JsonObject]]:
        """The links a client's notification goes to. Only what the protocol knows is passed on."""
        if message["method"] not in CLIENT_NOTIFICATIONS:
            return []
        if message["method"] == "notifications/cancelled":
            params = cast("JsonObject", message.get("params") or {})
            flight = session.inflight.get(str(params.get("requestId")))
            return [(flight.link, message)] if flight is not None else []
        return [(link, message) for link in session.links.values()]

    def listeners(self, session: Session) -> list[tuple[str, Link]]:
        """The links whose own stream this client may hear."""
        return list(session.links.items())

    def keeps_state(self, session: Session) -> bool:
        """Whether the client needs a session id to come back to what its links hold."""
        return any(link.stateful for link in session.links.values())

    def keeps_own(self, session: Session) -> bool:
        """Whether a session exists only here: its upstreams know none of their own."""
        for link in session.links.values():  # noqa: SIM110 - asked on every call, a generator costs more
            if link.stateful and link.session is None:
                return True
        return False

    def heard(self, upstream: str, message: JsonObject | None) -> None:
        """Notice what an upstream announces about its own lists."""
        if message is not None and message.get("method") == "notifications/tools/list_changed":
            self.catalogue(upstream).stale()

    def _clipped(self, session: Session, message: JsonObject) -> JsonObject:
        """The request without the client capabilities that the policy lets no server use."""
        params: Any = message.get("params")
        if message["method"] == "initialize":
            offered = cast("JsonObject", params.get("capabilities") or {})
            session.client = cast("JsonObject", params.get("clientInfo") or {})
            session.offers, session.capabilities = offered, self.allowed_offers(session, offered)
            kept = session.capabilities
            return message if kept is offered else {**message, "params": {**params, "capabilities": kept}}
        if session.era is not Era.MODERN:
            return message
        meta = cast("JsonObject", params["_meta"])
        offered = cast("JsonObject", meta[CAPABILITIES_KEY])
        kept = self.allowed_offers(session, offered)
        if kept is offered:
            return message
        return {**message, "params": {**params, "_meta": {**meta, CAPABILITIES_KEY: kept}}}

    def allowed_offers(self, session: Session, offered: JsonObject) -> JsonObject:
        """The same object where nothing is taken away."""
        policy, roles = self.policies.current, session.caller.roles
        if not offered:
            return offered
        denied = [key for key in OFFERS if key in offered and not policy.server_may(roles, OFFERS[key])]
        return {key: value for key, value in offered.items() if key not in denied} if denied else offered

    def _unreached(self, session: Session, upstream: str, message: JsonObject) -> Refuse | None:
        """A listen for a resource the caller does not reach, refused as a whole."""
        policy, roles = self.policies.current, session.caller.roles
        for uri in listened(message):
            if not policy.may("resources", roles, upstream, uri):
                return Refuse(Reason.NOT_ALLOWED, "notifications.resourceSubscriptions: not in the allowlist")
        return None


def listened(message: JsonObject) -> list[str]:
    """The resource URIs of a `subscriptions/listen`."""
    params = cast("JsonObject", message.get("params") or {})
    wanted: object = params.get("notifications")
    uris: object = (
        cast("JsonObject", wanted).get("resourceSubscriptions") if isinstance(wanted, dict) else None
    )
    return [str(uri) for uri in cast("list[object]", uris)] if isinstance(uris, list) else []


NAMED = frozenset({"tools/call", "prompts/get"})
_OBJECT_OR_NOTHING = frozenset({dict, type(None)})
_BY_URI = frozenset({"resources/read", "resources/subscribe", "resources/unsubscribe"})


def named(message: JsonObject) -> str | Refuse:
    """The tool, prompt or URI a request names; the method itself for one the protocol does not know."""
    method: str = message["method"]
    params: JsonObject = message.get("params") or {}
    name: object
    if method == "completion/complete":
        where, given = "params.ref", cast("object", params.get("ref"))
        reference = cast("JsonObject", given) if isinstance(given, dict) else {}
        # What is judged must be what the upstream reads, whatever else the reference holds.
        name = reference.get("name" if reference.get("type") == "ref/prompt" else "uri")
    elif method in NAMED:
        where, name = "params.name", params.get("name")
        if type(params.get("arguments")) not in _OBJECT_OR_NOTHING:
            return Refuse(Reason.MALFORMED, "params.arguments: expected an object")
    elif method in _BY_URI:
        where, name = "params.uri", params.get("uri")
    else:
        return method
    if not isinstance(name, str):
        return Refuse(Reason.MALFORMED, f"{where}: expected a string")
    return name


def arguments_of(message: JsonObject, method: str) -> JsonObject:
    """What the caller chose: a tool's or prompt's arguments, else every parameter but `_meta`."""
    params: JsonObject = message.get("params") or {}
    if method in NAMED:
        return params.get("arguments") or {}
    return {key: value for key, value in params.items() if key != "_meta"}


def with_arguments(target: Target, method: str, arguments: JsonObject) -> Target:
    """The request with what will be sent in place of what came."""
    params = cast("JsonObject", target.message.get("params") or {})
    if arguments == arguments_of(target.message, method):
        return target
    kept = {key: params[key] for key in params if method in NAMED or key == "_meta"}
    sent = {**kept, "arguments": arguments} if method in NAMED else {**arguments, **kept}
    return Target(target.upstream, target.name, {**target.message, "params": sent})


def down(error: UpstreamDown) -> Refuse:
    """What a client is told when its upstream failed: who and why, and whether to initialise again."""
    if isinstance(error, SessionLost):
        return Refuse(Reason.UNKNOWN_SESSION)
    if isinstance(error, SecretUnavailable):
        return Refuse(Reason.SECRET_UNAVAILABLE, str(error))
    reason = Reason.RESULT_MALFORMED if isinstance(error, Malformed) else Reason.UPSTREAM_DOWN
    return Refuse(reason, str(error))


async def _as_it_is(_session: Session, _upstream: str, said: JsonObject) -> JsonObject:
    return said


async def _closed(link: Link) -> None:
    try:
        await link.close()
    except UpstreamDown:
        return  # it is gone already
