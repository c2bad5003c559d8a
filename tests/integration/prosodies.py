"""A real XMPP server, prosody, with accounts and rooms of its own, on a free loopback port."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from certificates import self_signed
from programs import free_port, listens, running, wait_for

DOMAIN, ROOMS = "xmpp.example", "rooms.xmpp.example"
PASSWORD = "correct horse"

CONFIG = """
data_path = "{folder}/data"
pidfile = "{folder}/prosody.pid"
run_as_root = true
daemonize = false
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
c2s_require_encryption = true
allow_registration = false
authentication = "internal_hashed"
storage = "internal"
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "posix", "ping" }}
modules_disabled = {{ "s2s", "http" }}
ssl = {{ certificate = "{folder}/cert.pem", key = "{folder}/key.pem" }}
VirtualHost "{domain}"
Component "{rooms}" "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_log_by_default = true
  muc_room_default_persistent = true
  muc_room_default_public = true
  restrict_room_creation = false
"""


@dataclass(frozen=True)
class Prosody:
    """A server that runs."""

    port: int
    authorities: Path


@contextmanager
def prosody(folder: Path, accounts: tuple[str, ...]) -> Generator[Prosody]:
    """Run prosody with these accounts until the block ends."""
    port = free_port()
    (folder / "data").mkdir()
    authorities, _ = self_signed(folder, DOMAIN, ROOMS)
    config = folder / "prosody.cfg.lua"
    config.write_text(CONFIG.format(folder=folder, port=port, domain=DOMAIN, rooms=ROOMS))
    program = shutil.which("prosody")
    assert program, "expected prosody on the PATH: apt-get install prosody"
    _give_away(folder)
    for account in accounts:
        command = ["prosodyctl", "--config", str(config), "register", account, DOMAIN, PASSWORD]
        subprocess.run(command, check=True, capture_output=True)
    _give_away(folder)
    log = folder / "log.txt"
    with running([program, "--config", str(config), "-F"], log) as process:
        wait_for(process, log, lambda: listens(port))
        yield Prosody(port, authorities)


def _give_away(folder: Path) -> None:
    """Debian's prosodyctl works as the user prosody when root starts it."""
    if os.geteuid() != 0:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "prosody")
        path.chmod(0o755 if path.is_dir() else 0o644)
    for parent in list(folder.parents)[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
