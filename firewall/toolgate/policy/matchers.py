"""From the conditions of a policy file to the matchers of the core."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from toolgate.core import conditions
from toolgate.core.conditions import ArgumentCondition, Matcher
from toolgate.core.model import JsonObject
from toolgate.policy.document import Argument, Bounds, Matchers, UrlShape, When
from toolgate.policy.spelling import listed


def when(part: When) -> tuple[ArgumentCondition, ...]:
    """The conditions on all arguments of one `when`."""
    return tuple(condition(name, spec) for name, spec in part.items())


def condition(name: str, spec: Argument) -> ArgumentCondition:
    """The condition on one argument."""
    stated = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = json.dumps({name: stated}, sort_keys=True, ensure_ascii=False)
    return ArgumentCondition(name, text, matchers(spec), spec.optional)


def pattern(stated: JsonObject) -> tuple[ArgumentCondition, ...]:
    """The conditions of a grant's pattern: per argument `"any"`, or matchers as in a `when`.

    Raises ValueError, naming the argument, for one that no policy could state.
    """
    found: list[ArgumentCondition] = []
    for name, spec in stated.items():
        if spec == "any":
            continue
        try:
            found.append(condition(name, Argument.model_validate_json(json.dumps(spec))))
        except (ValueError, TypeError):
            raise ValueError(f'{name}: expected "any" or matchers as in a policy\'s `when`') from None
    return tuple(found)


def matchers(spec: Matchers) -> tuple[Matcher, ...]:
    """One matcher per key that is stated, in the order of `_BUILD`."""
    return tuple(
        build(getattr(spec, field)) for field, build in _BUILD.items() if field in spec.model_fields_set
    )


def _inner(spec: Matchers) -> Matcher:
    return conditions.together(matchers(spec))


def _range(bounds: Bounds) -> Matcher:
    return conditions.between(bounds.min, bounds.max)


def _url(shape: UrlShape) -> Matcher:
    paths = None if shape.paths is None else listed(shape.paths)
    return conditions.url(shape.schemes, shape.hosts, shape.ports, paths)


_BUILD: dict[str, Callable[[Any], Matcher]] = {
    "equals": conditions.equals,
    "in_": conditions.among,
    "not_in": conditions.not_among,
    "max_length": conditions.max_length,
    "range_": _range,
    "prefix": lambda texts: conditions.prefix(listed(texts)),
    "suffix": lambda texts: conditions.suffix(listed(texts)),
    "glob": lambda texts: conditions.glob(listed(texts)),
    "regex": conditions.regex,
    "domain": conditions.domain,
    "cidr": conditions.cidr,
    "url": _url,
    "path": conditions.path,
    "argv": conditions.argv,
    "each": lambda spec: conditions.each(_inner(spec)),
    "any_": lambda spec: conditions.some(_inner(spec)),
}
