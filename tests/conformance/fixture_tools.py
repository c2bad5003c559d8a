"""The tools that the conformance suite calls, each a name, a schema and a handler."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from fixture_media import PNG, WAV
from fixture_turn import ROOTS, Ask, Handler, Json, Turn, failure, form, sample, text

_STEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Tool:
    """One entry of `tools/list` and the handler behind it."""

    name: str
    description: str
    handler: Handler
    schema: Json = field(default_factory=lambda: {"type": "object", "properties": {}})

    def listed(self) -> Json:
        """The tool as `tools/list` shows it."""
        return {"name": self.name, "description": self.description, "inputSchema": self.schema}


def _needs(name: str, note: str) -> Json:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": note}},
        "required": [name],
    }


async def _simple_text(turn: Turn) -> Json:
    return text("This is a simple text response for testing.")


async def _image(turn: Turn) -> Json:
    return {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]}


async def _audio(turn: Turn) -> Json:
    return {"content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]}


async def _embedded(turn: Turn) -> Json:
    resource = {
        "uri": "test://embedded-resource",
        "mimeType": "text/plain",
        "text": "This is an embedded resource content.",
    }
    return {"content": [{"type": "resource", "resource": resource}]}


async def _mixed(turn: Turn) -> Json:
    resource = {
        "uri": "test://mixed-content-resource",
        "mimeType": "application/json",
        "text": '{"test":"data","value":123}',
    }
    return {
        "content": [
            {"type": "text", "text": "Multiple content types test:"},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
            {"type": "resource", "resource": resource},
        ]
    }


async def _logs(turn: Turn) -> Json:
    await turn.log("Tool execution started")
    await anyio.sleep(_STEP_SECONDS)
    await turn.log("Tool processing data")
    await anyio.sleep(_STEP_SECONDS)
    await turn.log("Tool execution completed")
    return text("Tool with logging executed successfully")


async def _error(turn: Turn) -> Json:
    return failure("This tool intentionally returns an error for testing")


async def _progress(turn: Turn) -> Json:
    for done in (0, 50, 100):
        await turn.context.session.report_progress(done, 100)
        await anyio.sleep(_STEP_SECONDS)
    return text("Tool with progress executed successfully")


async def _reconnection(turn: Turn) -> Json:
    """Close the call's own stream half way, so that the client has to come back for the result."""
    close = turn.context.close_sse_stream
    if close is not None:
        # The stream opens beside the call: closed at once, it may end before the event id it resumes from.
        await anyio.sleep(_STEP_SECONDS)
        await close()
        await anyio.sleep(2 * _STEP_SECONDS)
    return text("Reconnection test completed")


async def _header(turn: Turn) -> Json:
    return text(f"Region: {turn.arguments.get('region')}")


async def _schema(turn: Turn) -> Json:
    return text(f"Called with {len(turn.arguments)} arguments")


async def _sampling(turn: Turn) -> Json | Ask:
    answer = turn.answers.get("completion")
    if answer is None:
        return Ask({"completion": sample(str(turn.arguments.get("prompt", "")))})
    return text(f"LLM response: {_sampled(answer)}")


def _sampled(answer: Json) -> str:
    content: Json | list[Json] = answer["content"]
    first = content[0] if isinstance(content, list) else content
    return str(first["text"])


async def _elicitation(turn: Turn) -> Json | Ask:
    answer = turn.answers.get("user")
    if answer is None:
        properties = {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        }
        return Ask({"user": form(str(turn.arguments.get("message", "")), properties)})
    return text(f"User response: action={answer.get('action')}, content={answer.get('content')}")


_DEFAULTS: Json = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}


def _titled(*pairs: tuple[str, str]) -> list[Json]:
    return [{"const": value, "title": title} for value, title in pairs]


_CHOICES = ["option1", "option2", "option3"]
_ENUMS: Json = {
    "untitledSingle": {"type": "string", "enum": _CHOICES},
    "titledSingle": {
        "type": "string",
        "oneOf": _titled(("value1", "First Option"), ("value2", "Second Option"), ("value3", "Third Option")),
    },
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _CHOICES}},
    "titledMulti": {
        "type": "array",
        "items": {
            "anyOf": _titled(
                ("value1", "First Choice"), ("value2", "Second Choice"), ("value3", "Third Choice")
            )
        },
    },
}


def _survey(properties: Json) -> Handler:
    async def ask(turn: Turn) -> Json | Ask:
        answer = turn.answers.get("survey")
        if answer is None:
            return Ask({"survey": form("Please review and update the form fields", properties, required=[])})
        return text(f"Elicitation completed: action={answer.get('action')}, content={answer.get('content')}")

    return ask


def _once(key: str, request: Json, state: str | None = None) -> Handler:
    """A handler that asks one question and then echoes that it was answered."""

    async def ask(turn: Turn) -> Json | Ask:
        if key not in turn.answers:
            return Ask({key: request}, state)
        if turn.state != state:
            # MCP 2026-07-28 basic/utilities/mrtr: a server rejects state it did not issue.
            raise MCPError(INVALID_PARAMS, "requestState is not the one that was issued")
        return text(f"{key} answered; state-ok" if state else f"{key} answered")

    return ask


