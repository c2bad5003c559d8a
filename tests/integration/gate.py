"""toolgate as a real process before programmable upstreams, and what its journal says afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from programs import free_port, healthy, listens, running, wait_for
from toolgate.approvals.desk import Declined, Desk
from toolgate.journal.reading import open_journal
from toolgate.journal.verify import verify_file
from toolgate.policy.compile import open_policy
from toolgate.secrets.keyring import open_keyring
from toolgate.settings import chosen
from toolgate.stores.sqlite import SqliteStore

HERE = Path(__file__).parent
PROGRAM = Path(sys.executable).parent / "toolgate"
TOKENS = {name: f"tg_{name}-only-for-tests-0000000000000000000000" for name in ("ann", "bob", "cut")}
PASSPHRASE = "a passphrase for tests"
Json = dict[str, Any]
Value = TypeVar("Value")

POLICY: Json = {
    "version": 1,
    "tiers": {"read": ["*/*"], "irreversible": ["*/boom"]},
    "roles": {
        "full": {
            "tools": ["*/*"],
            "prompts": ["*/*"],
            "resources": ["*/*"],
            "methods": ["*"],
            "servers_may": ["elicit", "sample", "list_roots"],
            "may_approve": ["irreversible"],
        },
        "narrow": {"tools": ["*/echo"]},
    },
}
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A running toolgate: where it listens and where its files are."""

    port: int
    folder: Path
    pid: int

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "toolgate.yaml"

    def records(self) -> list[Json]:
        """Everything in the journal now."""
        with open_journal(chosen(file=self.settings).store) as journal:
            return [line.body for line in journal.lines()]

    def refusals(self) -> int:
        """How many refusals are on record."""
        return sum(record.get("verdict") == "refuse" for record in self.records())

    def problems(self) -> Sequence[object]:
        """What `journal verify` finds."""
        places = chosen(file=self.settings)
        keys = open_keyring(places.master_key).all_journal_keys()
        return verify_file(places.store, keys).problems

    def events(self, upstream: str) -> list[Json]:
        """What an upstream heard."""
        return heard(self.folder / f"{upstream}.log")

    def alive(self) -> bool:
        """Whether it still answers."""
        return healthy(self.port)

    async def decide(self, approval: str, *, approve: bool = True) -> None:
        """What a person does at the terminal."""
        places = chosen(file=self.settings)
        keyring = open_keyring(places.master_key)
        store = SqliteStore(places.store, keyring.journal_keys())
        try:
            desk = Desk(store, keyring, places.approvers, open_policy(places.policies), "cli", time.time)
            if not desk.has_approvers():
                await desk.enrol("judy", ("full",), PASSPHRASE, None)
            judy = await desk.sign_in("judy", PASSPHRASE)
            assert not isinstance(judy, Declined), judy
            done = await (desk.approve(judy, approval, None) if approve else desk.deny(judy, approval))
            assert not isinstance(done, Declined), done
        finally:
            await store.aclose()


def heard(log: Path) -> list[Json]:
    """The lines of a puppet's log."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def puppet(log: Path, **options: object) -> list[str]:
    """The command of a programmable upstream."""
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return [sys.executable, "-m", "upstreams.puppet", "--log", str(log), *words]


def piped(folder: Path, name: str, era: str = "both", lists: str = "plain", **more: object) -> Json:
    """The settings of a puppet over stdio."""
    return {"command": puppet(folder / f"{name}.log", era=era, lists=lists), "cwd": str(HERE), **more}


@contextmanager
def posted(folder: Path, name: str, **options: object) -> Generator[Json]:
    """A running puppet behind HTTP; yields its settings."""
    port = free_port()
    command = puppet(folder / f"{name}.log", http=port, **options)
    log = folder / f"{name}.out"
    with running(command, log, PYTHONPATH=str(HERE)) as process:
        wait_for(process, log, lambda: listens(port))
        yield {"url": f"http://127.0.0.1:{port}/mcp"}


@contextmanager
def gate(
    folder: Path, upstreams: Mapping[str, object], policy: Json = POLICY, **limits: str
) -> Generator[Gate]:
    """toolgate over HTTP on a free port, with the callers `ann` and `bob` (full) and `cut` (narrow)."""
    port = free_port()
    write_settings(folder, port, upstreams, policy, **limits)
    log = folder / "toolgate.log"
    command = [str(PROGRAM), "serve", "--settings", str(folder / "toolgate.yaml")]
    with running(command, log, TOOLGATE_HOME=str(folder / "home")) as process:
        wait_for(process, log, lambda: healthy(port))
        yield Gate(port, folder, process.pid)


def write_settings(
    folder: Path, port: int, upstreams: Mapping[str, object], policy: Json = POLICY, **limits: str
) -> Path:
    """Settings, policy and keys in one folder."""
    keys = [
        {
            "id": f"key{name}",
            "caller": name,
            "roles": ["narrow" if name == "cut" else "full"],
            "hash": "sha256:" + hashlib.sha256(token.encode()).hexdigest(),
            "created": "2026-01-01T00:00:00Z",
        }
        for name, token in TOKENS.items()
    ]
    settings = {
        "listen": f"127.0.0.1:{port}",
        "policies": "policy.yaml",
        "upstreams": dict(upstreams),
        "identity": {"keys": "keys.yaml", "local": {"caller": "ann", "roles": ["full"]}},
        "store": "sqlite:toolgate.db",
        "limits": {"attempts": "1000000/minute", **limits},
    }
    for name, content in (("policy", policy), ("keys", {"version": 1, "keys": keys}), ("toolgate", settings)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False))
    return folder / "toolgate.yaml"


async def until(look: Callable[[], Value], seconds: float = _SECONDS) -> Value:
    """What `look` gives as soon as it is true; asks every few milliseconds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing within {seconds:g} s")
        await asyncio.sleep(0.01)
    return found
