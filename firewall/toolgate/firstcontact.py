"""Proposes a tier for each tool of a server met for the first time, and writes the policy to edit. Pure.

The name decides, the arguments and the server's own hints can only raise what it says: whoever wrote the
server wrote the hints. What no rule knows is held for a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from toolgate.core.model import JsonObject, Tier


class Lister(Protocol):
    """A connection to a server that is being met."""

    async def list_all(self, method: str) -> list[dict[str, Any]]:
        """Everything `tools/list`, `prompts/list` or `resources/list` has, over all pages."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tier for one tool, and why: a sentence of ours that holds no text of the server."""

    tool: str
    tier: Tier
    why: str


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS: Mapping[Tier, frozenset[str]] = {
    Tier.READ: _words(
        """get list read search find fetch query show describe view lookup count check inspect status log diff
        compare calculate compute convert parse validate summarize summarise explain browse download preview
        resolve ping help version whoami stat tree glob grep retrieve select head tail info now"""
    ),
    Tier.REVERSIBLE: _words(
        """create add new draft open close reopen archive unarchive label tag star bookmark subscribe comment
        note append copy clone stage lock unlock pause resume snooze assign"""
    ),
    Tier.IRREVERSIBLE: _words(
        """send delete remove drop purge erase destroy clear wipe truncate publish post tweet pay transfer
        refund charge buy order book submit merge push deploy release email mail message reply forward share
        invite write update edit set put patch replace move rename overwrite upload save commit reset revert
        rebase checkout cancel unsubscribe sign approve reject upsert insert modify change import sync click
        type fill press navigate cherry"""
    ),
    Tier.PRIVILEGED: _words(
        """run exec execute shell bash sh terminal eval sudo command script spawn kill install uninstall grant
        revoke chmod chown mount shutdown reboot restart impersonate permission permissions admin root
        credential credentials secret secrets password passwords token keychain"""
    ),
}
# These say what a tool does wherever they stand in its name.
_ALWAYS = _words(
    """exec execute shell bash eval sudo delete destroy drop purge erase wipe impersonate
    credential credentials secret secrets password passwords keychain"""
)
_JOINING = _words("and or then")
_ORDER = list(Tier)

# Arguments by their names, and what a tool that takes them does.
_ARGUMENTS: Sequence[tuple[frozenset[str], Tier, str]] = (
    (_words("command cmd argv shell script code program"), Tier.PRIVILEGED, "runs what it is given"),
    (_words("password passphrase private_key secret api_key"), Tier.PRIVILEGED, "takes a secret"),
    (_words("sql statement"), Tier.IRREVERSIBLE, "may change data through SQL"),
    (_words("recipient recipients cc bcc to_email"), Tier.IRREVERSIBLE, "reaches other people"),
    (_words("amount price payment iban card"), Tier.IRREVERSIBLE, "may move money"),
    (_words("force overwrite purge delete hard"), Tier.IRREVERSIBLE, "can overwrite or delete"),
)


def propose(tools: Iterable[JsonObject]) -> list[Proposal]:
    """A proposal per tool, in the order listed; what has no usable name is left out."""
    proposals: dict[str, Proposal] = {}
    for tool in tools:
        name = tool.get("name")
        if isinstance(name, str) and name and name not in proposals:
            proposals[name] = _proposal(name, tool)
    return list(proposals.values())


def write_policy(proposals: Sequence[Proposal], upstream: str) -> str:
    """A commented policy for one upstream. An empty `upstream` means every one."""
    where = upstream or "*"
    plain = [proposal for proposal in proposals if _PLAIN.match(proposal.tool)]
    lines = [_TOP.rstrip(), "", _UNLISTED.rstrip()]
    if len(plain) < len(proposals):
        lines.append(
            f"# Left out for the unusual characters in their names: {len(proposals) - len(plain)} tools."
        )
    lines += ["", "tiers:" if plain else "tiers: {}"]
    for tier in _ORDER:
        chosen = [proposal for proposal in plain if proposal.tier is tier]
        lines += [f"  {tier.value}: # {_MEANING[tier]}"] if chosen else []
        for proposal in chosen:
            lines += [f"    # {proposal.why}", f"    - {json.dumps(f'{where}/{proposal.tool}')}"]
    lines += ["", _ROLES.format(tools=json.dumps(f"{where}/*"), resources=json.dumps(f"{where}/**"))]
    return "\n".join(lines)


