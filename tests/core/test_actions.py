"""What is done with a finding: for everything, an upstream, a tool, and by the roles of the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from toolgate.core.actions import ENTITIES, Action, Actions, Layer, Override, Redaction, strictest
from toolgate.core.patterns import Ranked, names
from toolgate.core.wanted import Wanted

ALLOW, MASK, HASH, PSEUDONYM, REFUSE = (
    Action.ALLOW,
    Action.MASK,
    Action.HASH,
    Action.PSEUDONYM,
    Action.REFUSE,
)
OUTER = Actions({"CREDIT_CARD": MASK}, ALLOW, {"CREDIT_CARD": 0.5})


def ranked(entries: Mapping[str, Override]) -> Ranked[Override]:
    return Ranked[Override].of((names(text)[0], value) for text, value in entries.items())


def layer(base: Override, upstreams: Mapping[str, Override] | None = None, **tools: Override) -> Layer:
    return Layer(base, upstreams or {}, ranked({f"crm/{name}": one for name, one in tools.items()}))


@pytest.mark.parametrize(
    ("stated", "entity", "expected"),
    [
        ([Override({"CREDIT_CARD": ALLOW})], "CREDIT_CARD", ALLOW),
        ([Override({"CREDIT_CARD": ALLOW}), Override({})], "CREDIT_CARD", ALLOW),
        ([Override({"CREDIT_CARD": ALLOW}), Override({}, REFUSE)], "CREDIT_CARD", ALLOW),
        ([Override({"CREDIT_CARD": ALLOW}), Override({"CREDIT_CARD": PSEUDONYM})], "CREDIT_CARD", PSEUDONYM),
        ([Override({"CREDIT_CARD": HASH}), Override({"CREDIT_CARD": MASK})], "CREDIT_CARD", MASK),
        ([Override({"US_SSN": ALLOW}), Override({}, MASK)], "US_SSN", MASK),
        ([Override({"US_SSN": ALLOW}), Override({})], "US_SSN", ALLOW),
        ([Override({}, MASK), Override({}, REFUSE)], "US_SSN", REFUSE),
        ([Override({}), Override({})], "US_SSN", ALLOW),
        ([Override({}), Override({})], "CREDIT_CARD", MASK),
    ],
)
def test_of_several_roles_the_strictest_that_says_something_counts(
    stated: list[Override], entity: str, expected: Action
) -> None:
    assert strictest(OUTER, stated).of(entity) is expected
    assert strictest(OUTER, stated[::-1]).of(entity) is expected


def test_of_several_scores_the_lowest_counts() -> None:
    stated = [Override({}, None, {"CREDIT_CARD": 0.9, "URL": 0.7}), Override({}, None, {"CREDIT_CARD": 0.8})]
    assert strictest(OUTER, stated).scores == {"CREDIT_CARD": 0.8, "URL": 0.7}
    assert stated[0].over(OUTER).scores == {"CREDIT_CARD": 0.9, "URL": 0.7}


def test_a_role_says_more_of_an_upstream_and_of_a_tool() -> None:
    said = layer(
        Override({"URL": MASK}, MASK),
        {"crm": Override({"URL": ALLOW}, None, {"URL": 0.5})},
        read=Override({"URL": REFUSE}),
    )
    redaction = Redaction(OUTER, {}, ranked({}), {"agent": (said,)})
    assert redaction.actions("docs", "read", ("agent",)).of("URL") is MASK
    assert redaction.actions("crm", None, ("agent",)).of("URL") is ALLOW
    tool = redaction.actions("crm", "read", ("agent", "unknown"))
    assert (tool.of("URL"), tool.of("US_SSN"), tool.scores["URL"]) == (REFUSE, MASK, 0.5)
    assert redaction.actions("crm", "read", ("unknown",)) == OUTER


def test_what_a_role_states_stands_above_what_a_tool_does() -> None:
    redaction = Redaction(
        OUTER,
        {"crm": Override({}, MASK)},
        ranked({"crm/read": Override({"US_SSN": REFUSE})}),
        {"lead": (layer(Override({"US_SSN": ALLOW})),)},
    )
    assert redaction.actions("crm", "read", ("agent",)).of("US_SSN") is REFUSE
    assert redaction.actions("crm", "read", ("lead",)).of("US_SSN") is ALLOW


@pytest.mark.parametrize("action", [HASH, PSEUDONYM])
def test_a_role_alone_can_ask_for_names(action: Action) -> None:
    nothing: Any = ranked({})
    assert not Redaction(OUTER, {}, nothing, {"a": (layer(Override({"URL": MASK})),)}).names
    assert Redaction(OUTER, {}, nothing, {"a": (layer(Override({}), read=Override({"URL": action})),)}).names
    globbed = Layer(Override({}), {}, ranked({"crm/*": Override({}, action)}))
    assert Redaction(OUTER, {}, nothing, {"a": (globbed,)}).names


def test_what_is_looked_for_has_the_scores_that_were_stated() -> None:
    actions = Actions({"URL": MASK, "SECRET": ALLOW}, ALLOW, {"URL": 0.6, "SECRET": 0.9})
    assert actions.wanted() == Wanted({"URL": 0.6})
    assert actions.wanted(frozenset({"SECRET"})) == Wanted({"URL": 0.6, "SECRET": 0.9})
    assert Actions({}, MASK).wanted() == ENTITIES
    assert Actions({"URL": MASK}, MASK, {"PHONE_NUMBER": 0.7}).wanted() == Wanted(
        {**dict.fromkeys(ENTITIES, 0.0), "URL": 0.0, "PHONE_NUMBER": 0.7}
    )
