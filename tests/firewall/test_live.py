"""What `toolgate up` shows of calls: one line each, from the records as they are written."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from toolgate.cli.live import Live, cells
from toolgate.core import records
from toolgate.core.model import Call, Caller, Charge, JsonObject, Rate, Refuse
from toolgate.core.reasons import Reason
from toolgate.journal.joining import Joiner, Judged
from toolgate.journal.observed import Observed
from toolgate.ports import Entry, Exhausted

NOW = 1_000.0
CALL = Call("tools/call", "compute", "calculate", {}, Caller("ann", ("reader",), "key:1"))
DONE = Judged(NOW, "ann", "compute/calculate", "allow", "", "", 2.5)


def intent(call: str = "c-1", **more: Any) -> JsonObject:
    about = {"v": 1, "kind": "intent", "at": NOW, "call": call, "caller": "ann", "upstream": "compute"}
    return {**about, "method": "tools/call", "target": "calculate", "verdict": "allow", **more}


def joiner() -> Joiner:
    return Joiner(lambda: NOW + 0.002)


def test_an_allowed_call_is_told_when_it_ends() -> None:
    found = joiner()
    assert found.saw(intent()) is None
    assert found.saw(records.outcome(NOW, "c-1", "delivered", 0.0025)) == DONE


def test_a_result_that_is_withheld_is_not_told_as_allowed() -> None:
    found = joiner()
    found.saw(intent())
    told = found.saw(records.outcome(NOW, "c-1", "withheld", 0.0025, "sensitive-result"))
    assert told == replace(DONE, verdict="withhold", reason="sensitive-result")


def test_an_upstream_that_fails_is_named() -> None:
    found = joiner()
    found.saw(intent())
    told = found.saw(records.outcome(NOW, "c-1", "timeout", 0.0025, "upstream-timeout"))
    assert told == replace(DONE, reason="timeout upstream-timeout")


def test_a_refusal_is_told_at_once() -> None:
    told = joiner().saw(records.refusal(NOW, "c-1", CALL, "p", Refuse(Reason.NOT_ALLOWED)))
    assert told is not None
    assert (told.verdict, told.reason, told.ms) == ("refuse", "not-allowed", 2.0)


def test_a_replayed_call_is_told_without_an_outcome() -> None:
    told = joiner().saw(intent(status="replayed", approval="ap-1"))
    assert told is not None
    assert (told.verdict, told.reason, told.approval) == ("allow", "replayed", "ap-1")


def test_records_that_are_no_calls_are_not_told() -> None:
    assert joiner().saw(records.event("start", NOW)) is None
    assert joiner().saw(records.outcome(NOW, "unknown", "delivered", 0.1)) is None


def test_a_name_cannot_move_the_cursor_or_fill_the_screen() -> None:
    _, caller, call, _, _ = cells(replace(DONE, caller="a\x1b[2Jb", call="x" * 500))
    assert "\x1b" not in caller
    assert len(call) <= 80


def test_lines_are_plain_where_nobody_looks() -> None:
    stream = io.StringIO()
    live = Live(stream, as_json=False)
    live.saw(records.refusal(NOW, "c-1", CALL, "p", Refuse(Reason.NOT_ALLOWED)))
    live.close()
    assert "\x1b" not in stream.getvalue()
    assert "ann" in stream.getvalue()
    assert "not-allowed" in stream.getvalue()


def test_lines_are_json_for_programs() -> None:
    stream = io.StringIO()
    live = Live(stream, as_json=True)
    live.saw(intent())
    live.saw(records.outcome(NOW, "c-1", "delivered", 0.0025))
    live.close()
    assert json.loads(stream.getvalue())["call"] == "compute/calculate"


class Kept:
    """A journal that keeps entries, and runs out of one charge."""

    def __init__(self, exhausted: Exhausted | None = None) -> None:
        self.entries: list[Entry] = []
        self.exhausted = exhausted

    async def commit(self, entry: Entry, charges: Any = (), durable: bool = False) -> Exhausted | None:
        self.entries.append(entry)
        return self.exhausted

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def conclude(
        self, entry: Entry, approval: str, sealed_result: bytes, charges: Sequence[Charge] = ()
    ) -> None:
        self.entries.append(entry)


async def test_whoever_watches_sees_every_record_that_was_written() -> None:
    journal, seen = Kept(), list[JsonObject]()
    observed = Observed(journal, seen.append)
    await observed.commit(Entry({"n": 1}))
    observed.note(Entry({"n": 2}))
    await observed.conclude(Entry({"n": 3}), "ap-1", b"")
    assert seen == [entry.body for entry in journal.entries] == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_a_record_whose_charge_failed_is_not_seen() -> None:
    seen = list[JsonObject]()
    observed = Observed(Kept(Exhausted("k", 1.0)), seen.append)
    charges: list[Rate] = []
    assert await observed.commit(Entry({"n": 1}), charges) is not None
    assert seen == []
