"""Python inside the jail: takes cells, runs them in one namespace, and says what came of each.

Each message is four bytes of length, then JSON. The code that runs here can forge answers: the reader
takes nothing but texts and pictures out of it, and not too many.
"""

import ast
import base64
import builtins
import io
import json
import linecache
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any

MAX_PICTURES = 8
MAX_PICTURE_BYTES = 2_000_000
MAX_ERROR = 4000


class TimeIsUp(BaseException):
    """The cell took longer than it may."""


class Capped(io.TextIOBase):
    """Keeps what is written up to a limit, and notes that more came."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._parts: list[str] = []
        self.truncated = False

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str, /) -> int:
        """Keep what still fits."""
        kept = text[: self._left]
        if kept:
            self._parts.append(kept)
            self._left -= len(kept)
        self.truncated = self.truncated or len(kept) < len(text)
        return len(text)

    def text(self) -> str:
        """Give what was kept."""
        return _plain("".join(self._parts))


def main() -> None:
    """Serve until the other side closes its end."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    signal.signal(signal.SIGALRM, _time_is_up)
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    number = 0
    while (request := _read(asked)) is not None:
        number += 1
        sys.path.extend(path for path in request.get("packages", []) if path not in sys.path)
        _write(answers, _cell(request, number, namespace))


def _read(pipe: io.BufferedReader) -> dict[str, Any] | None:
    head = pipe.read(4)
    if len(head) < 4:
        return None
    request: dict[str, Any] = json.loads(pipe.read(int.from_bytes(head, "big")))
    return request


def _write(pipe: io.BufferedWriter, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    pipe.write(len(body).to_bytes(4, "big") + body)
    pipe.flush()


def _cell(request: dict[str, Any], number: int, namespace: dict[str, Any]) -> dict[str, Any]:
    output = Capped(request["output"])
    answer: dict[str, Any] = {"value": None, "error": None, "limit": None, "pictures": []}
    sys.stdout = sys.stderr = output
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    try:
        value = _executed(request["code"], f"<cell {number}>", namespace)
        answer["value"] = None if value is None else _plain(repr(value)[: request["output"]])
        answer["pictures"] = _pictures()
    except TimeIsUp:
        answer["limit"] = "time"
    except MemoryError:
        answer["limit"] = "memory"
    except BaseException as problem:  # noqa: BLE001  # whatever the cell raises, also SystemExit
        answer["error"] = _told(problem)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    return {**answer, "output": output.text(), "truncated": output.truncated}


def _executed(code: str, name: str, namespace: dict[str, Any]) -> Any:
    """Run a cell; gives the value of its last line if that is an expression."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    tree = ast.parse(code, name)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, name, "exec"), namespace)  # noqa: S102  # this is what the jail is for
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace)  # noqa: S307  # as above


def _plain(text: str) -> str:
    """Give a text that can be written as UTF-8; half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _told(problem: BaseException) -> str:
    trace = problem.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        lines = traceback.format_exception(type(problem), problem, trace, limit=-8, chain=False)
        text = _plain("".join(lines))
    except BaseException:  # noqa: BLE001  # its own __str__ may raise anything
        text = type(problem).__name__
    return text if len(text) <= MAX_ERROR else f"{text[: MAX_ERROR // 2]}\n...\n{text[-MAX_ERROR // 2 :]}"


def _pictures() -> list[str]:
    """Give the open figures as PNG, and close them."""
    plots = sys.modules.get("matplotlib.pyplot")
    if plots is None:
        return []
    pictures: list[str] = []
    for number in plots.get_fignums()[:MAX_PICTURES]:
        drawn = io.BytesIO()
        plots.figure(number).savefig(drawn, format="png")
        if drawn.tell() <= MAX_PICTURE_BYTES:
            pictures.append(base64.b64encode(drawn.getvalue()).decode())
    plots.close("all")
    return pictures


def _time_is_up(_signal: int, _frame: FrameType | None) -> None:
    raise TimeIsUp


if __name__ == "__main__":
    main()
