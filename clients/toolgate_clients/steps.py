"""The steps of the tour: what is done, what is expected, and what happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate_clients.answers import Answer, ask

if TYPE_CHECKING:
    from mcp import Client

    from toolgate_clients.stage import Stage

CALCULATE = "compute__calculate"
SEND = "actions__email_send"
CONTINUE = "toolgate_continue"
LIMIT = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened, and whether it is what was expected."""

    expected: bool
    happened: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `does` and `expects` are told to whoever watches."""

    does: str
    expects: str
    play: Callable[[Stage], Awaitable[Seen]]


async def _allowed(stage: Stage) -> Seen:
    got = await ask(stage.assistant, CALCULATE, {"expression": "6 * 7"})
    return Seen(
        got.verdict == "allow" and got.values.get("result") == 42, f"{got.told}, {got.values.get('result')}"
    )


async def _not_allowed(stage: Stage) -> Seen:
    listed = {tool.name for tool in (await stage.visitor.list_tools()).tools}
    got = await ask(stage.visitor, SEND, _mail("Hello"))
    hidden = "not listed" if SEND not in listed else "listed"
    return Seen(
        SEND not in listed and got.verdict == "refuse" and "Unknown tool" in got.text, f"{hidden}, {got.text}"
    )


async def _bad_arguments(stage: Stage) -> Seen:
    got = await ask(stage.assistant, CALCULATE, {"expression": 42})
    named = "$.expression" in got.text and "expected" in got.text
    return Seen(got.reason == "arguments-invalid" and named, _bracket(got.text) or got.told)


async def _masked(stage: Stage) -> Seen:
    got = await ask(stage.assistant, "retrieval__read_document", {"path": "invoice.md"})
    text = str(got.values.get("text", got.text))
    line = next((line for line in text.splitlines() if "card" in line), got.told)
    return Seen(got.verdict == "allow" and "by card" in text and "4111" not in text, line)


async def _held_and_repeated(stage: Stage) -> Seen:
    mail = _mail("First")
    held = await ask(stage.assistant, SEND, mail)
    before = await _outbox(stage.assistant)
    approved = await stage.person.decide("approve", held.approval)
    first = await ask(stage.assistant, SEND, mail)
    second = await ask(stage.assistant, SEND, mail)
    after = await _outbox(stage.assistant)
    same = bool(first.values) and first.values == second.values
    right = held.verdict == "hold" and before == 0 and approved.code == 0 and same and after == 1
    results = "the same result again" if same else f"{second.told}, another result"
    return Seen(
        right, f"{held.verdict}, {before} sent; {approved.said}; {first.told}; {results}; {after} sent"
    )


async def _continued(stage: Stage) -> Seen:
    held = await ask(stage.assistant, SEND, _mail("Second"))
    approved = await stage.person.decide("approve", held.approval)
    got = await ask(stage.assistant, CONTINUE, {"approval": held.approval})
    after = await _outbox(stage.assistant)
    right = held.verdict == "hold" and approved.code == 0 and got.verdict == "allow" and not got.failed
    return Seen(right and after == 2, f"{held.verdict}; {approved.said}; {got.told}; {after} sent")


async def _denied(stage: Stage) -> Seen:
    mail = _mail("Third")
    held = await ask(stage.assistant, SEND, mail)
    denied = await stage.person.decide("deny", held.approval)
    got = await ask(stage.assistant, SEND, mail)
    after = await _outbox(stage.assistant)
    right = held.verdict == "hold" and denied.code == 0 and got.reason == "approval-denied" and after == 2
    return Seen(right, f"{held.verdict}; {denied.said}; {got.told}; {after} sent")


async def _limited(stage: Stage) -> Seen:
    got = [await ask(stage.visitor, "retrieval__list_documents", {}) for _ in range(LIMIT + 1)]
    passed = sum(one.verdict == "allow" for one in got)
    wait = got[-1].retry_after
    right = passed == LIMIT and got[-1].reason == "rate-limited" and wait is not None
    return Seen(right, f"{passed} allowed, then {got[-1].told}" + (f", wait {wait:.0f} s" if wait else ""))


async def _verified(stage: Stage) -> Seen:
    done = await stage.person.types("journal", "verify")
    return Seen(done.code == 0, f"exit code {done.code}, {_records(done.said)}")


async def _forged(stage: Stage) -> Seen:
    done = await stage.person.types("journal", "verify", home=stage.person.forged())
    return Seen(
        done.code == 1, f"exit code {done.code}, {done.said.splitlines()[0] if done.said else 'silence'}"
    )


STEPS = (
    Step("assistant calculates 6 * 7", "allow, 42", _allowed),
    Step("visitor (role reader) sends a mail", "not listed, and unknown to this caller", _not_allowed),
    Step(
        "assistant gives a number for a text", "refused with the place and what belongs there", _bad_arguments
    ),
    Step("assistant reads an invoice with a card number", "the number is masked", _masked),
    Step(
        "assistant sends a mail; a person approves; it repeats the call twice",
        "held, then sent once, then the stored result",
        _held_and_repeated,
    ),
    Step("a second mail is approved and goes on with toolgate_continue", "sent once", _continued),
    Step("a third mail is denied", "refused, nothing sent", _denied),
    Step(
        f"visitor lists documents {LIMIT + 1} times, the limit is {LIMIT}/minute",
        "the last is refused",
        _limited,
    ),
    Step("the journal is verified", "exit code 0", _verified),
    Step("a refusal in a copy of the journal is made to look allowed", "exit code 1", _forged),
)


def _mail(subject: str) -> dict[str, Any]:
    return {"to": ["bob@example.com"], "subject": subject, "body": "From the tour."}


async def _outbox(client: Client) -> int:
    """How many mails were sent, -1 where nobody says."""
    got: Answer = await ask(client, "actions__email_search", {"folder": "outbox"})
    return int(got.values.get("total", -1))


def _bracket(text: str) -> str:
    """The part of a refusal that says where and what."""
    return text[text.find("(") + 1 : text.rfind(")")] if "(" in text else ""


def _records(said: str) -> str:
    return next((line for line in said.splitlines() if " records of " in line), said)
