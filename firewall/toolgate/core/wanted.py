"""Which entities are looked for, and how sure a detector must be of each."""

from __future__ import annotations

from collections.abc import Mapping


class Wanted(frozenset[str]):
    """Entities to look for, each from a score on: usable wherever a plain set of entities is.

    Two that want the same entities from other scores on are not equal.
    """

    __slots__ = ("_digest", "least")

    least: Mapping[str, float]
    _digest: int

    def __new__(cls, least: Mapping[str, float]) -> Wanted:
        """Entity to the lowest score, 0 to 1, that counts."""
        made = super().__new__(cls, least)
        made.least = dict(least)
        made._digest = hash(frozenset(made.least.items()))
        return made

    def __hash__(self) -> int:
        return self._digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wanted) and self.least == other.least


def least(entities: frozenset[str], entity: str) -> float:
    """The score from which a finding of this entity counts."""
    return entities.least.get(entity, 0.0) if isinstance(entities, Wanted) else 0.0
