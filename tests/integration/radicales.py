"""A real CardDAV and CalDAV server, radicale, with one account, on a free loopback port."""

from __future__ import annotations

import http.client
import sys
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from programs import free_port, listens, running, wait_for

PASSWORD = "correct horse"
BOOK = (
    '<?xml version="1.0"?><D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:set><D:prop>'
    "<D:resourcetype><D:collection/><C:addressbook/></D:resourcetype></D:prop></D:set></D:mkcol>"
)


CALENDAR = (
    '<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set>'
    "<D:prop><D:displayname>Work</D:displayname></D:prop></D:set></C:mkcalendar>"
)


@contextmanager
def address_book(folder: Path) -> Generator[str]:
    """Run radicale until the block ends; yields the address of ann's book."""
    with _radicale(folder) as port:
        assert ask(port, "MKCOL", "/ann/book/", BOOK) == 201
        yield f"http://127.0.0.1:{port}/ann/book/"


@contextmanager
def calendar(folder: Path) -> Generator[str]:
    """Run radicale until the block ends; yields the address of ann's calendar, named Work."""
    with _radicale(folder) as port:
        assert ask(port, "MKCALENDAR", "/ann/cal/", CALENDAR) == 201
        yield f"http://127.0.0.1:{port}/ann/cal/"


@contextmanager
def _radicale(folder: Path) -> Generator[int]:
    port = free_port()
    (folder / "users").write_text(f"ann:{PASSWORD}\n")
    options = {
        "server-hosts": f"127.0.0.1:{port}",
        "auth-type": "htpasswd",
        "auth-htpasswd-filename": str(folder / "users"),
        "auth-htpasswd-encryption": "plain",
        "storage-filesystem-folder": str(folder / "store"),
    }
    command = [sys.executable, "-m", "radicale", "--config", ""]
    command += [word for name, value in options.items() for word in (f"--{name}", value)]
    with running(command, folder / "log.txt") as process:
        wait_for(process, folder / "log.txt", lambda: listens(port))
        yield port


def ask(port: int, method: str, path: str, body: str = "") -> int:
    """Send a request as ann and give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        token = b64encode(f"ann:{PASSWORD}".encode()).decode()
        connection.request(method, path, body.encode(), {"Authorization": f"Basic {token}"})
        return connection.getresponse().status
    finally:
        connection.close()
