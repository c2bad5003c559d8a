"""What `toolgate wrap` adds to a stdio server: time to the first `initialize` answer, memory, one call.

    python wrap.py [--starts 7]

Each start is a fresh process in a fresh data folder; the upstream's own memory is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from machine import cpu_seconds, described, memory_mib
from payloads import arguments

HERE = Path(__file__).resolve().parent
UPSTREAM = [sys.executable, str(HERE / "upstream.py"), "--stdio"]
WRAP = [sys.executable, "-m", "toolgate", "wrap", "--"]
POLICY = "version: 1\ntiers: {read: ['*/echo']}\nroles: {admin: {tools: ['*/*']}}\n"


class Pipe:
    """A running stdio server, asked one thing at a time."""

    def __init__(self, command: list[str], folder: str) -> None:
        Path(folder, "policy.yaml").write_text(POLICY)
        env = {**os.environ, "TOOLGATE_HOME": folder}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            cwd=folder,
        )
        self.last = 0

    def tell(self, method: str, params: dict, **more: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(
            orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}) + b"\n"
        )
        self.process.stdin.flush()

    def ask(self, method: str, params: dict) -> dict:
        """The answer's result; raises when it is an error or the pipe ends."""
        assert self.process.stdout
        self.last += 1
        self.tell(method, params, id=self.last)
        for line in self.process.stdout:
            message = orjson.loads(line)
            if message.get("id") == self.last:
                return message["result"]
        raise RuntimeError(f"{method}: the pipe ended")

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def once(command: list[str]) -> dict[str, float]:
    """One start and 2 000 calls: milliseconds, MiB and microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        pipe = Pipe(command, folder)
        try:
            asked = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"},
            }
            pipe.ask("initialize", asked)
            answered = time.perf_counter()
            at_first = memory_mib(pipe.process.pid, with_upstream=False)
            pipe.tell("notifications/initialized", {})
            call = {"name": "echo", "arguments": arguments("small")}
            result = pipe.ask("tools/call", call)
            first = time.perf_counter()
            if result.get("isError"):
                raise RuntimeError("the call was refused")
            rss = memory_mib(pipe.process.pid, with_upstream=False)
            cpu, calls = cpu_seconds(pipe.process.pid), 2000
            for _ in range(calls):
                pipe.ask("tools/call", call)
            spent = cpu_seconds(pipe.process.pid) - cpu
            mean = (time.perf_counter() - first) / calls
        finally:
            pipe.stop()
    return {
        "initialize ms": (answered - began) * 1e3,
        "first call ms": (first - began) * 1e3,
        "RSS then": at_first,
        "RSS after a call": rss,
        "call us": mean * 1e6,
        "CPU us/call": spent / calls * 1e6,
    }


def row(name: str, command: list[str], starts: int, middle: Callable[[list[float]], float]) -> str:
    runs = [once(command) for _ in range(starts)]
    return f"| {name} | " + " | ".join(f"{middle([run[key] for run in runs]):.0f}" for key in runs[0]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=7)
    starts = parser.parse_args().starts
    print(f"{described()}\n\n### Wrapping a stdio server, median of {starts} starts\n")
    print(
        "| | first `initialize` answer ms | first call answered ms | RSS MiB at `initialize` | after a call ",
        end="",
    )
    print("| one call us | CPU us/call |\n|---|---:|---:|---:|---:|---:|---:|")
    print(row("direct", UPSTREAM, starts, statistics.median))
    print(row("toolgate wrap", [*WRAP, *UPSTREAM], starts, statistics.median))


if __name__ == "__main__":
    main()
