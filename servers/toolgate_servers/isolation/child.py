"""The process that works: `python -I -m toolgate_servers.isolation.child MODULE:FUNCTION BYTES`.

It answers requests on standard input until that closes. A function takes the request and its bytes and gives
a JSON object, or raises Refused.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

from toolgate_servers.errors import Refused
from toolgate_servers.isolation.wire import receive, send

Work: TypeAlias = Callable[[dict[str, Any], bytes], dict[str, Any]]


def limit(memory: int) -> None:
    """Take the process what it does not need: memory beyond the limit, files to write, a core to dump."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; time is limited from outside
        return
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def answer(work: Work, request: dict[str, Any], blob: bytes) -> dict[str, Any]:
    """Work on one request; whatever goes wrong becomes an answer that quotes nothing."""
    try:
        return {"done": work(request, blob)}
    except Refused as refused:
        return {"refused": refused.parts()}
    except MemoryError:
        return {"exhausted": True}
    except Exception as crash:  # noqa: BLE001  # the outermost handler of this process
        return {"crashed": type(crash).__name__}


def serve(work: Work, source: BinaryIO, sink: BinaryIO) -> None:
    """Answer until the other side closes; each request says how many seconds it may take."""
    while (received := receive(source)) is not None:
        request, blob = received
        if hasattr(signal, "alarm"):
            # The other side keeps the time; this is for when it is gone.
            signal.alarm(int(request["seconds"]) + 2)
        send(sink, answer(work, request["work"], blob))
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def main(argv: list[str]) -> None:
    """Serve one function."""
    module, _, name = argv[0].partition(":")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not become an answer
    work: Work = getattr(importlib.import_module(module), name)
    limit(int(argv[1]))
    serve(work, sys.stdin.buffer, sink)


if __name__ == "__main__":
    main(sys.argv[1:])
