"""Signed webhooks in both directions, in the format of Standard Webhooks 1.0 (symmetric, `v1`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from toolgate.errors import Misuse

# Standard Webhooks, "Verifying webhook authenticity": messages too old or too new are refused.
TOLERANCE: Final = 300.0
# Standard Webhooks, "Signature scheme": a key has between 24 and 64 bytes.
SHORTEST: Final = 24
_PREFIX: Final = "whsec_"
# A dot in an id would make two different messages sign the same.
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,128}\Z")
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,11}\Z")
# More signatures than a rotation of secrets needs only cost time.
_MOST_SIGNATURES: Final = 8


@dataclass(frozen=True, slots=True)
class Signed:
    """A message that a holder of the secret has signed, and in time. `id` is good once."""

    id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What is wrong with a message; never a value of it."""

    why: str


def key_of(secret: str) -> bytes:
    """The bytes behind a secret: `whsec_` and base64, or any other text as it stands. Raises Misuse."""
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise Misuse("found whsec_ without base64 behind it, expected the whole secret") from None
    else:
        key = secret.encode()
    if len(key) < SHORTEST:
        raise Misuse(f"found a secret of {len(key)} bytes, expected at least {SHORTEST}")
    return key


def sign(key: bytes, ident: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: HMAC-SHA256 over `id.timestamp.body`."""
    mac = hmac.new(key, b"%b.%d.%b" % (ident.encode(), timestamp, body), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def headers(key: bytes, ident: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed message."""
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key, ident, timestamp, body),
    }


def verify(
    keys: Sequence[bytes], given: Mapping[str, str], body: bytes, now: float, tolerance: float = TOLERANCE
) -> Signed | Unsigned:
    """Whether one of the keys signed this very message less than `tolerance` seconds ago, or ahead.

    `given` has lower-case names. Whoever accepts it must still see to it that its id counts once.
    """
    ident, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]
    if not _ID.match(ident):
        return Unsigned("webhook-id: expected 8 to 128 letters, digits, - and _")
    if not _TIMESTAMP.match(timestamp):
        return Unsigned("webhook-timestamp: expected seconds since 1970")
    if abs(now - int(timestamp)) > tolerance:
        return Unsigned(f"webhook-timestamp: expected within {tolerance:g} s of now; is the clock right?")
    wanted = [sign(key, ident, int(timestamp), body).encode() for key in keys]
    pairs = [(one.encode("utf-8", "replace"), other) for one in signatures for other in wanted]
    # Each pair is compared, so that the time taken says nothing about which came near.
    if not any([hmac.compare_digest(one, other) for one, other in pairs]):  # noqa: C419 - all, on purpose
        return Unsigned("webhook-signature: expected one made with the secret of a configured webhook")
    return Signed(ident, int(timestamp))
