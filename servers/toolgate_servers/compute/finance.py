"""Money over time, in decimals: payments at the end of each period, the rate for one period."""

import decimal
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from toolgate_servers.errors import Reason, Refused

CONTEXT: Final = decimal.Context(
    prec=40,
    Emin=-9999,
    Emax=9999,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
LOWEST_RATE: Final = Decimal("-0.9999")
HIGHEST_RATE: Final = Decimal(1000)
STEPS: Final = 300
LOOKS: Final = 400


def future_value(present: Decimal, payment: Decimal, rate: Decimal, periods: int) -> Decimal:
    """What an amount, and a payment after each period, have grown to."""
    growth = (1 + rate) ** periods
    return present * growth + payment * _annuity(rate, periods, growth)


def present_value(future: Decimal, payment: Decimal, rate: Decimal, periods: int) -> Decimal:
    """What a later amount, and a payment after each period, are worth now."""
    growth = (1 + rate) ** periods
    return (future + payment * _annuity(rate, periods, growth)) / growth


def payment(present: Decimal, future: Decimal, rate: Decimal, periods: int) -> Decimal:
    """The payment after each period that pays a loan of `present` down to `future`."""
    growth = (1 + rate) ** periods
    return (present * growth - future) / _annuity(rate, periods, growth)


def net_present_value(flows: Sequence[Decimal], rate: Decimal) -> Decimal:
    """What cash flows are worth now; the first is now, the others after one period each."""
    worth = Decimal(0)
    for flow in reversed(flows):
        worth = worth / (1 + rate) + flow
    return worth


def internal_rate(flows: Sequence[Decimal]) -> Decimal:
    """The rate at which cash flows are worth nothing now.

    Raises:
        Refused: UNDEFINED, when they are of one sign, or no rate from -99.99 % to 100,000 % does it, or
            several do.
    """
    signs = [flow > 0 for flow in flows if flow]
    if len(set(signs)) < 2:
        raise _no_rate("cash flows of one sign", "at least one paid and one received")
    low, high = LOWEST_RATE, HIGHEST_RATE
    below, above = net_present_value(flows, low), net_present_value(flows, high)
    if (below > 0) == (above > 0) or (_turns(signs) > 1 and _rates(flows) > 1):
        raise _no_rate("cash flows with no rate, or several", "ones that change their sign once")
    for _ in range(STEPS):
        middle = (low + high) / 2
        if (net_present_value(flows, middle) > 0) == (below > 0):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _turns(signs: Sequence[bool]) -> int:
    return sum(one != other for one, other in pairwise(signs))


def _rates(flows: Sequence[Decimal]) -> int:
    """Count the rates that do it, by looking at so many places as far apart as they are large."""
    ratio = ((1 + HIGHEST_RATE) / (1 + LOWEST_RATE)) ** (Decimal(1) / LOOKS)
    rates = ((1 + LOWEST_RATE) * ratio**look - 1 for look in range(LOOKS + 1))
    return _turns([net_present_value(flows, rate) > 0 for rate in rates])


def _annuity(rate: Decimal, periods: int, growth: Decimal) -> Decimal:
    return (growth - 1) / rate if rate else Decimal(periods)


def _no_rate(found: str, expected: str) -> Refused:
    return Refused(Reason.UNDEFINED, "cash_flows", found=found, expected=expected)
