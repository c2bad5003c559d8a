"""A settings file: what is read, and how each mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate_servers.config import Place, Secret, Settings, load_settings, resolve_secret
from toolgate_servers.errors import CannotStart


class Families(Settings):
    """Groups of tools."""

    mail: bool = True
    crm: bool = False


class Smtp(Settings):
    """A mail server."""

    host: str
    port: int = 587
    password: Secret | None = None


class Example(Settings):
    """A settings file."""

    families: Families = Families()
    outbox: Place | None = None
    smtp: Smtp | None = None
    hosts: tuple[str, ...] = ()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.yaml"


def mistake(file: Path, written: str) -> str:
    file.write_text(written)
    with pytest.raises(CannotStart) as caught:
        load_settings(file, Example)
    return str(caught.value)


def test_a_file_says_what_is_on_and_where_things_are(file: Path) -> None:
    file.write_text(
        "families: {crm: true}\noutbox: mail/outbox.db\nhosts: [a.example, b.example]\n"
        "smtp:\n  host: no\n  password: file:secrets/smtp\n"
    )
    settings = load_settings(file, Example)
    assert settings.families == Families(mail=True, crm=True)
    assert settings.outbox == file.parent / "mail" / "outbox.db"
    assert settings.hosts == ("a.example", "b.example")
    assert settings.smtp == Smtp(host="no", password=f"file:{file.parent / 'secrets' / 'smtp'}")


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert load_settings(file, Example) == Example()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("families:\n  mial: true\n", ":2 families.mial: found an unknown key"),
        ("smpt: {host: a}\n", "did you mean smtp?"),
        ("families: {mail: yes}\n", ":1 families.mail: found text"),
        ("smtp:\n  port: 25\n", ":1 smtp.host: found nothing"),
        ('smtp:\n  host: a\n  port: "25"\n', ":3 smtp.port: found text"),
        ("outbox: [a]\n", ":1 outbox: found a list"),
        ("hosts: a\n", ":1 hosts: found text"),
        ("outbox: a\noutbox: b\n", ":2 outbox: found the same key twice"),
        ("outbox: &a x\nhosts: [*a]\n", ":1: found an anchor or alias"),
        ("outbox: !!python/object:os.system x\n", ":1: found a tag"),
        ("smtp: {host: a\n", "expected plain YAML"),
        ("? [a]\n: b\n", "found a key that is not text"),
        ("[]\n", ":1 : found a list"),
    ],
)
def test_a_mistake_is_named_with_its_line(file: Path, written: str, said: str) -> None:
    told = mistake(file, written)
    assert told.startswith(str(file))
    assert said in told


def test_every_mistake_is_named_at_once(file: Path) -> None:
    told = mistake(file, "families: {mail: 1}\nhosts: 3\n").splitlines()
    assert len(told) == 2


@pytest.mark.parametrize("written", ["hunter2", "env:", "env:1A", "file:", "https://hunter2"])
def test_a_secret_itself_is_refused_and_not_repeated(file: Path, written: str) -> None:
    told = mistake(file, f"smtp: {{host: a, password: '{written}'}}\n")
    assert "env:NAME or file:/path" in told
    assert "hunter2" not in told


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"nowhere\.yaml"):
        load_settings(tmp_path / "nowhere.yaml", Example)
    (tmp_path / "latin.yaml").write_bytes(b"outbox: \xff\n")
    with pytest.raises(CannotStart, match="UTF-8"):
        load_settings(tmp_path / "latin.yaml", Example)
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    with pytest.raises(CannotStart):
        load_settings(tmp_path / "deep.yaml", Example)


def test_a_secret_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_PASSWORD", "hunter2")
    assert resolve_secret("env:EXAMPLE_PASSWORD") == "hunter2"
    (tmp_path / "secret").write_text("hunter2\n")
    assert resolve_secret(f"file:{tmp_path / 'secret'}") == "hunter2"


@pytest.mark.parametrize("reference", ["env:NO_SUCH_NAME_HERE", "file:/nowhere/at/all"])
def test_a_secret_that_is_not_there_is_named_by_its_reference(reference: str) -> None:
    with pytest.raises(CannotStart, match=reference):
        resolve_secret(reference)
