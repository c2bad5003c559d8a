"""The patterns and a model as one detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from toolgate.core.model import Finding
from toolgate.core.wanted import Wanted, least
from toolgate.detect.engine import Engine
from toolgate.detect.models import ModelStage

_REMEMBERED: Final = 256
_Parts: TypeAlias = tuple[frozenset[str], frozenset[str]]


class Joined:
    """Behind the port `Detectors`: what either finds. An entity may be found by both."""

    def __init__(self, engine: Engine, model: ModelStage) -> None:
        self._engine, self._model = engine, model
        self._parts: dict[frozenset[str], _Parts] = {}

    @property
    def highest(self) -> Mapping[str, float]:
        """The highest score of every entity."""
        ours, theirs = self._engine.highest, self._model.highest
        return {entity: max(ours.get(entity, 0.0), theirs.get(entity, 0.0)) for entity in {*ours, *theirs}}

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """What stands in the texts; overlapping findings are all reported.

        Raises PortDown for a message that cannot be judged in bounded time, ValueError for an entity that
        nothing here finds.
        """
        parts = self._parts.get(entities) or self._split(entities)
        found = self._engine.find(texts, parts[0])
        if not parts[1]:
            return found
        more = await self._model.scan(texts, parts[1])
        return (*found, *(one for one in more if one.score >= least(entities, one.entity)))

    def _split(self, entities: frozenset[str]) -> _Parts:
        theirs = frozenset(entities & self._model.entities)
        ours = frozenset(entities - theirs) | (entities & self._engine.entities)
        if isinstance(entities, Wanted):
            # What only the model is less sure of is out of the patterns' reach, not an error.
            highest = self._engine.highest
            ours = Wanted({e: s for e in ours if (s := least(entities, e)) <= highest.get(e, 1.0)})
        if len(self._parts) >= _REMEMBERED:
            self._parts.clear()
        self._parts[entities] = ours, theirs
        return ours, theirs
