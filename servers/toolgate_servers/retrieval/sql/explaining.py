"""Why an engine did not carry a query out, in words that quote nothing of it."""

from toolgate_servers.errors import Reason, Refused

# What the engines say, and what the caller learns of it: found, and expected.
SAID = (
    ("ambiguous", "a column that more than one table has", "the table before it, as in orders.id"),
    ("GROUP BY", "a column that is not grouped", "it in GROUP BY, or inside an aggregate such as max()"),
    ("HAVING", "HAVING without groups", "GROUP BY before it, or WHERE"),
    ("misuse of aggregate", "an aggregate where none can be", "HAVING, or a subquery"),
    ("WHERE clause cannot contain agg", "an aggregate in WHERE", "HAVING, or a subquery"),
    ("misuse of window", "a window function without its window", "OVER (…) after it"),
    ("wrong number of arguments", "a function with too few or too many arguments", "another number of them"),
    ("No function matches", "a function or operator for other types", "a CAST of its values"),
    ("lambda", "a lambda with an arrow", "lambda x: …"),
    ("same number of result columns", "parts of a UNION that differ in width", "the same number of columns"),
    ("term out of range", "a number beyond the columns", "the number of a column of the result"),
    ("sub-select returns", "a subquery of several columns", "one column"),
    ("malformed JSON", "text that is no JSON", "JSON, or json_valid() to leave out the rest"),
    ("integer overflow", "a number beyond 64 bits", "CAST(… AS REAL), or smaller numbers"),
    ("too big", "a value that would be too long", "shorter values"),
    ("datatype mismatch", "a value of another type", "a CAST of it"),
    (
        "Could not convert",
        "a value that cannot be turned into that type",
        "TRY_CAST, which gives NULL instead",
    ),
    ("out of range", "a value that its type cannot hold", "another type, or TRY_CAST"),
    ("Could not parse", "a value in another format", "the format that it has"),
)


def query_failed(said: str) -> Refused:
    """Make the refusal of a query that an engine did not carry out, from what the engine said."""
    found, expected = "a query that cannot be carried out", "another way to ask"
    for sign, one, other in SAID:
        if sign.lower() in said.lower():
            found, expected = one, other
            break
    return Refused(Reason.QUERY_FAILED, "sql", found=found, expected=expected)
