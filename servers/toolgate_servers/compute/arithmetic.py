"""The tools that reckon: with numbers, units, dates and money; nothing of what they are given is executed."""

import decimal
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final, Literal

from dateutil.relativedelta import relativedelta
from pydantic import Field

from toolgate_servers.compute import dates, evaluator, finance, units
from toolgate_servers.compute.evaluator import Arithmetic
from toolgate_servers.compute.expression import MAX_LENGTH
from toolgate_servers.compute.operations import DECIMAL_CONTEXT
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.server import Family
from toolgate_servers.strict import READS, Arguments, Outcome, described, strict_tool

Exact = Annotated[
    str, Field(min_length=1, max_length=40, pattern=r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?$")
]
Moment = Annotated[str, Field(min_length=8, max_length=35)]
Many = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
MOST_WORKDAYS: Final = 10_000
USED_BY_DATES: Final = {
    "add": frozenset({"years", "months", "weeks", "days", "hours", "minutes", "time_zone"}),
    "difference": frozenset({"end"}),
    "workdays": frozenset({"end", "holidays"}),
    "add_workdays": frozenset({"days", "holidays"}),
    "convert_zone": frozenset({"time_zone"}),
}
USED_BY_FINANCE: Final = {
    "future_value": frozenset({"rate", "periods", "amount", "payment", "decimals"}),
    "present_value": frozenset({"rate", "periods", "amount", "payment", "decimals"}),
    "payment": frozenset({"rate", "periods", "amount", "decimals"}),
    "npv": frozenset({"rate", "cash_flows", "decimals"}),
    "irr": frozenset({"cash_flows", "decimals"}),
}


class Calculate(Arguments):
    """What `calculate` takes."""

    expression: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_LENGTH,
            description="Arithmetic: + - * / // % **, brackets, pi, e, tau, and functions such as sqrt, sin, "
            "log, min, max, round, abs, factorial, gcd. Angles are in radians.",
            examples=["(1 + 2) * sqrt(9)", "round(1234.5678, 2)"],
        ),
    ]
    arithmetic: Annotated[
        Arithmetic,
        Field(
            description="float: fast, about 16 digits. decimal: 50 digits and 0.1 + 0.2 is 0.3; the result "
            "is a string; no trigonometry. fraction: exact, 1/3 + 1/6 is 1/2; no "
            "roots. Integers are exact in all."
        ),
    ] = "float"


class Calculation(Outcome):
    """What `calculate` gives."""

    result: Annotated[
        int | float | str,
        Field(
            description="The value. A string where a JSON number could lose digits: integers beyond 2**53, "
            "decimals and fractions."
        ),
    ]
    expression: Annotated[str, Field(description="The expression that was evaluated.")]


class ConvertUnits(Arguments):
    """What `convert_units` takes."""

    value: Annotated[Exact, Field(description="The number, as text so that no digit is lost.")]
    from_unit: Annotated[
        str,
        Field(
            min_length=1,
            max_length=12,
            description="The unit of the value, such as km, lb, us_gal, kWh, GiB, C, mph, psi, deg.",
        ),
    ]
    to_unit: Annotated[
        str, Field(min_length=1, max_length=12, description="The unit wanted, of the same kind.")
    ]


class Converted(Outcome):
    """What `convert_units` gives."""

    result: Annotated[str, Field(description="The value in the unit wanted, up to 50 digits.")]
    exact: Annotated[bool, Field(description="True when no digit was rounded away.")]


