"""What stands for a value, who can tell, and the way back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from toolgate.core.model import Finding, Pseudonym, Refuse
from toolgate.core.policy import Action, Actions, View
from toolgate.core.pseudonyms import Names, echoed, restored, tokens
from toolgate.core.reasons import Reason
from toolgate.core.redact import redact
from toolgate.core.texts import texts
from toolgate.testing import policy_of

KEY, OTHER = b"k" * 32, b"o" * 32
JANE = "jane@example.com"
ALL = Actions({"EMAIL_ADDRESS": Action.PSEUDONYM, "IP_ADDRESS": Action.HASH}, Action.MASK)
VIEW = policy_of("version: 1\nroles: {r: {tools: [crm/*]}}\n").view(("r",), "crm", "write")


def view(restores: dict[str, frozenset[str]], *destinations: str) -> View:
    return replace(VIEW, restores=restores, destinations=destinations)


def name(entity: str = "EMAIL_ADDRESS", text: str = JANE, names: Names | None = None) -> str:
    made = (names or Names(KEY, "ann")).instead(entity, text, Actions({}, Action.PSEUDONYM))
    assert made is not None
    return made


def test_a_pseudonym_is_readable_and_the_same_every_time() -> None:
    assert re.fullmatch(r"<email-[0-9a-hjkmnp-tv-z]{10}>", name())
    assert name() == name()


@pytest.mark.parametrize(
    ("entity", "kind"),
    [
        ("PHONE_NUMBER", "phone"),
        ("CREDIT_CARD", "card"),
        ("PERSON", "person"),
        ("US_BANK_NUMBER", "us_bank_number"),
    ],
)
def test_it_says_what_kind_of_value_it_stands_for(entity: str, kind: str) -> None:
    assert name(entity).startswith(f"<{kind}-")
    assert tokens(texts([name(entity)])) == {name(entity)}


@pytest.mark.parametrize(
    "other", [Names(OTHER, "ann"), Names(KEY, "bob")], ids=["another key", "another namespace"]
)
def test_nobody_else_gets_the_same_one(other: Names) -> None:
    assert name(names=other) != name()
    assert name("PHONE_NUMBER") != name()
    assert name(text="joe@example.com") != name()


def test_it_has_at_least_forty_bits() -> None:
    made = {name(text=f"{n}@example.com") for n in range(5000)}
    assert len(made) == 5000
    assert 32**10 > 2**40
    shaped = Names(KEY, "ann", shaped=True)
    assert len({name("PHONE_NUMBER", str(n), shaped) for n in range(5000)}) == 5000
    assert 10**13 > 2**40


def test_where_a_schema_asks_it_looks_like_an_address_or_a_number() -> None:
    shaped = Names(KEY, "ann").shape()
    assert re.fullmatch(r"email-\w{10}@pseudonym\.invalid", name(names=shaped))
    assert re.fullmatch(r"\+999\d{13}", name("PHONE_NUMBER", "+1 415 555 0132", shaped))
    assert name("PERSON", "Jane", shaped) == name("PERSON", "Jane")
    text = f"{name(names=shaped)}, {name('PHONE_NUMBER', 'x', shaped)}"
    assert len(tokens(texts([text]))) == 2


def test_a_hash_is_the_same_for_everybody_and_no_pseudonym() -> None:
    hashes = {Names(KEY, who).instead("IP_ADDRESS", "9.9.9.9", ALL) for who in ("ann", "bob")}
    (one,) = hashes
    assert one is not None
    assert re.fullmatch(r"<ip#\w{10}>", one)
    assert not tokens(texts([one]))


def test_what_is_only_masked_gets_no_name() -> None:
    names = Names(KEY, "ann")
    assert names.instead("CREDIT_CARD", "4111", ALL) is None
    assert names.given == {}


def test_redacting_names_and_remembers_what_it_named() -> None:
    names = Names(KEY, "ann")
    value = {"text": f"write {JANE} or 4111", "again": JANE}
    found = [Finding("EMAIL_ADDRESS", 1, 6, 22), Finding("CREDIT_CARD", 1, 26, 30)]
    done = redact(value, found, ALL, None, names)
    assert done == {"text": f"write {name()} or <CREDIT_CARD>", "again": name()}
    assert names.given == {name(): ("EMAIL_ADDRESS", JANE)}


@pytest.mark.parametrize(
    "text",
    [
        "<email-7f3ak2m9x>",  # nine letters
        "<email-7f3ak2m9xqq>",  # eleven
        "<email-7f3ak2m9xu>",  # u is no letter of ours
        "<Email-7f3ak2m9xq>",
        "email-7f3ak2m9xq",
        "email-7f3ak2m9xq@pseudonym.example",
        "+99812345678901",
        "<email#7f3ak2m9xq>",
    ],
)
def test_what_is_no_pseudonym_is_left_alone(text: str) -> None:
    assert not tokens(texts([text]))


@pytest.mark.parametrize(
    "text",
    [
        "&lt;email-7f3ak2m9xq&gt;",
        "&#60;email-7f3ak2m9xq&#x3E;",
        '{"to": "\\u003cemail-7f3ak2m9xq\\u003e"}',
        "mailto:%3Cemail-7f3ak2m9xq%3e",
        "?to=email-7f3ak2m9xq%40pseudonym.invalid",
        "?tel=%2B9991234567890123",
    ],
)
def test_one_that_is_spelled_otherwise_refuses_instead_of_being_sent(text: str) -> None:
    done = restored({"to": text}, KNOWN, view({"to": frozenset({"EMAIL_ADDRESS"})}), "crm")
    assert isinstance(done, Refuse)
    assert done.reason is Reason.PSEUDONYM_UNKNOWN


KNOWN = {name(): Pseudonym(JANE, "EMAIL_ADDRESS", frozenset({"crm"}))}


@pytest.mark.parametrize(
    ("upstream", "restores", "destinations", "argument", "allowed"),
    [
        ("crm", {}, (), "text", True),  # back to where it came from
        ("mail", {}, (), "text", False),
        ("crm", {}, ("to",), "text", False),  # the tool sends somewhere
        ("crm", {"text": frozenset({"EMAIL_ADDRESS"})}, ("to",), "text", True),
        ("mail", {"to": frozenset({"EMAIL_ADDRESS"})}, ("to",), "to", True),
        ("mail", {"to": frozenset({"EMAIL_ADDRESS"})}, ("to",), "body", False),
        ("mail", {"to": frozenset({"PHONE_NUMBER"})}, (), "to", False),
    ],
)
def test_a_value_goes_back_only_where_the_policy_clears_it(
    upstream: str,
    restores: dict[str, frozenset[str]],
    destinations: tuple[str, ...],
    argument: str,
    allowed: bool,
) -> None:
    done = restored({argument: [f"for {name()}!"]}, KNOWN, view(restores, *destinations), upstream)
    if allowed:
        assert done == ({argument: [f"for {JANE}!"]}, {JANE: name()})
    else:
        assert isinstance(done, Refuse)
        assert done.reason is Reason.PSEUDONYM_UNKNOWN
        assert JANE not in done.detail
        assert name() not in done.detail


def test_a_pseudonym_nobody_knows_refuses_instead_of_being_sent() -> None:
    done = restored({"to": "<email-7f3ak2m9xq>"}, {}, view({"to": frozenset({"EMAIL_ADDRESS"})}), "crm")
    assert isinstance(done, Refuse)


def test_the_name_of_an_argument_is_not_put_back() -> None:
    assert isinstance(restored({name(): 1}, KNOWN, VIEW, "crm"), Refuse)


def test_everything_else_stays_as_it_was() -> None:
    arguments = {"deep": {"list": [1, None, {name(): "x"}], "n": 2}, "other": "y"}
    assert restored(arguments, KNOWN, VIEW, "crm") == (
        {"deep": {"list": [1, None, {JANE: "x"}], "n": 2}, "other": "y"},
        {JANE: name()},
    )
    plain = {"a": "b"}
    assert restored(plain, KNOWN, VIEW, "crm") == (plain, {})


def test_read_edit_write_gives_back_every_byte() -> None:
    text = f'From: {JANE}\r\n\t"quoted \\ and {JANE}"\u2028é\n'
    names = Names(KEY, "ann")
    read = texts({"text": text})
    found = [Finding("EMAIL_ADDRESS", 1, m.start(), m.end()) for m in re.finditer(re.escape(JANE), text)]
    shown = redact({"text": text}, found, ALL, read, names)
    assert JANE not in shown["text"]
    assert restored({"content": shown["text"]}, KNOWN, VIEW, "crm") == ({"content": text}, {JANE: name()})


def test_what_was_put_back_is_never_quoted_back() -> None:
    names = Names(KEY, "ann", echoes={JANE: name()})
    value = {"text": f"sent to {JANE}"}
    read = texts(value)
    done = redact(value, echoed(read, names.echoes), Actions({}, Action.ALLOW), read, names)
    assert done == {"text": f"sent to {name()}"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (JANE, JANE.upper()),
        (JANE, JANE.replace("@", "%40")),
        ('Ann "Bo" Lee', 'Ann \\"Bo\\" Lee'),
        ("Lee & Sons", "Lee &amp; Sons"),
        ("+1 415 555 0132", "+14155550132"),
        ("+14155550132", "(+1) 415-555-0132"),
        ("DE89370400440532013000", "de89 3704 0044 0532 0130 00"),
    ],
)
def test_what_was_put_back_is_not_quoted_back_in_another_form_either(value: str, said: str) -> None:
    names = Names(KEY, "ann", echoes={value: name()})
    read = texts([said])
    done = redact([said], echoed(read, names.echoes), Actions({}, Action.ALLOW), read, names)
    assert not any(letter.isdigit() for letter in done[0].replace(name(), ""))
    assert name() in done[0]
    assert said not in done[0]
