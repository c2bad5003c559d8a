"""Doing a thing once, however often it is asked for: across threads, processes and restarts.

An action is named by its tool and an idempotency key. What is known of it is in one SQLite file:

    (nothing) --begin--> running --settle--> done     a repeat gives the kept outcome, with other arguments
                            |                         it is key-reused, meanwhile it waits or is in-progress
                            +--refused--> (nothing)   nothing happened, and the key is free
                            +--crash----> unknown     refused from then on, unless repeating does no harm
"""

import hashlib
import inspect
import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import anyio.to_thread
from pydantic import BaseModel

from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.stricttool import Does, takes_run

APPLICATION_ID = 0x7467_6F6E
EXPIRES_SECONDS = 7 * 86400.0
# How long an action may run before a process that cannot see its owner takes it for dead.
LEASE_SECONDS = 3600.0
WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.02

# synchronous = FULL: what was done stays known, also when the power fails.
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS actions (
  tool TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'unknown')),
  owner TEXT NOT NULL, outcome TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (tool, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS actions_by_time ON actions (at);
"""

ModelT = TypeVar("ModelT", bound=BaseModel)
OutcomeT = TypeVar("OutcomeT", bound=BaseModel)

_living: set[str] = (
    set()
)  # the stores that are open in this process, to tell their actions from those of a dead one


@dataclass(frozen=True, slots=True)
class Action:
    """One action by its name, and what it was asked to do."""

    tool: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of an action that was done before, as JSON."""

    outcome: str


class Once:
    """What is known of actions, in a file or in memory."""

    def __init__(
        self,
        file: Path | None,
        *,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self._database = Database("the record of actions", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self._clock = clock
        self._pause = pause
        self._wait = wait
        self._owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(8)}"
        _living.add(self._owner)

    def run(
        self,
        tool: str,
        key: str,
        digest: str,
        does: Callable[[], OutcomeT],
        *,
        gives: type[OutcomeT],
        repeatable: bool = False,
    ) -> tuple[OutcomeT, bool]:
        """Do it, or give the outcome of when it was done; and whether it is a repeat.

        Raises:
            Refused: KEY_REUSED, IN_PROGRESS, OUTCOME_UNKNOWN or STORE_FAILED, or what the action raises.
        """
        action = Action(tool, key, digest)
        kept = self.begin(action, repeatable=repeatable)
        if kept is not None:
            return gives.model_validate_json(kept.outcome), True
        try:
            outcome = does()
        except BaseException as problem:
            self.fail(action, problem, repeatable=repeatable)
            raise
        self.settle(action, outcome.model_dump_json())
        return outcome, False

    def begin(self, action: Action, *, repeatable: bool) -> Kept | None:
        """Claim an action, after waiting for whoever does it just now; a kept outcome means that it was done.

        Raises:
            Refused: KEY_REUSED, IN_PROGRESS, OUTCOME_UNKNOWN or STORE_FAILED.
        """
        waited = 0.0
        while True:
            found = self._claim(action, repeatable=repeatable)
            if found != "running":
                return found
            if waited >= self._wait:
                raise Refused(
                    Reason.IN_PROGRESS,
                    "idempotency_key",
                    found="the same action still being done by an earlier call",
                    expected="patience: repeat the call with the same key in a while",
                )
            self._pause(PAUSE_SECONDS)
            waited += PAUSE_SECONDS

    def settle(self, action: Action, outcome: str) -> None:
        """Keep the outcome of an action that was claimed."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE actions SET state = 'done', outcome = ? WHERE tool = ? AND key = ? AND owner = ?",
                (outcome, action.tool, action.key, self._owner),
            )

    def fail(self, action: Action, problem: BaseException, *, repeatable: bool) -> None:
        """Give up an action that was claimed: refused or repeatable ones may be tried again, others not."""
        refused = isinstance(problem, Refused) and problem.reason is not Reason.OUTCOME_UNKNOWN
        change = "DELETE FROM actions" if refused or repeatable else "UPDATE actions SET state = 'unknown'"
        with self._database.writing() as connection:
            connection.execute(
                f"{change} WHERE tool = ? AND key = ? AND owner = ? AND state = 'running'",  # constants
                (action.tool, action.key, self._owner),
            )

    def close(self) -> None:
        """Close the file; what is running is taken for dead from now on."""
        _living.discard(self._owner)
        self._database.close()

    def _claim(self, action: Action, *, repeatable: bool) -> Kept | Literal["running"] | None:
        now = self._clock()
        with self._database.writing() as connection:
            connection.execute("DELETE FROM actions WHERE at < ?", (now - EXPIRES_SECONDS,))
            row = connection.execute(
                "SELECT digest, state, owner, outcome, at FROM actions WHERE tool = ? AND key = ?",
                (action.tool, action.key),
            ).fetchone()
            if row is not None:
                digest, state, owner, outcome, at = row
                if digest != action.digest:
                    raise _reused()
                if state == "done":
                    return Kept(outcome)
                if state == "running" and at + LEASE_SECONDS > now and is_alive(owner):
                    return "running"
            if row is None or repeatable:
                connection.execute(
                    "INSERT OR REPLACE INTO actions VALUES (?, ?, ?, 'running', ?, '', ?)",
                    (action.tool, action.key, action.digest, self._owner, now),
                )
                return None
            connection.execute(
                "UPDATE actions SET state = 'unknown' WHERE tool = ? AND key = ?", (action.tool, action.key)
            )
        raise outcome_unknown()


def is_alive(owner: str) -> bool:
    """Whether the store that claimed an action may still be at work; in doubt it is."""
    host, pid, _ = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return True
    if int(pid) == os.getpid():
        return owner in _living
    if os.name == "nt":
        return True  # there, os.kill with any signal ends the process
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def digest_of(arguments: BaseModel) -> str:
    """Give what two calls have in common when they ask for the same, whatever their keys."""
    content = arguments.model_dump(mode="json", exclude={"idempotency_key"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def stable_id(tool: str, key: str) -> str:
    """Give the id, 16 hex digits, of what an action makes: so that a repeat finds it."""
    return hashlib.sha256(f"{tool}\0{key}".encode()).hexdigest()[:16]


def new_key() -> str:
    """Make the key of an action whose caller gave none."""
    return secrets.token_urlsafe(16)


def outcome_unknown() -> Refused:
    """Make the refusal for an action of which nobody knows whether it happened."""
    return Refused(
        Reason.OUTCOME_UNKNOWN,
        "idempotency_key",
        found="an earlier attempt that broke off, so it may or may not have happened",
        expected="you to look whether it did; if it did not, repeat with a new key",
    )


def doing_once(
    does: Does[ModelT, OutcomeT], once: Once, tool: str, gives: type[OutcomeT], *, repeatable: bool
) -> Callable[[Any, Run], Any]:
    """Make a tool function that does its work once for each key."""
    call = cast("Callable[..., Any]", does)
    with_run = takes_run(does)

    def claimed(arguments: Any, run: Run) -> Action:
        run.idempotency_key = arguments.idempotency_key or new_key()
        return Action(tool, run.idempotency_key, digest_of(arguments))

    def given(outcome: BaseModel, key: str, *, repeated: bool) -> BaseModel:
        return outcome.model_copy(update={"idempotency_key": key, "repeated": repeated})

    def in_thread(arguments: Any, run: Run) -> BaseModel:
        action = claimed(arguments, run)
        work = (lambda: call(arguments, run)) if with_run else (lambda: call(arguments))
        outcome, repeated = once.run(
            tool, action.key, action.digest, work, gives=gives, repeatable=repeatable
        )
        return given(outcome, action.key, repeated=repeated)

    async def on_loop(arguments: Any, run: Run) -> BaseModel:
        action = claimed(arguments, run)
        kept = await anyio.to_thread.run_sync(lambda: once.begin(action, repeatable=repeatable))
        if kept is not None:
            return given(gives.model_validate_json(kept.outcome), action.key, repeated=True)
        try:
            outcome = await (call(arguments, run) if with_run else call(arguments))
        except BaseException as problem:
            once.fail(action, problem, repeatable=repeatable)
            raise
        once.settle(action, outcome.model_dump_json())
        return given(outcome, action.key, repeated=False)

    return on_loop if inspect.iscoroutinefunction(does) else in_thread


def _reused() -> Refused:
    return Refused(
        Reason.KEY_REUSED,
        "idempotency_key",
        found="a key that was used with other arguments",
        expected="the same arguments, or a new key for a new action",
    )
