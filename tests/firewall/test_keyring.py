"""One master secret, made once, and keys that do not meet."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from toolgate.errors import SealBroken, SettingsError
from toolgate.secrets.keyring import Keyring, open_keyring, parse

OLD, NEW = b"o" * 32, b"n" * 32


def test_the_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "master.key"
    open_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["master.key"]


def test_many_that_start_at_once_share_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    digests: list[str] = []
    start = threading.Barrier(8)

    def begin() -> None:
        start.wait()
        digests.append(open_keyring(path).digest("p", b"m"))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 8
    assert len(set(digests)) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["master.key"]


def test_an_existing_secret_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(OLD.hex() + "\n")
    assert open_keyring(path).digest("p", b"m") == Keyring(OLD).digest("p", b"m")


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "aa" * 31, f"{'aa' * 32}\nbb", "é" * 64])
def test_a_file_that_is_no_secret_is_an_error_that_does_not_show_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        open_keyring(path)
    assert str(path) in str(caught.value)
    assert not text or text.strip() not in str(caught.value)


def test_digests_depend_on_purpose_message_and_secret() -> None:
    keyring = Keyring(OLD)
    assert keyring.digest("p", b"m") == keyring.digest("p", b"m")
    others = {keyring.digest("q", b"m"), keyring.digest("p", b"n"), Keyring(NEW).digest("p", b"m")}
    assert keyring.digest("p", b"m") not in others
    assert len(others) == 3


def test_every_purpose_has_a_key_of_its_own() -> None:
    keys = Keyring(OLD).journal_keys()
    assert len({keys.records, keys.commitments, keys.heads, Keyring(OLD).key("call-digest")}) == 4


@pytest.mark.parametrize("purpose", ["", "call-digest", "pseudonyms/tenant", "é" * 100])
def test_keys_are_derived_as_rfc_5869_says(purpose: str) -> None:
    expected = HKDF(SHA256(), 32, None, b"toolgate/1/" + purpose.encode()).derive(OLD)
    assert Keyring(OLD).key(purpose) == expected


def test_what_was_sealed_comes_back() -> None:
    keyring = Keyring(OLD)
    sealed = keyring.seal("held", b"plain")
    assert b"plain" not in sealed
    assert keyring.unseal("held", sealed) == b"plain"
    assert keyring.seal("held", b"plain") != sealed


@pytest.mark.parametrize("position", range(37))
def test_a_changed_seal_is_broken(position: int) -> None:
    keyring = Keyring(OLD)
    sealed = bytearray(keyring.seal("held", b"plain"))
    sealed[position % len(sealed)] ^= 1
    with pytest.raises(SealBroken):
        keyring.unseal("held", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"1234", b"0" * 20])
def test_what_was_never_sealed_is_broken(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        Keyring(OLD).unseal("held", sealed)


def test_a_seal_for_another_purpose_or_secret_is_broken() -> None:
    sealed = Keyring(OLD).seal("held", b"plain")
    with pytest.raises(SealBroken):
        Keyring(OLD).unseal("result", sealed)
    with pytest.raises(SealBroken):
        Keyring(NEW).unseal("held", sealed)


def test_an_older_secret_still_reads() -> None:
    sealed = Keyring(OLD).seal("held", b"plain")
    rotated = Keyring(*parse(f"{NEW.hex()}\n{OLD.hex()}\n", "here"))
    assert rotated.unseal("held", sealed) == b"plain"
    assert rotated.seal("held", b"plain")[:4] == Keyring(NEW).seal("held", b"plain")[:4]
    assert [keys.records for keys in rotated.all_journal_keys()] == [
        Keyring(NEW).journal_keys().records,
        Keyring(OLD).journal_keys().records,
    ]


@pytest.mark.parametrize("secrets", [(), (b"short",)])
def test_a_keyring_needs_whole_secrets(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(SettingsError):
        Keyring(*secrets)
