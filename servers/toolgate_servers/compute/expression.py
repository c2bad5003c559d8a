"""Reading an expression: text to a syntax tree whose every node knows its position."""

import ast
import re
from dataclasses import dataclass

from toolgate_servers.errors import Reason, Refused

MAX_LENGTH = 1000
MAX_DEPTH = 50

ALPHABET = "digits, names, brackets, commas and the operators + - * / // % **"
FOREIGN = re.compile(r"[^0-9A-Za-z_.+\-*/%(), \t\r\n]")
EXAMPLE = "arithmetic such as (1 + 2) * sqrt(9)"


@dataclass(frozen=True, slots=True)
class Expression:
    """The text as it was parsed, and its tree."""

    text: str
    tree: ast.expr

    def source(self, node: ast.expr) -> str:
        """Give the characters that a node was made of."""
        return self.text[node.col_offset : node.end_col_offset]


def refuse(reason: Reason, position: int, found: str, expected: str) -> Refused:
    """Make a refusal at a position; the first character is position 1."""
    return Refused(reason, f"expression, position {position}", found=found, expected=expected)


def read(expression: str) -> Expression:
    """Parse an expression.

    Raises:
        Refused: BAD_SYNTAX, NOT_ARITHMETIC, TOO_LARGE or TOO_COMPLEX, with the position.
    """
    if len(expression) > MAX_LENGTH:
        raise Refused(
            Reason.TOO_LARGE,
            "expression",
            found=f"{len(expression)} characters",
            expected=f"at most {MAX_LENGTH}",
        )
    if not expression.strip():
        raise refuse(Reason.BAD_SYNTAX, 1, "nothing", EXAMPLE)
    _check_alphabet(expression)
    _check_brackets(expression)
    # Blanks keep every position; in brackets, line ends and leading blanks mean nothing to the parser.
    text = re.sub(r"\s", " ", expression)
    try:
        module = ast.parse(f"({text})", mode="eval")
    except SyntaxError as problem:
        raise _bad_syntax(text, (problem.offset or 2) - 1) from None
    except (RecursionError, MemoryError, ValueError):
        raise Refused(
            Reason.TOO_COMPLEX, "expression", found="too much nesting", expected="a simpler expression"
        ) from None
    return Expression(f"({text})", module.body)


def _check_alphabet(expression: str) -> None:
    foreign = FOREIGN.search(expression)
    if foreign is None:
        return
    position = foreign.start() + 1
    if foreign.group() == "^":
        raise refuse(Reason.NOT_ARITHMETIC, position, "a caret", "** for a power")
    raise refuse(Reason.NOT_ARITHMETIC, position, "a character that is not arithmetic", ALPHABET)


def _check_brackets(expression: str) -> None:
    opened: list[int] = []
    for position, character in enumerate(expression, start=1):
        if character == "(":
            opened.append(position)
            if len(opened) > MAX_DEPTH:
                raise refuse(
                    Reason.TOO_COMPLEX, position, "too many nested brackets", f"at most {MAX_DEPTH} levels"
                )
        elif character == ")":
            if not opened:
                raise refuse(Reason.BAD_SYNTAX, position, "a closing bracket that was never opened", EXAMPLE)
            opened.pop()
    if opened:
        raise refuse(
            Reason.BAD_SYNTAX,
            len(expression) + 1,
            "the end of the expression",
            f"a closing bracket for the one opened at position {opened[-1]}",
        )


def _bad_syntax(text: str, position: int) -> Refused:
    if position > len(text.rstrip()):
        return refuse(
            Reason.BAD_SYNTAX, len(text) + 1, "the end of the expression", "a number, a name or a bracket"
        )
    return refuse(Reason.BAD_SYNTAX, max(1, position), _kind(text[max(1, position) - 1]), EXAMPLE)


def _kind(character: str) -> str:
    if character.isdigit() or character == ".":
        return "a number in an unexpected place or form"
    if character.isalpha() or character == "_":
        return "a name in an unexpected place"
    if character in "()":
        return "a bracket in an unexpected place"
    if character == ",":
        return "a comma in an unexpected place"
    return "an operator in an unexpected place"
