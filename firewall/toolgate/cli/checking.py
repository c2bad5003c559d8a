"""What `toolgate check --settings` looks at: the file, the places in it, and every reference to a secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toolgate import documents
from toolgate.errors import SecretUnavailable, SettingsError
from toolgate.mistakes import Steps, spelled
from toolgate.settings import Command, Settings, UpstreamSettings, check_places, load

# Shorter values are words that occur by chance; see `toolgate.detect.known`.
_SHORTEST = 6


@dataclass(slots=True)
class Checked:
    """What a look at the settings gave; `settings` is None where the file itself has mistakes."""

    settings: Settings | None = None
    mistakes: list[str] = field(default_factory=list[str])
    odd: list[str] = field(default_factory=list[str])


def checked(path: Path) -> Checked:
    """Read the settings and try every reference in them, Vault included."""
    found = Checked()
    try:
        found.settings = load(path)
    except SettingsError as error:
        found.mistakes = str(error).splitlines()
        return found
    found.odd = [f"{path}: {place}" for place in check_places(found.settings)]
    if found.settings.vault is not None and found.settings.vault.trust is False:
        found.odd.append(f"{path}: secrets.vault.verify: found false, expected certificates to be verified")
    asyncio.run(_try_secrets(path, found.settings, found))
    return found


async def _try_secrets(path: Path, settings: Settings, found: Checked) -> None:
    """Add a line for every value that cannot be had. A Vault that cannot be entered is told once."""
    from toolgate.app import values_of

    tree = documents.read(path, SettingsError)
    lengths: list[int] = []
    secrets = values_of(settings, lambda value: lengths.append(len(value)), time.monotonic)
    closed = False
    try:
        await secrets.enter()
    except SecretUnavailable as why:
        closed = True
        found.mistakes.append(f"{tree.where(('secrets', 'vault'))}: {why}")
    for name, steps, text in _texts(settings):
        if closed and "secret:vault:" in text:
            continue
        try:
            await secrets.reveal(f"upstreams.{name}", {spelled(steps): text})
        except SecretUnavailable as why:
            found.mistakes.append(f"{path}:{tree.line(('upstreams', name, *steps))} {why}")
    await secrets.close()
    if any(length < _SHORTEST for length in lengths):
        found.odd.append(
            f"{path}: found a secret of fewer than {_SHORTEST} letters, too short to be looked for"
        )


def _texts(settings: Settings) -> Iterator[tuple[str, Steps, str]]:
    for name, upstream in settings.upstreams.items():
        for steps, text in _held(upstream):
            yield name, steps, text


def _held(upstream: UpstreamSettings) -> Iterator[tuple[Steps, str]]:
    if isinstance(upstream, Command):
        yield from ((("env", key), text) for key, text in upstream.env.items())
        yield from ((("command", index), word) for index, word in enumerate(upstream.command))
    else:
        yield from ((("headers", key), text) for key, text in upstream.headers.items())
