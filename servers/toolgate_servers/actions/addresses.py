"""The syntax of a mail address: one plain mailbox, nothing that two programs could read differently."""

import re

from toolgate_servers.errors import Reason, Refused

MAX_ADDRESS = 254
MAX_LOCAL = 64

# RFC 5321 4.1.2: Dot-string and Domain. Quoted strings, comments, routes and address literals are left out.
LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

EXPECTED = "one address such as name@example.com, without a display name, in ASCII (xn-- for other scripts)"


def check_address(address: str, where: str) -> None:
    """Refuse what is not one plain address.

    Raises:
        Refused: BAD_ADDRESS, naming the part that is wrong.
    """
    problem = address_problem(address)
    if problem is not None:
        raise Refused(Reason.BAD_ADDRESS, where, found=problem, expected=EXPECTED)


def address_problem(address: str) -> str | None:
    """Say what is wrong with an address, or None."""
    if len(address) > MAX_ADDRESS:
        return f"{len(address)} characters where {MAX_ADDRESS} are allowed"
    if not address.isascii() or not address.isprintable() or " " in address:
        return "a blank, a control character or a letter beyond ASCII"
    local, at, domain = address.rpartition("@")
    if not at:
        return "no @"
    if not local or len(local) > MAX_LOCAL or LOCAL.fullmatch(local) is None:
        return "something before the @ that is not a plain name"
    labels = domain.split(".")
    if not all(LABEL.fullmatch(label) for label in labels):
        return "something after the @ that is not a domain"
    if len(labels) < 2 or labels[-1].isdigit():
        return "a domain without a top level, or an IP address"
    return None
