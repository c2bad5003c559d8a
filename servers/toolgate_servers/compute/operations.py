"""Arithmetic that cannot run away: every operation is bounded before it is done."""

import decimal
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from toolgate_servers.errors import Reason

Number: TypeAlias = int | float | Decimal | Fraction

MAX_BITS = 4096
MAX_FACTORIAL = 500
MAX_ROUND_DIGITS = 300
DECIMAL_DIGITS = 50
DECIMAL_CONTEXT = decimal.Context(
    prec=DECIMAL_DIGITS,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-9999,
    Emax=9999,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


class BadNumber(Exception):
    """An operation has no answer, or none that fits; the evaluator adds the position."""

    def __init__(self, reason: Reason, found: str, expected: str) -> None:
        super().__init__(found)
        self.reason = reason
        self.found = found
        self.expected = expected


def bounded(value: Number) -> Number:
    """Give back a number that is finite and not longer than allowed.

    Raises:
        BadNumber: TOO_LARGE or UNDEFINED.
    """
    match value:
        case int():
            if value.bit_length() > MAX_BITS:
                raise _too_large()
        case float():
            if math.isnan(value):
                raise BadNumber(Reason.UNDEFINED, "no defined result", "operands that have one")
            if math.isinf(value):
                raise _too_large()
        case Decimal():
            if not value.is_finite():
                raise _too_large()
        case Fraction():
            if value.denominator == 1:
                return bounded(value.numerator)
            if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
                raise _too_large()
    return value


def _too_large() -> BadNumber:
    return BadNumber(
        Reason.TOO_LARGE,
        "a result that is too large",
        f"integers of at most {MAX_BITS} bits and numbers within the range of their kind",
    )


def _not_zero(divisor: Number) -> None:
    if divisor == 0:
        raise BadNumber(Reason.UNDEFINED, "a divisor that is zero", "a divisor that is not zero")


def negate(value: Number) -> Number:
    """Change the sign."""
    return -value


def absolute(value: Number) -> Number:
    """Drop the sign."""
    return -value if value < 0 else value


def truncate(value: Number) -> Number:
    """Drop the fraction."""
    return math.trunc(value)


def add(left: Number, right: Number) -> Number:
    """Add two numbers."""
    return left + right  # type: ignore[operator]  # one expression never mixes float and Decimal


def subtract(left: Number, right: Number) -> Number:
    """Subtract the right number from the left."""
    return left - right  # type: ignore[operator]  # as in add


def multiply(left: Number, right: Number) -> Number:
    """Multiply two numbers."""
    return left * right  # type: ignore[operator]  # as in add


def divide(left: Number, right: Number) -> Number:
    """Divide; two integers give a float, or a Decimal where decimals are in use."""
    _not_zero(right)
    return left / right  # type: ignore[operator]  # as in add


def floor_divide(left: Number, right: Number) -> Number:
    """Divide and round towards minus infinity."""
    _not_zero(right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        quotient, _ = _decimal_divmod(_decimal(left), _decimal(right))
        return quotient
    return left // right


def remainder(left: Number, right: Number) -> Number:
    """Give what floor division leaves; it has the sign of the divisor."""
    _not_zero(right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        _, rest = _decimal_divmod(_decimal(left), _decimal(right))
        return rest
    return left % right


def _decimal(value: Number) -> Decimal:
    return Decimal(value.numerator) / value.denominator if isinstance(value, Fraction) else Decimal(value)


def _decimal_divmod(left: Decimal, right: Decimal) -> tuple[Decimal, Decimal]:
    # Decimal itself rounds towards zero, unlike int and float.
    quotient, rest = divmod(left, right)
    if rest and (rest < 0) != (right < 0):
        return quotient - 1, rest + right
    return quotient, rest


def power(base: Number, exponent: Number) -> Number:
    """Raise to a power; sizes are checked before, not after."""
    if base == 0 and exponent < 0:
        raise BadNumber(Reason.UNDEFINED, "zero to a negative power", "a base that is not zero")
    if base < 0 and exponent != int(exponent):
        raise BadNumber(
            Reason.UNDEFINED, "a negative base with a fractional exponent", "a base that is not negative"
        )
    if isinstance(base, int) and isinstance(exponent, int):
        return _integer_power(base, exponent)
    if isinstance(base, Fraction) or isinstance(exponent, Fraction):
        return _fraction_power(Fraction(base), exponent)
    return base**exponent  # type: ignore[operator]  # as in add


def _integer_power(base: int, exponent: int) -> Number:
    if exponent < 0:
        return float(base) ** exponent
    # A base of n bits has at least 2**(n-1), so the result has more than (n-1) * exponent bits.
    if abs(base) > 1 and (base.bit_length() - 1) * exponent > MAX_BITS:
        raise _too_large()
    return int(base**exponent)


def _fraction_power(base: Fraction, exponent: Number) -> Number:
    if exponent != int(exponent):
        raise BadNumber(
            Reason.UNDEFINED, "a root, which fractions do not have", "arithmetic: decimal or float"
        )
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if bits * abs(int(exponent)) > MAX_BITS:
        raise _too_large()
    return Fraction(base) ** int(exponent)


def factorial(value: Number) -> Number:
    """Give the factorial of a whole number from 0 to 500."""
    if not isinstance(value, int) or not 0 <= value <= MAX_FACTORIAL:
        raise BadNumber(
            Reason.TOO_LARGE if value > MAX_FACTORIAL else Reason.UNDEFINED,
            "a number without a factorial here",
            f"an integer from 0 to {MAX_FACTORIAL}",
        )
    return math.factorial(value)


def rounded(value: Number, digits: Number = 0) -> Number:
    """Round half to even, to a whole number or to so many digits."""
    if not isinstance(digits, int) or abs(digits) > MAX_ROUND_DIGITS:
        raise BadNumber(
            Reason.UNDEFINED,
            "a number of digits that cannot be used",
            f"an integer from -{MAX_ROUND_DIGITS} to {MAX_ROUND_DIGITS}",
        )
    if isinstance(value, Fraction):
        return round(value, digits) if digits else round(value)
    if isinstance(value, Decimal):
        return round(value, digits) if digits else round(value)
    return round(value, digits) if digits else round(value)


def logarithm(value: Number, base: Number | None = None) -> Number:
    """Give the logarithm, natural or to a base."""
    if value <= 0 or (base is not None and (base <= 0 or base == 1)):
        raise BadNumber(
            Reason.UNDEFINED, "a logarithm that does not exist", "numbers above zero and a base that is not 1"
        )
    if isinstance(value, Decimal):
        return _decimal_logarithm(value, base)
    if base is None:
        return math.log(value)
    named = {2: math.log2, 10: math.log10}.get(int(base)) if base == int(base) else None
    return named(value) if named is not None else math.log(value, base)


def _decimal_logarithm(value: Decimal, base: Number | None) -> Decimal:
    if base is None:
        return value.ln()
    with decimal.localcontext() as wider:
        wider.prec += 10
        quotient = value.ln() / _decimal(base).ln()
    return +quotient


def common_logarithm(value: Number) -> Number:
    """Give the logarithm to the base 10."""
    return logarithm(value, 10)


def binary_logarithm(value: Number) -> Number:
    """Give the logarithm to the base 2."""
    return logarithm(value, 2)


def exponential(value: Number) -> Number:
    """Raise e to a power."""
    return value.exp() if isinstance(value, Decimal) else math.exp(value)


def square_root(value: Number) -> Number:
    """Give the square root of a number that is not negative."""
    if value < 0:
        raise BadNumber(Reason.UNDEFINED, "the square root of a negative number", "a number of at least zero")
    return value.sqrt() if isinstance(value, Decimal) else math.sqrt(value)


def _whole(operation: Callable[..., int]) -> Callable[..., Number]:
    def of_whole_numbers(*values: Number) -> Number:
        if not all(isinstance(value, int) for value in values):
            raise BadNumber(Reason.UNDEFINED, "a number that is not an integer", "integers")
        return operation(*values)

    return of_whole_numbers


@dataclass(frozen=True, slots=True)
class Function:
    """What a name in an expression calls, with how many arguments; `exact` ones also take Decimals.

    `rational` ones also take fractions: from fractions they make fractions.
    """

    call: Callable[..., Number]
    fewest: int = 1
    most: int = 1
    exact: bool = False
    rational: bool = False


FUNCTIONS: dict[str, Function] = {
    "abs": Function(absolute, exact=True, rational=True),
    "acos": Function(math.acos),
    "asin": Function(math.asin),
    "atan": Function(math.atan),
    "atan2": Function(math.atan2, 2, 2),
    "ceil": Function(math.ceil, exact=True, rational=True),
    "cos": Function(math.cos),
    "cosh": Function(math.cosh),
    "degrees": Function(math.degrees),
    "exp": Function(exponential, exact=True),
    "factorial": Function(factorial, exact=True, rational=True),
    "floor": Function(math.floor, exact=True, rational=True),
    "gcd": Function(_whole(math.gcd), 1, 20, exact=True, rational=True),
    "hypot": Function(math.hypot, 1, 20),
    "lcm": Function(_whole(math.lcm), 1, 20, exact=True, rational=True),
    "log": Function(logarithm, 1, 2, exact=True),
    "log10": Function(common_logarithm, exact=True),
    "log2": Function(binary_logarithm, exact=True),
    "max": Function(max, 2, 100, exact=True, rational=True),
    "min": Function(min, 2, 100, exact=True, rational=True),
    "radians": Function(math.radians),
    "round": Function(rounded, 1, 2, exact=True, rational=True),
    "sin": Function(math.sin),
    "sinh": Function(math.sinh),
    "sqrt": Function(square_root, exact=True),
    "tan": Function(math.tan),
    "tanh": Function(math.tanh),
    "trunc": Function(truncate, exact=True, rational=True),
}

INEXACT_FOR_INTEGERS: frozenset[Callable[..., Number]] = frozenset(
    {divide, square_root, logarithm, common_logarithm, binary_logarithm, exponential}
)


def in_decimals(operation: Callable[..., Number], operands: tuple[Number, ...]) -> tuple[Number, ...]:
    """Turn integers into Decimals where the operation would otherwise answer with a float."""
    if operation in INEXACT_FOR_INTEGERS or (operation is power and operands[1] < 0):
        return tuple(_decimal(operand) for operand in operands)
    return operands


def in_fractions(operation: Callable[..., Number], operands: tuple[Number, ...]) -> tuple[Number, ...]:
    """Turn integers into fractions where the operation would otherwise answer with a float."""
    if operation is divide or (operation is power and operands[1] < 0):
        return tuple(Fraction(operand) for operand in operands)
    return operands


CONSTANTS: dict[str, tuple[float, str]] = {
    "pi": (math.pi, "3.1415926535897932384626433832795028841971693993751"),
    "e": (math.e, "2.7182818284590452353602874713526624977572470936999"),
    "tau": (math.tau, "6.2831853071795864769252867665590057683943387987502"),
}
