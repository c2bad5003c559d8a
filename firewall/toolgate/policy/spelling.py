"""The types of the single values in a policy file: what a text must be to pass."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, Field

from toolgate import units
from toolgate.core import conditions, patterns
from toolgate.core.actions import NAMED
from toolgate.mistakes import nearest
from toolgate.policy import money

V = TypeVar("V")

_ENTITIES: Final = sorted({"secrets", "other"} | NAMED - {"SECRET"})
CHANNELS: Final = ("elicit", "console", "cli", "webhook", "slack")

Scalar: TypeAlias = str | int | float | bool | None


def _read_by(reader: Callable[[Any], object]) -> AfterValidator:
    """Let a value pass if it can be read; it stays as it was written."""

    def check(value: V) -> V:
        reader(value)
        return value

    return AfterValidator(check)


def listed(texts: str | Sequence[str]) -> tuple[str, ...]:
    """One text or several, as several."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _filled(values: Sequence[V]) -> Sequence[V]:
    if not values:
        raise ValueError("found an empty list, expected at least one item")
    return values


def _globs(texts: str | Sequence[str]) -> object:
    return conditions.glob(listed(texts))


def _entity(name: str) -> str:
    if name in _ENTITIES:
        return name
    shaped = re.fullmatch(r"[A-Z][A-Z0-9_]{1,63}", name) is not None and name != "SECRET"
    # What a rule file or a model finds has a name of its own, and no misspelt one of ours.
    folded = {known.casefold(): known for known in _ENTITIES}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.85 if shaped else 0.6)
    if close or not shaped:
        hint = f' (did you mean "{folded[close[0]]}"?)' if close else ""
        raise ValueError(f"found an unknown entity, expected one of {', '.join(_ENTITIES)}{hint}")
    return name


def _role_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}", name):
        raise ValueError("found a name no role can have, expected letters, digits, _ . : @ -")
    return name


def _upstream(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name):
        raise ValueError("found no name of an upstream, expected lower-case letters, digits, - and _")
    return name


def _channel(name: str) -> str:
    if name not in CHANNELS:
        near = nearest(name, CHANNELS)
        raise ValueError(f"found an unknown channel, expected {', '.join(CHANNELS)}{near}")
    return name


def _whole_tool(text: str) -> str:
    if not re.fullmatch(r"[^/*{}]+/[^*{}]+", text):
        raise ValueError("found no single tool, expected upstream/name")
    return text


def _media_type(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9.+_-]+/(?:\*|[a-z0-9.+_-]+)", text):
        raise ValueError("found no media type, expected one such as image/png or image/*")
    return text


def _action(word: str) -> str:
    actions = ["allow", "mask", "hash", "pseudonym", "refuse"]
    if word not in actions:
        near = nearest(word, actions)
        raise ValueError(f"found an unknown action, expected {', '.join(actions[:-1])} or refuse{near}")
    return word


Filled = AfterValidator(_filled)
Texts: TypeAlias = str | Annotated[list[str], Filled]
RoleName = Annotated[str, AfterValidator(_role_name)]
UpstreamName = Annotated[str, AfterValidator(_upstream)]
NamePattern = Annotated[str, _read_by(patterns.names), Field(examples=["retrieval/*"])]
UriPattern = Annotated[str, _read_by(patterns.uris), Field(examples=["retrieval/file:///docs/**"])]
MethodPattern = Annotated[str, _read_by(patterns.methods), Field(examples=["tasks/*"])]
Duration = Annotated[str, _read_by(units.seconds), Field(examples=["15m"])]
Rate = Annotated[str, _read_by(units.limit), Field(examples=["5/minute"])]
Cost = Annotated[str, _read_by(money.cost), Field(examples=["0.001 USD"])]
Spending = Annotated[str, _read_by(money.spending), Field(examples=["5 USD/day"])]
Entity = Annotated[str, AfterValidator(_entity)]
Octets = Annotated[str, _read_by(units.octets), Field(examples=["1MiB"])]
MediaType = Annotated[str, AfterValidator(_media_type), Field(examples=["image/*"])]
Score = Annotated[float, Field(ge=0, le=1)]
Channel = Annotated[str, AfterValidator(_channel), Field(json_schema_extra={"enum": list(CHANNELS)})]
ToolName = Annotated[str, AfterValidator(_whole_tool), Field(examples=["actions/ticket_close"])]
ActionWord = Annotated[
    str,
    AfterValidator(_action),
    Field(json_schema_extra={"enum": ["allow", "mask", "hash", "pseudonym", "refuse"]}),
]
Globs = Annotated[str | list[str], _read_by(_globs)]
Expression = Annotated[str, _read_by(conditions.regex)]
Domains = Annotated[list[str], Filled, _read_by(conditions.domain)]
Networks = Annotated[list[str], Filled, _read_by(conditions.cidr)]
Folders = Annotated[list[str], Filled, _read_by(conditions.path)]
