"""What several parts of the settings file are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from toolgate import units
from toolgate.ingress.issuer import safe_to_fetch
from toolgate.secrets import references


def _seconds(text: str) -> str:
    units.seconds(text)
    return text


def _provider(text: str) -> str:
    if not safe_to_fetch(text):
        raise ValueError("an https:// address (http:// only on this machine) without credentials")
    return text


def referring(text: str) -> str:
    """The text itself. Raises ValueError where it cannot be read as text with `secret:` references."""
    wrong = references.mistake(text)
    if wrong or "\0" in text:
        raise ValueError(wrong or "text without NUL characters")
    return text


Duration = Annotated[str, AfterValidator(_seconds)]
# Text in which references to secrets may stand.
Text = Annotated[str, AfterValidator(referring)]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
FilePath = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]
# An address that only this machine may be asked at without TLS.
Provider = Annotated[str, AfterValidator(_provider)]


class Strict(BaseModel):
    """A mapping in the file: unknown keys are mistakes, and no mistake quotes what it found."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
