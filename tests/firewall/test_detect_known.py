"""A secret that toolgate resolved is found in every form it comes back in."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from toolgate.core.policy import Action, Actions
from toolgate.core.redact import redact
from toolgate.core.texts import texts
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Compile, Hyperscan, Re2

SECRET = frozenset({"SECRET"})
VALUE = 'correct horse/bättery"staple'
RAW = VALUE.encode()


@pytest.fixture(params=[Hyperscan, Re2])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine that knows one value."""
    compile_patterns: Compile = request.param
    made = Engine(compile_patterns)
    assert made.register(VALUE)
    return made


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        base64.b64encode(RAW).decode(),
        base64.b64encode(RAW).decode().rstrip("="),
        base64.urlsafe_b64encode(RAW).decode(),
        RAW.hex(),
        RAW.hex().upper(),
        quote(VALUE, safe=""),
        quote(VALUE),
        quote_plus(VALUE),
        quote(VALUE, safe="").replace("%2F", "%2f").replace("%C3%A4", "%c3%a4"),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
    ],
)
def test_a_known_value_is_found_in_every_common_form(engine: Engine, form: str) -> None:
    text = f"ü {form} ü"
    masked = redact([text], engine.find([text], SECRET), Actions({}, Action.MASK))
    assert masked[0].replace("=", "") == "ü <SECRET> ü"


@pytest.mark.parametrize("before", ["u:", "me:", "ann:"])
def test_a_known_value_inside_a_longer_base64_text_is_found(engine: Engine, before: str) -> None:
    text = base64.b64encode(f"{before}{VALUE}:tail".encode()).decode()
    assert any(finding.rule == "known" for finding in engine.find([text], SECRET))


def test_a_value_registered_later_is_found_from_then_on(engine: Engine) -> None:
    assert engine.find(["another-value"], SECRET) == ()
    engine.register("another-value")
    (finding,) = engine.find(["x another-value"], SECRET)
    assert (finding.entity, finding.rule, finding.start, finding.end) == ("SECRET", "known", 2, 15)


def test_registering_twice_changes_nothing(engine: Engine) -> None:
    assert engine.register(VALUE)
    assert len(engine.find([VALUE], SECRET)) == 1


def test_a_value_too_short_to_be_told_from_text_is_refused_and_said_so(engine: Engine) -> None:
    assert not engine.register("abc")
    assert engine.find(["abc"], SECRET) == ()


def test_known_values_are_not_looked_for_when_secrets_are_allowed(engine: Engine) -> None:
    assert engine.find([VALUE], frozenset({"CREDIT_CARD"})) == ()


def test_a_key_that_holds_a_known_value_is_masked_too(engine: Engine) -> None:
    value = {VALUE: 1}
    assert redact(value, engine.find(texts(value), SECRET), Actions({}, Action.MASK)) == {"<SECRET>": 1}


def test_a_value_of_lone_surrogates_can_be_known(engine: Engine) -> None:
    assert engine.register("\ud800secret\udfff")
    assert len(engine.find(["x \ud800secret\udfff"], SECRET)) == 1
