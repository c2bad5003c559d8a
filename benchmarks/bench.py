"""Interleaved benchmark of MCP proxies against calling the upstream directly.

    python bench.py --only nginx,sdk-glue,toolgate --rounds 5

Every round measures every target once, in random order, on the same machine and
minute; the figures that matter are ratios to `direct` within a round and the
proxy's CPU time per call, which a noisy machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from load import Load, Stats
from machine import cpu_seconds, described, free_port, memory_mib
from report import Sample, report
from stdio_load import StdioLoad
from targets import HERE, Running, StdioProcess, Target, fill, read_targets, start, start_stdio


@dataclass
class Cell:
    """One target, era, profile and concurrency; connections are opened anew for every window."""

    target: Target
    process: Running | StdioProcess | None
    upstream: Running | StdioProcess
    make_load: Callable[[], Load | StdioLoad]
    era: str
    profile: str
    connections: int

    async def measure(self, number: int, seconds: float, warm: float) -> Sample:
        load = self.make_load()
        pid = self.process.process.pid if self.process else None
        before = after = (0.0,) * 3
        try:
            await load.open()
            stats = await load.run(warm)
            if not stats.errors or stats.latencies:
                before = self._clocks(pid)
                stats = await load.run(seconds)
                after = self._clocks(pid)
        except (TimeoutError, OSError, RuntimeError) as exc:
            stats, before, after = Stats(errors=1, first_error=repr(exc)), (0.0,) * 3, (0.0,) * 3
        await load.close()
        return self._sample(number, stats, [b - a for a, b in zip(before, after, strict=True)], pid)

    def _sample(self, number: int, stats: Stats, spent: list[float], pid: int | None) -> Sample:
        calls = len(stats.latencies)
        per = [seconds / stats.answered * 1e6 if calls else float("nan") for seconds in spent]
        return Sample(
            *(self.target.name, self.era, self.profile, self.connections, number),
            *(calls, stats.errors, stats.first_error, calls / stats.seconds if stats.seconds else 0.0),
            *(stats.quantile(q) * 1e3 for q in (0.50, 0.95, 0.99)),
            *per,
            memory_mib(pid) if pid else 0.0,
        )

    def _clocks(self, pid: int | None) -> tuple[float, float, float]:
        proxy = cpu_seconds(pid) if pid else 0.0
        return proxy, cpu_seconds(self.upstream.process.pid), time.process_time()


@dataclass
class Bench:
    """Everything started for one run; `problems` counts targets that did not start or answered wrongly."""

    args: argparse.Namespace
    values: dict[str, str]
    logs: Path
    started: list[Running | StdioProcess] = field(default_factory=list)
    upstreams: dict[str, tuple[Running, str]] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    problems: int = 0

    def upstream(self, kind: str) -> tuple[Running, str]:
        """The upstream of one kind, started when first asked for."""
        if kind not in self.upstreams:
            port = free_port()
            flag = " --sse" if kind == "sse" else ""
            command = f"{sys.executable} {HERE}/upstream.py --port {port}{flag}"
            running = Running(f"upstream-{kind}", command, {}, port, self.logs)
            self.started.append(running)
            self.upstreams[kind] = running, f"http://127.0.0.1:{port}/mcp"
        return self.upstreams[kind]

    async def add(self, target: Target) -> None:
        """Start one target and keep a cell for every era, profile and concurrency it answers."""
        up: Running | StdioProcess
        up, url = self.upstream(target.upstream)
        here = {**self.values, "upstream": url, "upstream_port": str(up.port)}
        process: Running | StdioProcess | None
        if target.stdio:
            process, server, here = await start_stdio(target, here, self.logs)
            up = process if target.name == "stdio-direct" else up
            make = functools.partial(StdioLoad, server, tool=fill(target.tool, here))
        else:
            process, url, here = start(target, here, self.logs)
            headers = {k: fill(v, here) for k, v in (target.headers or {}).items()}
            make = functools.partial(Load, url, tool=fill(target.tool, here), headers=headers)
        if process:
            self.started.append(process)
        for era in set(self.args.eras.split(",")) & set(target.eras):
            for profile in self.args.profiles.split(","):
                for connections in map(int, self.args.connections.split(",")):
                    load = functools.partial(make, era=era, profile=profile, connections=connections)
                    await self.try_out(Cell(target, process, up, load, era, profile, connections))

    async def try_out(self, cell: Cell) -> None:
        probe = await cell.measure(-1, 0.3, self.args.warm)
        if not probe.calls and not probe.errors:  # slower than the trial
            probe = await cell.measure(-1, 3.0, self.args.warm)
        if probe.errors:
            where = f"{cell.target.name} {cell.era} {cell.profile} c{cell.connections}"
            self.complain(f"{where}: {probe.errors} errors, {probe.calls} good, first: {probe.first_error}")
        if probe.calls:
            self.cells.append(cell)

    def complain(self, text: str) -> None:
        self.problems += 1
        print(f"!! {text}", file=sys.stderr)

    async def rounds(self) -> list[Sample]:
        samples: list[Sample] = []
        for number in range(self.args.rounds):
            random.shuffle(self.cells)
            for cell in self.cells:
                samples.append(await cell.measure(number, self.args.seconds, self.args.warm))
            print(f"round {number + 1}/{self.args.rounds} done", file=sys.stderr)
        self.problems += sum(1 for sample in samples if sample.errors)
        return samples


async def run(args: argparse.Namespace) -> tuple[list[Sample], int]:
    """Start what is asked for, measure it; returns the samples and the number of problems."""
    names, targets = read_targets(Path(args.targets))
    only = {"direct", *args.only.split(",")} if args.only else None
    values = {"here": str(HERE), "python": sys.executable, **names}
    bench = Bench(args, {k: fill(v, values) for k, v in values.items()}, Path(args.logs).resolve())
    bench.logs.mkdir(parents=True, exist_ok=True)
    try:
        for target in targets:
            if only is None or target.name in only:
                try:
                    await bench.add(target)
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as exc:
                    bench.complain(f"{target.name}: {exc} (see {bench.logs / target.name}.log)")
        return await bench.rounds(), bench.problems
    finally:
        for process in reversed(bench.started):
            process.stop()


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--targets", default=str(HERE / "targets.toml"))
    parser.add_argument("--only", default="", help="comma-separated target names (direct is always run)")
    parser.add_argument("--profiles", default="small,medium")
    parser.add_argument("--eras", default="2025-11-25")
    parser.add_argument("--connections", default="1,16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warm", type=float, default=0.3)
    parser.add_argument("--logs", default="/tmp/mcp-bench")
    parser.add_argument("--json", default="", help="also write every sample to this file")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target fails or a call is wrong")
    return parser


def main() -> None:
    args = options().parse_args()
    try:
        import uvloop

        samples, problems = uvloop.run(run(args))
    except ImportError:
        samples, problems = asyncio.run(run(args))
    if args.json:
        Path(args.json).write_text(json.dumps([asdict(s) for s in samples], indent=1))
    print(f"{described()}\n{report(samples)}")
    sys.exit(1 if args.strict and problems else 0)


if __name__ == "__main__":
    main()
