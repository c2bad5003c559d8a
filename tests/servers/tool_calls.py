"""What tests of the servers' tools share: a run with a key, and what came of a call."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from mcp_types import CallToolResult, TextContent

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run


def run(key: str = "k") -> Run:
    """One call of a tool that changes something."""
    made = Run(60.0)
    made.idempotency_key = key
    return made


def refused(act: Callable[[], object]) -> Reason:
    """Why something is refused."""
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.reason


def text(result: CallToolResult) -> str:
    """The only text of a result."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def value(result: CallToolResult) -> dict[str, Any]:
    """What a call that went well gave."""
    assert not result.is_error, text(result)
    return cast("dict[str, Any]", result.structured_content)


def reason(result: CallToolResult) -> Reason:
    """Why a call was refused, as the end of its text says."""
    assert result.is_error
    found = re.search(r"\[([a-z-]+)\]$", text(result))
    assert found, text(result)
    return Reason(found[1])
