"""The one spelling of costs (`0.001 USD`) and of spending limits (`5 USD/day`)."""

from __future__ import annotations

import re
from typing import NamedTuple

from toolgate import units
from toolgate.core.model import Limit

_COST = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ([A-Z]{3})\Z")


class Cost(NamedTuple):
    """An amount above zero in one currency."""

    amount: float
    currency: str


class Spending(NamedTuple):
    """How much of one currency may be spent."""

    limit: Limit
    currency: str


def cost(text: str) -> Cost:
    """Read `0.001 USD`. Raises ValueError, whose message is what was expected."""
    found = _COST.match(text)
    if found is None or not float(found[1]):
        raise ValueError("an amount and a currency such as 0.001 USD")
    return Cost(float(found[1]), found[2])


def spending(text: str) -> Spending:
    """Read `5 USD/day`. Raises ValueError, whose message is what was expected."""
    amount, _, period = text.partition("/")
    try:
        found, rate = cost(amount), units.limit(f"1/{period}")
    except ValueError:
        raise ValueError("a spending limit such as 5 USD/day (per second, minute, hour or day)") from None
    return Spending(Limit(found.amount, rate.per), found.currency)
