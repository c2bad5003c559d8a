"""The compute server: what it offers over MCP."""

from typing import Annotated

from pydantic import Field

from toolgate_servers.compute import evaluator
from toolgate_servers.compute.evaluator import Arithmetic
from toolgate_servers.compute.expression import MAX_LENGTH
from toolgate_servers.compute.settings import ComputeSettings
from toolgate_servers.server import Family, ToolServer
from toolgate_servers.strict import READS, Arguments, Outcome, StrictTool, described, strict_tool


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
            "is a string; no trigonometry. Integers are exact in both."
        ),
    ] = "float"


class Calculation(Outcome):
    """What `calculate` gives."""

    result: Annotated[
        int | float | str,
        Field(
            description="The value. A string where a JSON number could lose digits: integers beyond 2**53 "
            "and decimals."
        ),
    ]
    expression: Annotated[str, Field(description="The expression that was evaluated.")]


def calculate(arguments: Calculate) -> Calculation:
    """Evaluate the expression of one call."""
    return Calculation(
        result=evaluator.calculate(arguments.expression, arguments.arithmetic),
        expression=arguments.expression,
    )


def build(settings: ComputeSettings) -> ToolServer:
    """Make the server.

    Raises:
        CannotStart: The settings cannot be met.
    """
    arithmetic = (
        Family("arithmetic", "numbers only", [_calculate()])
        if settings.families.arithmetic
        else Family.off("arithmetic")
    )
    return ToolServer(
        "compute",
        title="Compute",
        instructions="Use calculate for any arithmetic instead of working it out in text.",
        families=[arithmetic],
    )


def _calculate() -> StrictTool:
    return strict_tool(
        calculate,
        name="calculate",
        takes=Calculate,
        gives=Calculation,
        title="Calculate",
        description=described(
            "Evaluate an arithmetic expression exactly as written.",
            use="a number must be right: sums, powers, roots, logarithms, rounding",
            not_for="running code or looking things up: it knows numbers and functions only",
            example={"expression": "(1 + 2) * sqrt(9)"},
        ),
        annotations=READS,
    )
