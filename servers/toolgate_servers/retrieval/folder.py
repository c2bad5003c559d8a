"""The folder of documents: what is in it, and reading a file that is surely in it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.retrieval.formats import MIME_TYPES, ending, max_bytes

MAX_DEPTH = 32
MAX_DOCUMENTS = 100_000

EXPECTED_PATH = "the path of a listed document, relative to the folder, with / between its parts"


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as the file system shows it."""

    path: str
    modified_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The documents of a folder, and how many files of a known type were passed over."""

    entries: tuple[Entry, ...]
    skipped: int


class Folder:
    """A folder that can be listed and read, and never left."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise CannotStart(f"--folder {root}: found no folder there, expected an existing one")
        self.root = root.resolve()

    def contents(self) -> Contents:
        """List the documents, sorted by path; links, hidden names and unknown types are not documents."""
        entries: list[Entry] = []
        skipped = 0
        for entry in _walk(self.root, "", MAX_DEPTH):
            if entry.size > max_bytes(entry.path) or len(entries) == MAX_DOCUMENTS:
                skipped += 1
            else:
                entries.append(entry)
        return Contents(tuple(sorted(entries, key=lambda entry: entry.path)), skipped)

    def read(self, path: str) -> bytes:
        """Read one document.

        Raises:
            Refused: OUTSIDE_FOLDER, NO_SUCH_DOCUMENT or TOO_LARGE.
        """
        parts = document_parts(path)
        most = max_bytes(path)
        try:
            descriptor = self._open(parts)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise no_such_document()
                raw = file.read(most + 1)
        except (OSError, ValueError):
            raise no_such_document() from None
        if len(raw) > most:
            raise Refused(
                Reason.TOO_LARGE,
                "path",
                found="a file that is too large",
                expected=f"at most {most} bytes",
            )
        return raw

    def _open(self, parts: tuple[str, ...]) -> int:
        if os.open not in os.supports_dir_fd:  # Windows, where a path can only be checked before it is opened
            target = self.root.joinpath(*parts).resolve(strict=True)
            if not target.is_relative_to(self.root):
                raise _outside("a link that leaves the folder")
            return os.open(target, os.O_RDONLY)
        return _open_beneath(self.root, parts)


def document_parts(path: str) -> tuple[str, ...]:
    """Split a path that a caller gave; it names a document inside the folder, or is refused.

    Raises:
        Refused: OUTSIDE_FOLDER or NO_SUCH_DOCUMENT.
    """
    parts = tuple(path.split("/"))
    if path.startswith(("/", "\\")) or Path(path).is_absolute() or ".." in path.replace("\\", "/").split("/"):
        raise _outside("a path that leaves the folder")
    if not all(_is_visible(part) for part in parts) or not is_document(parts[-1]):
        raise no_such_document()
    return parts


def is_document(name: str) -> bool:
    """Say whether a file name is of a type that is indexed."""
    return ending(name) in MIME_TYPES


def no_such_document() -> Refused:
    """Make the refusal for a path that names no document."""
    return Refused(
        Reason.NO_SUCH_DOCUMENT, "path", found="no document with that path", expected=EXPECTED_PATH
    )


def _outside(found: str) -> Refused:
    return Refused(Reason.OUTSIDE_FOLDER, "path", found=found, expected=EXPECTED_PATH)


def _is_visible(name: str) -> bool:
    return bool(name) and not name.startswith(".") and name.isprintable()


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[Entry]:
    try:
        children = sorted(os.scandir(folder), key=lambda child: child.name)
    except OSError:
        return
    for child in children:
        try:
            if not _is_visible(child.name) or child.is_symlink():
                continue
            if child.is_dir(follow_symlinks=False):
                if depth > 1:
                    yield from _walk(Path(child.path), f"{prefix}{child.name}/", depth - 1)
            elif is_document(child.name) and child.is_file(follow_symlinks=False):
                found = child.stat(follow_symlinks=False)
                yield Entry(prefix + child.name, found.st_mtime_ns, found.st_size)
        except OSError:
            continue


def _open_beneath(root: Path, parts: tuple[str, ...]) -> int:
    """Open a file by walking down from the root; no part may be a link, even one made meanwhile."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            _refuse_link(part, folder)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        _refuse_link(parts[-1], folder)
        # O_NONBLOCK: a named pipe must not block before it is seen to be one.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _refuse_link(name: str, folder: int) -> None:
    if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise _outside("a symbolic link")
