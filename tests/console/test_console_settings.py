"""Where the console may be, and what of it is a mistake in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings_files import write
from toolgate.errors import SettingsError
from toolgate.settings import Tcp, load


def test_without_a_word_the_console_is_on_this_machine_only(tmp_path: Path) -> None:
    found = load(write(tmp_path, "listen: 127.0.0.1:8717\n")).console
    assert found.listen == Tcp("127.0.0.1", 8718)
    assert found.url == "http://127.0.0.1:8718"
    assert found.openid is None


def test_a_public_address_and_a_provider(tmp_path: Path) -> None:
    text = (
        "console:\n  listen: 0.0.0.0:9000\n  public_url: https://console.example.com/\n"
        '  oidc: {issuer: "https://idp.example.com", client_id: console, roles: groups}\n'
    )
    found = load(write(tmp_path, text)).console
    assert found.url == "https://console.example.com"
    assert found.openid is not None
    assert (found.openid.issuer, found.openid.roles) == ("https://idp.example.com", "groups")


@pytest.mark.parametrize(
    ("console", "line"),
    [
        ("{listen: 127.0.0.1:8717}", 2),
        ("{listen: 0.0.0.0:8718}", 2),
        ("{listen: 0.0.0.0:8718, public_url: 'http://console.example.com'}", 2),
        ("{listen: unix:console.sock}", 2),
        ("{listen: '127.0.0.1'}", 2),
        ("{public_url: 'https://ann:pw@console.example.com'}", 2),
        ("{public_url: 'https://console.example.com/path'}", 2),
        ("{oidc: {issuer: 'http://idp.example.com', client_id: x}}", 2),
        ("{oidc: {issuer: 'https://idp.example.com'}}", 2),
        ("{oidc: {issuer: 'https://idp.example.com', client_id: x, client_secret: 'secret:nothing:x'}}", 2),
        (
            "{oidc: {issuer: 'https://idp.example.com', client_id: x, client_secret: 'secret:vault:kv/x#y'}}",
            2,
        ),
        ("{password: x}", 2),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, console: str, line: int) -> None:
    path = write(tmp_path, f"listen: 127.0.0.1:8717\nconsole: {console}\n")
    with pytest.raises(SettingsError) as mistake:
        load(path)
    assert str(mistake.value).startswith(f"{path}:{line}")
    assert "pw" not in str(mistake.value)
