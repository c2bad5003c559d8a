"""What the gateway answers a front with when there is no message of the upstream to pass on."""

from __future__ import annotations

from typing import TypeAlias

from toolgate.core.model import Approval, Refuse, Tier, Withhold
from toolgate.core.values import value
from toolgate.upstream.link import Note


@value
class Held:
    """The call waits for a person under this approval."""

    approval: Approval
    tier: Tier | None


Reply: TypeAlias = Note | Held | Refuse | Withhold
