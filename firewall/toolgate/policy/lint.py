"""What is odd about a policy that compiles: warnings for `toolgate check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import RootModel

from toolgate import documents
from toolgate.core.model import Tier
from toolgate.core.patterns import Pattern, names
from toolgate.core.policy import Policy
from toolgate.errors import PolicyError
from toolgate.mistakes import Steps
from toolgate.policy import money
from toolgate.policy.document import Bounds, Matchers, PolicyFile, ToolGrant, When
from toolgate.policy.load import Source
from toolgate.policy.matchers import matchers

_ASKS = (Tier.IRREVERSIBLE, Tier.PRIVILEGED)
_NUMBER, _LIST, _TEXT = frozenset({"number"}), frozenset({"list"}), frozenset({"text"})
_KINDS: dict[str, frozenset[str]] = {
    "range_": _NUMBER,
    "each": _LIST,
    "any_": _LIST,
    "argv": _LIST,
    "max_length": _TEXT | _LIST,
    "not_in": _TEXT | _NUMBER,
} | dict.fromkeys(("prefix", "suffix", "glob", "regex", "domain", "cidr", "url", "path"), _TEXT)


@dataclass(frozen=True, slots=True)
class Known:
    """What is out there; None where unknown.

    The tools of each upstream, the roles that callers hold, the names of all upstreams.
    """

    tools: Mapping[str, frozenset[str]] | None = None
    roles: frozenset[str] | None = None
    upstreams: frozenset[str] | None = None


class ToolList(RootModel[dict[str, list[str]]]):
    """A file that lists the tools of each upstream."""


def known_tools(path: Path) -> dict[str, frozenset[str]]:
    """Read a list of tools. Raises PolicyError with one line per mistake."""
    listed = documents.load(path, ToolList, PolicyError).value.root
    return {upstream: frozenset(tools) for upstream, tools in listed.items()}


def warnings(source: Source, policy: Policy, known: Known) -> list[str]:
    """One line per oddity, `file:line path: found, expected`."""
    file = source.file
    found = [
        *_hopeless(file),
        *_idle_roles(file, policy, known),
        *_unreached(file, policy),
        *_undecidable(file, policy),
        *_too_dear(file),
        *_untiered(file, policy, known),
        *_strangers(file, known),
        *_nowhere(file, known),
        *_nothing_to_restore(file),
    ]
    return [f"{source.where(at)}: {text}" for at, text in found]


def _hopeless(file: PolicyFile) -> Iterator[tuple[Steps, str]]:
    """Conditions that no value satisfies."""
    for at, when in _whens(file):
        for name, spec in when.items():
            if not spec.optional and _never(spec):
                yield (
                    (*at, name),
                    "found a condition that can never match, expected one that some value meets",
                )


def _whens(file: PolicyFile) -> Iterator[tuple[Steps, When]]:
    for name, role in file.roles.items():
        for number, entry in enumerate(role.tools):
            if isinstance(entry, ToolGrant):
                yield ("roles", name, "tools", number, "when"), entry.when
    for text, tool in file.tools.items():
        yield ("tools", text, "when"), tool.when


def _never(spec: Matchers) -> bool:
    """Whether nothing can satisfy all matchers: no value listed does, or they want different kinds."""
    stated = spec.model_fields_set - {"optional"}
    if "equals" in stated or spec.in_ is not None:
        candidates = spec.in_ if spec.in_ is not None else [spec.equals]
        return not any(all(m(value, "") is None for m in matchers(spec)) for value in candidates)
    kinds = _TEXT | _NUMBER | _LIST
    for field in stated:
        kinds &= _KINDS[field]
    inner = spec.any_
    return not kinds or _inverted(spec.range_) or (inner is not None and _never(inner))


def _inverted(bounds: Bounds | None) -> bool:
    if bounds is None or bounds.min is None or bounds.max is None:
        return False
    return bounds.min > bounds.max


def _idle_roles(file: PolicyFile, policy: Policy, known: Known) -> Iterator[tuple[Steps, str]]:
    extended = {parent for role in file.roles.values() for parent in role.extends}
    for name, role in policy.roles.items():
        if not (role.tools or role.prompts or role.resources or role.methods or role.may_approve):
            yield ("roles", name), "found a role that reaches nothing, expected tools, prompts or resources"
        if known.roles is not None and name not in known.roles | extended:
            yield (
                ("roles", name),
                "found a role nobody holds, expected a caller with it or a role extending it",
            )


def _unreached(file: PolicyFile, policy: Policy) -> Iterator[tuple[Steps, str]]:
    """Tiers and rules of tools that no role reaches."""
    granted = [grant.pattern for role in policy.roles.values() for grant in role.tools]
    for at, text in _tier_texts(file) + [(("tools", text), text) for text in file.tools]:
        if not any(pattern.overlaps(grant) for pattern in names(text) for grant in granted):
            yield at, f"found {text}, which no role reaches"


def _undecidable(file: PolicyFile, policy: Policy) -> Iterator[tuple[Steps, str]]:
    may = frozenset(tier for role in policy.roles.values() for tier in role.may_approve)
    for tier in _ASKS:
        if getattr(file.tiers, tier.value) and tier not in may:
            yield (
                ("tiers", tier.value),
                f"found tools, but no role may approve them: expected may_approve: [{tier}]",
            )


def _too_dear(file: PolicyFile) -> Iterator[tuple[Steps, str]]:
    limits = [role.limits.cost for role in file.roles.values()]
    for text, tool in file.tools.items():
        for stated in (tool.limits.cost, *limits):
            if tool.cost and stated and money.cost(tool.cost).amount > money.spending(stated).limit.count:
                yield ("tools", text, "cost"), f"found {tool.cost}, which the limit {stated} can never allow"


def _untiered(file: PolicyFile, policy: Policy, known: Known) -> Iterator[tuple[Steps, str]]:
    """Tools a role reaches that have no tier, where that means a refusal."""
    if policy.unlisted_hold:
        return
    tiers = [pattern for _, text in _tier_texts(file) for pattern in names(text)]
    for name, role in file.roles.items():
        for number, entry in enumerate(role.tools):
            for pattern in names(entry if isinstance(entry, str) else entry.tool):
                without = _without_tier(pattern, tiers, policy, known)
                if without:
                    at = ("roles", name, "tools", number)
                    yield at, f"found {without}, which has no tier and is refused: expected it under tiers"


def _without_tier(grant: Pattern, tiers: list[Pattern], policy: Policy, known: Known) -> str:
    if known.tools is None:
        return "" if any(tier.overlaps(grant) for tier in tiers) else grant.text
    missing = [
        f"{upstream}/{tool}"
        for upstream, tools in known.tools.items()
        for tool in sorted(tools)
        if grant.matches(upstream, tool) and policy.tiers.find(upstream, tool) is None
    ]
    return ", ".join(missing[:5])


def _strangers(file: PolicyFile, known: Known) -> Iterator[tuple[Steps, str]]:
    """Patterns that match no tool."""
    if known.tools is None:
        return
    for at, text in _tool_texts(file):
        for pattern in names(text):
            if not any(pattern.matches(u, tool) for u, tools in known.tools.items() for tool in tools):
                yield at, f"found {pattern.text}, expected the name of a tool that an upstream has"


def _nowhere(file: PolicyFile, known: Known) -> Iterator[tuple[Steps, str]]:
    """Redaction of an upstream that is not there: nothing of the one that was meant is masked."""
    upstreams = known.upstreams if known.tools is None else frozenset(known.tools)
    if upstreams is None:
        return
    stated: list[tuple[Steps, str]] = [
        (("redaction", "upstreams", name), name) for name in file.redaction.upstreams
    ]
    for role, layers in file.redaction.roles.items():
        stated += [(("redaction", "roles", role, "upstreams", name), name) for name in layers.upstreams]
    for at, name in stated:
        if name not in upstreams:
            yield at, f"found {name}, expected one of {', '.join(sorted(upstreams)) or 'no upstreams'}"


def _nothing_to_restore(file: PolicyFile) -> Iterator[tuple[Steps, str]]:
    """Arguments that get values back where no value becomes a pseudonym."""
    layers = [file.redaction, *file.redaction.roles.values()]
    ways = [*layers, *(way for one in layers for part in (one.upstreams, one.tools) for way in part.values())]
    if file.redaction.restore and not any("pseudonym" in way.results.words.values() for way in ways):
        yield (
            ("redaction", "restore"),
            "found restore, but nothing becomes a pseudonym: expected the action pseudonym in results",
        )


def _tier_texts(file: PolicyFile) -> list[tuple[Steps, str]]:
    return [(at, text) for at, text, _ in file.tiers.entries()]


def _tool_texts(file: PolicyFile) -> Iterator[tuple[Steps, str]]:
    yield from _tier_texts(file)
    for name, role in file.roles.items():
        for number, entry in enumerate(role.tools):
            yield ("roles", name, "tools", number), entry if isinstance(entry, str) else entry.tool
    yield from ((("tools", text), text) for text in file.tools)
    yield from ((("redaction", "tools", text), text) for text in file.redaction.tools)
    yield from ((("redaction", "restore", text), text) for text in file.redaction.restore)
