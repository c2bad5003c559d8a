"""How one call of a tool runs: arguments checked, in a worker thread or on the loop, within its time."""

import inspect
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.types import Image
from mcp_types import CallToolResult
from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run, Step, timed_out

PLACES = 16
SECONDS_FOR_THE_LAST_REPORT = 1.0

ModelT = TypeVar("ModelT", bound=BaseModel)
OutcomeT = TypeVar("OutcomeT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a client can show."""

    content: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class Shown(Generic[OutcomeT]):
    """A structured outcome with pictures beside it."""

    outcome: OutcomeT
    pictures: tuple[Picture, ...]


Given: TypeAlias = OutcomeT | Shown[OutcomeT] | Awaitable[OutcomeT | Shown[OutcomeT]]
Does: TypeAlias = Callable[[ModelT], Given[OutcomeT]] | Callable[[ModelT, Run], Given[OutcomeT]]


def takes_run(does: Callable[..., object]) -> bool:
    """Whether a tool function wants to know of the call that it works on."""
    return len(inspect.signature(does).parameters) == 2


@dataclass(frozen=True, slots=True)
class _Failed:
    """What a tool function raised, carried out of a task group as it is."""

    problem: Exception


class _Left:
    """How many threads of a tool still work although their callers have left."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0

    def check(self) -> None:
        """Refuse more work while too many are left behind."""
        if self.count >= PLACES:
            raise Refused(
                Reason.BUSY,
                "the tool",
                found=f"{self.count} earlier calls that do not end",
                expected="fewer; try again in a while",
            )


class StrictTool(Tool):
    """A tool that checks its arguments as its schema says and answers within its time.

    A worker thread that does not look whether its caller has left works on; when many do, calls are refused.
    """

    timeout: float = Field(exclude=True)
    with_run: bool = Field(exclude=True)
    refusal: Callable[[ValidationError, type[BaseModel]], Refused] = Field(exclude=True)
    _places: anyio.CapacityLimiter = PrivateAttr(default_factory=lambda: anyio.CapacityLimiter(PLACES))
    _left: _Left = PrivateAttr(default_factory=_Left)

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
            raise ToolError(str(self.refusal(invalid, self.fn_metadata.arg_model))) from None
        try:
            outcome = await self._reported(checked, context) if self.with_run else await self._timed(checked)
        except Refused as refused:
            raise ToolError(str(refused)) from refused
        except Exception as crash:
            # The SDK logs the cause with its traceback; the caller only learns that it happened.
            raise UnexpectedToolError(f"{self.name} failed; the log of this server says why") from crash
        return self._converted(outcome) if convert_result else outcome

    async def _reported(self, checked: BaseModel, context: Context[Any, Any]) -> Any:
        """Run the function and tell the client meanwhile how far it is."""
        send, receive = anyio.create_memory_object_stream[Step](8)
        run = Run(self.timeout, send)
        outcome: Any = None
        async with send, anyio.create_task_group() as group:
            group.start_soon(_forward, receive, context)
            try:
                outcome = await self._timed(checked, run)
            except Exception as problem:  # noqa: BLE001  # raised again below, not as a group
                outcome = _Failed(problem)
            send.close()
            group.cancel_scope.deadline = anyio.current_time() + SECONDS_FOR_THE_LAST_REPORT
        if isinstance(outcome, _Failed):
            raise outcome.problem
        return outcome

    async def _timed(self, checked: BaseModel, run: Run | None = None) -> Any:
        arguments = (checked,) if run is None else (checked, run)
        with anyio.move_on_after(self.timeout):
            try:
                if inspect.iscoroutinefunction(self.fn):
                    return await self.fn(*arguments)
                return await self._in_thread(lambda: self.fn(*arguments))
            finally:
                if run is not None:
                    run.abandon()
        raise timed_out()

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        self._left.check()
        async with self._places:
            place = _Place(self._left)
            try:
                return await anyio.to_thread.run_sync(place.during, work, abandon_on_cancel=True)
            finally:
                place.leave()

    def _converted(self, outcome: Any) -> Any:
        if not isinstance(outcome, Shown):
            return self.fn_metadata.convert_result(outcome)
        shown = cast("Shown[BaseModel]", outcome)
        result = self.fn_metadata.convert_result(shown.outcome)
        assert isinstance(result, CallToolResult)
        pictures = [
            Image(data=picture.content, format=picture.mime_type.removeprefix("image/")).to_image_content()
            for picture in shown.pictures
        ]
        return result.model_copy(update={"content": [*result.content, *pictures]})


class _Place:
    """One thread of a tool, which its caller may leave before it ends."""

    def __init__(self, left: _Left) -> None:
        self._all = left
        self._begun = self._ended = self._left = False

    def during(self, work: Callable[[], Any]) -> Any:
        """Work, in a thread."""
        self._begun = True
        try:
            return work()
        finally:
            with self._all.lock:
                self._ended = True
                self._all.count -= self._left

    def leave(self) -> None:
        """Note that the caller has left, or has its answer."""
        with self._all.lock:
            self._left = self._begun and not self._ended
            self._all.count += self._left


async def _forward(reports: MemoryObjectReceiveStream[Step], context: Context[Any, Any]) -> None:
    with reports:
        async for step in reports:
            try:
                await context.report_progress(step.done, step.total, step.text)
            except ValueError:
                return  # called without a client, as tests may
