"""What the gateway answers a front with when there is no message of the upstream to pass on."""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from toolgate.core.model import Approval, JsonObject, Refuse, Tier, Withhold
from toolgate.core.values import value
from toolgate.upstream.link import Note


@value
class Held:
    """The call waits for a person under this approval, to be decided through one of these channels.

    `page` is its URL at the console, `arguments` what would be sent. `private`: values stand in them that
    the caller knows by pseudonym only, so that its client must not be shown them.
    """

    approval: Approval
    tier: Tier | None
    channels: tuple[str, ...] = ("cli",)
    page: str = ""
    arguments: JsonObject = field(default_factory=dict[str, object])
    private: bool = False


Reply: TypeAlias = Note | Held | Refuse | Withhold
