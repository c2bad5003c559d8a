"""A grant in words, as it reads: what each argument may be, and where anything goes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from toolgate.core.conditions import glob
from toolgate.core.offers import ANY
from toolgate.core.regex import whole


def reading(pattern: Mapping[str, Any]) -> tuple[str, ...]:
    """One line per argument, then what is not named; the widest are said to be wide."""
    lines = [f"{_text(name)}: {_argument(spec)}" for name, spec in pattern.items()]
    return (*lines, "no other argument" if pattern else "no argument at all")


def broad(pattern: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments that may be anything, or as good as anything."""
    return tuple(name for name, spec in pattern.items() if _wide(spec))


def _text(value: Any) -> str:
    """A plain word, host or path as it stands, any other in quotation marks: so it cannot read like ours."""
    return (
        value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    )


def _argument(spec: Any) -> str:
    if spec == ANY:
        return "anything"
    stated = cast("Mapping[str, Any]", spec)
    words = " and ".join(_matcher(key, value) for key, value in stated.items() if key != "optional")
    words += ", or left out" if stated.get("optional") else ""
    return f"{words} (as good as anything)" if _wide(spec) else words


def _matcher(key: str, value: Any) -> str:
    match key:
        case "equals":
            return "exactly what was approved"
        case "each":
            return f"a list whose every item is {_argument(value)}"
        case "any":
            return f"a list with at least one item that is {_argument(value)}, the others anything"
        case "range":
            return _range(value)
        case "max_length":
            return f"anything of at most {value} characters or items"
        case "url":
            return f"a URL at {_list(value.get('hosts'))}" if value.get("hosts") else "a URL anywhere"
        case _:
            return f"{_WORDS[key]} {_list(value)}"


# Nobody means these: an expression that takes one of them takes as good as anything.
_STRANGE = ("zq7zq7zq7", "zq7@zq7.example", "https://zq7.example/zq7", "zq7/zq7.zq7", "Zq zq, 7: zq!")

_PLAIN = re.compile(r"[A-Za-z0-9_$.@/*+-]+")
_WORDS = {
    "in": "one of",
    "not_in": "anything but",
    "prefix": "any text that begins with",
    "suffix": "any text that ends with",
    "glob": "any text like",
    "regex": "any text that matches the expression",
    "domain": "any address or host at",
    "cidr": "any IP address in",
    "path": "any file below",
    "argv": "any command line of",
}


def _range(bounds: Mapping[str, float]) -> str:
    least, most = bounds.get("min"), bounds.get("max")
    parts = ("" if least is None else f"from {_number(least)}", "" if most is None else f"to {_number(most)}")
    return "any number " + " ".join(filter(None, parts))


def _number(number: float) -> str:
    """Every digit: a rounded bound would be another one."""
    short = f"{number:g}"
    return short if float(short) == number else str(number)


def _list(value: Any) -> str:
    if isinstance(value, list):
        items = cast("Sequence[Any]", value)
        shown = ", ".join(map(_text, items[:8]))
        return shown if len(items) <= 8 else f"{shown} and {len(items) - 8} more"
    return _text(value)


def _wide(spec: Any) -> bool:
    """Whether this keeps out hardly anything."""
    if spec == ANY:
        return True
    stated = {key: value for key, value in cast("Mapping[str, Any]", spec).items() if key != "optional"}
    return all(_matches_much(key, value) for key, value in stated.items())


def _matches_much(key: str, value: Any) -> bool:
    match key:
        case "max_length" | "not_in" | "any":
            return True
        case "each":
            return _wide(value)
        case "prefix" | "suffix":
            return "" in _listed(value)
        case "glob":
            fits = glob(_listed(value))
            return any(fits(text, "") is None for text in _STRANGE)
        case "regex":
            return ".*" in str(value) or any(map(whole(str(value)), _STRANGE))
        case "domain":
            return any("." not in one.removeprefix("*.") for one in _listed(value))
        case "url":
            hosts = value.get("hosts")
            return not hosts or any("." not in one.removeprefix("*.") for one in hosts)
        case "path":
            return any(not one.strip("/.") for one in _listed(value))
        case "cidr":
            return any(one.endswith("/0") for one in _listed(value))
        case _:
            return False


def _listed(value: Any) -> list[str]:
    return cast("list[str]", value) if isinstance(value, list) else [str(value)]
