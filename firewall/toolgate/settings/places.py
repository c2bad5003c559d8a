"""Warns where an upstream could write what decides about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolgate.settings.values import Command, Settings


def check_places(settings: Settings) -> list[str]:
    """One sentence for every root of a started upstream that holds the policy, a key file or the store.

    A root is its `cwd`, or a command argument that looks like a path. Links are followed.
    """
    precious = {name: path.resolve() for name, path in _precious(settings).items()}
    warnings: list[str] = []
    for upstream, command in settings.upstreams.items():
        if not isinstance(command, Command):
            continue
        for where, root in _roots(command, settings.base):
            inside = [name for name, path in precious.items() if path == root or root in path.parents]
            if inside:
                warnings.append(
                    f"upstreams.{upstream}.{where}: found {root}, which holds {', '.join(inside)};"
                    " expected a folder without them, for this server may be able to write there"
                )
    return warnings


def _precious(settings: Settings) -> dict[str, Path]:
    places = {
        "the policies": settings.policies,
        "the store": settings.store,
        "the master key": settings.master_key,
        "the API keys": settings.identity.keys,
        "the approvers": settings.approvers,
    }
    return places if settings.file is None else {"the settings": settings.file, **places}


def _roots(command: Command, base: Path) -> Iterator[tuple[str, Path]]:
    start = command.cwd or base
    if command.cwd is not None:
        yield "cwd", command.cwd.resolve()
    for number, argument in enumerate(command.command[1:], start=1):
        _, _, value = argument.rpartition("=")
        if _pathlike(value, start):
            yield f"command[{number}]", (start / Path(value).expanduser()).resolve()


def _pathlike(text: str, start: Path) -> bool:
    if not text or text.startswith("-") or "\0" in text or "://" in text:
        return False
    if (
        text in (".", "..")
        or text.startswith(("/", "./", "../", "~", ".\\", "..\\"))
        or Path(text).is_absolute()
    ):
        return True
    try:
        return (start / text).exists()
    except OSError:  # longer than a file name can be
        return False
