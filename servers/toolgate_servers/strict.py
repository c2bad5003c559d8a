"""Tools with closed schemas, whose errors never repeat what was sent."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from toolgate_servers.errors import Reason, Refused

VERSION = "0.1.0"

KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",  # before int, which it also is
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class Arguments(ArgModelBase):
    """The arguments of one tool; unknown ones are refused and no type is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Outcome(BaseModel):
    """The structured result of one tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StrictTool(Tool):
    """A tool that checks its arguments as its schema says and runs in a worker thread."""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],  # the SDK's signature
        convert_result: bool = False,
    ) -> Any:
        """Run the tool; every refusal is a ToolError, every crash an UnexpectedToolError without details."""
        try:
            checked = self.fn_metadata.arg_model.model_validate(arguments)
        except ValidationError as invalid:
            raise ToolError(str(refusal(invalid, self.fn_metadata.arg_model))) from None
        try:
            outcome = await anyio.to_thread.run_sync(self.fn, checked)
        except Refused as refused:
            raise ToolError(str(refused)) from refused
        except Exception as crash:
            # The SDK logs the cause with its traceback; the caller only learns that it happened.
            raise UnexpectedToolError(f"{self.name} failed; the log of this server says why") from crash
        return self.fn_metadata.convert_result(outcome) if convert_result else outcome


ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)
OutcomeT = TypeVar("OutcomeT", bound=Outcome)


def strict_tool(
    does: Callable[[ArgumentsT], OutcomeT],
    *,
    name: str,
    takes: type[ArgumentsT],
    gives: type[OutcomeT],
    title: str,
    description: str,
    annotations: ToolAnnotations,
) -> StrictTool:
    """Make a tool from a function of one Arguments model to one Outcome model."""
    return StrictTool(
        fn=does,
        name=name,
        title=title,
        description=description,
        parameters=_schema(takes),
        fn_metadata=FuncMetadata(arg_model=takes, output_model=gives, output_schema=_schema(gives)),
        is_async=False,
        context_kwarg=None,
        annotations=annotations,
    )


class TerseSchema(GenerateJsonSchema):
    """Leaves out the titles that only repeat the names of the fields."""

    def field_title_should_be_set(self, schema: object) -> bool:  # pydantic's signature
        """Give no field a title."""
        return False


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=TerseSchema)
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def refusal(invalid: ValidationError, model: type[BaseModel]) -> Refused:
    """Turn the first validation error into a refusal that names the argument, never its value."""
    first = invalid.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return Refused(
            Reason.ARGUMENT_NOT_VALID, "arguments", found="an unknown argument", expected=f"only {known}"
        )
    if first["type"] == "missing":
        return Refused(Reason.ARGUMENT_NOT_VALID, where, found="nothing", expected="a value")
    sent: object = first["input"]
    found = next((kind for form, kind in KINDS.items() if isinstance(sent, form)), "a value")
    expected = re.sub(r"^\w+ should ", "it to ", first["msg"]).partition(" after validation")[0]
    return Refused(Reason.ARGUMENT_NOT_VALID, where, found=found, expected=expected)
