"""Passwords on command lines and in calls: what each program calls the option is known."""

from __future__ import annotations

import re
from typing import Final

from toolgate.detect.likeness import mixed, placeholder
from toolgate.detect.named import NAME_WORDS, SUFFIX, name_before, secret
from toolgate.detect.rules import Rule, Span, Verify

_WORD: Final = r"[\"']?(?P<value>[^\s\"'<>{}$%(),;|\x1e-][^\s\"'<>{},;|\x1e]{3,127})"
_OPTION: Final = r"[^\n;|&\x1e]{0,160}?[ ]"

# Program, and what stands between its name and the password.
_PROGRAMS: Final = (
    (r"\bsshpass ", r"-p ?"),
    (r"\bmysql(?:dump|admin)? ", rf"(?:{_OPTION})?-p"),
    (r"\b(?:docker|podman|helm registry|az|oc) login ", rf"(?:{_OPTION})?-p[ =]"),
    (r"\bredis-cli ", rf"(?:{_OPTION})?-a "),
    (r"\bldap(?:search|add|modify|delete|whoami) ", rf"(?:{_OPTION})?-w "),
    (r"\bhtpasswd ", r"-[A-Za-z]*b[A-Za-z]* \S+ \S+ "),
    (r"\b(?:zip|unzip) ", rf"(?:{_OPTION})?-P "),
    (r"\b7za? ", rf"(?:{_OPTION})?-p"),
    (r"\bopenssl ", rf"{_OPTION}(?:-k |-(?:passin|passout|pass) pass:)"),
    (r"\buser(?:add|mod) ", rf"(?:{_OPTION})?-p "),
    (r"(?i)\bnet user ", r"[^\s/]{1,64} "),
    (r"(?i)\bConvertTo-SecureString ", r"(?:-[A-Za-z]+ )*"),
    (r"(?:auth ?= ?|[Bb]asic_?[Aa]uth)\(", r"[\"'][^\"'\n\x1e]{1,64}[\"'], ?(?=[\"'])"),
)


def _program(between: str) -> Verify:
    """The password behind one program's option; the anchor ends behind the program's name."""
    option = re.compile(between + _WORD)

    def verify(text: str, end: int) -> Span | None:
        found = option.match(text, end)
        if found is None or not _chosen(found["value"]):
            return None
        return found.span("value")

    return verify


def _chosen(value: str) -> bool:
    """Whether a person would choose it for a password: letters with digits or signs among them."""
    return not placeholder(value) and len(value) >= 6 and (mixed(value) or not value.isalnum())


_PIPED: Final = re.compile(
    r"(?:^|[ \n])echo (?:-[ne]+ )?[\"']?(?:[\w.-]{1,64}:)?(?P<value>[^\s\"':$<>|]{6,128})[\"']? ?\Z"
)


def piped(text: str, end: int) -> Span | None:
    """The password in `echo password | passwd --stdin`; the anchor ends behind the program's name."""
    start = text.rfind("|", max(0, end - 24), end)
    found = _PIPED.search(text, max(0, start - 224), start) if start >= 0 else None
    return found.span("value") if found and _chosen(found["value"]) else None


_ARGUMENT: Final = re.compile(r"(?P<value>[^\"'`\s\x1e]{6,256})(?=[\"'`])")


def argument(text: str, end: int) -> Span | None:
    """The password in `set_password("…")` and `password.equals("…")`; the anchor ends in the quote."""
    before = text[max(0, end - 96) : end - 2]
    name = name_before(before.removesuffix(".equals"), len(before.removesuffix(".equals")))
    given = name and not name.rpartition(".")[2].lower().startswith(("get", "read", "ask", "fetch"))
    found = _ARGUMENT.match(text, end) if given else None
    if found is None or not mixed(found["value"]) or not secret(found["value"], name, bare=False):
        return None
    return found.span("value")


COMMANDS: Final = (
    *(
        Rule("password of a command", "SECRET", program, _program(between), 0.7)
        for program, between in _PROGRAMS
    ),
    Rule("password piped", "SECRET", r"\| ?(?:sudo )?(?:chpasswd|passwd --stdin)", piped, 0.7),
    Rule(
        "password in a call",
        "SECRET",
        rf"(?i)(?:{NAME_WORDS.replace('_ -', '_-')})s?{SUFFIX}(?:\.equals)?\([\"'`]",
        argument,
        0.6,
    ),
)
