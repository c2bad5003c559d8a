"""CPU per call of the SQLite store: a commit with a rate charge, and a note, at several batch sizes.

    python benchmarks/store.py [--rounds 5] [--uvloop]

`process` counts every thread, checkpoints included; `loop` only the event loop's.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from toolgate.core.model import Limit, Rate
from toolgate.ports import Entry
from toolgate.stores.memory import TEST_KEYS
from toolgate.stores.sqlite import SqliteStore

WHO = {"caller": "ann", "roles": ["support"], "credential": "k1", "session": "s1"}
WHAT = {"upstream": "actions", "method": "tools/call", "target": "email_send", "tier": "reversible"}
INTENT = {
    "v": 1,
    "kind": "intent",
    "at": 1.7e9,
    "call": "c-0123456789",
    "verdict": "allow",
    "policy": "ab" * 32,
}
INTENT |= WHO | WHAT
OUTCOME = {"v": 1, "kind": "outcome", "at": 1.7e9, "call": "c-0123456789", "ms": 12.3, "status": "delivered"}
BEFORE = Entry(INTENT, arguments=b'{"to":"x"}' * 18)
AFTER = Entry(OUTCOME, result=b"y" * 230)
CHARGES = (Rate("calls|ann", Limit(1e9, 1.0)),)


async def caller(store: SqliteStore, calls: int) -> None:
    for _ in range(calls):
        await store.commit(BEFORE, CHARGES)
        store.note(AFTER)


async def measured(batch: int) -> tuple[float, float]:
    """Microseconds per call: of the process, of the loop's thread."""
    calls = max(100, 6400 // batch)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        store = SqliteStore(Path(folder) / "home" / "toolgate.db", TEST_KEYS)
        await caller(store, 300)
        process, thread = time.process_time(), time.thread_time()
        await asyncio.gather(*(caller(store, calls) for _ in range(batch)))
        process, thread = time.process_time() - process, time.thread_time() - thread
        await store.aclose()
    return process / calls / batch * 1e6, thread / calls / batch * 1e6


async def main(rounds: int) -> None:
    for batch in (1, 4, 16, 64):
        figures = [await measured(batch) for _ in range(rounds)]
        process, loop = (statistics.median(column) for column in zip(*figures, strict=True))
        least = min(figures)[0]
        print(f"batch {batch:>3}: process {process:5.1f} us/call (least {least:.1f}), loop {loop:5.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    if options.uvloop:
        import uvloop

        uvloop.run(main(options.rounds))
    else:
        asyncio.run(main(options.rounds))