class CalculateDates(Arguments):
    """What `calculate_dates` takes."""

    operation: Annotated[
        Literal["add", "difference", "workdays", "add_workdays", "convert_zone"],
        Field(
            description="add: start and years to minutes. difference: from start to end. workdays: Mondays "
            "to Fridays from start up to end. add_workdays: start and days. convert_zone: start in time_zone."
        ),
    ]
    start: Annotated[Moment, Field(description="ISO 8601, such as 2026-03-31 or 2026-03-31T09:00+02:00.")]
    end: Annotated[Moment | None, Field(description="For difference and workdays.")] = None
    years: Annotated[int, Field(ge=-9999, le=9999, description="Years to add.")] = 0
    months: Annotated[Many, Field(description="Months to add.")] = 0
    weeks: Annotated[Many, Field(description="Weeks to add.")] = 0
    days: Annotated[
        int, Field(ge=-1_000_000, le=1_000_000, description="Days to add; for add_workdays at most 10,000.")
    ] = 0
    hours: Annotated[Many, Field(description="Hours to add.")] = 0
    minutes: Annotated[Many, Field(description="Minutes to add.")] = 0
    time_zone: Annotated[
        str | None,
        Field(
            max_length=64,
            pattern=r"^[A-Za-z0-9_+/-]+$",
            description="An IANA name such as Europe/Berlin. For convert_zone the zone wanted; a start "
            "without offset is taken as UTC. For add the clock that counts: days keep the hour when it "
            "changes, hours do not.",
        ),
    ] = None
    holidays: Annotated[
        list[Annotated[str, Field(max_length=10)]],
        Field(max_length=200, description="Dates that are no working days."),
    ] = []  # noqa: RUF012  # pydantic copies it


class DatesCalculated(Outcome):
    """What `calculate_dates` gives."""

    result: Annotated[str | None, Field(description="The date or time, in ISO 8601.")]
    weekday: Annotated[str | None, Field(description="The weekday of the result, or of start.")]
    days: Annotated[int | None, Field(description="Whole days, or working days.")]
    seconds: Annotated[float | None, Field(description="The whole difference in seconds.")]
    parts: Annotated[
        str | None, Field(description="The difference by the calendar, such as 1 years 2 months 3 days.")
    ]


class CalculateFinance(Arguments):
    """What `calculate_finance` takes."""

    operation: Annotated[
        Literal["future_value", "present_value", "payment", "npv", "irr"],
        Field(
            description="future_value: of amount and payments. present_value: of amount (paid at the end) "
            "and payments. payment: that pays off amount. npv: of cash_flows at rate. irr: the rate of them."
        ),
    ]
    rate: Annotated[Exact, Field(description="The rate for one period, 0.05 for 5 percent.")] = "0"
    periods: Annotated[int, Field(ge=1, le=1200, description="How many periods.")] = 1
    amount: Annotated[Exact, Field(description="The amount at the beginning, or at the end.")] = "0"
    payment: Annotated[Exact, Field(description="What is paid at the end of each period.")] = "0"
    cash_flows: Annotated[
        list[Exact],
        Field(max_length=1000, description="For npv and irr: the first is now, each other one period later."),
    ] = []  # noqa: RUF012  # pydantic copies it
    decimals: Annotated[int, Field(ge=0, le=20, description="Digits after the point in the result.")] = 2


class FinanceCalculated(Outcome):
    """What `calculate_finance` gives."""

    result: Annotated[str, Field(description="The amount, or for irr the rate of one period.")]
    total: Annotated[str | None, Field(description="For payment: all payments together; nothing otherwise.")]


def calculate(arguments: Calculate) -> Calculation:
    """Evaluate the expression of one call."""
    return Calculation(
        result=evaluator.calculate(arguments.expression, arguments.arithmetic),
        expression=arguments.expression,
    )


def convert_units(arguments: ConvertUnits) -> Converted:
    """Convert the value of one call."""
    found = units.convert(Fraction(arguments.value), arguments.from_unit, arguments.to_unit)
    with decimal.localcontext(DECIMAL_CONTEXT):
        rounded = Decimal(found.numerator) / Decimal(found.denominator)
        result = str(evaluator.shown(rounded))
    return Converted(result=result, exact=Fraction(rounded) == found)


