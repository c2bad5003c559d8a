"""People with passphrases: who is let in, who may decide what, and what they are shown."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest

from held_calls import HELD
from toolgate.approvals.approvers import Approver, enrol, fits, hashed, read
from toolgate.approvals.card import card_text, row_text, span
from toolgate.approvals.desk import Card, Declined, Desk
from toolgate.core.model import Approval, ApprovalState, Burn, JsonObject, Open, Tier
from toolgate.core.policy import ApprovalRule, Policy
from toolgate.errors import Misuse, SettingsError
from toolgate.policy.compile import open_policy
from toolgate.ports import HELD_ARGUMENTS, Entry
from toolgate.secrets.keyring import Keyring
from toolgate.stores.memory import MemoryStore

PASSPHRASE = "correct horse battery"
POLICY = """
version: 1
tiers: {irreversible: [actions/email_send], privileged: [compute/run_shell]}
roles:
  agent: {tools: ["*/*"]}
  lead: {may_approve: [irreversible], tools: ["*/*"]}
  admin: {may_approve: [irreversible, privileged], tools: ["*/*"]}
"""


@dataclass
class Office:
    """A desk with everything around it."""

    path: Path
    policy: Policy
    now: float = 1000.0
    keyring: Keyring = field(default_factory=lambda: Keyring(b"s" * 32))
    channel: str = "cli"

    def __post_init__(self) -> None:
        self.store = MemoryStore(now=lambda: self.now)
        self.desk = self.at(self.channel)

    def at(self, channel: str) -> Desk:
        return Desk(self.store, self.keyring, self.path, self.policy, channel, lambda: self.now)

    async def hold(self, approval: Approval = HELD, arguments: JsonObject | None = None) -> Approval:
        sealed = self.keyring.seal(HELD_ARGUMENTS, orjson.dumps(arguments or {"to": ["bob@example.com"]}))
        assert await self.store.commit(Entry({"kind": "hold"}), [Open(approval, sealed)]) is None
        return approval


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(POLICY)
    everywhere = ApprovalRule(("cli", "console"), 900.0)
    channels = {Tier.IRREVERSIBLE: everywhere, Tier.PRIVILEGED: replace(everywhere, channels=("console",))}
    return replace(open_policy(path), approval=channels)


@pytest.fixture
def office(tmp_path: Path, policy: Policy) -> Office:
    path = tmp_path / "home" / "approvers.yaml"
    enrol(path, "boss", ["admin"], PASSPHRASE, first=True)
    return Office(path, policy)


ADMIN = Approver("boss", ("admin",), "")
LEAD = Approver("lee", ("lead",), "")
NOBODY = Approver("sam", ("agent",), "")


def declined(found: object) -> bool:
    return isinstance(found, Declined)


def test_the_file_keeps_a_hash_for_its_owner_only(office: Office) -> None:
    assert stat.S_IMODE(office.path.stat().st_mode) == 0o600
    assert PASSPHRASE not in office.path.read_text()
    (approver,) = read(office.path)
    assert (approver.name, approver.roles) == ("boss", ("admin",))
    assert fits(approver, PASSPHRASE)
    assert not fits(approver, PASSPHRASE + "!")
    assert not fits(None, PASSPHRASE)


def test_the_same_passphrase_has_another_hash_each_time() -> None:
    assert hashed(PASSPHRASE) != hashed(PASSPHRASE)


@pytest.mark.parametrize(
    ("name", "roles", "passphrase"),
    [
        ("boss", ["admin"], PASSPHRASE),
        ("new", ["admin"], "too short"),
        ("new", [], PASSPHRASE),
        ("", ["admin"], PASSPHRASE),
        ("new\x1b", ["admin"], PASSPHRASE),
    ],
)
def test_what_cannot_be_enrolled(office: Office, name: str, roles: list[str], passphrase: str) -> None:
    with pytest.raises(Misuse) as caught:
        enrol(office.path, name, roles, passphrase, first=False)
    assert passphrase not in str(caught.value)


def test_only_one_is_the_first(office: Office) -> None:
    with pytest.raises(Misuse):
        enrol(office.path, "second", ["admin"], PASSPHRASE, first=True)


@pytest.mark.parametrize(
    "text", ["approvers: []", "version: 1\napprovers: [{name: x}]", "version: 1\nmore: 1"]
)
def test_a_file_that_is_no_list_of_approvers_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "approvers.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError):
        read(path)


async def test_the_right_passphrase_signs_in(office: Office) -> None:
    approver = await office.desk.sign_in("boss", PASSPHRASE)
    assert isinstance(approver, Approver)
    assert approver.roles == ("admin",)


@pytest.mark.parametrize(("name", "passphrase"), [("boss", "wrong"), ("nobody", PASSPHRASE), ("boss", "")])
async def test_anything_else_does_not(office: Office, name: str, passphrase: str) -> None:
    assert declined(await office.desk.sign_in(name, passphrase))


async def test_guessing_costs_ever_longer_waits_and_is_on_record(office: Office) -> None:
    for _ in range(5):
        await office.desk.sign_in("boss", "wrong")
    waiting = await office.desk.sign_in("boss", PASSPHRASE)
    assert isinstance(waiting, Declined)
    assert waiting.retry_after == 5.0
    assert [body["status"] for body in office.store.bodies] == ["wrong-passphrase"] * 5
    office.now += 5.0
    assert isinstance(await office.desk.sign_in("boss", PASSPHRASE), Approver)
    assert declined(await office.desk.sign_in("boss", "wrong"))
    assert isinstance(await office.desk.sign_in("boss", PASSPHRASE), Approver)


async def test_approving_is_on_record_with_who_and_what(office: Office) -> None:
    await office.hold()
    done = await office.desk.approve(ADMIN, "ap-1")
    assert isinstance(done, Approval)
    assert (done.state, done.decided_by) == (ApprovalState.APPROVED, "boss")
    record = office.store.bodies[-1]
    assert {name: record[name] for name in ("kind", "approval", "approver", "status", "target", "tier")} == {
        "kind": "decision",
        "approval": "ap-1",
        "approver": "boss",
        "status": "approved",
        "target": "email_send",
        "tier": "irreversible",
    }
    assert record["policy"] == office.policy.digest


async def test_denying_is_final(office: Office) -> None:
    await office.hold()
    done = await office.desk.deny(ADMIN, "ap-1")
    assert isinstance(done, Approval)
    assert done.state is ApprovalState.DENIED
    assert declined(await office.desk.approve(ADMIN, "ap-1"))


@pytest.mark.parametrize(
    ("approver", "tier", "may"),
    [
        (LEAD, Tier.IRREVERSIBLE, True),
        (LEAD, Tier.PRIVILEGED, False),
        (ADMIN, Tier.PRIVILEGED, True),
        (NOBODY, Tier.IRREVERSIBLE, False),
    ],
)
async def test_the_policy_says_who_may_approve_what(
    office: Office, approver: Approver, tier: Tier, *, may: bool
) -> None:
    await office.hold(replace(HELD, tier=tier))
    assert declined(await office.at("console").approve(approver, "ap-1")) is not may


async def test_a_tier_is_decided_only_on_its_channels(office: Office) -> None:
    await office.hold(replace(HELD, tier=Tier.PRIVILEGED))
    assert declined(await office.at("cli").approve(ADMIN, "ap-1"))
    assert not declined(await office.at("console").approve(ADMIN, "ap-1"))


async def test_a_tool_not_listed_needs_a_tier_from_the_person(office: Office) -> None:
    await office.hold(replace(HELD, tier=None))
    assert declined(await office.desk.approve(ADMIN, "ap-1"))
    done = await office.desk.approve(LEAD, "ap-1", Tier.REVERSIBLE)
    assert isinstance(done, Approval)
    assert done.tier is Tier.REVERSIBLE
    assert await office.store.assigned("actions", "email_send", "p1") is Tier.REVERSIBLE


@pytest.mark.parametrize(("approver", "tier"), [(LEAD, Tier.PRIVILEGED), (NOBODY, Tier.READ)])
async def test_calling_a_tool_harmless_needs_the_right_to_approve_it(
    office: Office, approver: Approver, tier: Tier
) -> None:
    await office.hold(replace(HELD, tier=None))
    assert declined(await office.at("console").approve(approver, "ap-1", tier))


async def test_a_person_cannot_change_the_tier_the_policy_gives(office: Office) -> None:
    await office.hold()
    assert declined(await office.desk.approve(ADMIN, "ap-1", Tier.READ))


async def test_what_cannot_be_shown_cannot_be_approved(office: Office) -> None:
    sealed = Keyring(b"x" * 32).seal(HELD_ARGUMENTS, b"{}")
    await office.store.commit(Entry({}), [Open(HELD, sealed)])
    assert declined(await office.desk.approve(ADMIN, "ap-1"))
    assert not declined(await office.desk.deny(ADMIN, "ap-1"))


async def test_an_expired_or_unknown_call_cannot_be_approved(office: Office) -> None:
    await office.hold()
    assert declined(await office.desk.approve(ADMIN, "ap-2"))
    assert declined(await office.desk.clear(ADMIN, "ap-2"))
    office.now = HELD.expires
    assert declined(await office.desk.approve(ADMIN, "ap-1"))


async def test_a_call_of_unknown_outcome_is_cleared_by_who_may_approve_it(office: Office) -> None:
    await office.hold()
    assert declined(await office.desk.clear(ADMIN, "ap-1"))
    await office.desk.approve(ADMIN, "ap-1")
    await office.store.commit(Entry({}), [Burn("ap-1")])
    assert declined(await office.desk.clear(NOBODY, "ap-1"))
    done = await office.desk.clear(LEAD, "ap-1")
    assert isinstance(done, Approval)
    assert await office.store.by_digest("ann", "d1") is None


async def test_later_approvers_need_one_who_may_do_as_much(office: Office) -> None:
    assert declined(await office.desk.enrol("eve", ("admin",), PASSPHRASE, LEAD))
    assert declined(await office.desk.enrol("eve", ("agent",), PASSPHRASE, ADMIN))
    with pytest.raises(Misuse):
        await office.desk.enrol("eve", ("lead",), PASSPHRASE, None)
    assert isinstance(await office.desk.enrol("lee", ("lead",), PASSPHRASE, ADMIN), Approver)
    assert [approver.name for approver in read(office.path)] == ["boss", "lee"]
    assert office.store.bodies[-1]["approver"] == "boss"


async def test_the_only_approver_need_not_be_named(office: Office) -> None:
    assert office.desk.only_approver() == "boss"
    await office.desk.enrol("lee", ("lead",), PASSPHRASE, ADMIN)
    with pytest.raises(Misuse):
        office.desk.only_approver()


async def test_the_card_shows_what_will_be_sent(office: Office) -> None:
    await office.hold(arguments={"to": ["bob@example.com"], "n": 2**53 + 1})
    card = await office.desk.card("ap-1")
    assert card is not None
    assert card.arguments == {"to": ["bob@example.com"], "n": 2**53 + 1}
    text = card_text(card, 1060.0)
    for shown in (
        "actions/email_send",
        "ann",
        "irreversible",
        "expires in 14m",
        "60s ago, because of its tier",
        "9007199254740993",
    ):
        assert shown in text
    assert await office.desk.card("ap-2") is None


async def test_arguments_cannot_fake_the_card(office: Office) -> None:
    nasty = {"to": "x\ntier       read\x1b[2J\u202egnp.exe", "\u200bkey\r": ["\u2066", "\U000e0041"]}
    await office.hold(replace(HELD, target="send\n\x1b[1A"), nasty)
    card = await office.desk.card("ap-1")
    assert card is not None
    text = card_text(card, 1060.0)
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    assert [line for line in text.split("\n") if line.startswith("tier")] == ["tier       irreversible"]
    assert [line for line in text.split("\n") if line.startswith("  | ")] == [
        "  | to:",
        "  |   | x",
        "  |   | tier       read⟦ESC⟧[2J⟦U+202E⟧gnp.exe",
        '  | ["⟦U+200B⟧key⟦CR⟧"][0]: "⟦U+2066⟧"',
        '  | ["⟦U+200B⟧key⟦CR⟧"][1]: "⟦U+E0041⟧"',
    ]
    assert row_text(card.approval, 1060.0).isprintable()


def test_a_card_says_what_became_of_the_call() -> None:
    spent = Card(replace(HELD, state=ApprovalState.SPENT, tier=None, decided_by="boss"), None)
    text = card_text(spent, 5000.0)
    assert "outcome unknown" in text
    assert "not listed" in text
    assert "boss" in text
    assert "expired" in row_text(HELD, 5000.0)
    before = replace(HELD, id="ap-0", state=ApprovalState.DENIED, decided_by="boss\x1b[2J")
    asked_again = card_text(Card(replace(HELD, why="findings"), {}, similar=(before,)), 1060.0)
    assert "because of sensitive data in the arguments" in asked_again
    assert asked_again.endswith("similar calls, the newest first:\n  ap-0: denied by boss⟦ESC⟧[2J")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0s"), (119, "119s"), (120, "2m"), (7300, "2h"), (200_000, "2d")]
)
def test_durations_are_shown_in_their_largest_whole_unit(seconds: float, shown: str) -> None:
    assert span(seconds) == shown
