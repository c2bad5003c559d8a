"""How well the tools of a server are described for the models that call them; no I/O.

A model knows of a tool only what its list says. Each rule asks for one thing that keeps it from calling the
wrong tool, or the right one with arguments that cannot work. MCP 2025-11-25 server/tools.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from toolgate.policy.schema_quality import Lack, lacks

MOST_TOOLS = 19
LONGEST_NAME = 40
SHORTEST_DESCRIPTION, LONGEST_DESCRIPTION = 40, 2000
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
WHEN = re.compile(
    r"\b(?:use (?:this|it|when|for|to|if)|when(?:ever)? |useful (?:for|when|to)|call this)", re.IGNORECASE
)
WHEN_NOT = re.compile(
    r"\b(?:not (?:for|to|when|if|use)|do not|don't|never|instead|rather than|avoid|unless|cannot)\b",
    re.IGNORECASE,
)
EXAMPLE = re.compile(r"\b(?:examples?|e\.g\.|for instance|such as)", re.IGNORECASE)
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
CHANGING = frozenset(
    "add append assign cancel close commit create delete drop edit insert merge move overwrite patch post "
    "publish purge push put remove rename send set truncate update upload write".split()
)
DESTROYING = frozenset("delete destroy drop erase overwrite purge remove truncate wipe".split())

Tool: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a tool lacks; the tool is empty where it is the list that does."""

    tool: str
    rule: str
    where: str
    found: str
    expected: str

    def line(self) -> str:
        """The finding as one line."""
        at = f"{self.tool} {self.where}".strip()
        return f"{at}: found {self.found}, expected {self.expected} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Report:
    """How many tools there are, how many rules each had to keep, and which were not kept."""

    tools: int
    asked: int
    kept: int
    findings: tuple[Finding, ...]

    @property
    def score(self) -> int:
        """From 0 to 100, which is reached only where nothing was found."""
        return 100 if not self.findings else min(99, self.kept * 100 // max(1, self.asked))


def judged(tools: Sequence[Tool]) -> Report:
    """Look at a list of tools as a server gives it."""
    findings = [Finding("", rule, lack.where, lack.found, lack.expected) for rule, lack in _list(tools)]
    asked, missed = len(LIST_RULES), len({finding.rule for finding in findings})
    for number, tool in enumerate(tools):
        name = tool.get("name")
        shown = (
            name if isinstance(name, str) and NAME.fullmatch(name) and len(name) <= 128 else f"#{number + 1}"
        )
        found = [Finding(shown, rule, *_parts(lack)) for rule, look in RULES.items() for lack in look(tool)]
        findings += found
        asked += len(RULES)
        missed += len({finding.rule for finding in found})
    return Report(len(tools), asked, asked - missed, tuple(findings))


def _parts(lack: Lack) -> tuple[str, str, str]:
    return lack.where, lack.found, lack.expected


def _list(tools: Sequence[Tool]) -> Iterator[tuple[str, Lack]]:
    if len(tools) > MOST_TOOLS:
        yield (
            "count",
            Lack("tools/list", f"{len(tools)} tools", f"at most {MOST_TOOLS}, so that models choose well"),
        )
    if not tools:
        yield "count", Lack("tools/list", "no tools", "at least one")
    names = [str(tool.get("name")) for tool in tools]
    if len(set(names)) < len(names):
        yield "unique", Lack("tools/list", "two tools of the same name", "names that differ")


def _name(tool: Tool) -> Iterator[Lack]:
    name = tool.get("name")
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        yield Lack("name", "other characters", "letters, digits and _ . -, with a letter first")
    elif len(name) > LONGEST_NAME:
        # Clients put the server's name in front, and some allow 64 characters together.
        yield Lack("name", f"{len(name)} characters", f"at most {LONGEST_NAME}")


def _title(tool: Tool) -> Iterator[Lack]:
    if not isinstance(tool.get("title"), str) or not tool["title"].strip():
        yield Lack("title", "nothing", "a few words that a person recognises")


def _described(tool: Tool) -> Iterator[Lack]:
    length = len(_description(tool))
    if not SHORTEST_DESCRIPTION <= length <= LONGEST_DESCRIPTION:
        yield Lack(
            "description", f"{length} characters", f"{SHORTEST_DESCRIPTION} to {LONGEST_DESCRIPTION} of them"
        )


def _when(tool: Tool) -> Iterator[Lack]:
    if WHEN.search(_description(tool)) is None:
        yield Lack("description", "no word of when to use it", "a sentence such as `Use when …`")


def _when_not(tool: Tool) -> Iterator[Lack]:
    if WHEN_NOT.search(_description(tool)) is None:
        yield Lack("description", "no word of when not to use it", "a sentence such as `Not for …`")


def _example(tool: Tool) -> Iterator[Lack]:
    examples = _schema(tool, "inputSchema").get("examples")
    if EXAMPLE.search(_description(tool)) is None and not examples:
        yield Lack("description", "no example", 'one, such as `Example: {"query": "refund"}`')


def _input(tool: Tool) -> Iterator[Lack]:
    yield from lacks(_schema(tool, "inputSchema"), "inputSchema", bounded=True)


def _output(tool: Tool) -> Iterator[Lack]:
    schema = _schema(tool, "outputSchema")
    if schema.get("type") != "object":
        yield Lack("outputSchema", "none", "a schema of an object, so that results can be read by programs")
    else:
        yield from lacks(schema, "outputSchema", bounded=False)


def _annotated(tool: Tool) -> Iterator[Lack]:
    annotations = _schema(tool, "annotations")
    for hint in HINTS:
        if not isinstance(annotations.get(hint), bool):
            yield Lack(f"annotations.{hint}", "nothing", "true or false")


def _consistent(tool: Tool) -> Iterator[Lack]:
    """Annotations agree with one another and with the name."""
    annotations, name = _schema(tool, "annotations"), tool.get("name")
    words = {word.lower() for word in WORDS.findall(name)} if isinstance(name, str) else set[str]()
    reads = annotations.get("readOnlyHint") is True
    if reads and annotations.get("destructiveHint") is True:
        yield Lack("annotations", "a tool that only reads and destroys", "one of the two")
    if reads and annotations.get("idempotentHint") is False:
        yield Lack("annotations", "a tool that only reads and must not be repeated", "one of the two")
    if reads and words & CHANGING:
        yield Lack(
            "annotations.readOnlyHint", "true, with a name that says otherwise", "false, or another name"
        )
    if annotations.get("destructiveHint") is False and words & DESTROYING:
        yield Lack(
            "annotations.destructiveHint", "false, with a name that says otherwise", "true, or another name"
        )


def _description(tool: Tool) -> str:
    description = tool.get("description")
    return description.strip() if isinstance(description, str) else ""


def _schema(tool: Tool, name: str) -> dict[str, Any]:
    value = tool.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


LIST_RULES = ("count", "unique")
RULES: dict[str, Callable[[Tool], Iterator[Lack]]] = {
    "name": _name,
    "title": _title,
    "description": _described,
    "when": _when,
    "when-not": _when_not,
    "example": _example,
    "input": _input,
    "output": _output,
    "annotations": _annotated,
    "consistent": _consistent,
}
