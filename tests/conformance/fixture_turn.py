"""One turn of a fixture tool or prompt, and what it may ask of the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from mcp.server.connection import allowed_log_levels
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

Json = dict[str, Any]
Context = ServerRequestContext[Any, Any]

_CAPABILITY = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
_LEGACY_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Ask:
    """Requests the client must answer before the call can go on, by key, and the state it brings back."""

    requests: dict[str, Json]
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a handler sees: the arguments, and what the client has answered so far."""

    context: Context
    arguments: Json
    answers: Json = field(default_factory=dict[str, Any])
    state: str | None = None

    @property
    def modern(self) -> bool:
        """Whether the client speaks 2026-07-28."""
        return self.context.protocol_version in MODERN_PROTOCOL_VERSIONS

    def declares(self, method: str) -> bool:
        """Whether the client declared the capability that a request of this method needs."""
        capabilities = self.context.session.client_capabilities
        return capabilities is not None and getattr(capabilities, _CAPABILITY[method]) is not None

    async def log(self, text: str) -> None:
        """Send an info log message on this request's own stream, if the client may receive it."""
        if "info" in allowed_log_levels(self.context.protocol_version, self.context.meta):
            params = types.LoggingMessageNotificationParams(level="info", data=text)
            note = types.LoggingMessageNotification(params=params)
            await self.context.session.send_notification(note, related_request_id=self.context.request_id)


Handler = Callable[[Turn], Awaitable[Json | Ask]]


def form(message: str, properties: Json, required: list[str] | None = None) -> Json:
    """A form elicitation with these properties; all are required unless a list says otherwise."""
    schema: Json = {"type": "object", "properties": properties}
    wanted = list(properties) if required is None else required
    if wanted:
        schema["required"] = wanted
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def sample(prompt: str, max_tokens: int = 100) -> Json:
    """A sampling request with one user message."""
    message = {"role": "user", "content": {"type": "text", "text": prompt}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": max_tokens}}


ROOTS: Json = {"method": "roots/list", "params": {}}


async def run(handler: Handler, context: Context, arguments: Mapping[str, Any]) -> Json:
    """Run a handler in the client's era: ask by `input_required`, or by requests on the call's own stream."""
    params = context.params or {}
    turn = Turn(
        context, dict(arguments), answers=params.get("inputResponses") or {}, state=params.get("requestState")
    )
    reply = await handler(turn)
    if not isinstance(reply, Ask):
        return reply
    return _input_required(turn, reply) if turn.modern else await _ask_in_place(handler, turn, reply)


def _input_required(turn: Turn, ask: Ask) -> Json:
    for request in ask.requests.values():
        if not turn.declares(request["method"]):
            raise _undeclared(request["method"])
    result: Json = {"resultType": "input_required", "inputRequests": ask.requests}
    if ask.state is not None:
        result["requestState"] = ask.state
    return result


def _undeclared(method: str) -> MCPError:
    # MCP 2026-07-28 basic/index: requiredCapabilities is an object of capability objects.
    needed = _CAPABILITY[method]
    return MCPError(
        types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        f"the client did not declare {needed}",
        {"requiredCapabilities": {needed: {}}},
    )


async def _ask_in_place(handler: Handler, turn: Turn, ask: Ask) -> Json:
    for _ in range(_LEGACY_ROUNDS):
        answers: Json = {}
        for key, request in ask.requests.items():
            if not turn.declares(request["method"]):
                return _stuck(turn.context, f"the client does not support {_CAPABILITY[request['method']]}")
            answers[key] = await _send(turn.context, request)
        turn = Turn(turn.context, turn.arguments, answers, ask.state)
        reply = await handler(turn)
        if not isinstance(reply, Ask):
            return reply
        ask = reply
    return _stuck(turn.context, "too many rounds of questions")


def _stuck(context: Context, why: str) -> Json:
    """A tool reports to the model that it cannot go on; other requests have only an error for that."""
    if context.method == "tools/call":
        return failure(why)
    raise MCPError(types.INVALID_REQUEST, why)


async def _send(context: Context, request: Json) -> Json:
    """Send one request to a 2025 client on the stream of the call in hand and return its raw answer."""
    origin = ServerMessageMetadata(related_request_id=context.request_id)
    answer: types.Result
    match request["method"]:
        case "elicitation/create":
            elicit = types.ElicitRequest(params=types.ElicitRequestFormParams(**_snake(request["params"])))
            answer = await context.session.send_request(elicit, types.ElicitResult, metadata=origin)
        case "sampling/createMessage":
            create = types.CreateMessageRequest.model_validate(request)
            answer = await context.session.send_request(create, types.CreateMessageResult, metadata=origin)
        case _:
            roots = types.ListRootsRequest()
            answer = await context.session.send_request(roots, types.ListRootsResult, metadata=origin)
    return answer.model_dump(by_alias=True, mode="json", exclude_none=True)


def _snake(params: Json) -> Json:
    return {"message": params["message"], "requested_schema": params["requestedSchema"]}


def text(value: str) -> Json:
    """A tool result with one text block."""
    return {"content": [{"type": "text", "text": value}]}


def failure(value: str) -> Json:
    """A tool result that reports an error to the model."""
    return {"content": [{"type": "text", "text": value}], "isError": True}
