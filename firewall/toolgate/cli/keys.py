"""`toolgate keys`: make, list and revoke the API keys of agents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from toolgate.ingress.keyfile import Key

app = typer.Typer(help="Make, list and revoke the API keys of agents.", no_args_is_help=True)

_Home = Annotated[Path | None, typer.Option("--home", help="The data folder. Default: yours.")]
_Settings = Annotated[Path | None, typer.Option("--settings", help="The settings file that names the keys.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@app.command()
def add(
    caller: Annotated[
        str, typer.Argument(help="The name this agent has in policies, journal and approvals.")
    ],
    role: Annotated[
        list[str], typer.Option("--role", help="A role of the policy; may be given several times.")
    ],
    expires: Annotated[
        str, typer.Option(help="How long the key lasts, such as 30d. Default: for ever.")
    ] = "",
    home: _Home = None,
    settings: _Settings = None,
    as_json: _Json = False,
) -> None:
    """Make a key. The token is shown this once and stored nowhere."""
    from toolgate.ingress import keyfile

    now = _now()
    path = _path(home, settings)
    token, key = keyfile.add(path, _word(caller), [_word(name) for name in role], now, _end(expires, now))
    if as_json:
        _write_json({**_row(key, now), "token": token})
        return
    typer.echo(token)
    typer.echo(f"Key {key.id} of {key.caller} is in {path}; the token above is shown only now.", err=True)


@app.command("list")
def list_(home: _Home = None, settings: _Settings = None, as_json: _Json = False) -> None:
    """List the keys: whose they are, what they reach and until when."""
    from toolgate.ingress import keyfile

    now = _now()
    rows = [_row(key, now) for key in keyfile.read(_path(home, settings))]
    if as_json:
        _write_json(rows)
    elif not rows:
        typer.echo("There are no keys. `toolgate keys add CALLER --role ROLE` makes one.")
    for row in [] if as_json else rows:
        until = f", until {row['expires']}" if row["expires"] else ""
        typer.echo(f"{row['id']}  {row['state']:8} {row['caller']}  {', '.join(row['roles'])}{until}")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `toolgate keys list` shows.")],
    home: _Home = None,
    settings: _Settings = None,
    as_json: _Json = False,
) -> None:
    """Revoke a key: calls with it are refused within a second."""
    from toolgate.ingress import keyfile

    now = _now()
    key = keyfile.revoke(_path(home, settings), key_id, now)
    if as_json:
        _write_json(_row(key, now))
    else:
        typer.echo(f"Key {key.id} of {key.caller} is revoked.")


def _path(home: Path | None, settings: Path | None) -> Path:
    from toolgate.settings import chosen

    return chosen(home, settings).identity.keys


def _row(key: Key, now: float) -> dict[str, Any]:
    """A key without its hash."""
    from toolgate.ingress.keyfile import spelled

    ended = key.expires is not None and key.expires <= now
    return {
        "id": key.id,
        "caller": key.caller,
        "roles": list(key.roles),
        "state": "revoked" if key.revoked is not None else "expired" if ended else "valid",
        "created": spelled(key.created),
        "expires": spelled(key.expires) if key.expires is not None else None,
        "revoked": spelled(key.revoked) if key.revoked is not None else None,
    }


def _end(text: str, now: float) -> float | None:
    from toolgate import units

    try:
        return now + units.seconds(text) if text else None
    except ValueError as expected:
        raise typer.BadParameter(f"expected {expected}", param_hint="--expires") from None


def _word(text: str) -> str:
    if not 0 < len(text) <= 200 or not text.isprintable():
        raise typer.BadParameter("expected a name of at most 200 printable characters")
    return text


def _now() -> float:
    import time

    return time.time()


def _write_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=2))
