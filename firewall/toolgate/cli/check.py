"""`toolgate check`: every mistake in a policy, and what is odd about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from toolgate.policy.lint import Known


def command(
    policy: Annotated[Path, typer.Argument(help="A policy file, or a folder of them that is one policy.")],
    tools: Annotated[
        Path | None, typer.Option(help="A file that lists the tools of each upstream: {upstream: [tool]}.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as mistakes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a policy. Exit code 0: fine, 1: mistakes, 2: no such file."""
    from toolgate.errors import PolicyError
    from toolgate.policy.compile import compiled
    from toolgate.policy.lint import warnings
    from toolgate.policy.load import load

    if not policy.exists():
        raise PolicyError(f"{policy}: found no such file or folder, expected a policy")
    known = _known(tools)
    digest, mistakes, odd = "", list[str](), list[str]()
    try:
        source = load(policy)
        ready = compiled(source)
        digest, odd = ready.digest, warnings(source, ready, known)
    except PolicyError as error:
        mistakes = str(error).splitlines()
    _tell(policy, digest, mistakes, odd, as_json=as_json)
    raise typer.Exit(1 if mistakes or (strict and odd) else 0)


def _known(tools: Path | None) -> Known:
    from toolgate.policy.lint import Known, known_tools

    return Known() if tools is None else Known(known_tools(tools))


def _tell(policy: Path, digest: str, mistakes: list[str], odd: list[str], *, as_json: bool) -> None:
    if as_json:
        import json

        found = {"policy": str(policy), "digest": digest, "mistakes": mistakes, "warnings": odd}
        typer.echo(json.dumps(found))
        return
    for line in mistakes:
        typer.echo(line)
    for line in odd:
        typer.echo(f"warning: {line}")
    if not mistakes:
        typer.echo(f"{policy}: fine, digest {digest[:12]}")
