"""Real mail servers on free loopback ports: aiosmtpd to send to, dovecot to read from."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import ssl
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from certificates import self_signed
from programs import free_port, listens, running, wait_for

PASSWORD = "correct-horse"

DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%u
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
auth_mechanisms = plain login
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""


@dataclass
class Smtpd:
    """A server that runs: what it got, and how it behaves."""

    port: int = 0
    got: list[Any] = field(default_factory=list[Any])
    unknown: tuple[str, ...] = ()
    answer: str = "250 OK"
    hangs_up: bool = False

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        self.got.append(envelope)
        if self.hangs_up:
            server.transport.abort()
            await asyncio.Event().wait()
        return self.answer


@contextmanager
def smtpd(folder: Path, security: str) -> Generator[Smtpd]:
    """Run a server that offers `tls`, `starttls` (with accounts) or `none`."""
    cert, key = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    options: dict[str, Any] = {}
    if security == "starttls":
        options = {"authenticator": _account, "auth_required": True, "auth_require_tls": True}
        options |= {"tls_context": context, "require_starttls": True}
    if security == "tls":
        options = {"ssl_context": context}
    handler = Smtpd(port=free_port())
    made: Any = Controller
    controller: Any = made(handler, hostname="127.0.0.1", port=handler.port, **options)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


def _account(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = data.login == b"me" and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@dataclass(frozen=True)
class Dovecot:
    """A server that runs, with an account for every name."""

    starttls: int
    tls: int
    authorities: Path
    owner: int
    mail: Path

    def deliver(self, raw: bytes, to: str = "me", name: str = "1") -> Path:
        """Put a mail where the server finds it, as its delivery agent does."""
        for folder in ("tmp", "new", "cur"):
            (self.mail / to / folder).mkdir(parents=True, exist_ok=True)
        file = self.mail / to / "new" / f"{1_767_268_800 + int(name)}.{name}.mail"
        file.write_bytes(raw.replace(b"\r\n", b"\n"))
        received = datetime(2026, 1, int(name), 12, tzinfo=UTC).timestamp()
        os.utime(file, (received, received))
        if os.geteuid() == 0:
            for path in (self.mail / to, *(self.mail / to).rglob("*")):
                os.chown(path, self.owner, self.owner)
        return file


@contextmanager
def dovecot() -> Generator[Dovecot]:
    """Run dovecot until the block ends: as root its mail belongs to nobody, else to whoever runs it."""
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    assert program, "expected dovecot on the PATH: apt-get install dovecot-imapd"
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    try:
        folder.chmod(0o755)
        as_root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid())
        owner = pwd.getpwnam("nobody") if as_root else me
        users = ("dovecot", "dovecot", "dovenull") if as_root else (me.pw_name, _group(me.pw_gid), me.pw_name)
        authorities, key = self_signed(folder)
        key.chmod(0o600)
        (folder / "mail").mkdir()
        if as_root:
            os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
        found = Dovecot(free_port(), free_port(), authorities, owner.pw_uid, folder / "mail")
        config = folder / "dovecot.conf"
        internal, group, login = users
        config.write_text(
            DOVECOT.format(
                folder=folder,
                internal=internal,
                group=group,
                login=login,
                starttls=found.starttls,
                tls=found.tls,
                password=PASSWORD,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
            )
        )
        log = folder / "log.txt"
        with running([program, "-F", "-c", str(config)], log) as process:
            wait_for(process, log, lambda: listens(found.tls) and listens(found.starttls))
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _group(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name
