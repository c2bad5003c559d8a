"""What each stage of one call costs, in microseconds of this thread's CPU time.

    python micro.py [name filter]

Each figure is the best of several repeats, so another process on the machine disturbs it little.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import orjson

from payloads import RESULTS, TOOL, arguments
from toolgate.core.canonical import canonical
from toolgate.core.decide import admit
from toolgate.core.decode import decode
from toolgate.core.model import Call, Caller, Facts, Finding, Tool
from toolgate.core.policy import Action, Actions
from toolgate.core.redact import redact, texts
from toolgate.core.schema import compile_schema
from toolgate.detect.engine import Engine
from toolgate.policy.compile import open_policy

ONLY = sys.argv[1] if len(sys.argv) > 1 else ""
POLICY = tomllib.loads(Path(__file__).with_name("targets.toml").read_text())["target"]["toolgate"]["files"]


def bench(name: str, call: Callable[[], object], repeats: int = 7) -> None:
    """Print the best microseconds per call."""
    if ONLY not in name:
        return
    call()
    start = time.perf_counter()
    call()
    inner = max(1, min(20000, int(0.03 / max(time.perf_counter() - start, 1e-7))))
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        for _ in range(inner):
            call()
        times.append((time.thread_time() - start) / inner * 1e6)
    print(f"{name:44s} {min(times):10.2f} us   median {statistics.median(times):10.2f}", flush=True)


def judging() -> None:
    """Parse a call and judge it, every fact at hand."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text(POLICY["policy.yaml"])
        policy = open_policy(path)
    given = arguments("small")
    message = {
        "jsonrpc": "2.0",
        "id": 17,
        "method": "tools/call",
        "params": {"name": "echo", "arguments": given},
    }
    body = orjson.dumps(message)
    call = Call("tools/call", "bench", "echo", given, Caller("bench", ("bench",), "key:bench0"))
    accepts = compile_schema(TOOL["inputSchema"])
    facts = Facts(now=0.0, tool=Tool("echo", "pin", accepts, None), findings=())
    bench("decode a call", lambda: decode(body))
    bench("orjson.loads, for comparison", lambda: orjson.loads(body))
    bench("validate arguments", lambda: accepts(given))
    bench("admit, all facts known", lambda: admit(call, facts, policy))
    bench("admit, asks for facts", lambda: admit(call, Facts(now=0.0), policy))
    bench("canonical form of arguments", lambda: canonical(given))
    results(policy.view(("bench",), "bench", "echo").wanted_results)


def results(wanted: frozenset[str]) -> None:
    """Parse a result, look for what must not be shown, mask it, and write it again."""
    engine = Engine()
    engine.prepare(wanted)
    actions = Actions({}, Action.MASK)
    for name, text in RESULTS.items():
        value = {"content": [{"type": "text", "text": text}], "isError": False}
        body = orjson.dumps({"jsonrpc": "2.0", "id": 17, "result": value})
        found: tuple[Finding, ...] = engine.find(texts(value), wanted)
        bench(f"decode a {name} result", lambda body=body: decode(body))
        bench(
            f"scan a {name} result ({len(found)} found)",
            lambda value=value: engine.find(texts(value), wanted),
        )
        bench(f"mask a {name} result", lambda value=value, found=found: redact(value, found, actions))
        bench(f"write a {name} result", lambda value=value: orjson.dumps(value))


if __name__ == "__main__":
    judging()
