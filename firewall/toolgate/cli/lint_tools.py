"""`toolgate lint-tools`: how well a server's tools are described for the models that call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from toolgate.policy.quality import Report


def command(
    target: Annotated[
        list[str] | None, typer.Argument(metavar="URL | -- COMMAND...", help="The server to look at.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Score the tools of any MCP server. Exit code 0: nothing found, 1: something, 2: misuse or no server."""
    import asyncio

    from toolgate.cli.init import guessed, tools
    from toolgate.cli.meeting import met
    from toolgate.errors import Misuse
    from toolgate.policy.quality import judged

    words = list(target or [])
    if not words:
        raise Misuse("lint-tools: found no server, expected a URL, or -- and the command of one")
    report = judged(asyncio.run(tools(guessed(words), words, met)))
    _tell(report, as_json=as_json)
    raise typer.Exit(1 if report.findings else 0)


def _tell(report: Report, *, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    if as_json:
        findings = [asdict(finding) for finding in report.findings]
        typer.echo(json.dumps({"score": report.score, "tools": report.tools, "findings": findings}))
        return
    for finding in report.findings:
        typer.echo(finding.line())
    count = len(report.findings)
    said = "nothing found" if not count else f"{count} finding{'s' if count > 1 else ''}"
    typer.echo(f"{report.tools} tools, score {report.score} of 100: {said}")
