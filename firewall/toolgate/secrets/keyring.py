"""The master secret, made on first start, and the keys derived from it, one per purpose."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from toolgate.core.chain import Keys
from toolgate.errors import SealBroken, SettingsError

LENGTH: Final = 32
_NONCE: Final = 12
_KEY_ID: Final = 4
_INFO: Final = b"toolgate/1/"


class Keyring:
    """`toolgate.ports.Keyring`. The first secret is used for everything new, the others only to read."""

    def __init__(self, *secrets: bytes) -> None:
        if not secrets or any(len(secret) != LENGTH for secret in secrets):
            raise SettingsError(f"master secret: expected one or more of exactly {LENGTH} bytes")
        self._secrets = secrets
        self._derived: dict[tuple[bytes, str], bytes] = {}

    def key(self, purpose: str, secret: bytes | None = None) -> bytes:
        """32 bytes for one purpose; HKDF-SHA256 of the current master secret, or of the one given."""
        source = secret or self._secrets[0]
        known = self._derived.get((source, purpose))
        if known is None:
            known = _hkdf(source, _INFO + purpose.encode())
            self._derived[source, purpose] = known
        return known

    def journal_keys(self) -> Keys:
        """The keys that new journal records are written with."""
        return self._journal_keys(self._secrets[0])

    def all_journal_keys(self) -> Sequence[Keys]:
        """The keys that journal records may have been written with, the current ones first."""
        return [self._journal_keys(secret) for secret in self._secrets]

    def digest(self, purpose: str, message: bytes) -> str:
        """Keyed BLAKE2b-256 in hex, deterministic."""
        return hashlib.blake2b(message, digest_size=32, key=self.key(purpose)).hexdigest()

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """AES-256-GCM: id of the master secret, nonce, ciphertext and tag; the purpose is authenticated."""
        nonce = os.urandom(_NONCE)
        box = _aes_gcm(self.key(f"seal/{purpose}"))
        return _key_id(self._secrets[0]) + nonce + box.encrypt(nonce, plain, purpose.encode())

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """The plain bytes. Raises SealBroken for what was changed, or sealed for another purpose or key."""
        key_id, nonce = sealed[:_KEY_ID], sealed[_KEY_ID : _KEY_ID + _NONCE]
        secret = next((secret for secret in self._secrets if _key_id(secret) == key_id), None)
        if secret is None:
            raise SealBroken(f"{purpose}: sealed with a master secret that is not here")
        box = _aes_gcm(self.key(f"seal/{purpose}", secret))
        from cryptography.exceptions import InvalidTag

        try:
            return box.decrypt(nonce, sealed[_KEY_ID + _NONCE :], purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken(
                f"{purpose}: changed since it was sealed, or sealed for another purpose"
            ) from error

    def _journal_keys(self, secret: bytes) -> Keys:
        names = ("journal/records", "journal/commitments", "journal/heads")
        records, commitments, heads = (self.key(name, secret) for name in names)
        return Keys(records, commitments, heads)


def open_keyring(path: Path) -> Keyring:
    """The keyring of a master key file, which is made if it is not there: 0600, whole or not at all.

    Safe when many processes start at once: all get the secret of the one that was first. The file holds
    one secret a line, 64 hex digits, the current one first. Raises SettingsError.
    """
    try:
        if not path.exists():
            _make(path)
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read or made: {type(error).__name__}") from error
    return Keyring(*parse(text, str(path)))


def parse(text: str, where: str) -> tuple[bytes, ...]:
    """The secrets of a master key file or of a secret reference. Raises SettingsError, never showing them."""
    try:
        secrets = tuple(bytes.fromhex(line) for line in text.split())
    except ValueError as error:
        raise SettingsError(f"{where}: expected one secret a line, {2 * LENGTH} hex digits") from error
    if not secrets or any(len(secret) != LENGTH for secret in secrets):
        raise SettingsError(f"{where}: expected one secret a line, {2 * LENGTH} hex digits")
    return secrets


def _make(path: Path) -> None:
    """Write the secret beside the path and link it into place: a link never replaces what is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(os.urandom(LENGTH).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass  # another process was first: its secret counts
    finally:
        draft.unlink(missing_ok=True)


def _hkdf(secret: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 without salt (RFC 5869): its first 32 bytes, which are one block of the expansion."""
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _aes_gcm(key: bytes) -> AESGCM:
    """The cipher: loaded at the first seal, because it takes 6 MiB and most wrapped servers need none."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(_INFO + b"id\n" + secret).digest()[:_KEY_ID]
