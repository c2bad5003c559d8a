"""The prompts and resources that the conformance suite reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from fixture_media import PNG
from fixture_turn import Ask, Handler, Json, Turn, form

_LEGACY_NOT_FOUND = -32002  # MCP 2025-11-25 server/resources: "Resource not found"
_TEMPLATE = re.compile(r"test://template/([^/]+)/data")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One entry of `prompts/list` and the handler behind it."""

    name: str
    description: str
    handler: Handler
    arguments: tuple[str, ...] = ()

    def listed(self) -> Json:
        """The prompt as `prompts/list` shows it."""
        arguments = [
            {"name": name, "description": f"{name} of the prompt", "required": True}
            for name in self.arguments
        ]
        return {"name": self.name, "description": self.description, "arguments": arguments}


def _said(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": block} for block in blocks]}


def _words(value: str) -> Json:
    return {"type": "text", "text": value}


async def _simple(turn: Turn) -> Json:
    return _said(_words("This is a simple prompt for testing."))


async def _with_arguments(turn: Turn) -> Json:
    first, second = turn.arguments.get("arg1"), turn.arguments.get("arg2")
    return _said(_words(f"Prompt with arguments: arg1='{first}', arg2='{second}'"))


async def _with_resource(turn: Turn) -> Json:
    resource = {
        "uri": turn.arguments.get("resourceUri", "test://example-resource"),
        "mimeType": "text/plain",
        "text": "Embedded resource content for testing.",
    }
    return _said(
        {"type": "resource", "resource": resource}, _words("Please process the embedded resource above.")
    )


async def _with_image(turn: Turn) -> Json:
    return _said(
        {"type": "image", "data": PNG, "mimeType": "image/png"}, _words("Please analyze the image above.")
    )


async def _asking(turn: Turn) -> Json | Ask:
    answer = turn.answers.get("user_context")
    if answer is None:
        question = form("What context should the prompt use?", {"context": {"type": "string"}})
        return Ask({"user_context": question})
    content: Json = answer.get("content") or {}
    return _said(_words(f"Use this context: {content.get('context', '')}"))


_PROMPTS = (
    Prompt("test_simple_prompt", "A prompt without arguments", _simple),
    Prompt("test_prompt_with_arguments", "A prompt with two arguments", _with_arguments, ("arg1", "arg2")),
    Prompt(
        "test_prompt_with_embedded_resource", "A prompt with a resource", _with_resource, ("resourceUri",)
    ),
    Prompt("test_prompt_with_image", "A prompt with an image", _with_image),
    Prompt("test_input_required_result_prompt", "A prompt that asks for its context", _asking),
)
PROMPTS: dict[str, Prompt] = {prompt.name: prompt for prompt in _PROMPTS}


def _resource(name: str, description: str, mime: str) -> Json:
    return {"uri": f"test://{name}", "name": name, "description": description, "mimeType": mime}


RESOURCES: list[Json] = [
    _resource("static-text", "A static text", "text/plain"),
    _resource("static-binary", "A static image", "image/png"),
    _resource("watched-resource", "A resource to subscribe to", "text/plain"),
]
TEMPLATES: list[Json] = [
    {
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "Data for one id",
        "mimeType": "application/json",
    }
]
_FIXED: dict[str, Json] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": PNG},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Watched resource content."},
}


def read(uri: str, *, modern: bool) -> Json:
    """The contents behind a URI, or the error of the client's era when there are none."""
    content = _FIXED.get(uri) or _templated(uri)
    if content is None:
        raise MCPError(INVALID_PARAMS if modern else _LEGACY_NOT_FOUND, "Resource not found", {"uri": uri})
    return {"contents": [{"uri": uri, **content}]}


def _templated(uri: str) -> Json | None:
    match = _TEMPLATE.fullmatch(uri)
    if match is None:
        return None
    body = {"id": match[1], "templateTest": True, "data": f"Data for ID: {match[1]}"}
    return {"mimeType": "application/json", "text": json.dumps(body, separators=(",", ":"))}
