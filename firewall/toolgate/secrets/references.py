"""`secret:` references inside settings: kept as text until the value is used.

`secret:env:NAME` is an environment variable, `secret:file:PATH` the content of a file without its final
newline. One may stand inside a longer text (`Bearer secret:env:TOKEN`); a path reaches to the end of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from toolgate.errors import SettingsError

MAX_BYTES = 1 << 16

_REFERENCE = re.compile(
    r"secret:([A-Za-z]*):?(?:(?<=:env:)([A-Za-z_][A-Za-z0-9_]*)|(?<=:file:)(.+))?", re.DOTALL
)


def mistake(text: str) -> str:
    """What is wrong with the references in `text`, as a sentence; empty where they are sound."""
    for match in _REFERENCE.finditer(text):
        if match[1] == "vault":
            return (
                "found a reference to Vault, which is not supported yet, expected secret:env: or secret:file:"
            )
        if match[2] is None and match[3] is None:
            return "found an incomplete or unknown reference, expected secret:env:NAME or secret:file:PATH"
    return ""


def resolved(text: str, base: Path, register: Callable[[str], None], where: str) -> str:
    """`text` with every reference replaced by its value, each of which is given to `register` first.

    Relative paths start at `base`. `where` names the setting in messages. Raises SettingsError.
    """
    wrong = mistake(text)
    if wrong:
        raise SettingsError(f"{where}: {wrong}")

    def value(match: re.Match[str]) -> str:
        found = _variable(match[2], where) if match[2] is not None else _content(base / match[3], where)
        register(found)
        return found

    return _REFERENCE.sub(value, text)


def _variable(name: str, where: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SettingsError(
            f"{where}: found no value in the environment variable {name}, expected the secret"
        )
    return value


def _content(path: Path, where: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as trouble:
        what = trouble.strerror or type(trouble).__name__
        raise SettingsError(f"{where}: the secret file {path} cannot be read: {what}") from None
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{where}: found more than 64 KiB in the secret file {path}, expected one secret")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: found bytes that are not UTF-8 in {path}, expected text") from None
    if not text:
        raise SettingsError(f"{where}: found an empty secret file {path}, expected the secret")
    return text
