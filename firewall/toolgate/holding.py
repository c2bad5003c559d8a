"""The arguments of a held call as they are kept: what will be sent, and what that was made from."""

from __future__ import annotations

from typing import Any, cast

import orjson

from toolgate.core.canonical import canonical
from toolgate.core.model import JsonObject
from toolgate.core.values import value
from toolgate.errors import SealBroken
from toolgate.ports import HELD_ARGUMENTS, Keyring


@value
class HeldArguments:
    """`sends` is what people see and what goes out, `given` what the policy's redaction made it from.

    Only `given` is judged again: schema and conditions are about what came, before anything was masked.
    """

    sends: JsonObject
    given: JsonObject


def sealed(keyring: Keyring, arguments: HeldArguments) -> bytes:
    """Both, encrypted; once where redaction changes nothing."""
    sends, given = canonical(arguments.sends), canonical(arguments.given)
    plain = sends if sends == given else canonical([arguments.sends, arguments.given])
    return keyring.seal(HELD_ARGUMENTS, plain)


def opened(keyring: Keyring, kept: bytes | None) -> HeldArguments:
    """What was kept. Raises SealBroken where there is nothing, or it is not ours."""
    try:
        found: Any = orjson.loads(keyring.unseal(HELD_ARGUMENTS, kept or b""))
    except orjson.JSONDecodeError:
        raise SealBroken("held arguments: expected JSON") from None
    if isinstance(found, list):
        sends, given = cast("tuple[JsonObject, JsonObject]", found)
        return HeldArguments(sends, given)
    return HeldArguments(found, found)
