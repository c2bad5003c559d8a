"""Who calls: callers as the journal knows them, their keys, and the grants that apply to them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from toolgate.console.room import Form, Room, Signed, done
from toolgate.console.visitors import Visitor
from toolgate.errors import Misuse, SettingsError
from toolgate.ingress import keyfile
from toolgate.ingress.keyfile import Key


async def page(room: Room, request: Request, visitor: Visitor) -> Response:
    """Callers, keys, grants."""
    house = room.house
    try:
        keys, trouble = keyfile.read(house.keys), ""
    except SettingsError:
        keys, trouble = (), "The key file cannot be read: `toolgate keys list` says where the mistake is."
    now = house.clock.now()
    sums = dict(room.tally.by("caller", now))
    people = sorted(room.tally.people.values(), key=lambda one: -one.seen)
    return room.pages.show(
        request,
        visitor,
        "callers.html",
        people=[(one, sums.get(one.name)) for one in people],
        keys=[(key, _state(key, now)) for key in keys],
        grants=await house.desk.grants(),
        trouble=trouble,
    )


async def revoke_key(room: Room, signed: Signed, form: Form) -> Response:
    """Refuse every later call with a key."""
    del form
    house, key_id = room.house, signed.path("key")
    try:
        key = keyfile.revoke(house.keys, key_id, house.clock.now())
    except Misuse:
        return room.pages.trouble(signed.request, signed.visitor, 404, "There is no such key.")
    house.record(
        "decision",
        status="key-revoked",
        approver=signed.approver.name,
        channel="console",
        caller=key.caller,
        credential=f"key:{key.id}",
    )
    return done(room, signed, "/callers", None, f"Revoked key {key.id} of {key.caller}.")


async def revoke_grant(room: Room, signed: Signed, form: Form) -> Response:
    """Ask again from the next call on."""
    del form
    outcome = await room.house.desk.revoke(signed.approver, signed.path("grant"))
    return done(room, signed, "/callers", outcome, "Revoked the grant.")


def _state(key: Key, now: float) -> str:
    if key.revoked is not None:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "valid"
