"""Who may decide held calls: people, each with a passphrase that no agent can read from a file."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from toolgate import documents, ownfile
from toolgate.errors import Misuse, SettingsError

SHORTEST: Final = 12
_HEADER: Final = (
    "# Approvers of toolgate: `toolgate approvals enrol` writes this file and keeps no comments.\n"
)
_SALT: Final = 16


@dataclass(frozen=True, slots=True)
class Approver:
    """A person who may decide held calls. `hash` is `scrypt:SALT:KEY` in hex.

    `credential` is that of a person who signed in with one that may call, too: nobody decides an own call.
    """

    name: str
    roles: tuple[str, ...]
    hash: str
    credential: str = ""


_Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ApproverEntry(_Strict):
    """One approver in the file."""

    name: _Word
    roles: Annotated[list[_Word], Field(min_length=1)]
    passphrase: Annotated[str, Field(pattern=r"^scrypt:[0-9a-f]{32}:[0-9a-f]{64}$")]


class ApproversFile(_Strict):
    """`approvers.yaml`."""

    version: Literal[1]
    approvers: list[ApproverEntry] = []

    @model_validator(mode="after")
    def _once(self) -> ApproversFile:
        if len({entry.name for entry in self.approvers}) < len(self.approvers):
            raise ValueError("found the same name in two approvers, expected it once")
        return self


def read(path: Path) -> tuple[Approver, ...]:
    """The approvers in a file, none if there is no file. Raises SettingsError."""
    if not path.exists():
        return ()
    entries = documents.load(path, ApproversFile, SettingsError).value.approvers
    return tuple(Approver(entry.name, tuple(entry.roles), entry.passphrase) for entry in entries)


def enrol(path: Path, name: str, roles: Sequence[str], passphrase: str, *, first: bool) -> Approver:
    """Add an approver. Raises Misuse for a name that is taken or a passphrase that is too short.

    `first`: nobody vouches for this one, so the file must still be empty.
    """
    if len(passphrase) < SHORTEST:
        raise Misuse(f"passphrase: found {len(passphrase)} characters, expected at least {SHORTEST}")
    try:
        entry = ApproverEntry(name=name, roles=list(roles), passphrase=hashed(passphrase))
    except ValueError:
        raise Misuse("name and roles: expected 1 to 100 letters each, no control characters") from None
    approver = Approver(entry.name, tuple(entry.roles), entry.passphrase)
    with ownfile.alone(path):  # two first approvers cannot both be the first
        known = read(path)
        if any(other.name == name for other in known):
            raise Misuse(f"{path}: found an approver of this name already, expected a new name")
        if first and known:
            raise Misuse(f"{path}: found approvers already, expected one of them to vouch (--by NAME)")
        _write(path, (*known, approver))
    return approver


def hashed(passphrase: str, salt: bytes | None = None) -> str:
    """`scrypt:SALT:KEY`; N=2^15, r=8, p=1: 32 MiB and about a tenth of a second."""
    salt = os.urandom(_SALT) if salt is None else salt
    return f"scrypt:{salt.hex()}:{_scrypt(passphrase, salt).hex()}"


def fits(approver: Approver | None, passphrase: str) -> bool:
    """Whether this is the approver's passphrase. For an unknown approver it takes just as long to say no."""
    if approver is None:
        _scrypt(passphrase, bytes(_SALT))
        return False
    _, salt, key = approver.hash.split(":")
    return hmac.compare_digest(_scrypt(passphrase, bytes.fromhex(salt)), bytes.fromhex(key))


def _scrypt(passphrase: str, salt: bytes) -> bytes:
    secret = passphrase.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)


def _write(path: Path, approvers: Sequence[Approver]) -> None:
    ownfile.write(path, _HEADER + "version: 1\napprovers:\n" + "".join(map(_entry, approvers)))


def _entry(approver: Approver) -> str:
    fields = {"name": approver.name, "roles": list(approver.roles), "passphrase": approver.hash}
    # JSON is YAML, and quotes whatever a person is called.
    return "  - " + "    ".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())
