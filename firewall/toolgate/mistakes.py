"""Turns a model's complaints about a file into sentences for the person who wrote it. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Steps: TypeAlias = tuple[str | int, ...]
# Type, location, message and context of one complaint, as pydantic gives them.
Complaint: TypeAlias = tuple[str, Steps, str, dict[str, Any]]

_BARE = re.compile(r"[^\s.\[\]\"]+\Z")
_PRIVATE = re.compile(
    r"env|headers?|.*keys?|hash|credentials?|authorization|.*(?:password|passphrase|secret|token).*",
    re.IGNORECASE,
)
_LONGEST = 40
_KINDS = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a mapping"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
}


@dataclass(frozen=True, slots=True)
class _Placed:
    """A complaint and where it is in the file; `branch`: the name of a union's alternative was left out."""

    at: Steps
    branch: bool
    on_key: bool
    kind: str
    expected: str
    words: tuple[str, ...]


def explained(
    complaints: Sequence[Complaint], content: Any, schema: dict[str, Any]
) -> list[tuple[Steps, str]]:
    """Place and sentence of every mistake, in the order of the file; alternatives of a union become one."""
    placed = [_placed(complaint, content) for complaint in complaints]
    deeper = {one.at[:length] for one in placed for length in range(len(one.at))}
    expectations: dict[Steps, list[str]] = {}
    for one in placed:
        # One alternative of a union fits better than the others: only its mistakes are worth reading.
        if one.branch and one.at in deeper and one.kind.endswith("_type"):
            continue
        text = _sentence(one, content, schema)
        known = expectations.setdefault(one.at, [])
        if text not in known:
            known.append(text)
    return [(at, _joined(texts)) for at, texts in expectations.items()]


def spelled(path: Iterable[str | int]) -> str:
    """`path.to[2].key`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _BARE.match(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def nearest(word: str, words: Iterable[str]) -> str:
    """` (did you mean "x"?)`, or nothing when no known word is close."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def shown(value: Any, path: Steps) -> str:
    """A short scalar as it was written, or only its kind where it may be secret or is long."""
    if isinstance(value, str):
        private = any(isinstance(step, str) and _PRIVATE.match(step) for step in path)
        if private or len(value) > _LONGEST or "@" in value or "secret:" in value:
            return "text"
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        private = any(isinstance(step, str) and _PRIVATE.match(step) for step in path)
        return "a number" if private else f"the number {value}"
    return "a list" if isinstance(value, list) else "a mapping"


def _placed(complaint: Complaint, content: Any) -> _Placed:
    kind, loc, message, context = complaint
    on_key = loc[-1:] == ("[key]",)
    steps = loc[:-1] if on_key else loc
    at: list[str | int] = []
    here = content
    for number, step in enumerate(steps):
        if _has(here, step):
            here = here[step]
        elif not (kind == "missing" and number == len(steps) - 1):
            continue  # the name of an alternative
        at.append(step)
    expected = message.removeprefix("Value error, ").removeprefix("Input should be ")
    words = tuple(re.findall(r"'([^']*)'", str(context.get("expected", ""))))
    return _Placed(tuple(at), len(at) < len(steps), on_key, kind, expected, words)


def _has(content: Any, step: str | int) -> bool:
    try:
        content[step]
    except (KeyError, IndexError, TypeError):
        return False
    return not isinstance(content, str)


def _sentence(one: _Placed, content: Any, schema: dict[str, Any]) -> str:
    if one.kind == "missing":
        return "found nothing, expected this key"
    if one.kind == "extra_forbidden":
        known = sorted(_keys(schema, one.at[:-1]))
        expected = f"one of {', '.join(known)}" if known else "no key here"
        return f"found an unknown key, expected {expected}{nearest(str(one.at[-1]), known)}"
    if one.kind == "value_error" and "expected" in one.expected:
        return one.expected
    value = one.at[-1] if one.on_key else _at(content, one.at)
    found = f"the key {json.dumps(value, ensure_ascii=False)}" if one.on_key else shown(value, one.at)
    hint = nearest(value, one.words) if isinstance(value, str) else ""
    return f"found {found}, expected {_KINDS.get(one.kind) or _plain(one.expected)}{hint}"


def _plain(expected: str) -> str:
    """Pydantic's expectation in the words of the file's author."""
    for found, better in (("a valid integer", "an integer"), ("a valid ", "a "), ("a string", "text")):
        expected = expected.replace(found, better)
    return expected


def _joined(texts: list[str]) -> str:
    """Several expectations about one place as one sentence."""
    heads = {text.partition(", expected ")[0] for text in texts}
    if len(texts) == 1 or len(heads) > 1:
        return "; ".join(texts)
    return f"{heads.pop()}, expected {' or '.join(text.partition(', expected ')[2] for text in texts)}"


def _at(content: Any, path: Steps) -> Any:
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def _keys(schema: dict[str, Any], path: Steps) -> set[str]:
    """The keys a JSON Schema knows at a place."""
    places = list(_branches(schema, schema))
    for step in path:
        places = [deeper for place in places for deeper in _below(place, step, schema)]
    return {str(key) for place in places for key in place.get("properties", {})}


def _below(place: dict[str, Any], step: str | int, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(step, int):
        prefixed = place.get("prefixItems", [])
        inner = prefixed[step] if step < len(prefixed) else place.get("items")
    else:
        inner = place.get("properties", {}).get(step, place.get("additionalProperties"))
    if isinstance(inner, dict):
        yield from _branches(inner, schema)


def _branches(place: Any, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema with its references followed and its alternatives unfolded, one level."""
    if "$ref" in place:
        yield from _branches(schema["$defs"][place["$ref"].rpartition("/")[2]], schema)
        return
    yield place
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in place.get(word, []):
            yield from _branches(branch, schema)
