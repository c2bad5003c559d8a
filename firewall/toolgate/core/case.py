"""What one check looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from toolgate.core.model import Admission, Call, Facts, JsonObject, Release
from toolgate.core.policy import Policy, View
from toolgate.core.values import value


@value
class Case:
    """A call, what is known of it, and what the policy says of it."""

    call: Call
    facts: Facts
    policy: Policy
    view: View


@value
class Answer:
    """A result on its way back. `redacted` is the result with the policy's masks applied."""

    call: Call
    facts: Facts
    view: View
    result: JsonObject
    redacted: JsonObject


Check: TypeAlias = Callable[[Case], Admission | None]
ResultCheck: TypeAlias = Callable[[Answer], Release | None]
