"""What matching a stranger's patterns can cost: at worst a step for every state and letter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from toolgate.core.model import JsonObject

# A step costs about 20 ns: a check takes a quarter of a second at worst, whatever schema and value are.
MOST_STEPS: Final = 10_000_000
# A pattern with lookahead or backreference may take so many steps for a letter; then it does not match.
BACKTRACK_LIMIT: Final = 2_000
# Beyond so many properties with patterns, patterns are counted for any text.
MOST_NAMES: Final = 100
ANYWHERE: Final = ""
KEYS: Final = "\0keys"

_TOKEN: Final = re.compile(
    r"""(?P<open>\((?:\?(?:<?[=!]|>|:|[a-zA-Z-]*[:)]|P?<\w+>))?)
    |(?P<close>\))|(?P<or>\|)|(?P<anchor>[\^$]|\\[bBAzZ])
    |(?P<count>\{(?P<low>\d{1,9})(?P<comma>,(?P<high>\d{0,9}))?\}|[*+?])[?+]?
    |(?P<atom>\[\^?\]?(?:\\.|\[:\w+:\]|\\\Z|[^\]\\])*+(?:\]|\Z)
        |\\[pPxu]\{[^}]{0,60}\}|\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_FANCY: Final = re.compile(r"\(\?(?:[=!>(]|<[=!])|\\[1-9kgKG]|[*+?}]\+")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a pattern: its states, and how many come where several may be active at once."""

    states: int = 0
    open: int = 0
    varied: bool = False

    def then(self, other: Part) -> Part:
        """This, and after it the other."""
        late = other.states if self.varied else other.open
        return Part(self.states + other.states, self.open + late, self.varied or other.varied)

    def times(self, low: int, high: int) -> Part:
        """This, repeated."""
        states = min(self.states * high, MOST_STEPS)
        if not self.varied and (low == high or self.states <= 1):
            return Part(states, 0, low != high)
        return Part(states, states, varied=True)


def weight(pattern: str) -> int:
    """Steps for one letter, at worst. A pattern that starts anywhere is in all its states at once."""
    stack: list[tuple[Part, Part]] = [(Part(), Part())]
    last = Part()
    for token in _TOKEN.finditer(pattern):
        done, alternatives = stack[-1]
        if token["count"] is not None:
            last = last.times(*_counts(token))
            continue
        stack[-1] = (done.then(last), alternatives)
        last = Part(1) if token["atom"] is not None else Part()
        if token["or"] is not None:
            stack[-1] = (Part(), _either(alternatives, stack[-1][0]))
        elif token["open"] is not None and not token["open"].endswith(")"):
            stack.append((Part(), Part()))
        elif token["close"] is not None and len(stack) > 1:
            last = _ended(*stack.pop())
    whole = _ended(stack[-1][0].then(last), stack[-1][1])
    if _FANCY.search(pattern):
        return BACKTRACK_LIMIT * max(1, whole.states // 4)
    return 1 + (whole.open if pattern.startswith("^") and len(stack) == 1 else whole.states)


def _counts(token: re.Match[str]) -> tuple[int, int]:
    low: str | None = token["low"]
    if low is None:
        return 0, 1
    least = int(low)
    most = int(token["high"]) if token["high"] else least + 1 if token["comma"] else least
    return least, max(least, most)


def _either(one: Part, other: Part) -> Part:
    states = one.states + other.states
    return Part(states, states, varied=True)


def _ended(part: Part, alternatives: Part) -> Part:
    return _either(alternatives, part) if alternatives.varied else part


def own_steps(node: JsonObject) -> dict[str, int]:
    """The weights of the patterns that stand in one subschema itself."""
    steps: dict[str, int] = {}
    pattern: object = node.get("pattern")
    if isinstance(pattern, str):
        steps[ANYWHERE] = weight(pattern)
    keys: object = node.get("patternProperties")
    if isinstance(keys, dict):
        steps[KEYS] = sum(weight(key) for key in cast("JsonObject", keys))
    return steps


def added(steps: dict[str, int], more: Mapping[str, int], name: str) -> None:
    """Take in the weights of a subschema, for the value of `name` where it is a property's."""
    for key, value in more.items():
        place = name if key == ANYWHERE else key
        if place not in steps and len(steps) >= MOST_NAMES:
            place = ANYWHERE
        steps[place] = steps.get(place, 0) + value


def too_many(steps: Mapping[str, int], value: Any) -> bool:
    """Whether matching could take too long."""
    if _size(value) * sum(steps.values()) <= MOST_STEPS:
        return False
    letters = dict.fromkeys(steps, 0)
    total = _count(value, letters)
    letters[ANYWHERE] = total
    return sum(weight * letters[name] for name, weight in steps.items()) > MOST_STEPS


def _size(value: Any) -> int:
    """At least as many as a value has letters, found fast; more than any where that is impossible."""
    try:
        return len(orjson.dumps(value))
    except TypeError:
        return MOST_STEPS + 1


def _count(value: Any, letters: dict[str, int]) -> int:
    """The letters of every text in a value, those below each property of interest, those of its keys."""
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, list):
        return sum([_count(item, letters) for item in cast("list[object]", value)])
    if not isinstance(value, dict):
        return 0
    total = 0
    for key, item in cast("JsonObject", value).items():
        below = _count(item, letters)
        total += below
        if key in letters:
            letters[key] += below
        if KEYS in letters:
            letters[KEYS] += len(key) + 1
    return total
