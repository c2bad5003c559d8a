"""Tools with closed schemas, whose errors never repeat what was sent."""

import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from toolgate_servers.describing import described, example_in
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.stricttool import Does, Picture, Shown, StrictTool, takes_run

if TYPE_CHECKING:
    from toolgate_servers.idempotency import Once

__all__ = [
    "READS",
    "READS_WORLD",
    "VERSION",
    "VERSION_KEY",
    "Arguments",
    "Outcome",
    "Picture",
    "Run",
    "Shown",
    "StrictTool",
    "Write",
    "Written",
    "described",
    "examples_of",
    "hints",
    "refusal",
    "strict_tool",
]

VERSION = "0.1.0"
VERSION_KEY = "toolgate/version"
TIMEOUT = 30.0

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


Key = Annotated[
    Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")] | None,
    Field(
        description="Names this one action: repeated with the same key and arguments it happens once. "
        "Made when absent; send the one that came back to repeat the call safely."
    ),
]


class Write(Arguments):
    """The arguments of a tool that changes something."""

    idempotency_key: Key = None


class Written(Outcome):
    """The result of a tool that changes something; both fields are filled in for the tool."""

    idempotency_key: Annotated[str, Field(description="The key of this action, to repeat it safely.")] = ""
    repeated: Annotated[
        bool, Field(description="True when this is the kept outcome of an earlier call with the same key.")
    ] = False


def hints(*, read_only: bool, destructive: bool, idempotent: bool, open_world: bool) -> ToolAnnotations:
    """Say truthfully what a tool does to the world."""
    return ToolAnnotations(
        read_only_hint=read_only,
        destructive_hint=destructive,
        idempotent_hint=idempotent,
        open_world_hint=open_world,
    )


READS = hints(read_only=True, destructive=False, idempotent=True, open_world=False)
READS_WORLD = hints(read_only=True, destructive=False, idempotent=True, open_world=True)

ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)
OutcomeT = TypeVar("OutcomeT", bound=Outcome)


def strict_tool(
    does: Does[ArgumentsT, OutcomeT],
    *,
    name: str,
    takes: type[ArgumentsT],
    gives: type[OutcomeT],
    title: str,
    description: str,
    annotations: ToolAnnotations,
    timeout: float = TIMEOUT,
    version: str = "1.0.0",
    once: "Once | None" = None,
    repeatable: bool = False,
) -> StrictTool:
    """Make a tool from a function of one Arguments model, and a Run if it wants one, to one Outcome model.

    A plain function runs in a worker thread, an `async` one on the event loop. `timeout` is in seconds. With
    `once`, takes and gives are a Write and a Written, and the function runs at most once for each key;
    `repeatable` says that running it twice with one key has no second effect.
    """
    fn, with_run = does, takes_run(does)
    if once is not None:
        from toolgate_servers.idempotency import doing_once  # late: only servers that write need it

        fn, with_run = doing_once(does, once, name, gives, repeatable=repeatable), True
    return StrictTool(
        fn=fn,
        name=name,
        title=title,
        description=description,
        parameters=_schema(takes),
        fn_metadata=FuncMetadata(arg_model=takes, output_model=gives, output_schema=_schema(gives)),
        is_async=False,
        context_kwarg=None,
        annotations=annotations,
        meta={VERSION_KEY: version},
        timeout=timeout,
        with_run=with_run,
        refusal=refusal,
    )


async def examples_of(server: MCPServer[Any]) -> dict[str, dict[str, Any] | None]:
    """Give the example arguments in the description of every tool, by its name, in the order of the list."""
    return {tool.name: example_in(tool.description or "") for tool in await server.list_tools()}


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
