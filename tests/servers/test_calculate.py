"""What the calculator answers, and what it refuses before doing any work."""

from __future__ import annotations

import pytest

from toolgate_servers.compute.evaluator import Arithmetic, calculate
from toolgate_servers.errors import Reason, Refused


def refused(expression: str, arithmetic: Arithmetic = "float") -> Refused:
    with pytest.raises(Refused) as caught:
        calculate(expression, arithmetic)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("+--3", 3),
        ("7 / 2", 3.5),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("2 ** -1", 0.5),
        ("1_000 + 0x1f", 1031),
        (" 1\n+\t2 ", 3),
        ("sqrt(16) + abs(-2)", 6.0),
        ("max(1, 5, 3) - min(4, 2)", 3),
        ("round(2.5) + round(1234.567, -2)", 1202.0),
        ("log10(1000) + log2(8) + log(8, 2) + log(e)", 10.0),
        ("sin(pi / 2) + cos(0)", 2.0),
        ("floor(-1.5) + ceil(1.2) + trunc(-1.9)", -1),
        ("gcd(12, 18) + lcm(4, 6) + factorial(5)", 138),
        ("hypot(3, 4) + degrees(tau)", 365.0),
        ("exp(0) + atan2(0, 1)", 1.0),
    ],
)
def test_arithmetic_gives_the_value_that_mathematics_says(expression: str, value: float) -> None:
    assert calculate(expression) == value


def test_integers_that_json_readers_would_round_come_as_strings() -> None:
    assert calculate("2 ** 53 - 1") == 9007199254740991
    assert calculate("2 ** 53") == "9007199254740992"
    assert calculate("-(10 ** 20)") == "-100000000000000000000"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("1 / 3 * 3", "0.99999999999999999999999999999999999999999999999999"),
        ("7 / 2", "3.5"),
        ("-7.5 // 2", "-4"),
        ("-7.5 % 2", "0.5"),
        ("2 ** -2", "0.25"),
        ("round(2.675, 2)", "2.68"),
        ("log10(1000)", "3"),
        ("sqrt(9)", "3"),
        ("1.000000000000000000001", "1.000000000000000000001"),
        ("2 ** 10", 1024),
    ],
)
def test_decimals_are_exact_and_come_as_strings(expression: str, value: str | int) -> None:
    assert calculate(expression, "decimal") == value


def test_a_long_sum_is_not_nesting() -> None:
    assert calculate("+".join(["1"] * 500)) == 500


@pytest.mark.parametrize("arithmetic", ["float", "decimal"])
@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "2**4097",
        "10**100000000",
        "(9**999)**999",
        "9999999**9999999",
        "1.5**10**400",
        "factorial(501)",
        "factorial(10**9)",
        "2**4000 * 2**4000",
    ],
)
def test_a_result_that_would_not_fit_is_refused_before_it_is_computed(
    expression: str, arithmetic: Arithmetic
) -> None:
    assert refused(expression, arithmetic).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("expression", ["1e999", "1e308 * 10", "exp(1000)", "1e400 - 1e400", "cosh(10**6)"])
def test_a_float_beyond_its_range_is_refused_instead_of_becoming_infinite(expression: str) -> None:
    assert refused(expression).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "1 // 0.0",
        "1 % 0",
        "0 ** -1",
        "(-8) ** (1/3)",
        "sqrt(-1)",
        "log(0)",
        "log(2, 1)",
        "asin(2)",
        "gcd(1.5, 3)",
        "factorial(-1)",
        "factorial(2.5)",
        "round(1, -10**9)",
        "round(1.5, 0.5)",
    ],
)
def test_what_has_no_value_is_refused(expression: str) -> None:
    assert refused(expression).reason is Reason.UNDEFINED


@pytest.mark.parametrize(
    "expression",
    [
        "2 ^ 3",
        "1 < 2",
        "'text'",
        "[1]",
        "x = 1",
        "1; 2",
        "1,000",
        "()",
        "(1).real",
        "().__class__",
        "True",
        "None",
        "...",
        "1j",
        "1 if 1 else 2",
        "1 in (2, 3)",
        "1 and 2",
        "(yield)",
        "(x for x in e)",
        "2(3)",
        "sqrt(2)(3)",
        "__import__('os')",
        "\x00",
        "１+１",
        "2 @ 3",
    ],
)
def test_whatever_is_not_arithmetic_is_refused(expression: str) -> None:
    assert refused(expression).reason is Reason.NOT_ARITHMETIC


@pytest.mark.parametrize("expression", ["x", "__import__", "squrt(4)", "eval(1)", "open(1)", "sqrt", "pi(1)"])
def test_an_unknown_name_is_refused(expression: str) -> None:
    assert refused(expression).reason is Reason.UNKNOWN_NAME


@pytest.mark.parametrize("expression", ["sqrt()", "sqrt(1, 2)", "max(1)", "max(**e)", "log(1, 2, 3)"])
def test_a_function_with_the_wrong_number_of_arguments_is_refused(expression: str) -> None:
    assert refused(expression).reason is Reason.WRONG_ARGUMENT_COUNT


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("", 1),
        ("   ", 1),
        ("1 +", 4),
        ("1 + * 2", 5),
        ("(1 + 2", 7),
        ("1 + 2)", 6),
        ("sqrt(4", 7),
        ("012", 1),
    ],
)
def test_bad_syntax_is_refused_with_its_position(expression: str, position: int) -> None:
    found = refused(expression)
    assert found.reason is Reason.BAD_SYNTAX
    assert found.where == f"expression, position {position}"


@pytest.mark.parametrize(
    ("expression", "position"), [("1 + 2 ^ 3", 7), ("4 / (3 - 3)", 6), ("1 + foo", 5), ("1 + 9**9**9", 8)]
)
def test_a_refusal_points_at_what_is_wrong(expression: str, position: int) -> None:
    assert refused(expression).where == f"expression, position {position}"


@pytest.mark.parametrize(
    "expression", ["-" * 400 + "1", "(" * 60 + "1" + ")" * 60, "abs(" * 60 + "1" + ")" * 60]
)
def test_deep_nesting_is_refused(expression: str) -> None:
    assert refused(expression).reason is Reason.TOO_COMPLEX


def test_a_long_expression_is_refused() -> None:
    assert refused("1+" * 500 + "1").reason is Reason.TOO_LARGE


def test_decimals_have_no_trigonometry() -> None:
    assert refused("sin(1)", "decimal").reason is Reason.NOT_ARITHMETIC


def test_a_refusal_never_repeats_the_expression() -> None:
    assert "hunter" not in str(refused("hunter2 + 1"))
    assert "4111" not in str(refused("4111111111111111 $ 1"))
