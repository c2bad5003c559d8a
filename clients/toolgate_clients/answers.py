"""What came back from a call through toolgate: its verdict, its words and its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult

# The names toolgate gives its own entries in `_meta` (docs/reasons.md).
VERDICT = "toolgate/verdict"
APPROVAL = "toolgate/approval"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `verdict` is allow, hold, refuse or withhold; `failed` when the tool itself failed.

    `approval` is the id of a held call, `retry_after` seconds, `values` the structured content.
    """

    verdict: str
    text: str
    reason: str = ""
    approval: str = ""
    retry_after: float | None = None
    failed: bool = False
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def told(self) -> str:
        """The verdict and its reason in a few words."""
        words = [self.verdict, self.reason, "and the tool failed" if self.failed else ""]
        return " ".join(word for word in words if word)


async def ask(client: Client, tool: str, arguments: dict[str, Any]) -> Answer:
    """Call a tool; whatever the verdict is, it is an answer. Errors of the connection are raised."""
    from mcp import MCPError

    try:
        return answer(await client.call_tool(tool, arguments))
    except MCPError as error:
        return _verdict(mapping(error.error.data), str(error), failed=True) or Answer("refuse", str(error))


def answer(result: CallToolResult) -> Answer:
    """The answer that a result is."""
    text = "\n".join(block.text for block in result.content if block.type == "text")
    failed = bool(result.is_error)
    decided = _verdict(mapping(result.meta), text, failed=failed)
    return decided or Answer("allow", text, failed=failed, values=mapping(result.structured_content))


def mapping(value: object) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _verdict(meta: dict[str, Any], text: str, *, failed: bool) -> Answer | None:
    """What toolgate decided; None where it let the tool speak for itself."""
    verdict = mapping(meta.get(VERDICT))
    if not failed or not verdict:
        return None
    approval = str(mapping(meta.get(APPROVAL)).get("id", ""))
    said, reason = str(verdict.get("verdict")), str(verdict.get("reason", ""))
    return Answer(said, text, reason, approval, verdict.get("retry_after"))
