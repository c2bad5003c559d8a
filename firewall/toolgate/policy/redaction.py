"""What a policy file says of findings: compiled, and held against what the detectors can find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from toolgate.core.actions import ENTITIES, Action, Actions, Layer, Override, Redaction
from toolgate.core.model import Direction
from toolgate.core.patterns import Ranked
from toolgate.mistakes import Steps, nearest
from toolgate.policy.document import Directions, LayersPart, PolicyFile
from toolgate.policy.ranking import Complain, ranked

_DEFAULTS: Final[Mapping[Direction, Actions]] = {
    "arguments": Actions({"SECRET": Action.REFUSE, "CREDIT_CARD": Action.REFUSE}, Action.ALLOW),
    "results": Actions({"SECRET": Action.MASK, "CREDIT_CARD": Action.MASK}, Action.ALLOW),
}
_WAYS: Final[tuple[Direction, ...]] = ("arguments", "results")


def entity_of(name: str) -> str:
    """An entity under its own name."""
    return "SECRET" if name == "secrets" else name


def entities(stated: Sequence[str]) -> frozenset[str]:
    """The entities under their own names; `other` is every one there is."""
    named = frozenset(map(entity_of, stated))
    return named | ENTITIES if "other" in named else named


def redaction(direction: Direction, file: PolicyFile, complain: Complain) -> Redaction:
    """What is done with findings in one direction."""
    part = file.redaction
    layer = _layer(part, direction, ("redaction",), complain)
    layers = {
        name: _layer(stated, direction, ("redaction", "roles", name), complain)
        for name, stated in part.roles.items()
        if _known(name, file, complain)
    }
    return Redaction(
        base=layer.base.over(_DEFAULTS[direction]),
        upstreams=layer.upstreams,
        tools=layer.tools,
        roles={name: found for name in file.roles if (found := _inherited(name, file, layers))},
    )


def restores(file: PolicyFile, complain: Complain) -> Ranked[Mapping[str, frozenset[str]]]:
    """The entities to put back, per tool and argument, under their own names."""
    entries: list[tuple[Steps, str, Mapping[str, frozenset[str]]]] = []
    for text, arguments in file.redaction.restore.items():
        named = {key: entities(listed) for key, listed in arguments.items()}
        entries.append((("redaction", "restore", text), text, named))
    return ranked(entries, complain)


def strangers(file: PolicyFile, found: Mapping[str, float]) -> Iterator[tuple[Steps, str]]:
    """Entities that nothing finds, and scores that nothing found has.

    `found` is the highest score of every entity the detectors know.
    """
    known = sorted({"secrets"} | found.keys() - {"SECRET"})
    for at, name, score in _stated(file):
        highest = found.get(entity_of(name), 0.0)
        if name != "other" and entity_of(name) not in found:
            near = nearest(name, known)
            yield at, f"found an unknown entity, expected one of {', '.join(known)}{near}"
        elif score is not None and score > highest:
            yield at, f"found {score:g}, expected a score from 0 to {highest:g}: nothing found is surer"


def _stated(file: PolicyFile) -> Iterator[tuple[Steps, str, float | None]]:
    """Every entity a file names, and the score that is wanted of it."""
    part = file.redaction
    yield from _of_layers(part, ("redaction",))
    for role, stated in part.roles.items():
        yield from _of_layers(stated, ("redaction", "roles", role))
    for text, arguments in part.restore.items():
        for key, listed in arguments.items():
            for number, name in enumerate(listed):
                yield ("redaction", "restore", text, key, number), name, None
    for number, name in enumerate(file.approval.reversible.ask_about):
        yield ("approval", "reversible", "ask_about", number), name, None


def _of_layers(part: LayersPart, at: Steps) -> Iterator[tuple[Steps, str, float | None]]:
    yield from _of_directions(part, at)
    for name, stated in part.upstreams.items():
        yield from _of_directions(stated, (*at, "upstreams", name))
    for text, stated in part.tools.items():
        yield from _of_directions(stated, (*at, "tools", text))


def _of_directions(part: Directions, at: Steps) -> Iterator[tuple[Steps, str, float | None]]:
    for way in _WAYS:
        stated = part.way(way)
        yield from (((*at, way, name), name, None) for name in stated.words)
        yield from (((*at, way, "scores", name), name, score) for name, score in stated.scores.items())


def _known(name: str, file: PolicyFile, complain: Complain) -> bool:
    if name not in file.roles:
        near = nearest(name, file.roles)
        complain(("redaction", "roles", name), f'found "{name}", expected a role of this policy{near}')
    return name in file.roles


def _inherited(name: str, file: PolicyFile, layers: Mapping[str, Layer]) -> tuple[Layer, ...]:
    """What a role states, else what the nearest roles that it extends do."""
    found: list[Layer] = []
    seen, waiting = set[str](), [name]
    while waiting:
        role = waiting.pop()
        if role in seen or role not in file.roles:
            continue
        seen.add(role)
        if role in layers:
            found.append(layers[role])
        else:
            waiting += file.roles[role].extends
    return tuple(found)


def _layer(part: LayersPart, direction: Direction, at: Steps, complain: Complain) -> Layer:
    tools = [((*at, "tools", text), text, _override(d, direction)) for text, d in part.tools.items()]
    return Layer(
        base=_override(part, direction),
        upstreams={name: _override(d, direction) for name, d in part.upstreams.items()},
        tools=ranked(tools, complain),
    )


def _override(part: Directions, direction: Direction) -> Override:
    """The actions that one mapping states, under the entities' own names."""
    stated = part.way(direction)
    words = {entity_of(name): Action(word) for name, word in stated.words.items()}
    other = words.pop("other", None)
    return Override(words, other, {entity_of(name): score for name, score in stated.scores.items()})
