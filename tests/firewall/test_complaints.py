"""What an upstream writes to standard error reaches the operator's terminal as text, and only as text."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from toolgate.detect.engine import Engine
from toolgate.detecting import without_secrets
from toolgate.upstream.complaints import BURST, LONGEST, PER_SECOND, Complaints, to_stderr


class Terminal:
    """Shows lines, unless nobody reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self.reads = True

    def tell(self, line: str) -> bool:
        if self.reads:
            self.lines.append(line)
        return self.reads


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def of(terminal: Terminal) -> Complaints:
    return Complaints("git", str, terminal.tell, lambda: terminal.now)


def test_lines_are_named_however_they_arrive(terminal: Terminal) -> None:
    complaints = of(terminal)
    for piece in (b"star", b"ting\n\n \nrea", b"dy\r\n", b"bye"):
        complaints.heard(piece)
    assert terminal.lines == ["git: starting", "git: ready"]
    complaints.ended()
    assert terminal.lines[2:] == ["git: bye"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"\x1b[2K\x1b[1Aapproved", r"\u{1b}[2K\u{1b}[1Aapproved"),
        (b"a\rallow", r"a\u{d}allow"),
        ("\u202ewolla".encode(), r"\u{202e}wolla"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\tb", "a    b"),
    ],
)
def test_nothing_in_a_line_moves_the_cursor(terminal: Terminal, written: bytes, shown: str) -> None:
    of(terminal).heard(written + b"\n")
    assert terminal.lines == [f"git: {shown}"]


def test_a_flood_is_cut_short_and_counted(terminal: Terminal) -> None:
    complaints = of(terminal)
    complaints.heard(b"x\n" * (BURST + 1000))
    assert len(terminal.lines) == BURST
    terminal.now = 1.0
    complaints.heard(b"y\n")
    assert terminal.lines[BURST:] == ["git: 1000 more lines, too many to be shown", "git: y"]
    complaints.heard(b"z\n" * 1000)
    assert len(terminal.lines) == BURST + 1 + PER_SECOND
    complaints.ended()
    assert terminal.lines[-1] == f"git: {1001 - PER_SECOND} more lines, too many to be shown"


def test_a_line_without_end_is_cut(terminal: Terminal) -> None:
    complaints = of(terminal)
    for _ in range(10):
        complaints.heard(b"x" * LONGEST)
    assert terminal.lines
    assert max(map(len, terminal.lines)) == LONGEST + len("git: …")


def test_a_reader_that_has_stopped_reading_stops_nobody(terminal: Terminal) -> None:
    complaints = of(terminal)
    terminal.reads = False
    complaints.heard(b"a\nb\n")
    terminal.reads = True
    complaints.heard(b"c\n")
    assert terminal.lines == ["git: 2 more lines, too many to be shown", "git: c"]


def test_secrets_are_masked() -> None:
    engine = Engine()
    engine.register("correct horse battery")
    assert "horse" not in without_secrets(engine, "login with correct horse battery failed")


class Piped:
    """Our own standard error, as a pipe that is read now and then."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def flush(self) -> None:
        """Nothing is kept back."""

    def fileno(self) -> int:
        return self.writer


@pytest.fixture
def piped() -> Iterator[Piped]:
    pipe = Piped()
    yield pipe
    os.close(pipe.reader)
    os.close(pipe.writer)


def test_a_full_pipe_is_not_waited_for(piped: Piped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", piped)
    assert to_stderr("first")
    written = 1
    while to_stderr("é" * 4000):
        written += 1
    assert os.read(piped.reader, 6) == b"first\n"
    for _ in range(written - 1):
        assert len(os.read(piped.reader, 4096)) == 4096
    assert to_stderr("again")


def test_a_closed_pipe_is_no_error(piped: Piped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", piped)
    os.close(piped.reader)
    assert not to_stderr("x")
    piped.reader = os.open(os.devnull, os.O_RDONLY)
