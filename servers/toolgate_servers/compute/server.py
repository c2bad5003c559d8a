"""The compute server: what it offers over MCP."""

from typing import Annotated, Any

from mcp.server import CacheHint
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from toolgate_servers.compute import evaluator
from toolgate_servers.compute.evaluator import Arithmetic
from toolgate_servers.compute.expression import MAX_LENGTH
from toolgate_servers.strict import VERSION, Arguments, Outcome, strict_tool


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


def build() -> MCPServer[Any]:
    """Make the server."""
    tool = strict_tool(
        calculate,
        name="calculate",
        takes=Calculate,
        gives=Calculation,
        title="Calculate",
        description="Evaluate an arithmetic expression exactly as written. Runs no code and reads nothing.",
        annotations=ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
    return MCPServer(
        "compute",
        title="Compute",
        instructions="Use calculate for any arithmetic instead of working it out in text.",
        version=VERSION,
        tools=[tool],
        cache_hints={"tools/list": CacheHint(ttl_ms=300_000, scope="public")},
        subscriptions=False,
        log_level="WARNING",
    )
