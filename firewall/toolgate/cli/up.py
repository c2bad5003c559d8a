"""`toolgate up`: the three servers, the firewall in front of them, and every call as it is judged."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli.options import Home
from toolgate.errors import Misuse, PortDown, SettingsError

if TYPE_CHECKING:
    import socket

    from toolgate.app import App
    from toolgate.settings import Settings
    from toolgate.upstream.link import Link


def command(
    home: Home = None,
    folder: Annotated[
        Path | None, typer.Option(help="The documents to serve; default: documents in the data folder.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Another port than 8717; 0 takes any free one.")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="What an empty data folder starts with: a file, or a shipped policy's name.")
    ] = "",
    tour: Annotated[bool, typer.Option("--tour", help="Show what it does, in a folder of its own.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Start everything on this machine and show every call as it is judged, until Ctrl-C."""
    if tour:
        if home is not None or folder is not None or port is not None:
            raise Misuse("--tour: found it with --home, --folder or --port; the tour brings its own")
        raise typer.Exit(_tour(policy, as_json=as_json))
    from toolgate.cli.datafolder import at, furnished
    from toolgate.serving_loop import run

    base, settings = furnished(home, folder, policy)
    chosen = settings if port is None else at(settings, port)
    if not as_json:
        _offer_enrolment(base, settings)

    async def main() -> None:
        # Whoever takes any port for the agents takes any for the people too.
        await _up(base, chosen, None if port != 0 else 0, as_json=as_json)

    run(main)


async def _up(base: Path, settings: Settings, console_port: int | None, *, as_json: bool) -> None:
    from toolgate.app import build
    from toolgate.cli.datafolder import at
    from toolgate.cli.live import Live
    from toolgate.consoling import Serving, seated
    from toolgate.serving import serve

    listener = _listener(settings)
    if listener is not None:
        settings = at(settings, listener.getsockname()[1])
    try:
        taken, settings = seated(settings, console_port)
    except SettingsError as gone:
        raise Misuse(f"{gone} (or another console.listen in {settings.file})") from None
    live = Live(sys.stdout, as_json=as_json)
    app = build(settings, saw=live.saw)
    kept, console = Kept(app, quiet=as_json), Serving(app, taken)
    greeting = _greeting(base, app, console.link, as_json=as_json)

    def ready() -> None:
        console.start()
        typer.echo(greeting)
        kept.start()

    try:
        await serve(app, ready, listener, console.close)
    finally:
        await kept.close()
        live.close()


def _listener(settings: Settings) -> socket.socket | None:
    """The socket to serve on, taken before anything is made that is shown only once."""
    from toolgate.serving import bound
    from toolgate.settings import Tcp

    try:
        return bound(settings.listen) if isinstance(settings.listen, Tcp) else None
    except SettingsError as taken:
        raise Misuse(f"{taken} (--port 0 takes any)") from None


class Kept:
    """Shared servers, started before the first call and kept until the end."""

    def __init__(self, app: App, *, quiet: bool) -> None:
        self._app, self._quiet = app, quiet
        self._links: list[Link] = []
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start them; what does not start is told, and tried again when a call needs it."""
        self._starting = asyncio.ensure_future(self._start())

    async def close(self) -> None:
        """Let go of them; whoever is last to do so ends them."""
        if self._starting is not None:
            self._starting.cancel()
        await asyncio.gather(*(link.close() for link in self._links), return_exceptions=True)

    async def _start(self) -> None:
        from toolgate.settings import Command

        shared = [
            name
            for name, one in self._app.settings.upstreams.items()
            if isinstance(one, Command) and one.share == "all"
        ]
        ready = await asyncio.gather(*(self._open(name) for name in shared))
        names = ", ".join(name for name, there in zip(shared, ready, strict=True) if there)
        if not self._quiet:
            typer.echo(f"\nReady: {names or 'no server'}. Ctrl-C ends everything. Calls:")

    async def _open(self, name: str) -> bool:
        from toolgate.core.plain import plain
        from toolgate.protocol.versions import Era
        from toolgate.upstream.link import Opening

        try:
            self._links.append(await self._app.upstreams.open(name, Opening(Era.MODERN, "up")))
        except PortDown as down:
            typer.echo(f"not started: {plain(str(down))}", err=True)
            return False
        return True


def _greeting(base: Path, app: App, link: str, *, as_json: bool) -> str:
    from toolgate.approvals.approvers import read
    from toolgate.cli import greeting
    from toolgate.cli.datafolder import fresh_key, oddities
    from toolgate.policy.roles import approving_role

    settings, policy = app.settings, app.policies.current
    ready = greeting.Ready(
        settings,
        base,
        fresh_key(settings),
        bool(read(settings.approvers)),
        approving_role(policy),
        tuple(oddities(settings, policy)),
        link,
    )
    return greeting.as_json(ready) if as_json else greeting.as_text(ready)


def _offer_enrolment(base: Path, settings: Settings) -> None:
    """Ask whoever sits at the terminal to become the first approver; nobody is enrolled unasked."""
    from toolgate.approvals.approvers import read
    from toolgate.cli.approvals import enrol
    from toolgate.policy.compile import open_policy
    from toolgate.policy.roles import approving_role

    if read(settings.approvers) or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    typer.echo("Calls that cannot be undone wait for a person with a passphrase (12 letters or more).")
    name = typer.prompt("Your name as an approver (empty: later)", default="", show_default=False)
    role = approving_role(open_policy(settings.policies))
    while name:
        try:
            enrol(name, [role], "", False, base, None)  # noqa: FBT003 - called as the command line calls it
            return
        except Misuse as wrong:
            typer.echo(str(wrong), err=True)
        except typer.Exit:
            pass  # the two passphrases differed, and that was said
        name = name if typer.confirm("Once more?", default=True) else ""


def _tour(policy: str, *, as_json: bool) -> int:
    """The tour is a client: it starts everything itself, as a stranger would."""
    import subprocess

    from toolgate.cli.greeting import toolgate_command

    options = [*(["--policy", policy] if policy else []), *(["--json"] if as_json else [])]
    try:
        return subprocess.run([*toolgate_command(), "tour", *options], check=False).returncode
    except KeyboardInterrupt:
        return 130
