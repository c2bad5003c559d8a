"""One process's own chain: turns entries into records ready to be stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toolgate.core import chain
from toolgate.core.canonical import canonical
from toolgate.ports import Entry
from toolgate.stores.ledger import Act


class Item(NamedTuple):
    """What waits for a transaction. Without a body it changes state only."""

    body: bytes | None
    salt: bytes | None
    acts: Sequence[Act] = ()
    durable: bool = False
    under: int | None = None


class Row(NamedTuple):
    """A record with its place in the chain, in the order of the table's columns."""

    writer: str
    seq: int
    turn: int
    body: bytes
    mac: bytes
    salt: bytes | None


class Writer:
    """The end of this process's chain. `append` plans a turn, `advance` makes it so once it is stored."""

    def __init__(self, keys: chain.Keys, name: str | None = None) -> None:
        self.keys = keys
        self._next_mac = chain.macs(keys.records)
        self.name = name or os.urandom(8).hex()
        self.seq = 0
        self.mac = chain.genesis(self.name)

    def append(self, items: Sequence[Item], turn: int) -> list[Row]:
        """The next records, one per item that has a body."""
        next_mac, seq, mac, name = self._next_mac, self.seq, self.mac, self.name
        rows: list[Row] = []
        for body, salt, _, _, _ in items:
            if body is not None:
                seq += 1
                mac = next_mac(mac, body)
                rows.append(Row(name, seq, turn, body, mac, salt))
        return rows

    def roster_after(self, before: chain.Roster, last: Row) -> chain.Roster:
        """The roster once these rows are stored."""
        return chain.next_roster(self.keys.heads, before, self.name, last.seq, last.mac, new=self.seq == 0)

    def seal(self, last: Row) -> bytes:
        """The seal of the head at this row."""
        return chain.head_seal(self.keys.heads, self.name, last.seq, last.mac)

    def advance(self, last: Row) -> None:
        """The rows up to this one are stored."""
        self.seq, self.mac = last.seq, last.mac


def _salts() -> Iterator[bytes]:
    """Random salts: one system call serves hundreds of records."""
    while True:
        pool = os.urandom(256 * chain.SALT)
        for at in range(0, len(pool), chain.SALT):
            yield pool[at : at + chain.SALT]


def itemise(
    key: bytes,
    entry: Entry,
    acts: Sequence[Act],
    *,
    durable: bool,
    salts: Iterator[bytes] = _salts(),  # noqa: B008 - one pool for the process is the point
) -> Item:
    """The entry with its commitments made and its body final. Raises TypeError for a body JSON cannot say."""
    if entry.arguments is None and entry.result is None:
        return Item(canonical(entry.body), None, acts, durable, entry.under)
    body, salt = entry.body.copy(), next(salts)
    if entry.arguments is not None:
        body["arguments"] = chain.commitment(key, salt, b"arguments", entry.arguments)
    if entry.result is not None:
        body["result"] = chain.commitment(key, salt, b"result", entry.result)
    return Item(canonical(body), salt, acts, durable, entry.under)
