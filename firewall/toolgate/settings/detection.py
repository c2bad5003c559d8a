"""The part `detection` of the settings file: rules and a model of the operator's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from toolgate import units
from toolgate.settings.fields import Duration, FilePath, Strict, Word
from toolgate.settings.values import Detection, Model

TRANSFORMERS = "transformers:"


def _entity(name: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,63}", name):
        raise ValueError("a name in capitals, such as PERSON")
    return name


class ModelFile(Strict):
    """A model that finds what patterns cannot; `entities` says what a policy calls each of its labels."""

    name: Word
    entities: Annotated[dict[Word, Annotated[str, AfterValidator(_entity)]], Field(min_length=1)]
    max_chars: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    timeout: Duration = "10s"


class DetectionFile(Strict):
    """What is looked for besides what toolgate brings."""

    rules: list[FilePath] = Field(default_factory=list)
    model: ModelFile | None = None


def detection(file: DetectionFile, base: Path) -> Detection:
    """What the part says, its paths below `base`."""
    return Detection(tuple(base / rule for rule in file.rules), _model(file.model, base))


def _model(file: ModelFile | None, base: Path) -> Model | None:
    if file is None:
        return None
    name = file.name
    if name.startswith(TRANSFORMERS):
        name = f"{TRANSFORMERS}{base / name.removeprefix(TRANSFORMERS)}"
    elif "/" in name or (base / name).is_dir():
        name = str(base / name)
    return Model(name, dict(file.entities), file.max_chars, file.workers, units.seconds(file.timeout))
