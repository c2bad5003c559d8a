"""`toolgate scan`: what the detectors find in text. It never prints what it found, only where."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, Literal, NamedTuple

import typer

from toolgate.errors import Misuse, PortDown, ToolgateError

if TYPE_CHECKING:
    from toolgate.core.model import Finding
    from toolgate.detect.engine import Engine

# Files are read in pieces; each is looked at with the end of the one before and the beginning of the next.
_PIECE: Final = 1_048_576
_CONTEXT: Final = 4_096
_AHEAD: Final = 32_768
_TOLD_EVERY: Final = 2_000


def command(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Text files; without any, standard input.")
    ] = None,
    format_: Annotated[
        Literal["table", "jsonl"], typer.Option("--format", help='table, or jsonl: lines of {"id", "text"}.')
    ] = "table",
    entities: Annotated[
        str, typer.Option(help="What to look for, as A,B or with lowest scores A=0.7,B; default: everything.")
    ] = "",
    rules: Annotated[
        list[Path] | None, typer.Option(help="A rule file of your own (gitleaks TOML); may be repeated.")
    ] = None,
) -> None:
    """Look for personal data and secrets in text. Exit code 0: none, 1: some, 2: misuse or bad lines."""
    from toolgate.detect.engine import Engine
    from toolgate.detect.gitleaks import load

    engine = Engine(packs=[load(path) for path in rules or []])
    scan = Scan(engine, _wanted(engine, entities))
    for name, stream in _opened(files or []):
        with stream:
            if format_ == "jsonl":
                scan.lines(name, stream)
            else:
                scan.text(name, stream)
    raise typer.Exit(2 if scan.bad else 1 if scan.found else 0)


class Scan:
    """One run over all inputs: writes as it goes, counts what it found and what it could not read."""

    def __init__(self, engine: Engine, wanted: frozenset[str]) -> None:
        self._engine = engine
        self._wanted = wanted
        self.found = 0
        self.bad = 0

    def lines(self, name: str, stream: BinaryIO) -> None:
        """One JSON object out for each JSON object in, in the same order."""
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    self._line(line)
                except (ValueError, KeyError, TypeError, PortDown) as fault:
                    self.bad += 1
                    why = str(fault) if isinstance(fault, PortDown) else 'expected {"id": …, "text": "…"}'
                    typer.echo(f"{name}:{number}: {why}", err=True)
            _tell(number, "lines", name)

    def _line(self, line: bytes) -> None:
        given: dict[str, Any] = json.loads(line)
        key, text = given["id"], given["text"]
        if not isinstance(text, str):
            raise TypeError
        findings = separate(self._engine.find([text], self._wanted))
        self.found += len(findings)
        sys.stdout.write(json.dumps({"id": key, "findings": [_shown(one) for one in findings]}) + "\n")

    def text(self, name: str, stream: BinaryIO) -> None:
        """One row for each finding: where, what, how sure, by which rule."""
        line, newline = 1, -1
        for piece in pieces(stream):
            for one in separate(self._engine.find([piece.text], self._wanted)):
                if not piece.first <= one.start < piece.last:
                    continue
                row = line + piece.text.count("\n", piece.first, one.start)
                begins = piece.text.rfind("\n", 0, one.start)
                column = one.start - begins if begins >= 0 else piece.offset + one.start - newline
                typer.echo(f"{name}:{row}:{column}  {one.entity:<18} {one.score:.2f}  {one.rule}")
                self.found += 1
            line += piece.text.count("\n", piece.first, piece.last)
            begins = piece.text.rfind("\n", 0, piece.last)
            newline = piece.offset + begins if begins >= 0 else newline
            _tell((piece.offset + piece.last) // _PIECE, "MB", name)


class Piece(NamedTuple):
    """A part of a text: findings that begin from `first` to `last` are its own."""

    text: str
    first: int
    last: int
    offset: int


def pieces(stream: BinaryIO) -> Iterator[Piece]:
    """A stream in pieces that overlap; bytes that are no UTF-8 become replacement characters."""
    from codecs import getincrementaldecoder

    decoder = getincrementaldecoder("utf-8")("replace")
    text, first, offset = "", 0, 0
    while data := stream.read(_PIECE):
        text += decoder.decode(data)
        last = len(text) - _AHEAD
        if last <= first:
            continue
        yield Piece(text, first, last, offset)
        cut = max(0, last - _CONTEXT)
        text, first, offset = text[cut:], last - cut, offset + cut
    text += decoder.decode(b"", final=True)
    yield Piece(text, first, len(text), offset)


def separate(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in order; of personal data that overlaps the surest, then the longest."""
    kept: list[Finding] = []
    for one in sorted(findings, key=lambda one: (-one.score, one.start - one.end)):
        secret = one.entity == "SECRET"
        if all(
            one.end <= other.start or one.start >= other.end or secret is not (other.entity == "SECRET")
            for other in kept
        ):
            kept.append(one)
    return sorted(kept, key=lambda one: (one.start, one.end))


def _shown(one: Finding) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": one.entity, "start": one.start, "end": one.end, "score": one.score}
    return {**shown, "rule": one.rule} if one.entity == "SECRET" else shown


def _wanted(engine: Engine, entities: str) -> frozenset[str]:
    """What --entities says; all but addresses of private networks where it says nothing."""
    from toolgate.core.wanted import Wanted

    least: dict[str, float] = dict.fromkeys(engine.entities - {"PRIVATE_IP_ADDRESS"}, 0.0)
    if entities:
        named = [part.strip().partition("=") for part in entities.split(",")]
        try:
            least = {name: float(score or 0) for name, _, score in named}
        except ValueError:
            raise Misuse(
                f"--entities: found {entities!r}, expected such as SECRET,PHONE_NUMBER=0.7"
            ) from None
    try:
        engine.prepare(wanted := Wanted(least))
    except ValueError as fault:
        raise Misuse(f"--entities: {str(fault).removeprefix('detectors: ')}") from None
    return wanted


def _opened(files: list[Path]) -> Iterator[tuple[str, BinaryIO]]:
    """Every input with its name; each is opened when its turn comes, all are looked for before."""
    for path in files:
        if not path.is_file():
            raise Misuse(f"{path}: found no such file, expected a text file")
    if not files:
        yield "-", sys.stdin.buffer
    for path in files:
        try:
            yield str(path), path.open("rb")
        except OSError as fault:
            raise ToolgateError(f"{path}: {fault.strerror}") from None


def _tell(done: int, unit: str, name: str) -> None:
    """How far it is, for a person who waits."""
    every = _TOLD_EVERY if unit == "lines" else 8
    if done and done % every == 0 and sys.stderr.isatty():
        typer.echo(f"\r{name}: {done} {unit}", nl=False, err=True)
