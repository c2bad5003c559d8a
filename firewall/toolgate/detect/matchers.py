"""Finding where candidates end: many patterns over many bytes in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, Protocol, TypeAlias

from toolgate.errors import PortDown

# A text made of nothing but candidates would cost seconds to verify: it is refused, not skipped.
MAX_CANDIDATES: Final = 100_000

# From so many bytes of base64 on, a text is looked at decoded.
RUN: Final = 24
_RUNS: Final = bytes(97 if chr(n) in "+/_-" or (n < 128 and chr(n).isalnum()) else 32 for n in range(256))

# The offset in bytes at which a candidate ends, and the number of its pattern.
Candidate: TypeAlias = tuple[int, int]


class Matcher(Protocol):
    """Says where patterns match. Raises `PortDown` beyond `MAX_CANDIDATES`."""

    def find(self, data: bytes) -> list[Candidate]:
        """Every candidate once, in order."""
        ...

    def has_run(self, data: bytes) -> bool:
        """Whether somewhere stand `RUN` bytes in a row that base64 could be made of."""
        ...


# Patterns are in the syntax both engines share, over bytes, and such that every start has one end.
Compile: TypeAlias = Callable[[Sequence[str]], Matcher]


class Hyperscan:
    """All patterns in one automaton."""

    def __init__(self, patterns: Sequence[str]) -> None:
        hyperscan: Any = import_module("hyperscan")
        self._stopped: type[Exception] = hyperscan.ScanTerminated
        database: Any = hyperscan.Database()
        expressions = [pattern.encode() for pattern in patterns]
        database.compile(expressions=expressions, ids=list(range(len(patterns))), flags=0)
        self._scan: Callable[..., None] = database.scan
        runs: Any = hyperscan.Database()
        runs.compile(expressions=[b"[A-Za-z0-9+/_-]{%d}" % RUN], ids=[0], flags=hyperscan.HS_FLAG_SINGLEMATCH)
        self._scan_runs: Callable[..., None] = runs.scan

    def find(self, data: bytes) -> list[Candidate]:
        """Every candidate once, in order."""
        found: list[Candidate] = []
        try:
            self._scan(data, _note, 0, found)
        except self._stopped:
            raise too_many() from None
        if len(found) > 1:
            found.sort()
        return found

    def has_run(self, data: bytes) -> bool:
        """Whether somewhere stand `RUN` bytes in a row that base64 could be made of."""
        found: list[Candidate] = []
        self._scan_runs(data, _note, 0, found)
        return bool(found)


def _note(pattern: int, _start: int, end: int, _flags: int, found: list[Candidate]) -> bool:
    found.append((end, pattern))
    return len(found) > MAX_CANDIDATES  # true ends the scan


class Re2:
    """One set that says which patterns match at all, then each of those on its own."""

    def __init__(self, patterns: Sequence[str]) -> None:
        re2: Any = import_module("re2")
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes, as the other engine sees them
        options.never_capture = True
        self._any: Any = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._any.Add(pattern.encode())
        self._any.Compile()
        self._each: list[Any] = [re2.compile(pattern.encode(), options) for pattern in patterns]

    def find(self, data: bytes) -> list[Candidate]:
        """Every candidate once, in order."""
        found: set[Candidate] = set()
        which: list[int] = self._any.Match(data) or []
        for pattern in which:
            search: Callable[[bytes, int], Any] = self._each[pattern].search
            match = search(data, 0)
            while match is not None:
                found.add((match.end(), pattern))
                if len(found) > MAX_CANDIDATES:
                    raise too_many()
                match = search(data, match.start() + 1)
        return sorted(found)

    def has_run(self, data: bytes) -> bool:
        """Whether somewhere stand `RUN` bytes in a row that base64 could be made of."""
        return b"a" * RUN in data.translate(_RUNS)


def too_many() -> PortDown:
    """The answer to a text that cannot be checked in bounded time."""
    return PortDown(f"detectors: found more than {MAX_CANDIDATES} candidates in one message")


def best(patterns: Sequence[str]) -> Matcher:
    """Hyperscan where it is installed, RE2 otherwise; both find the same."""
    try:
        return Hyperscan(patterns)
    except ImportError:
        return Re2(patterns)
