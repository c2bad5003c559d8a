"""Who is told of held calls, put together from the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from toolgate.approvals.desktop import Desktop
from toolgate.approvals.notify import Ground, Notifier
from toolgate.core.model import Approval, JsonObject
from toolgate.core.policy import Action, Actions
from toolgate.core.redact import redact
from toolgate.core.texts import texts
from toolgate.ports import Clock, Detectors, Journal, Keyring, Policies, Secrets
from toolgate.settings import Settings
from toolgate.stores.outbox import SqliteOutbox

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from toolgate.approvals.approvers import Approver
    from toolgate.approvals.desk import Desk
    from toolgate.approvals.receivers import Receiver
    from toolgate.approvals.telling import Shown

    class Card(Shown, Protocol):
        """A card that also says the caller's roles."""

        @property
        def roles(self) -> tuple[str, ...]: ...


Cards: TypeAlias = "Callable[[str], Awaitable[Card | None]]"
Look: TypeAlias = "Callable[[str], Awaitable[Shown | None]]"
_MASK: Final = Actions({}, Action.MASK)


@dataclass(frozen=True, slots=True)
class Veiled:
    """A card as it may leave: also what the policy redacts of this tool's arguments or results is masked."""

    approval: Approval
    arguments: JsonObject | None
    hidden: tuple[str, ...]


def veiling(cards: Cards, policies: Policies, detectors: Detectors) -> Look:
    """Reads cards for people elsewhere. Whoever signs in at the console sees more."""

    async def look(approval: str) -> Veiled | None:
        card = await cards(approval)
        if card is None:
            return None
        about = card.approval
        if card.arguments is None:
            return Veiled(about, None, ())
        view = policies.current.view(card.roles, about.upstream, about.target)
        wanted = view.wanted_arguments | view.wanted_results
        leaves = texts(card.arguments)
        found = await detectors.scan(leaves, wanted)
        hidden = {*card.hidden, *(one.entity for one in found)}
        return Veiled(about, redact(card.arguments, found, _MASK, leaves), tuple(sorted(hidden)))

    return look


def announcer(
    settings: Settings,
    journal: Journal,
    keyring: Keyring,
    secrets: Secrets,
    clock: Clock,
    look: Look,
    console: str = "",
) -> Notifier:
    """The notifier of these settings. `look` reads a card as people see it, `console` is its base URL.

    It is idle until something happens; a process that stays calls `start`, every process `close`.
    """
    told = settings.notify
    outbox = SqliteOutbox(settings.store, clock.now)
    ground = Ground(outbox, journal, keyring, clock.now, look, attempts=told.attempts)
    desktop = Desktop(clock.now) if told.desktop else None
    return Notifier(ground, _receivers(settings, keyring, secrets, clock, console), desktop)


def deciding(
    settings: Settings,
    secrets: Secrets,
    keyring: Keyring,
    clock: Clock,
    desk: Desk,
    signed_in: Callable[[Request], Approver | None],
) -> Sequence[Route]:
    """What the console serves for decisions that come through webhooks and links."""
    from toolgate.approvals.hooks import Hooks
    from toolgate.approvals.web import Web, routes

    outbox = SqliteOutbox(settings.store, clock.now)
    hooks = Hooks(settings.notify.webhooks, secrets, outbox, desk.through("webhook"), clock.now)
    secure = settings.console.url.startswith("https:")
    return routes(Web(desk, hooks, keyring, clock.now, signed_in, secure))


def _receivers(
    settings: Settings, keyring: Keyring, secrets: Secrets, clock: Clock, console: str
) -> list[Receiver]:
    told = settings.notify
    if not (told.webhooks or told.slack):
        return []
    # TLS and an HTTP parser are only for those who tell somebody over the network.
    from toolgate.approvals.posting import Post
    from toolgate.approvals.receivers import Reach, Slack, Webhook

    reach = Reach(Post(), secrets, keyring, clock.now, console)
    return [
        *(Webhook(place, reach) for place in told.webhooks),
        *(Slack(place, reach) for place in told.slack),
    ]