def calculate_dates(arguments: CalculateDates) -> DatesCalculated:
    """Reckon with the dates of one call."""
    _only_used(arguments, USED_BY_DATES[arguments.operation])
    start = dates.moment(arguments.start, "start")
    holidays = frozenset(_day(dates.moment(one, "holidays")) for one in arguments.holidays)
    match arguments.operation:
        case "add":
            return _found(_added(start, arguments))
        case "add_workdays":
            if abs(arguments.days) > MOST_WORKDAYS:
                raise Refused(
                    Reason.TOO_LARGE,
                    "days",
                    found="too many working days",
                    expected=f"at most {MOST_WORKDAYS}",
                )
            return _found(dates.on_workday(_day(start), arguments.days, holidays))
        case "convert_zone":
            return _found(_in_zone(start, arguments.time_zone))
        case "workdays":
            end = dates.moment(_end(arguments), "end")
            return _between(start, None, dates.workdays(_day(start), _day(end), holidays), None)
        case "difference":
            end = dates.moment(_end(arguments), "end")
            whole = dates.between(start, end)
            days = int(whole / timedelta(days=1))  # whole ones, in both directions
            return _between(start, whole.total_seconds(), days, _parts(relativedelta(end, start)))


def calculate_finance(arguments: CalculateFinance) -> FinanceCalculated:
    """Reckon with the money of one call."""
    _only_used(arguments, USED_BY_FINANCE[arguments.operation])
    with decimal.localcontext(finance.CONTEXT):
        amount, paid, rate = (Decimal(one) for one in (arguments.amount, arguments.payment, arguments.rate))
        flows = [Decimal(one) for one in arguments.cash_flows]
        if not finance.LOWEST_RATE <= rate <= finance.HIGHEST_RATE:
            raise Refused(
                Reason.UNDEFINED, "rate", found="a rate out of range", expected="one from -0.9999 to 1000"
            )
        if arguments.operation in ("npv", "irr") and not flows:
            raise Refused(Reason.ARGUMENT_NOT_VALID, "cash_flows", found="nothing", expected="at least one")
        try:
            result = _money(arguments, amount, paid, rate, flows)
            total = result * arguments.periods if arguments.operation == "payment" else None
            return FinanceCalculated(
                result=_rounded(result, arguments.decimals),
                total=None if total is None else _rounded(total, arguments.decimals),
            )
        except decimal.DecimalException:
            raise Refused(
                Reason.TOO_LARGE, "the result", found="too many digits", expected="smaller numbers"
            ) from None


def _only_used(arguments: CalculateDates | CalculateFinance, used: frozenset[str]) -> None:
    """Refuse what the operation would pass over in silence."""
    for name, known in type(arguments).model_fields.items():
        if name not in used and not known.is_required() and getattr(arguments, name) != known.default:
            raise Refused(
                Reason.ARGUMENT_NOT_VALID,
                name,
                found=f"something that {arguments.operation} does not use",
                expected=f"only {', '.join(sorted(used))}",
            )


def _money(
    arguments: CalculateFinance, amount: Decimal, paid: Decimal, rate: Decimal, flows: list[Decimal]
) -> Decimal:
    match arguments.operation:
        case "future_value":
            return finance.future_value(amount, paid, rate, arguments.periods)
        case "present_value":
            return finance.present_value(amount, paid, rate, arguments.periods)
        case "payment":
            return finance.payment(amount, Decimal(0), rate, arguments.periods)
        case "npv":
            return finance.net_present_value(flows, rate)
        case "irr":
            return finance.internal_rate(flows)


def _rounded(value: Decimal, decimals: int) -> str:
    return format(value.quantize(Decimal(1).scaleb(-decimals), rounding=decimal.ROUND_HALF_EVEN), "f")


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _end(arguments: CalculateDates) -> str:
    if arguments.end is None:
        raise Refused(Reason.ARGUMENT_NOT_VALID, "end", found="nothing", expected="the other date or time")
    return arguments.end


