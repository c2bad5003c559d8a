"""The same closed loop over a stdio MCP server: `connections` calls in flight on one pipe."""

from __future__ import annotations

import asyncio
import os
import shlex
import time

import orjson

from load import CLIENT, MODERN, Stats
from payloads import arguments


class StdioLoad:
    """Drives one running stdio server process; stands in for `Load`."""

    def __init__(
        self, server: StdioServer, era: str, profile: str, connections: int, tool: str = "echo"
    ) -> None:
        self.server, self.era, self.tool = server, era, tool
        self.arguments = arguments(profile)
        self.min_size = {"small": 150, "medium": 1200, "large": 40_000}[profile]
        self.wanted = connections
        self.stats = Stats()

    async def open(self) -> None:
        await self.server.ready(self.era)

    async def close(self) -> None:
        return None

    async def run(self, seconds: float, grace: float = 30.0) -> Stats:
        self.stats = stats = Stats()
        self.stop_at = time.perf_counter() + seconds
        self.running = self.wanted
        self.done = asyncio.get_running_loop().create_future()
        for _ in range(self.wanted):
            self._call()
        try:
            await asyncio.wait_for(asyncio.shield(self.done), seconds + grace)
        except TimeoutError:
            stats.errors += 1
            stats.first_error = stats.first_error or "calls still unanswered after the grace period"
        stats.seconds = seconds
        return stats

    def _call(self) -> None:
        params: dict = {"name": self.tool, "arguments": self.arguments}
        if self.era == MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": CLIENT,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        sent = time.perf_counter()

        def answered(line: bytes) -> None:
            now = time.perf_counter()
            self.stats.answered += 1
            if now <= self.stop_at:
                if b'"result"' not in line or b'"isError":true' in line or len(line) < self.min_size:
                    self.stats.errors += 1
                    self.stats.first_error = self.stats.first_error or repr(line[:300])
                else:
                    self.stats.latencies.append(now - sent)
                self._call()
            else:
                self.running -= 1
                if not self.running and not self.done.done():
                    self.done.set_result(None)

        self.server.send("tools/call", params, answered)


class StdioServer:
    """A stdio MCP server process and its pending calls."""

    def __init__(self, command: str, env: dict[str, str], log: str, cwd: str) -> None:
        self.command, self.env, self.log, self.cwd = command, env, log, cwd
        self.pending: dict[int, object] = {}
        self.next_id = 0
        self.opened = ""

    async def start(self) -> None:
        with open(self.log, "wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *shlex.split(self.command),
                env={**os.environ, **self.env},
                cwd=self.cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                limit=2**22,
            )
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            if not line.lstrip().startswith(b"{"):
                continue
            msg_id = _id(line)
            callback = self.pending.pop(msg_id, None)
            if callback:
                callback(line)

    def send(self, method: str, params: dict, callback) -> None:
        self.next_id += 1
        self.pending[self.next_id] = callback
        msg = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        self.process.stdin.write(orjson.dumps(msg) + b"\n")

    async def ready(self, era: str) -> None:
        if self.opened or era == MODERN:
            return
        self.opened = era
        future = asyncio.get_running_loop().create_future()
        params = {"protocolVersion": era, "capabilities": {}, "clientInfo": CLIENT}
        self.send("initialize", params, future.set_result)
        await asyncio.wait_for(future, 30)
        self.process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')


def _id(line: bytes) -> int | None:
    """The response id without parsing large bodies in full."""
    if len(line) > 4096:
        at = line.find(b'"id":', 0, 64)
        if at < 0:
            at = line.rfind(b'"id":')
        digits = line[at + 5 : at + 20].split(b",")[0].split(b"}")[0]
        if digits.strip().isdigit():
            return int(digits)
    return orjson.loads(line).get("id")
