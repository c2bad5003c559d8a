"""The settings file and the defaults of a data folder."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from settings_files import mistakes, write
from toolgate.core.model import Limit
from toolgate.errors import SettingsError
from toolgate.ingress.issuer import Issuer, safe_to_fetch
from toolgate.settings import Command, Known, Remote, Tcp, Unix, check_places, chosen, for_home, home, load
from toolgate.settings.file import schema

FULL = """\
listen: "[::1]:9000"
public_url: https://tools.example.com/
policies: policies/team.yaml
upstreams:
  retrieval: {url: http://127.0.0.1:8801/mcp, headers: {Authorization: "Bearer secret:env:T"}, timeout: 20s}
  git_local-1:
    command: [uvx, mcp-server-git]
    env: {GIT_TOKEN: secret:env:GIT_TOKEN}
    cwd: work
    share: all
    max_processes: 2
identity:
  keys: private/keys.yaml
  jwt: {issuer: https://idp.example.com, audience: toolgate, jwks: https://idp.example.com/k, roles: groups}
  local: {caller: me, roles: [admin]}
  anonymous: {caller: trial, roles: [reader]}
store: sqlite:state/toolgate.db
keys: secret:file:private/master.key
limits: {body: 1MiB, body_within: 2m, sessions: 10, attempts: 5/second}
"""


def test_a_full_file_becomes_values_with_paths_beside_the_file(tmp_path: Path) -> None:
    settings = load(write(tmp_path, FULL))
    assert settings.listen == Tcp("::1", 9000)
    assert settings.public_url == "https://tools.example.com"
    assert settings.policies == tmp_path / "policies/team.yaml"
    assert settings.upstreams == {
        "retrieval": Remote("http://127.0.0.1:8801/mcp", {"Authorization": "Bearer secret:env:T"}, 20.0),
        "git_local-1": Command(
            ("uvx", "mcp-server-git"),
            {"GIT_TOKEN": "secret:env:GIT_TOKEN"},
            tmp_path / "work",
            "all",
            max_processes=2,
        ),
    }
    assert settings.identity.keys == tmp_path / "private/keys.yaml"
    assert settings.identity.jwt == Issuer(
        "https://idp.example.com", "toolgate", "https://idp.example.com/k", "groups"
    )
    assert settings.identity.local == Known("me", ("admin",))
    assert settings.identity.anonymous == Known("trial", ("reader",))
    assert settings.store == tmp_path / "state/toolgate.db"
    assert settings.master_key == tmp_path / "private/master.key"
    assert (settings.limits.body, settings.limits.sessions) == (1 << 20, 10)
    assert settings.limits.body_within == 120.0
    assert settings.limits.attempts == Limit(5.0, 1.0)


def test_what_a_file_leaves_out_is_as_in_a_data_folder(tmp_path: Path) -> None:
    written, default = load(write(tmp_path, "upstreams: {}\n")), for_home(tmp_path)
    assert (written.listen, written.public_url, written.limits) == (
        default.listen,
        default.public_url,
        default.limits,
    )
    for name in ("policies", "store", "master_key", "approvers"):
        assert getattr(written, name) == getattr(default, name)
    assert written.identity.keys == default.identity.keys
    assert written.identity.local is None


WRONG = """\
listen: 8717                                                            # listen
public_url: ftp://x                                                     # public_url
upstreams:
  a__b: {url: http://x}                                                 # upstreams.a__b
  mcp: {url: http://x}                                                  # upstreams.mcp
  both: {url: http://x, command: [x]}                                   # upstreams.both
  none: {timeout: 5s}                                                   # upstreams.none
  odd: {command: [x], headers: {A: b}}                                  # upstreams.odd
  user: {url: "http://u:p@x/mcp"}                                       # upstreams.user.url
  slow: {url: http://x, timeout: 5 seconds}                             # upstreams.slow.timeout
  vault: {url: http://x, headers: {A: "Bearer secret:vault:kv/crm"}}    # upstreams.vault.headers.A
  name: {url: http://x, headers: {"A b": x}}                            # upstreams.name.headers["A b"]
  line: {url: http://x, headers: {B: "x\\ny"}}                          # upstreams.line.headers.B
identity:
  jwt:
    issuer: http://idp.example.com                                      # identity.jwt.issuer
    audience: a
    jwks: file:///etc/passwd                                            # identity.jwt.jwks
  local: {caller: me, roles: []}                                        # identity.local.roles
store: redis://x                                                        # store
keys: literal                                                           # keys
limits:
  body: 4MB                                                             # limits.body
  attempts: 600/fortnight                                               # limits.attempts
  session: 1                                                            # limits.session
retry: 3                                                                # retry
"""


def test_every_mistake_names_line_and_place(tmp_path: Path) -> None:
    lines = enumerate(WRONG.splitlines(), start=1)
    expected = [f"{number} {line.split(' # ')[1]}" for number, line in lines if " # " in line]
    assert [line.split(": ", 1)[0] for line in mistakes(tmp_path, WRONG)] == expected


def test_a_mistake_says_what_was_meant_and_shows_no_secret(tmp_path: Path) -> None:
    found = dict(line.split(": ", 1) for line in mistakes(tmp_path, WRONG))
    said = {place.partition(" ")[2]: text for place, text in found.items()}
    assert 'did you mean "sessions"' in said["limits.session"]
    assert "secret:vault:MOUNT/PATH#KEY" in said["upstreams.vault.headers.A"]
    assert "literal" not in said["keys"]
    assert "u:p" not in said["upstreams.user.url"]


@pytest.mark.parametrize("address", ["0.0.0.0:8717", "tools.example.com:80", "'[::]:80'", "10.0.0.1:1"])
def test_anonymous_callers_are_refused_where_others_can_connect(address: str, tmp_path: Path) -> None:
    text = f"listen: {address}\nidentity:\n  anonymous: {{caller: x, roles: [r]}}\n"
    assert mistakes(tmp_path, text)[0].startswith(
        "3 identity.anonymous: found an address that others can reach"
    )


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:80", "'[::1]:80'", "unix:run/x.sock"])
def test_anonymous_callers_are_allowed_on_this_machine(address: str, tmp_path: Path) -> None:
    text = f"listen: {address}\nidentity:\n  anonymous: {{caller: x, roles: [r]}}\n"
    assert load(write(tmp_path, text)).identity.anonymous == Known("x", ("r",))


@pytest.mark.parametrize("address", ["x", "x:99999", "unix:", "http://x:1", "[x]:1", ":80", "a b:1"])
def test_an_address_that_is_none_is_a_mistake(address: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, f"listen: '{address}'\n")[0].endswith("expected HOST:PORT or unix:/PATH")


def test_a_unix_socket_lies_beside_the_file(tmp_path: Path) -> None:
    assert load(write(tmp_path, "listen: unix:run/x.sock\n")).listen == Unix(tmp_path / "run/x.sock")


def test_keys_are_fetched_over_https_or_from_this_machine_only() -> None:
    assert safe_to_fetch("https://idp.example.com/jwks")
    assert safe_to_fetch("http://127.0.0.1:9/jwks")
    for url in (
        "http://idp.example.com",
        "file:///x",
        "https://u:p@x",
        "https://",
        "http://127.0.0.1.evil.example",
    ):
        assert not safe_to_fetch(url), url


def test_the_home_folder_is_private_and_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_HOME", str(tmp_path / "a" / "b"))
    assert home() == tmp_path / "a" / "b"
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    monkeypatch.setenv("TOOLGATE_HOME", str(write(tmp_path, "")))
    with pytest.raises(SettingsError, match="cannot be used"):
        home()


def test_without_a_name_the_home_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLGATE_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home().name == "toolgate"


def test_a_home_folder_holds_everything_and_its_user_is_admin(tmp_path: Path) -> None:
    settings = for_home(tmp_path)
    places = (
        settings.store,
        settings.master_key,
        settings.identity.keys,
        settings.approvers,
        settings.policies,
    )
    assert [place.name for place in places] == [
        *("toolgate.db", "master.key", "keys.yaml", "approvers.yaml", "policy.yaml")
    ]
    assert {place.parent for place in places} == {tmp_path}
    assert settings.identity.local is not None
    assert settings.identity.local.roles == ("admin",)


def test_a_settings_file_in_the_home_folder_counts_and_a_named_one_counts_more(tmp_path: Path) -> None:
    assert chosen(tmp_path).file is None
    path = write(tmp_path, "listen: 127.0.0.1:1\n")
    assert chosen(tmp_path).listen == Tcp("127.0.0.1", 1)
    other = tmp_path / "other.yaml"
    other.write_text("listen: 127.0.0.1:2\n")
    assert chosen(tmp_path, other).listen == Tcp("127.0.0.1", 2)
    assert chosen(tmp_path).file == path


def test_an_upstream_that_may_write_the_policy_is_named(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    text = """\
upstreams:
  here:  {command: [files, .]}
  above: {command: [files, --root=..]}
  link:  {command: [files, link]}
  cwd:   {command: [files], cwd: .}
  file:  {command: [files, keys.yaml, toolgate.db]}
  fine:  {command: [files, --repository, ./work, https://x, ""], cwd: work}
  http:  {url: http://127.0.0.1:1/mcp}
"""
    for name in ("keys.yaml", "toolgate.db"):
        (tmp_path / name).touch()
    warnings = check_places(load(write(tmp_path, text)))
    assert [warning.split(":")[0] for warning in warnings] == [
        "upstreams.here.command[1]",
        "upstreams.above.command[1]",
        "upstreams.link.command[1]",
        "upstreams.cwd.cwd",
        "upstreams.file.command[1]",
        "upstreams.file.command[2]",
    ]
    assert "the API keys;" in warnings[4]


def test_values_of_headers_and_environments_do_not_show_in_a_repr(tmp_path: Path) -> None:
    assert "secret:env:T" not in repr(load(write(tmp_path, FULL)))


def test_the_default_settings_load_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys, pathlib; from toolgate.settings import for_home; for_home(pathlib.Path('.'));"
        "print([m for m in ('pydantic', 'yaml', 'jwt', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_schema_knows_every_key() -> None:
    assert set(schema()["properties"]) == {
        *(
            "detection",
            "listen",
            "public_url",
            "policies",
            "upstreams",
            "identity",
            "store",
            "keys",
            "approvers",
            "limits",
        ),
        "notify",
        "console",
        "secrets",
    }