def _in_zone(start: date | datetime, name: str | None) -> datetime:
    if name is None or not isinstance(start, datetime):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID,
            "time_zone" if name is None else "start",
            found="nothing" if name is None else "a date without time",
            expected="a time zone such as Europe/Berlin" if name is None else "a time",
        )
    aware = start if start.tzinfo is not None else start.replace(tzinfo=dates.zone("UTC", "time_zone"))
    try:
        return aware.astimezone(dates.zone(name, "time_zone"))
    except OverflowError:
        raise Refused(
            Reason.BAD_TIME, "start", found="a result outside the calendar", expected="years 1 to 9999"
        ) from None


def _found(moment: date | datetime) -> DatesCalculated:
    return DatesCalculated(
        result=moment.isoformat(), weekday=f"{moment:%A}", days=None, seconds=None, parts=None
    )


def _added(start: date | datetime, arguments: CalculateDates) -> date | datetime:
    days = relativedelta(
        years=arguments.years, months=arguments.months, weeks=arguments.weeks, days=arguments.days
    )
    if arguments.time_zone is not None and isinstance(start, datetime):
        hours = timedelta(hours=arguments.hours, minutes=arguments.minutes)
        return dates.added_on_clock(start, days, hours, dates.zone(arguments.time_zone, "time_zone"))
    return dates.added(start, days + relativedelta(hours=arguments.hours, minutes=arguments.minutes))


def _between(start: date | datetime, seconds: float | None, days: int, parts: str | None) -> DatesCalculated:
    return DatesCalculated(result=None, weekday=f"{start:%A}", days=days, seconds=seconds, parts=parts)


def _parts(between: relativedelta) -> str:
    names = ("years", "months", "days", "hours", "minutes", "seconds")
    told = [f"{count} {name}" for name in names if (count := getattr(between, name))]
    return " ".join(told) or "0 days"


def family() -> Family:
    """Make the family of tools that reckon."""
    return Family("arithmetic", "numbers only", [_calculate, _convert_units, _dates, _finance])


_calculate = strict_tool(
    calculate,
    name="calculate",
    takes=Calculate,
    gives=Calculation,
    title="Calculate",
    description=described(
        "Evaluate an arithmetic expression exactly as written.",
        use="a number must be right: sums, powers, roots, logarithms, rounding, exact fractions",
        not_for="running code or looking things up: it knows numbers and functions only",
        example={"expression": "(1 + 2) * sqrt(9)"},
    ),
    annotations=READS,
)
_convert_units = strict_tool(
    convert_units,
    name="convert_units",
    takes=ConvertUnits,
    gives=Converted,
    title="Convert units",
    description=described(
        "Convert a value from one unit to another, exactly where the definition is exact.",
        use="lengths, masses, volumes, temperatures, energies, speeds or data sizes change their unit",
        not_for="currencies, whose rates change, or calendar dates (calculate_dates)",
        example={"value": "5", "from_unit": "km", "to_unit": "mi"},
    ),
    annotations=READS,
)
_dates = strict_tool(
    calculate_dates,
    name="calculate_dates",
    takes=CalculateDates,
    gives=DatesCalculated,
    title="Calculate dates",
    description=described(
        "Add to a date, take the difference of two, count working days, or convert a time zone.",
        use="a date, a duration, a weekday or a local time must be right",
        not_for="what time it is now: it knows no clock",
        example={"operation": "add", "start": "2026-01-31", "months": 1},
    ),
    annotations=READS,
)
_finance = strict_tool(
    calculate_finance,
    name="calculate_finance",
    takes=CalculateFinance,
    gives=FinanceCalculated,
    title="Calculate finance",
    description=described(
        "Work out future and present values, loan payments, net present value and internal rate of return.",
        use="money is paid or grows over several periods",
        not_for="prices or exchange rates of today: it looks nothing up",
        example={"operation": "payment", "amount": "200000", "rate": "0.0025", "periods": 360},
    ),
    annotations=READS,
)
