"""What `toolgate check --settings` looks at: the file, the places in it, and every reference to a secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolgate import documents
from toolgate.errors import Misuse, SecretUnavailable, SettingsError
from toolgate.mistakes import Steps, spelled
from toolgate.settings import Command, Settings, UpstreamSettings, check_places, load

if TYPE_CHECKING:
    from toolgate.detect.packs import Pack

# Shorter values are words that occur by chance; see `toolgate.detect.known`.
_SHORTEST = 6


@dataclass(slots=True)
class Checked:
    """What a look at the settings gave; `settings` is None where the file itself has mistakes.

    `entities` are what the detectors find, each with its highest score; none where a rule file is wrong.
    """

    settings: Settings | None = None
    entities: Mapping[str, float] = field(default_factory=dict[str, float])
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
    asyncio.run(_tried(path, found.settings, found))
    return found


async def _tried(path: Path, settings: Settings, found: Checked) -> None:
    await _try_secrets(path, settings, found)
    await _try_detectors(path, settings, found)


async def _try_detectors(path: Path, settings: Settings, found: Checked) -> None:
    """Read the rule files, load the model: add a line for each that cannot be had."""
    from toolgate.detect.engine import Engine
    from toolgate.detect.gitleaks import load as rules_of
    from toolgate.detecting import stage

    tree = documents.read(path, SettingsError)
    packs: list[Pack] = []
    for number, file in enumerate(settings.detection.rules):
        try:
            packs.append(rules_of(file))
        except Misuse as why:
            found.mistakes.append(f"{tree.where(('detection', 'rules', number))}: {why}")
    entities = dict(Engine(packs=packs).highest)
    model = stage(settings)
    if model is not None:
        entities |= {one: max(score, entities.get(one, 0.0)) for one, score in model.highest.items()}
        try:
            await model.start()
            await model.close()
        except Misuse as why:
            found.mistakes.append(f"{tree.where(('detection', 'model'))}: {why}")
    if len(packs) == len(settings.detection.rules):
        found.entities = entities


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
