"""Where things are: listening address, upstreams, identity, stores. What is allowed lives in policies."""

from toolgate.settings.places import check_places
from toolgate.settings.sources import chosen, for_home, home, load
from toolgate.settings.values import (
    Command,
    ConsoleSettings,
    IdentitySettings,
    Known,
    Limits,
    Listen,
    Remote,
    Settings,
    Tcp,
    Unix,
    UpstreamSettings,
)

__all__ = [
    "Command",
    "ConsoleSettings",
    "IdentitySettings",
    "Known",
    "Limits",
    "Listen",
    "Remote",
    "Settings",
    "Tcp",
    "Unix",
    "UpstreamSettings",
    "check_places",
    "chosen",
    "for_home",
    "home",
    "load",
]
