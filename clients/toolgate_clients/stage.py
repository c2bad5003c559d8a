"""Where the tour takes place: a toolgate of its own in a temporary folder, and what a person does there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sqlite3
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgate_clients.connect import toolgate_command
from toolgate_clients.connection import Place, connected

if TYPE_CHECKING:
    from mcp import Client

INVOICE = "# Invoice 1041\n\nPaid by card 4111 1111 1111 1111 on the third of March.\n"
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


class NotStarted(Exception):
    """The stage could not be set; why was said on standard error already."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended and what it said."""

    code: int
    said: str


class Person:
    """Somebody at a terminal beside the agents: approves with a passphrase, and looks after the journal."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._passphrase = secrets.token_urlsafe(18)

    async def enrol(self) -> None:
        """Become the first approver. Raises NotStarted."""
        await _needed(self, "approvals", "enrol", "tour", "--role", "admin", "--passphrase-stdin")

    async def decide(self, verb: str, approval: str) -> Done:
        """`approve` or `deny` a held call."""
        return await self.types("approvals", verb, approval, "--passphrase-stdin")

    async def types(self, *words: str, home: Path | None = None) -> Done:
        """Run a toolgate command; it reads the passphrase where it asks for one."""
        command = (*toolgate_command(), *words, "--home", str(home or self.home))
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        out, err = await process.communicate(f"{self._passphrase}\n".encode())
        return Done(process.returncode or 0, (out + err).decode("utf-8", "replace").strip())

    def forged(self) -> Path:
        """A copy of the data folder in which somebody made a refused call look allowed."""
        copy = self.home.with_name("forged")
        copy.mkdir()
        shutil.copy(self.home / "master.key", copy)
        shutil.copy(self.home / "toolgate.yaml", copy)
        shutil.copy(self.home / "policy.yaml", copy)
        whole, forged = sqlite3.connect(self.home / "toolgate.db"), sqlite3.connect(copy / "toolgate.db")
        with contextlib.closing(whole), contextlib.closing(forged):
            whole.backup(forged)
            forged.execute(
                "update records set body = cast(replace(cast(body as text), ?, ?) as blob) where id ="
                ' (select max(id) from records where cast(body as text) like \'%"verdict":"refuse"%\')',
                ('"verdict":"refuse"', '"verdict":"allow"'),
            )
            forged.commit()
        return copy


@dataclass(frozen=True, slots=True)
class Stage:
    """Two agents with keys of their own, and a person."""

    assistant: Client
    visitor: Client
    person: Person


@asynccontextmanager
async def stage(policy: str) -> AsyncGenerator[Stage]:
    """Start `toolgate up` in a temporary folder, connect both agents, and take everything away again.

    `policy` is a file or the name of a shipped policy. Raises NotStarted.
    """
    with tempfile.TemporaryDirectory(prefix="toolgate-tour-") as folder:
        home, documents = Path(folder) / "home", Path(folder) / "documents"
        documents.mkdir()
        (documents / "invoice.md").write_text(INVOICE, encoding="utf-8")
        async with _running(home, documents, policy) as found:
            person = Person(home)
            await person.enrol()
            key = json.loads(await _needed(person, "keys", "add", "visitor", "--role", "reader", "--json"))
            async with (
                connected(Place(found["url"], found["key"])) as assistant,
                connected(Place(found["url"], key["token"])) as visitor,
            ):
                yield Stage(assistant, visitor, person)


async def _needed(person: Person, *words: str) -> str:
    done = await person.types(*words)
    if done.code:
        sys.stderr.write(f"toolgate {' '.join(words[:2])}: {done.said}\n")
        raise NotStarted
    return done.said


@asynccontextmanager
async def _running(home: Path, documents: Path, policy: str) -> AsyncGenerator[dict[str, Any]]:
    options = ["--json", "--port", "0", "--home", str(home), "--folder", str(documents), "--policy", policy]
    # A group of its own: Ctrl-C ends the tour, and the tour ends this.
    process = await asyncio.create_subprocess_exec(
        *toolgate_command(),
        "up",
        *options,
        stdin=DEVNULL,
        stdout=PIPE,
        env=_environment(),
        start_new_session=True,
    )
    try:
        yield await _announced(process)
    finally:
        await _stopped(process)


async def _announced(process: Process) -> dict[str, Any]:
    """What `up` says once it listens."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
    except TimeoutError:
        sys.stderr.write(f"toolgate up: found no answer within {_START_SECONDS:g} s\n")
        raise NotStarted from None
    if not line:
        raise NotStarted
    found: dict[str, Any] = json.loads(line)
    return found


async def _stopped(process: Process) -> None:
    """End it as Ctrl-C would, and read what it still says so that it never waits for us."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
    try:
        await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")}
