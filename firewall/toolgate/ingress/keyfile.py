"""API keys at rest: `keys.yaml` holds a hash per key, never the key.

Tokens read `tg_ID_SECRET`; the secret has 256 random bits, so one plain SHA-256 of the token is enough.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from toolgate import documents, ownfile
from toolgate.errors import Misuse, SettingsError

PREFIX = "tg_"
_HEADER = "# API keys of toolgate: `toolgate keys add|list|revoke` writes this file and keeps no comments.\n"


@dataclass(frozen=True, slots=True)
class Key:
    """One API key. Times are seconds since the epoch; `hash` is the SHA-256 of the token."""

    id: str
    caller: str
    roles: tuple[str, ...]
    hash: bytes
    created: float
    expires: float | None = None
    revoked: float | None = None


def moment(text: str) -> float:
    """`2026-01-31T12:00:00Z` as seconds since the epoch. Raises ValueError."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError("a time such as 2026-01-31T12:00:00Z") from None


def spelled(seconds: float) -> str:
    """Seconds since the epoch as `2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> str:
    moment(text)
    return text


_Time = Annotated[str, AfterValidator(_moment)]
_Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class KeyEntry(_Strict):
    """One key in the file."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]{4,32}$")]
    caller: _Word
    roles: Annotated[list[_Word], Field(min_length=1)]
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    created: _Time
    expires: _Time | None = None
    revoked: _Time | None = None


class KeysFile(_Strict):
    """`keys.yaml`."""

    version: Literal[1]
    keys: list[KeyEntry] = []

    @model_validator(mode="after")
    def _once(self) -> KeysFile:
        for name in ("id", "hash"):
            if len({getattr(entry, name) for entry in self.keys}) < len(self.keys):
                raise ValueError(f"found the same {name} in two keys, expected it once")
        return self


def read(path: Path) -> tuple[Key, ...]:
    """The keys in a file, none if there is no file. Raises SettingsError."""
    if not path.exists():
        return ()
    entries = documents.load(path, KeysFile, SettingsError).value.keys
    return tuple(
        Key(
            entry.id,
            entry.caller,
            tuple(entry.roles),
            bytes.fromhex(entry.hash.removeprefix("sha256:")),
            moment(entry.created),
            moment(entry.expires) if entry.expires else None,
            moment(entry.revoked) if entry.revoked else None,
        )
        for entry in entries
    )


def add(
    path: Path, caller: str, roles: Sequence[str], now: float, expires: float | None = None
) -> tuple[str, Key]:
    """A new token, which is stored nowhere, and its key, which is now in the file. Raises SettingsError."""
    token = f"{PREFIX}{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(token.encode()).digest()
    key = Key(token.split("_")[1], caller, tuple(roles), digest, now, expires)
    _change(path, lambda keys: (*keys, key))
    return token, key


def revoke(path: Path, key_id: str, now: float) -> Key:
    """Revoke a key; a revoked one keeps its date. Raises Misuse for an unknown id."""
    found: list[Key] = []

    def revoked(keys: tuple[Key, ...]) -> tuple[Key, ...]:
        changed = tuple(replace(k, revoked=k.revoked or now) if k.id == key_id else k for k in keys)
        found.extend(key for key in changed if key.id == key_id)
        return changed

    _change(path, revoked)
    if not found:
        raise Misuse(f"{path}: found no key with this id, expected one that `toolgate keys list` shows")
    return found[0]


def _change(path: Path, change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
    with ownfile.alone(path):  # no revocation is lost under somebody's new key
        keys = read(path)
        changed = change(keys)
        if changed != keys:
            _write(path, changed)


def _write(path: Path, keys: Sequence[Key]) -> None:
    entries = " []\n" if not keys else "\n" + "".join(map(_entry, keys))
    ownfile.write(path, f"{_HEADER}version: 1\nkeys:{entries}")


def _entry(key: Key) -> str:
    fields: dict[str, Any] = {
        "id": key.id,
        "caller": key.caller,
        "roles": list(key.roles),
        "hash": f"sha256:{key.hash.hex()}",
        "created": spelled(key.created),
    }
    for name, value in (("expires", key.expires), ("revoked", key.revoked)):
        if value is not None:
            fields[name] = spelled(value)
    # JSON is YAML, and quotes whatever a caller is called.
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in fields.items()]
    return "  - " + "    ".join(lines)
