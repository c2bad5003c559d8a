"""`toolgate tour`: two agents and a person show what toolgate does, and each step is checked."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from toolgate_clients.steps import Seen, Step


def command(
    policy: Annotated[str, typer.Option(help="Another policy: a file, or a shipped policy's name.")] = "tour",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Start everything in a temporary folder, go through it as two callers over MCP, and take it away again.

    Exit code 0: every step went as expected, 1: one did not, 2: it could not start.
    """
    import asyncio

    try:
        raise typer.Exit(asyncio.run(_run(policy, as_json=as_json)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None


async def _run(policy: str, *, as_json: bool) -> int:
    from toolgate_clients.connection import NotConnected
    from toolgate_clients.stage import NotStarted

    _ended_by_signals()
    try:
        return await _played(policy, as_json=as_json)
    except NotStarted:
        typer.echo("the tour could not start", err=True)
    except NotConnected as why:
        typer.echo(f"the tour could not go on: {why}", err=True)
    return 2


async def _played(policy: str, *, as_json: bool) -> int:
    from toolgate_clients.stage import stage
    from toolgate_clients.steps import STEPS

    began = time.monotonic()
    if not as_json:
        typer.echo("Starting three servers and the firewall in a temporary folder …")
    wrong = 0
    async with stage(policy) as there:
        for number, step in enumerate(STEPS, 1):
            seen = await step.play(there)
            wrong += not seen.expected
            typer.echo(json.dumps(_fields(number, step, seen)) if as_json else _line(number, step, seen))
    if not as_json:
        went = "all" if not wrong else f"{len(STEPS) - wrong} of"
        seconds = time.monotonic() - began
        typer.echo(
            f"{went} {len(STEPS)} steps went as expected, {seconds:.0f} s; everything is stopped and removed"
        )
    return 1 if wrong else 0


def _line(number: int, step: Step, seen: Seen) -> str:
    from toolgate_clients.call import shown

    mark = "ok   " if seen.expected else "WRONG"
    happened = shown(seen.happened.replace("\n", " "))
    return f"{number:2} {mark} {step.does}. Expected: {step.expects}. Happened: {happened}"


def _fields(number: int, step: Step, seen: Seen) -> dict[str, Any]:
    told = {"step": number, "does": step.does, "expected": step.expects, "happened": seen.happened}
    return {**told, "ok": seen.expected}


def _ended_by_signals() -> None:
    """Let a terminated tour take its servers with it."""
    import asyncio
    import signal

    task = asyncio.current_task()
    if sys.platform != "win32" and task is not None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