async def _hello(turn: Turn) -> Json | Ask:
    answer = turn.answers.get("user_name")
    if answer is None:
        return Ask({"user_name": form("What is your name?", {"name": {"type": "string"}})})
    content: Json = answer.get("content") or {}
    return text(f"Hello, {content.get('name', 'stranger')}!")


async def _roots(turn: Turn) -> Json | Ask:
    answer = turn.answers.get("client_roots")
    if answer is None:
        return Ask({"client_roots": ROOTS})
    roots: list[Json] = answer["roots"]
    return text(f"Roots: {[root['uri'] for root in roots]}")


async def _capital(turn: Turn) -> Json | Ask:
    answer = turn.answers.get("capital_question")
    if answer is None:
        return Ask({"capital_question": sample("What is the capital of France?")})
    return text(_sampled(answer))


async def _many(turn: Turn) -> Json | Ask:
    wanted = {
        "user_name": form("What is your name?", {"name": {"type": "string"}}),
        "greeting": sample("Generate a greeting", 50),
        "client_roots": ROOTS,
    }
    if not wanted.keys() <= turn.answers.keys():
        return Ask(wanted, "many")
    return text("All three inputs received")


async def _rounds(turn: Turn) -> Json | Ask:
    match turn.state:
        case "round-1" if "step1" in turn.answers:
            question = form("Step 2: What is your favorite color?", {"color": {"type": "string"}})
            return Ask({"step2": question}, "round-2")
        case "round-2" if "step2" in turn.answers:
            return text("Both steps completed")
        case _:
            return Ask({"step1": form("Step 1: What is your name?", {"name": {"type": "string"}})}, "round-1")


async def _capable(turn: Turn) -> Json | Ask:
    """Ask only for what the client declared."""
    if turn.answers:
        return text(f"Received {sorted(turn.answers)}")
    possible = {
        "elicited": form("Please confirm", {"ok": {"type": "boolean"}}),
        "sampled": sample("Say yes"),
        "roots": ROOTS,
    }
    wanted = {key: request for key, request in possible.items() if turn.declares(request["method"])}
    return Ask(wanted) if wanted else text("The client declared nothing to ask for")


_CONFIRM = form("Please confirm", {"ok": {"type": "boolean"}})

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCHEMA_2020_12: Json = {
    "$schema": _DIALECT,
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
_HEADER_SCHEMA: Json = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}


def _plain() -> list[Tool]:
    return [
        Tool("test_simple_text", "Returns plain text", _simple_text),
        Tool("test_image_content", "Returns an image", _image),
        Tool("test_audio_content", "Returns a sound", _audio),
        Tool("test_embedded_resource", "Returns an embedded resource", _embedded),
        Tool("test_multiple_content_types", "Returns text, an image and a resource", _mixed),
        Tool("test_tool_with_logging", "Logs three times while it runs", _logs),
        Tool("test_logging_tool", "Logs only if the request asks for it", _logs),
        Tool("test_error_handling", "Always reports an error", _error),
        Tool("test_tool_with_progress", "Reports progress three times", _progress),
        Tool("test_reconnection", "Closes its stream before the result", _reconnection),
        Tool("test_x_mcp_header", "Takes an argument that is mirrored in a header", _header, _HEADER_SCHEMA),
        Tool("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", _schema, _SCHEMA_2020_12),
    ]


def _asking() -> list[Tool]:
    return [
        Tool("test_sampling", "Asks the client's model", _sampling, _needs("prompt", "The prompt to send")),
        Tool("test_elicitation", "Asks the user", _elicitation, _needs("message", "The message to show")),
        Tool("test_elicitation_sep1034_defaults", "Asks with default values", _survey(_DEFAULTS)),
        Tool("test_elicitation_sep1330_enums", "Asks with every kind of choice", _survey(_ENUMS)),
        Tool("test_missing_capability", "Needs sampling", _capital),
        Tool("test_streaming_elicitation", "Asks the user while it streams", _once("confirm", _CONFIRM)),
    ]


def _input_required() -> list[Tool]:
    prefix = "test_input_required_result_"
    confirmed = _once("confirm", _CONFIRM, state="confirm")
    return [
        Tool(prefix + "elicitation", "Asks the user's name", _hello),
        Tool(prefix + "sampling", "Asks the client's model", _capital),
        Tool(prefix + "list_roots", "Asks for the client's roots", _roots),
        Tool(prefix + "request_state", "Hands out state and checks it", confirmed),
        Tool(prefix + "multiple_inputs", "Asks three things at once", _many),
        Tool(prefix + "multi_round", "Asks twice", _rounds),
        Tool(prefix + "tampered_state", "Refuses changed state", confirmed),
        Tool(prefix + "capabilities", "Asks only what the client can answer", _capable),
    ]


TOOLS: dict[str, Tool] = {tool.name: tool for tool in (*_plain(), *_asking(), *_input_required())}
