"""What a caller sees of an upstream's lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from toolgate.core.model import Caller, JsonObject
from toolgate.core.policy import Kind, Policy

# The key an item is known by, and the allowlist that names it, per list method.
LISTS: dict[str, tuple[str, str, Kind]] = {
    "tools/list": ("tools", "name", "tools"),
    "prompts/list": ("prompts", "name", "prompts"),
    "resources/list": ("resources", "uri", "resources"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate", "resources"),
}

CONTINUE = "toolgate_continue"

CONTINUE_TOOL: JsonObject = {
    "name": CONTINUE,
    "title": "Go on with a held call",
    "description": (
        "Sends a call that was held for approval, exactly as it was approved. "
        "Give the approval id that the held call's answer named."
    ),
    "inputSchema": {
        "type": "object",
        "properties": {
            "approval": {"type": "string", "description": "The approval id, for example ap-3f9c1b77aa."}
        },
        "required": ["approval"],
        "additionalProperties": False,
    },
}


EXPLAIN = "toolgate_explain"
EXPLANATION = (
    "The firewall's policy lets this caller use none of the tools of this server, so none is shown. "
    "The operator can give the tools a tier and the caller's role a reach in the policy; "
    "`toolgate init` proposes one for a server."
)

EXPLAIN_TOOL: JsonObject = {
    "name": EXPLAIN,
    "title": "Why there are no tools",
    "description": EXPLANATION,
    "inputSchema": {"type": "object", "properties": {}},
}

# Names that are the firewall's own, whatever an upstream lists.
OWN = frozenset({CONTINUE, EXPLAIN})


def own_tools(*, listed: bool, shown: list[JsonObject], caller: Caller, policy: Policy) -> list[JsonObject]:
    """What the firewall adds to a tool list: how to go on with a held call, or why everything is hidden."""
    if listed and not shown:
        return [EXPLAIN_TOOL]
    return [CONTINUE_TOOL] if policy.can_be_held(caller.roles) else []


def present(
    method: str, items: Sequence[Any], upstream: str, caller: Caller, policy: Policy
) -> list[JsonObject]:
    """The items of one list page that the caller's roles reach, in the upstream's order, unchanged."""
    _, key, kind = LISTS[method]
    return [item for item in items if _reached(item, key, kind, upstream, caller, policy)]


def _reached(item: Any, key: str, kind: Kind, upstream: str, caller: Caller, policy: Policy) -> bool:
    if not isinstance(item, dict):
        return False
    name: object = cast("JsonObject", item).get(key)
    if not isinstance(name, str) or (kind == "tools" and name in OWN):
        return False
    if not policy.may(kind, caller.roles, upstream, name):
        return False
    if kind != "tools" or policy.unlisted_hold:
        return True
    return policy.view(caller.roles, upstream, name).tier is not None
