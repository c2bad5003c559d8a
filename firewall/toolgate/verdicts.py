"""What the gateway answers a front with when there is no message of the upstream to pass on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from toolgate.core.model import Approval, Refuse, Tier, Withhold
from toolgate.upstream.link import Note


@dataclass(frozen=True, slots=True)
class Held:
    """The call waits for a person under this approval."""

    approval: Approval
    tier: Tier | None


Reply: TypeAlias = Note | Held | Refuse | Withhold
