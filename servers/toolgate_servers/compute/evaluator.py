"""Walking the tree of an expression; whatever is not named here is refused."""

import ast
import decimal
from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Literal, TypeAlias

from toolgate_servers.compute import operations
from toolgate_servers.compute.expression import MAX_DEPTH, Expression, read, refuse
from toolgate_servers.compute.operations import (
    CONSTANTS,
    DECIMAL_CONTEXT,
    FUNCTIONS,
    BadNumber,
    Number,
    bounded,
)
from toolgate_servers.errors import Reason, Refused

Arithmetic: TypeAlias = Literal["float", "decimal", "fraction"]

MAX_SAFE_INTEGER = 2**53 - 1

OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operations.add,
    ast.Sub: operations.subtract,
    ast.Mult: operations.multiply,
    ast.Div: operations.divide,
    ast.FloorDiv: operations.floor_divide,
    ast.Mod: operations.remainder,
    ast.Pow: operations.power,
}

KINDS: dict[type[ast.expr], str] = {
    ast.Attribute: "an attribute",
    ast.BoolOp: "a logical word",
    ast.Compare: "a comparison",
    ast.IfExp: "a condition",
    ast.Starred: "a starred argument",
    ast.Tuple: "a comma outside a function, or empty brackets",
}


def calculate(expression: str, arithmetic: Arithmetic = "float") -> int | float | str:
    """Give the value of an expression.

    Whole numbers beyond 2**53, decimals and fractions are strings, so that no reader of JSON rounds them.

    Raises:
        Refused: with the position, what was found there and what was expected.
    """
    parsed = read(expression)
    with decimal.localcontext(DECIMAL_CONTEXT):
        return shown(Evaluator(parsed, arithmetic).value(parsed.tree, MAX_DEPTH))


def shown(value: Number) -> int | float | str:
    """Give a number in the form that survives JSON."""
    match value:
        case int():
            return value if abs(value) <= MAX_SAFE_INTEGER else str(value)
        case float():
            return value
        case Fraction():
            return f"{value.numerator}/{value.denominator}"
        case Decimal():
            plain = value.normalize()
            return format(plain, "f") if abs(plain.adjusted()) < operations.DECIMAL_DIGITS else str(plain)


class Evaluator:
    """Evaluates the nodes of one expression."""

    def __init__(self, expression: Expression, arithmetic: Arithmetic) -> None:
        self._expression = expression
        self._exact = arithmetic == "decimal"
        self._rational = arithmetic == "fraction"

    def value(self, node: ast.expr, depth: int) -> Number:
        """Give the value of a node; `depth` says how much nesting is still allowed.

        Raises:
            Refused: with the position.
        """
        if depth == 0:
            raise _at(node, Reason.TOO_COMPLEX, "too much nesting", f"at most {MAX_DEPTH} levels")
        match node:
            case ast.BinOp():
                return self._chain(node, depth)
            case ast.UnaryOp(op=ast.USub()):
                return self._done(node, operations.negate, self.value(node.operand, depth - 1))
            case ast.UnaryOp(op=ast.UAdd()):
                return self.value(node.operand, depth - 1)
            case ast.Call():
                return self._call(node, depth)
            case ast.Constant():
                return self._literal(node)
            case ast.Name():
                return self._constant(node)
            case _:
                found = KINDS.get(type(node), "something that is not arithmetic")
                raise _at(node, Reason.NOT_ARITHMETIC, found, "numbers, operators and functions")

    def _chain(self, node: ast.BinOp, depth: int) -> Number:
        # Sums lean to the left: walking down that side in a loop keeps long ones from counting as nesting.
        pending: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            pending.append(left)
            left = left.left
        total = self.value(left, depth - 1)
        while pending:
            link = pending.pop()
            operator = OPERATORS.get(type(link.op))
            if operator is None:
                raise _at(link.right, Reason.NOT_ARITHMETIC, "an unknown operator", "+ - * / // % or **")
            total = self._done(link.right, operator, total, self.value(link.right, depth - 1))
        return total

    def _call(self, node: ast.Call, depth: int) -> Number:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        function = FUNCTIONS.get(name) if name is not None else None
        if function is None:
            raise _unknown(node.func, name, FUNCTIONS, "a function")
        if self._exact and not function.exact:
            raise _at(
                node, Reason.NOT_ARITHMETIC, "a function that decimals do not have", "arithmetic: float"
            )
        if self._rational and not function.rational:
            raise _at(
                node, Reason.NOT_ARITHMETIC, "a function that fractions do not have", "arithmetic: float"
            )
        if node.keywords or not function.fewest <= len(node.args) <= function.most:
            count = (
                f"{function.fewest}"
                if function.fewest == function.most
                else f"{function.fewest} to {function.most}"
            )
            raise _at(node, Reason.WRONG_ARGUMENT_COUNT, "another number of arguments", f"{count} of them")
        return self._done(node, function.call, *(self.value(argument, depth - 1) for argument in node.args))

    def _literal(self, node: ast.Constant) -> Number:
        match node.value:
            case bool():
                raise _at(node, Reason.NOT_ARITHMETIC, "a logical value", "a number")
            case float() if self._exact:
                # The parser's float has lost digits; the characters have not.
                digits = self._expression.source(node)
                return self._done(node, lambda: DECIMAL_CONTEXT.create_decimal(digits))
            case float() if self._rational:
                written = self._expression.source(node).replace("_", "")
                return self._done(node, lambda: _fraction(written))
            case int() | float() as number:
                return self._done(node, lambda: number)
            case _:
                raise _at(node, Reason.NOT_ARITHMETIC, "a value that is not a real number", "a number")

    def _constant(self, node: ast.Name) -> Number:
        if node.id not in CONSTANTS:
            raise _unknown(node, node.id, CONSTANTS, "a constant")
        if self._rational:
            raise _at(node, Reason.NOT_ARITHMETIC, "a constant that is not a fraction", "arithmetic: float")
        approximate, exact = CONSTANTS[node.id]
        return Decimal(exact) if self._exact else approximate

    def _done(self, node: ast.expr, operation: Callable[..., Number], *operands: Number) -> Number:
        try:
            if self._exact:
                operands = operations.in_decimals(operation, operands)
            elif self._rational:
                operands = operations.in_fractions(operation, operands)
            return bounded(operation(*operands))
        except BadNumber as problem:
            raise _at(node, problem.reason, problem.found, problem.expected) from None
        except (OverflowError, decimal.Overflow):
            raise _at(node, Reason.TOO_LARGE, "a result that is too large", "smaller numbers") from None
        except (ValueError, ArithmeticError):
            raise _at(node, Reason.UNDEFINED, "operands that have no defined result", "others") from None


def _fraction(digits: str) -> Number:
    number = DECIMAL_CONTEXT.create_decimal(digits)
    if abs(number.adjusted()) > operations.MAX_ROUND_DIGITS:
        raise OverflowError
    return Fraction(digits)


def _at(node: ast.expr, reason: Reason, found: str, expected: str) -> Refused:
    # The text was parsed in brackets, so column 1 is the caller's first character.
    return refuse(reason, max(1, node.col_offset), found, expected)


def _unknown(node: ast.expr, name: str | None, known: Mapping[str, object], kind: str) -> Refused:
    if name is None:
        return _at(node, Reason.NOT_ARITHMETIC, "a call of something that is not a function", "an operator")
    near = get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return _at(node, Reason.UNKNOWN_NAME, f"an unknown name{hint}", f"{kind}: {', '.join(known)}")
