"""The actions server: its families, those that are on."""

import importlib

from toolgate_servers.actions.settings import ActionsSettings, Families
from toolgate_servers.actions.stores import Stores
from toolgate_servers.idempotency import Once
from toolgate_servers.server import Family, ToolServer

# A family NAME is the module toolgate_servers.actions.NAME.family, imported when it is on:
#   ADVICE: str   what a model should know of it beyond its descriptions, a sentence or two
#   family(settings: ActionsSettings, stores: Stores, once: Once) -> Family
FAMILIES = tuple(Families.model_fields)


def build(settings: ActionsSettings) -> ToolServer:
    """Make the server: opens the stores and resolves the secrets of what is on, and talks to nobody yet.

    Raises:
        CannotStart: A file, a secret or a package is not there, or is something else.
    """
    stores = Stores(settings.stores)
    once = Once(stores.place("actions.db"))
    families: list[Family] = []
    advice: list[str] = []
    for name in FAMILIES:
        if getattr(settings.families, name):
            module = importlib.import_module(f"toolgate_servers.actions.{name}.family")
            families.append(module.family(settings, stores, once))
            advice.append(module.ADVICE)
        else:
            families.append(Family.off(name))
    return ToolServer("actions", title="Actions", instructions=" ".join(advice), families=families)
