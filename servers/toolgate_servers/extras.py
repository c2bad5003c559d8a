"""Packages that only some configurations need: there when wanted, or a server that says what to install."""

import importlib
from types import ModuleType

from toolgate_servers.errors import CannotStart


def need(package: str, tool: str) -> ModuleType:
    """Give a package of the extra `servers`.

    Raises:
        CannotStart: It is not installed; the text names the tool that wants it and how to install it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as missing:
        raise CannotStart(
            f"{tool}: found no package {package}, expected it: "
            f"pip install 'toolgate[servers]', or switch {tool} off"
        ) from missing
