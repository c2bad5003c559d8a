"""Signed links in messages: each leads to one approval until it expires; opening one decides nothing."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from toolgate.core.model import Approval
from toolgate.errors import SealBroken
from toolgate.ports import Keyring

_PURPOSE: Final = "approval-link"
# No link of ours is as long as this.
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. `approver` is who decides when it is used without a sign-in, "" for nobody."""

    approval: str
    approver: str
    channel: str
    expires: float


def token(keyring: Keyring, approval: Approval, approver: str, channel: str) -> str:
    """The last part of a link to this approval, sealed: it can be neither read nor changed."""
    said = [approval.id, approver, channel, approval.expires]
    return base64.urlsafe_b64encode(keyring.seal(_PURPOSE, orjson.dumps(said))).decode().rstrip("=")


def read(keyring: Keyring, text: str, now: float) -> Link | None:
    """What a token says; None for one that is not ours, was changed, or has expired."""
    if len(text) > _LONGEST:
        return None
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        said: Any = orjson.loads(keyring.unseal(_PURPOSE, sealed))
    except (SealBroken, binascii.Error, ValueError):
        return None
    approval, approver, channel, expires = cast("tuple[str, str, str, float]", said)
    return Link(approval, approver, channel, expires) if expires > now else None
