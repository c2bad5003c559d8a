"""The two kinds of receivers: signed webhooks, and incoming webhooks of Slack and its like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from toolgate.approvals import links, signing, slack
from toolgate.approvals.places import SlackPlace, WebhookPlace
from toolgate.approvals.posting import Answer, Post
from toolgate.approvals.reaching import Unreachable
from toolgate.approvals.telling import Told, body
from toolgate.core.delivery import Delivery
from toolgate.core.model import Tier
from toolgate.errors import Misuse, SecretUnavailable
from toolgate.ports import Keyring, Secrets

# Answers after which the same message may go through later. RFC 9110 and RFC 6585; 425 is RFC 8470.
_PASSING = frozenset({408, 425, 429})


class Receiver(Protocol):
    """Somebody who is told through an outbox."""

    @property
    def target(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def events(self) -> tuple[str, ...]: ...

    def write(self, told: Told) -> bytes:
        """The message as it is kept until it has arrived."""
        ...

    async def deliver(self, delivery: Delivery, message: bytes) -> None:
        """Send it once. Raises Unreachable."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """What both kinds send with. `console` is its base URL, "" where there is none."""

    post: Post
    secrets: Secrets
    keyring: Keyring
    now: Callable[[], float]
    console: str = ""


class Webhook:
    """A receiver of signed messages."""

    channel = "webhook"

    def __init__(self, place: WebhookPlace, reach: Reach) -> None:
        self._place, self._reach = place, reach
        self.target, self.events = place.target, place.events

    def write(self, told: Told) -> bytes:
        """The JSON body, the same for every attempt."""
        may_decide = self._place.approver and self._reach.console
        return body(told, f"{self._reach.console}/hooks/decisions" if may_decide else "")

    async def deliver(self, delivery: Delivery, message: bytes) -> None:
        """Sign it anew and POST it. Raises Unreachable."""
        texts = {"url": self._place.url, "secret": self._place.secret}
        found = await _revealed(self._reach.secrets, self.target, texts)
        try:
            key = signing.key_of(found["secret"])
        except Misuse as wrong:
            raise Unreachable(f"secret: {wrong}", final=True) from None
        headers = signing.headers(key, delivery.id, int(self._reach.now()), message)
        _settled(
            await self._reach.post.send(found["url"], headers, message, private=self._place.allow_private)
        )


class Slack:
    """An incoming webhook of Slack, Mattermost, Discord or what takes the same JSON."""

    channel = "slack"

    def __init__(self, place: SlackPlace, reach: Reach) -> None:
        self._place, self._reach = place, reach
        self.target, self.events = place.target, place.events

    def write(self, told: Told) -> bytes:
        """The message; to a held call it links with a token of its own, so the outbox keeps it sealed."""
        return orjson.dumps(slack.message(told, self._link(told)))

    async def deliver(self, delivery: Delivery, message: bytes) -> None:
        """POST it. Raises Unreachable."""
        found = await _revealed(self._reach.secrets, self.target, {"url": self._place.url})
        _settled(await self._reach.post.send(found["url"], {}, message, private=self._place.allow_private))

    def _link(self, told: Told) -> str:
        if told.kind != "held" or not self._reach.console:
            return told.page
        # What a privileged or unlisted tool may do is never said by somebody who only has a link.
        named = told.approval.tier in (Tier.REVERSIBLE, Tier.IRREVERSIBLE)
        approver = self._place.approver if named else ""
        token = links.token(self._reach.keyring, told.approval, approver, self.channel)
        return f"{self._reach.console}/decide/{token}"


async def _revealed(secrets: Secrets, place: str, texts: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return (await secrets.reveal(f"notify.{place}", texts)).texts
    except SecretUnavailable as why:
        raise Unreachable(str(why), final=False) from None


def _settled(answer: Answer) -> None:
    """Nothing for an answer that takes the message. Raises Unreachable."""
    status = answer.status
    if status < 300:
        return
    if status < 400:
        raise Unreachable(f"it answered {status}, a redirect; none is followed", final=True)
    final = status < 500 and status not in _PASSING
    raise Unreachable(f"it answered {status}", final=final, retry_after=answer.retry_after)
