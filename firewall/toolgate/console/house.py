"""What the console stands in front of: everything it shows and everything people do there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from starlette.requests import Request
from starlette.routing import Route

from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Declined, Desk
from toolgate.console.oidc import Provider
from toolgate.core.chain import Keys
from toolgate.core.model import JsonObject, Tool
from toolgate.ports import Clock, Policies


@dataclass(frozen=True, slots=True)
class Look:
    """What an upstream said when somebody looked. `trouble` is empty where it answered."""

    at: float
    ms: float
    tools: tuple[Tool, ...] = ()
    listed: Mapping[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    trouble: str = ""


Looking: TypeAlias = Callable[[str], Awaitable[Look]]
Record: TypeAlias = Callable[..., None]


class Step(Protocol):
    """What became of taking one call back."""

    @property
    def target(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def detail(self) -> str: ...


class Undoes(Protocol):
    """Takes calls back, through the same checks as any call."""

    async def undo(self, approver: Approver, call_id: str, /) -> Step | Declined: ...

    async def undo_run(self, approver: Approver, session: str, /) -> Sequence[Step] | Declined: ...


# What decisions that come another way are served with, given who is signed in at a request.
Elsewhere: TypeAlias = Callable[[Callable[[Request], Approver | None]], Sequence[Route]]


def _nothing(_: Callable[[Request], Approver | None]) -> Sequence[Route]:
    return ()


@dataclass(frozen=True, slots=True)
class House:
    """The firewall as the console sees it. `upstreams` says where each one is, without any secret.

    `public_url` is the console's own address. `role` is what the first approver becomes. `local` is what
    the person at this machine is called.
    """

    desk: Desk
    undoer: Undoes
    policies: Policies
    policy_path: Path
    journal: Path
    journal_keys: Callable[[], Sequence[Keys]]
    keys: Path
    upstreams: Mapping[str, str]
    look: Looking
    record: Record
    clock: Clock
    public_url: str
    listen: str
    local: str
    role: str
    openid: Provider | None = None
    elsewhere: Elsewhere = _nothing