_TOP = """\
# What toolgate lets through. Every tier below is a proposal from the names and arguments of the tools:
# read them, move what is wrong, then run `toolgate check`.
version: 1
"""
_UNLISTED = """\
# A tool without a tier below is held: a person sees the call and decides. `refuse` is stricter.
unlisted: hold
"""
_MEANING = {
    Tier.READ: "changes nothing; goes through",
    Tier.REVERSIBLE: "can be taken back; goes through",
    Tier.IRREVERSIBLE: "cannot be taken back; a person approves each call",
    Tier.PRIVILEGED: "can do nearly anything; a person approves each call",
}
_ROLES = """\
roles:
  admin: # the role of whoever starts toolgate on this machine
    tools: [{tools}]
    prompts: [{tools}]
    resources: [{resources}]
    may_approve: [irreversible, privileged]
"""
# Names that mean only themselves in a pattern and in a comment.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+-]{1,200}\Z")


def _proposal(name: str, tool: JsonObject) -> Proposal:
    tier, why = _by_name(name)
    for other, reason in (*_by_arguments(tool.get("inputSchema")), *_by_hints(tool.get("annotations"))):
        if _ORDER.index(other) > _ORDER.index(tier):
            tier, why = other, f"{why}, but {reason}"
    return Proposal(name, tier, why)


def _by_name(name: str) -> tuple[Tier, str]:
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    known = [(word, tier) for word in words if (tier := _tier_of(word)) is not None]
    if not known:
        return Tier.IRREVERSIBLE, "no word of its name is known, so a person looks"
    # The first verb says what is done, later words mostly to what: `get_run_status` runs nothing.
    telling = (
        known if _JOINING & set(words) else [known[0], *(pair for pair in known[1:] if pair[0] in _ALWAYS)]
    )
    word, tier = max(telling, key=lambda pair: _ORDER.index(pair[1]))
    return tier, f'its name says "{word}"'


def _tier_of(word: str) -> Tier | None:
    return next((tier for tier, words in _WORDS.items() if word in words), None)


def _by_arguments(schema: object) -> Iterable[tuple[Tier, str]]:
    """What the names of the arguments give away."""
    properties: object = cast("JsonObject", schema).get("properties") if isinstance(schema, dict) else None
    names = (
        {str(name).lower() for name in cast("JsonObject", properties)}
        if isinstance(properties, dict)
        else set[str]()
    )
    for telling, tier, why in _ARGUMENTS:
        found = sorted(names & telling)
        if found:
            yield tier, f'its argument "{found[0]}" says it {why}'
    if {"path", "content"} <= names or {"url", "method"} <= names or {"url", "body"} <= names:
        yield Tier.IRREVERSIBLE, "its arguments say it writes or sends what it is given"


def _by_hints(annotations: object) -> Iterable[tuple[Tier, str]]:
    """What the server admits. A hint that its tool is harmless is no evidence."""
    hints = cast("JsonObject", annotations) if isinstance(annotations, dict) else {}
    if hints.get("readOnlyHint") is False:
        # MCP schema, ToolAnnotations: destructiveHint is true unless said otherwise.
        harmless = hints.get("destructiveHint") is False
        yield (Tier.REVERSIBLE if harmless else Tier.IRREVERSIBLE), "its server says it changes something"
    elif hints.get("destructiveHint") is True and hints.get("readOnlyHint") is not True:
        yield Tier.IRREVERSIBLE, "its server says it can destroy something"
