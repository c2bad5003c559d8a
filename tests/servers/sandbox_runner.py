"""Run as a process, as any user: runs code in the sandboxes and says what came of each, as a JSON line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from toolgate_servers.compute.sandbox.cells import Ran
from toolgate_servers.compute.sandboxes import Sandboxes, jail_problem
from toolgate_servers.compute.settings import PythonSettings, ShellSettings
from toolgate_servers.compute.shell import RunShell, family
from toolgate_servers.errors import Refused
from toolgate_servers.running import Run

COMMANDS = ("sh", "cat", "ls", "python3", "dd", "ln", "tail")


def main() -> None:
    """Answer every line, until there are no more."""
    sandboxes = {
        name: Sandboxes(PythonSettings.model_validate({"sandbox": name, "libraries": False, "seconds": 5}), 0)
        for name in (["monty", "bubblewrap"] if jail_problem() is None else ["monty"])
    }
    _say({"user": os.geteuid(), "problem": jail_problem()})
    for line in sys.stdin:
        asked = json.loads(line)
        _say(_answer(sandboxes, asked))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _answer(sandboxes: dict[str, Sandboxes], asked: dict[str, Any]) -> dict[str, Any]:
    try:
        if "argv" in asked:
            return _program(asked["argv"], asked["folder"])
        return _code(sandboxes[asked["sandbox"]], asked["code"])
    except Refused as refused:
        return {"reason": str(refused.reason), "text": ""}


def _code(sandboxes: Sandboxes, code: str) -> dict[str, Any]:
    interpreter = sandboxes.interpreter(1.0, libraries=False)
    try:
        ran: Ran = interpreter.run(code, 1.0, Run(20))
        alive = interpreter.is_alive
    finally:
        interpreter.close()
    return {
        "reason": None,
        "text": f"{ran.value} {ran.output} {ran.error}",
        "error": ran.error,
        "alive": alive,
    }


def _program(argv: list[str], folder: str) -> dict[str, Any]:
    (tool,) = family(ShellSettings(commands=COMMANDS, folder=Path(folder), seconds=5)).tools
    found = tool.fn(RunShell.model_validate({"argv": argv, "seconds": 2}), Run(20))
    return {"reason": None, "text": found.stdout + found.stderr, "code": found.exit_code}


if __name__ == "__main__":
    main()
