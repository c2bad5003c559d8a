"""Who is told of held calls, put together from the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from toolgate.approvals.desktop import Desktop
from toolgate.approvals.notify import Ground, Notifier
from toolgate.approvals.telling import Shown
from toolgate.ports import Clock, Journal, Keyring, Secrets
from toolgate.settings import Settings
from toolgate.stores.outbox import SqliteOutbox

if TYPE_CHECKING:
    from toolgate.approvals.hooks import Decides, Hooks
    from toolgate.approvals.receivers import Receiver


def announcer(
    settings: Settings,
    journal: Journal,
    keyring: Keyring,
    secrets: Secrets,
    clock: Clock,
    look: Callable[[str], Awaitable[Shown | None]],
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


def hooks_of(settings: Settings, secrets: Secrets, clock: Clock, desk: Decides) -> Hooks:
    """What takes the signed decisions of webhooks. `desk` is that of the channel `webhook`."""
    from toolgate.approvals.hooks import Hooks

    outbox = SqliteOutbox(settings.store, clock.now)
    return Hooks(settings.notify.webhooks, secrets, outbox, desk, clock.now)


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
