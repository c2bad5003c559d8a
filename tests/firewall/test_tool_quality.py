"""What `toolgate lint-tools` asks of a tool: each rule with a tool that breaks it and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from toolgate.cli.commands import application
from toolgate.policy.quality import judged
from toolgate.policy.schema_quality import MOST

GOOD: dict[str, Any] = {
    "name": "find_document",
    "title": "Find a document",
    "description": "Find a document by its words.\nUse when you know what it says.\nNot for web pages.\n"
    'Example: {"query": "x"}',
    "inputSchema": {
        "type": "object",
        "properties": {
            "query": {"type": "string", "maxLength": 100, "description": "Words."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "How many."},
            "kinds": {
                "type": "array",
                "items": {"enum": ["a", "b"]},
                "maxItems": 2,
                "description": "Which kinds.",
            },
            "since": {
                "anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}],
                "description": "From this day on.",
            },
        },
        "$defs": {"Day": {"type": "string", "format": "date"}},
        "required": ["query"],
        "additionalProperties": False,
    },
    "outputSchema": {
        "type": "object",
        "properties": {"found": {"type": "array", "items": {"type": "string"}}},
        "additionalProperties": False,
    },
    "annotations": {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    },
}


def without(*path: str) -> dict[str, Any]:
    """The good tool without one of its parts."""
    tool = deepcopy(GOOD)
    inner = tool
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return tool


def changed(value: object, *path: str) -> dict[str, Any]:
    """The good tool with one of its parts replaced."""
    tool = deepcopy(GOOD)
    inner = tool
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return tool


def argument(schema: object, name: str = "query") -> dict[str, Any]:
    return changed(schema, "inputSchema", "properties", name)


def found(*tools: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.where) for finding in judged(tools).findings]


def test_a_tool_that_keeps_every_rule_scores_full() -> None:
    report = judged([GOOD])
    assert (report.score, report.tools, report.findings) == (100, 1, ())


TEXT = str(GOOD["description"])
CLOSED: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {},
    "description": "x",
}

BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "no name": (without("name"), "name", "name"),
    "a name with a blank": (changed("find it", "name"), "name", "name"),
    "a long name": (changed("x" * 41, "name"), "name", "name"),
    "no title": (without("title"), "title", "title"),
    "a blank title": (changed(" ", "title"), "title", "title"),
    "a long description": (changed(TEXT + "x" * 2000, "description"), "description", "description"),
    "no when": (changed(TEXT.replace("Use when", "If"), "description"), "when", "description"),
    "no when-not": (changed(TEXT.replace("Not for", "Different:"), "description"), "when-not", "description"),
    "no example": (changed(TEXT.replace("Example", "Try"), "description"), "example", "description"),
    "no input schema": (without("inputSchema"), "input", "inputSchema"),
    "an open object": (without("inputSchema", "additionalProperties"), "input", "inputSchema"),
    "an object open to anything": (
        changed(True, "inputSchema", "additionalProperties"),
        *("input", "inputSchema"),
    ),
    "no description": (
        without("inputSchema", "properties", "query", "description"),
        "input",
        "inputSchema.query",
    ),
    "no limit of a string": (
        without("inputSchema", "properties", "query", "maxLength"),
        "input",
        "inputSchema.query",
    ),
    "no upper limit": (
        without("inputSchema", "properties", "limit", "maximum"),
        "input",
        "inputSchema.limit",
    ),
    "no lower limit": (
        without("inputSchema", "properties", "limit", "minimum"),
        "input",
        "inputSchema.limit",
    ),
    "no limit of an array": (
        without("inputSchema", "properties", "kinds", "maxItems"),
        "input",
        "inputSchema.kinds",
    ),
    "an array of anything": (
        without("inputSchema", "properties", "kinds", "items"),
        "input",
        "inputSchema.kinds",
    ),
    "no type": (argument({"description": "x"}), "input", "inputSchema.query"),
    "no schema": (argument(True), "input", "inputSchema.query"),
    "an open object inside": (argument({"type": "object", "description": "x"}), "input", "inputSchema.query"),
    "an open string inside": (
        argument({**CLOSED, "properties": {"a": {"type": "string", "description": "x"}}}),
        *("input", "inputSchema.query.a"),
    ),
    "an open string in a list": (
        argument({"type": "array", "maxItems": 1, "items": {"type": "string"}, "description": "x"}),
        *("input", "inputSchema.query[]"),
    ),
    "an open string among types": (
        argument({"type": ["string", "null"], "description": "x"}),
        *("input", "inputSchema.query"),
    ),
    "an open string behind a reference": (
        changed({"type": "string"}, "inputSchema", "$defs", "Day"),
        *("input", "inputSchema.since"),
    ),
    "a reference elsewhere": (
        argument({"$ref": "https://evil.example/x", "description": "x"}),
        *("input", "inputSchema.query"),
    ),
    "a reference to nothing": (
        argument({"$ref": "#/$defs/None", "description": "x"}),
        "input",
        "inputSchema.query",
    ),
    "a URL without a form": (
        argument({"type": "string", "maxLength": 9, "description": "x"}, "page_url"),
        *("input", "inputSchema.page_url"),
    ),
    "no output schema": (without("outputSchema"), "output", "outputSchema"),
    "an output of anything": (
        without("outputSchema", "properties", "found", "items"),
        *("output", "outputSchema.found"),
    ),
    "no hint": (without("annotations", "openWorldHint"), "annotations", "annotations.openWorldHint"),
    "reads and destroys": (changed(True, "annotations", "destructiveHint"), "consistent", "annotations"),
    "reads but not again": (changed(False, "annotations", "idempotentHint"), "consistent", "annotations"),
    "reads but creates": (changed("createDocument", "name"), "consistent", "annotations.readOnlyHint"),
}


@pytest.mark.parametrize(("tool", "rule", "where"), BROKEN.values(), ids=list(BROKEN))
def test_what_breaks_one_rule_is_found_once(tool: dict[str, Any], rule: str, where: str) -> None:
    assert found(tool) == [(rule, where)]
    assert judged([tool]).score < 100


def test_a_tool_that_destroys_and_denies_it_is_found() -> None:
    tool = changed("purge_documents", "name")
    tool["annotations"]["readOnlyHint"] = False
    assert found(tool) == [("consistent", "annotations.destructiveHint")]


def test_free_objects_with_a_limit_are_fine() -> None:
    free = {
        "type": "object",
        "maxProperties": 9,
        "additionalProperties": {"type": "string", "maxLength": 9},
        "description": "x",
    }
    assert found(argument(free)) == []


def test_the_list_is_judged_too() -> None:
    assert found() == [("count", "tools/list")]
    assert found(GOOD, GOOD) == [("unique", "tools/list")]
    many = [changed(f"tool_{number}", "name") for number in range(20)]
    assert found(*many) == [("count", "tools/list")]


def test_a_schema_without_end_is_looked_at_for_a_while() -> None:
    turning = argument({"$ref": "#/$defs/Day", "description": "x"})
    turning["inputSchema"]["$defs"]["Day"] = {"anyOf": [{"$ref": "#/$defs/Day"}] * 50}
    assert found(turning) == []
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(60):
        deep = {"anyOf": [deep], "description": "x"}
    assert found(argument(deep)) == [("input", "inputSchema.query")]
    wide: dict[str, Any] = {"type": "object", "properties": {f"p{number}": {} for number in range(1000)}}
    assert len(found(changed(wide, "inputSchema"))) == MOST


def test_what_a_server_calls_its_things_cannot_write_to_the_terminal() -> None:
    tool = argument({"type": "string"}, "\x1b[2J")
    tool["name"] = "\x1b[2J"
    lines = [finding.line() for finding in judged([tool]).findings]
    assert lines
    assert "\x1b" not in "".join(lines)


class Listing:
    """A server that has these tools."""

    def __init__(self, tools: list[dict[str, Any]]) -> None:
        self._tools = tools

    async def list_all(self, method: str) -> list[dict[str, Any]]:
        return self._tools


def lint(monkeypatch: pytest.MonkeyPatch, tools: list[dict[str, Any]], *words: str) -> Result:
    @asynccontextmanager
    async def met(_name: str, _target: Sequence[str]) -> AsyncGenerator[Listing]:
        yield Listing(tools)

    monkeypatch.setattr("toolgate.cli.meeting.met", met)
    return CliRunner().invoke(application(), ["lint-tools", *words])


def test_the_command_says_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = lint(monkeypatch, [GOOD], "--", "server")
    assert (fine.exit_code, fine.stdout) == (0, "1 tools, score 100 of 100: nothing found\n")
    poor = lint(monkeypatch, [without("title")], "https://mcp.example/mcp")
    first, last = poor.stdout.splitlines()
    assert poor.exit_code == 1
    assert first.startswith("find_document title: found nothing, expected ")
    assert last == "1 tools, score 91 of 100: 1 finding"


def test_the_command_speaks_json(monkeypatch: pytest.MonkeyPatch) -> None:
    result = lint(monkeypatch, [without("title")], "--json", "--", "server", "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["score"], said["tools"]) == (1, 91, 1)
    assert [(one["tool"], one["rule"], one["where"]) for one in said["findings"]] == [
        ("find_document", "title", "title")
    ]


def test_the_command_wants_a_server() -> None:
    assert CliRunner().invoke(application(), ["lint-tools"]).exit_code == 2
