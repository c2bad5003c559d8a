"""Checks a journal file from end to end, saying how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolgate.core.chain import EMPTY, Keys
from toolgate.core.verification import Problem, Verification, anchor_of
from toolgate.journal.reading import open_journal

STEP: Final = 20_000
LIMITS: Final = (
    "Not visible here: the whole file put back to an earlier state. Keep the anchor elsewhere and pass it as"
    " --anchor next time."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification came to."""

    records: int
    writers: int
    anchor: str
    problems: Sequence[Problem]


def verify_file(
    path: Path,
    keys: Sequence[Keys],
    anchor: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Verify every chain, head and turn of a journal. Raises JournalDown where it cannot be read."""
    with open_journal(path) as journal:
        total = journal.count()
        verification = Verification(keys, anchor)
        for done, record in enumerate(journal.records(), 1):
            verification.feed(record)
            if progress is not None and done % STEP == 0:
                progress(done, total)
        heads, roster = journal.heads(), journal.roster()
        problems = verification.finish(heads, roster)
        return Report(total, len(heads), anchor_of(roster or EMPTY), problems)


def sentence(problem: Problem) -> str:
    """A problem in one line: where, what it is, and what was found."""
    where = f"writer {problem.writer} record {problem.seq}" if problem.writer else "journal"
    return f"{where}: {problem.flaw.value}: {problem.detail}"
