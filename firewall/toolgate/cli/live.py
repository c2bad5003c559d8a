"""Calls as they are judged, one line each, written by a thread of its own: a slow terminal delays no call."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Final, TextIO

from toolgate.core.model import JsonObject
from toolgate.core.plain import plain
from toolgate.journal.joining import Joiner, Judged

if TYPE_CHECKING:
    from rich.text import Text

# Lines that wait for the terminal.
_MOST_WAITING: Final = 1_000
_WIDEST: Final = 80
_STYLES: Final = {"allow": "green", "hold": "yellow", "refuse": "red", "withhold": "red"}


def cells(judged: Judged) -> tuple[str, str, str, str, str]:
    """Time, caller, call, verdict and the rest, safe to show and padded into columns."""
    when = datetime.fromtimestamp(judged.at).astimezone().strftime("%H:%M:%S")
    rest = "  ".join(filter(None, (judged.reason, judged.approval, f"{judged.ms:.1f} ms")))
    return when, f"{_shown(judged.caller):<12}", f"{_shown(judged.call):<30}", f"{judged.verdict:<8}", rest


def _shown(text: str) -> str:
    safe = plain(text) or "-"
    return safe if len(safe) <= _WIDEST else f"{safe[: _WIDEST - 1]}…"


class Live:
    """Writes a line for every call to a stream: text for people, or JSON."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._joiner = Joiner(time.time)
        self._lines: queue.Queue[Judged | None] = queue.Queue(_MOST_WAITING)
        self._skipped = 0
        self._write = _json_writer(stream) if as_json else _text_writer(stream)
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()

    def saw(self, body: JsonObject) -> None:
        """Take a record; never waits."""
        judged = self._joiner.saw(body)
        if judged is None:
            return
        try:
            self._lines.put_nowait(judged)
        except queue.Full:
            self._skipped += 1

    def close(self) -> None:
        """Write what waits; a terminal that takes nothing is not waited for."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(1.0)

    def _run(self) -> None:
        while (judged := self._lines.get()) is not None:
            try:
                self._write(judged)
                if self._skipped:
                    skipped, self._skipped = self._skipped, 0
                    sys.stderr.write(f"{skipped} calls were not shown: they came faster than lines\n")
            except OSError:  # nobody reads any more; calls go on
                return


def _json_writer(stream: TextIO) -> Callable[[Judged], None]:
    def write(judged: Judged) -> None:
        stream.write(json.dumps(asdict(judged)) + "\n")
        stream.flush()

    return write


def _text_writer(stream: TextIO) -> Callable[[Judged], None]:
    """Colours where the stream is a terminal, plain text elsewhere."""
    from rich.console import Console

    console = Console(file=stream, highlight=False, soft_wrap=True, emoji=False, markup=False)

    def write(judged: Judged) -> None:
        console.print(_styled(cells(judged), judged.verdict))

    return write


def _styled(row: tuple[str, ...], verdict: str) -> Text:
    from rich.text import Text

    when, caller, call, word, rest = row
    text = Text()
    for part, style in (
        (when, "dim"),
        (caller, ""),
        (call, ""),
        (word, _STYLES.get(verdict, "")),
        (rest, "dim"),
    ):
        text.append(part, style=style)
        text.append("  ")
    text.rstrip()
    return text
