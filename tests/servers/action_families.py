"""Which families of the actions server are on."""

from __future__ import annotations

from toolgate_servers.actions.settings import Families


def only(*names: str) -> Families:
    """Switch on these families and no others."""
    return Families(**{name: name in names for name in Families.model_fields})
