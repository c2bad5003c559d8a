"""Presidio as the reference: what its recognisers find in generated texts, ours find at the same place."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from toolgate.core.policy import Action, Actions
from toolgate.core.redact import redact
from toolgate.detect.engine import Engine
from toolgate.detect.figures import IBAN_LENGTHS, iban, luhn
from toolgate.detect.presidio import THRESHOLDS, Presidio

PRESIDIO = frozenset(THRESHOLDS)
TEMPLATES = ("Contact {} today.", "{}", "please use {}, thanks", "value: {}\nnext line", "«{}» était là")


def _shut(*_: object) -> None:
    raise AssertionError("touched the network")


@pytest.fixture(scope="module")
def presidio() -> Iterator[Presidio]:
    """The reference, with every socket shut: it must not fetch a suffix list."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _shut)
        yield Presidio()


def card(chance: random.Random) -> str:
    """A number of a network that Presidio knows too."""
    start = chance.choice(("4", "51", "55", "6011"))
    body = start + "".join(chance.choices("0123456789", k=15 - len(start)))
    digits = next(body + last for last in "0123456789" if luhn(body + last))
    joint = chance.choice(("", " ", "-"))
    return joint.join(digits[i : i + 4] for i in range(0, 16, 4))


def account(chance: random.Random) -> str:
    """An account number of a country whose form is digits only."""
    country = chance.choice(("DE", "AT", "ES", "DK"))
    rest = "".join(chance.choices("0123456789", k=IBAN_LENGTHS[country] - 4))
    return next(f"{country}{n:02}{rest}" for n in range(2, 99) if iban(f"{country}{n:02}{rest}"))


def generated(chance: random.Random) -> Iterator[tuple[str, str]]:
    """An entity and a text that is one."""
    number = chance.randrange
    yield "CREDIT_CARD", card(chance)
    yield "IBAN_CODE", account(chance)
    yield (
        "EMAIL_ADDRESS",
        f"user{number(999)}.x@mail{number(99)}.example.{chance.choice(('com', 'org', 'co.uk'))}",
    )
    yield "US_SSN", f"{number(100, 600):03}-{number(10, 99)}-{number(1000, 9999)}"
    yield "IP_ADDRESS", f"{number(11, 126)}.{number(256)}.{number(256)}.{number(1, 255)}"
    yield "PHONE_NUMBER", f"+1 {chance.choice(('415', '212', '303'))} {number(200, 999)} {number(1000, 9999)}"
    yield "PHONE_NUMBER", f"+44 20 7946 0{number(100, 999)}"


def test_ours_find_all_that_presidio_finds_in_generated_texts(presidio: Presidio) -> None:
    engine, chance = Engine(), random.Random(11)
    for _ in range(60):
        for entity, text in generated(chance):
            sentence = chance.choice(TEMPLATES).format(text)
            theirs = presidio.find([sentence], frozenset({entity}))
            ours = engine.find([sentence], frozenset({entity}))
            assert [sentence[f.start : f.end] for f in ours] == [text]
            assert {(f.start, f.end) for f in theirs} <= {(f.start, f.end) for f in ours}, sentence


def test_neither_finds_anything_in_plain_numbers(presidio: Presidio) -> None:
    text = "build 1732158439123 of 550e8400-e29b-41d4-a716-446655440000 took 12:34:56"
    assert Engine().find([text], PRESIDIO) == ()
    assert presidio.find([text], PRESIDIO - {"PHONE_NUMBER"}) == ()


async def test_the_reference_stands_behind_the_same_port(presidio: Presidio) -> None:
    found = await presidio.scan(["x", "card 4111 1111 1111 1111"], frozenset({"CREDIT_CARD", "SECRET"}))
    assert [(f.entity, f.leaf, f.start, f.end, f.rule) for f in found] == [
        ("CREDIT_CARD", 1, 5, 24, "presidio")
    ]


async def test_what_presidio_scores_below_its_threshold_is_not_a_finding(presidio: Presidio) -> None:
    assert await presidio.scan(["987654321"], frozenset({"US_SSN"})) == ()


def test_masks_are_those_of_presidios_anonymizer(presidio: Presidio) -> None:
    anonymizer: Any = import_module("presidio_anonymizer").AnonymizerEngine()
    result: Any = import_module("presidio_analyzer").RecognizerResult
    text = "jane@example.com paid with 4111 1111 1111 1111 from 8.8.8.8."
    findings = Engine().find([text], PRESIDIO)
    theirs = anonymizer.anonymize(text, [result(f.entity, f.start, f.end, f.score) for f in findings])
    assert redact([text], findings, Actions({}, Action.MASK)) == [theirs.text]


def test_ours_find_with_full_presidio_on_a_blank_language(presidio: Presidio) -> None:
    """The whole analyser, lemmas and all, finds nothing of these six that ours do not."""
    analyzer: Any = import_module("presidio_analyzer")
    engines: Any = import_module("presidio_analyzer.nlp_engine")
    spacy: Any = import_module("spacy")

    def lemmas(document: Any) -> Any:
        for token in document:
            token.lemma_ = token.lower_  # a blank language has none, and context would silently do nothing
        return document

    import_module("spacy.language").Language.component("lower_lemmas", func=lemmas)
    language = spacy.blank("en")
    language.add_pipe("lower_lemmas")
    blank: Any = engines.SpacyNlpEngine()
    blank.nlp = {"en": language}
    registry: Any = analyzer.RecognizerRegistry()
    registry.recognizers = list(presidio.recognisers())
    whole = analyzer.AnalyzerEngine(nlp_engine=blank, registry=registry, supported_languages=["en"])
    ours, chance = Engine(), random.Random(12)
    for _ in range(6):
        for entity, text in generated(chance):
            sentence = chance.choice(TEMPLATES).format(text)
            theirs = whole.analyze(sentence, "en", entities=[entity], score_threshold=THRESHOLDS[entity])
            found = {(f.start, f.end) for f in ours.find([sentence], frozenset({entity}))}
            assert {(one.start, one.end) for one in theirs} <= found, sentence
