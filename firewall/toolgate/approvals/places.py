"""Where notifications go, as the settings say: plain values, cheap to load."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

EventName: TypeAlias = Literal["held", "decided", "expired", "forwarded", "flooded"]
EVENTS: Final[tuple[EventName, ...]] = ("held", "decided", "expired", "forwarded", "flooded")
# What a chat is told unless the settings say otherwise.
SHORT: Final[tuple[EventName, ...]] = ("held", "flooded")


@dataclass(frozen=True, slots=True)
class WebhookPlace:
    """A receiver of signed messages. `url` and `secret` may be `secret:` references.

    `approver` is who in the approvers file a signed decision counts as; empty: it may not decide.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    events: tuple[EventName, ...] = EVENTS
    allow_private: bool = False
    approver: str = ""

    @property
    def target(self) -> str:
        """What deliveries to it are filed under: stays the same when the settings change their order."""
        return _target("webhook", self.url)


@dataclass(frozen=True, slots=True)
class SlackPlace:
    """An incoming webhook of Slack or something compatible. `url` is a secret, or a reference to one.

    `approver` is whose word it is when a link decides without a sign-in; empty: whoever opens it signs in.
    """

    url: str = field(repr=False)
    events: tuple[EventName, ...] = SHORT
    allow_private: bool = False
    approver: str = ""

    @property
    def target(self) -> str:
        """What deliveries to it are filed under."""
        return _target("slack", self.url)


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told. `attempts` is how often a message is tried before it is put with the dead letters."""

    webhooks: tuple[WebhookPlace, ...] = ()
    slack: tuple[SlackPlace, ...] = ()
    desktop: bool = True
    attempts: int = 10


def _target(kind: str, url: str) -> str:
    return f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:10]}"
