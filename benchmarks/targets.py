"""What is measured: reads targets.toml, fills its placeholders, starts and stops the commands."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from machine import free_port, wait_port
from stdio_load import StdioServer

HERE = Path(__file__).resolve().parent


@dataclass
class Target:
    """One line of the benchmark: a proxy command, or nothing for the upstream itself."""

    name: str
    command: str = ""
    path: str = "/mcp"
    tool: str = "echo"
    eras: tuple[str, ...] = ("2025-11-25", "2026-07-28")
    env: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    files: dict[str, str] | None = None
    setup: str = ""
    ready: float = 30.0
    settle: float = 0.0
    upstream: str = "plain"
    stdio: bool = False
    note: str = ""


class Running:
    """A started command and the port it serves."""

    def __init__(
        self, name: str, command: str, env: dict[str, str], port: int, logs: Path, wait: float = 30.0
    ) -> None:
        self.name, self.port = name, port
        with open(logs / f"{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                shlex.split(command),
                env={**os.environ, **env},
                cwd=HERE,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_port(port, self.process, wait)
        except RuntimeError:
            self.stop()
            raise

    def stop(self) -> None:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sig)
            except ProcessLookupError:
                return
            try:
                self.process.wait(5)
                return
            except subprocess.TimeoutExpired:
                continue


class StdioProcess:
    """A stdio server seen as a started command."""

    def __init__(self, server: StdioServer) -> None:
        self.server, self.process = server, server.process

    def stop(self) -> None:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sig)
            except ProcessLookupError:
                return
            time.sleep(0.3)


def read_targets(path: Path) -> tuple[dict[str, str], list[Target]]:
    data = tomllib.loads(path.read_text())
    names = data.get("vars", {})
    return names, [Target(name=name, **spec) for name, spec in data["target"].items()]


def fill(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace("{" + key + "}", str(value))
    return text


def prepare(target: Target, values: dict[str, str], logs: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Write a target's files; returns its placeholder values and environment."""
    values = {**values, "port": str(free_port()), "dir": str(logs / target.name)}
    shutil.rmtree(values["dir"], ignore_errors=True)
    Path(values["dir"]).mkdir(parents=True)
    for name, content in (target.files or {}).items():
        (Path(values["dir"]) / name).write_text(fill(content, values))
    return values, {k: fill(v, values) for k, v in (target.env or {}).items()}


def start(target: Target, values: dict[str, str], logs: Path) -> tuple[Running | None, str, dict[str, str]]:
    """Start an HTTP target; returns the process, its URL and its placeholder values."""
    if not target.command:
        return None, values["upstream"], values
    values, env = prepare(target, values, logs)
    port = int(values["port"])
    running = Running(target.name, fill(target.command, values), env, port, logs, target.ready)
    if target.setup:
        try:
            values |= set_up(target, values, env, logs)
        except RuntimeError:
            running.stop()
            raise
    time.sleep(target.settle)
    return running, f"http://127.0.0.1:{port}{fill(target.path, values)}", values


def set_up(target: Target, values: dict[str, str], env: dict[str, str], logs: Path) -> dict[str, str]:
    """Run a target's set-up script; its `name=value` lines are further placeholders."""
    done = subprocess.run(
        ["bash", "-c", fill(target.setup, values)],
        env={**os.environ, **env},
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    (logs / f"{target.name}.setup.log").write_text(said)
    if done.returncode:
        raise RuntimeError(f"setup failed: {said[-300:]}")
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs if key.isidentifier()}


async def start_stdio(
    target: Target, values: dict[str, str], logs: Path
) -> tuple[StdioProcess, StdioServer, dict[str, str]]:
    """Start a stdio target; returns its process, its pipe and its placeholder values."""
    values, env = prepare(target, values, logs)
    server = StdioServer(fill(target.command, values), env, str(logs / f"{target.name}.log"), str(HERE))
    await server.start()
    return StdioProcess(server), server, values
