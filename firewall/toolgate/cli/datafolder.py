"""The data folder of `toolgate up`: the first start puts everything there, later ones what is missing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolgate import starters
from toolgate.errors import Misuse
from toolgate.settings import Command, Settings, Tcp, check_places, load
from toolgate.settings import home as default_home

if TYPE_CHECKING:
    from toolgate.core.policy import Policy

SETTINGS: Final = "toolgate.yaml"


def furnished(home: Path | None, folder: Path | None, policy: str) -> tuple[Path, Settings]:
    """The data folder and its settings, both made where they were missing.

    `folder` is where the documents are; `policy` the shipped policy, or the file, that a new data folder
    starts with. Raises Misuse.
    """
    base = _base(home)
    if folder is not None and not folder.is_dir():
        raise Misuse(f"--folder {folder}: found no folder there, expected one with documents")
    documents = (folder or base / "documents").absolute()
    file = base / SETTINGS
    if not folder and not file.exists():
        starters.ensure_documents(documents)
    written = starters.ensure_settings(file, documents, base / "outbox.db")
    settings = _mended(load(file))
    _ensure_policy(settings.policies, policy)
    return base, settings if written or folder is None else _reading(settings, documents)


def at(settings: Settings, port: int) -> Settings:
    """The same settings on another port of the same host."""
    if not isinstance(settings.listen, Tcp) or settings.listen.port == port:
        return settings
    moved = replace(settings.listen, port=port)
    own = settings.public_url == settings.listen.url
    return replace(settings, listen=moved, public_url=moved.url if own else settings.public_url)


def fresh_key(settings: Settings) -> str:
    """A new API key for the caller, empty where a valid one is in the file already."""
    from toolgate.ingress import keyfile

    now = time.time()
    for key in keyfile.read(settings.identity.keys):
        valid = key.revoked is None and (key.expires is None or key.expires > now)
        if valid and key.caller == starters.CALLER:
            return ""
    return keyfile.add(settings.identity.keys, starters.CALLER, [starters.CALLER], now)[0]


def oddities(settings: Settings, policy: Policy) -> Iterable[str]:
    """What works, but not as somebody who starts would expect."""
    if starters.CALLER not in policy.roles:
        yield (
            f"{settings.policies}: found no role `{starters.CALLER}`, so the caller of that name reaches"
            " nothing; expected that role, or another data folder (--home)"
        )
    yield from check_places(settings)


def _base(home: Path | None) -> Path:
    if home is None:
        return default_home()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as trouble:
        raise Misuse(f"--home {home}: cannot be the data folder: {trouble.strerror}") from None
    return home.absolute()


def _ensure_policy(path: Path, wanted: str) -> None:
    """A policy where there is none; one that was asked for never replaces another."""
    if wanted and path.exists():
        raise Misuse(f"--policy: found {path} already, expected a data folder without a policy")
    source = Path(wanted)
    if wanted and source.suffix in (".yaml", ".yml"):
        if not source.is_file():
            raise Misuse(f"--policy {source}: found no such file, expected a policy")
        shutil.copyfile(source, path)
        return
    starters.ensure_policy(path, wanted or "default")


def _mended(settings: Settings) -> Settings:
    """Settings whose servers can be started: the Python that wrote them may have moved."""
    file = settings.file
    assert file is not None
    for name in starters.SERVERS:
        upstream = settings.upstreams.get(name)
        if isinstance(upstream, Command) and starters.is_own(upstream.command, name):
            python = upstream.command[0]
            if not Path(python).exists():
                starters.ensure_python(file, python)
                return _mended(load(file))
    return settings


def _reading(settings: Settings, documents: Path) -> Settings:
    """The settings with other documents, for this start only."""
    upstream = settings.upstreams.get("retrieval")
    if not isinstance(upstream, Command) or not starters.is_own(upstream.command, "retrieval"):
        raise Misuse(
            f"--folder: found no upstream retrieval of toolgate's own in {settings.file},"
            " expected one, or no --folder"
        )
    command = (*starters.server_command("retrieval"), "--folder", str(documents))
    return replace(
        settings, upstreams={**settings.upstreams, "retrieval": replace(upstream, command=command)}
    )
