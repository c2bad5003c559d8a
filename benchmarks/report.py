"""Samples as Markdown tables of ratios."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

HEAD = (
    "| target | calls/s | of direct | p50 ms | x direct | p95 | p99 | proxy CPU us/call | x nginx | spread "
    "| RSS MiB | errors |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclass
class Sample:
    """One target, profile and concurrency in one round."""

    target: str
    era: str
    profile: str
    connections: int
    round: int
    calls: int
    errors: int
    first_error: str
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    upstream_cpu_us: float
    client_cpu_us: float
    rss_mib: float


def spread(values: list[float]) -> float:
    """Half the range over the median: how far rounds disagreed."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else float("nan")


def middle(name: str, rows: list[Sample]) -> float:
    """The median of one column."""
    return statistics.median(getattr(row, name) for row in rows)


def line(name: str, rows: list[Sample], direct: dict[int, Sample], nginx: list[Sample]) -> str:
    """One target's row; ratios to `direct` are taken within each round."""
    paired = [(r, direct[r.round]) for r in rows if r.round in direct and r.calls]
    rate = statistics.median(r.per_second / d.per_second for r, d in paired) if paired else float("nan")
    slow = statistics.median(r.p50_ms / d.p50_ms for r, d in paired) if paired else float("nan")
    steady = [getattr(r, "per_second" if name == "direct" else "cpu_us") for r in rows]
    times = f"{middle('cpu_us', rows) / middle('cpu_us', nginx):.1f}" if nginx and name != "direct" else ""
    return (
        f"| {name} | {middle('per_second', rows):.0f} | {rate:.3f} "
        f"| {middle('p50_ms', rows):.2f} | {slow:.1f} | {middle('p95_ms', rows):.2f} "
        f"| {middle('p99_ms', rows):.2f} | {middle('cpu_us', rows):.0f} "
        f"| {times} | ±{spread(steady):.0%} | {middle('rss_mib', rows):.0f} "
        f"| {sum(r.errors for r in rows)} |"
    )


def report(samples: list[Sample]) -> str:
    """A table per era, profile and concurrency, the fastest first."""
    groups: dict[tuple[str, str, int], dict[str, list[Sample]]] = {}
    for s in samples:
        groups.setdefault((s.era, s.profile, s.connections), {}).setdefault(s.target, []).append(s)
    lines: list[str] = []
    for (era, profile, connections), by_target in sorted(groups.items()):
        direct = {s.round: s for s in by_target.get("direct", [])}
        nginx = by_target.get("nginx", [])
        lines += [f"\n### {profile}, {connections} connections, {era}\n", HEAD]
        fastest_first = sorted(by_target.items(), key=lambda item: -middle("per_second", item[1]))
        lines += [line(name, rows, direct, nginx) for name, rows in fastest_first]
    return "\n".join(lines)
