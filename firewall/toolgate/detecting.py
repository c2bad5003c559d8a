"""The detectors of the settings: what toolgate brings, rule files, a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from toolgate.core.model import Finding
from toolgate.core.policy import Action, Actions
from toolgate.core.redact import redact
from toolgate.core.texts import texts
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Compile
from toolgate.errors import PortDown
from toolgate.ports import Detectors
from toolgate.settings import Settings

if TYPE_CHECKING:
    from toolgate.detect.models import ModelStage
    from toolgate.detect.packs import Pack

_SECRET: Final = frozenset({"SECRET"})
_MASK: Final = Actions({}, Action.MASK)


@dataclass(frozen=True, slots=True)
class Detecting:
    """`all` is what judges; `engine` is its fast part, `model` its slow one, to be started and closed.

    `highest` is the highest score of every entity that can be found.
    """

    all: Detectors
    engine: Engine
    model: ModelStage | None
    highest: Mapping[str, float]


def detecting(settings: Settings, compile_patterns: Compile) -> Detecting:
    """The detectors; a model is not started yet. Raises Misuse with file and line for a wrong rule file."""
    engine = Engine(compile_patterns, packs(settings))
    model = stage(settings)
    if model is None:
        return Detecting(engine, engine, None, engine.highest)
    from toolgate.detect.joined import Joined

    joined = Joined(engine, model)
    return Detecting(joined, engine, model, joined.highest)


def without_secrets(engine: Engine, text: str) -> str:
    """The text with every secret in it masked; none of it where that could not be found out."""
    leaves = texts(text)
    try:
        masked: str = redact(text, engine.find(leaves, _SECRET), _MASK, leaves)
    except PortDown:
        return "<not searched>"
    return masked


class Later:
    """`toolgate.ports.Detectors` of the settings, made when something is looked for, for who seldom does."""

    def __init__(self, settings: Settings, compile_patterns: Compile) -> None:
        self._settings, self._compile = settings, compile_patterns
        self._made: Detecting | None = None

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """What stands in the texts. Raises Misuse for a rule file or model that cannot be used."""
        if self._made is None:
            made = detecting(self._settings, self._compile)
            if made.model is not None:
                await made.model.start()
            self._made = made
        return await self._made.all.scan(texts, entities)

    async def close(self) -> None:
        """End the model."""
        if self._made is not None and self._made.model is not None:
            await self._made.model.close()


def packs(settings: Settings) -> list[Pack]:
    """The rule files. Raises Misuse with file and line."""
    if not settings.detection.rules:
        return []
    from toolgate.detect.gitleaks import load  # a wrapped server has none

    return [load(path) for path in settings.detection.rules]


def stage(settings: Settings) -> ModelStage | None:
    """The model, not started."""
    said = settings.detection.model
    if said is None:
        return None
    from toolgate.detect.models import ModelStage  # as above

    return ModelStage(said.name, said.entities, said.max_chars, said.workers, said.timeout)
