"""The journal's record format, version 1: how records are bound to one another and to a key.

- A *writer* is one process; its id is random. Its records are numbered 1, 2, 3 without gaps.
- `mac = HMAC-SHA256(keys.records, previous mac || body)`; the first record follows `genesis(writer)`.
- Arguments and results are not in the body, only commitments to them: `BLAKE2b-256(value)` with the key
  `keys.commitments`, the record's own 16-byte salt, and the key's name in the body as personalisation.
  The salt lies outside the chain: without it the commitment can no longer be matched to any guess.
- A *head* says how far a writer came, sealed with `keys.heads`.
- A *turn* is one transaction of one writer. The roster's `link` chains the turns of all writers, so
  that a writer cannot lose its tail or vanish together with its head without the turns showing it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

VERSION: Final = 1
SALT: Final = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """The three keys of a journal, 32 bytes each."""

    records: bytes
    commitments: bytes
    heads: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is stored: the `seq`-th of its writer, written in transaction `turn`."""

    writer: str
    seq: int
    turn: int
    body: bytes
    mac: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a writer."""

    writer: str
    seq: int
    mac: bytes
    seal: bytes


@dataclass(frozen=True, slots=True)
class Roster:
    """How many turns and writers there were, and the link of the last turn."""

    turn: int
    writers: int
    link: bytes


def genesis(writer: str) -> bytes:
    """What the first record of a writer follows; the empty writer's is what the first turn follows."""
    return hashlib.sha256(b"toolgate journal 1\n" + writer.encode()).digest()


EMPTY: Final = Roster(0, 0, genesis(""))


def next_mac(key: bytes, previous: bytes, body: bytes) -> bytes:
    """The mac of a record."""
    return hmac.digest(key, previous + body, "sha256")


def macs(key: bytes) -> Callable[[bytes, bytes], bytes]:
    """`next_mac` with a key of at most 64 bytes worked in once (RFC 2104): half the cost."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def mac(previous: bytes, body: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(previous + body)
        around.update(within.digest())
        return around.digest()

    return mac


def commitment(key: bytes, salt: bytes, name: bytes, value: bytes) -> str:
    """What a record says of its arguments or result, in hex."""
    return hashlib.blake2b(value, digest_size=32, key=key, salt=salt, person=name).hexdigest()


def _mark(writer: str, seq: int, mac: bytes) -> bytes:
    return mac + seq.to_bytes(8, "big") + writer.encode()


def _sealed(key: bytes, kind: bytes, message: bytes) -> bytes:
    """Keyed BLAKE2b-256: half the cost of HMAC, and every turn needs two."""
    return hashlib.blake2b(message, digest_size=32, key=key, person=kind).digest()


def head_seal(key: bytes, writer: str, seq: int, mac: bytes) -> bytes:
    """The seal of a head."""
    return _sealed(key, b"head", _mark(writer, seq, mac))


def next_roster(key: bytes, before: Roster, writer: str, seq: int, mac: bytes, *, new: bool) -> Roster:
    """The roster after a turn in which `writer` came to its record `seq`; `new`: this was its first turn."""
    turn, writers = before.turn + 1, before.writers + new
    counts = turn.to_bytes(8, "big") + writers.to_bytes(8, "big")
    return Roster(turn, writers, _sealed(key, b"turn", before.link + counts + _mark(writer, seq, mac)))
