"""A real PostgreSQL on a free port of the loopback, in a folder of its own, while a test wants it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from programs import free_port

OWNER = "postgres_owner"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, wherever Debian or the PATH has it."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def needed() -> Path:
    """The same, or the test is skipped; under CI a missing server fails it."""
    folder = programs()
    if folder is None and os.environ.get("CI") == "true":
        pytest.fail("found no PostgreSQL, expected the Debian package postgresql")
    if folder is None:
        pytest.skip("needs the Debian package postgresql")
    return folder


@contextmanager
def running() -> Generator[str]:
    """Start a server; gives the URL of its superuser, which trusts whoever connects."""
    folder = needed()
    home = Path(tempfile.mkdtemp(prefix="toolgate-postgres-"))
    as_user = _other_user(home)
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        command = [str(folder / program), *arguments]
        subprocess.run(
            command, check=True, user=as_user, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    data = str(home / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    try:
        run("initdb", "-D", data, "-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C")
        run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(home / "log"), "start")
        yield f"postgresql://{OWNER}@127.0.0.1:{port}/postgres"
    finally:
        if (home / "data" / "postmaster.pid").exists():
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


def _other_user(home: Path) -> str | None:
    """PostgreSQL refuses to run as root: then somebody else owns the folder and the server."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    entry = pwd.getpwnam(name)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return name
