"""News reach everybody who should hear of them; whoever does not answer holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from held_calls import HELD
from toolgate.approvals.notify import BACKLOG, Ground, Notifier
from toolgate.approvals.reaching import Unreachable
from toolgate.approvals.telling import Told
from toolgate.core.delivery import Delivery
from toolgate.core.model import Approval, JsonObject
from toolgate.ports import Entry, Exhausted, News
from toolgate.secrets.keyring import Keyring
from toolgate.stores.database import create
from toolgate.stores.outbox import SqliteOutbox

Step: TypeAlias = Unreachable | Callable[[], Awaitable[None]]
PRIVATE = "bob@example.com"


@dataclass
class Card:
    """`toolgate.approvals.telling.Shown`."""

    approval: Approval
    arguments: JsonObject | None
    hidden: tuple[str, ...] = ()


@dataclass
class Records:
    """A journal that can be read afterwards."""

    bodies: list[JsonObject] = field(default_factory=list[JsonObject])

    async def commit(self, entry: Entry, charges: object = (), durable: bool = False) -> Exhausted | None:
        self.note(entry)
        return None

    def note(self, entry: Entry) -> None:
        self.bodies.append(entry.body)

    async def conclude(self, entry: Entry, approval: str, sealed_result: bytes, charges: object = ()) -> None:
        self.note(entry)

    def statuses(self) -> list[str]:
        return [body["status"] for body in self.bodies if body["kind"] == "delivery"]


@dataclass
class Receiver:
    """`toolgate.approvals.receivers.Receiver` that does what its script says: an error, or nothing."""

    target: str = "webhook-1"
    channel: str = "webhook"
    events: tuple[str, ...] = ("held", "decided")
    script: list[Step] = field(default_factory=list[Step])
    got: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def write(self, told: Told) -> bytes:
        return f"{told.kind} {told.approval.id} {told.arguments}".encode()

    async def deliver(self, delivery: Delivery, message: bytes) -> None:
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Unreachable):
                raise step
            await step()
        self.got.append((delivery.id, message.decode()))


@dataclass
class Post:
    """A notifier with everything around it. Waiting moves the clock and takes no time."""

    path: Path
    now: float = 1000.0
    attempts: int = 4
    waited: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        create(self.path)
        self.records = Records()
        self.outbox = SqliteOutbox(self.path, lambda: self.now)
        self.card: Card | None = Card(HELD, {"to": "<EMAIL_ADDRESS>"}, ("EMAIL_ADDRESS",))

    def notifier(self, *receivers: Receiver) -> Notifier:
        ground = Ground(
            self.outbox,
            self.records,
            Keyring(b"s" * 32),
            lambda: self.now,
            self.look,
            self.sleep,
            lambda: 1.0,
            self.attempts,
        )
        return Notifier(ground, receivers)

    async def look(self, approval: str) -> Card | None:
        return self.card if approval == HELD.id else None

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def news(
    kind: str = "held", approval: Approval = HELD, channels: tuple[str, ...] = ("cli", "webhook")
) -> News:
    return News(kind, approval, channels, "https://console/approvals/ap-1", 1000.0)  # type: ignore[arg-type] # a word of the port


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - what is waited for is a plain list, filled by threads and tasks
            await asyncio.sleep(0.005)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path / "toolgate.db")


async def test_a_hold_is_told_with_its_card_as_people_see_it(post: Post) -> None:
    receiver = Receiver()
    notifier = post.notifier(receiver)
    notifier.announce(news())
    await notifier.flush()
    assert [text for _, text in receiver.got] == ["held ap-1 {'to': '<EMAIL_ADDRESS>'}"]
    assert post.records.statuses() == []
    await notifier.close()


@pytest.mark.parametrize(
    ("told", "kind", "channels"),
    [
        (True, "held", ("webhook",)),
        (False, "held", ("cli", "console", "slack")),
        (False, "expired", ("webhook",)),
        (True, "decided", ("webhook",)),
    ],
)
async def test_only_those_hear_of_it_whom_policy_and_settings_name(
    post: Post, told: bool, kind: str, channels: tuple[str, ...]
) -> None:
    receiver = Receiver()
    notifier = post.notifier(receiver)
    notifier.announce(news(kind, channels=channels))
    await notifier.flush()
    assert bool(receiver.got) is told


async def test_a_failing_receiver_is_tried_again_with_growing_waits_under_the_same_id(post: Post) -> None:
    receiver = Receiver(script=[Unreachable("it answered 500", final=False)] * 3)
    notifier = post.notifier(receiver)
    notifier.announce(news())
    await until(lambda: bool(receiver.got))
    assert post.waited == [2.0, 4.0, 8.0]
    assert post.records.statuses() == ["failed"] * 3
    assert len({body["delivery"] for body in post.records.bodies} | {receiver.got[0][0]}) == 1
    await notifier.close()


async def test_after_the_last_attempt_it_is_a_dead_letter_and_on_record(post: Post) -> None:
    receiver = Receiver(script=[Unreachable("no answer within 10 s", final=False)] * 9)
    notifier = post.notifier(receiver)
    notifier.announce(news())
    await until(lambda: "dead" in post.records.statuses())
    await notifier.close()
    (dead,) = await post.outbox.dead()
    assert (dead.subject, dead.event, dead.attempts) == ("ap-1", "held", 4)
    assert post.records.statuses() == ["failed"] * 3 + ["dead"]
    assert receiver.got == []


async def test_a_receiver_that_says_never_is_not_asked_again(post: Post) -> None:
    receiver = Receiver(script=[Unreachable("it answered 410", final=True)])
    notifier = post.notifier(receiver)
    notifier.announce(news())
    await notifier.flush()
    assert post.records.statuses() == ["dead"]


async def test_what_a_receiver_asks_to_wait_is_waited(post: Post) -> None:
    receiver = Receiver(script=[Unreachable("it answered 429", final=False, retry_after=25.0)])
    notifier = post.notifier(receiver)
    notifier.announce(news())
    await until(lambda: bool(receiver.got))
    assert sum(post.waited) >= 25.0
    await notifier.close()


async def test_the_order_of_one_approval_is_kept_while_others_go_ahead(post: Post) -> None:
    receiver = Receiver(script=[Unreachable("it answered 503", final=False)])
    notifier = post.notifier(receiver)
    other = replace(HELD, id="ap-2")
    for kind, approval in (("held", HELD), ("decided", HELD), ("held", other)):
        notifier.announce(news(kind, approval))
    await until(lambda: len(receiver.got) == 3)
    words = [text.split()[:2] for _, text in receiver.got]
    assert words.index(["held", "ap-1"]) < words.index(["decided", "ap-1"])
    await notifier.close()


async def test_a_slow_receiver_holds_up_neither_calls_nor_other_receivers(post: Post) -> None:
    never = asyncio.Event()
    slow = Receiver("webhook-1", script=[lambda: _waiting(never)])
    quick = Receiver("webhook-2")
    notifier = post.notifier(slow, quick)
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        notifier.announce(news())
    assert asyncio.get_running_loop().time() - began < 0.1
    await until(lambda: len(quick.got) == 100)
    assert slow.got == []
    never.set()
    await until(lambda: len(slow.got) == 100)
    await notifier.close()


async def _waiting(event: asyncio.Event) -> None:
    await event.wait()


async def test_another_process_delivers_what_a_dying_one_left(post: Post) -> None:
    first = Receiver(script=[Unreachable("the connection failed", final=False)])
    dying = post.notifier(first)
    dying.announce(news())
    await dying.close()
    post.now += 60
    second = Receiver()
    other = post.notifier(second)
    other.start()
    await until(lambda: bool(second.got))
    assert first.got == []
    await other.close()


async def test_a_message_sealed_under_another_master_key_is_a_dead_letter(post: Post) -> None:
    receiver = Receiver()
    await post.outbox.put(Delivery("m1", receiver.target, "ap-1", "held", 1000.0, b"not ours"))
    notifier = post.notifier(receiver)
    await notifier.flush()
    assert post.records.statuses() == ["dead"]
    assert receiver.got == []


async def test_what_waits_is_sealed_and_no_record_holds_arguments(post: Post) -> None:
    post.card = Card(HELD, {"to": PRIVATE})
    receiver = Receiver(script=[Unreachable("it answered 500", final=False)])
    notifier = post.notifier(receiver)
    notifier.announce(news())
    await notifier.close()
    kept = b"".join(path.read_bytes() for path in post.path.parent.iterdir())
    assert PRIVATE.encode() not in kept
    assert b"held ap-1" not in kept
    assert PRIVATE not in str(post.records.bodies)
    assert post.records.statuses() == ["failed"]


async def test_a_store_that_is_gone_loses_news_on_record_and_nothing_else(post: Post) -> None:
    notifier = post.notifier(Receiver())
    for path in post.path.parent.iterdir():
        path.unlink()
    notifier.announce(news())
    await notifier.close()
    assert "lost" in post.records.statuses()


async def test_a_flood_is_counted_not_kept(post: Post) -> None:
    receiver = Receiver(events=())
    notifier = post.notifier(receiver)
    for _ in range(BACKLOG + 7):
        notifier.announce(news())
    await notifier.flush()
    assert [body["why"] for body in post.records.bodies] == ["7 more, too many at once"]


def test_without_an_event_loop_it_says_so_on_record(post: Post) -> None:
    post.notifier(Receiver()).announce(news())
    assert post.records.statuses() == ["lost"]


async def test_after_closing_nothing_is_taken_and_closing_takes_three_seconds_at_most(post: Post) -> None:
    receiver = Receiver(script=[lambda: _waiting(asyncio.Event())])
    notifier = post.notifier(receiver)
    notifier.announce(news())
    began = asyncio.get_running_loop().time()
    await notifier.close()
    assert asyncio.get_running_loop().time() - began < 4
    notifier.announce(news())
    assert receiver.got == []
