"""`toolgate journal`: what happened, and whether it is still what was written."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from toolgate.cli.options import Home, SettingsFile
from toolgate.errors import Misuse

app = typer.Typer(help="The journal: show records, verify the chains.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@app.command()
def show(
    caller: Annotated[str, typer.Option(help="Only this caller's.")] = "",
    upstream: Annotated[str, typer.Option(help="Only calls to this upstream.")] = "",
    tool: Annotated[str, typer.Option(help="Only this tool, prompt or resource.")] = "",
    verdict: Annotated[str, typer.Option(help="Only allow, hold or refuse.")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind of record, such as decision.")] = "",
    call: Annotated[str, typer.Option(help="Only the records of this call.")] = "",
    since: Annotated[str, typer.Option(help="Only newer than 30s, 15m, 24h or 7d.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """The newest records that fit, oldest first."""
    from toolgate.core.canonical import canonical
    from toolgate.journal.reading import open_journal
    from toolgate.journal.show import Filter, one_line, select
    from toolgate.settings import chosen

    wanted = Filter(caller, upstream, tool, verdict, kind, call, _moment(since), limit)
    with open_journal(chosen(home, settings).store) as journal:
        found = select(journal.lines(), wanted)
    for line in found:
        whole = {**line.body, "writer": line.writer, "seq": line.seq}
        typer.echo(canonical(whole).decode() if json else one_line(line))


@app.command()
def verify(
    anchor: Annotated[
        str, typer.Option(help="What an earlier verify gave: finds a file put back since.")
    ] = "",
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Check every chain, head and turn. Exit code 1 when the journal is not what was written."""
    from dataclasses import asdict

    from toolgate.core.canonical import canonical
    from toolgate.journal.verify import LIMITS, sentence, verify_file
    from toolgate.secrets.keyring import open_keyring
    from toolgate.settings import chosen

    if anchor and not re.fullmatch(r"[0-9]+:[0-9a-f]{32}", anchor):
        raise Misuse("--anchor: expected what `toolgate journal verify` printed, such as 1234:0123…")
    places = chosen(home, settings)
    if not places.master_key.exists():
        raise Misuse(f"{places.master_key}: no master key here; without it nothing can be verified")
    keys = open_keyring(places.master_key).all_journal_keys()
    report = verify_file(places.store, keys, anchor, _progress)
    if json:
        typer.echo(canonical({**asdict(report), "problems": [asdict(p) for p in report.problems]}).decode())
    else:
        for problem in report.problems:
            typer.echo(sentence(problem))
        typer.echo(f"{report.records} records of {report.writers} writers, {len(report.problems)} problems")
        typer.echo(f"anchor {report.anchor}\n{LIMITS}")
    raise typer.Exit(1 if report.problems else 0)


def _progress(done: int, total: int) -> None:
    import sys

    if sys.stderr.isatty():
        typer.echo(f"\r{100 * done // max(total, 1)} % of {total} records", nl=done == total, err=True)


def _moment(since: str) -> float:
    """The time so long ago, 0 for no limit."""
    import time

    if not since:
        return 0.0
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", since)
    if found is None:
        raise Misuse(f"--since: found {since!r}, expected such as 30s, 15m, 24h or 7d")
    return time.time() - int(found[1]) * _UNITS[found[2]]
