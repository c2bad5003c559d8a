"""`toolgate explain`: which rule of the policy decides a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from toolgate.policy.cases import CallPart


def command(
    call: Annotated[Path | None, typer.Argument(help="A file with tool, arguments, roles.")] = None,
    tool: Annotated[str, typer.Option(help="upstream/tool, instead of a file.")] = "",
    arguments: Annotated[str, typer.Option(help="The arguments as JSON.")] = "{}",
    role: Annotated[list[str] | None, typer.Option(help="A role of the caller; may be repeated.")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy; default: that of the settings.")] = None,
    settings: Annotated[Path | None, typer.Option(help="The settings file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what the policy makes of a call, and why. Exit code 0, whatever the verdict; 2: misuse."""
    import time

    from toolgate.policy.compile import compiled
    from toolgate.policy.explain import explained
    from toolgate.policy.load import load

    part, roles = _asked(call, tool, arguments)
    source = load(policy or _policy_of(settings))
    found = explained(source, compiled(source), part, (*roles, *(role or ())), time.time())
    if as_json:
        typer.echo(json.dumps(found))
        return
    for line in _lines(found):
        typer.echo(line)


def _policy_of(settings: Path | None) -> Path:
    from toolgate.settings import chosen

    return chosen(file=settings).policies


def _asked(call: Path | None, tool: str, arguments: str) -> tuple[CallPart, tuple[str, ...]]:
    """The call to explain, from a file or from options."""
    from toolgate import documents
    from toolgate.errors import Misuse
    from toolgate.policy.cases import AskedCall

    if (call is None) == (not tool):
        raise Misuse("toolgate explain: expected either a file or --tool upstream/tool")
    if call is not None:
        asked = documents.load(call, AskedCall, Misuse).value
    else:
        try:
            content: dict[str, Any] = {"tool": tool, "arguments": json.loads(arguments)}
        except json.JSONDecodeError as fault:
            where = f"character {fault.pos + 1}"
            raise Misuse(f"--arguments: found no JSON at {where}, expected a JSON object") from None
        tree = documents.Tree(Path("explain"), content, {(): 1})
        asked = documents.checked(tree, AskedCall, Misuse).value
    return asked, tuple(asked.roles)


def _lines(found: dict[str, Any]) -> list[str]:
    """The explanation for a person."""
    roles = ", ".join(found["roles"]) or "no role"
    lines = [f"{found['call']} for {roles}: {found['verdict']}"]
    if found["detail"]:
        lines.append(f"  because     {found['detail']}")
    lines += [f"  role        {role} is not in this policy" for role in found["unknown_roles"]]
    reached = [f"{one['role']} by {one['pattern']}  {one['where']}" for one in found["reached_by"]]
    lines += [f"  reached by  {text}" for text in reached or ["no role"]]
    if found["kind"] == "tools":
        tier = found["tier"]
        named = f"{tier['tier']} by {tier['pattern']}  {tier['where']}" if tier else "none"
        lines.append(f"  tier        {named}")
    if found["rule"]:
        lines.append(f"  rule        {found['rule']['pattern']}  {found['rule']['where']}")
    for one in found["conditions"]:
        state = f"not met: {one['unmet']}" if one["unmet"] else "met"
        lines.append(f"  condition   {one['condition']}  {state}")
    for one in found["limits"]:
        share = f", {one['weight']:g} each" if one["weight"] != 1 else ""
        lines.append(f"  limit       {one['name']}: {one['count']:g} in {one['per_seconds']:g} s{share}")
    for side, actions in found["redaction"].items():
        lines.append(f"  {side:<11} {', '.join(f'{name} {action}' for name, action in actions.items())}")
    return lines
