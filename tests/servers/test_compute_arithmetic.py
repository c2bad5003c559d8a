"""Fractions, units, dates and money: what they give, to the digit, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate_servers.compute.arithmetic import (
    CalculateDates,
    CalculateFinance,
    ConvertUnits,
    calculate_dates,
    calculate_finance,
    convert_units,
)
from toolgate_servers.compute.evaluator import calculate
from toolgate_servers.compute.units import TABLE, UNITS
from toolgate_servers.errors import Reason, Refused


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1/3 + 1/6", "1/2"),
        ("0.1 + 0.2", "3/10"),
        ("2 ** -3", "1/8"),
        ("(2/3) ** 4", "16/81"),
        ("(2/3) ** -1", "3/2"),
        ("6/3", 2),
        ("7/2 // 1", 3),
        ("-7/2 % 1", "1/2"),
        ("round(7/3, 2)", "233/100"),
        ("floor(-1/2) + ceil(1/2) + trunc(9/4)", 2),
        ("max(1/3, 1/4) - abs(-1/3)", 0),
        ("factorial(10/2) + gcd(12, 18)", 126),
    ],
)
def test_fractions_are_exact(expression: str, value: str | int) -> None:
    assert calculate(expression, "fraction") == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("2 ** (1/2)", Reason.UNDEFINED),
        ("(1/3) ** 10000", Reason.TOO_LARGE),
        ("1e999", Reason.TOO_LARGE),
        ("1/0", Reason.UNDEFINED),
        ("pi", Reason.NOT_ARITHMETIC),
        ("sqrt(4)", Reason.NOT_ARITHMETIC),
        ("gcd(1/2, 3)", Reason.UNDEFINED),
        ("factorial(1/2)", Reason.UNDEFINED),
    ],
)
def test_what_fractions_do_not_have_is_refused(expression: str, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        calculate(expression, "fraction")
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("value", "units", "result", "exact"),
    [
        ("1", ("mi", "km"), "1.609344", True),
        ("100", ("C", "F"), "212", True),
        ("-40", ("F", "C"), "-40", True),
        ("0", ("K", "C"), "-273.15", True),
        ("1", ("us_gal", "l"), "3.785411784", True),
        ("72", ("km/h", "m/s"), "20", True),
        ("1", ("GiB", "MB"), "1073.741824", True),
        ("1", ("kWh", "MJ"), "3.6", True),
        ("1.5e3", ("g", "kg"), "1.5", True),
        ("1", ("ft", "yd"), "0.33333333333333333333333333333333333333333333333333", False),
        ("180", ("deg", "rad"), "3.1415926535897932384626433832795028841971693993751", True),
        ("60", ("rpm", "Hz"), "1", True),
    ],
)
def test_units_convert_as_their_definitions_say(
    value: str, units: tuple[str, str], result: str, exact: bool
) -> None:
    found = convert_units(ConvertUnits(value=value, from_unit=units[0], to_unit=units[1]))
    assert (found.result, found.exact) == (result, exact)


@pytest.mark.parametrize(
    ("units", "reason"),
    [
        (("km", "kg"), Reason.UNDEFINED),
        (("parsec", "m"), Reason.UNKNOWN_NAME),
        (("m", "Km"), Reason.UNKNOWN_NAME),
    ],
)
def test_units_that_do_not_fit_are_refused(units: tuple[str, str], reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        convert_units(ConvertUnits(value="1", from_unit=units[0], to_unit=units[1]))
    assert caught.value.reason is reason


def test_no_unit_means_two_things() -> None:
    written = [entry.partition("=")[0] for table in TABLE.values() for entry in table.split()]
    assert len(written) == len(set(written))
    assert set(written) < set(UNITS)


def dates(**given: Any) -> tuple[Any, ...]:
    found = calculate_dates(CalculateDates(**given))
    return found.result, found.weekday, found.days, found.seconds, found.parts


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"operation": "add", "start": "2026-01-31", "months": 1}, "2026-02-28"),
        ({"operation": "add", "start": "2024-02-29", "years": 1}, "2025-02-28"),
        ({"operation": "add", "start": "2026-03-01T23:30", "hours": 1}, "2026-03-02T00:30:00"),
        ({"operation": "add_workdays", "start": "2026-11-20", "days": 1}, "2026-11-23"),
        ({"operation": "add_workdays", "start": "2026-11-23", "days": -1}, "2026-11-20"),
        (
            {"operation": "add_workdays", "start": "2026-12-24", "days": 1, "holidays": ["2026-12-25"]},
            "2026-12-28",
        ),
        (
            {"operation": "convert_zone", "start": "2026-03-29T02:30+01:00", "time_zone": "Europe/Berlin"},
            "2026-03-29T03:30:00+02:00",
        ),
        (
            {"operation": "convert_zone", "start": "2026-07-01T12:00", "time_zone": "America/New_York"},
            "2026-07-01T08:00:00-04:00",
        ),
        (
            {"operation": "add", "start": "2026-03-28T12:00", "days": 1, "time_zone": "Europe/Berlin"},
            "2026-03-29T12:00:00+02:00",
        ),
        (
            {
                "operation": "add",
                "start": "2026-03-28T12:00+01:00",
                "hours": 24,
                "time_zone": "Europe/Berlin",
            },
            "2026-03-29T13:00:00+02:00",
        ),
        (
            {"operation": "add", "start": "2026-03-28T02:30", "days": 1, "time_zone": "Europe/Berlin"},
            "2026-03-29T03:30:00+02:00",
        ),
        ({"operation": "add", "start": "2026-03-28", "days": 1, "time_zone": "Europe/Berlin"}, "2026-03-29"),
        ({"operation": "add_workdays", "start": "2026-11-20", "days": 10_000}, "2065-03-20"),
    ],
)
def test_dates_move_as_the_calendar_says(given: dict[str, Any], result: str) -> None:
    assert dates(**given)[0] == result


def test_differences_and_working_days_are_counted() -> None:
    assert dates(operation="difference", start="2024-02-28", end="2025-03-01") == (
        *(None, "Wednesday", 367, 31708800.0),
        "1 years 1 days",
    )
    half_a_day_back = {"start": "2026-01-02T00:00", "end": "2026-01-01T12:00"}
    assert dates(operation="difference", **half_a_day_back)[2:] == (0, -43200.0, "-12 hours")
    assert dates(operation="workdays", start="2026-11-16", end="2026-11-30")[2] == 10
    assert dates(operation="workdays", start="2026-11-30", end="2026-11-16")[2] == -10
    assert dates(operation="workdays", start="2026-11-21", end="2026-11-24", holidays=["2026-11-23"])[2] == 0


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"operation": "add", "start": "31.01.2026"}, Reason.BAD_TIME),
        ({"operation": "add", "start": "2026-13-01"}, Reason.BAD_TIME),
        ({"operation": "add", "start": "9999-12-31", "days": 1}, Reason.BAD_TIME),
        ({"operation": "add", "start": "2026-01-01", "hours": 1}, Reason.BAD_TIME),
        ({"operation": "add_workdays", "start": "9999-12-31", "days": 9}, Reason.BAD_TIME),
        ({"operation": "difference", "start": "2026-01-01"}, Reason.ARGUMENT_NOT_VALID),
        ({"operation": "difference", "start": "2026-01-01", "end": "2026-01-01T00:00"}, Reason.BAD_TIME),
        (
            {"operation": "difference", "start": "2026-01-01T00:00Z", "end": "2026-01-01T00:00"},
            Reason.BAD_TIME,
        ),
        (
            {"operation": "convert_zone", "start": "2026-01-01T00:00", "time_zone": "Mars/Base"},
            Reason.BAD_TIME,
        ),
        ({"operation": "convert_zone", "start": "2026-01-01T00:00", "time_zone": "../etc/passwd"}, None),
        ({"operation": "convert_zone", "start": "2026-01-01"}, Reason.ARGUMENT_NOT_VALID),
        ({"operation": "add_workdays", "start": "2026-01-01", "days": 10_001}, Reason.TOO_LARGE),
        ({"operation": "add_workdays", "start": "2026-01-01", "weeks": 2}, Reason.ARGUMENT_NOT_VALID),
        ({"operation": "add", "start": "2026-01-01", "holidays": ["2026-01-06"]}, Reason.ARGUMENT_NOT_VALID),
        (
            {"operation": "difference", "start": "2026-01-01", "end": "2026-01-02", "time_zone": "UTC"},
            Reason.ARGUMENT_NOT_VALID,
        ),
        (
            {"operation": "add", "start": "9999-12-31T00:00", "days": 1, "time_zone": "UTC"},
            Reason.BAD_TIME,
        ),
    ],
)
def test_dates_that_do_not_work_are_refused(given: dict[str, Any], reason: Reason | None) -> None:
    with pytest.raises(Refused if reason else ValueError) as caught:
        dates(**given)
    assert reason is None or getattr(caught.value, "reason", None) is reason


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"operation": "payment", "amount": "200000", "rate": "0.0025", "periods": 360}, "843.21"),
        ({"operation": "payment", "amount": "1200", "periods": 12}, "100.00"),
        ({"operation": "future_value", "amount": "1000", "rate": "0.05", "periods": 10}, "1628.89"),
        ({"operation": "future_value", "payment": "100", "rate": "0.01", "periods": 12}, "1268.25"),
        ({"operation": "present_value", "amount": "1628.894627", "rate": "0.05", "periods": 10}, "1000.00"),
        ({"operation": "npv", "rate": "0.1", "cash_flows": ["-1000", "500", "500", "500"]}, "243.43"),
        ({"operation": "irr", "decimals": 6, "cash_flows": ["-1000", "500", "500", "500"]}, "0.233752"),
        ({"operation": "irr", "decimals": 4, "cash_flows": ["100", "-110"]}, "0.1000"),
        ({"operation": "irr", "decimals": 4, "cash_flows": ["-100", "150", "-10", "20"]}, "0.5207"),
    ],
)
def test_money_is_reckoned_in_decimals(given: dict[str, Any], result: str) -> None:
    assert calculate_finance(CalculateFinance(**given)).result == result


def test_a_loan_says_what_it_costs_in_all() -> None:
    found = calculate_finance(
        CalculateFinance(operation="payment", amount="200000", rate="0.0025", periods=360)
    )
    assert found.total == "303554.90"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"operation": "irr", "cash_flows": ["1", "2"]}, Reason.UNDEFINED),
        ({"operation": "irr"}, Reason.ARGUMENT_NOT_VALID),
        ({"operation": "irr", "cash_flows": ["-1000", "3600", "-4310", "1716"]}, Reason.UNDEFINED),
        ({"operation": "irr", "cash_flows": ["-1", "2"], "amount": "5"}, Reason.ARGUMENT_NOT_VALID),
        ({"operation": "payment", "amount": "5", "payment": "1"}, Reason.ARGUMENT_NOT_VALID),
        ({"operation": "npv", "rate": "-1", "cash_flows": ["1", "1"]}, Reason.UNDEFINED),
        ({"operation": "future_value", "amount": "1e99", "decimals": 20}, Reason.TOO_LARGE),
    ],
)
def test_money_that_has_no_answer_is_refused(given: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        calculate_finance(CalculateFinance(**given))
    assert caught.value.reason is reason
