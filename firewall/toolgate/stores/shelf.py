"""State in SQLite: limits, held calls, tiers given by people, wrong passphrases."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from toolgate.core.model import Approval, ApprovalState, Inverse, Tier, UndoState
from toolgate.core.standing import Pause, Pauses
from toolgate.ports import Alias, Granting
from toolgate.stores import schema

_COLUMNS: Final = (
    "id, caller, upstream, target, digest, pin, tier, state, created, expires, decided_by,"
    " credential, session, why, channel, sends"
)
BY_ID: Final = f"select {_COLUMNS} from approvals where id = ?"  # noqa: S608 - our own column names
# A spent approval counts until its outcome is known, whatever came after it.
BY_DIGEST: Final = (
    f"select {_COLUMNS} from approvals where caller = ? and digest = ? and expires > ?"  # noqa: S608 - as above
    " order by state = 'spent' desc, n desc limit 1"
)
NEWEST: Final = f"select {_COLUMNS} from approvals order by n desc limit ?"  # noqa: S608 - as above
OF_STATE: Final = f"select {_COLUMNS} from approvals where state = ? order by n desc limit ?"  # noqa: S608 - as above
ALIASES: Final = (
    "select namespace, token, upstream, sealed, expires from aliases"
    " where namespace = ? and token in (select value from json_each(?)) and expires > ?"
)
ASSIGNED: Final = "select tier from assigned where upstream = ? and tool = ? and pin = ?"
_STANDS: Final = (
    "select 1 from approvals where caller = ? and digest = ? and expires > ?"
    " and (state = 'pending' or (state = 'approved' and tier = ?)) limit 1"
)
_OPEN: Final = f"insert into approvals({_COLUMNS}, sealed, about) values ({'?,' * 17}?)"  # noqa: S608 - as above
_INVERSE: Final = "call, session, caller, undoes, upstream, target, at, until, state"
INVERSE_OF: Final = f"select {_INVERSE} from inverses where call = ?"  # noqa: S608 - as above
INVERSES: Final = f"select {_INVERSE} from inverses order by n desc limit ?"  # noqa: S608 - as above
INVERSES_IN: Final = f"select {_INVERSE} from inverses where session = ? order by n desc limit ?"  # noqa: S608 - as above
GRANTS_OF: Final = (
    "select sealed, used, revoked from grants"
    " where caller = ? and upstream = ? and target = ? and expires > ? and revoked = '' order by id"
)
PAUSES: Final = "select id, upstream, caller, tool, by, at from pauses order by at, id"
GRANTS: Final = "select sealed, used, revoked from grants order by expires desc limit 1000"


def approval_of(row: Sequence[Any]) -> Approval:
    """The approval in a row of the columns above."""
    ident, caller, upstream, target, digest, pin, tier, state, created, expires, decided_by, *more = row
    credential, session, why, channel, sends = more
    return Approval(
        id=ident,
        caller=caller,
        upstream=upstream,
        target=target,
        digest=digest,
        pin=pin,
        tier=None if tier is None else Tier(tier),
        state=ApprovalState(state),
        created=created,
        expires=expires,
        decided_by=decided_by,
        credential=credential,
        session=session,
        why=why,
        channel=channel,
        sends=sends,
    )


def inverse_of(row: Sequence[Any]) -> Inverse:
    """The way back in a row of the columns above."""
    call, session, caller, undoes, upstream, target, at, until, state = row
    return Inverse(call, session, caller, undoes, upstream, target, at, until, UndoState(state))


def pauses_of(db: sqlite3.Connection, generation: int) -> Pauses:
    """What is paused, read within a transaction."""
    rows = db.execute(PAUSES)
    return Pauses(generation, tuple(Pause(*row) for row in rows))


class SqliteShelf:
    """`toolgate.stores.ledger.Shelf` over one connection. Limits are read and written once a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._tats: dict[str, int] = {}
        self._changed: dict[str, int] = {}

    def begin(self) -> None:
        """Forget what another process may have changed since."""
        self._tats.clear()
        self._changed.clear()

    def flush(self) -> None:
        """Write what was kept back; the last statement before the commit."""
        if self._changed:
            self._db.executemany(schema.KEEP_TAT, self._changed.items())

    def tat(self, key: str) -> int:
        known = self._tats.get(key)
        if known is None:
            row = self._db.execute(schema.READ_TAT, (key,)).fetchone()
            known = self._tats[key] = 0 if row is None else int(row[0])
        return known

    def keep_tats(self, tats: Mapping[str, int]) -> None:
        self._tats.update(tats)
        self._changed.update(tats)

    def find(self, approval: str) -> Approval | None:
        row = self._db.execute(BY_ID, (approval,)).fetchone()
        return None if row is None else approval_of(row)

    def move(
        self,
        approval: str,
        state: ApprovalState,
        *,
        expires: float,
        approver: str | None = None,
        channel: str = "",
    ) -> None:
        self._db.execute(
            "update approvals set state = ?, expires = ?, decided_by = coalesce(?, decided_by),"
            " channel = iif(? = '', channel, ?) where id = ?",
            (state.value, expires, approver, channel, channel, approval),
        )

    def edit(self, approval: str, sends: str, sealed: bytes) -> None:
        self._db.execute("update approvals set sends = ?, edited = ? where id = ?", (sends, sealed, approval))

    def give_tier(self, approval: Approval, tier: Tier, approver: str) -> None:
        self._db.execute("update approvals set tier = ? where id = ?", (tier.value, approval.id))
        self._db.execute(
            "insert or replace into assigned(upstream, tool, pin, tier, approver) values (?, ?, ?, ?, ?)",
            (approval.upstream, approval.target, approval.pin, tier.value, approver),
        )

    def stands(self, wanted: Approval, now: float) -> bool:
        tier = None if wanted.tier is None else wanted.tier.value
        return self._db.execute(_STANDS, (wanted.caller, wanted.digest, now, tier)).fetchone() is not None

    def open(self, approval: Approval, sealed: bytes, about: bytes, now: float) -> None:
        self._db.execute(
            "delete from approvals where caller = ? and digest = ? and state = 'pending' and expires <= ?",
            (approval.caller, approval.digest, now),
        )
        tier = None if approval.tier is None else approval.tier.value
        values = (
            approval.id,
            approval.caller,
            approval.upstream,
            approval.target,
            approval.digest,
            approval.pin,
        )
        kept = (tier, approval.state.value, approval.created, approval.expires, approval.decided_by)
        more = (approval.credential, approval.session, approval.why, approval.channel, approval.sends)
        self._db.execute(_OPEN, (*values, *kept, *more, sealed, about))

    def name(self, aliases: Sequence[Alias]) -> None:
        self._db.executemany(
            "insert or replace into aliases values (?, ?, ?, ?, ?)",
            [(one.namespace, one.token, one.upstream, one.sealed, one.expires) for one in aliases],
        )

    def keep_result(self, approval: str, result: bytes) -> None:
        self._db.execute("update approvals set result = ? where id = ?", (result, approval))

    def uses(self, grant: str) -> int | None:
        row = self._db.execute("select used from grants where id = ? and revoked = ''", (grant,)).fetchone()
        return None if row is None else int(row[0])

    def use(self, grant: str) -> None:
        self._db.execute("update grants set used = used + 1 where id = ?", (grant,))

    def grant(self, grant: Granting) -> None:
        self._db.execute(
            "insert into grants(id, caller, upstream, target, expires, sealed) values (?, ?, ?, ?, ?, ?)",
            (grant.id, grant.caller, grant.upstream, grant.target, grant.expires, grant.sealed),
        )

    def revoke(self, grant: str, by: str) -> None:
        self._db.execute("update grants set revoked = ? where id = ?", (by, grant))

    def pause(self, pause: Pause) -> None:
        self._db.execute(
            "insert into pauses(id, upstream, caller, tool, by, at) values (?, ?, ?, ?, ?, ?)",
            (pause.id, pause.upstream, pause.caller, pause.tool, pause.by, pause.at),
        )
        self._db.execute("update roster set pauses = pauses + 1")

    def resume(self, pause: str) -> None:
        self._db.execute("delete from pauses where id = ? or ? = ''", (pause, pause))
        self._db.execute("update roster set pauses = pauses + 1")

    def paused(self, pause: str) -> bool:
        found = self._db.execute("select 1 from pauses where id = ? or ? = '' limit 1", (pause, pause))
        return found.fetchone() is not None

    def remember(self, inverse: Inverse, sealed: bytes) -> None:
        i = inverse
        values = (i.call, i.session, i.caller, i.undoes, i.upstream, i.target, i.at, i.until, i.state.value)
        self._db.execute(
            f"insert into inverses({_INVERSE}, sealed) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - as above
            (*values, sealed),
        )

    def inverse(self, call: str) -> Inverse | None:
        row = self._db.execute(INVERSE_OF, (call,)).fetchone()
        return None if row is None else inverse_of(row)

    def undone(self, call: str, state: UndoState) -> None:
        self._db.execute("update inverses set state = ? where call = ?", (state.value, call))

    def failures(self, name: str) -> tuple[int, float]:
        row = self._db.execute("select failures, until from attempts where name = ?", (name,)).fetchone()
        return (0, 0.0) if row is None else (row[0], row[1])

    def keep_failures(self, name: str, failures: int, until: float) -> None:
        self._db.execute(
            "insert or replace into attempts(name, failures, until) values (?, ?, ?)", (name, failures, until)
        )
