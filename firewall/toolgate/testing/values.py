"""Calls, facts, tools and policies in one line each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from toolgate import documents
from toolgate.core.model import Call, Caller, Facts, JsonObject, Refuse, Tool, Withhold
from toolgate.core.policy import Policy
from toolgate.core.reasons import Reason
from toolgate.errors import PolicyError
from toolgate.policy.compile import compiled as compiled_policy
from toolgate.policy.document import PolicyFile
from toolgate.policy.load import Source
from toolgate.upstream.catalogue import compiled as compiled_tool
from toolgate.upstream.link import Note
from toolgate.verdicts import Reply

# 2026-01-01T12:00:00Z, where every clock here starts.
START: Final = 1_767_268_800.0


def caller(name: str, *roles: str) -> Caller:
    """Somebody with a key of his own."""
    return Caller(name, roles, f"key-{name}")


def call(target: str, arguments: JsonObject | None = None, who: Caller | None = None, **more: Any) -> Call:
    """A tool call; `target` is `UPSTREAM/TOOL`."""
    upstream, _, name = target.partition("/")
    fields: dict[str, Any] = {"method": "tools/call", "session": "session-1", **more}
    return Call(
        upstream=upstream, target=name, arguments=arguments or {}, caller=who or caller("ann"), **fields
    )


def facts(**known: Any) -> Facts:
    """A tool that takes anything, nothing found, nothing approved; what is `known` takes its place."""
    usual = Facts(START, tool("any"), (), None, None, grants=())
    return replace(usual, **known)


def definition(name: str, /, **properties: Any) -> JsonObject:
    """A tool as a server lists it; each property is required, its value a type or a schema."""
    schemas = {key: {"type": one} if isinstance(one, str) else one for key, one in properties.items()}
    schema: JsonObject = {"type": "object", "properties": schemas, "required": sorted(schemas)}
    return {"name": name, "inputSchema": schema}


def tool(name: str, takes: object = True, gives: object = None) -> Tool:
    """A tool as the core knows it, its schemas compiled."""
    made: JsonObject = {"name": name, "inputSchema": takes}
    if gives is not None:
        made["outputSchema"] = gives
    return compiled_tool(made, f"pin-{name}")


def text(*blocks: str, **more: Any) -> JsonObject:
    """A tool's result of text blocks."""
    return {"content": [{"type": "text", "text": block} for block in blocks], **more}


def policy_of(policy: Policy | str) -> Policy:
    """A compiled policy from its text. Raises PolicyError with one line per mistake."""
    if isinstance(policy, Policy):
        return policy
    path = Path("policy.yaml")
    document = documents.checked(documents.parse(policy, path, PolicyError), PolicyFile, PolicyError)
    return compiled_policy(Source(path, document.value, (document,)))


def result(reply: Reply | None) -> JsonObject:
    """What a client gets of a call that went well."""
    message = reply.message if isinstance(reply, Note) else None
    if message is None or "result" not in message:
        raise AssertionError(f"found {type(reply).__name__}, expected a result")
    found: JsonObject = message["result"]
    return found


def assert_refused(verdict: object, reason: Reason) -> None:
    """The call or its result goes nowhere, and for this reason."""
    found = verdict.reason if isinstance(verdict, Refuse | Withhold) else type(verdict).__name__
    if found != reason:
        raise AssertionError(f"found {found}, expected a refusal for {reason}")
